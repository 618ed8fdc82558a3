"""What deciding a batch would fix and cause, worked out before anything is written.

`decide_batch` carries out this plan and the preview shows it (RO-53): there is no second reckoning that could differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments import correcting
from roster.deferments import service as deferments
from roster.deferments.correcting import Undo
from roster.deferments.models import Deferment
from roster.deferments.rules import Decided
from roster.hints import service as hints
from roster.intake.models import Entry, Roster
from roster.intake.rules import CaseKind, CessationReason, RosterKind
from roster.registry.models import RegistryFact
from roster.review import drafts, queries, undone
from roster.review.models import Batch, DecisionRecord
from roster.review.rules import Draft, EntryState, Refusal, built_upon, decision_defaults, grounds_open, not_ready
from roster.review.service import common
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan is made from. `rows` are the batch's entries in the order of the school's file.

    `undos`: of entries under correction (RO-52), what their decisions did; `numbers`: of the decision corrected.
    """

    kind: RosterKind
    rows: Sequence[RowMapping]
    hints: Mapping[UUID, list[dict[str, Any]]]
    last_days: Mapping[UUID, date | None]
    registry: Mapping[UUID, RegistryFact]
    deferments: Mapping[bytes, list[Deferment]]
    undos: Mapping[UUID, Undo]
    numbers: Mapping[UUID, str]
    case: CaseKind | None = None

    def draft(self, row: RowMapping) -> Draft:
        """The draft that counts."""
        return drafts.read(drafts.current(row["officer_draft"], row["approver_draft"]))

    @property
    def needs_number(self) -> bool:
        """Whether some draft has no number, so that one of the county's is taken for it."""
        return any(self.draft(row).decision_number is None for row in self.rows)


@dataclass(frozen=True, slots=True)
class Sound:
    """A decision that can be made: what it says of the man, and all that comes of it."""

    man: deferments.Man
    foreseen: deferments.Foreseen


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry of a plan: either `sound`, or every reason why its draft cannot stand.

    `number_allocated`: the decision number is not the draft's but the county's next.
    """

    row: RowMapping
    draft: Draft
    number_allocated: bool
    refusals: tuple[Refusal, ...]
    sound: Sound | None


async def read_and_hold(session: AsyncSession, roster: Roster, batch: Batch) -> Facts:
    """The facts for deciding now: entries and deferments are held, what was judged on another day is judged again."""
    judged = await session.execute(
        select(Entry.id, Entry.judged_at).where(Entry.batch_id == batch.id).order_by(Entry.id).with_for_update()
    )
    await common.judge_again(session, judged.mappings().all())
    rows = await _entries(session, batch)
    found = await queries.hints(session, rows)
    last_days = {row["id"]: row["last_day"] for row in rows}
    return await _facts(session, roster, rows, found, last_days, held=True)


async def read_only(session: AsyncSession, roster: Roster, batch: Batch, today: date) -> Facts:
    """The same facts for looking only: nothing is held, and what is judged again is not stored."""
    rows = await _entries(session, batch)
    stale = common.judged_before(rows, today)
    fresh = await hints.foresee(session, stale, today=today)
    found = await queries.hints(session, rows)
    last_days = {row["id"]: row["last_day"] for row in rows}
    for entry_id, (bodies, last_day) in fresh.items():
        found[entry_id], last_days[entry_id] = bodies, last_day
    return await _facts(session, roster, rows, found, last_days, held=False)


async def _entries(session: AsyncSession, batch: Batch) -> list[RowMapping]:
    query = queries.entries(Entry.batch_id == batch.id).order_by(Entry.row_no, Entry.id)
    return list((await session.execute(query)).mappings())


async def _facts(
    session: AsyncSession,
    roster: Roster,
    rows: list[RowMapping],
    found: Mapping[UUID, list[dict[str, Any]]],
    last_days: Mapping[UUID, date | None],
    *,
    held: bool,
) -> Facts:
    his = await deferments.all_deferments(session, [row["national_id_index"] for row in rows], held=held)
    corrected = [row["corrects"] for row in rows if row["corrects"] is not None]
    numbers = select(DecisionRecord.id, DecisionRecord.decision_number).where(DecisionRecord.id.in_(corrected))
    return Facts(
        RosterKind(roster.kind),
        rows,
        found,
        last_days,
        await queries.registry_facts(session, [row["id"] for row in rows]),
        his,
        await undone.undos(session, [row["id"] for row in rows if row["corrects"] is not None], his),
        {row.id: row.decision_number for row in await session.execute(numbers)} if corrected else {},
        None if roster.case_kind is None else CaseKind(roster.case_kind),
    )


@rule("RO-48", "RO-53")
def plan(facts: Facts, next_number: str | None, today: date) -> list[Planned]:
    """What deciding the batch on `today` would do with each entry. Writes nothing, asks nobody.

    `next_number` is the county's next, for drafts that have none; needed when `facts.needs_number`.
    """
    return [_planned(facts, row, next_number, today) for row in facts.rows]


def _planned(facts: Facts, row: RowMapping, next_number: str | None, today: date) -> Planned:
    draft = facts.draft(row)
    allocated = draft.decision_number is None
    limits = common.limits_of({"birth_date": row["birth_date"], "last_day": facts.last_days[row["id"]]}, today)
    asked_until = common.asked_until(facts.kind, row)
    his = facts.deferments.get(row["national_id_index"], [])
    undo = facts.undos.get(row["id"])
    since = None if undo is None else correcting.runs_from(his, undo)
    # The same test as at submission; the entry itself is for approval by now.
    refusals = not_ready(
        EntryState.IN_REVIEW,
        facts.kind,
        draft,
        common.stored_hints(facts.hints[row["id"]]),
        asked_until=asked_until,
        limits=limits,
        today=since or today,
        open_to=grounds_open(facts.case),
    )
    if undo is not None:
        refusals += built_upon(undo.later, kept=undo.kept)
    if allocated:
        draft = replace(draft, decision_number=next_number)
    if refusals:
        return Planned(row, draft, allocated, refusals, None)
    fixed = decision_defaults(facts.kind, draft, decided_on=today, asked_until=asked_until, limits=limits)
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
        corrects_number=facts.numbers.get(row["corrects"]),
    )
    answer = facts.registry.get(row["id"])
    man = deferments.Man(
        uuid4(), row, facts.kind, row["filed_on"], decided, answer.facts if answer else None, facts.case
    )
    foreseen = deferments.foresee(man, his) if undo is None else correcting.foresee(man, his, undo)
    return Planned(row, draft, allocated, (), Sound(man, foreseen))
