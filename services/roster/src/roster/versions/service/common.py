"""What correcting and withdrawing have in common: locking, closing entries, telling the county."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.queries import among
from roster.intake.models import Entry, Roster, Submission
from roster.intake.rules import RosterKind
from roster.reference.service import get_school
from roster.review.service import common as review
from roster.review.states import TRANSITIONS, EntryAction, EntryState
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType

ROSTER_OPENED = ProblemType(
    "roster_opened", 409, "名冊已由承辦人開啟，不得整份撤回", "An officer has opened the roster: it cannot be withdrawn"
)
ROSTER_WITHDRAWN = ProblemType(
    "roster_withdrawn", 409, "名冊已撤回或已無學生資料", "The roster was withdrawn, or nobody is left on it"
)


async def lock_own(session: AsyncSession, school: Principal, roster_id: UUID) -> Roster:
    """The school's roster, held, and its submission before it; raises 404.

    The submission is held so that what a school does to rosters of one file is done one after the other: the last
    of them to be withdrawn knows that it is, and nobody comes to stand on two. Other organisations' work does not
    wait for it, and a roster that a transfer adds to the submission neither.
    """
    of_roster = select(Roster.submission_id).where(Roster.id == roster_id, *review.own(school)).scalar_subquery()
    held = select(Submission.id).where(Submission.id == of_roster).with_for_update(key_share=True)
    if await session.scalar(held) is None:
        raise NOT_FOUND()
    return await review.lock_roster(session, school, roster_id)


async def close_entries(
    session: AsyncSession, action: EntryAction, entries: Iterable[tuple[UUID, EntryState]], until: int | None
) -> None:
    """Move entries by `action`; `until`: the version of the roster to which they belong no more."""
    ids: dict[EntryState, list[UUID]] = defaultdict(list)
    for entry_id, state in entries:
        ids[state].append(entry_id)
    for state, of_state in ids.items():
        await session.execute(
            update(Entry)
            .where(among(Entry.id, of_state))
            .values(
                state=TRANSITIONS[state, action].to.value,
                until_version=Entry.until_version if until is None else until,
                version=Entry.version + 1,
            )
        )


async def facts(session: AsyncSession, roster: Roster) -> dict[str, Any]:
    """What every event about a roster says of it."""
    # Who corrects or withdraws a roster is its school.
    assert roster.school_code is not None
    school = await get_school(session, roster.school_code)
    return {
        "roster_id": roster.id,
        "county_code": roster.county_code,
        "school_code": roster.school_code,
        "school_name": school.name,
        "kind": RosterKind(roster.kind),
        "academic_year": roster.academic_year,
        "term": roster.term,
        "version": roster.version,
    }
