"""陳核: the case officer hands entries to the approvers (seed steps 3-1 and 5)."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.intake.models import Entry, Roster
from roster.intake.rules import RosterKind
from roster.reference.service import get_school
from roster.review import drafts, queries
from roster.review.models import Batch, BatchEntry
from roster.review.rules import TRANSITIONS, EntryAction, EntryState, Refusal, not_ready
from roster.review.schemas import BatchOut, SubmitBatch
from roster.review.service import common, numbers
from shared import audit, clock, events, jobs, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND, Fault


@rule("RO-42", "RO-41", "RO-47")
async def submit_batch(
    session: AsyncSession, officer: Principal, roster_id: UUID, seen: int, body: SubmitBatch
) -> BatchOut:
    """Submit the named entries for approval, or all that are ready; those on hold stay behind.

    The proposed number is written into every draft that has none and was not cleared by hand. Raises 404, 412; 422
    naming each entry that is not ready, or when none is.
    """
    roster = await common.lock_roster(session, officer, roster_id)
    preconditions.require(seen, roster.revision)
    rows = await _candidates(session, roster_id, body.entry_ids)
    if await common.judge_again(session, rows):
        rows = await _candidates(session, roster_id, body.entry_ids)
    ready, faults = await _split(session, roster, rows)
    if body.entry_ids is not None and faults:
        raise common.NOT_READY(errors=faults)
    if not ready:
        raise common.NOT_READY(
            detail="沒有可陳核的資料：須為審查中且已填寫准駁。",
            detail_en="No entry is ready: it must be in review and carry a decision.",
            errors=faults,
        )
    batch = Batch(
        id=uuid4(),
        roster_id=roster.id,
        school_code=roster.school_code,
        county_code=roster.county_code,
        state="for_approval",
        version=1,
        proposed_number=roster.proposed_number,
        submitted_by=officer.sub,
    )
    session.add(batch)
    await session.flush()
    await _hand_over(session, batch, ready)
    left = await session.scalar(
        select(func.count()).where(
            Entry.roster_id == roster_id, Entry.state.in_((EntryState.IN_REVIEW, EntryState.ON_HOLD))
        )
    )
    # The number went up with this batch; what stays gets the next one.
    roster.proposed_number = await numbers.allocate(session, roster.county_code) if left else None
    roster.revision += 1
    await session.flush()
    await audit.record(session, "batch.submitted", "batch", batch.id, {"entries": len(ready)})
    await events.publish(
        session,
        event_types.BATCH_SUBMITTED,
        batch.id,
        event_types.BatchSubmittedData(
            **await facts(session, batch, roster), headcount=len(ready), submitted_by=officer.sub
        ),
        priority=jobs.URGENT,
    )
    return await common.batch_out(session, officer, batch.id)


async def facts(session: AsyncSession, batch: Batch, roster: Roster) -> dict[str, Any]:
    """What every event about a batch says of it."""
    name = roster.filer_name
    if batch.school_code is not None:
        name = (await get_school(session, batch.school_code)).name
    return {
        "batch_id": batch.id,
        "roster_id": roster.id,
        "county_code": batch.county_code,
        "school_code": batch.school_code,
        "school_name": name,
        "kind": RosterKind(roster.kind),
        "academic_year": roster.academic_year,
        "term": roster.term,
    }


async def _candidates(session: AsyncSession, roster_id: UUID, entry_ids: list[UUID] | None) -> list[RowMapping]:
    columns = (
        Entry.id,
        Entry.row_no,
        Entry.state,
        Entry.officer_draft,
        Entry.birth_date,
        Entry.last_day,
        Entry.hint_set,
        Entry.judged_at,
        Entry.expected_graduation_on,
        Entry.extended_until,
        Entry.corrects,
        Entry.filed_on,
    )
    wanted = [Entry.roster_id == roster_id]
    if entry_ids is None:
        wanted.append(Entry.state == EntryState.IN_REVIEW)
    else:
        wanted.append(Entry.id.in_(entry_ids))
    found = await session.execute(select(*columns).where(*wanted).order_by(Entry.row_no).with_for_update())
    rows = list(found.mappings())
    if entry_ids is not None and len(rows) != len(set(entry_ids)):
        raise NOT_FOUND()
    return rows


async def _split(
    session: AsyncSession, roster: Roster, rows: list[RowMapping]
) -> tuple[list[dict[str, Any]], list[Fault]]:
    hints = await queries.hints(session, rows)
    ready: list[dict[str, Any]] = []
    faults: list[Fault] = []
    today = clock.today()
    for row in rows:
        draft = drafts.shown(row["officer_draft"], roster.proposed_number)
        refusals: tuple[Refusal, ...] = not_ready(
            EntryState(row["state"]),
            RosterKind(roster.kind),
            drafts.read(draft),
            common.stored_hints(hints[row["id"]]),
            asked_until=common.asked_until(roster.kind, row),
            limits=common.limits_of(row, today),
            # What a correction puts right began earlier; whether it ended before it began, the plan says (RO-52).
            today=today if row["corrects"] is None else row["filed_on"],
            open_to=common.open_grounds(roster.case_kind),
        )
        if refusals:
            faults += common.faults(refusals, row["row_no"])
        else:
            ready.append({"entry": row["id"], "draft": draft})
    return ready, faults


async def _hand_over(session: AsyncSession, batch: Batch, ready: list[dict[str, Any]]) -> None:
    table: Any = Entry.__table__
    await session.execute(
        update(table)
        .where(table.c.id == bindparam("entry"))
        .values(
            state=TRANSITIONS[EntryState.IN_REVIEW, EntryAction.SUBMIT].to.value,
            batch_id=batch.id,
            officer_draft=bindparam("draft"),
            # What an approver changed in an earlier batch is kept with that batch (RO-45).
            approver_draft=None,
            version=table.c.version + 1,
        ),
        ready,
    )
    await session.execute(
        insert(BatchEntry.__table__),  # type: ignore[arg-type]
        [
            {
                "batch_id": batch.id,
                "entry_id": item["entry"],
                "county_code": batch.county_code,
                "officer_draft": item["draft"],
            }
            for item in ready
        ],
    )
