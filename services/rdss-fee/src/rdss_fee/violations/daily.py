"""What the worker does every day with notices: finding violations, telling employers (FE-39, FE-40).

Each goes through the notices in parts, a transaction a part. What it writes, it writes once: it may be run again on any
day, miss days, and be killed at any moment.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, exists
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.dates import Judged, Receipts, Standing, judged, remind_on, violation_on
from rdss_fee.billing.models import NoticeRow
from rdss_fee.event_types import (
    NOTICE_OVERDUE,
    NOTICE_REMINDED,
    VIOLATION_FOUND,
    NoticeOpenData,
    ViolationFoundData,
)
from rdss_fee.months import Month
from rdss_fee.payments.queries import known_through
from rdss_fee.payments.rules import paid_in_full_on, paid_whole_by
from rdss_fee.reference.service import working_calendar
from rdss_fee.violations import queries
from rdss_fee.violations.models import Reminder, Violation
from rdss_fee.violations.rules import Money, evidence
from shared import audit, events, purposes
from shared.db import Context, Database
from shared.events import EventType
from shared.law import rule

_SYSTEM: Final = Context.system("rdss-fee")
_PART: Final = 200
# Three working days never take longer than this, whatever the Lunar New Year.
_LONGEST_NOTICE: Final = timedelta(days=31)
_PURPOSE: Final = "daily"

Notices = list[tuple[NoticeRow, str]]
Work = Callable[[AsyncSession, Notices], Awaitable[None]]


@rule("FE-39")
async def find_violations(database: Database, day: date) -> None:
    """Record a violation, with its evidence, for every notice whose 5th has passed by `day` and that was not paid whole
    by then, once the bank has told everything up to it.
    """
    async with database.transaction(_SYSTEM) as session:
        # Looked at every minute; what is found leaves a row of its own.
        await purposes.assume(session, _PURPOSE, "violation", day, audited=False)
        known = await known_through(session)
    if known is None:
        return

    async def judge(session: AsyncSession, notices: Notices) -> None:
        money = await queries.money_of(session, [notice.id for notice, _ in notices])
        for notice, name in notices:
            if _judged(notice, money.get(notice.id, []), known, day).violation:
                await _found(session, notice, name, money.get(notice.id, []), known, day)

    # A notice's month is its first day, and the 5th four days later.
    passed = (
        NoticeRow.month + 4 < day,
        NoticeRow.month + 4 <= known,
        ~exists().where(Violation.notice_id == NoticeRow.id),
    )
    await _in_parts(database, ("violation", day), passed, judge, by_reference=True)


@rule("FE-40")
async def remind(database: Database, day: date) -> None:
    """Tell employers of notices that are not paid: from three working days before they are due, and, once the bank has
    told everything up to the due day, that they are overdue. Each once.
    """
    async with database.transaction(_SYSTEM) as session:
        await purposes.assume(session, _PURPOSE, "reminder", day, audited=False)
        calendar = await working_calendar(session)
        known = await known_through(session)

    async def before_due(session: AsyncSession, notices: Notices) -> None:
        due = [(notice, name) for notice, name in notices if remind_on(notice.due_on, calendar) <= day]
        await _tell(session, NOTICE_REMINDED, "before_due", Standing.OPEN, due, day)

    async def overdue(session: AsyncSession, notices: Notices) -> None:
        await _tell(session, NOTICE_OVERDUE, "overdue", Standing.OVERDUE, notices, day)

    soon = (NoticeRow.due_on >= day, NoticeRow.due_on <= day + _LONGEST_NOTICE, _untold("before_due"))
    await _in_parts(database, ("reminder", day), soon, before_due)
    # A payment of the due day stands in the next file: nobody is told that he did not pay before it was read.
    if known is not None:
        past = (NoticeRow.due_on < day, NoticeRow.due_on <= known, _untold("overdue"))
        await _in_parts(database, ("reminder", day), past, overdue)


async def _in_parts(
    database: Database, about: tuple[str, date], of: Sequence[Any], work: Work, *, by_reference: bool = False
) -> None:
    """Do `work` on the unpaid notices that meet `of`, a part in each transaction, in the order of their ids."""
    after: UUID | None = None
    while True:
        async with database.transaction(_SYSTEM) as session:
            await purposes.assume(session, _PURPOSE, *about, audited=False)
            where = (*of, *(() if after is None else (NoticeRow.id > after,)))
            query = queries.unpaid(*where, by_reference=by_reference).order_by(NoticeRow.id).limit(_PART)
            notices = [(notice, name) for notice, name in (await session.execute(query)).all()]
            if not notices:
                return
            await work(session, notices)
            after = notices[-1][0].id


def _judged(notice: NoticeRow, moneys: list[Money], known: date, day: date) -> Judged:
    month = Month.of(notice.month)
    payments = [one.payment for one in moneys]
    receipts = Receipts(
        paid_in_full_on(notice.amount, payments), paid_whole_by(notice.amount, payments, violation_on(month)), known
    )
    return judged(month, notice.due_on, receipts, day)


async def _found(
    session: AsyncSession, notice: NoticeRow, name: str, moneys: list[Money], known: date, day: date
) -> None:
    """Record a violation and tell the employer, unless another run has done so meanwhile."""
    month = Month.of(notice.month)
    told = evidence(month, notice.due_on, notice.amount, moneys, known)
    step = insert(Violation).values(
        id=uuid4(),
        notice_id=notice.id,
        employer_code=notice.employer_code,
        month=notice.month,
        reference_on=violation_on(month),
        evidence=told,
        version=1,
        found_on=day,
    )
    step = step.on_conflict_do_nothing(index_elements=[Violation.notice_id])
    violation_id = await session.scalar(step.returning(Violation.id))
    if violation_id is None:
        return
    facts = {"notice_id": str(notice.id), "employer_code": notice.employer_code, "month": str(month)}
    await audit.record(session, "violation.found", "violation", violation_id, facts)
    data = ViolationFoundData(
        employer_code=notice.employer_code,
        employer_name=name[:200],
        violation_id=violation_id,
        notice_id=notice.id,
        month=notice.month,
        reference_on=violation_on(month),
        amount=notice.amount,
        paid=max(told["paid_by_reference"], 0),
    )
    await events.publish(session, VIOLATION_FOUND, violation_id, data)


def _untold(kind: str) -> ColumnElement[bool]:
    return ~exists().where(Reminder.notice_id == NoticeRow.id, Reminder.kind == kind)


async def _tell(
    session: AsyncSession, event: EventType, kind: str, standing: Standing, notices: Notices, day: date
) -> None:
    """Publish `event` of those of the notices that stand so and of which it was not told."""
    money = await queries.money_of(session, [notice.id for notice, _ in notices])
    # How far the bank has told is asked of violations only.
    unpaid = [
        (notice, name)
        for notice, name in notices
        if _judged(notice, money.get(notice.id, []), date.min, day).standing is standing
    ]
    if not unpaid:
        return
    step = insert(Reminder).values([{"notice_id": notice.id, "kind": kind, "told_on": day} for notice, _ in unpaid])
    fresh = set(await session.scalars(step.on_conflict_do_nothing().returning(Reminder.notice_id)))
    about = [
        (notice.id, _open(notice, name, sum(one.amount for one in money.get(notice.id, ()))))
        for notice, name in unpaid
        if notice.id in fresh
    ]
    await events.publish_many(session, event, about)


def _open(notice: NoticeRow, name: str, paid: int) -> NoticeOpenData:
    return NoticeOpenData(
        employer_code=notice.employer_code,
        employer_name=name[:200],
        notice_id=notice.id,
        month=notice.month,
        amount=notice.amount,
        due_on=notice.due_on,
        paid=max(paid, 0),
        outstanding=notice.amount - max(paid, 0),
    )
