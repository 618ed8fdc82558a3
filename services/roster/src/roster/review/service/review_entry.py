"""Writing the review of one entry (RO-41, RO-42, RO-44): the request that a case officer makes most."""

from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Uuid, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.models import HintRow
from roster.hints.service import judge_entries
from roster.intake.models import Entry, Roster
from roster.review import drafts, entry_json
from roster.review.models import Batch
from roster.review.rules import CASE_OFFICER, EDITORS, EntryState, blocking_codes, check_draft, may_decide
from roster.review.schemas import EntryPatch
from roster.review.service import common, read_now
from roster.review.states import TRANSITIONS, EntryAction
from shared import audit, clock, preconditions
from shared.db import Context, Database
from shared.law import rule
from shared.principals import Principal
from shared.problems import FOUR_EYES, NOT_FOUND
from shared.statements import Statement, driver

_FINDINGS = ("certificate_on", "enrolment_recognised")
# What writing the review of one entry may change, and what it reads beside that.
_WRITTEN = ("version", "state", "officer_draft", "approver_draft", *_FINDINGS)
_READ = (
    Entry.id,
    Entry.roster_id,
    Entry.batch_id,
    Entry.birth_date,
    Entry.last_day,
    Entry.correction_by,
    Entry.changed_at,
)
_ENTRY = bindparam("entry_id", type_=Uuid())


@rule("RO-41", "RO-44", "RO-47", "RO-57")
async def patch_entry(
    database: Database, reviewer: Principal, entry_id: UUID, seen: int, patch: EntryPatch
) -> read_now.EntryJson:
    """Change what is written of one entry; the officer's draft and the approver's are kept apart.

    Raises 404, 412 when somebody changed it since, 409 when its state does not let this role write, 422 naming every
    reason why the draft cannot stand.
    """
    context = Context.of(reviewer)
    if not patch.model_fields_set & set(_FINDINGS):
        # What an officer writes touches nothing else, so nothing is held while his draft is tested.
        async with database.direct(context, writes=True) as connection:
            row = await _seen(connection, reviewer, entry_id, seen)
            if _is_officer(reviewer, row) and (written := await _write(connection, context, row, patch, officer=True)):
                return written
    async with database.transaction(context) as session:
        await common.lock_roster_of(session, reviewer, entry_id)
        connection = await driver(session)
        await session.execute(select(Entry.id).where(Entry.id == entry_id).with_for_update())
        # Read by a statement of its own: one that waits would show the new row beside the old hints.
        row = await _seen(connection, reviewer, entry_id, seen)
        officer = _is_officer(reviewer, row)
        if not officer:
            await _approver_may(session, reviewer, row, patch.model_fields_set)
        written = await _write(connection, context, row, patch, officer=officer)
        if written is None:
            raise RuntimeError("an entry that is held was changed")
        if not patch.model_fields_set & set(_FINDINGS):
            return written
        await judge_entries(session, [entry_id], today=clock.today())
        return await read_now.entry_on(connection, reviewer, entry_id)


async def _seen(connection: asyncpg.Connection, reviewer: Principal, entry_id: UUID, seen: int) -> asyncpg.Record:
    found = await _to_write_on().rows(connection, entry_id=entry_id, county=reviewer.org.code)
    if not found:
        raise NOT_FOUND()
    preconditions.require(seen, found[0]["version"])
    return found[0]


def _is_officer(reviewer: Principal, row: common.Cells) -> bool:
    return CASE_OFFICER in reviewer.roles and EDITORS.get(EntryState(row["state"])) == CASE_OFFICER


async def _write(
    connection: asyncpg.Connection, context: Context, row: common.Cells, patch: EntryPatch, *, officer: bool
) -> read_now.EntryJson | None:
    """Write `patch` on the entry, and give it as it is then; None: it is not as `row` says any more, and nothing is
    written. Raises 422."""
    changes, sent = patch.changes(), patch.model_fields_set
    values = {name: row[name] for name in _WRITTEN} | {"version": row["version"] + 1}
    if changes:
        values |= _draft_values(row, changes, officer)
    if "on_hold" in sent and patch.on_hold is not None:
        values["state"] = _held(EntryState(row["state"]), patch.on_hold)
    values |= {name: getattr(patch, name) for name in _FINDINGS if name in sent}
    done = patch.model_dump(mode="json", exclude_unset=True) | {"as": "officer" if officer else "approver"}
    written = await _write_one().rows(
        connection,
        entry_id=row["id"],
        roster_id=row["roster_id"],
        seen_at=row["changed_at"],
        **{f"new_{name}": value for name, value in values.items()},
        **audit.parameters(audit.values(context, "entry.reviewed", "entry", row["id"], done)),
        **entry_json.values(clock.today()),
    )
    return read_now.shown(written[0]) if written else None


@cache
def _to_write_on() -> Statement:
    """An entry of the county's as it is written on, and of its hints what a draft is tested against."""
    told = func.json_build_object("code", HintRow.code, "severity", HintRow.severity)
    hints = select(func.json_agg(told)).where(HintRow.set_id == Entry.hint_set).scalar_subquery()
    columns = (*(Entry.__table__.c[name] for name in _WRITTEN), *_READ, Roster.case_kind, hints.label("hints"))
    mine = select(*columns).join(Roster, Roster.id == Entry.roster_id)
    return Statement(mine.where(Entry.id == _ENTRY, read_now.own(Entry.county_code)))


@cache
def _write_one() -> Statement:
    """Writes the entry if it is still as it was seen, its roster's count of changes and the audit row; nothing
    otherwise. Gives the entry as `read_now.shown` takes it.

    Many write on one roster at a time: it is held by this statement and what follows. First it, then the entry, as
    everywhere (`common.lock_roster`).
    """
    entry, roster = Entry.__table__, Roster.__table__
    of_roster = roster.c.id == bindparam("roster_id", type_=Uuid())
    held = select(roster.c.id).where(of_roster).with_for_update().cte("held")
    as_seen = entry.c.changed_at == bindparam("seen_at", type_=entry.c.changed_at.type)
    new = {name: bindparam(f"new_{name}", type_=entry.c[name].type) for name in _WRITTEN}
    changing = update(entry).where(entry.c.id == _ENTRY, entry.c.roster_id == held.c.id, as_seen)  # type: ignore[arg-type]
    written = changing.values(new).returning(*entry.c).cte("written")
    counting = update(roster).where(of_roster, written.c.id.is_not(None))  # type: ignore[arg-type]
    counted = counting.values(revision=roster.c.revision + 1).cte("counted")
    audited = audit.insertion(written).cte("audited")
    return Statement(read_now.to_show(written).add_cte(counted, audited))


async def _approver_may(session: AsyncSession, reviewer: Principal, row: common.Cells, sent: set[str]) -> None:
    """Let an approver write while the entry is up: not his own submission, and not unseen by who decides.

    The batch counts the change as its own, so that a decision states the drafts it saw (RO-47).
    """
    editor = EDITORS.get(EntryState(row["state"]))
    if editor is None or editor not in reviewer.roles or sent & {"on_hold", *_FINDINGS}:
        raise common.ENTRY_NOT_YOURS_NOW(
            detail=f"此筆資料為「{row['state']}」狀態，您的角色目前不得變更所送欄位。",
            detail_en=f"The entry is {row['state']}: your role may not change these fields now.",
            state=row["state"],
        )
    counted = update(Batch).where(Batch.id == row["batch_id"]).values(version=Batch.version + 1)
    submitted_by = await session.scalar(counted.returning(Batch.submitted_by))
    if not may_decide((str(submitted_by), row["correction_by"]), reviewer.sub):
        raise FOUR_EYES()


def _draft_values(row: common.Cells, changes: dict[str, Any], officer: bool) -> dict[str, Any]:
    """The draft that `changes` make of the entry's; raises 422."""
    before = row["officer_draft"] if officer else drafts.current(row["officer_draft"], row["approver_draft"])
    hints = common.stored_hints(row["hints"] or [])
    merged = drafts.merge(before, changes, blocking_codes(hints))
    refusals = check_draft(
        drafts.read(merged),
        hints,
        limits=common.limits_of(row, clock.today()),
        open_to=common.open_grounds(row["case_kind"]),
    )
    if refusals:
        raise common.DRAFT_REFUSED(errors=common.faults(refusals))
    return {"officer_draft" if officer else "approver_draft": merged}


def _held(state: EntryState, wanted: bool) -> EntryState:
    if wanted == (state is EntryState.ON_HOLD):
        return state
    return TRANSITIONS[state, EntryAction.HOLD if wanted else EntryAction.RELEASE].to
