"""JSON of the write-back preview (RO-53): what deciding a batch now would create, change and leave as it is."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from roster.deferments.rules import AnnotationAction, DefermentAction, Why
from roster.intake.rules import RosterKind
from roster.review.rules import BatchState, Decision
from roster.review.schemas import Count, Number, Refused, Version
from shared.schemas import Out, Page

FieldName = Literal[
    "county_code",
    "school_code",
    "decision_number",
    "issued_on",
    "deferment_from",
    "deferment_until",
    "summary",
    "revoked_on",
    "revoked_for",
    "liable_for_induction",
]
Value = Annotated[str, Field(max_length=1_000_000)] | bool | None


class PreviewField(Out):
    """One field of a man's annotation, before and after; days are ISO text."""

    field: FieldName
    before: Value = Field(description="As the registry was told last; null: empty, or not known")
    after: Value
    change: Literal["created", "changed", "kept"]


class PreviewAnnotation(Out):
    """What the registry would be told; with `none` every field is kept and nothing is sent."""

    action: AnnotationAction
    why: Why | None = Field(description="Why it is not what the kind of roster alone would make it")
    fields: list[PreviewField] = Field(max_length=10, description="Every field; none for a man without an annotation")


class PreviewEnding(Out):
    """Another deferment of his that our books would end."""

    school_code: str | None = Field(max_length=6)
    decision_number: Number
    deferred_until: date
    revoked_on: date
    ended_reason: str = Field(max_length=60)


class PreviewRestored(Out):
    """Another deferment of his that stands again, because what ended it was decided in error (RO-52)."""

    school_code: str = Field(max_length=6)
    decision_number: Number
    deferred_until: date


class PreviewReport(Out):
    """The line for the household's township (RO-51)."""

    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    household_county_code: str = Field(max_length=5)
    household_township_code: str = Field(max_length=8)
    household_village: str | None = Field(max_length=200)
    kind: RosterKind
    decision: Decision
    decision_number: Number
    issued_on: date
    decided_on: date
    deferment_from: date | None
    deferment_until: date | None
    revoked_on: date | None
    corrects_number: Number | None = Field(description="Of the decision in error that this one corrects (RO-52)")
    remedy: str | None = Field(max_length=2_000, description="What a refusal says of the remedy (RO-75)")


class PreviewEntry(Out):
    """One man of the batch. With `refusals` he stops the whole batch, and nothing is foretold of him."""

    entry_id: UUID
    row_no: int = Field(ge=1, le=1_000_000)
    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    decision: Decision | None
    decision_number: Number | None
    number_proposed: bool = Field(
        description="The draft has no number: this one would be taken from the county's series, and is not taken yet"
    )
    issued_on: date | None
    deferment_until: date | None = Field(description="End of the deferment that the decision grants")
    deferment: DefermentAction | None = Field(description="What happens in our own books")
    annotation: PreviewAnnotation | None
    ends: list[PreviewEnding] = Field(max_length=100)
    restores: list[PreviewRestored] = Field(max_length=100)
    township_report: PreviewReport | None
    refusals: list[Refused] = Field(max_length=20, description="Why the draft cannot stand, as `decide` would say it")


class PreviewCounts(Out):
    """Sums over the whole batch, not the page."""

    entries: Count
    approved: Count
    rejected: Count
    refused: Count = Field(description="Entries whose draft cannot stand; each of them stops the batch")
    annotations_created: Count
    annotations_modified: Count
    annotations_untouched: Count
    liable_for_induction: Count


class BatchPreview(Page[PreviewEntry]):
    """The preview of a batch, were it decided now; a page of its entries in the order of the school's file."""

    batch_id: UUID
    roster_id: UUID
    kind: RosterKind
    state: BatchState
    version: Version = Field(description="Of the batch; also the ETag, for the If-Match of `decide`")
    decided_on: date
    next_number: Number | None = Field(description="The number that deciding would take; null when none is needed")
    counts: PreviewCounts
    refusals: list[Refused] = Field(
        max_length=5, description="Why this caller could not decide the batch at all: `four_eyes`, `not_ready`"
    )
