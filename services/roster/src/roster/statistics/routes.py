"""Routes of the statistics."""

from typing import Annotated

from fastapi import APIRouter, Query

from roster.deps import CountyOrMinistry
from roster.intake.rules import RosterKind
from roster.statistics import service
from roster.statistics.schemas import By, StatisticsOut
from shared.guard import GuardedRoute
from shared.schemas import LocalDate
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["statistics"])


@router.get("/statistics", operation_id="get_statistics")
async def get_statistics(
    session: Session,
    caller: CountyOrMinistry,
    from_on: Annotated[LocalDate | None, Query(description="First day of arrival; by default 1 January")] = None,
    to_on: Annotated[LocalDate | None, Query(description="Last day of arrival, counted; by default today")] = None,
    kind: RosterKind | None = None,
    by: Annotated[By | None, Query(description="By default a county's by kind, the Ministry's by county")] = None,
) -> StatisticsOut:
    """What arrived in a period and what became of it: filed, approved, rejected, on hold, days taken, overdue.

    A county's officials see their county's; the Ministry's see the sums of all counties, and no man.
    """
    return await service.figures(session, caller, from_on=from_on, to_on=to_on, kind=kind, by=by)
