"""JSON of refusals: how they reach the man, his request for review, the answer (RO-75)."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from roster.intake.rules import RosterKind
from roster.remedies.rules import Answer, Bearer, Manner, Receiver, RefusalState
from shared.deadlines import StepOut
from shared.schemas import In, LocalDate, Out, Page, Text

Number = Annotated[str, Field(max_length=60, examples=["府兵徵字第1150000042號"])]
# What the list can be ordered by.
SORTS = ("due_on", "decided_on", "school_code", "township_code")


class RemedyOut(Out):
    """What the refusal says of the remedy (教示)."""

    days: int = Field(ge=1, le=366)
    text: str = Field(max_length=500)
    text_en: str = Field(max_length=500)
    citations: list[dict[str, Any]] = Field(max_length=5)


class RequestOut(Out):
    """The man's request for review, and the answer."""

    received_on: date
    received_by: Receiver
    request_until: date = Field(description="The last day on which it was in time")
    days_late: int = Field(ge=0, le=100_000)
    answer: Answer | None
    answer_number: Number | None
    answer_reason: str | None = Field(max_length=20_000, description="Counties only")
    answered_on: date | None
    corrected: bool = Field(description="A decision that corrects the refusal was made (RO-52)")


class RefusalOut(Out):
    """A decision that refused a deferment and stands, or one of which review was asked for."""

    decision_id: UUID
    entry_id: UUID
    roster_id: UUID
    kind: RosterKind
    school_code: str | None = Field(max_length=6, description="Null: no school filed it")
    county_code: str = Field(max_length=5)
    township_code: str = Field(max_length=8)
    village: str | None = Field(max_length=200)
    national_id: str = Field(max_length=10, description="Whole to the school and the deciding county, else masked")
    name: str = Field(max_length=400)
    decision_number: Number
    issued_on: date
    decided_on: date
    state: RefusalState
    version: int = Field(ge=0, le=2_147_483_647, description="Records of it so far; for If-Match, also the ETag")
    handed_over_by: Bearer | None
    manner: Manner | None
    served_on: date | None
    request_until: date | None = Field(description="The last day to ask for review; null until handed over")
    provisional: bool | None = Field(description="The calendar of that day's year was not official yet")
    recorded_at: datetime | None
    request: RequestOut | None


class RefusalDetail(RefusalOut):
    """A refusal with its remedy, and how the last day to ask for review comes about."""

    remedy: RemedyOut
    steps: list[StepOut] = Field(max_length=10)


class ServiceIn(In):
    """That the refusal was handed over to the man (送達)."""

    handed_over_by: Bearer
    manner: Manner
    served_on: LocalDate


class RequestIn(In):
    """That the man asked for review; the authority that records it is the one that received it."""

    received_on: LocalDate


class AnswerIn(In):
    """The county's answer to a request for review."""

    answer: Answer
    answer_number: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    answer_reason: Annotated[Text, Field(min_length=1, max_length=20_000, pattern=r"\S")]


RefusalPage = Page[RefusalOut]
