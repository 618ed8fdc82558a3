"""Entries as judging reads them, stored or about to be, and what the legal tests are given of each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints import queries
from roster.hints.model import (
    NO_HISTORY,
    NO_SCHOOL,
    ActiveDeferment,
    CertificateOnFile,
    Filing,
    GraduatedDeferment,
    History,
    OtherRoster,
    Student,
)
from roster.hints.queries import Record
from roster.intake.deadlines import cessation_deadline
from roster.intake.rules import CERTIFICATES, EXPERIMENTAL, CaseKind, CessationReason, Division, Level, RosterKind
from shared.calendar import WorkingCalendar
from shared.ids import mask_ids_in
from shared.periods import Deadline

# By what a row says, be it a member already or its value.
_LEVELS: Mapping[str | None, Level | None] = {level.value: level for level in Level} | {None: None}
_DIVISIONS: Mapping[str | None, Division] = {one.value: one for one in Division} | {None: Division.DAY}


class Terms(msgspec.Struct, frozen=True):
    """What an entry is judged by of its roster. `deadline`: fixed when it came in; None where the law sets no period.

    A deadline moved afterwards makes nobody late, or in time.
    """

    kind: RosterKind
    academic_year: int
    term: int
    deadline: date | None
    case: CaseKind | None = None

    @classmethod
    def of(cls, roster: Any) -> Self:
        """Those of a roster, or of a row that holds its columns."""
        case = None if roster.case_kind is None else CaseKind(roster.case_kind)
        return cls(RosterKind(roster.kind), roster.academic_year, roster.term, roster.deadline, case)


class Subject(msgspec.Struct, frozen=True, gc=False):
    """One entry. `man` is the blind index of his ID; `stated` has the columns of his row as attributes.

    `school_code`: the school that filed him, `certified_school` the one of a certificate (Art. 12). `recognised` and
    `certificate_on` are what the officer found; the last three are what was judged before.
    """

    id: UUID
    roster_id: UUID
    school_code: str | None
    man: bytes
    filed_on: date
    stated: Any
    terms: Terms
    certified_school: str | None = None
    recognised: bool | None = None
    certificate_on: date | None = None
    judged_at: datetime | None = None
    last_day: date | None = None
    hint_set: UUID | None = None

    @classmethod
    def stored(cls, row: Record) -> Self:
        """The one of a row of `queries.judged`."""
        return cls(
            row.id,
            row.roster_id,
            row.school_code,
            row.national_id_index,
            row.filed_on,
            row,
            Terms.of(row),
            row.certified_school,
            row.enrolment_recognised,
            row.certificate_on,
            row.judged_at,
            row.last_day,
            row.hint_set,
        )

    @property
    def attends(self) -> str | None:
        """The school as whose student he is judged."""
        return self.certified_school or self.school_code

    @property
    def student(self) -> Student:
        """What the legal tests read of his row."""
        row = self.stated
        return Student(
            birth_date=row.birth_date,
            county_code=row.county_code,
            level=_LEVELS[row.level],
            division=_DIVISIONS[row.division],
            nominal_years=row.nominal_years,
            enrolled_on=row.enrolled_on,
            expected_graduation_on=row.expected_graduation_on,
            extended_until=row.extended_until,
            cessation_reason=None if row.cessation_reason is None else CessationReason(row.cessation_reason),
            left_on=row.left_on,
            overseas_compatriot=row.overseas_compatriot,
            experimental_education=self.terms.case in EXPERIMENTAL or bool(row.experimental_education),
            status_recognised=row.status_recognised if self.recognised is None else self.recognised,
            prior_graduated_level=_LEVELS[row.prior_graduated_level],
            prior_graduated_on=row.prior_graduated_on,
            moi_approval_no=row.moi_approval_no,
        )


async def histories(session: AsyncSession, subjects: Sequence[Subject]) -> dict[UUID, History]:
    """What the system knows of the men, by entry, where it knows anything; a man is found by his ID alone (RO-17)."""
    men = {one.man for one in subjects}
    active: dict[bytes, list[ActiveDeferment]] = defaultdict(list)
    graduated: dict[bytes, list[GraduatedDeferment]] = defaultdict(list)
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
                    school_name=NO_SCHOOL.name if past.school_code is None else past.school_name or "",
                    awaits_roster=past.awaits_roster,
                    issued_on=past.issued_on,
                )
            )
        elif past.ended_reason == CessationReason.GRADUATED and level is not None:
            graduated[past.national_id_index].append(GraduatedDeferment(level, past.revoked_on))
    undecided: dict[bytes, list[Record]] = defaultdict(list)
    for other in await queries.undecided_of(session, men):
        undecided[other.national_id_index].append(other)
    certificates: dict[bytes, list[CertificateOnFile]] = defaultdict(list)
    for paper in await queries.certificates_of(session, men):
        rejected = None if paper.rejected is None else mask_ids_in(paper.rejected)
        certificates[paper.national_id_index].append(
            CertificateOnFile(paper.certified_school, rejected, paper.decided_on)
        )
    known = {
        one.id: History(
            active=tuple(active.get(one.man, ())),
            graduated=tuple(graduated.get(one.man, ())),
            other_rosters=tuple(_others(one, undecided.get(one.man, ()))),
            certificate_on_file=one.certificate_on is not None or _certified(one, certificates),
            # A certificate's own case is not told of itself.
            certificates=() if one.terms.case in CERTIFICATES else tuple(certificates.get(one.man, ())),
        )
        for one in subjects
        if one.certificate_on is not None
        or any(one.man in found for found in (active, graduated, undecided, certificates))
    }
    return {entry_id: history for entry_id, history in known.items() if history != NO_HISTORY}


def _certified(subject: Subject, certificates: Mapping[bytes, Sequence[CertificateOnFile]]) -> bool:
    """Whether a township handed in a certificate of the school on whose roster he stands, or of no school as he."""
    return any(paper.school_code == subject.attends for paper in certificates.get(subject.man, ()))


def _others(subject: Subject, undecided: Sequence[Record]) -> Iterator[OtherRoster]:
    for other in undecided:
        if other.roster_id != subject.roster_id:
            yield OtherRoster(str(other.roster_id), other.school_code, other.school_name)


class Filings:
    """How entries were filed; those of one roster, filed on one day, alike."""

    def __init__(self, calendar: WorkingCalendar) -> None:
        self._calendar = calendar
        self._known: dict[tuple[Any, ...], Filing] = {}

    def of(self, subject: Subject) -> Filing:
        """The filing of an entry."""
        row = subject.stated
        same = (subject.roster_id, subject.filed_on, row.cessation_reason, row.left_on)
        if same not in self._known:
            self._known[same] = _filing(subject, self._calendar)
        return self._known[same]


def _filing(subject: Subject, calendar: WorkingCalendar) -> Filing:
    terms, row = subject.terms, subject.stated
    deadline: Deadline | None = None
    if terms.kind is not RosterKind.CESSATION:
        deadline = (
            None if terms.deadline is None else Deadline(terms.deadline, terms.deadline, terms.deadline, False, ())
        )
    elif row.cessation_reason is not None and row.left_on is not None:
        deadline = cessation_deadline(CessationReason(row.cessation_reason), row.left_on, calendar, row.county_code)
    return Filing(terms.kind, subject.filed_on, terms.academic_year, terms.term, deadline, terms.case)
