"""What decisions will do to deferments: `rules.effects` of a man, his deferments and what the registry holds.

`roster.deferments.writing` carries it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment
from roster.deferments.rules import (
    Annotation,
    Decided,
    DefermentAction,
    Effects,
    effects,
    ended_by_leaving,
)
from roster.hints.model import RegistryStatus
from roster.intake.rules import CERTIFICATES, CaseKind, CessationReason, RosterKind
from roster.registry.facts import annotation_of, status_of
from shared.law import rule

SUPERSEDED: Final = "superseded"
GRANTED_IN_ERROR: Final = "granted_in_error"
_REASONS: Final = frozenset(CessationReason)


@dataclass(frozen=True, slots=True)
class Man:
    """What a decision on one man reads: his entry's cells, what the registry said, what was decided.

    `case`: what others than schools filed (docs/adr/0047).
    """

    decision_id: UUID
    entry: Mapping[Any, Any]
    kind: RosterKind
    filed_on: date
    decided: Decided
    registry: Mapping[str, Any] | None
    case: CaseKind | None = None

    @property
    def school(self) -> str | None:
        """The school whose student he is by the entry; None for one of no school's."""
        found: str | None = self.entry["certified_school"] or self.entry["school_code"]
        return found


@dataclass(frozen=True, slots=True)
class Standing:
    """What our books say of a man when a decision on him is to be carried out.

    `ours`: the deferment the decision is about. `ends`: those that nothing has ended and that a grant supersedes or a
    cessation revokes; `others`: those that run beside it. `confirms`: `ours` was granted by a certificate ahead of the
    roster that is decided now (Art. 12).
    """

    ours: Deferment | None
    latest: Annotation | None
    ends: tuple[Deferment, ...]
    others: tuple[Annotation, ...]
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """What a correction makes of one deferment (RO-52); `renumbered`: the number and date that it is given."""

    deferment: Deferment
    until: date
    revoked_on: date | None
    ended_reason: str | None
    awaits_roster: bool
    summary: str
    renumbered: tuple[str, date] | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a decision will cause, worked out and not done: what it is about, and all that comes of it.

    `writes`: of a correction, everything that it puts right (`roster.deferments.correcting`).
    """

    standing: Standing
    effects: Effects
    writes: tuple[Write, ...] = ()

    @property
    def beside(self) -> list[Write]:
        """What a correction makes of other deferments than the one it is about."""
        about = self.standing.ours if self.effects.deferment is DefermentAction.CORRECT else None
        return [write for write in self.writes if write.deferment is not about]


async def all_deferments(
    session: AsyncSession, indexes: Sequence[bytes], *, held: bool
) -> dict[bytes, list[Deferment]]:
    """Every deferment of each man, ended ones too, newest first; `held` locks them to the end of the transaction."""
    found: dict[bytes, list[Deferment]] = {}
    query = (
        select(Deferment)
        .where(Deferment.national_id_index.in_(indexes))
        .order_by(Deferment.created_at.desc(), Deferment.id)
    )
    for deferment in await session.scalars(query.with_for_update() if held else query):
        found.setdefault(deferment.national_id_index, []).append(deferment)
    return found


@rule("RO-49", "RO-71", "RO-72")
def standing_of(man: Man, his: Sequence[Deferment], kept: Sequence[Deferment] | None = None) -> Standing:
    """Which of a man's deferments (`his`, newest first) the decision is about, which it ends, which go on beside it.

    The annotation is that of his deferment at the filing school, else the registry's: the second may be older than
    this system (docs/adr/0044). `kept`: all that our books know of him, where `his` leaves some out (RO-52).
    """
    kept = his if kept is None else kept
    # What was granted in error never was (RO-52).
    his = [deferment for deferment in his if deferment.ended_reason != GRANTED_IN_ERROR]
    school, left_on = man.school, man.decided.left_on
    # Art. 16-1: 同時廢止已核准之緩徵, wherever he studies.
    trained = man.case is CaseKind.VACATION_TRAINING
    running = [deferment for deferment in his if deferment.revoked_on is None]
    here = [deferment for deferment in running if trained or deferment.school_code == school]
    ends: list[Deferment] = []
    ours = here[0] if here else None
    beside = running
    if man.kind is RosterKind.CESSATION:
        ends = [deferment for deferment in here if trained or (left_on is not None and deferment.filed_on <= left_on)]
        ours = ends[0] if ends else ours
        beside = [deferment for deferment in running if deferment not in ends]
    elif man.kind is RosterKind.EXTENSION:
        ours = ours or _ceased_last(his, school)
    elif (ahead := _granted_ahead(man, here)) is not None:
        others = tuple(annotation(deferment) for deferment in running if deferment is not ahead)
        return Standing(ahead, annotation(ahead), (), others, confirms=True)
    else:
        # Art. 14(3): done anew, so whatever he had before gives way. An application elsewhere is a second enrolment.
        ends = running if man.kind is RosterKind.REAPPLICATION else here
    return Standing(
        ours,
        _of_registry(kept, man.registry) if ours is None else annotation(ours),
        tuple(ends),
        tuple(annotation(deferment) for deferment in beside if deferment is not ours),
    )


@rule("RO-71")
def _granted_ahead(man: Man, here: Sequence[Deferment]) -> Deferment | None:
    """The deferment that a certificate granted ahead of the application that is decided now, while it still runs."""
    if man.kind is not RosterKind.APPLICATION or man.case in CERTIFICATES:
        return None
    running = (one for one in here if one.awaits_roster and one.deferred_until >= man.decided.decided_on)
    return next(running, None)


def _ceased_last(his: Sequence[Deferment], school_code: str | None) -> Deferment | None:
    """The school's newest deferment of the man if a cessation ended it: one that was superseded stays ended."""
    newest = next((deferment for deferment in his if deferment.school_code == school_code), None)
    return newest if newest is not None and newest.ended_reason in _REASONS else None


def _of_registry(his: Sequence[Deferment], registry: Mapping[str, Any] | None) -> Annotation | None:
    """The annotation in the registry's answer, where it can only be one that our books do not know.

    The registry holds one a man, and its answer may be older than our last decision: what was issued no later than any
    deferment in our books, ended ones included, is one of them or was overwritten by it.
    """
    known = None if registry is None else annotation_of(registry)
    if known is None or known.revoked_on is not None or known.deferment_until < known.deferment_from:
        return None
    return known if all(deferment.issued_on < known.issued_on for deferment in his) else None


def annotation(deferment: Deferment) -> Annotation:
    """What the registry is told of a deferment as it stands."""
    reason = deferment.ended_reason
    return Annotation(
        decision_number=deferment.decision_number,
        issued_on=deferment.issued_on,
        deferment_from=deferment.deferred_from,
        deferment_until=deferment.deferred_until,
        summary=deferment.summary,
        revoked_on=deferment.revoked_on,
        revoked_for=CessationReason(reason) if reason in _REASONS else None,
        filed_on=deferment.filed_on,
    )


@rule("RO-53")
def foresee(man: Man, his: Sequence[Deferment]) -> Foreseen:
    """What the decision will cause: `writing.apply` carries out this and nothing else, the preview shows it.

    `his`: all of the man's deferments, ended ones too, newest first (`all_deferments`). Raises ValueError as `effects`
    does, for a deferment that would end before it starts among others.
    """
    standing = standing_of(man, his)
    status = status_of(man.registry or {})
    return Foreseen(standing, _effects(man, standing, status))


def _effects(man: Man, standing: Standing, status: RegistryStatus | None) -> Effects:
    return effects(man.kind, man.decided, standing.latest, status, standing.others, confirms=standing.confirms)


@dataclass(frozen=True, slots=True)
class Ending:
    """A deferment of the man that the decision ends beside the one it is about; in our books only."""

    deferment: Deferment
    until: date
    revoked_on: date
    reason: str


def endings(man: Man, foreseen: Foreseen) -> list[Ending]:
    """What a grant supersedes, and what else of the school's a cessation revokes."""
    return endings_of(man, foreseen.standing, foreseen.effects, man.decided.decided_on)


def endings_of(man: Man, standing: Standing, caused: Effects, day: date) -> list[Ending]:
    """`endings` of a decision with these effects; a grant supersedes as of `day`."""
    if caused.deferment is DefermentAction.NONE or caused.books is None:
        return []
    if caused.deferment is DefermentAction.GRANT:
        return [Ending(one, one.deferred_until, day, SUPERSEDED) for one in standing.ends]
    left_on, reason = man.decided.left_on, man.decided.cessation_reason
    found: list[Ending] = []
    for one in standing.ends:
        if one is not standing.ours:
            assert left_on is not None
            assert reason is not None
            found.append(Ending(one, ended_by_leaving(one.deferred_from, one.deferred_until, left_on), left_on, reason))
    return found
