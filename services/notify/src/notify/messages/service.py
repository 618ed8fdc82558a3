"""Write messages on an occasion, show them, send a failed one again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from notify.directory import service as directory
from notify.directory.models import Account
from notify.messages import queries
from notify.messages.models import Message
from notify.messages.rules import LABELS, Action, Failure, NotPossibleError, State, advance
from notify.messages.schemas import AttemptOut, MessageDetail, MessageOut
from notify.subscriptions import Channel, Subscription, Withheld, withheld
from notify.templating import Words, render
from shared import audit, clock, cursors, jobs, purposes
from shared.law import rule
from shared.principals import Principal
from shared.problems import CONFLICT, NOT_FOUND, ProblemType
from shared.schemas import Label, Page

SEND = "mail.send"
# With the usual back-off (up to five minutes) about nine hours: a mail server may be away for a working day.
MAX_ATTEMPTS = 120
OVERSEERS = frozenset({"admin", "auditor"})

NOBODY_TO_TELL = ProblemType(
    "nobody_to_tell", 503, "通知名錄尚無應受通知之帳號", "The directory knows nobody yet who is to be told of this"
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something happened: when, to which thing, in whose organisation, and what templates may say of it."""

    at: datetime
    about: UUID
    org_code: str
    variables: Mapping[str, Any]


@rule("NO-01", "NO-02", "NO-03", "NO-04")
async def write(session: AsyncSession, subscription: Subscription, occasion: Occasion) -> list[Message]:
    """One message by each of the subscription's channels for each account to be told, and the jobs that send mail.

    Who declined mail gets none; who has no usable address gets one that will fail visibly. Messages for the inbox are
    `delivered`: the caller places them (`notify.inbox.service.place`) in this transaction. Raises `NOBODY_TO_TELL`
    (503) when the directory knows no active account of the audience: the sender keeps the event and offers it again.
    """
    await purposes.assume(session, "compose", subscription.event_type, occasion.about)
    known = await directory.active_accounts(session, subscription.org_type, occasion.org_code, subscription.role)
    if not known:
        raise NOBODY_TO_TELL(headers={"Retry-After": "5"})
    written = [
        message
        for channel, template in subscription.templates.items()
        for message in _by(channel, render(template, occasion.variables), subscription, occasion, known)
    ]
    session.add_all(written)
    await session.flush()
    await _queue(session, [message.id for message in written if message.channel == Channel.EMAIL])
    return written


def _by(
    channel: Channel, words: Words, subscription: Subscription, occasion: Occasion, known: list[Account]
) -> list[Message]:
    now = clock.now()
    in_app = channel is Channel.IN_APP
    return [
        Message(
            id=uuid4(),
            channel=channel,
            event_type=subscription.event_type,
            event_at=occasion.at,
            about=occasion.about,
            template=words.template,
            template_version=words.version,
            recipient=account.sub,
            org_type=account.org_type,
            org_code=account.org_code,
            required=subscription.required,
            subject=words.subject,
            subject_en=words.subject_en,
            body=words.body,
            state=advance(State.CREATED, Action.PLACE) if in_app else State.CREATED,
            created_at=now,
            changed_at=now,
            sent_at=now if in_app else None,
        )
        for account in known
        if withheld(subscription, occasion.org_code, account.addressee(), channel) in (None, Withheld.NO_ADDRESS)
    ]


async def _queue(session: AsyncSession, ids: list[UUID]) -> None:
    items: list[tuple[str | None, Mapping[str, Any]]] = [(str(i), {"message_id": str(i)}) for i in ids]
    await jobs.enqueue_many(session, SEND, items, max_attempts=MAX_ATTEMPTS)


async def list_messages(
    session: AsyncSession,
    caller: Principal,
    *,
    state: State | None,
    channel: Channel | None,
    cursor: str | None,
    limit: int,
) -> Page[MessageOut]:
    """The caller's own messages, newest first; everybody's for the administrator and the auditor."""
    own = await _scope(session, caller, "messages")
    bound = cursors.bound_to("messages", caller.sub, own, state, channel)
    after = None
    if cursor is not None:
        position = cursors.unseal(cursor, bound)
        after = (datetime.fromisoformat(position["at"]), UUID(position["id"]))
    found = await queries.newest(session, own=own, state=state, channel=channel, after=after, limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    following = cursors.seal({"at": page[-1].created_at.isoformat(), "id": str(page[-1].id)}, bound) if more else None
    return Page[MessageOut](items=[MessageOut.model_validate(_shown(m)) for m in page], next_cursor=following)


async def get_message(session: AsyncSession, caller: Principal, message_id: UUID) -> MessageDetail:
    """One message with its attempts; raises 404 when it is not the caller's to see."""
    own = await _scope(session, caller, str(message_id))
    message = await queries.one(session, message_id)
    if message is None or own not in (None, message.recipient):
        raise NOT_FOUND()
    return await _detail(session, caller, message)


@rule("NO-06")
async def replay_message(session: AsyncSession, caller: Principal, message_id: UUID) -> MessageDetail:
    """Send a message again that failed, or whose job was given up; raises 404, or 409 in any other state."""
    await purposes.assume(session, "replay", "message", message_id)
    message = await queries.one(session, message_id, lock=True)
    if message is None:
        raise NOT_FOUND()
    abandoned = message.state in (State.CREATED, State.SENDING) and not await queries.is_queued(
        session, SEND, str(message_id)
    )
    try:
        state = State(message.state) if abandoned else advance(State(message.state), Action.REPLAY)
    except NotPossibleError:
        raise CONFLICT(
            detail="僅失敗或已停止重試之訊息得重新寄送。",
            detail_en="Only a message that failed, or is no longer tried, can be sent again.",
        ) from None
    message.move(state, clock.now())
    await session.flush()
    await _queue(session, [message_id])
    await audit.record(session, "message.replayed", "message", message_id)
    return await _detail(session, caller, message)


async def _scope(session: AsyncSession, caller: Principal, what: str) -> str | None:
    """Whose messages the caller sees: his own (`sub`), or everybody's (None), which is audited."""
    if caller.roles.isdisjoint(OVERSEERS):
        return caller.sub
    await purposes.assume(session, "oversee", "message", what)
    return None


def _shown(message: Message) -> dict[str, Any]:
    failure = None
    if message.failure is not None:
        label, label_en = LABELS[Failure(message.failure)]
        failure = Label(code=message.failure, label=label, label_en=label_en)
    columns = {c.key: getattr(message, c.key) for c in Message.__table__.columns}
    return columns | {"failure": failure}


async def _detail(session: AsyncSession, caller: Principal, message: Message) -> MessageDetail:
    tries = [AttemptOut.model_validate(attempt) for attempt in await queries.attempts(session, message.id)]
    body = message.body if message.recipient == caller.sub else None
    return MessageDetail.model_validate(_shown(message) | {"body": body, "attempts": tries})
