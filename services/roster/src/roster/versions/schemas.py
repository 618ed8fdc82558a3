"""JSON of corrections, versions and history."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from roster.intake.rules import Level
from roster.intake.schemas import Count, Note
from roster.review.schemas import DefermentOut, RosterOut, Version
from roster.versions.rules import Act
from shared.schemas import Bool, Out, Page


class CorrectedRoster(RosterOut):
    """The roster after a correction, and what the file changed; `version` is the same when it changed nothing."""

    dry_run: Bool = Field(default=False, description="Nothing was kept: this is what would have been")
    kept: Count = Field(description="Rows that say of a man what was known: his review goes on")
    changed: Count = Field(description="Rows that say something else of a man: he is received anew")
    added: Count = Field(description="Men who were not on the roster")
    dropped: Count = Field(description="Men the file no longer names: withdrawn")
    charset: Literal["utf-8", "cp950"]
    notes: list[Note] = Field(max_length=20)


class RosterVersionOut(Out):
    """What the school handed in as this roster once: the first posting or a correction (RO-09)."""

    roster_id: UUID
    version: Version
    received_at: datetime
    received_by: Annotated[str, Field(max_length=128)] | None = Field(description="The account; to its school only")
    row_count: Count = Field(description="Rows of the file that are this roster's; 0 where a transfer made it (RO-29)")
    charset: Literal["utf-8", "cp950"]
    notes: list[Note] = Field(max_length=20)
    kept: Count
    changed: Count
    added: Count
    dropped: Count


class DefermentDetail(DefermentOut):
    """One deferment, for a county that granted it or has the man on a roster."""

    national_id: str = Field(max_length=10)
    county_code: str = Field(max_length=5, description="The county that granted it")
    township_code: str = Field(max_length=8)
    level: Level | None
    filed_on: date = Field(description="The day on which its man arrived on a roster")


class By(Out):
    """Who did it. Of another organisation's people only the organisation is told."""

    org_type: str = Field(max_length=40)
    org_code: str = Field(max_length=40)
    sub: Annotated[str, Field(max_length=128)] | None = Field(description="The account; of the caller's own only")


class FieldChange(Out):
    """One member as it was and as it became; null where it was not there."""

    field: str = Field(max_length=100, examples=["state", "draft.decision", "counts.received"])
    old: Any = Field(alias="from", serialization_alias="from")
    new: Any = Field(alias="to", serialization_alias="to")


class ChangeOut(Out):
    """What one act changed of the thing, as far as the caller may see it."""

    at: datetime
    by: By | None = Field(description="Null where it is not known any more")
    action: Act
    changes: list[FieldChange] = Field(max_length=200)


ChangePage = Page[ChangeOut]
RosterVersionPage = Page[RosterVersionOut]
