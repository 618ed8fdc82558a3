"""What decisions do to deferments: `rules.effects` carried out, for a whole batch at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment, DefermentChange
from roster.deferments.rules import Annotation, AnnotationAction, Decided, DefermentAction, Effects, effects
from roster.intake.rules import CessationReason, RosterKind
from roster.registry.facts import annotation_of, status_of

SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Man:
    """What a decision on one man reads: his entry's cells, what the registry said, what was decided."""

    decision_id: UUID
    entry: Mapping[Any, Any]
    kind: RosterKind
    decided: Decided
    registry: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision caused: the annotation's part, and the deferment it concerns."""

    effects: Effects
    deferment_id: UUID | None


async def current_deferments(session: AsyncSession, indexes: Sequence[bytes]) -> dict[bytes, list[Deferment]]:
    """The deferments of each man that nothing has ended, newest first, held to the end of the transaction."""
    found: dict[bytes, list[Deferment]] = {}
    query = (
        select(Deferment)
        .where(Deferment.national_id_index.in_(indexes), Deferment.revoked_on.is_(None))
        .order_by(Deferment.created_at.desc(), Deferment.id)
        .with_for_update()
    )
    for deferment in await session.scalars(query):
        found.setdefault(deferment.national_id_index, []).append(deferment)
    return found


def latest_annotation(
    man_deferments: Sequence[Deferment], school_code: str, registry: Mapping[str, Any] | None
) -> tuple[Deferment | None, Annotation | None]:
    """The annotation a decision would modify: the one of his deferment at the filing school, else the registry's.

    The first is in our books, the second may be older than this system (docs/adr/0044).
    """
    for deferment in man_deferments:
        if deferment.school_code == school_code:
            return deferment, _annotation(deferment)
    known = None if registry is None else annotation_of(registry)
    return None, known if known is None or known.revoked_on is None else None


def _annotation(deferment: Deferment) -> Annotation:
    reason = deferment.ended_reason
    return Annotation(
        decision_number=deferment.decision_number,
        issued_on=deferment.issued_on,
        deferment_from=deferment.deferred_from,
        deferment_until=deferment.deferred_until,
        summary=deferment.summary,
        revoked_on=deferment.revoked_on,
        revoked_for=CessationReason(reason) if reason in set(CessationReason) else None,
    )


def foresee(man: Man, man_deferments: Sequence[Deferment]) -> tuple[Deferment | None, Effects]:
    """What the decision will cause, without doing it (RO-53 reads this too)."""
    ours, latest = latest_annotation(man_deferments, man.entry["school_code"], man.registry)
    return ours, effects(man.kind, man.decided, latest, status_of(man.registry or {}))


async def apply(session: AsyncSession, men: Sequence[Man]) -> dict[UUID, Outcome]:
    """Write the deferments of a batch's decisions; outcome by decision id. `record` writes their history."""
    known = await current_deferments(session, [man.entry["national_id_index"] for man in men])
    outcomes: dict[UUID, Outcome] = {}
    for man in men:
        his = known.get(man.entry["national_id_index"], [])
        ours, caused = foresee(man, his)
        deferment = _carry_out(session, man, ours, caused)
        if caused.supersedes and ours is not None:
            ours.revoked_on, ours.ended_reason = man.decided.decided_on, SUPERSEDED
            ours.version += 1
        outcomes[man.decision_id] = Outcome(caused, None if deferment is None else deferment.id)
    await session.flush()
    return outcomes


def _carry_out(session: AsyncSession, man: Man, ours: Deferment | None, caused: Effects) -> Deferment | None:
    after = caused.after
    if caused.deferment is DefermentAction.NONE or after is None:
        return None
    if caused.deferment is DefermentAction.GRANT or ours is None:
        ours = _new(man, caused, after)
        session.add(ours)
        return ours
    ours.deferred_until = after.deferment_until
    ours.summary = after.summary
    ours.version += 1
    if caused.deferment is DefermentAction.REVOKE:
        ours.revoked_on, ours.ended_reason = man.decided.left_on, man.decided.cessation_reason
    else:
        ours.revoked_on = ours.ended_reason = None
    return ours


def _new(man: Man, caused: Effects, after: Annotation) -> Deferment:
    """A new deferment; one that was known to the registry only keeps the registry's number and date."""
    granted = caused.deferment is DefermentAction.GRANT
    revoked = caused.deferment is DefermentAction.REVOKE
    return Deferment(
        id=uuid4(),
        national_id=man.entry["national_id"],
        national_id_index=man.entry["national_id_index"],
        school_code=man.entry["school_code"],
        county_code=man.entry["county_code"],
        township_code=man.entry["township_code"],
        level=man.entry["level"],
        kind=man.kind if granted else RosterKind.APPLICATION,
        decision_number=after.decision_number,
        issued_on=after.issued_on,
        deferred_from=after.deferment_from,
        deferred_until=after.deferment_until,
        summary=after.summary,
        revoked_on=man.decided.left_on if revoked else None,
        ended_reason=man.decided.cessation_reason if revoked else None,
        version=1,
    )


async def record(session: AsyncSession, county_code: str, outcomes: Mapping[UUID, Outcome]) -> None:
    """The append-only history of what decisions did to deferments; after the decisions themselves."""
    ids = [o.deferment_id for o in outcomes.values() if o.deferment_id is not None]
    versions = {
        row.id: row.version
        for row in await session.execute(select(Deferment.id, Deferment.version).where(Deferment.id.in_(ids)))
    }
    session.add_all(
        DefermentChange(
            decision_id=decision_id,
            deferment_id=outcome.deferment_id,
            county_code=county_code,
            deferment_version=versions[outcome.deferment_id],
            annotation_action=outcome.effects.annotation,
            until_before=outcome.effects.before.deferment_until if outcome.effects.before else None,
            until_after=outcome.effects.after.deferment_until,
            revoked_on=outcome.effects.after.revoked_on,
            summary=outcome.effects.after.summary,
            liable_for_induction=outcome.effects.liable_for_induction,
        )
        for decision_id, outcome in outcomes.items()
        if outcome.deferment_id is not None and outcome.effects.after is not None
    )
    await session.flush()


def changes_annotation(outcome: Outcome) -> bool:
    """Whether the registry is to be told."""
    return outcome.effects.annotation is not AnnotationAction.NONE
