"""Taking up the correction of a decision made in error, and dropping it again (RO-52; docs/adr/0049).

The entry goes back into review and takes the same way up as the first time: draft, batch, approval by somebody else.
Meanwhile the decision stands; nothing is changed before the new one is made.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments import service as deferments
from roster.hints.service import announce, judge_entries
from roster.intake.models import Entry
from roster.review import drafts, queries, undone
from roster.review.rules import TRANSITIONS, EntryAction, EntryState, blocking_codes, built_upon, check_draft
from roster.review.schemas import CorrectionIn, EntryOut
from roster.review.service import common, numbers, read
from roster.versions.past import was
from shared import audit, clock, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import ProblemType

BUILT_UPON = ProblemType(
    "decision_built_upon",
    409,
    "其後之處分以此處分為基礎，應先更正",
    "Later decisions rest on this one: correct them first",
)
NOT_CORRECTING = ProblemType(
    "not_correcting", 409, "此筆資料未在更正處分", "No decision of this entry is being corrected"
)

# What belongs to the decision that was made, not to the one that corrects it: that has its own number and date.
_OWN = ("decision_number", "issued_on")


@rule("RO-52", "RO-47")
async def take_up(session: AsyncSession, officer: Principal, entry_id: UUID, seen: int, body: CorrectionIn) -> EntryOut:
    """Bring a decided entry back into review, to correct its decision; the draft begins as what was decided.

    `body` says why it was wrong, and may change the draft at once. Raises 404; 412; 409 for an entry that is not
    decided, and while later decisions rest on this one; 422 when the draft cannot stand.
    """
    roster = await common.lock_roster_of(session, officer, entry_id)
    row = await _locked(session, entry_id)
    preconditions.require(seen, row["version"])
    step = TRANSITIONS.get((EntryState(row["state"]), EntryAction.REOPEN))
    if step is None:
        raise common.ENTRY_NOT_YOURS_NOW(
            detail=f"此筆資料為「{row['state']}」狀態，僅已核定者得更正處分。",
            detail_en=f"The entry is {row['state']}: only a decision that was made can be corrected.",
            state=row["state"],
        )
    await _require_last(session, row)
    decision = (await queries.decisions(session, [entry_id]))[entry_id]
    decided = drafts.current(row["officer_draft"], row["approver_draft"])
    before = {name: value for name, value in decided.items() if name not in _OWN}
    values: dict[str, Any] = {
        "state": step.to.value,
        "corrects": decision.id,
        "correction_reason": body.reason_for_correction,
        "correction_by": officer.sub,
        "batch_id": None,
        "officer_draft": before,
        "approver_draft": None,
        "version": row["version"] + 1,
    }
    await session.execute(update(Entry).where(Entry.id == entry_id).values(**values))
    if roster.proposed_number is None:
        roster.proposed_number = await numbers.allocate(session, roster.county_code)
    roster.revision += 1
    await session.flush()
    judged = await judge_entries(session, [entry_id], today=clock.today())
    await announce(session, judged.elsewhere)
    if changes := body.changes():
        await _draft(session, entry_id, before, changes)
    await audit.record(
        session,
        "entry.correction_taken_up",
        "entry",
        entry_id,
        {"corrects": str(decision.id), "reason": body.reason_for_correction, **changes},
    )
    return await read.get_entry(session, officer, entry_id)


async def _locked(session: AsyncSession, entry_id: UUID) -> RowMapping:
    found = await session.execute(queries.entries(Entry.id == entry_id).with_for_update())
    row: RowMapping = found.mappings().one()
    return row


async def _require_last(session: AsyncSession, row: RowMapping) -> None:
    """Refuse at once what `decide` would refuse; it looks again."""
    his = await deferments.all_deferments(session, [row["national_id_index"]], held=False)
    undo = (await undone.undos(session, [row["id"]], his))[row["id"]]
    refusals = built_upon(undo.later, kept=undo.kept)
    if refusals:
        raise BUILT_UPON(
            detail=refusals[0].message, detail_en=refusals[0].message_en, errors=common.faults(refusals, row["row_no"])
        )


async def _draft(session: AsyncSession, entry_id: UUID, before: dict[str, Any], changes: dict[str, Any]) -> None:
    row = await _locked(session, entry_id)
    hints = common.stored_hints((await queries.hints(session, [row]))[entry_id])
    merged = drafts.merge(before, changes, blocking_codes(hints))
    refusals = check_draft(drafts.read(merged), hints, limits=common.limits_of(row, clock.today()))
    if refusals:
        raise common.DRAFT_REFUSED(errors=common.faults(refusals))
    await session.execute(update(Entry).where(Entry.id == entry_id).values(officer_draft=merged))


@rule("RO-52", "RO-47")
async def drop(session: AsyncSession, officer: Principal, entry_id: UUID, seen: int) -> EntryOut:
    """The decision was right after all: the entry stands as it was decided, with its drafts and hints of then.

    Raises 404; 412; 409 when no decision of the entry is being corrected, or the correction is up for approval.
    """
    roster = await common.lock_roster_of(session, officer, entry_id)
    row = await _locked(session, entry_id)
    preconditions.require(seen, row["version"])
    step = TRANSITIONS.get((EntryState(row["state"]), EntryAction.DROP))
    if step is None or row["corrects"] is None:
        raise NOT_CORRECTING(state=row["state"])
    former = (await session.execute(was(Entry, [entry_id]))).mappings()
    decided = max((one for one in former if one["state"] == EntryState.DECIDED), key=lambda one: int(one["version"]))
    kept = ("officer_draft", "approver_draft", "batch_id", "hint_set", "last_day", "certificate_on")
    values = {name: decided[name] for name in (*kept, "enrolment_recognised")}
    values |= {"corrects": None, "correction_reason": None, "correction_by": None}
    values |= {"state": step.to.value, "version": row["version"] + 1}
    await session.execute(update(Entry).where(Entry.id == entry_id).values(**values))
    roster.revision += 1
    await session.flush()
    await announce(session, [entry_id])
    await audit.record(session, "entry.correction_dropped", "entry", entry_id, {"corrects": str(row["corrects"])})
    return await read.get_entry(session, officer, entry_id)
