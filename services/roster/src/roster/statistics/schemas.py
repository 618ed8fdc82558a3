"""JSON of the statistics (RO-62): how many were filed, what became of them, how long it took."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.deadlines import CitationOut
from shared.schemas import Out

Count = Annotated[int, Field(ge=0, le=100_000_000)]


class By(StrEnum):
    """What the figures are told apart by."""

    KIND = "kind"
    SCHOOL = "school"
    TOWNSHIP = "township"
    MONTH = "month"
    COUNTY = "county"


class Figures(Out):
    """Sums of entries, by where they stand now. One man on two rosters counts twice: each is decided."""

    filed: Count = Field(description="All that arrived in the period and were not taken back or replaced")
    received: Count = Field(description="Nobody has opened them yet")
    in_review: Count
    on_hold: Count
    for_approval: Count
    approved: Count
    rejected: Count
    late: Count = Field(description="Arrived after their deadline (RO-28)")
    overdue: Count = Field(description="Undecided for longer than the law allows the county")
    median_days: int | None = Field(
        ge=0, le=100_000, description="Days from arrival to decision, of those decided: the lower median; null for none"
    )


class Group(Figures):
    """The figures of one kind, school, township, month or county."""

    key: str = Field(max_length=20, examples=["application"])
    name: str = Field(max_length=100, examples=["申請緩徵"])


class StatisticsOut(Out):
    """Entries that arrived from `from_on` to `to_on`, both counted, and where they stand at `at`."""

    from_on: date
    to_on: date
    by: By
    at: datetime
    overdue_through: date = Field(description="Undecided ones who arrived on this day or before it are overdue")
    overdue_by: CitationOut
    total: Figures
    groups: list[Group] = Field(max_length=2_000)
