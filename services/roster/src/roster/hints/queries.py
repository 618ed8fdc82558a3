"""What judging reads of entries, rosters, deferments and the registry's answers."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    FromClause,
    LargeBinary,
    Row,
    Uuid,
    and_,
    any_,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from roster.cases.models import CaseFile
from roster.deferments.models import Deferment
from roster.intake.models import Entry, Roster
from roster.intake.rules import CERTIFICATES
from roster.reference.models import School
from roster.registry.models import RegistryFact
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.states import Decision, EntryState

Record = Row[*tuple[Any, ...]]
"""A row of a select; its columns are its attributes."""

UNDECIDED = (EntryState.RECEIVED, EntryState.IN_REVIEW, EntryState.ON_HOLD, EntryState.FOR_APPROVAL)

_JUDGED = (
    Entry.id, Entry.roster_id, Entry.row_no, Entry.state, Entry.school_code, Entry.county_code,
    Entry.national_id_index, Entry.birth_date,
    Entry.division, Entry.level, Entry.nominal_years, Entry.department, Entry.enrolled_on,
    Entry.expected_graduation_on, Entry.extended_until, Entry.cessation_reason, Entry.left_on,
    Entry.overseas_compatriot, Entry.experimental_education, Entry.status_recognised, Entry.prior_graduated_level,
    Entry.prior_graduated_on, Entry.moi_approval_no, Entry.certificate_on, Entry.enrolment_recognised,
    Entry.judged_at, Entry.last_day, Entry.hint_set, Entry.filed_on, Entry.certified_school,
)  # fmt: skip
_TERMS = (Roster.kind, Roster.academic_year, Roster.term, Roster.deadline, Roster.case_kind)


def its_roster(*columns: InstrumentedAttribute[Any]) -> FromClause:
    """These of the roster of an `Entry`, to be joined to it.

    Looked up for each entry: row-level security makes PostgreSQL expect few rosters, and a plain join begins at all of
    them and reads every entry that there is.
    """
    return select(*columns).where(Roster.id == Entry.roster_id).limit(1).lateral("its_roster")


async def read_all(session: AsyncSession, query: Executable) -> Sequence[Record]:
    """The rows of `query`."""
    return (await session.execute(query)).all()


def among(column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """The condition: `column` is one of `values`, sent as one array whatever their number."""
    kind = Uuid() if isinstance(column.type, Uuid) else LargeBinary()
    return column == any_(literal(list(values), ARRAY(kind)))


async def judged(
    session: AsyncSession, entry_ids: Sequence[UUID], states: Sequence[EntryState] = UNDECIDED
) -> Sequence[Record]:
    """The undecided ones of `entry_ids` with what the legal tests read; a decided entry keeps its hints (RO-54).

    `states`: those of others too, where nothing is stored.
    """
    roster = its_roster(*_TERMS)
    query = (
        select(*_JUDGED, *roster.c)
        .select_from(Entry)
        .join(roster, true())
        .where(among(Entry.id, entry_ids), Entry.state.in_(states))
    )
    return await read_all(session, query)


async def undecided_of(session: AsyncSession, men: Collection[bytes]) -> Sequence[Record]:
    """Every undecided entry of these men, with its school's or other filer's name: id, national_id_index, roster_id,
    school_code."""
    roster = its_roster(Roster.filer_name)
    name = func.coalesce(School.name, roster.c.filer_name).label("school_name")
    query = (
        select(Entry.id, Entry.national_id_index, Entry.roster_id, Entry.school_code, name)
        .select_from(Entry)
        .join(roster, true())
        .outerjoin(School, School.code == Entry.school_code)
        .where(among(Entry.national_id_index, men), Entry.state.in_(UNDECIDED))
        .order_by(Entry.id)
    )
    return await read_all(session, query)


async def certificates_of(session: AsyncSession, men: Collection[bytes]) -> Sequence[Record]:
    """The certificates that townships handed in for these men (Art. 12): national_id_index, certified_school; and
    `rejected`, the decision's number, with its day, where it was."""
    rejected = and_(
        DecisionRecord.entry_id == Entry.id,
        current(),
        DecisionRecord.decision == Decision.REJECTED,
    )
    query = (
        select(
            CaseFile.national_id_index,
            Entry.certified_school,
            DecisionRecord.decision_number.label("rejected"),
            DecisionRecord.decided_on,
        )
        .join(Entry, Entry.id == CaseFile.entry_id)
        .outerjoin(DecisionRecord, rejected)
        .where(
            among(CaseFile.national_id_index, men),
            CaseFile.case_kind.in_(CERTIFICATES),
            Entry.state.not_in((EntryState.WITHDRAWN, EntryState.SUPERSEDED)),
        )
        .order_by(CaseFile.entry_id)
    )
    return await read_all(session, query)


async def men_on(session: AsyncSession, entry_ids: Collection[UUID]) -> set[bytes]:
    """The blind indexes of the men on these entries."""
    found = await session.scalars(select(Entry.national_id_index).where(among(Entry.id, entry_ids)))
    return set(found)


async def deferments_of(session: AsyncSession, men: Collection[bytes]) -> Sequence[Record]:
    """Every deferment of these men, the oldest first."""
    columns = [c for c in Deferment.__table__.c if c.name != "national_id"]
    query = (
        select(*columns, School.name.label("school_name"))
        .outerjoin(School, School.code == Deferment.school_code)
        .where(among(Deferment.national_id_index, men))
        .order_by(Deferment.created_at, Deferment.id)
    )
    return await read_all(session, query)


async def facts_of(session: AsyncSession, entry_ids: Collection[UUID]) -> dict[UUID, RegistryFact]:
    """The registry's answers."""
    found = await session.scalars(
        select(RegistryFact).where(among(RegistryFact.entry_id, entry_ids)).execution_options(populate_existing=True)
    )
    return {fact.entry_id: fact for fact in found}
