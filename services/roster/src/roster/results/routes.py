"""Routes of the results."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from roster.deps import SchoolOrCounty
from roster.results import service
from roster.results.schemas import ResultEntryPage, ResultPage, ResultSearch, ResultSearchOut
from shared.db import Session
from shared.guard import GuardedRoute

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["results"])

Cursor = Annotated[str | None, Query(max_length=2_000)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/result-searches", operation_id="search_results")
async def search_results(body: ResultSearch, session: Session, caller: SchoolOrCounty) -> ResultSearchOut:
    """Search by national ID, school, decision number, kind, decision, days; the ID never stands in an address."""
    return await service.search_results(session, caller, body)


@router.get("/results", operation_id="list_results")
async def list_results(
    session: Session,
    caller: SchoolOrCounty,
    search: Annotated[str | None, Query(max_length=2_000, description="A sealed search")] = None,
    sort: Annotated[str, Query(max_length=40)] = "-submitted_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ResultPage:
    """Rosters with an entry for approval or decided, newest first."""
    return await service.list_results(session, caller, search=search, sort=sort, cursor=cursor, limit=limit)


@router.get("/results/{roster_id}/entries", operation_id="list_result_entries")
async def list_result_entries(
    roster_id: UUID, session: Session, caller: SchoolOrCounty, cursor: Cursor = None, limit: Limit = 50
) -> ResultEntryPage:
    """One row a man: state, decision, day, and his own decision number."""
    return await service.list_result_entries(session, caller, roster_id, cursor=cursor, limit=limit)
