"""Issuing a run: notices with their accounts, credit statements, bookings, all or nothing (FE-11 to FE-16, FE-20)."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.numbers import Account, SchemeError
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
    query = (
        select(
            of,
            Employer.number,
            Employer.name,
            func.coalesce(func.sum(LineRow.amount).filter(LineRow.kind == LineKind.CHARGE), 0).label("charges"),
            func.coalesce(func.sum(LineRow.amount).filter(LineRow.kind == LineKind.CREDIT), 0).label("credits"),
        )
        .join(Employer, Employer.code == of)
        .where(LineRow.run_id == run_id)
        .group_by(of, Employer.number, Employer.name)
        .order_by(of)
    )
    return (await session.execute(query)).mappings().all()


@rule("FE-15", "FE-16", "FE-20", "FE-22")
async def _issue_notices(
    session: AsyncSession, run: BillingRun, asked: Sequence[RowMapping], due: Due, today: date
) -> None:
    if not asked:
        return
    month = Month.of(run.month)
    row, scheme = await scheme_of(session, month)
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
    ids = [uuid.uuid4() for _ in asked]
    await session.execute(
        bulk.insertion(
            NoticeRow.__table__,  # type: ignore[arg-type]
            {
                "run_id": run.id,
                "month": run.month,
                "scheme_id": row.id,
                "issued_on": today,
                "due_on": due.day,
                "due_provisional": due.provisional,
            },
            {
                "id": ids,
                "employer_code": [one["employer_code"] for one in asked],
                "amount": [one["charges"] for one in asked],
                "virtual_account": accounts,
            },
        )
    )
    bookings = [
        issued(str(notice), one["employer_code"], one["charges"]) for notice, one in zip(ids, asked, strict=True)
    ]
    await _written(session, run, bookings, today)
    await _audited(session, "notice.issued", "notice", ids, asked, "charges")
    told = [(notice, _told(run, notice, one, due, today)) for notice, one in zip(ids, asked, strict=True)]
    await events.publish_many(session, NOTICE_ISSUED, told)


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
    ids = [uuid.uuid4() for _ in given]
    await session.execute(
        bulk.insertion(
            CreditStatement.__table__,  # type: ignore[arg-type]
            {"run_id": run.id, "month": run.month, "issued_on": today},
            {
                "id": ids,
                "employer_code": [one["employer_code"] for one in given],
                "amount": [one["credits"] for one in given],
            },
        )
    )
    await _written(session, run, [granted(one["employer_code"], one["credits"]) for one in given], today)
    await _audited(session, "credit_statement.issued", "credit_statement", ids, given, "credits")


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


async def _audited(
    session: AsyncSession, action: str, entity: str, ids: list[UUID], asked: Sequence[RowMapping], what: str
) -> None:
    rows: list[dict[str, Any]] = [
        audit.row(session, action, entity, made, {"employer_code": one["employer_code"], "amount": one[what]})
        for made, one in zip(ids, asked, strict=True)
    ]
    await audit.record_many(session, rows)
