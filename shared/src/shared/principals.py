"""Who a token speaks for."""

from dataclasses import dataclass

from shared.tokens import Claims

# The scope of a token given for a password that must be changed first (ID-01): it opens nothing else.
PASSWORD_CHANGE = "password_change"  # noqa: S105 - a scope


@dataclass(frozen=True, slots=True)
class Org:
    """An organisation as tokens name it: `type` (school, county, …) and `code`."""

    type: str
    code: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified caller of a request."""

    sub: str
    roles: frozenset[str]
    org: Org
    scope: frozenset[str]
    acr: str
    jti: str
    client: bool

    @classmethod
    def of(cls, claims: Claims) -> "Principal":
        """From verified claims."""
        return cls(
            sub=claims.sub,
            roles=frozenset(claims.roles),
            org=Org(claims.org.type, claims.org.code),
            scope=claims.scopes,
            acr=claims.acr,
            jti=claims.jti,
            client=claims.client_id is not None,
        )
