"""JSON of receipts (FE-37)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from rdss_fee.receipts.rules import ReceiptState
from rdss_fee.schemas import EmployerCode, Money, MonthOut
from shared.schemas import In, Int, Line, LocalDate, Out, Page, Text

DUE_SORTS = ("posted_on", "employer_code", "month", "amount")
RECEIPT_SORTS = ("issued_on", "number", "employer_code", "amount", "posted_on", "due_on")
LARGEST_ISSUE = 1_000
# The greatest whole number that every reader of JSON takes whole.
MOST = 9_007_199_254_740_991
TransactionId = Annotated[Int, Field(ge=1, le=MOST, description="The bank transaction that is the payment")]
Addressee = Annotated[str | None, Field(max_length=400, examples=["會計部"])]
Address = Annotated[str | None, Field(max_length=400, examples=["臺北市大安區和平東路一號"])]
Number = Annotated[str, Field(max_length=20, description="ROC year and number within it", examples=["115-000042"])]


class DueOut(Out):
    """A posted payment that has no receipt yet."""

    transaction_id: int = Field(ge=1, le=MOST)
    notice_id: UUID
    month: MonthOut
    employer_code: EmployerCode
    employer_name: str = Field(max_length=400)
    amount: Money = Field(description="What of the payment stands, NT$")
    posted_on: date
    due_on: date = Field(description="The last day to mail its receipt: the 15th working day after posting")
    due_provisional: bool = Field(description="The calendar up to that day was not official yet")
    overdue: bool
    addressee: Addressee = Field(description="Null: the employer's is missing, and no receipt can be issued")
    address: Address


class IssueIn(In):
    """The payments that receipts are issued for: all of them or none."""

    transaction_ids: Annotated[list[TransactionId], Field(min_length=1, max_length=LARGEST_ISSUE)]


class MailingIn(In):
    """That a receipt was mailed."""

    mailed_on: LocalDate
    mail_number: Annotated[Line | None, Field(max_length=40, examples=["掛號000123"])] = None


class VoidingIn(In):
    """Why a receipt is void."""

    reason: Annotated[Text, Field(min_length=1, max_length=1_000, pattern=r"\S", examples=["該筆款項經銀行沖正。"])]


class ReceiptOut(Out):
    """繳費收據 of one posted payment; one that is void keeps its number."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647, description="Also the ETag")
    number: Number
    state: ReceiptState
    transaction_id: int = Field(ge=1, le=MOST)
    notice_id: UUID
    month: MonthOut
    employer_code: EmployerCode
    employer_name: str = Field(max_length=400)
    amount: Money
    stands: Money = Field(description="What of its payment the bank has not taken back, NT$; less: it is to be voided")
    posted_on: date
    due_on: date
    due_provisional: bool
    addressee: str = Field(max_length=400)
    address: str = Field(max_length=400)
    issued_on: date
    mailed_on: date | None
    mail_number: str | None = Field(max_length=40)
    voided_on: date | None
    void_reason: str | None = Field(max_length=1_000)


class IssuedOut(Out):
    """The receipts that were issued, in the order of their numbers."""

    items: list[ReceiptOut] = Field(max_length=2_000)


DuePage = Page[DueOut]
ReceiptPage = Page[ReceiptOut]
