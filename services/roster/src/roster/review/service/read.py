"""Reading rosters, entries and batches: the work list (RO-40) and what is shown of each man."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.hints.explain import explain
from roster.hints.hint import Severity
from roster.intake.models import Entry, Roster
from roster.intake.rules import CaseKind, RosterKind
from roster.reference import service as reference
from roster.reference.schemas import ContactOut
from roster.review import queries
from roster.review.models import Batch
from roster.review.rules import BatchState, EntryState, RosterState
from roster.review.schemas import (
    BatchOut,
    BatchPage,
    EntryOut,
    EntryPage,
    HintExplanation,
    RosterPage,
)
from roster.review.service import common, past, show
from roster.review.sorts import BATCH_SORTS, COUNTY_ENTRY_SORTS, COUNTY_ROSTER_SORTS, ENTRY_SORTS, ROSTER_SORTS
from shared import clock, cursors
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND

MAY_BE_EMPTY: Final = frozenset(c.name for c in Entry.__table__.c if c.nullable)
"""What an entry may leave empty, of what its list can be ordered by."""


_FILTERS: Final = ("state", "hint", "severity", "township_code", "batch_id")


@dataclass(frozen=True, slots=True)
class EntrySearch:
    """What is asked of a roster's entries: filters, combined, and an order; `batch_id` is the county's to ask."""

    state: EntryState | None = None
    hint: str | None = None
    severity: Severity | None = None
    township_code: str | None = None
    batch_id: UUID | None = None
    sort: str = "row_no"

    def filters(self, org_type: str) -> dict[str, Any]:
        """The filters that are set, by their names in `queries.asked`."""
        asked = {name: getattr(self, name) for name in _FILTERS}
        return {n: v for n, v in asked.items() if v is not None and (n != "batch_id" or org_type == "county")}

    def bound(self, roster_id: UUID, version: int | None = None, as_of: datetime | None = None) -> str:
        """What a cursor of its list is bound to."""
        filters = (getattr(self, name) for name in _FILTERS)
        return cursors.bound_to("entries", roster_id, *filters, version, as_of)


@rule("RO-40", "RO-60")
async def list_rosters(
    session: AsyncSession,
    principal: Principal,
    *,
    state: RosterState | None,
    kind: RosterKind | None,
    school_code: str | None,
    school_name: str | None,
    county_code: str | None,
    academic_year: int | None,
    term: int | None,
    received_from: date | None,
    received_to: date | None,
    late: bool | None,
    opened: bool | None,
    case_kind: CaseKind | None,
    sort: str,
    cursor: str | None,
    limit: int,
    most: int | None = None,
) -> RosterPage:
    """The organisation's rosters (待處理名冊 with `state=pending`), any column up or down, filters combined.

    Raises 422 where all pages hold more than `most` rosters.
    """
    asked = {
        Roster.kind: kind,
        Roster.school_code: school_code,
        Roster.county_code: county_code,
        Roster.academic_year: academic_year,
        Roster.term: term,
        Roster.case_kind: case_kind,
    }
    where = [*common.own(principal), *(column == value for column, value in asked.items() if value is not None)]
    if received_from is not None:
        where.append(Roster.received_on >= received_from)
    if received_to is not None:
        where.append(Roster.received_on <= received_to)
    if late is not None:
        # Without a deadline nobody is late (RO-28).
        where.append(func.coalesce(Roster.received_on > Roster.deadline, False).is_(late))
    if opened is not None:
        where.append(Roster.opened_at.is_not(None) if opened else Roster.opened_at.is_(None))
    rows = queries.rosters(clock.today(), principal.org.type, *where)
    outer: list[Any] = []
    if state is not None:
        outer.append(rows.c.state == state)
    if school_name:
        outer.append(rows.c.school_name.contains(school_name, autoescape=True))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=ROSTER_SORTS if principal.org.type == "school" else ROSTER_SORTS + COUNTY_ROSTER_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to(
            "rosters", state, school_name, *asked.values(), received_from, received_to, late, opened
        ),
        where=tuple(outer),
        nullable=("opened_at", "proposed_number", "case_kind", "filer_type", "filer_code", "filer_name"),
        most=most,
    )
    return RosterPage(items=[common.as_roster(principal, row) for row in found], next_cursor=next_cursor)


@rule("RO-09", "RO-55", "RO-60")
async def list_entries(
    session: AsyncSession,
    principal: Principal,
    roster_id: UUID,
    *,
    cursor: str | None,
    limit: int,
    search: EntrySearch = EntrySearch(),
    version: int | None = None,
    as_of: datetime | None = None,
    most: int | None = None,
) -> EntryPage:
    """The entries of a roster, each with hints and latest deferment; `row_no` is the order of the school's file.

    Those of its current version; of an older `version` as they stood when the next one replaced it; or `as_of` an
    instant as they stood then. Raises 404, 422 as `past` does and where all pages hold more than `most` entries.
    """
    roster = await common.require_roster(session, principal, roster_id)
    at = await past.instant(session, roster, version, as_of)
    proposed = roster.proposed_number
    if at is not None:
        proposed = (await past.row_then(session, Roster, roster_id, at))["proposed_number"]
    rows = queries.entries_of(roster_id, at, principal.org.type, *common.own_entries(principal))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=search.sort,
        sortable=ENTRY_SORTS + COUNTY_ENTRY_SORTS if principal.org.type == "county" else ENTRY_SORTS,
        cursor=cursor,
        limit=limit,
        bound=search.bound(roster_id, version, as_of),
        where=tuple(queries.asked(rows, roster_id, principal.org.type, search.filters(principal.org.type))),
        most=most,
        nullable=MAY_BE_EMPTY,
    )
    return EntryPage(items=await entries_out(session, principal, found, proposed, at), next_cursor=next_cursor)


@rule("RO-55")
async def get_entry(
    session: AsyncSession, principal: Principal, entry_id: UUID, as_of: datetime | None = None
) -> EntryOut:
    """One entry, as it stands or as it stood; raises 404 for another organisation's, and as `past` does."""
    row = await find_entry(session, principal, entry_id)
    roster: UUID = row["roster_id"]
    at = past.not_in_future(as_of)
    if at is None:
        proposed = await session.scalar(select(Roster.proposed_number).where(Roster.id == roster))
    else:
        row = await past.row_then(session, Entry, entry_id, at)
        proposed = (await past.row_then(session, Roster, roster, at))["proposed_number"]
    return (await entries_out(session, principal, [row], proposed, at))[0]


async def find_entry(session: AsyncSession, principal: Principal, entry_id: UUID) -> RowMapping:
    """The row of an entry; raises 404 for another organisation's."""
    found = await session.execute(queries.entries(Entry.id == entry_id, *common.own_entries(principal)))
    row: RowMapping | None = found.mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return row


@rule("RO-35")
async def explain_hints(session: AsyncSession, principal: Principal, entry_id: UUID) -> list[HintExplanation]:
    """Every hint of an entry at length: rule, article and its words, law version, values, last day."""
    row = await find_entry(session, principal, entry_id)
    bodies = (await queries.hints(session, [row]))[entry_id]
    return [HintExplanation.model_validate(explain(body), extra="ignore") for body in bodies]


async def contact_of(session: AsyncSession, principal: Principal, entry_id: UUID) -> ContactOut:
    """The contact of the school that filed an entry (RO-43), or gave its certificate; 404 where there is none."""
    row = await find_entry(session, principal, entry_id)
    school: str | None = row["certified_school"] or row["school_code"]
    if school is None:
        raise NOT_FOUND()
    return await reference.get_contact(session, school)


async def list_batches(
    session: AsyncSession,
    principal: Principal,
    *,
    state: BatchState | None,
    kind: RosterKind | None,
    school_code: str | None,
    roster_id: UUID | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> BatchPage:
    """The county's batches; `state=for_approval` is the approver's work list."""
    asked = {Batch.state: state, Roster.kind: kind, Batch.school_code: school_code, Batch.roster_id: roster_id}
    where = [*common.own_batches(principal), *(column == value for column, value in asked.items() if value is not None)]
    found, next_cursor = await lists.page(
        session,
        queries.batches(*where),
        sort=sort,
        sortable=BATCH_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("batches", *asked.values()),
        nullable=("proposed_number", "closed_at", "closed_by", "school_code", "case_kind"),
    )
    items = [BatchOut(**{name: row[name] for name in BatchOut.model_fields}) for row in found]
    return BatchPage(items=items, next_cursor=next_cursor)


async def entries_out(
    session: AsyncSession,
    principal: Principal,
    rows: Sequence[RowMapping],
    proposed_number: str | None,
    at: datetime | None = None,
) -> list[EntryOut]:
    """Rows of entries with what stands beside them; a school gets neither drafts nor registry facts nor deferments.

    `at`: the instant of which the rows are, and so of what stands beside them. Who may see it is decided by today.
    """
    ids = [row["id"] for row in rows]
    men = [row["national_id_index"] for row in rows]
    hints = await queries.hints(session, rows)
    decisions = await queries.decisions(session, ids, at)
    county = principal.org.type == "county"
    facts = await queries.registry_facts(session, ids, at) if county else {}
    returns = await queries.returns(session, ids, at) if county else {}
    latest = await queries.latest_deferments(session, men, at) if county else {}
    here = set(men) if at is None or not county else await queries.still_here(session, men, principal.org.code)
    today = past.day_of(at)
    return [
        show.entry_out(
            row,
            show.Beside(
                hints[row["id"]],
                decisions.get(row["id"]),
                facts.get(row["id"]),
                returns.get(row["id"]),
                latest.get(row["national_id_index"]),
                proposed_number,
            ),
            county=county,
            gone=row["state"] in queries.GONE or row["national_id_index"] not in here,
            today=today,
        )
        for row in rows
    ]
