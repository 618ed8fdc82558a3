"""JSON of the review: rosters, entries, drafts, batches."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from roster.intake.rules import CaseKind, CessationReason, Division, Level, RosterKind
from roster.review.rules import BatchState, Decision, EntryState, Ground, RosterState
from shared.deadlines import DeadlineOut
from shared.schemas import Bool, Code, ContentError, In, Line, LocalDate, Out, Page, Text

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Version = Annotated[int, Field(ge=1, le=2_147_483_647)]
Number = Annotated[str, Field(max_length=60, examples=["府兵徵字第1150000042號"])]
LongText = Annotated[str, Field(max_length=20_000)]
FilerType = Literal["township", "education_authority", "county"]


class RosterOut(Out):
    """A roster of the work list. Its state is what its entries say."""

    id: UUID
    submission_id: UUID
    school_code: str | None = Field(max_length=6, description="Null: no school filed it")
    school_name: str = Field(max_length=100, examples=["國立臺灣大學"], description="Without a school, the filer's")
    filer_type: FilerType | None = Field(default=None, description="Who filed in no school's name (RO-70 to RO-72)")
    filer_code: str | None = Field(default=None, max_length=40)
    filer_name: str | None = Field(default=None, max_length=100, examples=["臺北市大安區公所"])
    case_kind: CaseKind | None = Field(default=None, description="What such a filer filed; null for a school's roster")
    urgent: bool = Field(default=False, description="The man holds an induction order already (Art. 12)")
    county_code: str = Field(max_length=5)
    county_name: str = Field(max_length=10, examples=["臺北市"])
    kind: RosterKind
    academic_year: int = Field(ge=1, le=999)
    term: int = Field(ge=1, le=2)
    state: RosterState
    headcount: Count = Field(description="Distinct men of the current version")
    counts: dict[EntryState, Count] = Field(max_length=20, description="Entries by state")
    received_on: date
    deadline: date | None
    deadline_explained: DeadlineOut | None = Field(
        default=None,
        description="With `explain=true`: how the deadline came about when the roster came in (RO-63); null where the"
        " law sets none and for rosters from before this was kept",
    )
    days_late: Count
    days_waiting: Count
    opened_at: datetime | None
    proposed_number: Number | None = Field(description="Decision number offered for the next batch; counties only")
    version: Version
    revision: Version = Field(description="For If-Match of bulk calls; also the ETag")


class HintOut(Out):
    """A finding of the legal tests."""

    code: str = Field(max_length=60, examples=["age_limit"])
    rule: str = Field(max_length=10, examples=["RO-24"])
    severity: Literal["blocking", "warning", "info"]
    message: str = Field(max_length=2_000)
    message_en: str = Field(max_length=2_000)
    citations: list[dict[str, Any]] = Field(max_length=20)
    law_version: date | None
    values: dict[str, Any]
    last_day: date | None


class HintExplanation(HintOut):
    """A hint with the words of the articles it rests on (RO-35)."""


class DraftOut(Out):
    """What an officer or approver has written of an entry so far."""

    decision: Decision | None = None
    decision_number: Number | None = None
    issued_on: date | None = None
    deferment_until: date | None = None
    annotation_text: LongText | None = None
    review_remarks: LongText | None = None
    ground: Ground | None = None
    ground_unseen: bool | None = None
    reason: LongText | None = None
    override_reason: LongText | None = None
    override_codes: list[Annotated[str, Field(max_length=60)]] = Field(
        default=[], max_length=100, description="The blocking hints that `override_reason` was written for"
    )


class ReturnedOut(Out):
    """Why an entry came back from the approver (RO-45), with what he had written of it."""

    batch_id: UUID
    reason: LongText
    returned_at: datetime
    returned_by: str = Field(max_length=128)
    approver_draft: DraftOut | None


class DefermentOut(Out):
    """最新一筆緩徵資料: the man's latest deferment on record."""

    id: UUID
    school_code: str | None = Field(max_length=6, description="Null: experimental education without enrolment")
    kind: RosterKind
    decision_number: Number
    issued_on: date
    deferred_from: date
    deferred_until: date
    revoked_on: date | None
    ended_reason: str | None = Field(max_length=60)
    summary: str = Field(max_length=1_000_000, description="Grows with every change; never cut (RO-50)")
    active: bool


class DecisionOut(Out):
    """The decision on a man that stands."""

    id: UUID
    decision: Decision
    decision_number: Number
    issued_on: date
    decided_on: date
    deferment_until: date | None
    ground: Ground | None = Field(description="To a school only where it reveals nothing of the registry's")
    reason: LongText | None = Field(description="As `ground`")
    annotation_action: Literal["create", "modify", "none"] | None = Field(default=None, description="Counties only")
    corrects: UUID | None = Field(default=None, description="The earlier decision that it corrects (RO-52)")
    corrects_number: Number | None = Field(default=None, description="That decision's number")
    correction_reason: LongText | None = Field(default=None, description="Why that one was wrong; counties only")
    remedy: LongText | None = Field(default=None, description="What a refusal says of the remedy (教示, RO-75)")


class CorrectionOut(Out):
    """That, why and by whom the entry's decision is being corrected (RO-52); it stands until the new one is made."""

    corrects: UUID = Field(description="The decision that stands")
    reason_for_correction: LongText
    taken_up_by: str = Field(max_length=128)


class EntryOut(Out):
    """One man on a roster. Drafts, registry facts and hidden hints are shown to the deciding county only."""

    id: UUID
    roster_id: UUID
    row_no: int = Field(ge=1, le=1_000_000)
    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    birth_date: date
    county_code: str = Field(max_length=5)
    township_code: str = Field(max_length=8)
    township: str = Field(max_length=20)
    village: str | None = Field(max_length=200)
    division: Division | None
    level: Level | None
    nominal_years: int | None = Field(ge=1, le=20)
    department: str | None = Field(max_length=400)
    class_year: int | None = Field(ge=0, le=20)
    student_no: str | None = Field(max_length=100)
    enrolled_on: date | None
    expected_graduation_on: date | None
    extended_until: date | None
    extension_reason: str | None = Field(max_length=2_000)
    cessation_reason: CessationReason | None
    left_on: date | None
    overseas_compatriot: bool | None
    experimental_education: bool | None
    status_recognised: bool | None
    prior_graduated_level: Level | None
    prior_graduated_on: date | None
    moi_approval_no: str | None = Field(max_length=200)
    remarks: str | None = Field(max_length=4_000)
    state: EntryState
    version: Version
    filed_on: date = Field(description="The day he arrived, which his lateness is counted by (RO-28)")
    deadline_explained: DeadlineOut | None = Field(
        default=None, description="With `explain=true`: by when he had to be filed, and why (RO-63)"
    )
    from_version: Version = Field(description="The roster's version with which this entry began (RO-09)")
    hints: list[HintOut] = Field(max_length=100)
    decision: DecisionOut | None
    certified_school: str | None = Field(
        default=None, max_length=6, description="The school of a certificate that a township handed in (Art. 12)"
    )
    certificate_on: date | None = None
    enrolment_recognised: bool | None = None
    last_day: date | None = Field(default=None, description="Last day a deferment may run to (RO-26)")
    latest_deferment: DefermentOut | None = None
    registry: dict[str, Any] | None = Field(default=None, description="Registry facts with `as_of`; null: not checked")
    draft: DraftOut | None = Field(default=None, description="The case officer's")
    approver_draft: DraftOut | None = None
    returned: ReturnedOut | None = Field(default=None, description="The last return by an approver")
    batch_id: UUID | None = None
    correction: CorrectionOut | None = Field(default=None, description="While its decision is being corrected")


class DraftIn(In):
    """What a review may change (RO-41). Members left out stay; null clears."""

    decision: Decision | None = None
    decision_number: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    issued_on: LocalDate | None = None
    deferment_until: LocalDate | None = None
    annotation_text: Text | None = None
    review_remarks: Text | None = None
    ground: Ground | None = Field(default=None, description="Legal ground of a rejection (RO-57)")
    ground_unseen: Bool | None = Field(default=None, description="The system cannot see the ground; the officer can")
    reason: Text | None = Field(default=None, description="Why it is rejected")
    override_reason: Text | None = Field(default=None, description="Why it is approved despite a blocking hint")

    def changes(self) -> dict[str, Any]:
        """The draft members that were sent, as JSON values."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        return {name: sent[name] for name in DraftIn.model_fields if name in sent}


class EntryPatch(DraftIn):
    """A change of one entry: its draft, whether it is on hold, and two findings of the officer's own."""

    on_hold: Bool | None = Field(default=None, description="true: under inquiry (待查明); false: back in review")
    certificate_on: LocalDate | None = Field(default=None, description="Day of the school's certificate (Art. 12)")
    enrolment_recognised: Bool | None = Field(default=None, description="The officer's finding for Art. 15-1-2")

    @model_validator(mode="after")
    def _something(self) -> "EntryPatch":
        if not self.model_fields_set:
            raise ContentError("未載明任何變更", "Nothing to change is stated")
        return self


class CorrectionIn(DraftIn):
    """Why a decision was wrong, and what the draft of the one that corrects it says; left out: as decided."""

    reason_for_correction: Annotated[Text, Field(min_length=1, max_length=2_000, pattern=r"\S")]


class Refused(Out):
    """Why an entry was left as it was."""

    code: str = Field(max_length=60)
    field: str = Field(max_length=60)
    message: str = Field(max_length=500)
    message_en: str = Field(max_length=500)


class SubmitBatch(In):
    """Which entries go up; without `entry_ids` all that are ready."""

    entry_ids: Annotated[list[UUID], Field(min_length=1, max_length=20_000)] | None = None


class BatchOut(Out):
    """One 陳核."""

    id: UUID
    roster_id: UUID
    school_code: str | None = Field(max_length=6, description="Null: no school filed it")
    school_name: str = Field(max_length=100, description="Without a school, the filer's")
    case_kind: CaseKind | None = None
    county_code: str = Field(max_length=5)
    kind: RosterKind
    academic_year: int = Field(ge=1, le=999)
    term: int = Field(ge=1, le=2)
    state: BatchState
    version: Version
    proposed_number: Number | None
    headcount: Count = Field(description="Entries in it now; those it was decided with, once decided")
    submitted_by: str = Field(max_length=128)
    submitted_at: datetime
    closed_by: str | None = Field(max_length=128)
    closed_at: datetime | None
    return_reason: LongText | None


class ReturnBatch(In):
    """Send a batch, or single entries of it, back to the case officer (RO-45)."""

    reason: Annotated[Text, Field(min_length=1, max_length=2_000, pattern=r"\S")]
    entry_ids: Annotated[list[UUID], Field(min_length=1, max_length=1_000)] | None = None


class DecidedBatch(BatchOut):
    """A decided batch with its sums."""

    approved: Count
    rejected: Count
    decided_on: date


class TransferEntry(In):
    """Where the household really is (RO-29)."""

    county_code: Code
    township_code: Code
    village: Annotated[Line, Field(max_length=200)] | None = Field(default=None, description="Left out: not stated")
    reason: Annotated[Text, Field(min_length=1, max_length=2_000, pattern=r"\S")]


class Transferred(Out):
    """The entry left this county; the new one keeps the day of arrival."""

    entry_id: UUID
    new_entry_id: UUID
    new_county_code: str = Field(max_length=5)
    received_on: date


class CountySettings(Out):
    """How a county numbers its decisions (RO-41)."""

    county_code: str = Field(max_length=5)
    decision_number_format: str = Field(max_length=60)
    next_number: Number
    version: Annotated[int, Field(ge=0, le=2_147_483_647)]


class CountySettingsIn(In):
    """The format: plain text with `{serial}` and, if wished, `{roc_year}`; `{serial:07d}` pads with zeros."""

    decision_number_format: Annotated[str, Field(min_length=1, max_length=60)]


EntryPage = Page[EntryOut]
RosterPage = Page[RosterOut]
BatchPage = Page[BatchOut]
