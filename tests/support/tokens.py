"""Tokens for tests, signed by a key that only the test process knows."""

import time
import uuid

from shared.tokens import KeySet, SigningKey, StaticKeys, mint

ISSUER = "http://127.0.0.1:1/identity"
KEY = SigningKey.generate("ES256", kid="test-1")
KEYS = StaticKeys(KeySet([KEY.public()]))


def claims(*roles: str, org: str = "county:63000", sub: str | None = None, client: bool = False, **changes):
    """The claims of a token good for longer than any test run; `changes` replaces members (None removes one)."""
    now = int(time.time())
    org_type, _, code = org.partition(":")
    made = {
        "iss": ISSUER,
        "aud": "muster",
        "sub": sub or f"{'-'.join(roles)}@{org}",
        "roles": list(roles),
        "org": {"type": org_type, "code": code},
        "scope": "",
        "acr": "client" if client else "pwd",
        "jti": uuid.uuid4().hex,
        "iat": now - 1,
        "nbf": now - 1,
        "exp": now + 86_400,
    }
    if client:
        made["client_id"] = made["sub"]
    made.update(changes)
    return {k: v for k, v in made.items() if v is not None}


def bearer(*roles: str, org: str = "county:63000", **changes) -> dict[str, str]:
    """The `Authorization` header of somebody with these roles in this organisation."""
    return {"Authorization": f"Bearer {mint(claims(*roles, org=org, **changes), KEY)}"}


def key() -> dict[str, str]:
    """A fresh `Idempotency-Key` header."""
    return {"Idempotency-Key": uuid.uuid4().hex}
