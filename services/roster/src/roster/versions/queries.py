"""What is read of a roster's versions."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.queries import among
from roster.intake.models import Entry, Roster
from roster.review.queries import GONE
from roster.versions.models import RosterVersion

_BY_COUNTY = "county:"


def current(roster_id: UUID) -> ColumnElement[bool]:
    """The condition: an entry of the roster's current version."""
    return and_(Entry.roster_id == roster_id, Entry.until_version.is_(None))


async def version_of(session: AsyncSession, roster_id: UUID, version: int) -> RosterVersion | None:
    """A version of a roster; None where it came by a release that kept none."""
    query = select(RosterVersion).where(RosterVersion.roster_id == roster_id, RosterVersion.version == version)
    found: RosterVersion | None = await session.scalar(query)
    return found


def made_by_county(county_code: str) -> str:
    """`received_by` of a roster that a county's transfer made: no account of its school sent it."""
    return _BY_COUNTY + county_code


def county_that_made(version: RosterVersion) -> str | None:
    """The county whose transfer made the roster; None for a school's file, and where it was not kept."""
    made = not version.row_count and version.received_by.startswith(_BY_COUNTY)
    return version.received_by.removeprefix(_BY_COUNTY) if made else None


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
