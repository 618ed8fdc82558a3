"""Selects on the inbox. Row-level security narrows them to the caller's own, whatever they say."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Row, Select, Subquery, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from notify.inbox.models import InboxItem
from notify.messages.models import Message


def _items(recipient: str) -> Select[Any]:
    return (
        select(
            Message.id,
            InboxItem.number,
            Message.event_type,
            Message.subject.label("title"),
            Message.subject_en.label("title_en"),
            Message.required,
            InboxItem.concerns,
            Message.event_at.label("happened_at"),
            Message.created_at.label("arrived_at"),
            InboxItem.read_at,
        )
        .join(Message, Message.id == InboxItem.message_id)
        .where(InboxItem.recipient == recipient)
    )


def _counted(recipient: str) -> Subquery:
    # The partial index of unread items answers this; what was read is not looked at.
    return (
        select(func.count().label("unread_count"))
        .where(InboxItem.recipient == recipient, InboxItem.read_at.is_(None))
        .subquery("counted")
    )


async def newest(
    session: AsyncSession, recipient: str, *, unread: bool, before: int | None, limit: int
) -> tuple[int, Sequence[Row[Any]]]:
    """How many are unread, and the items newest first with a number below `before`: both of one moment."""
    wanted = _items(recipient).order_by(InboxItem.number.desc()).limit(limit)
    if unread:
        wanted = wanted.where(InboxItem.read_at.is_(None))
    if before is not None:
        wanted = wanted.where(InboxItem.number < before)
    # One statement has one snapshot: two would let an item arrive between list and count.
    counted, page = _counted(recipient), wanted.subquery("page")
    rows = await session.execute(
        select(counted.c.unread_count, page).select_from(counted.outerjoin(page, true())).order_by(page.c.number.desc())
    )
    found = rows.all()
    return found[0].unread_count, [row for row in found if row.id is not None]


async def count_unread(session: AsyncSession, recipient: str) -> int:
    """How many items are not yet read."""
    return await session.scalar(select(_counted(recipient).c.unread_count)) or 0


async def one(session: AsyncSession, recipient: str, message_id: UUID) -> tuple[Row[Any], str] | None:
    """An item and the body of its message; None when it is not in this inbox."""
    found = await session.execute(_items(recipient).add_columns(Message.body).where(Message.id == message_id))
    row = found.one_or_none()
    return None if row is None else (row, row.body)


async def number_of(session: AsyncSession, recipient: str, message_id: UUID) -> int | None:
    """Where an item stands; None when it is not in this inbox."""
    wanted = select(InboxItem.number).where(InboxItem.recipient == recipient, InboxItem.message_id == message_id)
    number: int | None = await session.scalar(wanted)
    return number


async def mark_read(session: AsyncSession, recipient: str, up_to: int, at: datetime) -> int:
    """Mark what is unread with a number up to `up_to`; how many items."""
    # Locked in one order, so that two who do this at once wait for each other instead of locking each other out.
    due = (
        select(InboxItem.message_id)
        .where(InboxItem.recipient == recipient, InboxItem.read_at.is_(None), InboxItem.number <= up_to)
        .order_by(InboxItem.number)
        .with_for_update()
    )
    done = await session.execute(
        update(InboxItem)
        .where(InboxItem.message_id.in_(due))
        .values(read_at=at)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(done, CursorResult)
    return done.rowcount


async def held(session: AsyncSession, recipient: str, message_id: UUID) -> InboxItem | None:
    """An item to be marked, held against others who mark it; None when it is not in this inbox."""
    wanted = select(InboxItem).where(InboxItem.recipient == recipient, InboxItem.message_id == message_id)
    found: InboxItem | None = await session.scalar(wanted.with_for_update())
    return found
