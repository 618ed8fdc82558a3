"""Routes of the reports for finance (FE-41)."""

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from rdss_fee.deps import Watchers
from rdss_fee.reports import layouts, service
from rdss_fee.reports.schemas import (
    AGEING_SORTS,
    MONTH_SORTS,
    REFUND_SORTS,
    SUSPENSE_SORTS,
    AgeingPage,
    MonthPage,
    RefundPage,
    SuspensePage,
)
from rdss_fee.schemas import MonthIn
from shared.exports import FORMS, REFUSED, Export, Wanted
from shared.guard import GuardedRoute
from shared.pages import Pages
from shared.papers.forms import Form
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["reports"])

_ONE_OBJECT_A_ROW = (Form.JSON, Form.NDJSON)


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
    request: Request,
    session: Session,
    caller: Watchers,
    pages: Pages,
    wanted: Wanted,
    month: Annotated[MonthIn, Query(description="The billed month")],
    sort: Annotated[str, _sort(MONTH_SORTS)] = "employer_code",
) -> MonthPage | Response:
    """A billed month by employer: charges, credits, collected, receivable, refundable; side by side, never netted.

    A file (`Accept`) ends with a row of sums.
    """

    def fetch(session: Session, **place: Any) -> Awaitable[MonthPage]:
        return service.month_summary(session, month=month, sort=sort, summed=wanted not in _ONE_OBJECT_A_ROW, **place)

    if wanted is not Form.JSON:
        return Export(request, caller, wanted, layouts.month_summary(month), fetch)
    return pages.linked(await fetch(session, cursor=pages.cursor, limit=pages.limit))


@router.get(
    "/reports/ageing",
    operation_id="report_ageing",
    response_model=AgeingPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_ageing(
    request: Request,
    session: Session,
    caller: Watchers,
    pages: Pages,
    wanted: Wanted,
    month: Annotated[MonthIn | None, Query(description="Of this billed month only")] = None,
    sort: Annotated[str, _sort(AGEING_SORTS)] = "-total",
) -> AgeingPage | Response:
    """What is still to be paid by employer and days after the due day; those who owe most first.

    A file (`Accept`) ends with a row of sums.
    """

    def fetch(session: Session, **place: Any) -> Awaitable[AgeingPage]:
        return service.ageing(session, month=month, sort=sort, summed=wanted not in _ONE_OBJECT_A_ROW, **place)

    if wanted is not Form.JSON:
        return Export(request, caller, wanted, layouts.ageing(month), fetch)
    return pages.linked(await fetch(session, cursor=pages.cursor, limit=pages.limit))


@router.get(
    "/reports/suspense",
    operation_id="report_suspense",
    response_model=SuspensePage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_suspense(
    request: Request,
    session: Session,
    caller: Watchers,
    pages: Pages,
    wanted: Wanted,
    month: Annotated[MonthIn | None, Query(description="Of what was posted in this month only")] = None,
    sort: Annotated[str, _sort(SUSPENSE_SORTS)] = "posted_on",
) -> SuspensePage | Response:
    """What lies in suspense, oldest first. A file (`Accept`) ends with a row of sums."""

    def fetch(session: Session, **place: Any) -> Awaitable[SuspensePage]:
        return service.suspense(session, month=month, sort=sort, summed=wanted not in _ONE_OBJECT_A_ROW, **place)

    if wanted is not Form.JSON:
        return Export(request, caller, wanted, layouts.suspense(month), fetch)
    return pages.linked(await fetch(session, cursor=pages.cursor, limit=pages.limit))


@router.get(
    "/reports/refunds",
    operation_id="report_refunds",
    response_model=RefundPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def report_refunds(
    request: Request,
    session: Session,
    caller: Watchers,
    pages: Pages,
    wanted: Wanted,
    month: Annotated[MonthIn | None, Query(description="Of this month's round only")] = None,
    sort: Annotated[str, _sort(REFUND_SORTS)] = "posted_on",
) -> RefundPage | Response:
    """Refund claims that were submitted, by their postmarks. A file (`Accept`) ends with a row of sums."""

    def fetch(session: Session, **place: Any) -> Awaitable[RefundPage]:
        return service.refunds(session, month=month, sort=sort, summed=wanted not in _ONE_OBJECT_A_ROW, **place)

    if wanted is not Form.JSON:
        return Export(request, caller, wanted, layouts.refunds(month), fetch)
    return pages.linked(await fetch(session, cursor=pages.cursor, limit=pages.limit))
