"""What would be judged otherwise under the law of another day (RO-54); nothing is stored.

The legal tests are run twice on the same facts, as of the day on which the entry was judged or decided: under the law
of that day and under that of the other. What differs is the amendment's doing and nothing else's.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import queries
from roster.hints.hint import Hint, Severity
from roster.hints.rules import judge_case
from roster.hints.service import Known, laid_out, look_up
from roster.hints.subjects import Filings, Subject
from roster.intake.models import Entry
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.states import EntryState
from shared import clock, purposes
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Difference:
    """One hint as it is found under either law; None where it is not."""

    then: Hint | None
    now: Hint | None


@dataclass(frozen=True, slots=True)
class Reassessed:
    """An entry that would be judged otherwise. `day`: as of which its facts were read; `decision` None: undecided."""

    entry: Any
    day: date
    decision: Any
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What was found among some entries. `last`: the last of them, None where there was none; `remaining`: how many are
    behind it."""

    found: list[Reassessed]
    looked_at: int
    last: UUID | None
    remaining: int


@rule("RO-54")
def differences(then: Sequence[Hint], now: Sequence[Hint]) -> tuple[Difference, ...]:
    """The hints that are not the same under both laws. What merely informs under both is no other judgement."""
    left = {(hint.code, hint.severity, *hint.values.items()): hint for hint in then}
    right = {(hint.code, hint.severity, *hint.values.items()): hint for hint in now}
    gone = [hint for key, hint in left.items() if key not in right]
    come = {hint.code: hint for key, hint in right.items() if key not in left}
    found = [Difference(hint, come.pop(hint.code, None)) for hint in gone]
    found += [Difference(None, hint) for hint in come.values()]
    return tuple(
        one
        for one in found
        if any(hint is not None and hint.severity is not Severity.INFO for hint in (one.then, one.now))
    )


@rule("RO-54")
async def reassess(
    session: AsyncSession, county_code: str | None, law_on: date, after: UUID | None, limit: int
) -> Look:
    """Look at `limit` entries, undecided and decided, of a county or (None) of all, in the order of their ids.

    Assumes the purpose `judge` and drops it again. Raises LookupError for a day before the oldest law known here.
    """
    await purposes.assume(session, "judge", "law", law_on.isoformat())
    where: list[ColumnElement[bool]] = [Entry.state.in_((*queries.UNDECIDED, EntryState.DECIDED))]
    where.append(or_(Entry.state == EntryState.DECIDED, Entry.judged_at.is_not(None)))
    if county_code is not None:
        where.append(Entry.county_code == county_code)
    if after is not None:
        where.append(Entry.id > after)
    rows = (
        await session.execute(
            select(Entry.id, Entry.state, Entry.row_no, Entry.judged_at, DecisionRecord)
            .outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
            .where(*where)
            .order_by(Entry.id)
            .limit(limit)
        )
    ).all()
    by_day: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        by_day[_day(row)].append(row)
    found: list[Reassessed] = []
    for day, of_day in by_day.items():
        found += await _of_day(session, {row.id: row for row in of_day}, day, law_on)
    last = rows[-1].id if rows else None
    remaining = 0
    if len(rows) == limit:
        remaining = await session.scalar(select(func.count()).where(*where, Entry.id > last)) or 0
    await purposes.drop(session)
    return Look(sorted(found, key=lambda one: one.entry.id), len(rows), last, remaining)


def _day(row: Any) -> date:
    if row.state == EntryState.DECIDED:
        decided_on: date = row.DecisionRecord.decided_on
        return decided_on
    judged: date = row.judged_at.astimezone(clock.TAIPEI).date()
    return judged


async def _of_day(session: AsyncSession, rows: dict[UUID, Any], day: date, law_on: date) -> list[Reassessed]:
    judged = await queries.judged(session, list(rows), (*queries.UNDECIDED, EntryState.DECIDED))
    subjects = [Subject.stored(row) for row in judged]
    known = await look_up(session, subjects, day)
    known.facts.update(await queries.facts_of(session, [one.id for one in subjects]))
    told = await asyncio.to_thread(_judged_twice, subjects, known, day, law_on)
    return [
        Reassessed(one.stated, day, rows[one.id].DecisionRecord if _is_decided(rows[one.id]) else None, changed)
        for one, changed in told
    ]


def _is_decided(row: Any) -> bool:
    return bool(row.state == EntryState.DECIDED)


def _judged_twice(
    subjects: Sequence[Subject], known: Known, day: date, law_on: date
) -> list[tuple[Subject, tuple[Difference, ...]]]:
    filings = Filings(known.calendar)
    found: list[tuple[Subject, tuple[Difference, ...]]] = []
    for one in subjects:
        then = judge_case(laid_out(one, known, filings, day))
        now = judge_case(laid_out(one, known, filings, day, law_on))
        changed = differences(then, now)
        if changed:
            found.append((one, changed))
    return found
