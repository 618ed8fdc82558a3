"""Writing what decisions do to deferments, for a whole batch at once, and the history of it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Executable, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment, DefermentChange
from roster.deferments.rules import Annotation, AnnotationAction, DefermentAction, Effects
from roster.deferments.service import Foreseen, Man, endings
from roster.intake.rules import CERTIFICATES, RosterKind
from roster.versions.past import table_of
from shared.bulk import insertion

# As the columns' default would say, which would be worked out for each row.
MOMENT: Final = select(func.moment()).scalar_subquery()


class Granted(msgspec.Struct, frozen=True, gc=False):
    """A deferment that a decision makes, as its row will stand. An object of the session costs ten times its price."""

    id: UUID
    national_id: str
    national_id_index: bytes
    school_code: str | None
    county_code: str
    township_code: str
    level: str | None
    kind: str
    decision_number: str
    issued_on: date
    filed_on: date
    deferred_from: date
    deferred_until: date
    summary: str
    revoked_on: date | None
    ended_reason: str | None
    awaits_roster: bool
    version: int


@dataclass(frozen=True, slots=True)
class Done:
    """How one deferment stands after a decision, and when it was to end before."""

    deferment: Deferment | Granted
    until_before: date | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision caused: the annotation's part, and the deferments it changed, the one it is about first.

    `renumbered`: the number and date that a correction gives the first of them (RO-52).
    """

    effects: Effects
    done: tuple[Done, ...]
    renumbered: tuple[str, date] | None = None

    @property
    def deferment_id(self) -> UUID | None:
        """The deferment that the decision is about."""
        return self.done[0].deferment.id if self.done else None


async def apply(session: AsyncSession, decided: Iterable[tuple[Man, Foreseen]]) -> dict[UUID, Outcome]:
    """Write the deferments of a batch's decisions; outcome by decision id. `record` writes their history.

    What was foreseen was worked out from deferments that are held (`all_deferments`), each man once.
    """
    outcomes: dict[UUID, Outcome] = {}
    granted: list[Granted] = []
    for man, foreseen in decided:
        done, renumbered = _put_right(foreseen), None
        if foreseen.writes:
            renumbered = next((write.renumbered for write in foreseen.writes if write.renumbered), None)
        if foreseen.effects.deferment is not DefermentAction.CORRECT:
            done = _carry_out(man, foreseen) + done
            granted += [one.deferment for one in done if isinstance(one.deferment, Granted)]
        outcomes[man.decision_id] = Outcome(foreseen.effects, tuple(done), renumbered)
    await session.flush()
    await _insert(session, granted)
    return outcomes


def _put_right(foreseen: Foreseen) -> list[Done]:
    """Carry out a correction; the deferment that it is about first."""
    done: list[Done] = []
    about = foreseen.standing.ours
    for write in sorted(foreseen.writes, key=lambda write: write.deferment is not about):
        deferment = write.deferment
        done.append(Done(deferment, deferment.deferred_until))
        deferment.deferred_until, deferment.summary = write.until, write.summary
        deferment.revoked_on, deferment.ended_reason = write.revoked_on, write.ended_reason
        deferment.awaits_roster = write.awaits_roster
        deferment.version += 1
    return done


def _carry_out(man: Man, foreseen: Foreseen) -> list[Done]:
    caused, ours = foreseen.effects, foreseen.standing.ours
    books = caused.books
    if caused.deferment is DefermentAction.NONE or books is None:
        return []
    until_before = caused.before.deferment_until if caused.before else None
    beside: list[Done] = []
    for ending in endings(man, foreseen):
        beside.append(Done(ending.deferment, ending.deferment.deferred_until))
        ending.deferment.deferred_until = ending.until
        ending.deferment.revoked_on, ending.deferment.ended_reason = ending.revoked_on, ending.reason
        ending.deferment.version += 1
    if caused.deferment is DefermentAction.GRANT or ours is None:
        return [Done(_new(man, caused, books), until_before), *beside]
    ours.deferred_until = books.deferment_until
    ours.summary = books.summary
    ours.version += 1
    if caused.deferment is DefermentAction.REVOKE:
        ours.revoked_on, ours.ended_reason = man.decided.left_on, man.decided.cessation_reason
    else:
        ours.revoked_on = ours.ended_reason = None
        ours.awaits_roster = ours.awaits_roster and not foreseen.standing.confirms
    return [Done(ours, until_before), *beside]


def _new(man: Man, caused: Effects, books: Annotation) -> Granted:
    """A new deferment; one that was known to the registry only keeps the registry's number and date."""
    granted = caused.deferment is DefermentAction.GRANT
    revoked = caused.deferment is DefermentAction.REVOKE
    return Granted(
        id=uuid4(),
        national_id=man.entry["national_id"],
        national_id_index=man.entry["national_id_index"],
        school_code=man.school,
        county_code=man.entry["county_code"],
        township_code=man.entry["township_code"],
        level=man.entry["level"],
        kind=man.kind if granted else RosterKind.APPLICATION,
        decision_number=books.decision_number,
        issued_on=books.issued_on,
        filed_on=man.filed_on if granted else books.deferment_from,
        deferred_from=books.deferment_from,
        deferred_until=books.deferment_until,
        summary=books.summary,
        revoked_on=man.decided.left_on if revoked else None,
        ended_reason=man.decided.cessation_reason if revoked else None,
        awaits_roster=granted and man.case in CERTIFICATES,
        version=1,
    )


async def record(session: AsyncSession, county_code: str, outcomes: Mapping[UUID, Outcome]) -> None:
    """The append-only history of what decisions did to deferments; after the decisions themselves.

    It is that of our books, also where the annotation was left alone: the township's report reads it. Here a deferment
    gets the number and date of the decision that corrects the one which granted it: the database lets it for a decision
    that is there.
    """
    for outcome in outcomes.values():
        if outcome.renumbered is not None:
            deferment = outcome.done[0].deferment
            # What a correction puts right was there before.
            assert isinstance(deferment, Deferment)
            deferment.decision_number, deferment.issued_on = outcome.renumbered
    await session.flush()
    changes = [
        (decision_id, outcome.effects, done, about)
        for decision_id, outcome in outcomes.items()
        for done, about in zip(outcome.done, (True, *(False,) * len(outcome.done)), strict=False)
    ]
    if changes:
        now = [done.deferment for _, _, done, _ in changes]
        series: dict[str, Sequence[Any]] = {
            "decision_id": [decision_id for decision_id, _, _, _ in changes],
            "deferment_id": [one.id for one in now],
            "deferment_version": [one.version for one in now],
            "annotation_action": [
                effects.annotation if about else AnnotationAction.NONE for _, effects, _, about in changes
            ],
            "until_before": [done.until_before for _, _, done, _ in changes],
            "until_after": [one.deferred_until for one in now],
            "liable_for_induction": [about and effects.liable_for_induction for _, effects, _, about in changes],
            **{name: [getattr(one, name) for one in now] for name in _REPEATED},
        }
        await session.execute(insertion(table_of(DefermentChange), {"county_code": county_code, "at": MOMENT}, series))


# What the history of a deferment says of it in its own words.
_REPEATED: Final = ("revoked_on", "ended_reason", "decision_number", "issued_on", "summary")


async def _insert(session: AsyncSession, granted: Sequence[Granted]) -> None:
    if granted:
        await session.execute(await asyncio.to_thread(_insertion, granted))


def _insertion(granted: Sequence[Granted]) -> Executable:
    """In a thread, because it encrypts an ID each."""
    series = {name: [getattr(one, name) for one in granted] for name in Granted.__struct_fields__}
    return insertion(table_of(Deferment), {"changed_at": MOMENT}, series)


def changes_annotation(outcome: Outcome) -> bool:
    """Whether the registry is to be told."""
    return outcome.effects.annotation is not AnnotationAction.NONE
