"""Machine clients, for administrators; auditors read."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from identity.clients import service
from identity.clients.schemas import ClientChange, ClientOut, ClientWithSecret, NewClient
from identity.deps import Admin, Overseer
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import Page
from shared.sessions import Session

router = APIRouter(prefix="/identity/v1/clients", route_class=GuardedRoute, tags=["clients"])

ClientId = Annotated[str, Path(max_length=40, pattern=r"^[a-z][a-z0-9_]{2,39}$")]


@router.get("", operation_id="list_clients")
async def list_clients(session: Session, _caller: Overseer, pages: Pages) -> Page[ClientOut]:
    """Clients by id."""
    return pages.linked(await service.list_clients(session, limit=pages.limit, cursor=pages.cursor))


@router.post(
    "",
    operation_id="create_client",
    status_code=201,
    response_model=ClientWithSecret,
    openapi_extra=refuses(service.CLIENT_EXISTS),
)
async def create_client(new: NewClient, once: Once, session: Session, _admin: Admin) -> Response:
    """Create a client; the answer hands out its secret."""
    return await once.run(lambda: service.create_client(session, new))


@router.get("/{client_id}", operation_id="get_client")
async def get_client(client_id: ClientId, response: Response, session: Session, _caller: Overseer) -> ClientOut:
    """One client."""
    found = await service.get_client(session, client_id)
    response.headers.update(etag(found.version))
    return found


@router.patch("/{client_id}", operation_id="change_client")
async def change_client(
    client_id: ClientId, change: ClientChange, seen: IfMatch, response: Response, session: Session, _admin: Admin
) -> ClientOut:
    """Rename, disable or enable a client, or change its roles."""
    changed = await service.change_client(session, client_id, seen, change)
    response.headers.update(etag(changed.version))
    return changed


@router.post("/{client_id}/secrets", operation_id="rotate_client_secret", response_model=ClientWithSecret)
async def rotate_client_secret(client_id: ClientId, once: Once, session: Session, _admin: Admin) -> Response:
    """Hand out another secret; the one before works for 24 hours more."""
    return await once.run(lambda: service.rotate_secret(session, client_id))
