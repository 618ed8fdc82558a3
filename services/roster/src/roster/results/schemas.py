"""JSON of the results (審核結果查詢): one row a roster, one row a man."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from roster.intake.rules import CaseKind, RosterKind
from roster.review.rules import Decision, EntryState, RosterState
from shared.schemas import In, Int, LocalDate, Out, Page, Text, either_way

Count = Annotated[int, Field(ge=0, le=1_000_000)]
# What the results can be ordered by.
SORTS = (
    "submitted_at",
    "submitted_on",
    "kind",
    "case_kind",
    "school_code",
    "school_name",
    "county_code",
    "academic_year",
    "term",
    "headcount",
    "state",
    "for_approval",
    "decided",
    "approved",
    "rejected",
    "last_decided_on",
)
MEN_SORTS = (
    "row_no",
    "national_id",
    "name",
    "student_no",
    "state",
    "decision",
    "decided_on",
    "decision_number",
    "corrects_number",
    "issued_on",
    "deferment_until",
)
# Reasons are not all a school's to read, so neither is their order.
COUNTY_MEN_SORTS = ("reason",)


class ResultOut(Out):
    """A roster with at least one entry for approval or decided."""

    roster_id: UUID
    kind: RosterKind
    school_code: str | None = Field(max_length=6, description="Null: no school filed it")
    school_name: str = Field(max_length=100, description="Without a school, the filer's")
    case_kind: CaseKind | None = None
    county_code: str = Field(max_length=5)
    county_name: str = Field(max_length=10)
    academic_year: int = Field(ge=1, le=999)
    term: int = Field(ge=1, le=2)
    headcount: Count = Field(description="名冊人數: distinct men of the current version")
    submitted_on: date = Field(description="Day the school's roster arrived, Asia/Taipei")
    submitted_at: datetime
    state: RosterState
    for_approval: Count
    decided: Count
    approved: Count
    rejected: Count
    last_decided_on: date | None


class ResultEntryOut(Out):
    """A man of such a roster, with his own decision number."""

    entry_id: UUID
    row_no: int = Field(ge=1, le=1_000_000)
    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    student_no: str | None = Field(max_length=100)
    state: EntryState
    decision: Decision | None = Field(description="Null while undecided")
    decided_on: date | None
    decision_number: str | None = Field(max_length=60)
    corrects_number: str | None = Field(max_length=60, description="Of the earlier decision that it corrects")
    issued_on: date | None
    deferment_until: date | None
    reason: str | None = Field(max_length=20_000, description="Why it was rejected")


class ResultSearch(In):
    """What to look for; every member narrows. An ID or a number matches men, whose rosters are given."""

    national_id: Annotated[str, Field(min_length=10, max_length=20)] | None = None
    school_name: Annotated[Text, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Part of the school's name"
    )
    decision_number: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    kind: RosterKind | None = None
    decision: Decision | None = None
    from_on: LocalDate | None = Field(default=None, description="First day: of decision, else of submission")
    to_on: LocalDate | None = Field(default=None, description="Last day, counted")
    sort: Annotated[str, Field(max_length=40, json_schema_extra=either_way(SORTS))] = "-submitted_at"
    limit: Annotated[Int, Field(ge=1, le=200)] = 50


class ResultSearchOut(Page[ResultOut]):
    """The first page, and the sealed search by which further pages are asked for."""

    search: str = Field(max_length=2_000)


ResultPage = Page[ResultOut]
ResultEntryPage = Page[ResultEntryOut]
