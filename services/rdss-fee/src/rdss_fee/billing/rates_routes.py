"""Routes of rates (FE-02)."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from rdss_fee.billing import rates_service as service
from rdss_fee.billing.rates import Degree
from rdss_fee.billing.rates_schemas import RATE_SORTS, RateIn, RateOut, RatePage
from rdss_fee.deps import Finance, Reader
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["rates"])


@router.get("/rates", operation_id="list_rates")
async def list_rates(
    session: Session,
    _caller: Reader,
    pages: Pages,
    degree: Degree | None = None,
    replaced: Annotated[bool, Query(description="Also those that another has replaced")] = False,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(RATE_SORTS))] = "-effective_from",
) -> RatePage:
    """The monthly rates, each with the day it took effect and the document that announced it."""
    found = await service.list_rates(
        session, degree=degree, replaced=replaced, sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(found)


@router.post(
    "/rates",
    operation_id="add_rate",
    response_model=RateOut,
    status_code=201,
    openapi_extra=refuses(service.RATE_KNOWN),
)
async def add_rate(body: RateIn, once: Once, session: Session, finance: Finance) -> Response:
    """Make a rate known; one of the same category, degree, cohort and month is replaced by it.

    It prices months that are billed from now on. A month that was billed keeps its price (FE-02).
    """
    return await once.run(lambda: service.add_rate(session, finance, body), status=201)
