"""Messages as the API shows them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from notify.messages.rules import Outcome, State
from notify.subscriptions import Channel
from shared.schemas import Instant, Label, Out


class MessageOut(Out):
    """A message, without its text."""

    id: Annotated[UUID, Field(description="Also the local part of an e-mail's Message-ID")]
    channel: Channel
    event_type: Annotated[str, Field(max_length=100, examples=["muster.roster.batch.submitted.v1"])]
    about: Annotated[UUID, Field(description="The batch or roster the message tells of")]
    template: Annotated[str, Field(max_length=60, examples=["batch_submitted"])]
    template_version: Annotated[int, Field(ge=1, le=100_000)]
    recipient: Annotated[str, Field(max_length=200, description="The account it is for")]
    org_type: Annotated[str, Field(max_length=40, examples=["county"])]
    org_code: Annotated[str, Field(max_length=40, examples=["63000"])]
    required: Annotated[bool, Field(description="The law demands it, so it cannot be declined")]
    subject: Annotated[
        str, Field(max_length=1_000, examples=["【緩徵作業】國立臺灣大學115學年度第1學期申請緩徵名冊陳核 48 人"])
    ]
    state: State
    failure: Annotated[Label | None, Field(description="Why it failed; null in every other state")]
    created_at: Instant
    changed_at: Instant
    sent_at: Annotated[
        Instant | None, Field(description="When the mail server took it over, or it came into the inbox")
    ]


class AttemptOut(Out):
    """One try to hand a message over."""

    number: Annotated[int, Field(ge=1, le=1_000_000)]
    started_at: Instant
    finished_at: Instant | None
    outcome: Annotated[Outcome | None, Field(description="Null: cut short, or under way")]
    reply_code: Annotated[int | None, Field(ge=100, le=999, description="The mail server's answer, if it gave one")]
    detail: Annotated[str | None, Field(max_length=60, examples=["not_connected"])]


class MessageDetail(MessageOut):
    """A message with its attempts; its text is shown to its recipient only."""

    body: Annotated[str | None, Field(max_length=20_000, description="zh-TW, then English; null for anybody else")]
    attempts: Annotated[list[AttemptOut], Field(max_length=1_000)]
