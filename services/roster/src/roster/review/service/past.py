"""Reading what was: the instant that is asked for, and rosters and rows as they stood then (RO-55, RO-09)."""

from collections import Counter
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Roster
from roster.reference.models import School
from roster.review import queries
from roster.review.schemas import RosterOut
from roster.review.service import common
from roster.review.states import EntryState, roster_state
from roster.versions.models import RosterVersion
from roster.versions.past import TICK, stood
from shared import clock
from shared.db import Base
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType

AS_OF_FUTURE = ProblemType("as_of_future", 422, "所查時點尚未到來", "That instant has not come yet")
AS_OF_OR_VERSION = ProblemType(
    "as_of_or_version", 422, "as_of 與 version 僅得擇一", "Either as_of or version, not both"
)
# Told to those only who may see the thing itself.
NOTHING_THEN = ProblemType(
    "nothing_then", 404, "該時點查無此資料，或早於本系統開始保存歷程", "It was not there then, or its past is not kept"
)
VERSION_UNKNOWN = ProblemType("roster_version_unknown", 404, "名冊無此版次", "The roster has no such version")


@rule("RO-55")
def not_in_future(as_of: datetime | None) -> datetime | None:
    """`as_of`; raises 422 for what has not come yet."""
    if as_of is not None and as_of > clock.now():
        raise AS_OF_FUTURE()
    return as_of


async def instant(
    session: AsyncSession, roster: common.Head, version: int | None, as_of: datetime | None
) -> datetime | None:
    """The instant that is asked for by itself, or as the last one of a version; None: now.

    Raises 422 for both at once or what is in the future, 404 for a version that the roster does not have.
    """
    if version is None:
        return not_in_future(as_of)
    if as_of is not None:
        raise AS_OF_OR_VERSION()
    if version == roster.version:
        return None
    next_one = select(RosterVersion.received_at).where(
        RosterVersion.roster_id == roster.id, RosterVersion.version == version + 1
    )
    replaced: datetime | None = await session.scalar(next_one)
    if version > roster.version or replaced is None:
        raise VERSION_UNKNOWN()
    return replaced - TICK


def day_of(at: datetime | None) -> date:
    """The day that `at` is for the offices, Asia/Taipei; None: today. A moved local clock moves the past with it."""
    today = clock.today()
    if at is None:
        return today
    return today - (clock.now().astimezone(clock.TAIPEI).date() - at.astimezone(clock.TAIPEI).date())


async def row_then(session: AsyncSession, model: type[Base], row_id: UUID, at: datetime) -> RowMapping:
    """A row as it stood at `at`; raises 404 `nothing_then`. The caller has seen to it that he may see the row."""
    found = await session.execute(select(stood(model, [row_id], at)))
    row: RowMapping | None = found.mappings().one_or_none()
    if row is None:
        raise NOTHING_THEN()
    return row


@rule("RO-55")
async def roster_then(session: AsyncSession, principal: Principal, roster_id: UUID, at: datetime) -> RosterOut:
    """A roster as it stood at `at`; raises 404. Its school's name is today's."""
    named = func.coalesce(School.name, Roster.filer_name)
    mine = select(named).select_from(Roster).outerjoin(School, School.code == Roster.school_code)
    name = await session.scalar(mine.where(Roster.id == roster_id, *common.own(principal)))
    if name is None:
        raise NOT_FOUND()
    row = await row_then(session, Roster, roster_id, at)
    entries = queries.entries_of(roster_id, at, principal.org.type, *common.own_entries(principal)).c
    found = await session.execute(
        select(
            entries.state, func.count().label("n"), func.count(entries.national_id_index.distinct()).label("men")
        ).group_by(entries.state)
    )
    counts, men = Counter[str](), Counter[str]()
    for then, n, distinct in found:
        counts[then], men[then] = n, distinct
    return common.as_roster(principal, cells(row, name, counts, men, day_of(at)))


def cells(row: common.Cells, school_name: str, counts: Counter[str], men: Counter[str], day: date) -> dict[str, Any]:
    """A row of `queries.rosters` for a roster of the past; `counts` and `men` by state of its entries."""
    return {
        **row,
        "school_name": school_name,
        "headcount": sum(men[state] for state in EntryState if state not in queries.GONE),
        "days_waiting": max((day - row["received_on"]).days, 0),
        "state": roster_state(EntryState(state) for state in counts),
        **{state: counts[state] for state in EntryState},
    }
