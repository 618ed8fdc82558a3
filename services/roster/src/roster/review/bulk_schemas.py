"""JSON of bulk reviews: one draft for every entry of a roster, or of several, that matches (RO-56)."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from roster.review.schemas import Count, DraftIn, Refused, Version
from shared.schemas import ContentError, In, Int, Out

MOST_AT_ONCE = 20_000
"""Entries that one call changes or answers for."""
HintName = Annotated[str, Field(max_length=60, pattern=r"^[a-z_]{3,60}$")]


class MatchAcross(In):
    """Which entries of the rosters are taken; exactly one member."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    clean: Literal[True] | SkipJsonSchema[None] = Field(
        default=None, description="Neither a blocking hint nor a warning"
    )
    hint: HintName | SkipJsonSchema[None] = Field(default=None, description="With this hint")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or None in (getattr(self, n) for n in self.model_fields_set):
            *others, last = type(self).model_fields
            raise ContentError(
                f"{'、'.join((*others, last))} 須擇一", f"Exactly one of {', '.join(others)} and {last} is needed"
            )
        return self


class Match(MatchAcross):
    """Which entries a bulk review takes; exactly one member."""

    entry_ids: Annotated[list[UUID], Field(min_length=1, max_length=1_000)] | SkipJsonSchema[None] = None


class BulkReview(In):
    """One change for many entries of a roster (RO-56)."""

    match: Match
    set: DraftIn


class BulkItem(Out):
    """What became of one entry."""

    entry_id: UUID
    row_no: int = Field(ge=1, le=1_000_000)
    outcome: Literal["changed", "refused"]
    version: Version
    refusals: list[Refused] = Field(max_length=20)


class BulkResult(Out):
    """What a bulk review did; one item an entry."""

    revision: Version
    changed: Count
    refused: Count
    items: list[BulkItem] = Field(max_length=MOST_AT_ONCE)


class RosterSeen(In):
    """A roster, and the revision it had when it was looked at (RO-47)."""

    roster_id: UUID
    revision: Annotated[Int, Field(ge=1, le=2_147_483_647)]


class ReviewAcross(In):
    """One change for many entries of several rosters (RO-56)."""

    rosters: Annotated[list[RosterSeen], Field(min_length=1, max_length=100)]
    match: MatchAcross
    set: DraftIn

    @model_validator(mode="after")
    def _once(self) -> "ReviewAcross":
        if len({one.roster_id for one in self.rosters}) != len(self.rosters):
            raise ContentError("同一名冊重複列出", "A roster is named twice")
        return self


class ReviewedRoster(Out):
    """What became of one roster; `changed_since`: somebody changed it since it was seen, nothing was written."""

    roster_id: UUID
    outcome: Literal["reviewed", "changed_since"]
    revision: Version = Field(description="What it is now")
    changed: Count
    refused: Count
    items: list[BulkItem] = Field(max_length=MOST_AT_ONCE)


class AcrossResult(Out):
    """What a bulk review across rosters did, in the order in which they were named."""

    changed: Count
    refused: Count
    rosters: list[ReviewedRoster] = Field(max_length=100)
