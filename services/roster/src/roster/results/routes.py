"""Routes of the results."""

from collections.abc import Awaitable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from roster import reports
from roster.deps import SchoolOrCounty
from roster.results import searching, service
from roster.results.schemas import (
    COUNTY_MEN_SORTS,
    MEN_SORTS,
    SORTS,
    ResultEntryPage,
    ResultPage,
    ResultSearch,
    ResultSearchOut,
)
from roster.review.states import Decision, EntryState
from shared.exports import FORMS, REFUSED, Export, Listing, Wanted
from shared.guard import GuardedRoute
from shared.pages import Pages, link_next
from shared.papers.forms import Form
from shared.principals import Principal
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session, database_of

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["results"])


@router.post(
    "/result-searches",
    operation_id="search_results",
    response_model=ResultSearchOut,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def search_results(
    request: Request, body: ResultSearch, caller: SchoolOrCounty, wanted: Wanted, response: Response
) -> ResultSearchOut | Response:
    """Search by national ID, school, decision number, kind, decision, days; the ID never stands in an address."""
    if wanted is not Form.JSON:
        return _report(request, caller, wanted, searching.seal_search(caller, body), body.sort)
    page = await searching.search_results(database_of(request), caller, body)
    query = {"search": page.search, "sort": body.sort, "limit": str(body.limit)}
    response.headers.update(link_next(f"{router.prefix}/results", query, page.next_cursor))
    return page


@router.get(
    "/results", operation_id="list_results", response_model=ResultPage, responses=FORMS, openapi_extra=refuses(*REFUSED)
)
async def list_results(
    request: Request,
    caller: SchoolOrCounty,
    pages: Pages,
    wanted: Wanted,
    search: Annotated[str | None, Query(max_length=2_000, description="A sealed search")] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(SORTS))] = "-submitted_at",
) -> ResultPage | Response:
    """Rosters with an entry for approval or decided, newest first."""
    if wanted is not Form.JSON:
        return _report(request, caller, wanted, search, sort)
    page = await searching.list_results(
        database_of(request), caller, search=search, sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)


def _report(request: Request, caller: Principal, form: Form, search: str | None, sort: str) -> Response:
    def fetch(session: Session, **place: Any) -> Awaitable[ResultPage]:
        return searching.report_results(session, caller, search=search, sort=sort, **place)

    return Export(request, caller, form, reports.RESULTS, fetch)


@router.get(
    "/results/{roster_id}/entries",
    operation_id="list_result_entries",
    response_model=ResultEntryPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def list_result_entries(
    roster_id: UUID,
    caller: SchoolOrCounty,
    listed: Listing,
    state: EntryState | None = None,
    decision: Decision | None = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(MEN_SORTS + COUNTY_MEN_SORTS))] = "row_no",
) -> ResultEntryPage | Response:
    """One row a man: state, decision, day, and his own decision number."""
    fetch = partial(
        service.list_result_entries, principal=caller, roster_id=roster_id, state=state, decision=decision, sort=sort
    )
    return await listed.answer(caller, reports.result_entries(caller, roster_id), fetch)
