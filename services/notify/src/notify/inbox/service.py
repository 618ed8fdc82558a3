"""Place messages in inboxes, show them, and keep what was read."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notify.inbox import queries
from notify.inbox.models import Inbox, InboxItem
from notify.inbox.schemas import InboxItemDetail, InboxItemOut, InboxPage, Marked, Unread
from notify.messages.models import Message
from notify.templating import by_language
from shared import clock, cursors
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault


@rule("NO-02")
async def place(session: AsyncSession, messages: Sequence[Message], concerns: Mapping[str, Any]) -> None:
    """Put `messages`, one for each recipient, into their inboxes; to be called in the transaction that made them.

    Needs the purpose `compose`. Holds each inbox until the transaction ends, always in the order of their names, so
    that two events for overlapping audiences wait for each other instead of locking each other out.
    """
    if not messages:
        return
    step = insert(Inbox).values(
        [{"recipient": name, "last_number": 1} for name in sorted(m.recipient for m in messages)]
    )
    given = await session.execute(
        step.on_conflict_do_update(
            index_elements=[Inbox.recipient], set_={"last_number": Inbox.last_number + 1}
        ).returning(Inbox.recipient, Inbox.last_number)
    )
    numbers = {row.recipient: row.last_number for row in given}
    session.add_all(
        InboxItem(
            message_id=message.id,
            recipient=message.recipient,
            number=numbers[message.recipient],
            concerns=dict(concerns),
        )
        for message in messages
    )
    await session.flush()


async def list_inbox(
    session: AsyncSession, caller: Principal, *, unread: bool, cursor: str | None, limit: int
) -> InboxPage:
    """The caller's inbox, newest first."""
    bound = cursors.bound_to("inbox", caller.sub, unread)
    before = None if cursor is None else cursors.unseal(cursor, bound)["number"]
    count, found = await queries.newest(session, caller.sub, unread=unread, before=before, limit=limit + 1)
    page = found[:limit]
    following = cursors.seal({"number": page[-1].number}, bound) if len(found) > limit else None
    items = [InboxItemOut.model_validate(row) for row in page]
    return InboxPage(items=items, next_cursor=following, unread_count=count)


async def count_unread(session: AsyncSession, caller: Principal) -> Unread:
    """How many of the caller's items are not yet read."""
    return Unread(unread_count=await queries.count_unread(session, caller.sub))


async def get_item(session: AsyncSession, caller: Principal, item_id: UUID) -> InboxItemDetail:
    """One item with its text; looking at it marks nothing. Raises 404 when it is not in the caller's inbox."""
    found = await queries.one(session, caller.sub, item_id)
    if found is None:
        raise NOT_FOUND()
    row, body = found
    text, text_en = by_language(body)
    shown = InboxItemOut.model_validate(row)
    return InboxItemDetail(**dict(shown), text=text, text_en=text_en)


@rule("NO-02")
async def mark(session: AsyncSession, caller: Principal, item_id: UUID, *, read: bool) -> Marked:
    """Mark one item as read or unread; a mark it bears already is left as it was. Raises 404 as `get_item` does."""
    item = await queries.held(session, caller.sub, item_id)
    if item is None:
        raise NOT_FOUND()
    changed = (item.read_at is not None) != read
    if changed:
        item.read_at = clock.now() if read else None
        await session.flush()
    return Marked(marked=int(changed), unread_count=await queries.count_unread(session, caller.sub))


@rule("NO-02")
async def mark_all_read(session: AsyncSession, caller: Principal, up_to: UUID) -> Marked:
    """Mark as read the item `up_to` and all that came before it; what came after it stays as it is.

    Raises 422 when `up_to` is not in the caller's inbox: who has not seen an item cannot say that it is read.
    """
    number = await queries.number_of(session, caller.sub, up_to)
    if number is None:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "inbox_item_unknown",
                    "收件匣內無此通知",
                    "There is no such item in your inbox",
                    pointer="/up_to",
                )
            ]
        )
    marked = await queries.mark_read(session, caller.sub, number, clock.now())
    return Marked(marked=marked, unread_count=await queries.count_unread(session, caller.sub))
