"""Where events of other services come in: the FastAPI side of `shared.events`."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from shared.auth import Requires
from shared.events import MEDIA_TYPE, CloudEvent, Receive, take
from shared.guard import TYPES_KEY, GuardedRoute
from shared.principals import Principal
from shared.problems import FORBIDDEN
from shared.schemas import In
from shared.sessions import Session


def receiver(handlers: Mapping[str, tuple[type[In], Receive]]) -> APIRouter:
    """The router of `POST /internal/v1/events`, for callers with the role `service`."""
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    @router.post("/internal/v1/events", openapi_extra={TYPES_KEY: (MEDIA_TYPE, "application/json")})
    async def take_event(
        event: CloudEvent, session: Session, caller: Annotated[Principal, Depends(Requires("service"))]
    ) -> Response:
        """202 when applied, 200 when it was already; 403 for what another service would have to tell."""
        if {event.source, f"/{event.type.split('.')[1]}"} != {f"/{caller.org.code}"}:
            raise FORBIDDEN()
        return Response(status_code=202 if await take(session, event, handlers) else 200)

    return router
