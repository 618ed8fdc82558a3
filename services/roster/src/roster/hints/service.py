"""Judging entries: what is known of each man is brought together, the legal tests run, their hints stored.

Judging crosses the walls between organisations (the purpose `judge`): a man's other rosters and deferments count,
whoever filed or decided them. What it finds is shown by row-level security to those only who may see it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import queries, sets
from roster.hints.case import lay_out
from roster.hints.model import (
    NO_HISTORY,
    ActiveDeferment,
    AgeRule,
    Filing,
    GraduatedDeferment,
    History,
    OtherRoster,
    School,
    Student,
)
from roster.hints.queries import Record
from roster.hints.rules import judge_case
from roster.hints.sets import HintSet
from roster.intake.deadlines import cessation_deadline
from roster.intake.models import Roster
from roster.intake.rules import CessationReason, Division, Level, RosterKind
from roster.reference import service as reference
from roster.registry.facts import for_judging
from roster.registry.models import RegistryFact
from shared import clock, jobs, purposes
from shared.calendar import WorkingCalendar
from shared.db import Context, Database
from shared.ids import mask_ids_in
from shared.law import rule
from shared.periods import Deadline

REJUDGE = "hints.rejudge"
# An entry as judging reads it: a row of `queries.judged`, or one that is not stored yet, with the same names.
Subject = Any
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


async def judge_new(
    session: AsyncSession,
    entries: Sequence[dict[str, Any]],
    rosters: Mapping[UUID, Mapping[str, Any]],
    *,
    today: date,
) -> frozenset[UUID]:
    """Run the legal tests on the values of entries that are to be inserted, whose rosters (by id) are there already.

    Stores the hints and adds `judged_at`, `last_day` and `hint_set` to the values: what is written once need not be
    read back and changed. The entries of men who stand on another undecided roster as well. Assumes the purpose
    `judge` and drops it again.
    """
    now = clock.now()
    named = ("kind", "academic_year", "term", "deadline")
    of_roster = {roster_id: {name: roster[name] for name in named} for roster_id, roster in rosters.items()}
    findings = dict.fromkeys(("judged_at", "last_day", "hint_set", "certificate_on", "enrolment_recognised"))
    rows = [SimpleNamespace(**findings | entry | of_roster[entry["roster_id"]]) for entry in entries]
    if not rows:
        return frozenset()
    await purposes.assume(session, "judge", "entry", _named([row.id for row in rows]))
    known = await _known(session, rows, today)
    lot = await asyncio.to_thread(_judge_lot, rows, known, today)
    await sets.store(session, (one.hints for one in lot))
    await purposes.drop(session)
    for entry, one in zip(entries, lot, strict=True):
        entry |= {"judged_at": now, "last_day": one.last_day, "hint_set": one.hints.id}
    return frozenset(one.row.id for one in lot if one.others)


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
    found = {one.row.id: (one.hints.bodies, one.last_day) for lot in lots for one in lot}
    await purposes.drop(session)
    return found


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the legal tests say of one entry."""

    row: Subject
    hints: HintSet
    last_day: date | None
    others: bool


async def _found(session: AsyncSession, entry_ids: Sequence[UUID], today: date) -> AsyncIterator[list[_Finding]]:
    """The findings of the undecided ones of `entry_ids`, in lots."""
    for start in range(0, len(entry_ids), _CHUNK):
        rows = await queries.judged(session, entry_ids[start : start + _CHUNK])
        known = await _known(session, rows, today)
        known.facts.update(await queries.facts_of(session, [row.id for row in rows]))
        # A thousand entries take a tenth of a second: other requests are answered meanwhile.
        yield await asyncio.to_thread(_judge_lot, rows, known, today)


@dataclass(frozen=True, slots=True)
class _Known:
    """What judging some entries reads beside them. `schools`: as it is, as it is for a programme that is not
    recognised, and the (department, level) pairs of those. `facts`: the registry's answers so far."""

    calendar: WorkingCalendar
    schools: Mapping[str, tuple[School, School, frozenset[tuple[str, str]]]]
    histories: Mapping[UUID, History]
    facts: dict[UUID, RegistryFact] = field(default_factory=dict)


async def _known(session: AsyncSession, rows: Sequence[Subject], today: date) -> _Known:
    schools: dict[str, tuple[School, School, frozenset[tuple[str, str]]]] = {}
    for code in {row.school_code for row in rows}:
        found = await reference.school_facts(session, code, today)
        # The foreign key of `roster.school_code` keeps every school that ever filed.
        assert found is not None
        school, unrecognised = found
        schools[code] = (school, replace(school, programme_recognised=False), unrecognised)
    return _Known(await reference.working_calendar(session), schools, await _histories(session, rows))


def _judge_lot(rows: Sequence[Subject], known: _Known, today: date) -> list[_Finding]:
    """The findings of each row, in their order; asks nobody."""
    lot: list[_Finding] = []
    filings = _Filings(known.calendar)
    alike = sets.Sets()
    for row in rows:
        answer = known.facts.get(row.id)
        heard = None if answer is None else for_judging(answer.as_of, answer.known, answer.facts)
        recognised, unrecognised, pairs = known.schools[row.school_code]
        # RO-20, RO-21: the school as it is for the entry's programme.
        school = unrecognised if (row.department, row.level) in pairs else recognised
        history = known.histories.get(row.id, NO_HISTORY)
        case = lay_out(_student(row), school, history, heard, filings.of(row), today, AgeRule.YEAR_END)
        lot.append(_Finding(row, alike.of(row, judge_case(case)), case.last_day, bool(history.other_rosters)))
    return lot


@rule("RO-54")
async def _judge(session: AsyncSession, entry_ids: Sequence[UUID], today: date) -> Judged:
    changed: set[UUID] = set()
    elsewhere: set[UUID] = set()
    async for lot in _found(session, entry_ids, today):
        elsewhere.update(one.row.id for one in lot if one.others)
        fresh = [one for one in lot if one.row.judged_at is None or one.row.hint_set != one.hints.id]
        await sets.store(session, (one.hints for one in fresh))
        # That an entry was looked at again and nothing came of it is no change of it, and history keeps none.
        marked = [one for one in lot if (one.hints.id, one.last_day) != (one.row.hint_set, one.row.last_day)]
        seen = [one.row.id for one in lot if (one.hints.id, one.last_day) == (one.row.hint_set, one.row.last_day)]
        if seen:
            await session.execute(_SEEN, {"entries": seen})
        if marked:
            of_each = {
                "entries": [one.row.id for one in marked],
                "last_days": [one.last_day for one in marked],
                "hint_sets": [one.hints.id for one in marked],
            }
            await session.execute(_MARK, of_each)
        changed.update(one.row.id for one in fresh)
    return Judged(frozenset(changed), frozenset(elsewhere))


def _named(entry_ids: Sequence[UUID]) -> str:
    return str(entry_ids[0]) if len(entry_ids) == 1 else f"{entry_ids[0]} + {len(entry_ids) - 1}"


async def _histories(session: AsyncSession, rows: Sequence[Subject]) -> dict[UUID, History]:
    """What the system knows of the men on `rows`, by entry; a man is found by his national ID alone (RO-17)."""
    men = {row.national_id_index for row in rows}
    active: Mapping[bytes, list[ActiveDeferment]] = defaultdict(list)
    graduated: Mapping[bytes, list[GraduatedDeferment]] = defaultdict(list)
    for past in await queries.deferments_of(session, men):
        level = None if past.level is None else Level(past.level)
        if past.revoked_on is None:
            active[past.national_id_index].append(
                ActiveDeferment(
                    school_code=past.school_code,
                    # Somebody may have typed an ID for a number; it stays in the decision and goes no further.
                    decision_number=mask_ids_in(past.decision_number),
                    since=past.deferred_from,
                    filed_on=past.filed_on,
                    until=past.deferred_until,
                    level=level,
                    school_name=past.school_name or "",
                )
            )
        elif past.ended_reason == CessationReason.GRADUATED and level is not None:
            graduated[past.national_id_index].append(GraduatedDeferment(level, past.revoked_on))
    undecided: Mapping[bytes, list[Record]] = defaultdict(list)
    for other in await queries.undecided_of(session, men):
        undecided[other.national_id_index].append(other)
    return {
        row.id: History(
            active=tuple(active.get(row.national_id_index, ())),
            graduated=tuple(graduated.get(row.national_id_index, ())),
            other_rosters=tuple(_others(row, undecided[row.national_id_index])),
            certificate_on_file=row.certificate_on is not None,
        )
        for row in rows
    }


def _others(row: Subject, undecided: Sequence[Record]) -> Iterator[OtherRoster]:
    for other in undecided:
        if other.roster_id != row.roster_id:
            yield OtherRoster(str(other.roster_id), other.school_code, other.school_name)


def _student(row: Subject) -> Student:
    recognised = row.status_recognised if row.enrolment_recognised is None else row.enrolment_recognised
    return Student(
        birth_date=row.birth_date,
        county_code=row.county_code,
        level=None if row.level is None else Level(row.level),
        division=Division.DAY if row.division is None else Division(row.division),
        nominal_years=row.nominal_years,
        enrolled_on=row.enrolled_on,
        expected_graduation_on=row.expected_graduation_on,
        extended_until=row.extended_until,
        cessation_reason=None if row.cessation_reason is None else CessationReason(row.cessation_reason),
        left_on=row.left_on,
        overseas_compatriot=row.overseas_compatriot,
        experimental_education=bool(row.experimental_education),
        status_recognised=recognised,
        prior_graduated_level=None if row.prior_graduated_level is None else Level(row.prior_graduated_level),
        prior_graduated_on=row.prior_graduated_on,
        moi_approval_no=row.moi_approval_no,
    )


class _Filings:
    """How entries were filed; those of one roster, filed on one day, alike."""

    def __init__(self, calendar: WorkingCalendar) -> None:
        self._calendar = calendar
        self._known: dict[tuple[Any, ...], Filing] = {}

    def of(self, row: Subject) -> Filing:
        """The filing of an entry."""
        same = (row.roster_id, row.filed_on, row.cessation_reason, row.left_on)
        if same not in self._known:
            self._known[same] = _filing(row, self._calendar)
        return self._known[same]


def _filing(row: Subject, calendar: WorkingCalendar) -> Filing:
    kind = RosterKind(row.kind)
    deadline: Deadline | None = None
    if kind is not RosterKind.CESSATION:
        # The roster's own was fixed when it came in; a deadline moved afterwards makes nobody late, or in time.
        deadline = None if row.deadline is None else Deadline(row.deadline, row.deadline, row.deadline, False, ())
    elif row.cessation_reason is not None and row.left_on is not None:
        deadline = cessation_deadline(CessationReason(row.cessation_reason), row.left_on, calendar, row.county_code)
    return Filing(kind, row.filed_on, row.academic_year, row.term, deadline)
