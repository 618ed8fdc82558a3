"""Routes of the calls to the conscription registry."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from roster.deps import CaseOfficerOrAdmin, CountyOrAdmin
from roster.registry import service
from roster.registry.schemas import EventKind, EventState, RegistryEventOut
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.refusals import refuses
from shared.schemas import Page
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["conscription registry"])

EventId = Annotated[int, Path(ge=1, le=9_223_372_036_854_775_807)]


@router.get("/registry-events", operation_id="list_registry_events")
async def list_events(
    session: Session,
    caller: CountyOrAdmin,
    pages: Pages,
    state: EventState | None = None,
    kind: EventKind | None = None,
) -> Page[RegistryEventOut]:
    """Calls to the registry, the newest first; `state=dead` is what somebody has to look at."""
    page = await service.list_events(session, caller, state=state, kind=kind, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.post(
    "/registry-events/{event_id}/replay",
    operation_id="replay_registry_event",
    response_model=RegistryEventOut,
    openapi_extra=refuses(service.EVENT_NOT_DEAD),
)
async def replay(event_id: EventId, once: Once, session: Session, caller: CaseOfficerOrAdmin) -> Response:
    """Send again what was given up on."""
    return await once.run(lambda: service.replay(session, caller, event_id))
