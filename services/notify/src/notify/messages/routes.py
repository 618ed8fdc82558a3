"""`/notify/v1/messages`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from notify.messages import service
from notify.messages.rules import State
from notify.messages.schemas import MessageDetail, MessageOut
from notify.subscriptions import Channel
from shared.auth import Requires
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.principals import Principal
from shared.problems import CONFLICT
from shared.refusals import refuses
from shared.schemas import Page
from shared.sessions import Session

router = APIRouter(prefix="/notify/v1", route_class=GuardedRoute, tags=["messages"])

Anyone = Annotated[Principal, Depends(Requires())]
Admin = Annotated[Principal, Depends(Requires("admin"))]


@router.get("/messages", operation_id="list_messages", summary="訊息清單 Messages, newest first")
async def list_messages(
    session: Session,
    caller: Anyone,
    pages: Pages,
    state: Annotated[State | None, Query(description="`failed` is the dead-letter list")] = None,
    channel: Annotated[Channel | None, Query(description="Only what goes this way")] = None,
) -> Page[MessageOut]:
    """One's own messages by every channel; all of them for the administrator and the auditor."""
    page = await service.list_messages(
        session, caller, state=state, channel=channel, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)


@router.get("/messages/{message_id}", operation_id="get_message", summary="訊息明細 One message and its attempts")
async def get_message(message_id: UUID, session: Session, caller: Anyone) -> MessageDetail:
    """One's own message; any of them for the administrator and the auditor, without its text."""
    return await service.get_message(session, caller, message_id)


@router.post(
    "/messages/{message_id}/replay",
    operation_id="replay_message",
    summary="重新寄送 Send a failed message again",
    response_model=MessageDetail,
    status_code=202,
    openapi_extra=refuses(CONFLICT),
)
async def replay_message(message_id: UUID, once: Once, session: Session, admin: Admin) -> Response:
    """Queue a message again that failed or is no longer tried; it keeps its Message-ID."""
    return await once.run(lambda: service.replay_message(session, admin, message_id), status=202)
