"""JSON of submissions. The body of a post is the school's own file; its columns are in `columns.py`."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from roster.intake.rules import RosterKind
from shared.schemas import Int, Out

Count = Annotated[Int, Field(ge=0, le=1_000_000)]
Words = Annotated[str, Field(max_length=2_000)]


class Note(Out):
    """Something the sender should know about a file that was taken in."""

    code: str = Field(max_length=60, examples=["charset_guessed"])
    message: Words
    message_en: Words


class CountyPart(Out):
    """The students whose households one county decides (RO-01)."""

    county_code: str = Field(max_length=5, examples=["63000"])
    county_name: str = Field(max_length=10, examples=["臺北市"])
    headcount: Count = Field(description="Distinct men (名冊人數)")
    deadline: date | None = Field(
        description="Last day to file; of a cessation roster the earliest of its men's, null where the law sets none"
    )
    days_late: Count = Field(description="Days past the deadline, 0 in time; late rosters are accepted (RO-05)")
    received_on: date = Field(description="Day of receipt, Asia/Taipei")


class SubmittedRoster(CountyPart):
    """One roster that a submission made."""

    id: UUID


class SubmissionOut(Out):
    """A school's file that was taken in, and the rosters it was split into."""

    id: UUID
    school_code: str | None = Field(max_length=6, examples=["0003"], description="Null: no school filed it")
    kind: RosterKind
    academic_year: int = Field(ge=1, le=999, description="ROC year", examples=[115])
    term: int = Field(ge=1, le=2)
    row_count: Count
    charset: Literal["utf-8", "cp950"]
    notes: list[Note] = Field(max_length=20)
    received_at: datetime
    rosters: list[SubmittedRoster] = Field(max_length=100, description="One a county, by its code")


class HintCount(Out):
    """How many students a hint was found on."""

    code: str = Field(max_length=60, examples=["age_limit"])
    rule: str = Field(max_length=10, examples=["RO-24"])
    severity: Literal["blocking", "warning", "info"]
    count: Count


class RowHint(Out):
    """A hint on one student of the file."""

    sheet: str | None = Field(max_length=100, description="Sheet of the file, where it has sheets")
    row: Count = Field(description="Row of the file or of its sheet, as a spreadsheet program numbers it")
    code: str = Field(max_length=60)
    severity: Literal["blocking", "warning", "info"]
    message: Words
    message_en: Words


class TrialOut(Out):
    """What a submission would do; nothing was kept (RO-16).

    Hints are those a school may see: RO-22, 27, 29, 30 and 32 are never among them.
    """

    dry_run: Literal[True] = True
    already_submitted: UUID | None = Field(description="The submission that has this very content: no other is made")
    school_code: str = Field(max_length=6)
    kind: RosterKind
    academic_year: int = Field(ge=1, le=999)
    term: int = Field(ge=1, le=2)
    row_count: Count
    charset: Literal["utf-8", "cp950"]
    notes: list[Note] = Field(max_length=20)
    rosters: list[CountyPart] = Field(max_length=100)
    hint_counts: list[HintCount] = Field(max_length=100)
    hints: list[RowHint] = Field(max_length=1_000, description="The first 1,000 in the order of the file")
    hint_count: Count = Field(description="Hints in all")
