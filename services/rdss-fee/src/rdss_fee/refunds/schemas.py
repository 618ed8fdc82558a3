"""JSON of refund claims (FE-38)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from rdss_fee.refunds.rules import ClaimState, PaperKind
from rdss_fee.schemas import EmployerCode, Money, MonthOut
from shared.schemas import In, Int, Line, LocalDate, Out, Page, Text

CLAIM_SORTS = ("entered_at", "employer_code", "letter_no", "amount", "state", "round", "posted_on", "received_on")
REFUNDABLE_SORTS = ("employer_code", "refundable", "under_way", "claimable", "reclaimable")
LETTER = Field(max_length=60, description="退費函文字號", examples=["示範財字第1150000012號"])
Why = Annotated[Text, Field(min_length=1, max_length=1_000, pattern=r"\S")]


class ClaimIn(In):
    """A claim: the letter that asks for it, and how much."""

    letter_no: Annotated[Line, LETTER]
    amount: Annotated[Int, Field(ge=1, le=10**15, description="NT$", examples=[30_100])]
    posted_on: Annotated[LocalDate | None, Field(description="The postmark's day, if the letter is posted already")] = (
        None
    )


class SubmissionIn(In):
    """That the head office has posted letter and signed receipt."""

    posted_on: Annotated[
        LocalDate | None, Field(description="The postmark's day, which counts; may be left out if the claim says it")
    ] = None


class ReceiptIn(In):
    """That the letter arrived at the authority."""

    received_on: LocalDate


class ReasonIn(In):
    """Why."""

    reason: Annotated[Why, Field(examples=["退款收據未加蓋用人單位印信，請補正後重新申請。"])]


class PaymentIn(In):
    """That the refund was paid."""

    paid_on: LocalDate
    payment_reference: Annotated[Line, Field(max_length=60, description="付款憑單號碼", examples=["支115-000321"])]


class PaperOut(Out):
    """A paper that belongs to a claim; of several of a kind the last counts."""

    id: UUID
    kind: PaperKind
    name: str = Field(max_length=200, examples=["退款收據.pdf"])
    size: int = Field(ge=1, le=5_242_880, description="Bytes")
    added_at: datetime


class ClaimOut(Out):
    """A claim for what is refundable, which is never set off against a charge."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647, description="Also the ETag")
    employer_code: EmployerCode
    employer_name: str = Field(max_length=400)
    letter_no: Annotated[str, LETTER]
    amount: Money
    state: ClaimState
    entered_as: str = Field(max_length=40, examples=["employer_department"], description="The role that entered it")
    entered_on: date
    entered_at: datetime
    posted_on: date | None = Field(description="The postmark's day")
    received_on: date | None
    round: MonthOut | None = Field(description="The month in whose round it is worked; null until submitted")
    round_provisional: bool | None = Field(description="The calendar of that month was not official yet")
    decided_on: date | None
    return_reason: str | None = Field(max_length=1_000)
    paid_on: date | None
    payment_reference: str | None = Field(max_length=60)
    bounced_on: date | None = Field(description="The day the bank's return was booked: the money may be claimed anew")
    bounce_reason: str | None = Field(max_length=1_000)


class ClaimDetail(ClaimOut):
    """A claim with its papers, and how it stands to what its employer can claim just now."""

    papers: list[PaperOut] = Field(max_length=20)
    papers_missing: list[PaperKind] = Field(max_length=2)
    refundable: Money = Field(description="NT$ refundable to the employer just now")
    covered: bool | None = Field(description="Whether that covers the claim; null once it is paid or closed")


class RefundableOut(Out):
    """What an employer can claim: credits and overpayments, less what claims under way ask for."""

    employer_code: EmployerCode
    employer_name: str = Field(max_length=400)
    credits: Money = Field(description="應退 granted so far, NT$")
    overpaid: Money = Field(description="溢繳 so far, less what was reversed, NT$")
    refunded: Money = Field(description="Refunds paid so far, less what the bank returned, NT$")
    refundable: Money = Field(description="What is refundable of all that, NT$")
    under_way: Money = Field(description="What claims that are submitted, received or approved ask for, NT$")
    claimable: Money = Field(description="What another claim may ask for, NT$")
    reclaimable: Money = Field(description="溢退待追回: refunded too much and to be given back, NT$; no credit pays it")


ClaimPage = Page[ClaimOut]
RefundablePage = Page[RefundableOut]
