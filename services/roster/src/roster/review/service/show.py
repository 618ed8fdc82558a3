"""What is shown of a man on a roster, to his school and to the deciding county: one mapping for now and for then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from roster.intake.rules import RosterKind
from roster.registry.models import RegistryFact
from roster.remedies.rules import remedy_on
from roster.review import drafts
from roster.review.models import BatchEntry, DecisionRecord
from roster.review.rules import Decision, EntryState, tells_nothing
from roster.review.schemas import CorrectionOut, DecisionOut, DefermentOut, DraftOut, EntryOut, HintOut, ReturnedOut
from shared.ids import mask_id
from shared.places import TOWNSHIPS

_COUNTY_ONLY = ("certified_school", "certificate_on", "enrolment_recognised", "last_day", "batch_id")

Cells = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside an entry's row: the hints that the caller may see, and what only its county is shown."""

    hints: list[dict[str, Any]]
    decision: DecisionRecord | None = None
    fact: RegistryFact | None = None
    returned: BatchEntry | None = None
    deferment: Cells | None = None
    proposed_number: str | None = None


def entry_out(row: Cells, beside: Beside, *, county: bool, gone: bool, today: date) -> EntryOut:
    """A row of an entry as JSON; `gone`: he is another county's to decide now, or was taken back."""
    hidden = ("approver_draft",) if county else ("approver_draft", *_COUNTY_ONLY)
    values: dict[str, Any] = {n: row[n] for n in EntryOut.model_fields if n in row and n not in hidden}
    values |= {
        "township": TOWNSHIPS[row["township_code"]].name,
        "hints": [HintOut.model_validate(body, extra="ignore") for body in beside.hints],
        "decision": None if beside.decision is None else _decision(beside.decision, county),
    }
    if not county:
        # A decision that is being corrected stands until it is (`queries.shown_state`).
        if row["corrects"] is not None:
            values["state"] = EntryState.DECIDED
        # What the review does to him is counted too, and tells of hints that a school is not to see (RO-22, 27, 29, 30,
        # 32): whom "approve all clean" passed over. For a school only its own file's versions count.
        values["version"] = row["from_version"]
    if county and gone:
        # What is known of him is no longer shown here.
        values["national_id"] = mask_id(row["national_id"])
    elif county:
        values |= _for_county(row, beside, today)
    return EntryOut(**values)


def _for_county(row: Cells, beside: Beside, today: date) -> dict[str, Any]:
    fact, left = beside.fact, beside.returned
    open_ = row["state"] in (EntryState.IN_REVIEW, EntryState.ON_HOLD)
    return {
        "latest_deferment": None if beside.deferment is None else deferment_out(beside.deferment, today),
        "registry": None if fact is None else {**fact.facts, "known": fact.known, "as_of": fact.as_of.isoformat()},
        "draft": DraftOut(**drafts.shown(row["officer_draft"], beside.proposed_number if open_ else None)),
        "returned": None if left is None else _returned(left),
        "approver_draft": None if row["approver_draft"] is None else DraftOut(**row["approver_draft"]),
        "correction": None if row["corrects"] is None else _correction(row),
    }


def is_active(row: Cells, today: date) -> bool:
    """Whether a deferment holds on a day."""
    return row["revoked_on"] is None and bool(row["deferred_from"] <= today <= row["deferred_until"])


def deferment_out(row: Cells, today: date) -> DefermentOut:
    """A deferment, with whether it holds today."""
    return DefermentOut(**{n: row[n] for n in DefermentOut.model_fields if n in row}, active=is_active(row, today))


def _returned(left: Any) -> ReturnedOut:
    return ReturnedOut(
        batch_id=left.batch_id,
        reason=left.reason,
        returned_at=left.left_at,
        returned_by=left.left_by,
        approver_draft=None if left.approver_draft is None else DraftOut(**left.approver_draft),
    )


def _correction(row: Cells) -> CorrectionOut:
    return CorrectionOut(
        corrects=row["corrects"], reason_for_correction=row["correction_reason"], taken_up_by=row["correction_by"]
    )


def _remedy(record: Any) -> str | None:
    refused = record.decision == Decision.REJECTED and record.kind != RosterKind.CESSATION
    return remedy_on(record.decided_on).text if refused else None


def _decision(record: Any, county: bool) -> DecisionOut:
    decision = DecisionOut.model_validate(record).model_copy(update={"remedy": _remedy(record)})
    if county:
        return decision
    hidden = {} if tells_nothing(record.ground, record.ground_unseen) else {"ground": None, "reason": None}
    return decision.model_copy(update={"annotation_action": None, "correction_reason": None, **hidden})
