"""JSON of reassessments: what an amendment would change (RO-54)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from roster.review.schemas import Count, HintOut, Number
from roster.review.states import Decision, EntryState
from shared.schemas import In, Int, LocalDate, Out


class ReassessmentIn(In):
    """Under which law to look again, and where to go on."""

    as_of_law: LocalDate = Field(description="The day whose law is applied; it may lie in the future")
    limit: Annotated[Int, Field(ge=1, le=5_000)] = Field(default=1_000, description="Entries looked at in this call")
    cursor: Annotated[str, Field(max_length=2_000)] | None = None


class HintDifference(Out):
    """A hint that is not the same under both laws; null where it is not found."""

    rule: str = Field(max_length=10)
    article: dict[str, Any] = Field(description="The place in the law, in the version of that day")
    law_version_then: date | None
    law_version_now: date | None
    then: HintOut | None
    now: HintOut | None


class ReassessedEntry(Out):
    """An entry that would be judged otherwise; its decision, if one was made."""

    entry_id: UUID
    roster_id: UUID
    school_code: str | None = Field(max_length=6, description="Null: no school filed it")
    row_no: int = Field(ge=1, le=1_000_000)
    state: EntryState
    judged_as_of: date = Field(description="The day whose facts were judged: of the decision, else of the last judging")
    decision_id: UUID | None
    decision: Decision | None
    decision_number: Number | None
    differences: list[HintDifference] = Field(max_length=100)


class CountyCount(Out):
    """How many of a county's entries would be judged otherwise."""

    county_code: str = Field(max_length=5)
    undecided: Count
    decided: Count


class ReassessmentOut(Out):
    """What differs among the entries looked at. A county gets its entries, the administrator numbers only."""

    as_of_law: date
    looked_at: Count
    remaining: Count = Field(description="Entries still to be looked at")
    undecided: Count
    decided: Count
    counties: list[CountyCount] = Field(max_length=30)
    items: list[ReassessedEntry] = Field(max_length=5_000)
    next_cursor: str | None = Field(max_length=2_000)
