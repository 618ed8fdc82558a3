"""When a roster, or one man of it, had to be filed, and how that day came about (RO-63)."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.deadlines import cessation_deadline
from roster.intake.models import Entry, Roster
from roster.intake.rules import CessationReason, RosterKind
from roster.reference import service as reference
from roster.review.service import common
from shared.deadlines import DeadlineOut
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@rule("RO-63")
async def of_roster(session: AsyncSession, principal: Principal, roster_id: UUID) -> DeadlineOut | None:
    """The chain as it was when the roster came in; of a cessation that of the man who left first.

    None where the law sets no period, and for rosters that came in before the chain was kept. Raises 404.
    """
    mine = select(Roster.deadline_chain).where(Roster.id == roster_id, *common.own(principal))
    found = (await session.execute(mine)).one_or_none()
    if found is None:
        raise NOT_FOUND()
    return None if found[0] is None else DeadlineOut.model_validate(found[0])


@rule("RO-63")
async def of_entry(session: AsyncSession, principal: Principal, entry_id: UUID) -> DeadlineOut | None:
    """The one man's: 30 days from the day on which he left (Art. 16), by the calendar of today; else his roster's.

    Raises 404.
    """
    columns = (Entry.roster_id, Entry.county_code, Entry.cessation_reason, Entry.left_on, Roster.kind)
    his = select(*columns).join(Roster, Roster.id == Entry.roster_id)
    row = (await session.execute(his.where(Entry.id == entry_id, *common.own_entries(principal)))).one_or_none()
    if row is None:
        raise NOT_FOUND()
    if row.kind != RosterKind.CESSATION:
        return await of_roster(session, principal, row.roster_id)
    if row.cessation_reason is None or row.left_on is None:
        return None
    calendar = await reference.working_calendar(session)
    found = cessation_deadline(CessationReason(row.cessation_reason), row.left_on, calendar, row.county_code)
    return None if found is None else DeadlineOut.of(found)
