"""What the fee service tells the other services, declared once; `docs/events.md` is made from these declarations.

Data holds ids and facts of an official act towards an employer: no serviceman, no account number. Texts that people
write (an employer's name, a reason) have anything of the shape of a national ID masked when the data is made.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from shared.events import EventType
from shared.ids import mask_ids_in
from shared.schemas import Bool, Code, In, Int, Line, LocalDate, Text

Name = Annotated[Line, AfterValidator(mask_ids_in)]
Reason = Annotated[Text, AfterValidator(mask_ids_in)]
Money = Annotated[Int, Field(ge=0, le=9_007_199_254_740_991, description="NT$")]
MonthFirst = Annotated[LocalDate, Field(description="The billed month, as its first day")]


class EmployerFacts(In):
    """What every event of the fee says: whom it concerns."""

    employer_code: Code
    employer_name: Name


class NoticeFacts(EmployerFacts):
    """What every event about a notice says of it."""

    notice_id: UUID
    month: MonthFirst
    amount: Money
    due_on: LocalDate


class NoticeIssuedData(NoticeFacts):
    """Data of `notice.issued`."""

    issued_on: LocalDate


class NoticeOpenData(NoticeFacts):
    """Data of `notice.reminded` and `notice.overdue`."""

    paid: Annotated[Money, Field(description="NT$ that had come by then, as far as the bank had told")]
    outstanding: Money


class ReceiptIssuedData(EmployerFacts):
    """Data of `receipt.issued`."""

    receipt_id: UUID
    number: Annotated[Line, Field(description="ROC year and number within it, such as 115-000042")]
    amount: Money
    posted_on: Annotated[LocalDate, Field(description="The day the bank posted the payment")]


class RefundFacts(EmployerFacts):
    """What every event about a refund claim says of it."""

    claim_id: UUID
    letter_no: Name
    amount: Money


class RefundDecidedData(RefundFacts):
    """Data of `refund.decided`."""

    approved: Annotated[Bool, Field(description="False: the claim was returned")]
    reason: Annotated[Reason | None, Field(description="Why it was returned, IDs masked")] = None
    decided_on: LocalDate


class RefundPaidData(RefundFacts):
    """Data of `refund.paid`."""

    paid_on: LocalDate


class RefundBouncedData(RefundFacts):
    """Data of `refund.bounced`."""

    reason: Annotated[Reason, Field(description="What the bank said, IDs masked")]
    bounced_on: LocalDate


class ViolationFacts(EmployerFacts):
    """What every event about a violation says of it."""

    violation_id: UUID
    notice_id: UUID
    month: MonthFirst
    reference_on: Annotated[LocalDate, Field(description="管考違規事證基準日: the 5th of the billed month")]


class ViolationFoundData(ViolationFacts):
    """Data of `violation.found`."""

    amount: Annotated[Money, Field(description="NT$ that the notice asks for")]
    paid: Annotated[Money, Field(description="NT$ with a value date up to the 5th")]


class ViolationAnnulledData(ViolationFacts):
    """Data of `violation.annulled`."""

    reason: Annotated[Reason, Field(description="Why it does not count against the employer, IDs masked")]
    annulled_on: LocalDate


NOTICE_ISSUED = EventType(
    "muster.rdss-fee.notice.issued.v1",
    NoticeIssuedData,
    to=("notify",),
    summary="A notice for the next month was issued (FE-10, FE-40); the employer is told.",
)
NOTICE_REMINDED = EventType(
    "muster.rdss-fee.notice.reminded.v1",
    NoticeOpenData,
    to=("notify",),
    summary="A notice that is not paid is due in three working days or less (FE-40); the employer is told, once.",
)
NOTICE_OVERDUE = EventType(
    "muster.rdss-fee.notice.overdue.v1",
    NoticeOpenData,
    to=("notify",),
    summary="A notice was not paid by its due day, as far as the bank told (FE-40); the employer is told, once.",
)
RECEIPT_ISSUED = EventType(
    "muster.rdss-fee.receipt.issued.v1",
    ReceiptIssuedData,
    to=("notify",),
    summary="A receipt for a posted payment was issued (FE-37); the employer is told.",
)
REFUND_DECIDED = EventType(
    "muster.rdss-fee.refund.decided.v1",
    RefundDecidedData,
    to=("notify",),
    summary="A refund claim was approved or returned (FE-38); the employer is told.",
)
REFUND_PAID = EventType(
    "muster.rdss-fee.refund.paid.v1",
    RefundPaidData,
    to=("notify",),
    summary="A refund was paid (FE-38); the employer is told.",
)
REFUND_BOUNCED = EventType(
    "muster.rdss-fee.refund.bounced.v1",
    RefundBouncedData,
    to=("notify",),
    summary="The bank could not deliver a refund, which may be claimed anew (FE-38); the employer is told.",
)
VIOLATION_FOUND = EventType(
    "muster.rdss-fee.violation.found.v1",
    ViolationFoundData,
    to=("notify",),
    summary="A notice was not paid whole by the 5th (FE-39); the employer is told of the evidence.",
)
VIOLATION_ANNULLED = EventType(
    "muster.rdss-fee.violation.annulled.v1",
    ViolationAnnulledData,
    to=("notify",),
    summary="A violation was annulled (FE-39); the employer is told.",
)
