"""The states of entries, batches and rosters, and the one table that says who moves them (RO-40 to RO-46).

SOURCE: roster.md "Review workflow"; 在學緩徵作業系統操作說明 steps 2 to 5 and 11 to 15, item (15).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from shared.law import rule


class EntryState(StrEnum):
    """Where one man's entry stands."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    ON_HOLD = "on_hold"
    FOR_APPROVAL = "for_approval"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class BatchState(StrEnum):
    """Where one 陳核 stands."""

    FOR_APPROVAL = "for_approval"
    RECALLED = "recalled"
    RETURNED = "returned"
    DECIDED = "decided"


class RosterState(StrEnum):
    """Derived from the entries, never stored (`roster_state`)."""

    PENDING = "pending"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


class Decision(StrEnum):
    """准駁."""

    APPROVED = "approved"
    REJECTED = "rejected"


class EntryAction(StrEnum):
    """What moves an entry. `transfer`: it goes to another county (RO-29); `supersede`: a new version of the roster
    changed it; `withdraw`: it was taken back; `reopen`: its decision is to be corrected, `drop`: it is not after all
    (RO-52)."""

    OPEN = "open"
    HOLD = "hold"
    RELEASE = "release"
    SUBMIT = "submit"
    RETURN = "return"
    RECALL = "recall"
    DECIDE = "decide"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    REOPEN = "reopen"
    DROP = "drop"


class BatchAction(StrEnum):
    """What moves a batch."""

    RECALL = "recall"
    RETURN = "return"
    DECIDE = "decide"


State = TypeVar("State", EntryState, BatchState)


@dataclass(frozen=True, slots=True)
class Step(Generic[State]):
    """Where an action leads, and the role that may take it."""

    to: State
    role: str


SCHOOL: Final = "school"
CASE_OFFICER: Final = "case_officer"
APPROVER: Final = "approver"

TRANSITIONS: Final[dict[tuple[EntryState, EntryAction], Step[EntryState]]] = {
    (EntryState.RECEIVED, EntryAction.OPEN): Step(EntryState.IN_REVIEW, CASE_OFFICER),
    (EntryState.IN_REVIEW, EntryAction.HOLD): Step(EntryState.ON_HOLD, CASE_OFFICER),
    (EntryState.ON_HOLD, EntryAction.RELEASE): Step(EntryState.IN_REVIEW, CASE_OFFICER),
    (EntryState.IN_REVIEW, EntryAction.TRANSFER): Step(EntryState.SUPERSEDED, CASE_OFFICER),
    (EntryState.ON_HOLD, EntryAction.TRANSFER): Step(EntryState.SUPERSEDED, CASE_OFFICER),
    (EntryState.IN_REVIEW, EntryAction.SUBMIT): Step(EntryState.FOR_APPROVAL, CASE_OFFICER),
    (EntryState.FOR_APPROVAL, EntryAction.RECALL): Step(EntryState.IN_REVIEW, CASE_OFFICER),
    (EntryState.FOR_APPROVAL, EntryAction.RETURN): Step(EntryState.IN_REVIEW, APPROVER),
    (EntryState.FOR_APPROVAL, EntryAction.DECIDE): Step(EntryState.DECIDED, APPROVER),
    (EntryState.DECIDED, EntryAction.REOPEN): Step(EntryState.IN_REVIEW, CASE_OFFICER),
    (EntryState.IN_REVIEW, EntryAction.DROP): Step(EntryState.DECIDED, CASE_OFFICER),
    (EntryState.ON_HOLD, EntryAction.DROP): Step(EntryState.DECIDED, CASE_OFFICER),
    (EntryState.RECEIVED, EntryAction.WITHDRAW): Step(EntryState.WITHDRAWN, SCHOOL),
    (EntryState.IN_REVIEW, EntryAction.WITHDRAW): Step(EntryState.WITHDRAWN, SCHOOL),
    (EntryState.ON_HOLD, EntryAction.WITHDRAW): Step(EntryState.WITHDRAWN, SCHOOL),
    (EntryState.RECEIVED, EntryAction.SUPERSEDE): Step(EntryState.SUPERSEDED, SCHOOL),
    (EntryState.IN_REVIEW, EntryAction.SUPERSEDE): Step(EntryState.SUPERSEDED, SCHOOL),
    (EntryState.ON_HOLD, EntryAction.SUPERSEDE): Step(EntryState.SUPERSEDED, SCHOOL),
}

BATCH_TRANSITIONS: Final[dict[tuple[BatchState, BatchAction], Step[BatchState]]] = {
    (BatchState.FOR_APPROVAL, BatchAction.RECALL): Step(BatchState.RECALLED, CASE_OFFICER),
    (BatchState.FOR_APPROVAL, BatchAction.RETURN): Step(BatchState.RETURNED, APPROVER),
    (BatchState.FOR_APPROVAL, BatchAction.DECIDE): Step(BatchState.DECIDED, APPROVER),
}

EDITORS: Final[dict[EntryState, str]] = {
    EntryState.IN_REVIEW: CASE_OFFICER,
    EntryState.ON_HOLD: CASE_OFFICER,
    EntryState.FOR_APPROVAL: APPROVER,
}
"""Who may write the draft of an entry in a state (RO-41, RO-44); nobody in any other state."""

_PENDING: Final = frozenset({EntryState.RECEIVED, EntryState.IN_REVIEW, EntryState.ON_HOLD, EntryState.FOR_APPROVAL})


@rule("RO-40", "RO-42")
def roster_state(entry_states: Iterable[EntryState]) -> RosterState:
    """Pending while any entry is; else decided; withdrawn when none was decided."""
    states = set(entry_states)
    if states & _PENDING:
        return RosterState.PENDING
    return RosterState.DECIDED if EntryState.DECIDED in states else RosterState.WITHDRAWN
