"""Reading rosters, entries and batches: the work list (RO-40) and what is shown of each man."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.hints.explain import explain
from roster.intake.models import Entry, Roster
from roster.intake.rules import RosterKind
from roster.reference import service as reference
from roster.reference.schemas import ContactOut
from roster.review import drafts, queries
from roster.review.models import Batch
from roster.review.rules import BatchState, EntryState, RosterState, tells_nothing
from roster.review.schemas import (
    BatchOut,
    BatchPage,
    DecisionOut,
    DefermentOut,
    DraftOut,
    EntryOut,
    EntryPage,
    HintExplanation,
    HintOut,
    ReturnedOut,
    RosterPage,
)
from roster.review.service import common
from shared import clock, cursors
from shared.auth import Principal
from shared.ids import mask_id
from shared.law import rule
from shared.places import TOWNSHIPS
from shared.problems import NOT_FOUND

_COUNTY_ONLY = ("certificate_on", "enrolment_recognised", "last_day", "batch_id")


@rule("RO-40")
async def list_rosters(
    session: AsyncSession,
    principal: Principal,
    *,
    state: RosterState | None,
    kind: RosterKind | None,
    school_code: str | None,
    school_name: str | None,
    academic_year: int | None,
    term: int | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> RosterPage:
    """The organisation's rosters (待處理名冊 with `state=pending`), any column up or down, filters combined."""
    asked = {
        Roster.kind: kind,
        Roster.school_code: school_code,
        Roster.academic_year: academic_year,
        Roster.term: term,
    }
    where = [*common.own(principal), *(column == value for column, value in asked.items() if value is not None)]
    rows = queries.rosters(clock.today(), *where)
    outer: list[Any] = []
    if state is not None:
        outer.append(rows.c.state == state)
    if school_name:
        outer.append(rows.c.school_name.contains(school_name, autoescape=True))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=queries.ROSTER_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("rosters", state, kind, school_code, school_name, academic_year, term),
        where=tuple(outer),
    )
    return RosterPage(items=[common.as_roster(principal, row) for row in found], next_cursor=next_cursor)


async def list_entries(
    session: AsyncSession,
    principal: Principal,
    roster_id: UUID,
    *,
    state: EntryState | None,
    hint: str | None,
    batch_id: UUID | None,
    cursor: str | None,
    limit: int,
) -> EntryPage:
    """The entries of a roster in the order of the school's file, each with hints and latest deferment."""
    roster = await common.roster_out(session, principal, roster_id)
    where: list[Any] = [Entry.roster_id == roster_id, Entry.until_version.is_(None), *common.own_entries(principal)]
    if state is not None:
        where.append(Entry.state == state)
    if hint is not None:
        where.append(queries.with_hint(hint, principal.org.type))
    if batch_id is not None and principal.org.type == "county":
        where.append(Entry.batch_id == batch_id)
    found, next_cursor = await lists.page(
        session,
        queries.entries(*where).subquery("entries"),
        sort="row_no",
        sortable=("row_no",),
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("entries", roster_id, state, hint, batch_id),
    )
    return EntryPage(
        items=await entries_out(session, principal, found, roster.proposed_number), next_cursor=next_cursor
    )


async def get_entry(session: AsyncSession, principal: Principal, entry_id: UUID) -> EntryOut:
    """One entry; raises 404 for another organisation's."""
    row = await find_entry(session, principal, entry_id)
    proposed = await session.scalar(select(Roster.proposed_number).where(Roster.id == row["roster_id"]))
    return (await entries_out(session, principal, [row], proposed))[0]


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
    await find_entry(session, principal, entry_id)
    bodies = (await queries.hints(session, [entry_id]))[entry_id]
    return [HintExplanation.model_validate(explain(body), extra="ignore") for body in bodies]


async def contact_of(session: AsyncSession, principal: Principal, entry_id: UUID) -> ContactOut:
    """The contact of the school that filed an entry (RO-43)."""
    row = await find_entry(session, principal, entry_id)
    return await reference.get_contact(session, row["school_code"])


async def list_batches(
    session: AsyncSession,
    principal: Principal,
    *,
    state: BatchState | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> BatchPage:
    """The county's batches; `state=for_approval` is the approver's work list."""
    where: list[Any] = [*common.own_batches(principal)]
    if state is not None:
        where.append(Batch.state == state)
    found, next_cursor = await lists.page(
        session,
        queries.batches(*where),
        sort=sort,
        sortable=queries.BATCH_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("batches", state),
    )
    items = [BatchOut(**{name: row[name] for name in BatchOut.model_fields}) for row in found]
    return BatchPage(items=items, next_cursor=next_cursor)


async def entries_out(
    session: AsyncSession, principal: Principal, rows: Sequence[RowMapping], proposed_number: str | None
) -> list[EntryOut]:
    """Rows of entries with what stands beside them; a school gets neither drafts nor registry facts nor deferments."""
    ids = [row["id"] for row in rows]
    hints = await queries.hints(session, ids)
    decisions = await queries.decisions(session, ids)
    county = principal.org.type == "county"
    facts = await queries.registry_facts(session, ids) if county else {}
    returns = await queries.returns(session, ids) if county else {}
    latest = await queries.latest_deferments(session, [r["national_id_index"] for r in rows]) if county else {}
    today = clock.today()
    items = []
    for row in rows:
        decision = decisions.get(row["id"])
        values: dict[str, Any] = {
            name: row[name] for name in EntryOut.model_fields if name in row and (county or name not in _COUNTY_ONLY)
        }
        values |= {
            "township": TOWNSHIPS[row["township_code"]].name,
            "hints": [HintOut.model_validate(body, extra="ignore") for body in hints[row["id"]]],
            "decision": None if decision is None else _decision(decision, county),
        }
        if county and row["state"] in queries.GONE:
            # He is another county's to decide now, or was taken back: what is known of him is no longer shown here.
            values["national_id"] = mask_id(row["national_id"])
        elif county:
            values |= _for_county(row, facts, latest, returns.get(row["id"]), proposed_number, today)
        items.append(EntryOut(**values))
    return items


def _for_county(
    row: RowMapping,
    facts: dict[UUID, Any],
    latest: dict[bytes, RowMapping],
    left: Any,
    proposed: str | None,
    today: date,
) -> dict[str, Any]:
    deferment = latest.get(row["national_id_index"])
    fact = facts.get(row["id"])
    open_ = row["state"] in (EntryState.IN_REVIEW, EntryState.ON_HOLD)
    return {
        "latest_deferment": None if deferment is None else deferment_out(deferment, today),
        "registry": None if fact is None else {**fact.facts, "known": fact.known, "as_of": fact.as_of.isoformat()},
        "draft": DraftOut(**drafts.shown(row["officer_draft"], proposed if open_ else None)),
        "returned": None if left is None else _returned(left),
        "approver_draft": None if row["approver_draft"] is None else DraftOut(**row["approver_draft"]),
    }


def deferment_out(row: RowMapping, today: date) -> DefermentOut:
    """A deferment, with whether it holds today."""
    active = row["revoked_on"] is None and row["deferred_from"] <= today <= row["deferred_until"]
    return DefermentOut(**{n: row[n] for n in DefermentOut.model_fields if n in row}, active=active)


def _returned(left: Any) -> ReturnedOut:
    return ReturnedOut(
        batch_id=left.batch_id,
        reason=left.reason,
        returned_at=left.left_at,
        returned_by=left.left_by,
        approver_draft=None if left.approver_draft is None else DraftOut(**left.approver_draft),
    )


def _decision(record: Any, county: bool) -> DecisionOut:
    decision = DecisionOut.model_validate(record)
    if county:
        return decision
    hidden = {} if tells_nothing(record.ground, record.ground_unseen) else {"ground": None, "reason": None}
    return decision.model_copy(update={"annotation_action": None, **hidden})
