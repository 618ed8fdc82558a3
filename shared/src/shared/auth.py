"""Who is calling, and whether the role suffices: the FastAPI side of `shared.tokens`.

    CaseOfficer = Annotated[Principal, Depends(Requires("case_officer"))]

`Requires` is the second of three walls (gateway policy, this, row-level security); the roles it names also stand in
the OpenAPI document as `x-roles`. Organisation tests are the service's: it knows whose thing is asked for.
"""

from fastapi import Request

from shared.principals import PASSWORD_CHANGE, Principal
from shared.problems import FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, ProblemType
from shared.tokens import ROLES, TokenError, Verifier, bearer_token

PASSWORD_CHANGE_REQUIRED = ProblemType(
    "password_change_required", 403, "請先變更初始密碼", "Change the password you were handed first"
)
_INSUFFICIENT = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}


async def current_principal(request: Request) -> Principal:
    """The caller; raises 401 with `WWW-Authenticate` when the request has no valid bearer token."""
    cached: Principal | None = getattr(request.state, "principal", None)
    if cached is not None:
        return cached
    verifier: Verifier = request.app.state.verifier
    try:
        claims = await verifier.verify_async(bearer_token(request.headers.getlist("authorization")))
    except TokenError as error:
        if error.reason == "keys_unavailable":
            raise UNAVAILABLE(headers={"Retry-After": "2"}) from None
        challenge = "Bearer" if error.reason == "missing" else 'Bearer error="invalid_token"'
        raise UNAUTHENTICATED(headers={"WWW-Authenticate": challenge}) from None
    request.state.principal = principal = Principal.of(claims)
    return principal


class Requires:
    """A dependency that lets callers pass who hold one of `roles`; 403 otherwise. No roles: any valid token.

    Who still has to change a first password passes only where `before_password_change` says so.
    """

    def __init__(self, *roles: str, before_password_change: bool = False) -> None:
        unknown = set(roles) - ROLES
        if unknown:
            raise ValueError(f"Unknown roles: {sorted(unknown)}")
        self.roles = tuple(roles)
        self.before_password_change = before_password_change

    async def __call__(self, request: Request) -> Principal:
        """The caller, if the role suffices."""
        principal = await current_principal(request)
        if PASSWORD_CHANGE in principal.scope and not self.before_password_change:
            raise PASSWORD_CHANGE_REQUIRED(headers=_INSUFFICIENT)
        if self.roles and principal.roles.isdisjoint(self.roles):
            raise FORBIDDEN(headers=_INSUFFICIENT)
        return principal
