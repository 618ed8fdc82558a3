"""Routes of the results."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from roster.deps import SchoolOrCounty
from roster.results import service
from roster.results.schemas import ResultEntryPage, ResultPage, ResultSearch, ResultSearchOut
from shared.db import Session
from shared.guard import GuardedRoute
from shared.pages import Pages, link_next

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["results"])


@router.post("/result-searches", operation_id="search_results")
async def search_results(
    body: ResultSearch, session: Session, caller: SchoolOrCounty, response: Response
) -> ResultSearchOut:
    """Search by national ID, school, decision number, kind, decision, days; the ID never stands in an address."""
    page = await service.search_results(session, caller, body)
    query = {"search": page.search, "sort": body.sort, "limit": str(body.limit)}
    link_next(response, f"{router.prefix}/results", query, page)
    return page


@router.get("/results", operation_id="list_results")
async def list_results(
    session: Session,
    caller: SchoolOrCounty,
    pages: Pages,
    search: Annotated[str | None, Query(max_length=2_000, description="A sealed search")] = None,
    sort: Annotated[str, Query(max_length=40)] = "-submitted_at",
) -> ResultPage:
    """Rosters with an entry for approval or decided, newest first."""
    page = await service.list_results(session, caller, search=search, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/results/{roster_id}/entries", operation_id="list_result_entries")
async def list_result_entries(
    roster_id: UUID, session: Session, caller: SchoolOrCounty, pages: Pages
) -> ResultEntryPage:
    """One row a man: state, decision, day, and his own decision number."""
    page = await service.list_result_entries(session, caller, roster_id, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)
