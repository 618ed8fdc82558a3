"""Payments as they are shown: an employer's own from the day after their posting, all of them to the offices."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.months import Month
from rdss_fee.payments import queries
from rdss_fee.payments.models import BankTransaction
from rdss_fee.payments.rules import Why, status
from rdss_fee.payments.schemas import PAYMENT_SORTS, PaymentOut, PaymentPage
from rdss_fee.tenancy import sees_all
from shared import clock, cursors, lists
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@rule("FE-33")
def _shown(caller: Principal) -> list[ColumnElement[bool]]:
    """What the caller may see: an employer what is its own, from the day after it was posted."""
    if sees_all(caller):
        return []
    return [queries.of_employer(caller.org.code), BankTransaction.posted_on < clock.today()]


@rule("FE-33", "FE-34", "FE-42")
async def list_payments(
    session: AsyncSession,
    caller: Principal,
    *,
    notice_id: UUID | None,
    month: Month | None,
    employer: str | None,
    posted_from: date | None,
    posted_to: date | None,
    overpaid: bool,
    sort: str,
    cursor: str | None,
    limit: int,
) -> PaymentPage:
    """Payments that meet every filter; both days count."""
    where = _shown(caller)
    if notice_id is not None:
        where.append(queries.of_notice(notice_id))
    if month is not None:
        where.append(queries.of_month(month.first))
    # What was given to an employer and taken back is another's, so its code must be the row's own.
    whose = [] if sees_all(caller) else [caller.org.code]
    if employer is not None:
        where.append(queries.of_employer(employer))
        whose.append(employer)
    if posted_from is not None:
        where.append(BankTransaction.posted_on >= posted_from)
    if posted_to is not None:
        where.append(BankTransaction.posted_on <= posted_to)
    if overpaid:
        # As few as they are among all; what each came to is summed for these alone.
        where.append(queries.beyond_due())
    rows = queries.payments(*where)
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=PAYMENT_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("payments", notice_id, month, employer, posted_from, posted_to, overpaid),
        where=tuple(rows.c.employer_code == code for code in whose),
    )
    return PaymentPage(items=[out(caller, row) for row in found], next_cursor=next_cursor)


@rule("FE-33")
async def get_payment(session: AsyncSession, caller: Principal, payment_id: int) -> PaymentOut:
    """One payment; raises 404, to an employer on the day of its posting as well."""
    rows = queries.payments(BankTransaction.id == payment_id, *_shown(caller))
    row = (await session.execute(select(rows))).mappings().one_or_none()
    if row is None or (not sees_all(caller) and row["employer_code"] != caller.org.code):
        raise NOT_FOUND()
    return out(caller, row)


def out(caller: Principal, row: RowMapping) -> PaymentOut:
    """A row of `queries.payments` as the caller sees it."""
    named: dict[str, Any] = {name: row[name] for name in PaymentOut.model_fields if name in row}
    if not sees_all(caller):
        # It sees its own postings only: that the rest was in suspense once is none of them.
        named |= {"file_id": None, "suspended": 0}
    why = None if row["why"] is None else Why(row["why"])
    found = status(
        row["amount"],
        why,
        overpaid=row["overpaid"],
        suspended=named["suspended"],
        notice=row["notice_id"] is not None,
        employer=row["employer_code"] is not None,
    )
    return PaymentOut(**named | {"status": found})
