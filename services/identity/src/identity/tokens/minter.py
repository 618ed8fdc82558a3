"""Makes access tokens: the claims of ID-03, signed with the key of the hour."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from identity.tokens.key_store import KeyStore
from identity.tokens.rules import ACCESS_LIFE
from shared import clock
from shared.law import rule
from shared.principals import PASSWORD_CHANGE
from shared.tokens import AUDIENCE, mint

EXPIRES_IN = int(ACCESS_LIFE.total_seconds())


@dataclass(frozen=True, slots=True)
class Minter:
    """Mints tokens of `issuer`. Never waits: the key store keeps the active key at hand."""

    issuer: str
    keys: KeyStore

    @rule("ID-03", "ID-04")
    def for_person(
        self,
        account_id: uuid.UUID,
        session_id: uuid.UUID,
        roles: Sequence[str],
        org: tuple[str, str],
        *,
        must_change_password: bool,
    ) -> str:
        """An access token for ten minutes of a session. `jti` begins with the session's id (see `session_of`)."""
        return self._mint(
            {
                "sub": str(account_id),
                "roles": list(roles),
                "org": {"type": org[0], "code": org[1]},
                "scope": PASSWORD_CHANGE if must_change_password else "",
                "acr": "pwd",
                "jti": f"{session_id}.{uuid.uuid4().hex[:12]}",
            }
        )

    @rule("ID-03", "ID-04")
    def for_client(self, client_id: str, roles: Sequence[str], org: tuple[str, str]) -> str:
        """An access token for ten minutes of a system's work."""
        return self._mint(
            {
                "sub": client_id,
                "roles": list(roles),
                "org": {"type": org[0], "code": org[1]},
                "scope": "",
                "acr": "client",
                "jti": str(uuid.uuid4()),
                "client_id": client_id,
            }
        )

    def _mint(self, claims: dict[str, object]) -> str:
        now = int(clock.now().timestamp())
        times = {"iat": now, "nbf": now, "exp": now + EXPIRES_IN}
        return mint({"iss": self.issuer, "aud": AUDIENCE, **claims, **times}, self.keys.signer)


def session_of(jti: str) -> uuid.UUID | None:
    """The id of the session that a token of ours was minted for; None for what no session stands behind."""
    try:
        return uuid.UUID(jti.partition(".")[0])
    except ValueError:
        return None
