"""Routes of collection schemes (FE-21)."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from rdss_fee.accounts import service
from rdss_fee.accounts.schemas import SCHEME_SORTS, SchemeIn, SchemeOut, SchemePage
from rdss_fee.deps import Finance, Watchers
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["collection schemes"])


@router.get("/collection-schemes", operation_id="list_collection_schemes")
async def list_schemes(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(SCHEME_SORTS))] = "-effective_from",
) -> SchemePage:
    """How virtual accounts are made, by the months from which on."""
    return pages.linked(await service.list_schemes(session, sort=sort, cursor=pages.cursor, limit=pages.limit))


@router.post(
    "/collection-schemes",
    operation_id="add_collection_scheme",
    response_model=SchemeOut,
    status_code=201,
    openapi_extra=refuses(service.SCHEME_EXISTS, service.MONTHS_BILLED, service.EMPLOYERS_TOO_WIDE),
)
async def add_scheme(body: SchemeIn, once: Once, session: Session, finance: Finance) -> Response:
    """Set how the accounts of all months from one on are made, until a later scheme; none is changed afterwards.

    Refused while an employer's number does not fit (FE-23). Check digits that hold the amount are taken with a warning.
    """
    return await once.run(lambda: service.add_scheme(session, finance, body), status=201)
