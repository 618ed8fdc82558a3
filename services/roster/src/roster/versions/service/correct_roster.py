"""A school's corrected roster: a new version, in which what did not change goes on (RO-09)."""

from uuid import UUID

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.hints.service import announce
from roster.hints.subjects import Subject, Terms
from roster.intake import store
from roster.intake.faults import FaultList
from roster.intake.models import Entry, Roster
from roster.intake.reading import Submission as FileRead
from roster.intake.rows import canonical_line
from roster.intake.rules import RosterKind
from roster.intake.schemas import Note
from roster.reference.service import working_calendar
from roster.registry.service import queue_lookups
from roster.review import queries as review
from roster.review.service.common import roster_out
from roster.review.states import EntryAction, EntryState
from roster.versions import queries
from roster.versions.models import RosterVersion
from roster.versions.past import table_of
from roster.versions.rules import (
    COMPARED,
    Known,
    Plan,
    beyond_correction,
    of_another_county,
    on_another_roster,
    plan,
)
from roster.versions.schemas import CorrectedRoster
from roster.versions.service import common
from shared import audit, clock, crypto, events, preconditions
from shared.db import Context, Database
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT


async def kind_of(database: Database, school: Principal, roster_id: UUID) -> RosterKind:
    """The kind of the school's roster, by which its file is read; raises 404. Gives its connection back at once."""
    async with database.transaction(Context.of(school)) as session:
        return RosterKind((await roster_out(session, school, roster_id)).kind)


@rule("RO-16")
async def try_correction(
    session: AsyncSession, school: Principal, roster_id: UUID, seen: int, read: FileRead
) -> CorrectedRoster:
    """Do all of `correct_roster` and undo it; says what would have been. Raises what it raises."""
    async with session.begin_nested() as tried:
        told = await correct_roster(session, school, roster_id, seen, read)
        await tried.rollback()
    # The look across the walls was made and undone with the rest; that it was made is kept.
    told_of = {"rows": len(read.rows), "purpose": "judge"}
    await audit.record(session, "roster.correction_tried", "roster", roster_id, told_of)
    return told.model_copy(update={"dry_run": True})


@rule("RO-09", "RO-07", "RO-47")
async def correct_roster(
    session: AsyncSession, school: Principal, roster_id: UUID, seen: int, read: FileRead
) -> CorrectedRoster:
    """Put a school's file in the place of its roster; `seen` is the version that it corrects.

    Men are matched by national ID. Whoever is stated as before keeps his entry and its review; a changed one gets a new
    entry, received, in the place of the old; one no longer named is withdrawn; a new one is received. A file that
    changes nothing makes no version. Raises 404; 409 when the roster was withdrawn; 412; 422 naming every row that the
    roster cannot hold and every entry that can no longer be changed so.
    """
    roster = await common.lock_own(session, school, roster_id)
    known = await _known(session, roster_id)
    if not known:
        raise common.ROSTER_WITHDRAWN(
            detail="請以新的送件（POST /roster/v1/submissions）重新送冊。",
            detail_en="Hand the men in with a new submission (POST /roster/v1/submissions).",
        )
    preconditions.require(seen, roster.version)
    rows = [(crypto.ring().blind_index(row.national_id), row) for row in read.rows]
    found = plan(known, rows)
    faults = FaultList()
    elsewhere = await queries.standing_elsewhere(session, roster, [man for man, _ in rows])
    for checked in (
        of_another_county(read.rows, roster.county_code),
        on_another_roster(rows, elsewhere),
        beyond_correction(found),
    ):
        for fault in checked:
            faults.add(0, read.located(fault), fault.row or 0)
    if faults.total:
        raise INVALID_CONTENT(
            detail=f"有 {faults.total:,} 處不能更正，整份未收件，名冊維持原狀；請依所列修正後重新送出。",
            detail_en=f"{faults.total:,} things cannot be corrected so; nothing was taken in. Mend the file.",
            errors=faults.listed(),
            error_count=faults.total,
        )
    if not found.nothing:
        await _new_version(session, school, roster, found, read)
    told = await roster_out(session, school, roster_id)
    return CorrectedRoster(
        **told.model_dump(),
        **_counts(found),
        charset=read.charset,
        notes=[Note.model_validate(note) for note in read.notes],
    )


def _counts(found: Plan) -> dict[str, int]:
    return {name: len(getattr(found, name)) for name in ("kept", "changed", "added", "dropped")}


async def _known(session: AsyncSession, roster_id: UUID) -> list[Known]:
    rows = await session.execute(
        review.entries(queries.current(roster_id), Entry.state.not_in(review.GONE)).with_for_update()
    )
    return [
        Known(
            row["id"],
            row["national_id_index"],
            row["national_id"],
            row["row_no"],
            EntryState(row["state"]),
            row["filed_on"],
            {name: row[name] for name in COMPARED},
            row["corrects"] is not None,
        )
        for row in rows.mappings()
    ]


async def _new_version(session: AsyncSession, school: Principal, roster: Roster, found: Plan, read: FileRead) -> None:
    roster.version += 1
    roster.revision += 1
    if roster.kind == RosterKind.CESSATION:
        # The other kinds have one day for all, and it was fixed when the roster came.
        calendar = await working_calendar(session)
        for name, value in store.fixed(store.earliest_deadline(read.rows, roster.county_code, calendar)).items():
            setattr(roster, name, value)
    await session.flush()
    # Who was handed to another county belonged to the versions before this one.
    await session.execute(
        update(Entry)
        .where(queries.current(roster.id), Entry.state.in_(review.GONE))
        .values(until_version=roster.version)
    )
    changed = [(entry.id, entry.state) for entry, _ in found.changed]
    dropped = [(entry.id, entry.state) for entry in found.dropped]
    await common.close_entries(session, EntryAction.SUPERSEDE, changed, roster.version)
    await common.close_entries(session, EntryAction.WITHDRAW, dropped, roster.version)
    await _renumber(session, found)
    new = _arrivals(roster, found)
    elsewhere = await store.insert_entries(
        session, new, version=roster.version, judged_at=clock.now(), today=clock.today()
    )
    lines = [canonical_line(row) for row in read.rows]
    facts = {"id": roster.id, "school_code": roster.school_code, "county_code": roster.county_code}
    version = store.new_version(facts, roster.version, school.sub, read, lines, _counts(found))
    await session.execute(insert(table_of(RosterVersion)), [version])
    await audit.record(session, "roster.corrected", "roster", roster.id, {"version": roster.version, **_counts(found)})
    new_ids = [entry.id for entry in new]
    # A man who is no longer here may stand undecided on another roster, whose officer was told of this one (RO-27).
    await announce(session, {*elsewhere, *(entry_id for entry_id, _ in dropped)})
    await queue_lookups(session, {roster.county_code: new_ids} if new_ids else {})
    data = event_types.RosterCorrectedData(
        **await common.facts(session, roster), opened=roster.opened_at is not None, **_counts(found)
    )
    await events.publish(session, event_types.ROSTER_CORRECTED, roster.id, data)


def _arrivals(roster: Roster, found: Plan) -> list[Subject]:
    """Whoever is changed arrived when he first did; whoever is added arrives today (RO-28)."""
    filed = [(row, entry.filed_on) for entry, row in found.changed] + [(row, clock.today()) for row in found.added]
    terms = Terms.of(roster)
    in_order = sorted(filed, key=lambda pair: pair[0].number)
    return [store.arrival(roster.school_code, roster.id, terms, row, day) for row, day in in_order]


async def _renumber(session: AsyncSession, found: Plan) -> None:
    """Give the kept entries the numbers of their rows in the new file, by which officers are told of them.

    It is no change of the entry: who is writing its review goes on.
    """
    moved = [{"entry": entry.id, "number": row.number} for entry, row in found.kept if entry.row_no != row.number]
    if moved:
        table = table_of(Entry)
        await session.execute(
            update(table).where(table.c.id == bindparam("entry")).values(row_no=bindparam("number")), moved
        )
