"""JSON of schools, contacts, terms and working days."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from roster.hints.model import SchoolKind
from roster.intake.rules import Level
from shared.deadlines import DeadlineOut
from shared.schemas import Bool, Email, In, Line, LocalDate, Out

Phone = Annotated[str, StringConstraints(max_length=30, pattern=r"^[0-9+()#\- ]{5,30}$")]


class SchoolOut(Out):
    """A school of the Ministry's list."""

    code: str = Field(max_length=6, examples=["0003"])
    name: str = Field(max_length=100, examples=["國立臺灣大學"])
    school_kind: SchoolKind
    ownership: str = Field(max_length=300, examples=["公立"])
    county_code: str = Field(max_length=5, examples=["63000"])
    address: str = Field(max_length=300)
    phone: str = Field(max_length=300)
    website: str = Field(max_length=300)
    system: str = Field(max_length=300, examples=["一般"])
    registered: bool = Field(description="Registered with the education authority today (RO-20)")
    version: int = Field(ge=1, le=2_147_483_647)


class SchoolPatch(In):
    """What an administrator corrects of a school; members left out stay."""

    school_kind: SchoolKind | None = None
    registered: Bool | None = None
    registered_from: LocalDate | None = Field(default=None, description="Day `registered` holds from; today if absent")


class ContactIn(In):
    """Who answers a reviewer's questions (RO-43)."""

    name: Line = Field(examples=["王美玲"])
    phone: Phone = Field(examples=["02-3366-2032"])
    email: Email = Field(examples=["military@ntu.example.test"])


class ContactOut(Out):
    """The contact of a school."""

    school_code: str = Field(max_length=6)
    school_name: str = Field(max_length=100)
    name: str = Field(max_length=200)
    phone: str = Field(max_length=30)
    email: str = Field(max_length=254)


class ImportResult(Out):
    """What an import did."""

    read: int = Field(ge=0, le=20_000)
    added: int = Field(ge=0, le=20_000)
    changed: int = Field(ge=0, le=20_000)
    unchanged: int = Field(ge=0, le=20_000)


class TermIn(In):
    """The registration deadline (註冊截止日) of a term."""

    registration_deadline: LocalDate = Field(examples=["2026-09-18", "115/09/18"])


class TermOut(Out):
    """A term of a school; `school_code` `*` is the national default."""

    school_code: str = Field(max_length=6)
    academic_year: int = Field(ge=1, le=999, description="ROC year", examples=[115])
    term: int = Field(ge=1, le=2)
    registration_deadline: date
    updated_at: datetime
    roster_due: DeadlineOut | None = Field(
        default=None,
        description="With `explain=true`: by when its rosters are due, and why (RO-63); closures of a household's"
        " own county may move it there",
    )


class ProgrammeIn(In):
    """A programme whose enrolment the authority does not recognise (RO-21)."""

    department: Line
    level: Level
    effective_from: LocalDate
    effective_to: LocalDate | None = Field(default=None, description="First day it is recognised again")


class ProgrammeOut(ProgrammeIn, Out):
    """As stored."""

    school_code: str = Field(max_length=6)
