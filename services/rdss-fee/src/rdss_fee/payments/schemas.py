"""JSON of posting files, payments, and of money in suspense."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from rdss_fee.payments.rules import Act, AssignmentState, PaymentStatus, Why
from rdss_fee.schemas import EmployerCode, Money, MonthOut
from shared.schemas import In, Out, Page, Text

FILE_SORTS = ("taken_at", "complete_through", "line_count", "total")
PAYMENT_SORTS = ("posted_on", "value_on", "amount")
SUSPENSE_SORTS = ("posted_on", "amount", "why")

# What JSON's readers keep whole.
_MOST = 9_007_199_254_740_991
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
TransactionId = Annotated[int, Field(ge=1, le=_MOST, examples=[1042])]
Account = Annotated[str, Field(max_length=40, examples=["7006021151000014"])]
Sub = Annotated[str, Field(max_length=200)]


class LayoutName(StrEnum):
    """The layouts of files that can be read."""

    BANK_OF_TAIWAN = "bank_of_taiwan"
    BANK_OF_TAIWAN_CSV = "bank_of_taiwan_csv"
    TAISHIN = "taishin"
    SHIN_KONG = "shin_kong"


class BankFileOut(Out):
    """A posting file that was taken whole (銀行入帳檔)."""

    id: UUID
    layout: str = Field(max_length=40)
    source: Literal["upload", "drop_folder"]
    name: str = Field(max_length=200, examples=["20261005.txt"])
    digest: str = Field(max_length=64, description="SHA-256 of its bytes, hexadecimal")
    size: Count
    line_count: Count = Field(description="How many postings it has")
    total: Money = Field(description="Their sum, reversals subtracted")
    complete_through: date = Field(description="The last value date of which the bank has told everything")
    fresh: Count = Field(description="Postings that no file had told before")
    known: Count = Field(description="Postings that one had: they changed nothing")
    to_notices: Count
    suspended: Count
    bad_number: Count = Field(description="Of those suspended: no number that we make")
    no_notice: Count = Field(description="Of those suspended: a good number that no notice has")
    nothing_to_reverse: Count = Field(description="Of those suspended: a reversal of more than was paid")
    taken_by: Sub
    taken_at: datetime
    taken_on: date


class PaymentOut(Out):
    """One posting of the bank's, and what became of it; amounts are below zero for what was taken back."""

    id: TransactionId
    file_id: UUID | None = Field(description="Null to employers: the file is the authority's")
    account: Account
    amount: Money = Field(description="Below zero: a reversal by the bank")
    posted_on: date
    value_on: date
    serial: str = Field(max_length=40)
    channel: str = Field(max_length=200, examples=["atm"])
    payer: str = Field(max_length=200, examples=["甲示範科技股份有限公司"])
    notice_id: UUID | None
    employer_code: EmployerCode | None
    month: MonthOut | None
    status: PaymentStatus
    why: Why | None = Field(description="Why it was, or is, in suspense")
    allocated: Money = Field(description="What of it pays the notice")
    overpaid: Money = Field(description="What of it was more than due: refundable")
    reclaimed: Money = Field(description="What of it settles, or makes, a refund to be given back")
    suspended: Money


class NearMissOut(Out):
    """An open notice of the very amount that the money may have been meant for: a suggestion, never applied."""

    notice_id: UUID
    employer_code: EmployerCode
    month: MonthOut
    virtual_account: Account
    amount: Money = Field(description="What is still to be paid")
    reason: Literal["one_digit", "neighbours_swapped", "last_months_number"]


class SuspenseOut(Out):
    """Money that is nobody's yet (暫收); `open` below zero: a reversal that waits for what it reverses."""

    id: TransactionId = Field(description="Of the payment")
    account: Account
    amount: Money
    open: Money = Field(description="What of it is still in suspense")
    posted_on: date
    value_on: date
    channel: str = Field(max_length=200)
    payer: str = Field(max_length=200)
    why: Why
    proposed_id: UUID | None = Field(description="The assignment that waits for a second person")
    near_misses: list[NearMissOut] = Field(max_length=400)


class AssignmentIn(In):
    """What is to become of money in suspense; a second person confirms it.

    `assign` gives all that is open to a notice (of a reversal: takes it back there); `undo` takes an assignment back;
    `repay` counts it as repayment of what was refunded too much.
    """

    act: Act
    notice_id: UUID | None = Field(default=None, description="Of `assign` and `undo`")
    employer_code: EmployerCode | None = Field(default=None, description="Of `repay`")
    reason: Annotated[Text, Field(min_length=1, max_length=1_000, examples=["繳款人來電確認誤植末碼"])]


class AssignmentOut(Out):
    """What was proposed of money in suspense, and decided."""

    id: UUID
    transaction_id: TransactionId
    act: Act
    notice_id: UUID | None
    employer_code: EmployerCode
    amount: Money
    reason: str = Field(max_length=2_000)
    state: AssignmentState
    proposed_by: Sub
    proposed_at: datetime
    decided_by: Sub | None
    decided_at: datetime | None


class SuspenseDetail(Out):
    """A payment that is or was in suspense, or that was more than due, with what it may have been meant for."""

    payment: PaymentOut
    near_misses: list[NearMissOut] = Field(max_length=400)
    assignments: list[AssignmentOut] = Field(max_length=1_000)


BankFilePage = Page[BankFileOut]
PaymentPage = Page[PaymentOut]
SuspensePage = Page[SuspenseOut]
