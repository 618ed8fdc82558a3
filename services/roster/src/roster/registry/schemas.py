"""JSON of the calls to the conscription registry."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.schemas import Int, Out


class EventKind(StrEnum):
    """What is said to the registry: a question (RO-18), an annotation (RO-49), a township report (RO-51)."""

    LOOKUP = "registry.lookup"
    ANNOTATE = "registry.annotate"
    TOWNSHIP_REPORT = "registry.township_report"


class EventState(StrEnum):
    """ready: to be sent, or to be tried again; done: taken; dead: refused, or given up on."""

    READY = "ready"
    DONE = "done"
    DEAD = "dead"


class RegistryEventOut(Out):
    """One call to the registry and how it fares. It never says of whom; `decision_id` leads there."""

    id: Annotated[Int, Field(ge=1, le=9_223_372_036_854_775_807)]
    kind: EventKind
    state: EventState
    attempts: Annotated[Int, Field(ge=0, le=1_000_000)]
    last_error: str | None = Field(max_length=500, examples=["RetryLater: answered 503"])
    county_code: str | None = Field(max_length=5)
    decision_id: UUID | None
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Of a ready one")
    finished_at: datetime | None
