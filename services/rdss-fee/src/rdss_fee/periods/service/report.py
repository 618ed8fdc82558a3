"""What employers report of their men, and how a head office confirms what its department entered (ID-07)."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.queries import rates_known
from rdss_fee.periods import queries
from rdss_fee.periods.models import ServiceEvent, Serviceman, ServicePeriod
from rdss_fee.periods.rules import Ending, Period
from rdss_fee.periods.schemas import EventOut, RefusalIn, ReportIn
from rdss_fee.periods.service.correct import hold_period
from rdss_fee.periods.service.knowledge import as_period, correct_period, faults_of, moment, refused, tell
from rdss_fee.periods.service.read import get_event
from rdss_fee.periods.states import TRANSITIONS, EventAction, EventKind, EventState, enters_as, may_answer
from rdss_fee.tenancy import own
from shared import audit
from shared.ids import mask_ids_in
from shared.law import rule
from shared.principals import Principal
from shared.problems import FOUR_EYES, NOT_FOUND, ProblemType

REPORT_WAITS = ProblemType(
    "report_waits", 409, "此服役期間已有待確認之填報", "Another report of the period waits for its confirmation"
)
REPORT_ANSWERED = ProblemType(
    "report_answered", 409, "此填報已確認或退回，或無須確認", "The report was answered already, or never waited"
)
REPORT_OUTDATED = ProblemType(
    "report_outdated",
    409,
    "填報後該服役期間已另有更正，請退回後重新填報",
    "The period was corrected since: refuse the report and enter it anew",
)
REPORT_CHANGES_NOTHING = ProblemType("report_changes_nothing", 409, "填報內容與已登錄者相同", "It is known so already")


@rule("ID-07", "FE-05")
async def report(session: AsyncSession, caller: Principal, period_id: UUID, seen: int, body: ReportIn) -> EventOut:
    """Report the end of a period, or another first day. Of a department it waits and changes nothing yet; of the head
    office or the programme office it is known at once.

    Raises 404, 412; 409 for a period that was withdrawn or has a report that waits, and for what is known so already;
    422 where the man's periods could not stand so.
    """
    man, known = await hold_period(session, caller, period_id, seen)
    waiting = select(ServiceEvent.id).where(
        ServiceEvent.period_id == period_id, ServiceEvent.state == EventState.ENTERED
    )
    if await session.scalar(waiting.limit(1)):
        raise REPORT_WAITS()
    wanted = _wanted(as_period(known), body.model_dump(mode="json"))
    if wanted == as_period(known):
        raise REPORT_CHANGES_NOTHING()
    facts, _ = await queries.known_of(session, man.id)
    if found := faults_of([wanted], facts, await rates_known(session)):
        raise refused(found)
    waits = enters_as(caller.roles) is EventState.ENTERED
    when = await moment(session)
    event_id = await tell(
        session,
        caller,
        EventKind.PERIOD_CORRECTED if body.begins_on else EventKind.PERIOD_ENDED,
        man.id,
        {**body.model_dump(mode="json"), "version": known.version},
        when,
        period=(period_id, known.employer_code),
        waits=waits,
    )
    if not waits:
        await correct_period(session, man, known, wanted, event_id, when)
    told = {"event": str(event_id), "waits": waits, "version": known.version}
    await audit.record(session, "service_period.reported", "service_period", period_id, told)
    return await get_event(session, caller, event_id)


@rule("ID-07", "FE-13")
async def confirm(session: AsyncSession, head_office: Principal, event_id: UUID) -> EventOut:
    """Confirm what the department entered: it is applied as a correction, and known from now on.

    Raises 404, for another employer's too; 403 `four_eyes`; 409 for what does not wait, and where the period was
    corrected or withdrawn since it was entered; 422 where the man's periods could not stand so.
    """
    man, known, event = await _held(session, head_office, event_id, EventAction.CONFIRM)
    if event.data["version"] != known.version:
        raise REPORT_OUTDATED()
    when = await moment(session)
    await _answer(session, head_office, event, EventAction.CONFIRM, when.at, when.on)
    await correct_period(session, man, known, _wanted(as_period(known), event.data), event_id, when)
    await audit.record(session, "service_event.confirmed", "service_event", event_id, {"period": str(known.id)})
    return await get_event(session, head_office, event_id)


@rule("ID-07")
async def refuse(session: AsyncSession, head_office: Principal, event_id: UUID, body: RefusalIn) -> EventOut:
    """Refuse what the department entered, with the reason: nothing changes. Raises 404, 403, 409 as `confirm` does."""
    event = await _waiting(session, head_office, event_id, EventAction.REFUSE)
    when = await moment(session)
    reason = mask_ids_in(body.reason)
    await _answer(session, head_office, event, EventAction.REFUSE, when.at, when.on, refused_reason=reason)
    await audit.record(session, "service_event.refused", "service_event", event_id, {"reason": reason})
    return await get_event(session, head_office, event_id)


def _wanted(known: Period, told: dict[str, Any]) -> Period:
    """The period as a report would have it."""
    if told.get("begins_on"):
        return replace(known, begins_on=date.fromisoformat(told["begins_on"]))
    return replace(known, ends_before=date.fromisoformat(told["ends_before"]), ended_by=Ending(told["ended_by"]))


async def _held(
    session: AsyncSession, head_office: Principal, event_id: UUID, action: EventAction
) -> tuple[Serviceman, ServicePeriod, ServiceEvent]:
    """A report that waits, with the period it is of and its man."""
    of = await session.scalar(
        select(ServiceEvent.period_id).where(ServiceEvent.id == event_id, *own(head_office, ServiceEvent.employer_code))
    )
    if of is None:
        raise NOT_FOUND()
    # The man before the event, as whoever enters one does.
    man, known = await hold_period(session, head_office, of, None)
    return man, known, await _waiting(session, head_office, event_id, action)


async def _waiting(session: AsyncSession, head_office: Principal, event_id: UUID, action: EventAction) -> ServiceEvent:
    query = (
        select(ServiceEvent)
        .where(ServiceEvent.id == event_id, *own(head_office, ServiceEvent.employer_code))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    event = await session.scalar(query)
    if event is None:
        raise NOT_FOUND()
    if (EventState(event.state), action) not in TRANSITIONS:
        raise REPORT_ANSWERED()
    if not may_answer(event.entered_by, head_office.sub):
        raise FOUR_EYES()
    return event


async def _answer(
    session: AsyncSession,
    head_office: Principal,
    event: ServiceEvent,
    action: EventAction,
    at: Any,
    on: date,
    **more: str,
) -> None:
    step = TRANSITIONS[EventState(event.state), action]
    await session.execute(
        update(ServiceEvent)
        .where(ServiceEvent.id == event.id)
        .values(state=step.to, confirmed_by=head_office.sub, confirmed_at=at, confirmed_on=on, **more)
        .execution_options(synchronize_session=False)
    )
