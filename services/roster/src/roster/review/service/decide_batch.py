"""核定: the approver's final act (seed step 15). Everything it fixes is fixed in one transaction (RO-48)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.deferments import service as deferments
from roster.deferments.rules import Decided
from roster.hints.service import announce
from roster.intake.models import Entry, Roster
from roster.intake.rules import CessationReason, RosterKind
from roster.registry.service import ANNOTATE, PATIENCE, TOWNSHIP_REPORT
from roster.review import drafts, queries
from roster.review.models import Batch, DecisionRecord
from roster.review.rules import (
    TRANSITIONS,
    BatchAction,
    BatchState,
    Decision,
    Draft,
    EntryAction,
    EntryState,
    Refusal,
    StoredHint,
    decision_defaults,
    may_decide,
    not_ready,
)
from roster.review.schemas import DecidedBatch
from roster.review.service import common, numbers
from roster.review.service.close_batch import close, leave, lock_batch
from roster.review.service.submit_batch import facts
from shared import audit, clock, events, jobs
from shared.auth import Principal
from shared.law import DEFERMENT_REGULATION, LAWS, rule
from shared.problems import Fault


@rule("RO-48", "RO-44", "RO-47")
async def decide_batch(session: AsyncSession, approver: Principal, batch_id: UUID, seen: int) -> DecidedBatch:
    """Decide every entry of a batch by the draft that counts; final.

    Writes decisions, deferments and their history, and queues the annotations, the township reports and the school's
    notice. Raises 404; 409 when it was closed meanwhile; 412; 403 `four_eyes`; 422 naming each entry whose draft
    cannot stand any longer (a hint may have come since).
    """
    roster, batch, state = await lock_batch(session, approver, batch_id, seen, BatchAction.DECIDE)
    if not may_decide(batch.submitted_by, approver.sub):
        raise common.FOUR_EYES()
    today = clock.today()
    men, records = await _decisions(session, approver, roster, batch, today)
    outcomes = await deferments.apply(session, men)
    for record in records:
        outcome = outcomes[record["id"]]
        record["annotation_action"] = outcome.effects.annotation.value
        record["deferment_id"] = outcome.deferment_id
    await session.execute(insert(DecisionRecord), records)
    await deferments.record(session, batch.county_code, outcomes)
    entry_ids = [man.entry["id"] for man in men]
    await _close_entries(session, approver, batch, entry_ids)
    # A man decided here may stand undecided on another roster, whose officer is to see it (RO-27).
    await announce(session, entry_ids)
    close(batch, state, approver)
    roster.revision += 1
    await session.flush()
    payload = [(str(i), {"decision_id": str(i), "county_code": batch.county_code}) for i in outcomes]
    told = {str(i) for i, outcome in outcomes.items() if deferments.changes_annotation(outcome)}
    await jobs.enqueue_many(session, ANNOTATE, [p for p in payload if p[0] in told], max_attempts=PATIENCE)
    await jobs.enqueue_many(session, TOWNSHIP_REPORT, [*payload], max_attempts=PATIENCE)
    sums = Counter(record["decision"] for record in records)
    await audit.record_many(
        session,
        [
            audit.row(
                session,
                "entry.decided",
                "entry",
                r["entry_id"],
                {
                    "decision": r["decision"],
                    "decision_number": r["decision_number"],
                    "annotation_action": r["annotation_action"],
                },
            )
            for r in records
        ],
    )
    data = event_types.BatchDecidedData(
        **await facts(session, batch, roster),
        approved=sums[Decision.APPROVED],
        rejected=sums[Decision.REJECTED],
        decided_on=today,
    )
    await events.publish(session, event_types.BATCH_DECIDED, batch_id, data, priority=jobs.URGENT)
    told_batch = await common.batch_out(session, approver, batch_id)
    return DecidedBatch(**told_batch.model_dump(), approved=data.approved, rejected=data.rejected, decided_on=today)


async def _decisions(
    session: AsyncSession, approver: Principal, roster: Roster, batch: Batch, today: date
) -> tuple[list[deferments.Man], list[dict[str, Any]]]:
    found = await session.execute(
        queries.entries(Entry.batch_id == batch.id).order_by(Entry.row_no, Entry.id).with_for_update()
    )
    rows = list(found.mappings())
    await common.judge_again(session, rows)
    ids = [row["id"] for row in rows]
    hints = await queries.hints(session, ids)
    registry = await queries.registry_facts(session, ids)
    kind = RosterKind(roster.kind)
    allocated: str | None = None
    men: list[deferments.Man] = []
    records: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for row in rows:
        draft = drafts.read(drafts.current(row["officer_draft"], row["approver_draft"]))
        of_entry = common.stored_hints(hints[row["id"]])
        wrong = _still_wrong(kind, row, draft, of_entry, today)
        if wrong:
            faults += common.faults(wrong, row["row_no"])
            continue
        if draft.decision_number is None:
            allocated = allocated or await numbers.allocate(session, batch.county_code)
            draft = replace(draft, decision_number=allocated)
        fact = registry.get(row["id"])
        man = _man(roster, row, draft, today, fact.facts if fact else None)
        men.append(man)
        records.append(_record(approver, roster, batch, row, draft, man))
    if faults:
        raise common.NOT_READY(errors=faults)
    return men, records


def _still_wrong(
    kind: RosterKind, row: RowMapping, draft: Draft, hints: list[StoredHint], today: date
) -> tuple[Refusal, ...]:
    # The same test as at submission; the entry itself is for approval by now.
    return not_ready(
        EntryState.IN_REVIEW,
        kind,
        draft,
        hints,
        asked_until=common.asked_until(kind, row),
        limits=common.limits_of(row, today),
        today=today,
    )


def _man(
    roster: Roster,
    row: RowMapping,
    draft: Draft,
    today: date,
    registry: dict[str, Any] | None,
) -> deferments.Man:
    kind = RosterKind(roster.kind)
    fixed = decision_defaults(
        kind,
        draft,
        decided_on=today,
        asked_until=common.asked_until(kind, row),
        limits=common.limits_of(row, today),
    )
    assert draft.decision is not None
    assert draft.decision_number is not None
    decided = Decided(
        decision=draft.decision,
        decided_on=fixed.decided_on,
        issued_on=fixed.issued_on,
        decision_number=draft.decision_number,
        deferment_until=fixed.deferment_until,
        cessation_reason=CessationReason(row["cessation_reason"]) if row["cessation_reason"] else None,
        left_on=row["left_on"],
        annotation_text=draft.annotation_text,
    )
    return deferments.Man(uuid4(), row, kind, roster.received_on, decided, registry)


def _record(
    approver: Principal, roster: Roster, batch: Batch, row: RowMapping, draft: Draft, man: deferments.Man
) -> dict[str, Any]:
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
        "law_version": LAWS[DEFERMENT_REGULATION].version_on(man.decided.decided_on),
    }


_DECIDED = TRANSITIONS[EntryState.FOR_APPROVAL, EntryAction.DECIDE]


async def _close_entries(session: AsyncSession, approver: Principal, batch: Batch, entry_ids: Sequence[UUID]) -> None:
    await session.execute(
        update(Entry)
        .where(Entry.batch_id == batch.id)
        .values(state=_DECIDED.to.value, version=Entry.version + 1, changed_at=func.now())
    )
    await leave(session, approver, batch, entry_ids, BatchState.DECIDED, None)
