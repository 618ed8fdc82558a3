"""JSON of men, their service periods, and what was told of them."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from rdss_fee.billing.rates import Category, Degree
from rdss_fee.periods.rules import Beginning, Ending
from rdss_fee.periods.states import EventKind, EventState, PeriodState
from rdss_fee.schemas import EmployerCode
from shared.schemas import ContentError, In, Int, Line, LocalDate, Out, Page

# What the lists can be ordered by.
PERIOD_SORTS = ("begins_on", "ends_before", "employer_code", "state", "known_on")
EVENT_SORTS = ("entered_at", "employer_code", "kind", "state")
MOST_AT_ONCE = 1_000
"""Periods that one announcement takes."""
Name = Annotated[Line, Field(max_length=100, examples=["王大明"])]
Cohort = Annotated[Int, Field(ge=1_990, le=2_910, examples=[2026])]
Reason = Annotated[Line, Field(max_length=500, examples=["用人單位函報報到日有誤"])]


class DaysIn(In):
    """Days served: from the first one served to the first one that is not."""

    begins_on: LocalDate = Field(description="First day served")
    begun_by: Beginning
    ends_before: LocalDate | None = Field(default=None, description="First day not served; null: no end is known")
    ended_by: Ending | None = Field(default=None, description="With `ends_before` only")


class FactsIn(In):
    """What prices a man and bounds his second stage (FE-02, FE-05)."""

    name: Name
    category: Category = Category.RDSS
    degree: Degree
    cohort: Cohort = Field(description="Gregorian year in which he was selected")
    stage_begins_on: LocalDate = Field(description="First day of the second stage")
    stage_ends_before: LocalDate | None = Field(
        default=None,
        description="First day after the second stage, earlier once service credit is granted; null: not known",
    )


class PeriodIn(FactsIn, DaysIn):
    """A period of a man at an employer. A man who is not known yet is registered; of one who is, what is stated of him
    has to be what is known.
    """

    national_id: Annotated[str, Field(min_length=10, max_length=20, examples=["A123456789"])]
    employer_code: EmployerCode


class PeriodChange(DaysIn):
    """What a period is, in place of what was known of it."""

    reason: Reason | None = None


class WithdrawalIn(In):
    """Why a period never was."""

    reason: Reason


class ReportIn(In):
    """What an employer reports of a period: its end, with the kind, or another first day."""

    begins_on: LocalDate | None = None
    ends_before: LocalDate | None = Field(default=None, description="First day not served")
    ended_by: Ending | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.ends_before is None) != (self.ended_by is None) or (self.begins_on is None) == (
            self.ends_before is None
        ):
            raise ContentError(
                "請填報 begins_on，或 ends_before 與 ended_by，擇一", "Report begins_on, or ends_before with ended_by"
            )
        return self


class RefusalIn(In):
    """Why the head office does not confirm."""

    reason: Reason


class PeriodOut(Out):
    """A period as it became known last."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647)
    state: PeriodState = Field(description="As of today; `withdrawn`: it is not known any more")
    serviceman_id: UUID
    national_id: str = Field(
        max_length=10, description="Whole to an employer that has or had him and to the programme office"
    )
    name: str = Field(max_length=100)
    employer_code: str = Field(max_length=8)
    begins_on: date
    begun_by: Beginning
    ends_before: date | None
    ended_by: Ending | None
    known_on: date


class EventOut(Out):
    """What was told of a period, and whether it is known."""

    id: UUID
    kind: EventKind
    state: EventState
    period_id: UUID
    serviceman_id: UUID
    national_id: str = Field(
        max_length=10, description="Whole to an employer that has or had him and to the programme office"
    )
    name: str = Field(max_length=100)
    employer_code: str = Field(max_length=8)
    begins_on: date | None
    ends_before: date | None
    ended_by: Ending | None
    reason: str | None = Field(max_length=500)
    seen_version: int | None = Field(ge=1, le=2_147_483_647, description="What was known when it was entered")
    needs_confirmation: bool
    entered_by: str | None = Field(max_length=200, description="Null to an employer of whom it was told by an office")
    entered_at: datetime
    confirmed_by: str | None = Field(max_length=200)
    confirmed_on: date | None
    refused_reason: str | None = Field(max_length=500)


class KnownPeriod(Out):
    """What was known of a period, from when until when."""

    version: int = Field(ge=1, le=2_147_483_647)
    begins_on: date
    begun_by: Beginning
    ends_before: date | None
    ended_by: Ending | None
    known_at: datetime
    known_on: date
    replaced_at: datetime | None
    replaced_on: date | None
    event_id: UUID


class PeriodHistory(Out):
    """All that was ever known of a period, and all that was told of it, the oldest first."""

    id: UUID
    serviceman_id: UUID
    employer_code: str = Field(max_length=8)
    versions: list[KnownPeriod] = Field(max_length=1_000)
    events: list[EventOut] = Field(max_length=1_000)


class ServedPeriod(Out):
    """A period as it was known on a day."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647)
    employer_code: str = Field(max_length=8)
    begins_on: date
    begun_by: Beginning
    ends_before: date | None
    ended_by: Ending | None
    known_on: date


class ServicemanOut(Out):
    """A man as he was known at the end of a day. His name is today's; an employer sees its own periods of him."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647, description="Of what is known now; for If-Match, also the ETag")
    as_of: date
    national_id: str = Field(
        max_length=10, description="Whole to his employers, past ones too, and the programme office"
    )
    name: str = Field(max_length=100)
    category: Category
    degree: Degree
    cohort: int = Field(ge=1_990, le=2_910)
    stage_begins_on: date
    stage_ends_before: date | None
    facts_known_on: date
    periods: list[ServedPeriod] = Field(max_length=1_000)


class RowFault(Out):
    """One thing to change in a row."""

    code: str = Field(max_length=60)
    pointer: str | None = Field(max_length=500)
    message: str = Field(max_length=500)
    message_en: str = Field(max_length=500)
    suggestion: str | None = Field(max_length=500)


class AnnouncedRow(Out):
    """What became of a row: of an array its place from 1, of NDJSON its line."""

    row: int = Field(ge=1, le=2_147_483_647)
    outcome: Literal["announced", "refused"]
    registered: bool = Field(default=False, description="The man was not known before")
    serviceman_id: UUID | None = None
    period_id: UUID | None = None
    errors: list[RowFault] = Field(default_factory=list, max_length=100)


class Announced(Out):
    """What became of an announcement, a row each."""

    announced: int = Field(ge=0, le=MOST_AT_ONCE)
    refused: int = Field(ge=0, le=MOST_AT_ONCE)
    items: list[AnnouncedRow] = Field(max_length=MOST_AT_ONCE)


PeriodPage = Page[PeriodOut]
EventPage = Page[EventOut]
