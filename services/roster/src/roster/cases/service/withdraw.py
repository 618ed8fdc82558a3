"""Taking back a man whom one filed, as long as no officer has opened him (RO-09 for what no school files)."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.cases import queries as cases
from roster.cases.schemas import CaseOut
from roster.cases.service.read import get_case
from roster.hints.service import announce
from roster.intake.models import Entry, Roster, Submission
from roster.review.states import EntryAction, EntryState
from roster.versions import queries
from roster.versions.service import common
from shared import audit, clock
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType

CASE_OPENED = ProblemType(
    "case_opened",
    409,
    "縣市承辦人已開啟審查或已撤件，不得撤回",
    "The county has opened it, or it was taken back already",
)


@rule("RO-09", "RO-70", "RO-71", "RO-72")
async def withdraw_case(session: AsyncSession, filer: Principal, entry_id: UUID) -> CaseOut:
    """Withdraw one man; with the last of a filing the same may be filed anew (RO-08).

    Raises 404 for what somebody else filed; 409 once an officer has opened it.
    """
    mine = (Entry.id == entry_id, *cases.filed_by(filer))
    roster_id = await session.scalar(select(Entry.roster_id).where(*mine))
    of_roster = select(Roster.submission_id).where(Roster.id == roster_id).scalar_subquery()
    # In the order in which everybody takes these locks: submission, roster, entry.
    held = select(Submission.id).where(Submission.id == of_roster).with_for_update(key_share=True)
    submission_id = await session.scalar(held)
    if submission_id is None:
        raise NOT_FOUND()
    await session.execute(select(Roster.id).where(Roster.id == roster_id).with_for_update())
    state = await session.scalar(select(Entry.state).where(*mine).execution_options(populate_existing=True))
    if state != EntryState.RECEIVED:
        raise CASE_OPENED()
    await common.close_entries(session, EntryAction.WITHDRAW, [(entry_id, EntryState.RECEIVED)], None)
    await session.execute(update(Roster).where(Roster.id == roster_id).values(revision=Roster.revision + 1))
    if not await queries.anybody_left(session, submission_id):
        await session.execute(update(Submission).where(Submission.id == submission_id).values(withdrawn_at=clock.now()))
    await audit.record(session, "case.withdrawn", "entry", entry_id)
    await announce(session, [entry_id])
    return await get_case(session, filer, entry_id)
