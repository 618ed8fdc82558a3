"""Taking a batch back (撤回, RO-46) or sending it, or some of it, back (退回, RO-45)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.intake.models import Entry, Roster
from roster.review.models import Batch, BatchEntry
from roster.review.rules import BATCH_TRANSITIONS, TRANSITIONS, BatchAction, BatchState, EntryAction, EntryState
from roster.review.schemas import BatchOut, ReturnBatch
from roster.review.service import common, numbers
from roster.review.service.submit_batch import facts
from shared import audit, clock, events, jobs, preconditions
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


async def lock_batch(
    session: AsyncSession, principal: Principal, batch_id: UUID, seen: int, action: BatchAction
) -> tuple[Roster, Batch, BatchState]:
    """The batch and its roster, held, and the state `action` leads to.

    Raises 404; 409 `batch_closed` when it was recalled, returned or decided meanwhile; 412.
    """
    roster_id = await session.scalar(
        select(Batch.roster_id).where(Batch.id == batch_id, *common.own_batches(principal))
    )
    if roster_id is None:
        raise NOT_FOUND()
    roster = await common.lock_roster(session, principal, roster_id)
    batch = await session.scalar(
        select(Batch).where(Batch.id == batch_id).with_for_update().execution_options(populate_existing=True)
    )
    assert batch is not None
    step = BATCH_TRANSITIONS.get((BatchState(batch.state), action))
    if step is None:
        raise common.batch_closed(batch.state)
    preconditions.require(seen, batch.version)
    return roster, batch, step.to


def close(batch: Batch, state: BatchState, principal: Principal) -> None:
    """Bring the batch to its last state."""
    batch.state = state
    batch.version += 1
    batch.closed_by, batch.closed_at = principal.sub, clock.now()


@rule("RO-46", "RO-47")
async def recall_batch(session: AsyncSession, officer: Principal, batch_id: UUID, seen: int) -> BatchOut:
    """Any case officer of the county takes a batch back until it is decided (seed item 15)."""
    roster, batch, state = await lock_batch(session, officer, batch_id, seen, BatchAction.RECALL)
    back = await _send_back(session, officer, roster, batch, EntryAction.RECALL, state)
    close(batch, state, officer)
    await session.flush()
    await audit.record(session, "batch.recalled", "batch", batch_id, {"entries": len(back)})
    data = event_types.BatchRecalledData(
        **await facts(session, batch, roster), headcount=len(back), recalled_by=officer.sub
    )
    await events.publish(session, event_types.BATCH_RECALLED, batch_id, data, priority=jobs.URGENT)
    return await common.batch_out(session, officer, batch_id)


@rule("RO-45", "RO-47")
async def return_batch(
    session: AsyncSession, approver: Principal, batch_id: UUID, seen: int, body: ReturnBatch
) -> BatchOut:
    """Send the batch, or single entries of it, back with a reason (seed step 14).

    The officer's own draft counts again; the approver's stays visible beside it. A batch that loses its last entry is
    returned whole. Raises 404 also for an entry that is not in the batch.
    """
    roster, batch, state = await lock_batch(session, approver, batch_id, seen, BatchAction.RETURN)
    back = await _send_back(
        session, approver, roster, batch, EntryAction.RETURN, state, reason=body.reason, entry_ids=body.entry_ids
    )
    left = await session.scalar(select(func.count()).where(Entry.batch_id == batch_id))
    if left:
        batch.version += 1
    else:
        close(batch, state, approver)
        batch.return_reason = body.reason
    await session.flush()
    await audit.record(session, "batch.returned", "batch", batch_id, {"entries": len(back), "reason": body.reason})
    data = event_types.BatchReturnedData(
        **await facts(session, batch, roster),
        entry_count=len(back),
        whole=not left,
        reason=body.reason,
        returned_by=approver.sub,
    )
    await events.publish(session, event_types.BATCH_RETURNED, batch_id, data, priority=jobs.URGENT)
    return await common.batch_out(session, approver, batch_id)


async def _send_back(
    session: AsyncSession,
    principal: Principal,
    roster: Roster,
    batch: Batch,
    action: EntryAction,
    left_as: BatchState,
    *,
    reason: str | None = None,
    entry_ids: Sequence[UUID] | None = None,
) -> list[UUID]:
    # The number that this batch proposed went up with it; what comes back is offered the roster's next one. A number
    # that somebody typed stays.
    number = Entry.officer_draft["decision_number"].astext
    offered = case(
        (number == batch.proposed_number, Entry.officer_draft.op("-")("decision_number")), else_=Entry.officer_draft
    )
    wanted: list[Any] = [Entry.batch_id == batch.id]
    if entry_ids is not None:
        wanted.append(Entry.id.in_(entry_ids))
    rows = (
        await session.execute(
            update(Entry)
            .where(*wanted)
            .values(
                state=TRANSITIONS[EntryState.FOR_APPROVAL, action].to.value,
                batch_id=None,
                officer_draft=offered,
                version=Entry.version + 1,
            )
            .returning(Entry.id)
        )
    ).all()
    if entry_ids is not None and len(rows) != len(set(entry_ids)):
        raise NOT_FOUND()
    ids = [row.id for row in rows]
    await leave(session, principal, batch, ids, left_as, reason)
    if roster.proposed_number is None:
        roster.proposed_number = await numbers.allocate(session, roster.county_code)
    roster.revision += 1
    return ids


async def leave(
    session: AsyncSession,
    principal: Principal,
    batch: Batch,
    entry_ids: Sequence[UUID],
    left_as: BatchState,
    reason: str | None,
) -> None:
    """Note in the batch's history how entries left it, with the approver's draft as it stood then (RO-44)."""
    # Asked for each row by its key: joined, PostgreSQL expects a single row behind row-level security and loops.
    approver_draft = select(Entry.approver_draft).where(Entry.id == BatchEntry.entry_id).scalar_subquery()
    await session.execute(
        update(BatchEntry)
        .where(BatchEntry.batch_id == batch.id, BatchEntry.entry_id.in_(entry_ids))
        .values(
            left_as=left_as.value,
            left_at=func.moment(),
            left_by=principal.sub,
            reason=reason,
            approver_draft=approver_draft,
        )
    )
