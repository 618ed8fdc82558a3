"""How a checked file becomes rows of the database: what the first posting and a correction (RO-09) have in common."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from roster.bulk import insert_rows
from roster.hints import service as hints
from roster.intake.deadlines import cessation_deadline, roster_deadline
from roster.intake.models import Entry
from roster.intake.reading import Submission as FileRead
from roster.intake.rows import FIELDS, Row, canonical_digest
from roster.intake.rules import RosterKind
from roster.intake.schemas import Note
from roster.reference import service as reference
from roster.review.states import EntryState
from roster.versions.past import table_of
from shared import crypto
from shared.calendar import WorkingCalendar


def new_entry(school_code: str, roster_id: UUID, row: Row, *, filed_on: date, version: int) -> dict[str, Any]:
    """The values of an entry that begins with `version` of its roster."""
    return {
        "id": uuid.uuid4(),
        "roster_id": roster_id,
        "school_code": school_code,
        "row_no": row.number,
        "national_id_index": crypto.ring().blind_index(row.national_id),
        "state": EntryState.RECEIVED,
        "version": 1,
        "officer_draft": {},
        "from_version": version,
        "filed_on": filed_on,
        **{name: getattr(row, name) for name in FIELDS},
    }


async def insert_entries(
    session: AsyncSession,
    entries: Sequence[dict[str, Any]],
    rosters: Mapping[UUID, Mapping[str, Any]],
    *,
    today: date,
) -> frozenset[UUID]:
    """Judge and insert the values of new entries; those of men who stand undecided on other rosters too.

    `rosters`: of each entry's roster, by id, what judging reads of it.
    """
    elsewhere = await hints.judge_new(session, entries, rosters, today=today)
    await insert_rows(session, table_of(Entry), entries)
    return elsewhere


def new_version(
    roster: Mapping[str, Any],
    version: int,
    sent_by: str,
    read: FileRead,
    rows: Sequence[Row],
    counts: Mapping[str, int],
    digest: bytes | None = None,
) -> dict[str, Any]:
    """The values of a version of `roster` (its id and codes) that `rows` of a file make; `counts` as in the table.

    `digest`: the rows' `canonical_digest` where it is known already.
    """
    return {
        "roster_id": roster["id"],
        "version": version,
        "school_code": roster["school_code"],
        "county_code": roster["county_code"],
        "received_by": sent_by,
        "row_count": len(rows),
        "charset": read.charset,
        "notes": stored_notes(read),
        "content_digest": digest or bytes.fromhex(canonical_digest(rows)),
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
