"""Which rosters a search of the results finds (RO-60), found cheaply: from its most selective side, nothing counted.

Row-level security makes PostgreSQL expect a fiftieth of the rows there are, so that it does not see what is selective:
it would look through every roster of the county for one man, and count every roster's entries for the page of fifty.
So what a man or a number leads to is asked first, then the page's rosters are chosen, and only these are counted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, Subquery, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from roster.hints.queries import among
from roster.intake.models import Entry, Roster
from roster.reference.models import School
from roster.review import queries
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.service.common import own, own_entries
from roster.review.states import EntryState
from shared.principals import Principal

UNCOUNTED: Final = frozenset(
    {"submitted_at", "submitted_on", "kind", "case_kind", "school_code", "school_name", "county_code", "academic_year",
     "term"}
)  # fmt: skip
"""What results can be ordered by without counting anybody."""
_Numbered = aliased(DecisionRecord)

_SHOWN: Final = (EntryState.FOR_APPROVAL, EntryState.DECIDED)
_BY_INDEX = text("SELECT set_config('enable_seqscan', :on, true), set_config('enable_sort', :on, true)")


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search as it is sealed: the man by his blind index, dates as text."""

    man: str | None = None
    school_name: str | None = None
    decision_number: str | None = None
    kind: str | None = None
    decision: str | None = None
    from_on: str | None = None
    to_on: str | None = None


def men(principal: Principal, criteria: Criteria) -> list[ColumnElement[bool]]:
    """Conditions that men of the roster meet: one and the same man meets all of them."""
    about: list[ColumnElement[bool]] = []
    if criteria.man:
        about.append(Entry.national_id_index == bytes.fromhex(criteria.man))
    if criteria.decision_number:
        # A number that stands on a letter leads to the man, also where that decision was corrected since (RO-52).
        numbered = select(_Numbered.entry_id).where(_Numbered.decision_number == criteria.decision_number)
        about.append(Entry.id.in_(numbered))
    if criteria.decision:
        about.append(DecisionRecord.decision == criteria.decision)
    for told, column_is in ((criteria.from_on, "__ge__"), (criteria.to_on, "__le__")):
        if told:
            day = date.fromisoformat(told)
            about.append(
                or_(
                    getattr(DecisionRecord.decided_on, column_is)(day),
                    and_(DecisionRecord.decided_on.is_(None), getattr(Roster.received_on, column_is)(day)),
                )
            )
    if not about:
        return []
    found = select(1).select_from(Entry)
    if criteria.decision or criteria.from_on or criteria.to_on:
        found = found.outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
    found = found.where(
        Entry.roster_id == Roster.id, Entry.state.not_in(queries.GONE), *own_entries(principal), *about
    ).correlate(Roster)
    return [found.exists()]


async def narrowed(session: AsyncSession, principal: Principal, criteria: Criteria) -> list[ColumnElement[bool]]:
    """The condition that the search's man or number sets to rosters by itself; `men` says the rest."""
    if criteria.man:
        by_man = Entry.national_id_index == bytes.fromhex(criteria.man)
        found = select(Entry.roster_id).where(by_man, *own_entries(principal))
    elif criteria.decision_number:
        column = DecisionRecord.school_code if principal.org.type == "school" else DecisionRecord.county_code
        by_number = DecisionRecord.decision_number == criteria.decision_number
        found = select(DecisionRecord.roster_id).where(column == principal.org.code, by_number)
    else:
        return []
    return [among(Roster.id, set(await session.scalars(found.distinct())))]


def chosen(principal: Principal, criteria: Criteria, *where: ColumnElement[bool]) -> Subquery:
    """The rosters of a search, with the columns that are there uncounted, as `queries.rosters` names them."""
    school_name = func.coalesce(School.name, Roster.filer_name)
    shown = queries.shown_state(Entry, principal.org.type).in_(_SHOWN)
    of_roster = (Entry.roster_id == Roster.id, Entry.until_version.is_(None))
    wanted = [*own(principal), *where, *men(principal, criteria), select(1).where(*of_roster, shown).exists()]
    if criteria.school_name:
        wanted.append(school_name.contains(criteria.school_name, autoescape=True))
    if criteria.kind:
        wanted.append(Roster.kind == criteria.kind)
    return (
        select(
            Roster.id,
            Roster.received_at.label("submitted_at"),
            Roster.received_on.label("submitted_on"),
            Roster.kind,
            Roster.case_kind,
            func.coalesce(Roster.school_code, "").label("school_code"),
            school_name.label("school_name"),
            Roster.county_code,
            Roster.academic_year,
            Roster.term,
        )
        .outerjoin(School, School.code == Roster.school_code)
        .where(*wanted)
        .subquery("chosen")
    )


@asynccontextmanager
async def walking(session: AsyncSession, criteria: Criteria, sort: str) -> AsyncIterator[None]:
    """What is asked meanwhile walks along the index of arrivals, if that is the order and nothing narrows the search.

    Left to itself PostgreSQL would look at all rosters and sort them, because it expects fewer than fill a page.
    """
    broad = not (criteria.man or criteria.decision_number or criteria.school_name)
    if not broad or sort.removeprefix("-") != "submitted_at":
        yield
        return
    await session.execute(_BY_INDEX, {"on": "off"})
    yield
    await session.execute(_BY_INDEX, {"on": "on"})
