"""Hand messages over: the worker's side.

Three steps, and no network inside a transaction: begin an attempt (committed), speak to the mail server, note how it
ended. A worker that dies in between leaves an attempt without an outcome; its job is taken up after the lease and the
message goes out again under the same Message-ID, by which the receiving side knows it.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from notify.channels.email import Letter, compose
from notify.channels.smtp import DeferredError, HandOverError, MailServer, RefusedError
from notify.directory.models import Account
from notify.messages import queries
from notify.messages.models import Attempt, Message
from notify.messages.rules import Action, Failure, Outcome, State, advance
from notify.subscriptions import SUBSCRIPTIONS, Channel, Withheld, withheld
from shared import clock, jobs, purposes
from shared.db import Context, Database
from shared.law import rule
from shared.settings import Settings

# States in which a message is still to be handed over.
OPEN = (State.CREATED, State.SENDING)


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that was noted as under way."""

    number: int
    letter: Letter


class Sender:
    """The handler of `mail.send` jobs. Raises `SettingsError` when made without a usable mail server."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.server = MailServer.of(settings)
        self.mail_from = settings.mail_from
        self.database = database
        self.context = Context.system(settings.service)

    @rule("NO-06")
    async def __call__(self, job: jobs.Job) -> None:
        """Try once to hand the message over; raises `RetryLater`, or `GiveUp` when it failed for good."""
        message_id = UUID(job.payload["message_id"])
        begun = await self._begin(message_id)
        if begun is None:
            return
        mail = compose(begun.letter, self.mail_from)
        try:
            code = await self.server.hand_over(mail, self.mail_from, begun.letter.to_address)
        except RefusedError as error:
            await self._failed(message_id, begun, error, Failure.REFUSED)
            raise jobs.GiveUp(str(error)) from None
        except DeferredError as error:
            if job.attempts >= job.max_attempts:
                await self._failed(message_id, begun, error, Failure.EXHAUSTED)
                raise jobs.GiveUp(str(error)) from None
            await self._deferred(message_id, begun, error)
            raise jobs.RetryLater(str(error)) from None
        await self._accepted(message_id, begun, code)

    async def _begin(self, message_id: UUID) -> Begun | None:
        """Note an attempt; None when there is nothing to hand over, or nobody any more to hand it to."""
        async with self.database.transaction(self.context) as session:
            message = await self._locked(session, message_id)
            if message.state not in OPEN:
                return None
            account = await session.get(Account, message.recipient)
            reason = _withheld(message, account)
            if account is None or account.email is None or reason is not None:
                state = advance(State(message.state), Action.FAIL)
                message.move(state, clock.now(), Failure(reason or Withheld.NO_ADDRESS))
                return None
            number = await queries.last_number(session, message_id) + 1
            message.move(advance(State(message.state), Action.BEGIN), clock.now())
            session.add(Attempt(message_id=message_id, number=number, started_at=clock.now()))
            letter = Letter(
                message_id=message.id,
                template=message.template,
                template_version=message.template_version,
                written_at=message.created_at,
                to_address=account.email,
                to_name=account.display_name,
                subject=message.subject,
                body=message.body,
            )
            return Begun(number, letter)

    async def _accepted(self, message_id: UUID, begun: Begun, code: int) -> None:
        # Noted even if the lease was lost meanwhile: whoever holds it now finds the message sent and leaves it.
        async with self.database.transaction(self.context) as session:
            message = await self._locked(session, message_id)
            await _finish(session, message_id, begun, Outcome.ACCEPTED, code, "accepted")
            if message.state == State.SENDING:
                message.move(advance(State.SENDING, Action.ACCEPT), clock.now())

    async def _deferred(self, message_id: UUID, begun: Begun, error: HandOverError) -> None:
        async with self.database.transaction(self.context) as session:
            await self._locked(session, message_id)
            await _finish(session, message_id, begun, Outcome.DEFERRED, error.code, error.detail)

    async def _failed(self, message_id: UUID, begun: Begun, error: HandOverError, failure: Failure) -> None:
        outcome = Outcome.REFUSED if failure is Failure.REFUSED else Outcome.DEFERRED
        async with self.database.transaction(self.context) as session:
            message = await self._locked(session, message_id)
            await _finish(session, message_id, begun, outcome, error.code, error.detail)
            if message.state == State.SENDING:
                message.move(advance(State.SENDING, Action.FAIL), clock.now(), failure)

    async def _locked(self, session: AsyncSession, message_id: UUID) -> Message:
        await purposes.assume(session, "deliver", "message", message_id)
        message = await queries.one(session, message_id, lock=True)
        if message is None:
            raise jobs.GiveUp("There is no such message.")
        return message


@rule("NO-03")
def _withheld(message: Message, account: Account | None) -> Withheld | None:
    """Why the message is not to go out after all, judged by what the directory says now."""
    if account is None:
        return Withheld.INACTIVE
    return withheld(SUBSCRIPTIONS[message.event_type], message.org_code, account.addressee(), Channel.EMAIL)


async def _finish(
    session: AsyncSession, message_id: UUID, begun: Begun, outcome: Outcome, code: int | None, detail: str
) -> None:
    attempt = await session.get_one(Attempt, (message_id, begun.number))
    attempt.finish(outcome, clock.now(), code, detail)
