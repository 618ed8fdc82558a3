"""Selects on messages. Row-level security narrows them to the caller's own unless a purpose was assumed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from notify.messages.models import Attempt, Message

SHOWN_ATTEMPTS = 1_000


async def newest(
    session: AsyncSession,
    *,
    own: str | None,
    state: str | None,
    channel: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Message]:
    """Messages newest first, of the recipient `own` if given, that come after the position `after`."""
    wanted = select(Message).order_by(Message.created_at.desc(), Message.id.desc()).limit(limit)
    if own is not None:
        wanted = wanted.where(Message.recipient == own)
    if state is not None:
        wanted = wanted.where(Message.state == state)
    if channel is not None:
        wanted = wanted.where(Message.channel == channel)
    if after is not None:
        wanted = wanted.where(tuple_(Message.created_at, Message.id) < after)
    return list(await session.scalars(wanted))


async def one(session: AsyncSession, message_id: UUID, *, lock: bool = False) -> Message | None:
    """The message as the caller may see it; `lock` keeps others from changing it meanwhile."""
    wanted = select(Message).where(Message.id == message_id)
    found: Message | None = await session.scalar(wanted.with_for_update() if lock else wanted)
    return found


async def attempts(session: AsyncSession, message_id: UUID) -> list[Attempt]:
    """The newest attempts of a message, in their order."""
    wanted = select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number.desc())
    return list(await session.scalars(wanted.limit(SHOWN_ATTEMPTS)))[::-1]


async def last_number(session: AsyncSession, message_id: UUID) -> int:
    """The number of the latest attempt, 0 when there was none."""
    number = await session.scalar(select(func.max(Attempt.number)).where(Attempt.message_id == message_id))
    return number or 0


async def is_queued(session: AsyncSession, kind: str, key: str) -> bool:
    """Whether a job of this kind and key waits or runs."""
    found = await session.scalar(
        text("SELECT true FROM job WHERE kind = :kind AND key = :key AND state = 'ready'"), {"kind": kind, "key": key}
    )
    return bool(found)
