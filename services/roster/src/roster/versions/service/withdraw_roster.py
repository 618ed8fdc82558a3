"""A school takes its roster back, as long as no officer has opened it (RO-09)."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.hints.service import announce
from roster.intake.models import Entry, Submission
from roster.review.queries import GONE
from roster.review.schemas import RosterOut
from roster.review.service.common import roster_out
from roster.review.states import EntryAction, EntryState
from roster.versions import queries
from roster.versions.service import common
from shared import audit, clock, events, preconditions
from shared.law import rule
from shared.principals import Principal


@rule("RO-09", "RO-08", "RO-47")
async def withdraw_roster(session: AsyncSession, school: Principal, roster_id: UUID, seen: int) -> RosterOut:
    """Withdraw every entry of a roster that no officer has opened; `seen` is its version.

    When nobody is left on any roster of the submission, the submission is withdrawn: its content may be sent anew.
    Raises 404; 409 when the roster was opened (send a corrected one then) or withdrawn already; 412.
    """
    roster = await common.lock_own(session, school, roster_id)
    live = select(Entry.id, Entry.state).where(queries.current(roster_id), Entry.state.not_in(GONE))
    found = [(row.id, EntryState(row.state)) for row in await session.execute(live.with_for_update())]
    if roster.opened_at is not None:
        raise common.ROSTER_OPENED(
            detail="請改送更正後之名冊（PUT /roster/v1/rosters/{roster_id}），不再申請者自檔案刪除即可；"
            "已陳核或已核定者不得刪除。",
            detail_en="Send a corrected roster instead (PUT /roster/v1/rosters/{roster_id}) without those who are not"
            " to be on it; who is up for approval or decided cannot be left out.",
        )
    if not found:
        raise common.ROSTER_WITHDRAWN()
    preconditions.require(seen, roster.version)
    await common.close_entries(session, EntryAction.WITHDRAW, found, None)
    roster.revision += 1
    await session.flush()
    if not await queries.anybody_left(session, roster.submission_id):
        await session.execute(
            update(Submission).where(Submission.id == roster.submission_id).values(withdrawn_at=clock.now())
        )
    await audit.record(session, "roster.withdrawn", "roster", roster_id, {"entries": len(found)})
    await announce(session, [entry_id for entry_id, _ in found])
    data = event_types.RosterWithdrawnData(**await common.facts(session, roster), headcount=len(found))
    await events.publish(session, event_types.ROSTER_WITHDRAWN, roster_id, data)
    return await roster_out(session, school, roster_id)
