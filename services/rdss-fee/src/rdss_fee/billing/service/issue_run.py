"""Issuing a run: notices with their accounts, credit statements, bookings, all or nothing (FE-11 to FE-16, FE-20)."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.numbers import Account, Scheme, SchemeError
from rdss_fee.billing.dates import Due
from rdss_fee.billing.models import BillingRun, CreditStatement, LineRow, NoticeRow
from rdss_fee.billing.rules import LineKind
from rdss_fee.billing.service.common import (
    MONTH_ISSUED,
    RUN_CLOSED,
    RUN_UNCHECKED,
    locked,
    refuse_out_of_season,
    scheme_of,
)
from rdss_fee.billing.service.read_runs import get_run
from rdss_fee.event_types import NOTICE_ISSUED, NoticeIssuedData
from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.rules import Booking, granted, issued
from rdss_fee.months import Month
from rdss_fee.reference.models import Employer
from rdss_fee.reference.service import working_calendar
from shared import audit, bulk, clock, events
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import FOUR_EYES, INVALID_CONTENT, Fault

# Documents that are booked and told of in one go: with 30,000 at once nobody else was answered for seconds, and the
# gateway took the service for silent.
_PART = 1_000
# A document's id, and whose it is.
_Issued = tuple[UUID, RowMapping]


@rule("FE-11", "FE-14")
async def issue(session: AsyncSession, caller: Principal, run_id: UUID, seen: int) -> Reply:
    """Issue what was previewed, as it was previewed: news since waits for the next run.

    Raises 403 `four_eyes` for who checked it, 409 `run_closed`, `run_unchecked`, `run_too_late`, `month_issued`,
    `scheme_missing`, 412 for another version, 422 for employers' numbers that the scheme does not hold.
    """
    run = await locked(session, run_id, seen)
    if run.kind != "regular" or run.state != "previewed":
        raise RUN_CLOSED()
    if run.checked_by is None:
        raise RUN_UNCHECKED()
    if run.checked_by == caller.sub:
        raise FOUR_EYES()
    month, today = Month.of(run.month), clock.today()
    due = refuse_out_of_season(month, today, await working_calendar(session))
    if run.line_count:
        await _refuse_second(session, run)
    run.state, run.issued_by, run.issued_at, run.issued_on = "issued", caller.sub, clock.now(), today
    run.version += 1
    await session.flush()
    told = {"month": str(month), "charges": run.charges, "credits": run.credits, "lines": run.line_count}
    await audit.record(session, "billing_run.issued", "billing_run", run_id, told)
    sums = await _sums(session, run_id)
    await _issue_notices(session, run, [one for one in sums if one["charges"]], due, today)
    await _issue_statements(session, run, [one for one in sums if one["credits"]], today)
    out = await get_run(session, run_id)
    return Reply(out, 200, etag(out.version))


def _parts(made: Sequence[_Issued]) -> Iterator[Sequence[_Issued]]:
    return (made[start : start + _PART] for start in range(0, len(made), _PART))


async def _refuse_second(session: AsyncSession, run: BillingRun) -> None:
    """One notice a month and employer, and none that supplements it (FE-11)."""
    others = select(BillingRun.id).where(
        BillingRun.month == run.month, BillingRun.state == "issued", BillingRun.line_count > 0
    )
    if await session.scalar(others.limit(1)) is not None:
        raise MONTH_ISSUED()


@rule("FE-12", "FE-16")
async def _sums(session: AsyncSession, run_id: UUID) -> Sequence[RowMapping]:
    """Charges and credits of each employer in a run, side by side."""
    of = LineRow.employer_code
    sums = (
        select(
            of,
            func.coalesce(func.sum(LineRow.amount).filter(LineRow.kind == LineKind.CHARGE), 0).label("charges"),
            func.coalesce(func.sum(LineRow.amount).filter(LineRow.kind == LineKind.CREDIT), 0).label("credits"),
        )
        .where(LineRow.run_id == run_id)
        .group_by(of)
        .subquery()
    )
    query = (
        select(sums, Employer.number, Employer.name)
        .join(Employer, Employer.code == sums.c.employer_code)
        .order_by(sums.c.employer_code)
    )
    return (await session.execute(query)).mappings().all()


@rule("FE-15", "FE-16")
async def _issue_notices(
    session: AsyncSession, run: BillingRun, asked: Sequence[RowMapping], due: Due, today: date
) -> None:
    if not asked:
        return
    month = Month.of(run.month)
    row, scheme = await scheme_of(session, month)
    accounts = await asyncio.to_thread(_accounts, scheme, month, asked)
    same = {
        "run_id": run.id,
        "month": run.month,
        "scheme_id": row.id,
        "issued_on": today,
        "due_on": due.day,
        "due_provisional": due.provisional,
    }
    issued_to = await _documents(session, NoticeRow, same, asked, "charges", {"virtual_account": accounts})
    for part in _parts(issued_to):
        await _written(session, run, [issued(str(it), of["employer_code"], of["charges"]) for it, of in part], today)
        await _audited(session, "notice.issued", "notice", part, "charges")
        await events.publish_many(session, NOTICE_ISSUED, [(it, _told(run, it, of, due, today)) for it, of in part])


@rule("FE-20", "FE-22")
def _accounts(scheme: Scheme, month: Month, asked: Sequence[RowMapping]) -> list[str]:
    """The virtual accounts of the month's notices; raises 422 with every employer whose number the scheme lacks."""
    faults, accounts = [], []
    for at, one in enumerate(asked):
        try:
            accounts.append(scheme.number(Account(month, one["number"]), one["charges"]))
        except (SchemeError, ValueError) as error:
            faults.append(
                Fault(
                    "account_impossible",
                    f"用人單位 {one['employer_code']} 之編號或金額無法編成銷帳編號",
                    f"Employer {one['employer_code']}: {error}",
                    pointer=f"/employers/{at}",
                )
            )
    if faults:
        raise INVALID_CONTENT(errors=faults[:1_000], error_count=len(faults))
    return accounts


@rule("FE-40")
def _told(run: BillingRun, notice: UUID, one: RowMapping, due: Due, today: date) -> NoticeIssuedData:
    return NoticeIssuedData(
        notice_id=notice,
        employer_code=one["employer_code"],
        employer_name=one["name"][:200],
        month=run.month,
        amount=one["charges"],
        due_on=due.day,
        issued_on=today,
    )


@rule("FE-12", "FE-16")
async def _issue_statements(session: AsyncSession, run: BillingRun, given: Sequence[RowMapping], today: date) -> None:
    if not given:
        return
    same = {"run_id": run.id, "month": run.month, "issued_on": today}
    for part in _parts(await _documents(session, CreditStatement, same, given, "credits")):
        await _written(session, run, [granted(of["employer_code"], of["credits"]) for _, of in part], today)
        await _audited(session, "credit_statement.issued", "credit_statement", part, "credits")


async def _documents(
    session: AsyncSession,
    kind: type[NoticeRow | CreditStatement],
    same: dict[str, Any],
    employers: Sequence[RowMapping],
    what: str,
    more: dict[str, list[str]] | None = None,
) -> list[_Issued]:
    """All rows in one statement, after which the database reads the lines of the run once: whether they add up."""
    ids = [uuid.uuid4() for _ in employers]
    series: dict[str, Sequence[Any]] = {
        "id": ids,
        "employer_code": [one["employer_code"] for one in employers],
        "amount": [one[what] for one in employers],
        **(more or {}),
    }
    await session.execute(await asyncio.to_thread(bulk.insertion, kind.__table__, same, series))  # type: ignore[arg-type]
    return list(zip(ids, employers, strict=True))


async def _written(session: AsyncSession, run: BillingRun, bookings: list[Booking], today: date) -> None:
    """The bookings of all employers in one statement; `ledger.service.book` writes the few of one act."""
    postings = [(booking, one) for booking in bookings for one in booking.postings]
    await session.execute(
        bulk.insertion(
            PostingRow.__table__,  # type: ignore[arg-type]
            {"booked_on": today, "booked_by": run.issued_by},
            {
                "employer_code": [booking.employer for booking, _ in postings],
                "notice_id": [UUID(booking.notice) if booking.notice else None for booking, _ in postings],
                "kind": [booking.kind.value for booking, _ in postings],
                "debit": [one.debit.value for _, one in postings],
                "credit": [one.credit.value for _, one in postings],
                "amount": [one.amount for _, one in postings],
            },
        )
    )


async def _audited(session: AsyncSession, action: str, entity: str, made: Sequence[_Issued], what: str) -> None:
    rows = [
        audit.row(session, action, entity, it, {"employer_code": of["employer_code"], "amount": of[what]})
        for it, of in made
    ]
    await audit.record_many(session, rows)
