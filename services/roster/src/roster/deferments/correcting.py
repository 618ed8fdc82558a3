"""Putting right what a decision made in error did to a man's deferments (RO-52; docs/adr/0049).

What the decisions of an entry did is taken back as if nothing had ever been decided on it, then the right decision is
carried out on what is left, and only the difference from how the books stand is written: as new states, never by
deleting. Asks nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from roster.deferments.models import Deferment
from roster.deferments.rules import (
    TRAINED,
    Annotation,
    AnnotationAction,
    DefermentAction,
    Effects,
    Why,
    append_summary,
    effects,
    line_of,
)
from roster.deferments.service import (
    GRANTED_IN_ERROR,
    Foreseen,
    Man,
    Standing,
    Write,
    annotation,
    endings_of,
    standing_of,
)
from roster.hints.model import RegistryStatus
from roster.intake.rules import RosterKind
from roster.registry.facts import status_of
from roster.review.rules import Decision
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Undo:
    """What the decisions of one entry did so far.

    `former`: the deferments that they changed, by id, as they stood before; None for one that they made. `told`: the
    registry heard of any of it. `later`: the numbers of the decisions that were built on theirs, the newest first;
    None among them is one that this county cannot see. `kept` False: the books do not say how it stood before.
    """

    former: Mapping[UUID, Deferment | None]
    told: bool
    later: tuple[str | None, ...] = ()
    kept: bool = True


@dataclass(frozen=True, slots=True)
class _State:
    """Of a deferment, what a correction may change."""

    until: date
    revoked_on: date | None
    ended_reason: str | None
    awaits_roster: bool

    @classmethod
    def of(cls, deferment: Deferment) -> "_State":
        return cls(deferment.deferred_until, deferment.revoked_on, deferment.ended_reason, deferment.awaits_roster)

    def in_force(self, since: date, day: date) -> bool:
        return self.revoked_on is None and since <= day <= self.until


def runs_from(his: Sequence[Deferment], undo: Undo) -> date | None:
    """The first day of the deferment that the decisions made, else of those they changed; a correction leaves no gap.

    None where they did nothing, so that a deferment granted now begins now.
    """
    made = _made(his, undo)
    if made is not None:
        return made.deferred_from
    return min((one.deferred_from for one in his if one.id in undo.former), default=None)


def _made(his: Sequence[Deferment], undo: Undo) -> Deferment | None:
    return next((one for one in his if one.id in undo.former and undo.former[one.id] is None), None)


@rule("RO-52", "RO-53")
def foresee(man: Man, his: Sequence[Deferment], undo: Undo) -> Foreseen:
    """What the correcting decision will cause; `deferments.service.foresee` for a decision that corrects another.

    A deferment granted in error is revoked as of its first day; one granted rightly with a wrong number, date or end
    takes those of the correction and keeps its first day; what was ended, extended or revoked in error stands again as
    before. The registry is told of the deferment that holds afterwards, else of the one that was made in error. Raises
    ValueError as `effects` does. `undo.later` must be empty.
    """
    made = _made(his, undo)
    before = [undo.former.get(one.id, one) for one in his]
    left = [one for one in before if one is not None]
    standing = standing_of(man, left, kept=his)
    status = status_of(man.registry or {})
    since = None if made is None else made.deferred_from
    caused = effects(man.kind, man.decided, standing.latest, status, standing.others, since, confirms=standing.confirms)

    now = {one.id: _State.of(one) for one in his}
    after = now | {one.id: _State.of(one) for one in left}
    if made is not None:
        after[made.id] = _State(made.deferred_from, made.deferred_from, GRANTED_IN_ERROR, made.awaits_roster)
    about, is_new = _carried_out(man, standing, caused, made, after, undo)
    # What is left is made of former states; what is written are the deferments themselves.
    primary = next((one for one in his if one.id == about), None)
    renumbered = primary is not None and primary is made and caused.deferment is DefermentAction.GRANT
    line = line_of(man.kind, replace(man.decided, deferment_until=_granted(caused)))
    if primary is None and not is_new and after != now:
        primary = _holding(man, his, now, after) or made or next(one for one in his if after[one.id] != now[one.id])
    changed = [one for one in his if after[one.id] != now[one.id] or one is primary]
    writes = tuple(_write(man, one, after[one.id], line, renumbered and one is primary) for one in changed)
    liable = _liable(man, his, now, after, caused, is_new, status)
    return Foreseen(
        Standing(standing.ours if is_new else primary, None if primary is None else annotation(primary), (), ()),
        _effects(caused, undo, next((w for w in writes if w.deferment is primary), None), is_new, liable),
        writes,
    )


def _granted(caused: Effects) -> date | None:
    return None if caused.books is None else caused.books.deferment_until


def _carried_out(
    man: Man,
    standing: Standing,
    caused: Effects,
    made: Deferment | None,
    after: dict[UUID, _State],
    undo: Undo,
) -> tuple[UUID | None, bool]:
    """Carry the right decision out on `after`; the deferment that it is about, and whether it makes a new one."""
    books = caused.books
    if caused.deferment is DefermentAction.NONE or books is None:
        return None, False
    for ending in endings_of(man, standing, caused, man.decided.decided_on):
        # What the decision in error had ended already ends as of the day it did.
        since = ending.revoked_on if made is None or ending.deferment.id not in undo.former else made.deferred_from
        day = since if caused.deferment is DefermentAction.GRANT else ending.revoked_on
        after[ending.deferment.id] = _State(ending.until, day, ending.reason, ending.deferment.awaits_roster)
    granted = caused.deferment is DefermentAction.GRANT
    ours = made if granted else standing.ours
    if ours is None:
        return None, True
    revoked = caused.deferment is DefermentAction.REVOKE
    after[ours.id] = _State(
        books.deferment_until,
        man.decided.left_on if revoked else None,
        man.decided.cessation_reason if revoked else None,
        ours.awaits_roster and not standing.confirms,
    )
    return ours.id, False


def _holding(
    man: Man, his: Sequence[Deferment], now: Mapping[UUID, _State], after: Mapping[UUID, _State]
) -> Deferment | None:
    """His newest deferment that holds afterwards, else the newest that stands again though its last day is past."""
    standing = [one for one in his if after[one.id].revoked_on is None]
    holding = (one for one in standing if after[one.id].until >= man.decided.decided_on)
    return next(holding, None) or next((one for one in standing if after[one.id] != now[one.id]), None)


def _write(man: Man, deferment: Deferment, state: _State, line: str, renumbered: bool) -> Write:
    return Write(
        deferment,
        state.until,
        state.revoked_on,
        state.ended_reason,
        state.awaits_roster,
        append_summary(deferment.summary, line),
        (man.decided.decision_number, man.decided.issued_on) if renumbered else None,
    )


def _liable(
    man: Man,
    his: Sequence[Deferment],
    now: Mapping[UUID, _State],
    after: Mapping[UUID, _State],
    caused: Effects,
    is_new: bool,
    status: RegistryStatus | None,
) -> bool:
    """Whether the man can be called from now on: the correction ends the deferment that held on this day."""
    day = man.decided.decided_on
    held = any(now[one.id].in_force(one.deferred_from, day) for one in his)
    holds = any(after[one.id].in_force(one.deferred_from, day) for one in his)
    if is_new and caused.deferment is not DefermentAction.REVOKE:
        holds = True
    if man.kind is RosterKind.CESSATION and man.decided.decision is Decision.APPROVED:
        if man.decided.cessation_reason in TRAINED:
            return False
        # As any cessation: liable whenever it revokes, also a deferment whose last day is past.
        return not holds and caused.liable_for_induction
    return held and not holds and status in (None, RegistryStatus.NONE)


def _effects(caused: Effects, undo: Undo, primary: Write | None, is_new: bool, liable: bool) -> Effects:
    if is_new:
        return replace(caused, liable_for_induction=liable)
    if primary is None:
        return Effects(AnnotationAction.NONE, DefermentAction.NONE, None, None, why=caused.why)
    was = annotation(primary.deferment)
    books = _annotated(was, primary)
    if not undo.told and caused.annotation is AnnotationAction.NONE:
        why = caused.why or Why.OTHER_DEFERMENT_RUNS
        return Effects(
            AnnotationAction.NONE, DefermentAction.CORRECT, was, was, books, liable_for_induction=liable, why=why
        )
    return Effects(
        AnnotationAction.MODIFY, DefermentAction.CORRECT, was, books, books, liable_for_induction=liable, why=caused.why
    )


def _annotated(was: Annotation, write: Write) -> Annotation:
    number, issued_on = write.renumbered or (was.decision_number, was.issued_on)
    return replace(
        was,
        decision_number=number,
        issued_on=issued_on,
        deferment_until=write.until,
        summary=write.summary,
        revoked_on=write.revoked_on,
        revoked_for=write.ended_reason,
    )
