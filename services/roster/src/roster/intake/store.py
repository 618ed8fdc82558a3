"""How a checked file becomes rows of the database: what the first posting and a correction (RO-09) have in common."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import service as hints
from roster.hints.subjects import Subject, Terms
from roster.intake.deadlines import cessation_deadline, roster_deadline
from roster.intake.filing import NO_CERTIFICATE, Certificate, Filer
from roster.intake.models import Entry
from roster.intake.reading import Submission as FileRead
from roster.intake.rows import FIELDS, Row, canonical_digest
from roster.intake.rules import RosterKind
from roster.intake.schemas import Note
from roster.reference import service as reference
from roster.review.states import EntryState
from roster.versions.past import table_of
from shared import crypto
from shared.ahead import ahead
from shared.bulk import insertion
from shared.calendar import WorkingCalendar
from shared.deadlines import DeadlineOut
from shared.periods import Deadline

_LOT = 1_000


def arrival(
    school_code: str | None,
    roster_id: UUID,
    terms: Terms,
    row: Row,
    filed_on: date,
    certificate: Certificate = NO_CERTIFICATE,
) -> Subject:
    """A man who comes onto a roster on a day: the entry that will be his."""
    index = crypto.ring().blind_index(row.national_id)
    return Subject(
        uuid.uuid4(), roster_id, school_code, index, filed_on, row, terms, certificate.school_code,
        certificate_on=certificate.issued_on,
    )  # fmt: skip


async def insert_entries(
    session: AsyncSession,
    arrivals: Sequence[Subject],
    *,
    version: int,
    today: date,
    judged_at: datetime,
    filer: Filer | None = None,
) -> frozenset[UUID]:
    """Judge and insert entries of men who arrive; they begin with `version` of their rosters, which are there already.

    `judged_at`: an instant of `today` or before it, so that what midnight may have changed is judged again. Gives those
    of men who stand undecided on other rosters too.
    """
    if not arrivals:
        return frozenset()
    newcomers = await hints.Newcomers.of(session, arrivals, today=today)

    def prepare(lot: Sequence[Subject]) -> tuple[list[hints.Outcome], Executable]:
        found = newcomers.judge(lot)
        return found, _insertion(found, version, judged_at, filer or Filer())

    found: list[hints.Outcome] = []
    lots = [arrivals[start : start + _LOT] for start in range(0, len(arrivals), _LOT)]
    # While the database takes one lot, the next is judged.
    async with aclosing(ahead(prepare, lots)) as prepared:
        async for judged, statement in prepared:
            await session.execute(statement)
            found += judged
    await newcomers.store(session, found)
    return frozenset(one.subject.id for one in found if one.elsewhere)


def _insertion(found: Sequence[hints.Outcome], version: int, judged_at: datetime, filer: Filer) -> Executable:
    subjects = [one.subject for one in found]
    rows = [one.stated for one in subjects]
    return insertion(
        table_of(Entry),
        {
            "state": EntryState.RECEIVED,
            "version": 1,
            "officer_draft": {},
            "from_version": version,
            "judged_at": judged_at,
            "filer_type": filer.type,
            "filer_code": filer.code,
            # As its default would say, which would be worked out for each row.
            "changed_at": select(func.moment()).scalar_subquery(),
        },
        {
            "id": [one.id for one in subjects],
            "roster_id": [one.roster_id for one in subjects],
            "school_code": [one.school_code for one in subjects],
            "row_no": [row.number for row in rows],
            "national_id_index": [one.man for one in subjects],
            "filed_on": [one.filed_on for one in subjects],
            "last_day": [one.last_day for one in found],
            "hint_set": [one.hints.id for one in found],
            "certified_school": [one.certified_school for one in subjects],
            "certificate_on": [one.certificate_on for one in subjects],
            **{name: [getattr(row, name) for row in rows] for name in FIELDS},
        },
    )


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
    school_code: str | None,
    stated: tuple[RosterKind, int, int],
    rows: Sequence[Row],
    counties: Sequence[str],
) -> dict[str, Deadline | None]:
    """When to file, by county; of a cessation the earliest of its men's. Raises 422 `term_unknown`.

    None for what no school files: Art. 11-2 and 14-2 set no period, nor does Art. 12.
    """
    kind, academic_year, term = stated
    calendar = await reference.working_calendar(session)
    if kind is RosterKind.CESSATION:
        return {county: earliest_deadline(rows, county, calendar) for county in counties}
    if school_code is None:
        return dict.fromkeys(counties)
    registration = await reference.registration_deadline(session, school_code, academic_year, term)
    return {county: roster_deadline(kind, registration, calendar, county) for county in counties}


def earliest_deadline(rows: Iterable[Row], county: str, calendar: WorkingCalendar) -> Deadline | None:
    """The first one by which one of the county's men who left must have been reported; None where no period is set."""
    left = {
        (row.cessation_reason, row.left_on)
        for row in rows
        if row.county_code == county and row.cessation_reason is not None and row.left_on is not None
    }
    ends = [cessation_deadline(reason, day, calendar, county) for reason, day in left if reason and day]
    return min((end for end in ends if end is not None), key=lambda end: end.due, default=None)


def fixed(deadline: Deadline | None) -> dict[str, Any]:
    """A roster's columns of its deadline: the day, and the chain that led to it as it was when the roster came in.

    Whoever moves the term's date or the calendar afterwards changes neither (RO-28, RO-63).
    """
    chain = None if deadline is None else DeadlineOut.of(deadline).model_dump(mode="json")
    return {"deadline": None if deadline is None else deadline.due, "deadline_chain": chain}
