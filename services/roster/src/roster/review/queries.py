"""Named selects of the review: rosters with their counts, entries with what stands beside them, batches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    RowMapping,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from roster.deferments.models import Deferment
from roster.hints.models import HintRow
from roster.hints.queries import among
from roster.intake.models import Entry, Roster
from roster.intake.rules import CERTIFICATES
from roster.reference.models import School
from roster.registry.models import RegistryFact
from roster.review.current import current
from roster.review.models import Batch, BatchEntry, DecisionRecord
from roster.review.rules import BatchState, EntryState, RosterState
from roster.versions.past import stood
from shared.db import context_of

GONE = (EntryState.WITHDRAWN, EntryState.SUPERSEDED)
_PENDING = (EntryState.RECEIVED, EntryState.IN_REVIEW, EntryState.ON_HOLD, EntryState.FOR_APPROVAL)
# A roster without a deadline sorts behind all that have one.
_NO_DEADLINE = date(9999, 12, 31)


def shown_state(cells: Any, org_type: str) -> ColumnElement[str]:
    """The state of entries (or of rows that hold their columns) for a caller.

    A decision that is being corrected stands until it is: to a school its entry stays decided (RO-52).
    """
    state: ColumnElement[str] = cells.state
    if org_type != "school":
        return state
    return case((cells.corrects.is_not(None), literal(EntryState.DECIDED.value)), else_=state)


def rosters(today: date | ColumnElement[date], org_type: str, *where: ColumnElement[bool]) -> Subquery:
    """Rosters with school, the derived state, the days they have waited, and of their current version the headcount
    and the entries by state, as a caller of `org_type` is shown them.

    The state repeats `rules.roster_state` in SQL so that it can be filtered and sorted by; a test holds the two
    together.
    """
    now = today if isinstance(today, ColumnElement) else literal(today)
    shown = shown_state(Entry, org_type)
    counts = {state: func.count().filter(shown == state).label(state) for state in EntryState}
    sums = (
        select(
            func.count(Entry.national_id_index.distinct()).filter(Entry.state.not_in(GONE)).label("headcount"),
            func.count().filter(shown.in_(_PENDING)).label("pending"),
            *counts.values(),
        )
        .where(Entry.roster_id == Roster.id, Entry.until_version.is_(None))
        .lateral()
    )
    state = case(
        (sums.c.pending > 0, literal(RosterState.PENDING.value)),
        (sums.c.decided > 0, literal(RosterState.DECIDED.value)),
        else_=literal(RosterState.WITHDRAWN.value),
    )
    return (
        select(
            *(c for c in Roster.__table__.c if c.name not in ("deadline", "deadline_chain", "school_code")),
            # A roster that no school filed sorts before all of schools, and bears the name of who did.
            func.coalesce(Roster.school_code, "").label("school_code"),
            func.coalesce(School.name, Roster.filer_name).label("school_name"),
            func.coalesce(Roster.case_kind.in_(CERTIFICATES), False).label("urgent"),
            func.coalesce(Roster.deadline, _NO_DEADLINE).label("deadline"),
            # A tester may move the local clock to a day before the roster came.
            func.greatest((now - Roster.received_on).cast(Integer), 0, type_=Integer).label("days_waiting"),
            func.greatest((Roster.received_on - Roster.deadline).cast(Integer), 0, type_=Integer).label("days_late"),
            sums,
            state.label("state"),
        )
        .outerjoin(School, School.code == Roster.school_code)
        .join(sums, true())
        .where(*where)
        .subquery("rosters")
    )


def deadline_of(row: Mapping[Any, Any]) -> date | None:
    """The deadline of a row of `rosters`."""
    deadline: date = row["deadline"]
    return None if deadline == _NO_DEADLINE else deadline


def batches(*where: ColumnElement[bool]) -> Subquery:
    """Batches with their roster's school, kind and term, and how many entries they hold."""
    held = (
        select(func.count().label("headcount"))
        .where(
            BatchEntry.batch_id == Batch.id,
            (BatchEntry.left_as.is_(None)) | (BatchEntry.left_as == Batch.state),
        )
        .lateral()
    )
    return (
        select(
            *Batch.__table__.c,
            func.coalesce(School.name, Roster.filer_name).label("school_name"),
            Roster.case_kind,
            Roster.kind,
            Roster.academic_year,
            Roster.term,
            held,
        )
        .join(Roster, Roster.id == Batch.roster_id)
        .outerjoin(School, School.code == Batch.school_code)
        .join(held, true())
        .where(*where)
        .subquery("batches")
    )


def entries(*where: ColumnElement[bool]) -> Select[Any]:
    """Whole entries as rows (national IDs opened)."""
    return select(*Entry.__table__.c).where(*where)


def entries_of(roster_id: Any, at: datetime | None, org_type: str, *own: ColumnElement[bool]) -> Subquery:
    """The entries of a roster's version, the current one or the one of `at` as it stood then, each in the state that a
    caller of `org_type` is shown."""
    of_roster = (Entry.roster_id == roster_id, *own)
    if at is None:
        cells, where = Entry.__table__.c, of_roster
    else:
        cells, where = stood(Entry, select(Entry.id).where(*of_roster), at).c, ()
    shown = shown_state(cells, org_type).label("state")
    columns = (column for column in cells if column.name != "state")
    return select(*columns, shown).where(*where, cells.until_version.is_(None)).subquery("entries")


def asked(rows: FromClause, roster_id: Any, org_type: str, filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """The conditions of a search in `entries_of`, by the names of its filters; values or bind parameters."""
    conditions: dict[str, Callable[[Any], ColumnElement[bool]]] = {
        "state": lambda state: rows.c.state == state,
        "hint": lambda code: hinted(rows, roster_id, HintRow.code == code, org_type),
        "severity": lambda weight: hinted(rows, roster_id, HintRow.severity == weight, org_type),
        "township_code": lambda code: rows.c.township_code == code,
        "batch_id": lambda batch: rows.c.batch_id == batch,
    }
    return [conditions[name](value) for name, value in filters.items()]


def hinted(rows: FromClause, roster_id: Any, which: ColumnElement[bool], org_type: str) -> ColumnElement[bool]:
    """The condition on `entries_of`: the entry has, or had then, such a hint, among those the caller may see."""
    with_it = select(HintRow.set_id).where(HintRow.roster_id == roster_id, which, *shown_to(org_type))
    return rows.c.hint_set.in_(with_it)


def with_hint(code: str, org_type: str) -> ColumnElement[bool]:
    """The condition: the entry has this hint, among those the caller may see."""
    return _has(HintRow.code == code, *shown_to(org_type))


def clean() -> ColumnElement[bool]:
    """The condition: judged, with neither a blocking hint nor a warning (`rules.is_clean` in SQL)."""
    return and_(Entry.judged_at.is_not(None), ~_has(HintRow.severity.in_(("blocking", "warning"))))


def _has(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(1).where(HintRow.set_id == Entry.hint_set, *which).exists()


def shown_to(org_type: str) -> tuple[ColumnElement[bool], ...]:
    """The condition on hints for a caller: schools see those only that reveal nothing (docs/adr/0041)."""
    return (HintRow.visible_to_school.is_(True),) if org_type == "school" else ()


async def hints(session: AsyncSession, rows: Iterable[Mapping[Any, Any]]) -> dict[UUID, list[dict[str, Any]]]:
    """By entry the hints of rows of entries, as they stand or stood, in their order, as far as the caller may see them.

    What a row says of its hints holds until the entry is judged again.
    """
    named = {row["id"]: row["hint_set"] for row in rows}
    bodies = await hint_sets(session, named.values())
    return {entry_id: bodies[set_id] for entry_id, set_id in named.items()}


async def hint_sets(
    session: AsyncSession, set_ids: Iterable[UUID | None]
) -> defaultdict[UUID | None, list[dict[str, Any]]]:
    """Sets of hints, each in its order, as far as the caller may see them; None is the empty one."""
    bodies: defaultdict[UUID | None, list[dict[str, Any]]] = defaultdict(list)
    query = (
        select(HintRow.set_id, HintRow.body)
        .where(among(HintRow.set_id, set(set_ids) - {None}), *shown_to(context_of(session).org_type))
        .order_by(HintRow.set_id, HintRow.position)
    )
    for row in await session.execute(query):
        bodies[row.set_id].append(row.body)
    return bodies


async def latest_deferments(
    session: AsyncSession, indexes: Iterable[bytes], at: datetime | None = None
) -> dict[bytes, RowMapping]:
    """The newest deferment of each man, now or at `at`, without his ID, as far as the caller may see it (RO-40)."""
    his = select(Deferment).where(Deferment.national_id_index.in_(list(indexes)))
    found = his.subquery() if at is None else stood(Deferment, his.with_only_columns(Deferment.id), at)
    rows = found.c
    query = (
        select(*(c for c in rows if c.name != "national_id"))
        .ext(distinct_on(rows.national_id_index))
        .order_by(rows.national_id_index, rows.created_at.desc(), rows.id)
    )
    return {row["national_id_index"]: row for row in (await session.execute(query)).mappings()}


async def registry_facts(
    session: AsyncSession, entry_ids: Sequence[UUID], at: datetime | None = None
) -> dict[UUID, RegistryFact]:
    """What the registry said of the men on entries, as known now or at `at`; counties only."""
    told = aliased(RegistryFact, stood(RegistryFact, list(entry_ids), at))
    found = await session.scalars(select(told).execution_options(populate_existing=True))
    return {fact.entry_id: fact for fact in found}


async def returns(
    session: AsyncSession, entry_ids: Sequence[UUID], at: datetime | None = None
) -> dict[UUID, BatchEntry]:
    """The last time each entry was returned by an approver (RO-45)."""
    query = (
        select(BatchEntry)
        .ext(distinct_on(BatchEntry.entry_id))
        .where(BatchEntry.entry_id.in_(entry_ids), BatchEntry.left_as == BatchState.RETURNED)
        .order_by(BatchEntry.entry_id, BatchEntry.left_at.desc())
    )
    if at is not None:
        query = query.where(BatchEntry.left_at <= at)
    return {left.entry_id: left for left in await session.scalars(query)}


async def decisions(
    session: AsyncSession, entry_ids: Sequence[UUID], at: datetime | None = None
) -> dict[UUID, DecisionRecord]:
    """The decisions that stand, or stood at `at`, by entry."""
    query = select(DecisionRecord).where(DecisionRecord.entry_id.in_(entry_ids), current(at))
    if at is not None:
        query = query.where(DecisionRecord.decided_at <= at)
    return {decision.entry_id: decision for decision in await session.scalars(query)}


async def all_decisions(session: AsyncSession, entry_id: UUID) -> list[DecisionRecord]:
    """The decisions of an entry, the first one first, each correcting the one before."""
    query = select(DecisionRecord).where(DecisionRecord.entry_id == entry_id).order_by(DecisionRecord.decided_at)
    return list(await session.scalars(query))


async def still_here(session: AsyncSession, indexes: Iterable[bytes], county_code: str) -> set[bytes]:
    """Which of these men stand on a roster of the county now, undecided or decided."""
    found = await session.scalars(
        select(Entry.national_id_index).where(
            Entry.national_id_index.in_(list(indexes)), Entry.county_code == county_code, Entry.state.not_in(GONE)
        )
    )
    return set(found)


def counts_of(row: Mapping[Any, Any]) -> dict[EntryState, int]:
    """Entries by state, of a row of `rosters`; states without entries left out."""
    return {state: row[state] for state in EntryState if row[state]}
