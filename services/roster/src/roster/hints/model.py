"""What the legal tests read. No man's name and no national ID comes in; docs/adr/0042 tells why the parts are apart."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from roster.intake.rules import CaseKind, CessationReason, Division, Level, RosterKind
from shared.periods import Deadline


class SchoolKind(StrEnum):
    """The organisation type of a school. 進修學校 and 進修學院 are schools of their own, not divisions (RO-23)."""

    UNIVERSITY = "university"
    COLLEGE = "college"
    JUNIOR_COLLEGE = "junior_college"
    SENIOR_HIGH = "senior_high"
    CONTINUING_SCHOOL = "continuing_school"
    CONTINUING_COLLEGE = "continuing_college"
    OTHER = "other"


class RegistryStatus(StrEnum):
    """A man's standing in the conscription registry (RO-18, RO-30). All but `none` leave nothing to defer."""

    NONE = "none"
    RESERVIST = "reservist"
    REPLACEMENT_SOLDIER = "replacement_soldier"
    SUBSTITUTE_RESERVIST = "substitute_reservist"
    EXEMPTED = "exempted"
    DISQUALIFIED = "disqualified"
    SERVICE_AGE_ENDED = "service_age_ended"


class AgeRule(StrEnum):
    """How "older than N" (逾N歲) is counted (RO-26; docs/adr/0040).

    year_end: passed from 1 January of the year after he turns N. birthday: passed from the day after the Nth birthday.
    """

    YEAR_END = "year_end"
    BIRTHDAY = "birthday"


class Student(msgspec.Struct, frozen=True, gc=False):
    """The entry's fields that the law looks at. None means the roster did not say.

    `status_recognised` False is the statement, by school or officer, that the enrolment does not meet the rules of the
    education authority. `overseas_compatriot` None and False differ: only False can contradict the registry.
    """

    birth_date: date
    county_code: str
    level: Level | None = None
    division: Division = Division.DAY
    nominal_years: int | None = None
    enrolled_on: date | None = None
    expected_graduation_on: date | None = None
    extended_until: date | None = None
    cessation_reason: CessationReason | None = None
    left_on: date | None = None
    overseas_compatriot: bool | None = None
    experimental_education: bool = False
    status_recognised: bool | None = None
    prior_graduated_level: Level | None = None
    prior_graduated_on: date | None = None
    moi_approval_no: str | None = None


@dataclass(frozen=True, slots=True)
class School:
    """The filing school, or the one whose certificate was handed in, as it stands on the day of judging.

    `code` None: none (`NO_SCHOOL`). `registered` is the dated flag 立案; `programme_recognised` False means that the
    entry's programme is in the reference table of unrecognised programmes.
    """

    code: str | None
    kind: SchoolKind
    registered: bool = True
    programme_recognised: bool = True
    name: str = ""


NO_SCHOOL: Final = School(None, SchoolKind.OTHER, name="未入學高級中等學校之實驗教育")
"""Of a man whom no school filed and who holds no school's certificate (Art. 11-2, 16-1, 16-3)."""


@dataclass(frozen=True, slots=True)
class ActiveDeferment:
    """A deferment of this man that nothing has ended.

    `filed_on`: the day its roster arrived. It stays here after `until` has passed, because Art. 14 has the school file
    the extension in the next term. `school_code` None: of experimental education without enrolment. `awaits_roster`: a
    certificate granted it ahead of its roster (Art. 12), under the number of the decision on that.
    """

    school_code: str | None
    decision_number: str
    since: date
    until: date
    level: Level | None = None
    school_name: str = ""
    filed_on: date | None = None
    awaits_roster: bool = False
    issued_on: date | None = None


@dataclass(frozen=True, slots=True)
class GraduatedDeferment:
    """A past deferment of this man that ended because he graduated from `level`."""

    level: Level
    ended_on: date


@dataclass(frozen=True, slots=True)
class OtherRoster:
    """Another roster, still undecided, that this man stands on."""

    roster_id: str
    school_code: str | None
    school_name: str = ""


@dataclass(frozen=True, slots=True)
class CertificateOnFile:
    """A certificate that a township handed in for this man (Art. 12). `rejected`: the decision's number, if it was."""

    school_code: str | None
    rejected: str | None = None
    decided_on: date | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What the system itself knows of the man. `certificate_on_file`: the school certificate of Art. 12, as the officer
    noted it or as a township handed it in; `certificates`: the latter."""

    active: tuple[ActiveDeferment, ...] = ()
    graduated: tuple[GraduatedDeferment, ...] = ()
    other_rosters: tuple[OtherRoster, ...] = ()
    certificate_on_file: bool = False
    certificates: tuple[CertificateOnFile, ...] = ()


NO_HISTORY: Final = History()


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """The registry's answer of `as_of` (RO-18). `known` False: it has no data of this man; a None was not answered."""

    as_of: datetime
    known: bool = True
    status: RegistryStatus | None = None
    birth_date: date | None = None
    county_code: str | None = None
    household_since: date | None = None
    induction_order_number: str | None = None
    induction_order_on: date | None = None
    overseas_compatriot: bool | None = None
    volunteered_training: bool | None = None
    annotation_number: str | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """The submission the entry came in with. `deadline` is this entry's own, None where the law sets no period.

    `case`: what others than schools filed, None for a school's roster.

    `academic_year` is an ROC year (115); `term` is 1 (from 1 August) or 2 (from 1 February).
    """

    kind: RosterKind
    received_on: date
    academic_year: int
    term: int
    deadline: Deadline | None = None
    case: CaseKind | None = None
