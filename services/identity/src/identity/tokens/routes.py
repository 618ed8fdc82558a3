"""Sessions of people, tokens for systems, and the keys by which both are checked."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response

from identity.accounts.service.attempt import LOCKED
from identity.deps import Mint, Newcomer, OwnDatabase, Passwords
from identity.tokens import oauth, service
from identity.tokens.schemas import JwksOut, LogIn, PasswordChange, SessionsOut, SessionTokens, TokenOut
from shared.auth import current_principal
from shared.db import Context
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.ids import mask_ids_in
from shared.principals import Principal
from shared.problems import NOT_FOUND, UNAUTHENTICATED, ProblemError
from shared.refusals import refuses
from shared.sessions import Session

SMALL: dict[str, Any] = {LIMIT_KEY: 8_192}


async def still_live(database: OwnDatabase, principal: Annotated[Principal, Depends(current_principal)]) -> None:
    """Refuse with 401 a token whose session was ended or whose client was disabled, though it has not expired.

    In a transaction of its own that is over before the request's begins: a password may be hashed in between.
    """
    async with database.transaction(Context.of(principal)) as session:
        live = await service.is_live(session, principal)
    if not live:
        raise UNAUTHENTICATED(headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


async def _user_agent(value: Annotated[str, Header(alias="User-Agent", include_in_schema=False)] = "") -> str:
    return mask_ids_in("".join(c for c in value if c.isascii() and c.isprintable()))[:200]


UserAgent = Annotated[str, Depends(_user_agent)]

router = APIRouter(prefix="/identity/v1", route_class=GuardedRoute, tags=["tokens"])
guarded = APIRouter(
    prefix="/identity/v1", route_class=GuardedRoute, tags=["tokens"], dependencies=[Depends(still_live)]
)


@router.post(
    "/sessions",
    operation_id="log_in",
    openapi_extra={**SMALL, **refuses(service.WRONG_CREDENTIALS, LOCKED)},
)
async def log_in(
    log_in: LogIn, response: Response, database: OwnDatabase, hasher: Passwords, mint: Mint, user_agent: UserAgent
) -> SessionTokens:
    """Log in with a user name and a password."""
    response.headers.update(oauth.NO_STORE)
    return await service.log_in(database, hasher, mint, log_in.username, log_in.password, user_agent)


@router.post(
    "/token",
    operation_id="issue_token",
    response_model=SessionTokens | TokenOut,
    openapi_extra={**SMALL, TYPES_KEY: (oauth.FORM,), "requestBody": oauth.describe()},
    responses=oauth.describe_refusals(service.INVALID_GRANT, service.INVALID_CLIENT),
)
async def issue_token(
    request: Request, response: Response, database: OwnDatabase, mint: Mint
) -> SessionTokens | TokenOut:
    """A token for a system (`client_credentials`), or the next tokens of a session (`refresh_token`)."""
    asked = oauth.read_form(await request.body(), request.headers.getlist("authorization"))
    response.headers.update(oauth.NO_STORE)
    try:
        match asked:
            case oauth.TokenRequest("client_credentials", str(client_id), str(secret)):
                return await service.client_credentials(database, mint, client_id, secret)
            case oauth.TokenRequest("client_credentials"):
                raise service.INVALID_CLIENT()
            case oauth.TokenRequest("refresh_token", refresh_token=str(token)):
                return await service.refresh(database, mint, token)
            case oauth.TokenRequest("refresh_token"):
                raise oauth.INVALID_REQUEST()
            case _:
                raise oauth.UNSUPPORTED_GRANT()
    except ProblemError as error:
        raise oauth.refused(error.type) from None


@router.get("/.well-known/jwks.json", operation_id="get_keys", response_model=JwksOut)
async def get_keys(response: Response, mint: Mint) -> dict[str, Any]:
    """The public keys that sign access tokens, the next one included."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return mint.keys.published


@guarded.get("/sessions", operation_id="list_sessions", openapi_extra=refuses(NOT_FOUND))
async def list_sessions(session: Session, me: Newcomer) -> SessionsOut:
    """One's own live sessions."""
    return await service.list_sessions(session, me)


@guarded.delete("/sessions/{session_id}", operation_id="end_session", status_code=204)
async def end_session(session_id: UUID, session: Session, me: Newcomer) -> None:
    """End one of one's own sessions; with the current one's id this is the log-out."""
    await service.end_session(session, me, session_id)


@guarded.put("/me/password", operation_id="change_password", openapi_extra={**SMALL, **refuses(NOT_FOUND, LOCKED)})
async def change_password(
    change: PasswordChange,
    response: Response,
    database: OwnDatabase,
    hasher: Passwords,
    mint: Mint,
    me: Newcomer,
    user_agent: UserAgent,
) -> SessionTokens:
    """Change one's own password; every session ends, and the answer opens a new one."""
    response.headers.update(oauth.NO_STORE)
    return await service.change_password(database, hasher, mint, me, change, user_agent)
