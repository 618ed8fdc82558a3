"""Opening a roster: the case officer takes it in hand (seed step 2)."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry
from roster.review.rules import TRANSITIONS, EntryAction, EntryState
from roster.review.schemas import RosterOut
from roster.review.service import common, numbers
from shared import audit, clock
from shared.law import rule
from shared.principals import Principal


@rule("RO-40", "RO-41")
async def open_roster(session: AsyncSession, officer: Principal, roster_id: UUID) -> RosterOut:
    """Bring the received entries of a roster into review and propose a decision number.

    Opening an open roster again changes nothing. A GET never changes a state. Raises 404.
    """
    roster = await common.lock_roster(session, officer, roster_id)
    step = TRANSITIONS[EntryState.RECEIVED, EntryAction.OPEN]
    opened = (
        await session.execute(
            update(Entry)
            .where(Entry.roster_id == roster_id, Entry.state == EntryState.RECEIVED)
            .values(state=step.to, version=Entry.version + 1)
            .returning(Entry.id)
        )
    ).all()
    if opened:
        if roster.opened_at is None:
            roster.opened_at, roster.opened_by = clock.now(), officer.sub
        if roster.proposed_number is None:
            roster.proposed_number = await numbers.allocate(session, roster.county_code)
        roster.revision += 1
        await session.flush()
        await audit.record(session, "roster.opened", "roster", roster_id, {"entries": len(opened)})
    return await common.roster_out(session, officer, roster_id)
