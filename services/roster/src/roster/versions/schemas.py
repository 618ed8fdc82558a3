"""JSON of corrections, versions and history."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from roster.intake.schemas import Count, Note
from roster.review.schemas import RosterOut, Version
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


RosterVersionPage = Page[RosterVersionOut]
