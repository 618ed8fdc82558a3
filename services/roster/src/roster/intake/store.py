"""How a checked file becomes rows of the database: what the first posting and a correction (RO-09) have in common."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.bulk import insert_columns
from roster.hints import service as hints
from roster.hints.subjects import Subject, Terms
from roster.intake.deadlines import cessation_deadline, roster_deadline
from roster.intake.models import Entry
from roster.intake.reading import Submission as FileRead
from roster.intake.rows import FIELDS, Row, canonical_digest
from roster.intake.rules import RosterKind
from roster.intake.schemas import Note
from roster.reference import service as reference
from roster.review.states import EntryState
from roster.versions.past import table_of
from shared import clock, crypto
from shared.calendar import WorkingCalendar


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A man who comes onto a roster: the entry that will be his, what is stated of him, the day on which he arrived."""

    id: UUID
    man: bytes
    roster_id: UUID
    filed_on: date
    row: Row

    @classmethod
    def on(cls, roster_id: UUID, row: Row, filed_on: date) -> "Arrival":
        """One that has no entry yet."""
        return cls(uuid.uuid4(), crypto.ring().blind_index(row.national_id), roster_id, filed_on, row)


async def insert_entries(
    session: AsyncSession,
    school_code: str,
    arrivals: Sequence[Arrival],
    terms: Mapping[UUID, Terms],
    *,
    version: int,
    today: date,
) -> frozenset[UUID]:
    """Judge and insert the entries of a school's men, which begin with `version` of their rosters.

    `terms`: those of each roster, by its id. Gives the entries of men who stand undecided on other rosters too.
    """
    if not arrivals:
        return frozenset()
    subjects = [
        Subject(one.id, one.roster_id, school_code, one.man, one.filed_on, one.row, terms[one.roster_id])
        for one in arrivals
    ]
    judged_at = clock.now()
    found = await hints.judge_new(session, subjects, today=today)
    rows = [one.row for one in arrivals]
    await insert_columns(
        session,
        table_of(Entry),
        {
            "school_code": school_code,
            "state": EntryState.RECEIVED,
            "version": 1,
            "officer_draft": {},
            "from_version": version,
            "judged_at": judged_at,
            # As its default would say, which would be worked out for each row.
            "changed_at": select(func.moment()).scalar_subquery(),
        },
        {
            "id": [one.id for one in arrivals],
            "roster_id": [one.roster_id for one in arrivals],
            "row_no": [row.number for row in rows],
            "national_id_index": [one.man for one in arrivals],
            "filed_on": [one.filed_on for one in arrivals],
            "last_day": [one.last_day for one in found],
            "hint_set": [one.hints.id for one in found],
            **{name: [getattr(row, name) for row in rows] for name in FIELDS},
        },
    )
    return frozenset(one.subject.id for one in found if one.elsewhere)


def new_version(
    roster: Mapping[str, Any],
    version: int,
    sent_by: str,
    read: FileRead,
    lines: Sequence[bytes],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """The values of a version of `roster` (its id and codes) that some rows of a file make: their `canonical_line`s.

    `counts` as in the table.
    """
    return {
        "roster_id": roster["id"],
        "version": version,
        "school_code": roster["school_code"],
        "county_code": roster["county_code"],
        "received_by": sent_by,
        "row_count": len(lines),
        "charset": read.charset,
        "notes": stored_notes(read),
        "content_digest": canonical_digest(lines),
        **dict.fromkeys(("kept", "changed", "added", "dropped"), 0),
        **counts,
    }


def stored_notes(read: FileRead) -> list[dict[str, str]]:
    """What the sender of a file was told about it."""
    return [Note.model_validate(note).model_dump() for note in read.notes]


async def deadlines(
    session: AsyncSession,
    school_code: str,
    stated: tuple[RosterKind, int, int],
    rows: Sequence[Row],
    counties: Sequence[str],
) -> dict[str, date | None]:
    """The last day to file, by county; of a cessation the earliest of its men's. Raises 422 `term_unknown`."""
    kind, academic_year, term = stated
    calendar = await reference.working_calendar(session)
    if kind is RosterKind.CESSATION:
        return {county: earliest_deadline(rows, county, calendar) for county in counties}
    registration = await reference.registration_deadline(session, school_code, academic_year, term)
    ends = {county: roster_deadline(kind, registration, calendar, county) for county in counties}
    return {county: None if end is None else end.due for county, end in ends.items()}


def earliest_deadline(rows: Iterable[Row], county: str, calendar: WorkingCalendar) -> date | None:
    """The first day on which one of the county's men who left must have been reported; None where no period is set."""
    left = {
        (row.cessation_reason, row.left_on)
        for row in rows
        if row.county_code == county and row.cessation_reason is not None and row.left_on is not None
    }
    ends = [cessation_deadline(reason, day, calendar, county) for reason, day in left if reason and day]
    return min((end.due for end in ends if end is not None), default=None)
