"""JSON of cases: what townships file, what counties list after vacation training, and what all of them read."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from roster.intake.rules import CaseKind, CessationReason, Division, Level, Relation, RosterKind
from roster.review.schemas import FilerType, LongText, Number
from roster.review.states import Decision, EntryState
from shared.schemas import Code, In, Int, Line, LocalDate, Out, Page, Text

# What the list can be ordered by.
CASE_SORTS = ("filed_on", "kind", "state", "urgent")


class ManIn(In):
    """A man as he is told of: everything is checked as in a school's roster (RO-10)."""

    national_id: Annotated[str, Field(min_length=10, max_length=20, examples=["A100000001"])]
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    birth_date: LocalDate
    village: Annotated[Line, Field(max_length=100)] | None = None


class CertificateIn(In):
    """證明文件 of the education authority; `plan_from` and `plan_until` are the plan's first and last day."""

    issuer: Annotated[Line, Field(max_length=100, description="Issuing authority", examples=["臺北市政府教育局"])]
    number: Annotated[Line, Field(max_length=60, examples=["北市教綜字第1150000001號"])]
    issued_on: LocalDate
    plan_from: LocalDate
    plan_until: LocalDate


class CaseIn(In):
    """An application, extension of the plan or re-application for a man enrolled nowhere (Art. 11-2, 14-2, 14-3).

    He is of the calling township's households; without the authority's certificate it is refused.
    """

    kind: Literal[RosterKind.APPLICATION, RosterKind.EXTENSION, RosterKind.REAPPLICATION]
    relation: Relation = Field(description="Who came: the student, the householder or a family member")
    student: ManIn
    certificate: CertificateIn | None = None
    remarks: Annotated[Text, Field(max_length=1_000)] | None = None


class InductionOrderIn(In):
    """徵集令 that he received."""

    number: Annotated[Line, Field(max_length=60)] | None = None
    issued_on: LocalDate


class SchoolCertificateIn(In):
    """證明書 of his school (Art. 12-1): what its roster would say of him."""

    by: Literal["school"]
    school_code: Annotated[Code, Field(max_length=6, examples=["0003"])]
    number: Annotated[Line, Field(max_length=60)]
    issued_on: LocalDate
    level: Level
    division: Division = Division.DAY
    nominal_years: Annotated[Int, Field(ge=1, le=8)] | None = None
    department: Annotated[Line, Field(max_length=100)] | None = None
    class_year: Annotated[Int, Field(ge=1, le=8)] | None = None
    student_no: Annotated[Line, Field(max_length=20)] | None = None
    enrolled_on: LocalDate
    expected_graduation_on: LocalDate
    prior_graduated_level: Level | None = None
    moi_approval_no: Annotated[Line, Field(max_length=100)] | None = None


class AuthorityCertificateIn(CertificateIn):
    """證明文件 of the education authority (Art. 12-2)."""

    by: Literal["education_authority"]


class CertificateCaseIn(In):
    """A certificate of a man who received an induction order before his roster arrived (Art. 12)."""

    relation: Relation = Field(description="Who came: the student, the householder or a family member")
    student: ManIn
    induction_order: InductionOrderIn
    certificate: Annotated[SchoolCertificateIn | AuthorityCertificateIn, Field(discriminator="by")] | None = None
    remarks: Annotated[Text, Field(max_length=1_000)] | None = None


class TrainedIn(ManIn):
    """A man whose vacation training ended (Art. 16-1)."""

    township_code: Annotated[Code, Field(max_length=8, examples=["63000030"])]
    reason: Literal[CessationReason.TRAINED_TO_RESERVE, CessationReason.TRAINED_REPLACEMENT]
    ended_on: LocalDate = Field(description="Last day of the training")
    days_in_camp: Annotated[Int, Field(ge=0, le=3_650)] | None = Field(
        default=None, description="Of an interrupted training only: must be more than 30"
    )


class TrainingListIn(In):
    """Men of the county's own households."""

    men: Annotated[list[TrainedIn], Field(min_length=1, max_length=1_000)]


class CertificateOut(Out):
    """The certificate of a case."""

    issuer: str = Field(max_length=100)
    number: str = Field(max_length=60)
    issued_on: date
    school_code: str | None = Field(max_length=6)
    plan_from: date | None
    plan_until: date | None


class OrderOut(Out):
    """The induction order of a case under Art. 12."""

    number: str | None = Field(max_length=60)
    issued_on: date


class PeriodOut(Out):
    """When it was due, and why; `due` null: the law sets no period."""

    due: date | None
    article: str = Field(max_length=100, examples=["免役禁役緩徵緩召實施辦法第14條第2項"])
    message: str = Field(max_length=500)
    message_en: str = Field(max_length=500)


class CaseDecision(Out):
    """What the county decided; ground and reason are told to who filed him, and to the county."""

    decision: Decision
    decision_number: Number
    issued_on: date
    decided_on: date
    deferment_until: date | None
    ground: str | None = Field(max_length=60)
    reason: LongText | None


class CaseOut(Out):
    """One man. The county reads his ID in full, everybody else masked."""

    id: UUID = Field(description="Also the id of his entry, by which the county reviews it")
    roster_id: UUID
    case_kind: CaseKind | None = Field(description="Null: a school filed him, and his township is told the decision")
    kind: RosterKind
    urgent: bool = Field(description="He holds an induction order already (Art. 12)")
    filer_type: FilerType | None
    filer_code: str | None = Field(max_length=40)
    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    county_code: str = Field(max_length=5)
    township_code: str = Field(max_length=8)
    filed_on: date
    state: EntryState
    relation: Relation | None
    certificate: CertificateOut | None
    induction_order: OrderOut | None
    cessation_reason: CessationReason | None
    left_on: date | None
    days_in_camp: int | None = Field(ge=0, le=3_650)
    period: PeriodOut | None = Field(description="Null where a school filed him")
    decision: CaseDecision | None
    annotated_at: datetime | None = Field(description="When the township confirmed its annotation (Art. 16-1)")


CasePage = Page[CaseOut]
