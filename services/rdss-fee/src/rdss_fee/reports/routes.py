"""Routes of the reports for finance (FE-41)."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from rdss_fee.deps import Watchers
from rdss_fee.reports import layouts, service
from rdss_fee.reports.schemas import (
    AGEING_SORTS,
    MONTH_SORTS,
    REFUND_SORTS,
    SUSPENSE_SORTS,
    AgeingPage,
    AgeingRow,
    MonthPage,
    MonthRow,
    RefundPage,
    RefundRow,
    SuspensePage,
    SuspenseRow,
)
from rdss_fee.schemas import MonthIn
from shared.exports import FORMS, REFUSED, Listing
from shared.guard import GuardedRoute
from shared.refusals import refuses
from shared.schemas import Page, either_way

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["reports"])


def _sort(columns: tuple[str, ...]) -> Any:
    return Query(max_length=40, json_schema_extra=either_way(columns))


@router.get(
    "/reports/month-summary",
    operation_id="report_month_summary",
    response_model=MonthPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_month_summary(
    caller: Watchers,
    listed: Listing,
    month: Annotated[MonthIn, Query(description="The billed month")],
    sort: Annotated[str, _sort(MONTH_SORTS)] = "employer_code",
) -> Page[MonthRow] | Response:
    """A billed month by employer: charges, credits, collected, receivable, refundable; side by side, never netted.

    A file (`Accept`) ends with a row of sums.
    """
    fetch = partial(service.month_summary, month=month, sort=sort, summed=listed.as_table)
    return await listed.answer(caller, layouts.month_summary(month), fetch)


@router.get(
    "/reports/ageing",
    operation_id="report_ageing",
    response_model=AgeingPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_ageing(
    caller: Watchers,
    listed: Listing,
    month: Annotated[MonthIn | None, Query(description="Of this billed month only")] = None,
    sort: Annotated[str, _sort(AGEING_SORTS)] = "-total",
) -> Page[AgeingRow] | Response:
    """What is still to be paid by employer and days after the due day; those who owe most first.

    A file (`Accept`) ends with a row of sums.
    """
    fetch = partial(service.ageing, month=month, sort=sort, summed=listed.as_table)
    return await listed.answer(caller, layouts.ageing(month), fetch)


@router.get(
    "/reports/suspense",
    operation_id="report_suspense",
    response_model=SuspensePage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_suspense(
    caller: Watchers,
    listed: Listing,
    month: Annotated[MonthIn | None, Query(description="Of what was posted in this month only")] = None,
    sort: Annotated[str, _sort(SUSPENSE_SORTS)] = "posted_on",
) -> Page[SuspenseRow] | Response:
    """What lies in suspense, oldest first. A file (`Accept`) ends with a row of sums."""
    fetch = partial(service.suspense, month=month, sort=sort, summed=listed.as_table)
    return await listed.answer(caller, layouts.suspense(month), fetch)


@router.get(
    "/reports/refunds",
    operation_id="report_refunds",
    response_model=RefundPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_refunds(
    caller: Watchers,
    listed: Listing,
    month: Annotated[MonthIn | None, Query(description="Of this month's round only")] = None,
    sort: Annotated[str, _sort(REFUND_SORTS)] = "posted_on",
) -> Page[RefundRow] | Response:
    """Refund claims that were submitted, by their postmarks. A file (`Accept`) ends with a row of sums."""
    fetch = partial(service.refunds, month=month, sort=sort, summed=listed.as_table)
    return await listed.answer(caller, layouts.refunds(month), fetch)
