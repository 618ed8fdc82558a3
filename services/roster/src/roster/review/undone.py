"""What the decisions of entries under correction did to deferments, as far as it can be taken back (RO-52)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.correcting import Undo
from roster.deferments.models import Deferment, DefermentChange
from roster.deferments.rules import AnnotationAction
from roster.hints.queries import among
from roster.review import queries
from roster.review.models import DecisionRecord
from roster.review.states import Decision
from roster.versions.past import was
from shared.ids import mask_ids_in
from shared.law import rule


@rule("RO-52")
async def undos(
    session: AsyncSession, entry_ids: Sequence[UUID], deferments: Mapping[bytes, Sequence[Deferment]]
) -> dict[UUID, Undo]:
    """What was done so far, by entry; `deferments`: all of the men's, by man."""
    if not entry_ids:
        return {}
    own = await _changes(session, among(DecisionRecord.entry_id, entry_ids))
    touched = {change.deferment_id for change in own}
    every: dict[UUID, list[Any]] = defaultdict(list)
    for change in await _changes(session, among(DefermentChange.deferment_id, touched)):
        every[change.deferment_id].append(change)
    others = {change.entry_id for changes in every.values() for change in changes} - set(entry_ids)
    undone = {
        entry_id
        for entry_id, decision in (await queries.decisions(session, list(others))).items()
        if decision.decision == Decision.REJECTED
    }
    now = {one.id: one for his in deferments.values() for one in his}
    former = await _former(session, touched)
    found: dict[UUID, Undo] = {}
    for entry_id in entry_ids:
        mine = [change for change in own if change.entry_id == entry_id]
        first = {change.deferment_id: change for change in reversed(mine)}
        kept = all(change.version == 1 or (id_, change.version - 1) in former for id_, change in first.items())
        found[entry_id] = Undo(
            {id_: _before(change, now[id_], former) for id_, change in first.items()} if kept else {},
            any(change.annotation_action != AnnotationAction.NONE for change in mine),
            tuple(_later(first, every, now, undone)),
            kept,
        )
    return found


async def _changes(session: AsyncSession, which: Any) -> list[Any]:
    """Changes of deferments by this county's decisions, each deferment's in their order."""
    query = (
        select(
            DefermentChange.deferment_id,
            DefermentChange.deferment_version.label("version"),
            DefermentChange.annotation_action,
            DefermentChange.until_before,
            DecisionRecord.entry_id,
            DecisionRecord.decision_number,
        )
        .join(DecisionRecord, DecisionRecord.id == DefermentChange.decision_id)
        .where(which)
        .order_by(DefermentChange.deferment_id, DefermentChange.deferment_version)
    )
    return list((await session.execute(query)).all())


async def _former(session: AsyncSession, ids: Iterable[UUID]) -> dict[tuple[UUID, int], Deferment]:
    """Every former state of deferments, by its version. They are of no session: what is made of them is not stored."""
    rows = await session.execute(was(Deferment, list(ids)))
    return {(row["id"], row["version"]): Deferment(**row) for row in rows.mappings()}


def _before(change: Any, now: Deferment, former: Mapping[tuple[UUID, int], Deferment]) -> Deferment | None:
    """How a deferment stood before `change`, the first that the entry's decisions made of it; None: they made it."""
    if change.version > 1:
        return former[change.deferment_id, change.version - 1]
    if change.annotation_action == AnnotationAction.CREATE or change.until_before is None:
        return None
    # One that only the registry knew was taken into our books by the decision: it stood before, until that day.
    values = {column.name: getattr(now, column.name) for column in Deferment.__table__.c}
    return Deferment(**values | {"deferred_until": change.until_before, "revoked_on": None, "ended_reason": None})


def _later(
    first: Mapping[UUID, Any],
    every: Mapping[UUID, Sequence[Any]],
    now: Mapping[UUID, Deferment],
    undone: set[UUID],
) -> list[str | None]:
    """The decisions that were built on the entry's, the newest first.

    One that came to nothing since, because it was itself corrected into a rejection, is none of them, unless it was
    there before.
    """
    found: list[str | None] = []
    for deferment_id, change in first.items():
        seen = [one for one in every[deferment_id] if one.version > change.version]
        begun = {one.entry_id for one in every[deferment_id] if one.version < change.version}
        # A change that is not among those we see was another county's.
        if now[deferment_id].version - change.version > len(seen):
            found.append(None)
        newest = {one.entry_id: one for one in seen if one.entry_id != change.entry_id}
        standing = [one for entry_id, one in newest.items() if entry_id not in undone or entry_id in begun]
        found += [mask_ids_in(one.decision_number) for one in sorted(standing, key=lambda one: -one.version)]
    return list(dict.fromkeys(found))
