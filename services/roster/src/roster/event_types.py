"""What the roster service tells the other services, declared once.

`docs/events.md` is made from these declarations. Data holds ids and facts of an official act; no national ID, no
name of a draftee. The two texts that people write (a school's name, a reason) have anything of the shape of an ID
masked when the data is made, so that no event, outbox row or message can carry one.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from roster.intake.rules import CaseKind, RosterKind
from shared.events import EventType
from shared.ids import mask_ids_in
from shared.schemas import Bool, Code, In, Int, Line, LocalDate, Text

SchoolName = Annotated[Line, AfterValidator(mask_ids_in)]
Reason = Annotated[Text, AfterValidator(mask_ids_in)]
Count = Annotated[Int, Field(ge=0, le=1_000_000)]


class RosterFacts(In):
    """What every event about a roster or a part of it says of it."""

    roster_id: UUID
    county_code: Code
    school_code: Annotated[Code | None, Field(description="Null: no school filed it (RO-70 to RO-72)")] = None
    school_name: Annotated[SchoolName, Field(description="The school's name; without a school, that of who filed")]
    kind: RosterKind
    academic_year: Annotated[Int, Field(ge=1, le=999, description="ROC academic year, such as 115")]
    term: Annotated[Int, Field(ge=1, le=4)]


class RosterCorrectedData(RosterFacts):
    """Data of `roster.corrected`."""

    version: Annotated[Int, Field(ge=2, description="The version that the correction made")]
    opened: Annotated[Bool, Field(description="Whether a case officer had opened the roster")]
    kept: Annotated[Count, Field(description="Entries that stayed as they were")]
    changed: Annotated[Count, Field(description="Entries of men of whom the file says something else")]
    added: Annotated[Count, Field(description="Entries of men who were not on the roster")]
    dropped: Annotated[Count, Field(description="Entries that were withdrawn")]


class RosterWithdrawnData(RosterFacts):
    """Data of `roster.withdrawn`."""

    version: Annotated[Int, Field(ge=1, description="The version that was withdrawn")]
    headcount: Annotated[Count, Field(description="Entries that were withdrawn")]


class BatchFacts(RosterFacts):
    """What every event about a batch says of it."""

    batch_id: UUID


class BatchSubmittedData(BatchFacts):
    """Data of `batch.submitted`."""

    headcount: Annotated[Count, Field(description="Entries in the batch")]
    submitted_by: Annotated[Line, Field(description="Account of the case officer")]


class BatchRecalledData(BatchFacts):
    """Data of `batch.recalled`."""

    headcount: Annotated[Count, Field(description="Entries in the batch when it was recalled")]
    recalled_by: Annotated[Line, Field(description="Account of the case officer")]


class BatchReturnedData(BatchFacts):
    """Data of `batch.returned`."""

    entry_count: Annotated[Count, Field(description="Entries sent back")]
    whole: Annotated[Bool, Field(description="True when the whole batch went back, false for single entries of it")]
    reason: Annotated[Reason | None, Field(description="The approver's words, IDs masked")] = None
    returned_by: Annotated[Line, Field(description="Account of the approver")]


class BatchDecidedData(BatchFacts):
    """Data of `batch.decided`."""

    approved: Annotated[Count, Field(description="Entries approved")]
    rejected: Annotated[Count, Field(description="Entries rejected")]
    corrected: Annotated[
        Count, Field(description="Of all these, entries whose decision corrects an earlier one (RO-52)")
    ] = 0
    remedy_days: Annotated[
        Count, Field(description="Days to ask for review of a refusal, from the day after receipt (RO-75); 0: none")
    ] = 0
    decided_on: Annotated[LocalDate, Field(description="The day of the decision, Asia/Taipei")]


class CaseFiledData(RosterFacts):
    """Data of `case.filed`."""

    case_kind: CaseKind
    urgent: Annotated[Bool, Field(description="The man holds an induction order already (Art. 12)")]
    headcount: Annotated[Count, Field(description="Men filed")]


class CaseDecidedData(BatchDecidedData):
    """Data of `case.decided`."""

    case_kind: CaseKind
    township_code: Annotated[Code, Field(description="The township that filed it")]


class NoticeDecidedData(BatchDecidedData):
    """Data of `notice.decided`."""

    authority_code: Annotated[Code, Field(description="The education authority that notified")]


class TrainingForwardedData(BatchFacts):
    """Data of `training_list.forwarded`."""

    township_code: Code
    headcount: Annotated[Count, Field(description="Men of the township's households whose deferment was revoked")]
    decided_on: Annotated[LocalDate, Field(description="The day of the decision, Asia/Taipei")]


CASE_FILED = EventType(
    "muster.roster.case.filed.v1",
    CaseFiledData,
    to=("notify",),
    summary="A township or education authority filed men (RO-70, RO-71); the county's case officers are told.",
)
CASE_DECIDED = EventType(
    "muster.roster.case.decided.v1",
    CaseDecidedData,
    to=("notify",),
    summary="An approver decided what a township filed (RO-70, RO-71); the township is told.",
)
NOTICE_DECIDED = EventType(
    "muster.roster.notice.decided.v1",
    NoticeDecidedData,
    to=("notify",),
    summary="An approver decided what an education authority notified (RO-70); the authority is told.",
)
TRAINING_FORWARDED = EventType(
    "muster.roster.training_list.forwarded.v1",
    TrainingForwardedData,
    to=("notify",),
    summary="A list of men after vacation training was decided (RO-72); each township annotates its own (Art. 16-1).",
)
ROSTER_CORRECTED = EventType(
    "muster.roster.roster.corrected.v1",
    RosterCorrectedData,
    to=("notify",),
    summary="A school sent a corrected roster, which is its new version (RO-09); the county's case officers are told.",
)
ROSTER_WITHDRAWN = EventType(
    "muster.roster.roster.withdrawn.v1",
    RosterWithdrawnData,
    to=("notify",),
    summary="A school withdrew a roster that no case officer had opened (RO-09); the county's case officers are told.",
)
BATCH_SUBMITTED = EventType(
    "muster.roster.batch.submitted.v1",
    BatchSubmittedData,
    to=("notify",),
    summary="A case officer submitted entries for approval (RO-42); the county's approvers are told.",
)
BATCH_RECALLED = EventType(
    "muster.roster.batch.recalled.v1",
    BatchRecalledData,
    to=("notify",),
    summary="A case officer took a batch back before it was decided (RO-46); the county's approvers are told.",
)
BATCH_RETURNED = EventType(
    "muster.roster.batch.returned.v1",
    BatchReturnedData,
    to=("notify",),
    summary="An approver sent a batch, or entries of it, back (RO-45); the county's case officers are told.",
)
BATCH_DECIDED = EventType(
    "muster.roster.batch.decided.v1",
    BatchDecidedData,
    to=("notify",),
    summary="An approver decided a batch (RO-48); the school gets its notice (Art. 13).",
)
