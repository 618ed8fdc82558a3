"""How what is known changes, so that a run can say what it knew (FE-13).

Every row of what is known says from when until when it was (`known_at`, `replaced_at`, and the same as days). A billing
run fixes a cut and reads the rows with `known_at <= cut` that were not replaced by then. For that to be the same rows
whenever it is asked again, a row that bears an instant before the cut must be there to be read when the cut is made: a
transaction that took its instant and has not ended yet would add to the past.

So whoever changes what is known takes the lock `rdss_fee.knowledge` *shared*, first thing in its transaction
(`hold_still`), and takes its instant from the database's clock only after that, and after it holds what it changes
(`moment`). A run takes the same lock *exclusively* for a moment: it waits for those that are under way, whose rows it
then sees; it takes its cut; whoever comes later takes his instant after it. Changes do not wait for one another, only
for a run that is making its cut, and a run for changes that are under way.

PostgreSQL shows a transaction's rows to others before it releases its locks, which this rests on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.queries import rates_known
from rdss_fee.billing.rates import Category, Degree, Rates
from rdss_fee.periods import queries
from rdss_fee.periods.models import ServiceEvent, Serviceman, ServicePeriod
from rdss_fee.periods.rules import Beginning, Ending, Period, PeriodFault, StageTwo, faults, unpriced
from rdss_fee.periods.states import EventKind, EventState
from shared import clock
from shared.ids import mask_ids_in
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemError, ProblemType

PERIOD_WITHDRAWN = ProblemType(
    "period_withdrawn", 409, "此服役期間已撤銷，請重新通報", "The period was withdrawn: announce it anew"
)

_HOLD = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('rdss_fee.knowledge', 0))")
_NOW = text("SELECT clock_timestamp()")
_OVERLAP = "ex_service_period_overlap"


@dataclass(frozen=True, slots=True)
class Moment:
    """When something becomes known: the instant, by the database's clock, and the day of the law."""

    at: datetime
    on: date


async def hold_still(session: AsyncSession) -> None:
    """Let no run make its cut until this transaction has ended; first thing in every one that changes what is known."""
    await session.execute(_HOLD)


async def moment(session: AsyncSession) -> Moment:
    """The instant at which what this transaction changes becomes known: taken after `hold_still`, and after the lock on
    what is changed, for a row is never replaced before it became known.
    """
    at: datetime = (await session.execute(_NOW)).scalar_one()
    return Moment(at, clock.today())


async def hold_man(session: AsyncSession, serviceman_id: UUID) -> Serviceman:
    """The man, of whom nobody else changes what is known until the transaction ends. Raises 404.

    The caller has seen to it that it may see him.
    """
    query = (
        select(Serviceman)
        .where(Serviceman.id == serviceman_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    man = await session.scalar(query)
    if man is None:
        raise NOT_FOUND()
    return man


async def tell(
    session: AsyncSession,
    caller: Principal,
    kind: EventKind,
    serviceman_id: UUID,
    data: Mapping[str, Any],
    when: Moment,
    *,
    period: tuple[UUID, str] | None = None,
    waits: bool = False,
) -> UUID:
    """Write down what was told, and give its id; `period`: whose it is, by id and employer. It is confirmed at once
    unless it `waits` for the head office.
    """
    event_id = uuid4()
    answered = {} if waits else {"confirmed_by": caller.sub, "confirmed_at": when.at, "confirmed_on": when.on}
    await session.execute(
        insert(ServiceEvent).values(
            id=event_id,
            serviceman_id=serviceman_id,
            period_id=None if period is None else period[0],
            employer_code=None if period is None else period[1],
            kind=kind,
            data=unnamed(data),
            state=EventState.ENTERED if waits else EventState.CONFIRMED,
            needs_confirmation=waits,
            entered_by=caller.sub,
            entered_at=when.at,
            entered_on=when.on,
            **answered,
        )
    )
    return event_id


def unnamed(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says, as JSON, with anybody's number masked in what somebody wrote."""
    return {
        name: mask_ids_in(value) if isinstance(value, str) else value.isoformat() if isinstance(value, date) else value
        for name, value in data.items()
        if value is not None
    }


def as_period(row: ServicePeriod) -> Period:
    """A stored period as the rules have it."""
    return Period(
        row.employer_code,
        row.begins_on,
        Beginning(row.begun_by),
        row.ends_before,
        None if row.ended_by is None else Ending(row.ended_by),
    )


class Priced(Protocol):
    """What prices a man and bounds his second stage."""

    @property
    def category(self) -> str: ...
    @property
    def degree(self) -> str: ...
    @property
    def cohort(self) -> int: ...
    @property
    def stage_begins_on(self) -> date: ...
    @property
    def stage_ends_before(self) -> date | None: ...


def faults_of(wanted: Sequence[Period], man: Priced, rates: Rates, beside: Sequence[Period] = ()) -> list[PeriodFault]:
    """What is wrong with periods of a man: of those that are `wanted`, also which of them no run could price; with
    those that are known `beside` them, by their places in both.
    """
    stage = StageTwo(man.stage_begins_on, man.stage_ends_before)
    kind = (Category(man.category), Degree(man.degree), man.cohort)
    return [*faults([*wanted, *beside], stage), *unpriced(wanted, stage, lambda month: rates.has(*kind, month))]


@rule("FE-05", "FE-13")
async def correct_period(
    session: AsyncSession, man: Serviceman, known: ServicePeriod, wanted: Period, event_id: UUID, when: Moment
) -> None:
    """Replace what is known of a period; what was known until now stays to be read. The man is held (`hold_man`).

    Raises 422 where the periods of the man could not stand so.
    """
    facts, others = await queries.known_of(session, man.id)
    beside = [as_period(row) for row in others if row.id != known.id]
    if found := faults_of([wanted], facts, await rates_known(session), beside):
        raise refused(found)
    await _replace(session, known, when)
    values = {
        "id": known.id,
        "version": known.version + 1,
        "serviceman_id": known.serviceman_id,
        "serviceman_no": known.serviceman_no,
        "employer_code": known.employer_code,
        "begins_on": wanted.begins_on,
        "begun_by": wanted.begun_by,
        "ends_before": wanted.ends_before,
        "ended_by": wanted.ended_by,
        "event_id": event_id,
        "known_at": when.at,
        "known_on": when.on,
    }
    try:
        await session.execute(insert(ServicePeriod).values(values))
    except IntegrityError as error:
        # An employer sees its own periods only; what another has of the man, the database alone knows.
        if overlaps(error):
            raise refused([PeriodFault("period_overlaps", 0)]) from None
        raise
    man.version += 1
    await session.flush()


async def withdraw_known(session: AsyncSession, man: Serviceman, known: ServicePeriod, when: Moment) -> None:
    """Say that a period is not known any more. The man is held (`hold_man`)."""
    await _replace(session, known, when)
    man.version += 1
    await session.flush()


async def _replace(session: AsyncSession, known: ServicePeriod, when: Moment) -> None:
    await session.execute(
        update(ServicePeriod)
        .where(ServicePeriod.id == known.id, ServicePeriod.version == known.version)
        .values(replaced_at=when.at, replaced_on=when.on)
        .execution_options(synchronize_session=False)
    )


def overlaps(error: IntegrityError) -> bool:
    """Whether the database refused a day that is served twice."""
    return _OVERLAP in str(error.orig)


WORDS = {
    "period_without_days": (
        "/ends_before",
        "迄日（不計入之首日）須晚於起日",
        "It ends before, or on the day, it begins",
    ),
    "period_end_unstated": (
        "/ended_by",
        "ends_before 與 ended_by 須一併填寫",
        "An end needs its kind, and a kind its end",
    ),
    "period_overlaps": (
        "/begins_on",
        "與該役男其他服役期間重疊，請先更正另一期間之起迄",
        "It overlaps another period of the man: correct the other's days first",
    ),
    "rate_missing": (
        "/begins_on",
        "起始計費月份尚無該學位與梯次之費率，請先登錄費率或更正日期",
        "The first month that it is billed for has no rate of that degree and cohort: enter one, or correct the day",
    ),
    "stage_without_days": (
        "/stage_ends_before",
        "第二階段迄日（不計入之首日）須晚於起日",
        "The second stage ends before, or on the day, it begins",
    ),
}
"""What is wrong with periods: where, and in both languages."""


def refused(found: Sequence[PeriodFault], unpriced_at: str = "") -> ProblemError:
    """The 422 that tells each fault once; `unpriced_at`: the member by which there is no rate, if not the first day."""
    told = []
    for code in dict.fromkeys(fault.code for fault in found):
        pointer, message, message_en = WORDS[code]
        pointer = unpriced_at if unpriced_at and code == "rate_missing" else pointer
        told.append(Fault(code, message, message_en, pointer=pointer))
    return INVALID_CONTENT(errors=told)
