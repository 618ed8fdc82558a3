"""Taking in a school's file: read it whole, split it per county, judge it, ask the registry (RO-01 to RO-08, RO-16)."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import service as hints
from roster.hints.queries import Record
from roster.hints.subjects import Subject, Terms
from roster.intake import queries, store
from roster.intake.charset import charset_of
from roster.intake.faults import IntakeRejected, RejectionKind
from roster.intake.filing import NO_CERTIFICATE, Certificate, Filer
from roster.intake.mending import mended
from roster.intake.models import Roster, Submission
from roster.intake.reading import Submission as FileRead
from roster.intake.reading import bare, read_submission
from roster.intake.rows import canonical_digest, canonical_line
from roster.intake.rules import Reporter, RosterKind
from roster.intake.schemas import CountyPart, HintCount, Note, RowHint, SubmissionOut, SubmittedRoster, TrialOut
from roster.intake.sheets.book import SHEET_TYPES
from roster.intake.sheets.reader import read_workbook
from roster.intake.templates import template
from roster.reference import service as reference
from roster.registry import service as registry
from roster.versions.models import RosterVersion
from roster.versions.past import table_of
from shared import audit, clock
from shared.idempotency import REPLAYED, Reply
from shared.law import rule
from shared.papers.forms import Form
from shared.papers.making import Rows, make
from shared.places import COUNTIES
from shared.principals import Principal
from shared.problems import (
    BAD_SYNTAX,
    FORBIDDEN,
    INVALID_CONTENT,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_TYPE,
    ProblemError,
    ProblemType,
)

SCHOOL_UNKNOWN = ProblemType(
    "school_unknown", 422, "學校名錄查無貴校，無法收件", "The school is not in the Ministry's list"
)
_REFUSALS: Mapping[RejectionKind, ProblemType] = {
    "syntax": BAD_SYNTAX,
    "size": TOO_LARGE,
    "type": UNSUPPORTED_TYPE,
    "content": INVALID_CONTENT,
}
_HINTS_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Posted:
    """What a school states about its file, and the file, every cell of it checked.

    Of a case also: each row's certificate, and what is stated beside the rows, which belongs to the content (RO-08).
    """

    kind: RosterKind
    academic_year: int
    term: int
    read: FileRead
    certificates: tuple[Certificate, ...] = ()
    beside: bytes = b""

    @property
    def stated(self) -> tuple[str, int, int]:
        """Kind, academic year and term (RO-02)."""
        return self.kind.value, self.academic_year, self.term


@dataclass(frozen=True, slots=True)
class Taken:
    """A submission that is in the database now; `again` when it was there before, else `men` are its entries."""

    id: UUID
    again: bool
    men: tuple[Subject, ...] = ()


@rule("RO-02", "RO-04", "RO-07")
async def read_file(sender: Principal, kind: RosterKind, content_type: str, body: bytes) -> FileRead:
    """A school's file, every cell of it checked; who reports what is told by the sender's organisation.

    Asks no database. Raises 403 for who is no school and reports no cessation, and 400, 413, 415 and 422 with every
    fault of the file.
    """
    if sender.org.type != Reporter.SCHOOL and kind is not RosterKind.CESSATION:
        raise FORBIDDEN()
    reporter, today = Reporter(sender.org.type), clock.today()
    media = bare(content_type)
    try:
        if media in SHEET_TYPES:
            return await read_workbook(body, media, kind, reporter, today)
        # Twenty thousand rows take a second: other requests are answered meanwhile.
        return await asyncio.to_thread(
            read_submission, body, content_type, charset_of(content_type), kind, reporter, today
        )
    except IntakeRejected as refused:
        raise _REFUSALS[refused.kind](
            detail=refused.message,
            detail_en=refused.message_en,
            errors=refused.faults,
            error_count=refused.total,
        ) from None


async def read_or_mend(
    sender: Principal, kind: RosterKind, content_type: str, body: bytes, form: Form | None
) -> FileRead:
    """`read_file`; what it raises for faulty cells brings the file to mend in `form`, if one is asked for."""
    try:
        return await read_file(sender, kind, content_type, body)
    except ProblemError as refused:
        raise (refused if form is None else await mended(refused, form, content_type, kind, body)) from None


async def blank_roster(kind: RosterKind, form: Form) -> bytes:
    """The template of `kind` in `form`."""
    document = template(kind, int(clock.now().timestamp()))
    return await make(form, document, Rows([]))


async def submit(session: AsyncSession, sender: Principal, posted: Posted) -> Reply:
    """Take in a school's file: 201 with one roster a county, or 200 with those that the same content made before.

    Raises 422 `school_unknown`, `term_unknown`.
    """
    await _require_listed(session, sender)
    taken = await take_in(session, sender, posted, Filer.school(sender.org.code))
    return await told(session, sender, taken, f"/roster/v1/submissions/{taken.id}")


async def told(session: AsyncSession, sender: Principal, taken: Taken, location: str) -> Reply:
    """What the sender is told of a submission: 201, or 200 for content that was there before."""
    answer = await get_submission(session, sender, taken.id)
    if taken.again:
        return Reply(answer, 200, {REPLAYED: "true"})
    return Reply(answer, 201, {"Location": location})


@rule("RO-16")
async def try_out(session: AsyncSession, sender: Principal, posted: Posted) -> TrialOut:
    """Do all of `submit` and undo it; says what would happen, in the words a school may read. Raises what it raises."""
    read = posted.read
    await _require_listed(session, sender)
    async with session.begin_nested() as tried:
        taken = await take_in(session, sender, posted, Filer.school(sender.org.code))
        rosters = await queries.rosters_of(session, taken.id)
        counts = [] if taken.again else await queries.hint_counts(session, taken.id)
        found = [] if taken.again else await queries.row_hints(session, taken.id, _HINTS_LISTED)
        await tried.rollback()
    # The look across the walls was made and undone with the rest; that it was made is kept.
    await audit.record(
        session, "submission.tried", "school", sender.org.code, {"rows": len(read.rows), "purpose": "judge"}
    )
    return TrialOut(
        already_submitted=taken.id if taken.again else None,
        school_code=sender.org.code,
        kind=posted.kind,
        academic_year=posted.academic_year,
        term=posted.term,
        row_count=len(read.rows),
        charset=read.charset,
        notes=[Note.model_validate(note) for note in read.notes],
        rosters=[CountyPart(**_part(roster)) for roster in rosters],
        hint_counts=[HintCount.model_validate(count) for count in counts],
        hints=[_row_hint(hint, read) for hint in found],
        hint_count=sum(count.count for count in counts),
    )


async def get_submission(session: AsyncSession, sender: Principal, submission_id: UUID) -> SubmissionOut:
    """One of the school's own submissions; raises 404."""
    found = await session.scalar(select(Submission).where(Submission.id == submission_id, *_own(sender)))
    if found is None:
        raise NOT_FOUND()
    rosters = await queries.rosters_of(session, found.id)
    return SubmissionOut(
        id=found.id,
        school_code=found.school_code,
        kind=RosterKind(found.kind),
        academic_year=found.academic_year,
        term=found.term,
        row_count=found.row_count,
        charset=found.charset,
        notes=[Note.model_validate(note) for note in found.notes],
        received_at=found.received_at,
        rosters=[SubmittedRoster(id=roster.id, **_part(roster)) for roster in rosters],
    )


def _own(sender: Principal) -> tuple[Any, ...]:
    """The organisation's own submissions."""
    if sender.org.type == Reporter.SCHOOL:
        return (Submission.school_code == sender.org.code,)
    return (Submission.filer_type == sender.org.type, Submission.filer_code == sender.org.code)


def _part(roster: Record) -> dict[str, Any]:
    late = 0 if roster.deadline is None else max((roster.received_on - roster.deadline).days, 0)
    return {
        "county_code": roster.county_code,
        "county_name": COUNTIES[roster.county_code].name,
        "headcount": roster.headcount or 0,
        "deadline": roster.deadline,
        "days_late": late,
        "received_on": roster.received_on,
    }


def _row_hint(hint: Record, read: FileRead) -> RowHint:
    body = hint.body
    sheet, row = read.place(hint.row_no)
    return RowHint(
        sheet=sheet,
        row=row,
        code=body["code"],
        severity=body["severity"],
        message=body["message"],
        message_en=body["message_en"],
    )


async def _require_listed(session: AsyncSession, sender: Principal) -> None:
    if await reference.school_facts(session, sender.org.code, clock.today()) is None:
        raise SCHOOL_UNKNOWN(
            detail="請洽系統管理者匯入教育部學校名錄（POST /roster/v1/schools/imports）後再送。",
            detail_en="Ask the administrator to import the Ministry's list (POST /roster/v1/schools/imports) first.",
        )


@rule("RO-01", "RO-05", "RO-08", "RO-17")
async def take_in(session: AsyncSession, sender: Principal, posted: Posted, filer: Filer) -> Taken:
    """Store the submission and one roster a county, late or not, and have it judged; or find the same content.

    Nothing is keyed on a man's school or dates: he may be enrolled at two schools at once, and dates are corrected.
    """
    read = posted.read
    counties = sorted({row.county_code for row in read.rows})
    stated = (posted.kind, posted.academic_year, posted.term)
    deadlines = await store.deadlines(session, filer.school_code, stated, read.rows, counties)
    lines = [canonical_line(row) for row in read.rows]
    digest = canonical_digest([*lines, posted.beside] if posted.beside else lines)
    submission_id = uuid.uuid4()
    stating = upsert(Submission).values(
        id=submission_id,
        **filer.columns,
        kind=posted.kind,
        academic_year=posted.academic_year,
        term=posted.term,
        content_digest=digest,
        charset=read.charset,
        row_count=len(read.rows),
        notes=store.stored_notes(read),
        received_by=sender.sub,
    )
    # Two posts of the same content at once: the index lets one in, and the other waits here until that is certain.
    while await session.scalar(stating.on_conflict_do_nothing().returning(Submission.id)) is None:
        known = await queries.same_content(session, filer, sender.sub, posted.stated, digest)
        if known is not None:
            return Taken(known, again=True)
        # It was withdrawn between the one look and the other, and may be sent anew (RO-08).
    judged_at, received_on = clock.now(), clock.today()
    rosters: dict[str, dict[str, Any]] = {
        county: {
            "id": uuid.uuid4(),
            "submission_id": submission_id,
            **filer.columns,
            "filer_name": filer.name,
            "case_kind": filer.case,
            "county_code": county,
            "kind": posted.kind,
            "academic_year": posted.academic_year,
            "term": posted.term,
            "version": 1,
            "revision": 1,
            "received_on": received_on,
            **store.fixed(deadlines[county]),
        }
        for county in counties
    }
    await session.execute(insert(table_of(Roster)), [*rosters.values()])
    terms = {county: Terms(*stated, rosters[county]["deadline"], filer.case) for county in counties}
    certificates = posted.certificates or (NO_CERTIFICATE,) * len(read.rows)
    arrivals = [
        store.arrival(
            filer.school_code, rosters[row.county_code]["id"], terms[row.county_code], row, received_on, certificate
        )
        for row, certificate in zip(read.rows, certificates, strict=True)
    ]
    received = await store.insert_entries(
        session, arrivals, version=1, today=received_on, judged_at=judged_at, filer=filer
    )
    by_county: dict[str, list[UUID]] = {county: [] for county in counties}
    lines_of: dict[str, list[bytes]] = {county: [] for county in counties}
    for one, line in zip(arrivals, lines, strict=True):
        by_county[one.stated.county_code].append(one.id)
        lines_of[one.stated.county_code].append(line)
    versions = [
        store.new_version(rosters[county], 1, sender.sub, read, of_county, {"added": len(of_county)})
        for county, of_county in lines_of.items()
    ]
    await session.execute(insert(table_of(RosterVersion)), versions)
    facts = {"kind": posted.kind, "academic_year": posted.academic_year, "term": posted.term}
    await audit.record_many(
        session,
        [
            audit.row(session, "submission.received", "submission", submission_id, {**facts, "rows": len(read.rows)}),
            *(
                audit.row(
                    session,
                    "roster.received",
                    "roster",
                    rosters[county]["id"],
                    {"submission_id": str(submission_id), "county_code": county, "headcount": len(ids)},
                )
                for county, ids in by_county.items()
            ),
        ],
    )
    await hints.announce(session, received)
    await registry.queue_lookups(session, by_county)
    return Taken(submission_id, again=False, men=tuple(arrivals))
