"""`/notify/v1/inbox`: everybody's own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from notify.inbox import service
from notify.inbox.schemas import InboxItemDetail, InboxPage, Marked, ReadUpTo, Unread
from shared.auth import Requires
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.principals import Principal
from shared.problems import FORBIDDEN
from shared.sessions import Session

router = APIRouter(prefix="/notify/v1/inbox", route_class=GuardedRoute, tags=["inbox"])


async def person(principal: Annotated[Principal, Depends(Requires())]) -> Principal:
    """Somebody with an account. Systems have no inbox: an empty one would read as "nothing has happened"."""
    if principal.client:
        raise FORBIDDEN(headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    return principal


Person = Annotated[Principal, Depends(person)]


@router.get("", operation_id="list_inbox", summary="收件匣 One's own inbox, newest first")
async def list_inbox(
    session: Session,
    caller: Person,
    pages: Pages,
    unread: Annotated[bool, Query(description="Only what is not yet read")] = False,
) -> InboxPage:
    """One's own notices, newest first, with the number of all that are not yet read."""
    return pages.linked(
        await service.list_inbox(session, caller, unread=unread, cursor=pages.cursor, limit=pages.limit)
    )


@router.get("/unread-count", operation_id="count_unread", summary="未讀則數 How many are not yet read")
async def count_unread(session: Session, caller: Person) -> Unread:
    """How many of one's own notices are not yet read."""
    return await service.count_unread(session, caller)


@router.post(
    "/read-all",
    operation_id="mark_all_read",
    summary="全部標示為已讀 Mark all as read, up to the newest that was shown",
    response_model=Marked,
)
async def mark_all_read(body: ReadUpTo, once: Once, session: Session, caller: Person) -> Response:
    """Mark as read everything up to the item named; what has arrived since stays unread."""
    return await once.run(lambda: service.mark_all_read(session, caller, body.up_to))


@router.get("/{item_id}", operation_id="get_inbox_item", summary="通知內容 One notice with its text")
async def get_inbox_item(item_id: UUID, session: Session, caller: Person) -> InboxItemDetail:
    """One of one's own notices with its text in both languages; reading it here marks nothing."""
    return await service.get_item(session, caller, item_id)


@router.post("/{item_id}/read", operation_id="mark_read", summary="標示為已讀 Mark as read", response_model=Marked)
async def mark_read(item_id: UUID, once: Once, session: Session, caller: Person) -> Response:
    """Mark one of one's own notices as read; the moment of the first time is kept."""
    return await once.run(lambda: service.mark(session, caller, item_id, read=True))


@router.post(
    "/{item_id}/unread", operation_id="mark_unread", summary="標示為未讀 Mark as unread", response_model=Marked
)
async def mark_unread(item_id: UUID, once: Once, session: Session, caller: Person) -> Response:
    """Mark one of one's own notices as unread again."""
    return await once.run(lambda: service.mark(session, caller, item_id, read=False))
