"""Reports for finance: pages of rows with the sums of all rows beside them (FE-41)."""

from datetime import date
from typing import Any, TypeVar, Unpack

from sqlalchemy import Subquery
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.reports import queries
from rdss_fee.reports.schemas import (
    AGEING_SORTS,
    MONTH_SORTS,
    REFUND_SORTS,
    SUSPENSE_SORTS,
    AgeingPage,
    AgeingRow,
    AgeingSums,
    MonthPage,
    MonthRow,
    MonthSums,
    RefundPage,
    RefundRow,
    RefundSums,
    SuspensePage,
    SuspenseRow,
    SuspenseSums,
)
from rdss_fee.schemas import month_of
from shared import clock, cursors, lists
from shared.law import rule
from shared.lists import Place
from shared.schemas import Out

R = TypeVar("R", bound=Out)

TOTAL = "合計"
"""What the row of sums is called, which a file has at its end."""


async def _found(
    session: AsyncSession,
    rows: Subquery,
    row: type[R],
    sums: type[Out],
    *,
    bound: str,
    sortable: tuple[str, ...],
    **place: Unpack[Place],
) -> tuple[list[R], str | None, dict[str, int]]:
    """A page's rows, its next cursor, and the sums of all rows."""
    found, next_cursor = await lists.page(session, rows, bound=bound, sortable=sortable, **place)
    told = (await session.execute(queries.totals(rows, tuple(sums.model_fields)))).mappings().one()
    items = [row(**{name: cells[name] for name in row.model_fields}) for cells in found]
    return items, next_cursor, dict(told)


def _first(month: str | None) -> date | None:
    return None if month is None else month_of(month).first


@rule("FE-12", "FE-41")
async def month_summary(
    session: AsyncSession,
    *,
    month: str,
    summed: bool = False,
    **place: Unpack[Place],
) -> MonthPage:
    """Charges, credits, collections and receivables of a billed month by employer, side by side and never netted.

    `summed`: the last page ends with the row of sums.
    """
    items, next_cursor, sums = await _found(
        session,
        queries.month_rows(month_of(month).first),
        MonthRow,
        MonthSums,
        bound=cursors.bound_to("month-summary", month),
        sortable=MONTH_SORTS,
        **place,
    )
    page = MonthPage(items=items, next_cursor=next_cursor, month=month, totals=MonthSums(**sums))
    return _with_sums(page, MonthRow(**sums, employer_code="", employer_name=TOTAL)) if summed else page


@rule("FE-41")
async def ageing(
    session: AsyncSession,
    *,
    month: str | None,
    summed: bool = False,
    **place: Unpack[Place],
) -> AgeingPage:
    """What is still to be paid today by days after the due day, by employer; `summed` as in `month_summary`."""
    today = clock.today()
    items, next_cursor, sums = await _found(
        session,
        queries.ageing_rows(today, _first(month)),
        AgeingRow,
        AgeingSums,
        bound=cursors.bound_to("ageing", month, today),
        sortable=AGEING_SORTS,
        **place,
    )
    page = AgeingPage(items=items, next_cursor=next_cursor, on=today, totals=AgeingSums(**sums))
    total = AgeingRow(**sums, employer_code="", employer_name=TOTAL, oldest_due_on=None)
    return _with_sums(page, total) if summed else page


@rule("FE-35", "FE-41")
async def suspense(
    session: AsyncSession,
    *,
    month: str | None,
    summed: bool = False,
    **place: Unpack[Place],
) -> SuspensePage:
    """What lies in suspense today, oldest first; `month`: of what was posted in it. `summed` as in `month_summary`."""
    today = clock.today()
    items, next_cursor, sums = await _found(
        session,
        queries.suspense_rows(today, None if month is None else month_of(month)),
        SuspenseRow,
        SuspenseSums,
        bound=cursors.bound_to("suspense-report", month, today),
        sortable=SUSPENSE_SORTS,
        **place,
    )
    page = SuspensePage(items=items, next_cursor=next_cursor, on=today, totals=SuspenseSums(**sums))
    total = SuspenseRow(**sums, transaction_id=None, posted_on=None, value_on=None, account=TOTAL, why=None, days=None)
    return _with_sums(page, total) if summed else page


@rule("FE-38", "FE-41")
async def refunds(
    session: AsyncSession,
    *,
    month: str | None,
    summed: bool = False,
    **place: Unpack[Place],
) -> RefundPage:
    """Claims that were submitted; `month`: of its round. `summed` as in `month_summary`."""
    items, next_cursor, sums = await _found(
        session,
        queries.refund_rows(_first(month)),
        RefundRow,
        RefundSums,
        bound=cursors.bound_to("refund-report", month),
        sortable=REFUND_SORTS,
        **place,
    )
    page = RefundPage(items=items, next_cursor=next_cursor, totals=RefundSums(**sums))
    nothing = dict.fromkeys(
        ("claim_id", "posted_on", "received_on", "round", "decided_on", "paid_on", "payment_reference")
    )
    total = RefundRow(**sums, **nothing, employer_code="", employer_name=TOTAL, letter_no="", state="")
    return _with_sums(page, total) if summed else page


def _with_sums(page: Any, total: Any) -> Any:
    """A page of a file; the last has one row more than a page may hold in JSON."""
    return page if page.next_cursor else page.model_copy(update={"items": [*page.items, total]})
