"""The inbox as the API shows it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.schemas import In, Instant, Out, Page

UnreadCount = Annotated[
    int, Field(ge=0, le=9_007_199_254_740_991, description="Items not yet read, in the whole inbox")
]


class Concerned(Out):
    """The roster or batch an item tells of, so that it can be opened."""

    roster_id: UUID
    batch_id: Annotated[UUID | None, Field(description="Null when it is the roster as a whole")] = None
    county_code: Annotated[str, Field(max_length=40, examples=["63000"])]
    school_code: Annotated[str | None, Field(max_length=40, examples=["0003"], description="Null: no school filed it")]
    kind: Annotated[str, Field(max_length=40, examples=["application"], description="Kind of the roster")]
    academic_year: Annotated[int, Field(ge=1, le=999, examples=[115])]
    term: Annotated[int, Field(ge=1, le=4)]
    href: Annotated[
        str,
        Field(
            max_length=200,
            examples=["/roster/v1/batches/0b8f2c34-0000-4000-8000-000000000001"],
            description="Path behind the gateway under which this reader finds it",
        ),
    ]


class ConcernedFee(Out):
    """The notice, receipt, refund claim or violation of an employer that an item tells of, so that it can be opened."""

    employer_code: Annotated[str, Field(max_length=40, examples=["12345675"])]
    notice_id: UUID | None = None
    receipt_id: UUID | None = None
    claim_id: UUID | None = None
    violation_id: UUID | None = None
    month: Annotated[date | None, Field(description="The billed month, as its first day")] = None
    href: Annotated[
        str,
        Field(
            max_length=200,
            examples=["/rdss-fee/v1/notices/0b8f2c34-0000-4000-8000-000000000001"],
            description="Path behind the gateway under which this reader finds it",
        ),
    ]


class InboxItemOut(Out):
    """A message in the inbox, without its text."""

    id: Annotated[UUID, Field(description="The message's id")]
    number: Annotated[
        int,
        Field(ge=1, le=9_007_199_254_740_991, description="Counts up from 1 in each inbox, in order of arrival"),
    ]
    event_type: Annotated[str, Field(max_length=100, examples=["muster.roster.batch.submitted.v1"])]
    title: Annotated[
        str, Field(max_length=1_000, examples=["國立臺灣大學115學年度第1學期申請緩徵名冊陳核 48 人，待核定"])
    ]
    title_en: Annotated[str, Field(max_length=1_000)]
    required: Annotated[bool, Field(description="The law demands this notice")]
    concerns: Concerned | ConcernedFee
    happened_at: Annotated[Instant, Field(description="When it happened")]
    arrived_at: Annotated[Instant, Field(description="When it came into the inbox")]
    read_at: Annotated[Instant | None, Field(description="Null: not read")]


class InboxItemDetail(InboxItemOut):
    """A message in the inbox with its text; IDs of persons are masked."""

    text: Annotated[str, Field(max_length=10_000, description="zh-TW")]
    text_en: Annotated[str, Field(max_length=10_000)]


class InboxPage(Page[InboxItemOut]):
    """A page of the inbox; the count and the page are of the same moment."""

    unread_count: UnreadCount


class Unread(Out):
    """How much is not yet read."""

    unread_count: UnreadCount


class Marked(Unread):
    """What a mark has changed, and how much is then not yet read."""

    marked: Annotated[int, Field(ge=0, le=9_007_199_254_740_991, description="Items whose mark changed")]


class ReadUpTo(In):
    """Up to which item all is read."""

    up_to: Annotated[UUID, Field(description="Id of the newest item that was shown; what came after it stays unread")]
