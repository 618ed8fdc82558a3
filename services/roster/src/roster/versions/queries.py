"""What is read of a roster's versions."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.queries import among
from roster.intake.models import Entry, Roster
from roster.review.queries import GONE


def current(roster_id: UUID) -> ColumnElement[bool]:
    """The condition: an entry of the roster's current version."""
    return and_(Entry.roster_id == roster_id, Entry.until_version.is_(None))


async def standing_elsewhere(session: AsyncSession, roster: Roster, men: Collection[bytes]) -> dict[bytes, str]:
    """Which of these men stand on another roster of the same submission, and whose that is."""
    found = await session.execute(
        select(Entry.national_id_index, Entry.county_code)
        .join(Roster, Roster.id == Entry.roster_id)
        .where(
            Roster.submission_id == roster.submission_id,
            Roster.id != roster.id,
            Entry.state.not_in(GONE),
            among(Entry.national_id_index, men),
        )
    )
    return {row.national_id_index: row.county_code for row in found}


async def anybody_left(session: AsyncSession, submission_id: UUID) -> bool:
    """Whether any entry of a submission is neither withdrawn nor superseded."""
    found = await session.scalar(
        select(Entry.id)
        .join(Roster, Roster.id == Entry.roster_id)
        .where(Roster.submission_id == submission_id, Entry.state.not_in(GONE))
        .limit(1)
    )
    return found is not None
