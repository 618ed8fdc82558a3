"""What this service reads of the fee service's events: everything concerns one employer (FE-37 to FE-40)."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field

from notify.facts import Facts
from notify.reading import Told, ToldLine
from shared.roc import EPOCH, roc_long
from shared.schemas import Bool, Code, Int, LocalDate

Money = Annotated[Int, Field(ge=0, le=9_007_199_254_740_991)]


class FeeFacts(Facts):
    """What every event of the fee tells. The thing it is about is named by the member `ABOUT`."""

    ABOUT: ClassVar[str]

    employer_code: Code
    employer_name: ToldLine

    @property
    def about(self) -> UUID:
        """The notice, receipt, claim or violation."""
        thing: UUID = getattr(self, self.ABOUT)
        return thing

    def variables(self) -> dict[str, Any]:
        """Amounts with their thousands apart (`amount_text`), days as officials write them (`due_on_roc`)."""
        told = self.model_dump()
        for name, value in list(told.items()):
            if isinstance(value, date):
                told[f"{name}_roc"] = f"民國{roc_long(value)}"
            elif isinstance(value, int) and not isinstance(value, bool):
                told[f"{name}_text"] = f"{value:,}"
        month = told.get("month")
        if month is not None:
            told["month_text"] = f"{month.year - EPOCH}年{month.month}月"
            told["month_en"] = f"{month:%Y-%m}"
        return told

    def concerns(self, opens: str) -> dict[str, Any]:
        """What a reader needs to open the thing, at the path that `opens` describes."""
        members = {"employer_code", "notice_id", "receipt_id", "claim_id", "violation_id", "month"}
        told = self.model_dump(mode="json", include=members)
        return told | {"href": opens.format(**told)}


class NoticeFacts(FeeFacts):
    """What every event about a notice tells."""

    ABOUT = "notice_id"

    notice_id: UUID
    month: LocalDate
    amount: Money
    due_on: LocalDate


class NoticeIssued(NoticeFacts):
    """A notice for the employer."""

    issued_on: LocalDate


class NoticeOpen(NoticeFacts):
    """A notice that is not paid whole, before its due day or after it."""

    paid: Money
    outstanding: Money


class ReceiptIssued(FeeFacts):
    """A receipt is on its way."""

    ABOUT = "receipt_id"

    receipt_id: UUID
    number: ToldLine
    amount: Money
    posted_on: LocalDate


class RefundFacts(FeeFacts):
    """What every event about a refund claim tells."""

    ABOUT = "claim_id"

    claim_id: UUID
    letter_no: ToldLine
    amount: Money


class RefundDecided(RefundFacts):
    """A claim was approved or returned."""

    approved: Bool
    reason: Told | None = None
    decided_on: LocalDate


class RefundPaid(RefundFacts):
    """A refund was paid."""

    paid_on: LocalDate


class RefundBounced(RefundFacts):
    """The bank could not deliver a refund."""

    reason: Told
    bounced_on: LocalDate


class ViolationFacts(FeeFacts):
    """What every event about a violation tells."""

    ABOUT = "violation_id"

    violation_id: UUID
    notice_id: UUID
    month: LocalDate
    reference_on: LocalDate


class ViolationFound(ViolationFacts):
    """A notice was not paid whole by the 5th."""

    amount: Money
    paid: Money


class ViolationAnnulled(ViolationFacts):
    """A violation does not count after all."""

    reason: Told
    annulled_on: LocalDate


FEES: Mapping[str, type[FeeFacts]] = {
    "muster.rdss-fee.notice.issued.v1": NoticeIssued,
    "muster.rdss-fee.notice.reminded.v1": NoticeOpen,
    "muster.rdss-fee.notice.overdue.v1": NoticeOpen,
    "muster.rdss-fee.receipt.issued.v1": ReceiptIssued,
    "muster.rdss-fee.refund.decided.v1": RefundDecided,
    "muster.rdss-fee.refund.paid.v1": RefundPaid,
    "muster.rdss-fee.refund.bounced.v1": RefundBounced,
    "muster.rdss-fee.violation.found.v1": ViolationFound,
    "muster.rdss-fee.violation.annulled.v1": ViolationAnnulled,
}
