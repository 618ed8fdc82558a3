"""Somebody for every role: of organisation A, of others, and holders of tokens that are none."""

import base64
import time
from typing import Any

from identity.organisations.rules import HOMES, MACHINES_ONLY
from shared.principals import PASSWORD_CHANGE
from shared.tokens import ROLES, SigningKey, mint
from tests.support.tokens import KEY, bearer, claims

# A's organisations: a school, its county, and one of every other kind.
HOME = {
    "school": "0003",
    "county": "63000",
    "township": "63000030",
    "education_authority": "moe",
    "judicial_authority": "judicial",
    "employer": "12345675",
    "moi": "moi",
    "registry": "registry",
    "service": "roster",
    "programme_office": "programme",
    "authority": "finance",
    "reserve_command": "north",
}
# The same roles elsewhere: the first has things of its own, the second has none.
ELSEWHERE = {
    "school": ("0025", "0099"),
    "county": ("65000", "64000"),
    "township": ("65000010", "63000010"),
    "education_authority": ("65000", "64000"),
    "employer": ("04595257", "12345670"),
}
MACHINES = MACHINES_ONLY
SUBS = {"case_officer": "officer-1", "approver": "approver-1"}


def of_a() -> dict[str, dict[str, str]]:
    """Role → headers, by the tests' own key."""
    return {role: holder(role, HOME[HOMES[role]]) for role in sorted(ROLES)}


def holder(role: str, code: str, **changes: Any) -> dict[str, str]:
    """The headers of somebody who holds `role` in the organisation `code`."""
    sub = SUBS.get(role, f"{role}-1") if code == HOME[HOMES[role]] else f"{role}-of-{code}"
    return bearer(role, org=f"{HOMES[role]}:{code}", **{"sub": sub, "client": role in MACHINES, **changes})


def elsewhere() -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Role → callers of that role in other organisations."""
    return {
        role: [(code, holder(role, code)) for code in ELSEWHERE[home]]
        for role, home in HOMES.items()
        if home in ELSEWHERE
    }


def newcomer() -> dict[str, str]:
    """Somebody of A who holds every right but must change the first password."""
    return bearer("case_officer", "approver", org="county:63000", sub="newcomer", scope=PASSWORD_CHANGE)


def bad_tokens(good: dict[str, Any], key: SigningKey = KEY) -> list[tuple[str, dict[str, str]]]:
    """Label, headers: none, and tokens as `good` (claims that pass under `key`) that are wrong in one way each."""
    now = int(time.time())
    stranger = SigningKey.generate("ES256", kid="nobody")
    impostor = SigningKey.generate("ES256", kid=key.kid)
    whole = mint(good, key)
    head, payload, signature = whole.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","kid":"x","typ":"JWT"}').rstrip(b"=").decode()
    tokens = {
        "expired": mint(good | {"iat": now - 700, "nbf": now - 700, "exp": now - 1}, key),
        "of tomorrow": mint(good | {"iat": now + 86_400, "nbf": now + 86_400, "exp": now + 87_000}, key),
        "another issuer": mint(good | {"iss": "http://127.0.0.1:2/identity"}, key),
        "another audience": mint(good | {"aud": "elsewhere"}, key),
        "a stranger's key": mint(good, stranger),
        "another key of the same name": mint(good, impostor),
        "another payload": f"{head}.{mint(good | {'sub': 'somebody'}, key).split('.')[1]}.{signature}",
        "unsigned": f"{unsigned}.{payload}.",
        "no token at all": "nonsense",
    }
    bad = [(label, {"Authorization": f"Bearer {token}"}) for label, token in tokens.items()]
    return [("none", {}), ("a password", {"Authorization": "Basic YWRtaW46YWRtaW4="}), *bad]


def everybody() -> dict[str, Any]:
    """Claims that the services under test accept, of somebody who holds every role."""
    made: dict[str, Any] = claims(*sorted(ROLES), org="moi:moi", sub="everybody")
    return made
