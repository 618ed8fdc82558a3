"""Which rosters a search of the results finds (RO-60), found cheaply: from its most selective side, nothing counted.

Row-level security makes PostgreSQL expect a fiftieth of the rows there are, so that it does not see what is selective:
it would look through every roster of the county for one man, and count every roster's entries for the page of fifty.
So what a man or a number leads to is asked first, then the page's rosters are chosen, and only these are counted.
"""

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    LargeBinary,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from roster.intake.models import Entry, Roster
from roster.reference.models import School
from roster.review import queries
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.states import EntryState
from shared.principals import Principal
from shared.statements import Statement

UNCOUNTED: Final = frozenset(
    {"submitted_at", "submitted_on", "kind", "case_kind", "school_code", "school_name", "county_code", "academic_year",
     "term"}
)  # fmt: skip
"""What results can be ordered by without counting anybody."""
_Numbered = aliased(DecisionRecord)

_SHOWN: Final = (EntryState.FOR_APPROVAL, EntryState.DECIDED)
# What leads to few rosters by itself, the more selective first.
_LEADING: Final = ("man", "decision_number")
_BY_MAN: Final = Entry.national_id_index == bindparam("man", type_=LargeBinary())
_NUMBER: Final = bindparam("decision_number", type_=Text())
ORG: Final = bindparam("org", type_=Text())
"""The code of the organisation that searches."""


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

    def given(self) -> dict[str, Any]:
        """What is searched by, as values of the parameters that bear these names."""
        values: dict[str, Any] = {name: value for name, value in asdict(self).items() if value}
        if self.man:
            values["man"] = bytes.fromhex(self.man)
        return values | {name: date.fromisoformat(values[name]) for name in ("from_on", "to_on") if name in values}


def own(of: type[Roster | Entry | DecisionRecord], org_type: str) -> ColumnElement[bool]:
    """The organisation's own rows of a table: the first filter, with row-level security behind it."""
    return (of.school_code if org_type == "school" else of.county_code) == ORG


def _men(org_type: str, asked: Set[str]) -> list[ColumnElement[bool]]:
    """Conditions that men of the roster meet: one and the same man meets all of them."""
    about: list[ColumnElement[bool]] = []
    if "man" in asked:
        about.append(_BY_MAN)
    if "decision_number" in asked:
        # A number that stands on a letter leads to the man, also where that decision was corrected since (RO-52).
        numbered = select(_Numbered.entry_id).where(_Numbered.decision_number == _NUMBER)
        about.append(Entry.id.in_(numbered))
    if "decision" in asked:
        about.append(DecisionRecord.decision == bindparam("decision", type_=Text()))
    for name, column_is in (("from_on", "__ge__"), ("to_on", "__le__")):
        if name in asked:
            day = bindparam(name, type_=Date())
            about.append(
                or_(
                    getattr(DecisionRecord.decided_on, column_is)(day),
                    and_(DecisionRecord.decided_on.is_(None), getattr(Roster.received_on, column_is)(day)),
                )
            )
    if not about:
        return []
    found = select(1).select_from(Entry)
    if asked & {"decision", "from_on", "to_on"}:
        found = found.outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
    found = found.where(
        Entry.roster_id == Roster.id, Entry.state.not_in(queries.GONE), own(Entry, org_type), *about
    ).correlate(Roster)
    return [found.exists()]


async def narrowed(
    connection: asyncpg.Connection, principal: Principal, given: Mapping[str, Any]
) -> dict[str, list[UUID]]:
    """The parameter by which a man or a number narrows a search by itself: the rosters that it leads to."""
    by = next((name for name in _LEADING if name in given), None)
    if by is None:
        return {}
    found = await _led_to(principal.org.type, by).rows(connection, org=principal.org.code, **{by: given[by]})
    return {"narrowed": [roster_id for (roster_id,) in found]}


@cache
def _led_to(org_type: str, by: str) -> Statement:
    if by == "man":
        return Statement(select(Entry.roster_id).where(_BY_MAN, own(Entry, org_type)).distinct())
    numbered = select(DecisionRecord.roster_id).where(DecisionRecord.decision_number == _NUMBER)
    return Statement(numbered.where(own(DecisionRecord, org_type)).distinct())


def chosen(org_type: str, asked: Set[str]) -> Subquery:
    """The rosters of a search, with the columns that are there uncounted, as `queries.rosters` names them."""
    school_name = func.coalesce(School.name, Roster.filer_name)
    shown = queries.shown_state(Entry, org_type).in_(_SHOWN)
    of_roster = (Entry.roster_id == Roster.id, Entry.until_version.is_(None))
    wanted = [own(Roster, org_type), *_men(org_type, asked), select(1).where(*of_roster, shown).exists()]
    if asked & set(_LEADING):
        wanted.append(Roster.id == func.any(bindparam("narrowed", type_=ARRAY(Uuid()))))
    if "school_name" in asked:
        part = bindparam("school_name", type_=Text())
        # The schools first: they are fewer than rosters. A roster that no school filed bears the name of who did.
        named = Roster.school_code.in_(select(School.code).where(func.strpos(School.name, part) > 0))
        wanted.append(or_(named, and_(Roster.school_code.is_(None), func.strpos(Roster.filer_name, part) > 0)))
    if "kind" in asked:
        wanted.append(Roster.kind == bindparam("kind", type_=Text()))
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
