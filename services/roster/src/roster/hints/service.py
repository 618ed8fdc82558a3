"""Judging entries: what is known of each man is brought together, the legal tests run, their hints stored.

Judging crosses the walls between organisations (the purpose `judge`): a man's other rosters and deferments count,
whoever filed or decided them. What it finds is shown by row-level security to those only who may see it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import queries, sets
from roster.hints.case import Case, lay_out
from roster.hints.model import NO_HISTORY, NO_SCHOOL, AgeRule, History, School
from roster.hints.rules import judge_case
from roster.hints.sets import HintSet
from roster.hints.subjects import Filings, Subject, histories
from roster.intake.models import Roster
from roster.reference import service as reference
from roster.registry.facts import for_judging
from roster.registry.models import RegistryFact
from shared import clock, jobs, purposes
from shared.calendar import WorkingCalendar
from shared.db import Context, Database
from shared.law import rule

REJUDGE = "hints.rejudge"
_CHUNK = 1_000

_SEEN = text("UPDATE entry SET judged_at = now() WHERE id = ANY(CAST(:entries AS uuid[]))")
# A join with a list of what each entry gets would be planned badly: row-level security makes PostgreSQL expect a single
# entry, and so compare all with all.
_MARK = text(
    "UPDATE entry SET judged_at = now(),"
    " last_day = (CAST(:last_days AS date[]))[array_position(CAST(:entries AS uuid[]), id)],"
    " hint_set = (CAST(:hint_sets AS uuid[]))[array_position(CAST(:entries AS uuid[]), id)]"
    " WHERE id = ANY(CAST(:entries AS uuid[]))"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging found out: entries whose hints are not what they were, and entries of men who stand on another
    undecided roster as well."""

    changed: frozenset[UUID]
    elsewhere: frozenset[UUID]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What the legal tests say of one entry; `elsewhere`: its man stands on another undecided roster as well."""

    subject: Subject
    hints: HintSet
    last_day: date | None
    elsewhere: bool

    @property
    def is_new(self) -> bool:
        """Whether other hints were found than are stored."""
        return self.subject.judged_at is None or self.subject.hint_set != self.hints.id


async def judge_entries(session: AsyncSession, entry_ids: Sequence[UUID], *, today: date) -> Judged:
    """Run the legal tests on the undecided ones of `entry_ids` and store every hint, its rule and law version (RO-54).

    Sets `judged_at` and `last_day` (RO-26) and touches neither version nor revision. The caller holds the lock of the
    entries' rosters, or has just made them. Assumes the purpose `judge` and drops it again.
    """
    if not entry_ids:
        return Judged(frozenset(), frozenset())
    await purposes.assume(session, "judge", "entry", _named(entry_ids))
    found = await _judge(session, entry_ids, today)
    await purposes.drop(session)
    return found


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Judges entries that are not stored yet; their rosters are there already."""

    known: "Known"
    today: date

    @classmethod
    async def of(cls, session: AsyncSession, subjects: Sequence[Subject], *, today: date) -> Self:
        """Look up what is known of the men. Assumes the purpose `judge` and drops it again."""
        async with _judging(session, subjects):
            return cls(await look_up(session, subjects, today), today)

    def judge(self, lot: Sequence[Subject]) -> list[Outcome]:
        """What the legal tests say of some of them, in their order; asks nobody, so that a thread may do it."""
        return _judge_lot(lot, self.known, self.today)

    async def store(self, session: AsyncSession, found: Sequence[Outcome]) -> None:
        """Store the hints. Assumes the purpose `judge` and drops it again."""
        async with _judging(session, [one.subject for one in found]):
            await sets.store(session, (one.hints for one in found))


@asynccontextmanager
async def _judging(session: AsyncSession, subjects: Sequence[Subject]) -> AsyncIterator[None]:
    await purposes.assume(session, "judge", "entry", _named([one.id for one in subjects]))
    yield
    await purposes.drop(session)


async def announce(session: AsyncSession, entry_ids: Iterable[UUID]) -> None:
    """Have the other undecided entries of these men judged again, by the worker: this one is new, or was decided."""
    ids = sorted(str(entry_id) for entry_id in entry_ids)
    chunks = [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
    await jobs.enqueue_many(session, REJUDGE, [(None, {"entry_ids": chunk}) for chunk in chunks])


@dataclass(frozen=True, slots=True)
class Rejudge:
    """The handler of `announce`: judges the men's *other* entries, each roster locked before its entries."""

    database: Database

    @rule("RO-27")
    async def __call__(self, job: jobs.Job) -> None:
        """One job. Counts a change of the roster for every roster one of whose hints changed."""
        told = {UUID(entry_id) for entry_id in job.payload["entry_ids"]}
        async with self.database.transaction(Context.system("roster")) as session:
            await purposes.assume(session, "judge", "job", job.id)
            men = await queries.men_on(session, told)
            rosters = {row.id: row.roster_id for row in await queries.undecided_of(session, men) if row.id not in told}
            held = select(Roster.id).where(queries.among(Roster.id, set(rosters.values()))).order_by(Roster.id)
            await session.execute(held.with_for_update())
            found = await _judge(session, list(rosters), clock.today())
            changed = {rosters[entry_id] for entry_id in found.changed}
            if changed:
                await session.execute(
                    update(Roster).where(queries.among(Roster.id, changed)).values(revision=Roster.revision + 1)
                )
            await jobs.finish(session, job)


async def foresee(
    session: AsyncSession, entry_ids: Sequence[UUID], *, today: date
) -> dict[UUID, tuple[list[dict[str, Any]], date | None]]:
    """The hints and the last day that judging the undecided ones of `entry_ids` would give; nothing is stored.

    Assumes the purpose `judge` and drops it again.
    """
    if not entry_ids:
        return {}
    await purposes.assume(session, "judge", "entry", _named(entry_ids))
    lots = [lot async for lot in _found(session, entry_ids, today)]
    found = {one.subject.id: (one.hints.bodies, one.last_day) for lot in lots for one in lot}
    await purposes.drop(session)
    return found


async def _found(session: AsyncSession, entry_ids: Sequence[UUID], today: date) -> AsyncIterator[list[Outcome]]:
    """The findings of the undecided ones of `entry_ids`, in lots."""
    for start in range(0, len(entry_ids), _CHUNK):
        rows = await queries.judged(session, entry_ids[start : start + _CHUNK])
        subjects = [Subject.stored(row) for row in rows]
        known = await look_up(session, subjects, today)
        known.facts.update(await queries.facts_of(session, [one.id for one in subjects]))
        # A thousand entries take a tenth of a second: other requests are answered meanwhile.
        yield await asyncio.to_thread(_judge_lot, subjects, known, today)


@dataclass(frozen=True, slots=True)
class Known:
    """What judging some entries reads beside them. `schools`: as it is, as it is for a programme that is not
    recognised, and the (department, level) pairs of those. `facts`: the registry's answers so far."""

    calendar: WorkingCalendar
    schools: Mapping[str | None, tuple[School, School, frozenset[tuple[str, str]]]]
    histories: Mapping[UUID, History]
    facts: dict[UUID, RegistryFact] = field(default_factory=dict)


async def look_up(session: AsyncSession, subjects: Sequence[Subject], today: date) -> Known:
    """What judging these entries reads beside them, but for the registry's answers; under the purpose `judge`."""
    schools: dict[str | None, tuple[School, School, frozenset[tuple[str, str]]]] = {
        None: (NO_SCHOOL, NO_SCHOOL, frozenset())
    }
    for code in {one.attends for one in subjects} - {None}:
        assert code is not None
        found = await reference.school_facts(session, code, today)
        # The foreign key of `roster.school_code` keeps every school that ever filed.
        assert found is not None
        school, unrecognised = found
        schools[code] = (school, replace(school, programme_recognised=False), unrecognised)
    return Known(await reference.working_calendar(session), schools, await histories(session, subjects))


def _judge_lot(subjects: Sequence[Subject], known: Known, today: date) -> list[Outcome]:
    """The findings of each, in their order; asks nobody."""
    lot: list[Outcome] = []
    filings = Filings(known.calendar)
    alike = sets.Sets()
    for one in subjects:
        case = laid_out(one, known, filings, today)
        lot.append(Outcome(one, alike.of(one, judge_case(case)), case.last_day, bool(case.history.other_rosters)))
    return lot


def laid_out(one: Subject, known: Known, filings: Filings, today: date, law_on: date | None = None) -> Case:
    """An entry with all that is known of its man; `law_on`: under the law of that day, by default today's."""
    answer = known.facts.get(one.id)
    heard = None if answer is None else for_judging(answer.as_of, answer.known, answer.facts)
    recognised, unrecognised, pairs = known.schools[one.attends]
    # RO-20, RO-21: the school as it is for the entry's programme.
    school = unrecognised if (one.stated.department, one.stated.level) in pairs else recognised
    history = known.histories.get(one.id, NO_HISTORY)
    return lay_out(one.student, school, history, heard, filings.of(one), today, AgeRule.YEAR_END, law_on)


@rule("RO-54")
async def _judge(session: AsyncSession, entry_ids: Sequence[UUID], today: date) -> Judged:
    changed: set[UUID] = set()
    elsewhere: set[UUID] = set()
    async for lot in _found(session, entry_ids, today):
        fresh = [one for one in lot if one.is_new]
        await sets.store(session, (one.hints for one in fresh))
        # That an entry was looked at again and nothing came of it is no change of it, and history keeps none.
        marked = [one for one in lot if one.is_new or one.last_day != one.subject.last_day]
        seen = [one.subject.id for one in lot if not one.is_new and one.last_day == one.subject.last_day]
        if seen:
            await session.execute(_SEEN, {"entries": seen})
        if marked:
            of_each = {
                "entries": [one.subject.id for one in marked],
                "last_days": [one.last_day for one in marked],
                "hint_sets": [one.hints.id for one in marked],
            }
            await session.execute(_MARK, of_each)
        changed.update(one.subject.id for one in fresh)
        elsewhere.update(one.subject.id for one in lot if one.elsewhere)
    return Judged(frozenset(changed), frozenset(elsewhere))


def _named(entry_ids: Sequence[UUID]) -> str:
    return str(entry_ids[0]) if len(entry_ids) == 1 else f"{entry_ids[0]} + {len(entry_ids) - 1}"
