"""The route of reassessments (RO-54)."""

from fastapi import APIRouter

from roster.deps import CountyOrAdmin
from roster.reassessments import service
from roster.reassessments.schemas import ReassessmentIn, ReassessmentOut
from shared.cursors import BAD_CURSOR
from shared.guard import GuardedRoute
from shared.refusals import refuses
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["reassessments"])


@router.post("/reassessments", operation_id="reassess_entries", openapi_extra=refuses(BAD_CURSOR))
async def reassess_entries(body: ReassessmentIn, session: Session, caller: CountyOrAdmin) -> ReassessmentOut:
    """Which entries and decisions would be judged otherwise under the law of another day; changes nothing.

    Looks at a part of them, and gives the cursor of the rest. The administrator is told numbers by county, no entries.
    """
    return await service.look_again(session, caller, body)
