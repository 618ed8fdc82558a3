"""The life of a refund claim: who moves it, what it needs, what it may ask for (FE-12, FE-38, ID-07).

An employer claims what is refundable to it, never against a charge: letter and signed receipt go to the authority by
post, and the authority checks, approves or returns, and pays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.law import rule


class ClaimState(StrEnum):
    """Where a claim stands."""

    ENTERED = "entered"
    SUBMITTED = "submitted"
    RECEIVED = "received"
    APPROVED = "approved"
    RETURNED = "returned"
    PAID = "paid"
    BANK_RETURNED = "bank_returned"
    WITHDRAWN = "withdrawn"


class ClaimAction(StrEnum):
    """What moves a claim. `bank_return`: the bank could not deliver what was paid, which may be claimed anew."""

    SUBMIT = "submit"
    RECEIVE = "receive"
    APPROVE = "approve"
    RETURN = "return"
    PAY = "pay"
    BANK_RETURN = "bank_return"
    WITHDRAW = "withdraw"


class PaperKind(StrEnum):
    """退費函文, 已簽妥退款收據."""

    LETTER = "letter"
    SIGNED_RECEIPT = "signed_receipt"


class NotPossibleError(Exception):
    """The claim's state does not allow the action."""


class NotYoursError(Exception):
    """Another role takes this action, or another person."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an action leads, and the roles that may take it."""

    to: ClaimState
    roles: frozenset[str]


HEAD_OFFICE: Final = "employer"
DEPARTMENT: Final = "employer_department"
FINANCE: Final = "authority_finance"
_HEAD: Final = frozenset({HEAD_OFFICE})
_STAFF: Final = frozenset({HEAD_OFFICE, DEPARTMENT})
_AUTHORITY: Final = frozenset({FINANCE})

TRANSITIONS: Final[Mapping[tuple[ClaimState, ClaimAction], Step]] = {
    (ClaimState.ENTERED, ClaimAction.SUBMIT): Step(ClaimState.SUBMITTED, _HEAD),
    (ClaimState.ENTERED, ClaimAction.WITHDRAW): Step(ClaimState.WITHDRAWN, _STAFF),
    # What the head office has put its name to it takes back itself, until it has arrived.
    (ClaimState.SUBMITTED, ClaimAction.WITHDRAW): Step(ClaimState.WITHDRAWN, _HEAD),
    (ClaimState.SUBMITTED, ClaimAction.RECEIVE): Step(ClaimState.RECEIVED, _AUTHORITY),
    (ClaimState.RECEIVED, ClaimAction.APPROVE): Step(ClaimState.APPROVED, _AUTHORITY),
    (ClaimState.RECEIVED, ClaimAction.RETURN): Step(ClaimState.RETURNED, _AUTHORITY),
    # What is no longer covered when it is to be paid would stand in the way for ever.
    (ClaimState.APPROVED, ClaimAction.RETURN): Step(ClaimState.RETURNED, _AUTHORITY),
    (ClaimState.APPROVED, ClaimAction.PAY): Step(ClaimState.PAID, _AUTHORITY),
    (ClaimState.PAID, ClaimAction.BANK_RETURN): Step(ClaimState.BANK_RETURNED, _AUTHORITY),
}

UNDER_WAY: Final = (ClaimState.SUBMITTED, ClaimState.RECEIVED, ClaimState.APPROVED)
"""In these the claim's amount is spoken for: no other claim may ask for it."""
CLOSED: Final = (ClaimState.RETURNED, ClaimState.BANK_RETURNED, ClaimState.WITHDRAWN)
"""From these nothing follows; the money is claimed by another letter, which may bear the same number."""


@rule("FE-38")
def advance(state: ClaimState, action: ClaimAction, roles: Iterable[str]) -> ClaimState:
    """The state after `action` by somebody with `roles`. Raises NotPossibleError, or NotYoursError."""
    step = TRANSITIONS.get((state, action))
    if step is None:
        raise NotPossibleError(f"{action} in state {state}")
    if step.roles.isdisjoint(roles):
        raise NotYoursError(action)
    return step.to


@rule("FE-38", "ID-07")
def confirms(entered_as: str, entered_by: str, sub: str) -> bool:
    """Whether `sub` may submit a claim: what a department entered, another person of the head office confirms."""
    return entered_as == HEAD_OFFICE or entered_by != sub


@rule("FE-38")
def may_pay(decided_by: str, sub: str) -> bool:
    """Who approved a refund does not pay it."""
    return decided_by != sub


@rule("FE-12", "FE-38")
def claimable(refundable: int, under_way: int) -> int:
    """What may still be claimed: credits and overpayments, less what other claims ask for already. No charge counts."""
    return max(refundable - under_way, 0)


@rule("FE-38")
def missing(papers: Iterable[PaperKind]) -> tuple[PaperKind, ...]:
    """The papers that a claim still lacks."""
    there = frozenset(papers)
    return tuple(kind for kind in PaperKind if kind not in there)


def is_pdf(content: bytes) -> bool:
    """Whether a paper says of itself that it is a PDF."""
    return content.startswith(b"%PDF-")
