"""核定: the approver's final act (seed step 15). Everything it fixes is fixed in one transaction (RO-48)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.deferments import service as deferments
from roster.deferments import writing
from roster.hints.service import announce
from roster.intake.models import Entry, Roster
from roster.intake.rules import RosterKind
from roster.registry.service import ANNOTATE, PATIENCE, TOWNSHIP_REPORT
from roster.remedies.rules import remedy_on
from roster.review.models import Batch, DecisionRecord
from roster.review.rules import (
    TRANSITIONS,
    BatchAction,
    BatchState,
    Decision,
    Draft,
    EntryAction,
    EntryState,
    may_decide,
)
from roster.review.schemas import DecidedBatch
from roster.review.service import common, numbers, plan_batch
from roster.review.service.close_batch import close, leave, lock_batch
from roster.review.service.plan_batch import Sound
from roster.review.service.submit_batch import facts
from roster.review.service.tell import tell
from roster.versions.past import table_of
from shared import audit, clock, jobs
from shared.bulk import insertion
from shared.law import DEFERMENT_REGULATION, LAWS, rule
from shared.principals import Principal
from shared.problems import FOUR_EYES


@rule("RO-48", "RO-44", "RO-47")
async def decide_batch(session: AsyncSession, approver: Principal, batch_id: UUID, seen: int) -> DecidedBatch:
    """Decide every entry of a batch by the draft that counts; final.

    Writes decisions, deferments and their history, and queues the annotations, the township reports and the school's
    notice. Raises 404; 409 when it was closed meanwhile; 412; 403 `four_eyes`; 422 naming each entry whose draft
    cannot stand any longer (a hint may have come since).
    """
    roster, batch, state = await lock_batch(session, approver, batch_id, seen, BatchAction.DECIDE)
    if not may_decide(await common.makers(session, batch), approver.sub):
        raise FOUR_EYES()
    today = clock.today()
    planned = await _plan(session, roster, batch, today)
    men = [sound.man for _, sound in planned]
    outcomes = await writing.apply(session, ((sound.man, sound.foreseen) for _, sound in planned))
    records = [
        _record(approver, roster, batch, draft, sound.man, outcomes[sound.man.decision_id]) for draft, sound in planned
    ]
    await session.execute(await asyncio.to_thread(_insertion, records))
    await writing.record(session, batch.county_code, outcomes)
    entry_ids = [man.entry["id"] for man in men]
    await _close_entries(session, approver, batch, entry_ids)
    # A man decided here may stand undecided on another roster, whose officer is to see it (RO-27).
    await announce(session, entry_ids)
    close(batch, state, approver)
    roster.revision += 1
    await session.flush()
    payload = [(str(i), {"decision_id": str(i), "county_code": batch.county_code}) for i in outcomes]
    told = {str(i) for i, outcome in outcomes.items() if writing.changes_annotation(outcome)}
    await jobs.enqueue_many(session, ANNOTATE, [p for p in payload if p[0] in told], max_attempts=PATIENCE)
    await jobs.enqueue_many(session, TOWNSHIP_REPORT, [*payload], max_attempts=PATIENCE)
    sums = Counter(record["decision"] for record in records)
    await audit.record_many(session, await asyncio.to_thread(_audited, session, records))
    refused = sums[Decision.REJECTED] > 0 and roster.kind != RosterKind.CESSATION
    data = event_types.BatchDecidedData(
        **await facts(session, batch, roster),
        approved=sums[Decision.APPROVED],
        rejected=sums[Decision.REJECTED],
        corrected=sum(record["corrects"] is not None for record in records),
        remedy_days=remedy_on(today).days if refused else 0,
        decided_on=today,
    )
    await tell(session, batch, roster, data, records)
    told_batch = await common.batch_out(session, approver, batch_id)
    return DecidedBatch(**told_batch.model_dump(), approved=data.approved, rejected=data.rejected, decided_on=today)


async def _plan(session: AsyncSession, roster: Roster, batch: Batch, today: date) -> list[tuple[Draft, Sound]]:
    facts = await plan_batch.read_and_hold(session, roster, batch)
    number = await numbers.allocate(session, batch.county_code) if facts.needs_number else None
    # Thousands of men take a while: others are answered meanwhile.
    planned = await asyncio.to_thread(plan_batch.plan, facts, number, today)
    faults = [fault for one in planned for fault in common.faults(one.refusals, one.row["row_no"])]
    if faults:
        raise common.NOT_READY(errors=faults)
    return [(one.draft, one.sound) for one in planned if one.sound is not None]


def _audited(session: AsyncSession, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        audit.row(
            session,
            "entry.decided",
            "entry",
            r["entry_id"],
            {name: r[name] for name in ("decision", "decision_number", "annotation_action")}
            | ({"corrects": str(r["corrects"])} if r["corrects"] else {}),
        )
        for r in records
    ]


def _insertion(records: Sequence[dict[str, Any]]) -> Executable:
    series = {name: [record[name] for record in records] for name in records[0]}
    return insertion(table_of(DecisionRecord), {"decided_at": writing.MOMENT}, series)


def _record(
    approver: Principal, roster: Roster, batch: Batch, draft: Draft, man: deferments.Man, outcome: writing.Outcome
) -> dict[str, Any]:
    row = man.entry
    rejected = draft.decision is Decision.REJECTED
    return {
        "id": man.decision_id,
        "entry_id": row["id"],
        "batch_id": batch.id,
        "roster_id": roster.id,
        "school_code": row["school_code"],
        "county_code": row["county_code"],
        "township_code": row["township_code"],
        "kind": roster.kind,
        "decision": man.decided.decision.value,
        "decision_number": man.decided.decision_number,
        "issued_on": man.decided.issued_on,
        "decided_on": man.decided.decided_on,
        "submitted_by": batch.submitted_by,
        "decided_by": approver.sub,
        "deferment_until": man.decided.deferment_until,
        "annotation_text": draft.annotation_text,
        "review_remarks": draft.review_remarks,
        "ground": draft.ground.value if rejected and draft.ground else None,
        "ground_unseen": rejected and draft.ground_unseen,
        "reason": draft.reason if rejected else None,
        "override_reason": None if rejected else draft.override_reason,
        "annotation_action": outcome.effects.annotation.value,
        "deferment_id": outcome.deferment_id,
        "law_version": LAWS[DEFERMENT_REGULATION].version_on(man.decided.decided_on),
        "corrects": row["corrects"],
        "corrects_number": man.decided.corrects_number,
        "correction_reason": row["correction_reason"],
        "correction_by": row["correction_by"],
    }


_DECIDED = TRANSITIONS[EntryState.FOR_APPROVAL, EntryAction.DECIDE]


async def _close_entries(session: AsyncSession, approver: Principal, batch: Batch, entry_ids: Sequence[UUID]) -> None:
    await session.execute(
        update(Entry)
        .where(Entry.batch_id == batch.id)
        .values(
            state=_DECIDED.to.value,
            corrects=None,
            correction_reason=None,
            correction_by=None,
            version=Entry.version + 1,
        )
    )
    await leave(session, approver, batch, entry_ids, BatchState.DECIDED, None)
