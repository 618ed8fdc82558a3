"""JSON of the reports for finance."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from rdss_fee.schemas import Money, MonthIn, MonthOut
from shared.schemas import Out, Page

MONTH_SORTS = ("employer_code", "charges", "credits", "collected", "receivable", "refundable")
AGEING_SORTS = ("employer_code", "total", "over_90", "oldest_due_on")
SUSPENSE_SORTS = ("posted_on", "amount", "open")
REFUND_SORTS = ("posted_on", "employer_code", "amount", "paid")

Count = Annotated[int, Field(ge=0, le=2_147_483_647, examples=[1])]
# Empty in the row of sums that a file ends with.
_Employer = Annotated[str, Field(max_length=8, description="統一編號", examples=["12345675"])]
_EmployerName = Annotated[str, Field(max_length=200, examples=["甲示範科技股份有限公司"])]


class MonthSums(Out):
    """What a billed month came to. `receivable` = `charges` − (`collected` − `overpaid`); credits are never taken off
    any of them (FE-12).
    """

    charges: Money = Field(description="應繳: what the month's notice asks for")
    credits: Money = Field(description="應退: what the run of that month gave back")
    collected: Money = Field(description="實收: what came for the notice, reversals subtracted")
    overpaid: Money = Field(description="溢繳: what of it was more than due")
    receivable: Money = Field(description="未收: what is still to be paid of the notice")
    refundable: Money = Field(description="得退餘額: what the employer may claim just now, of whatever month")


class MonthRow(MonthSums):
    """A billed month of one employer."""

    employer_code: _Employer
    employer_name: _EmployerName


class MonthPage(Page[MonthRow]):
    """Employers with a notice or a credit statement of the month, and the sums of all."""

    month: MonthIn
    totals: MonthSums


class AgeingSums(Out):
    """What is still to be paid, by days after the due day."""

    notices: Count = Field(description="How many are open")
    not_due: Money
    up_to_30: Money = Field(description="0 to 30 days after the due day")
    up_to_60: Money = Field(description="31 to 60 days")
    up_to_90: Money = Field(description="61 to 90 days")
    over_90: Money = Field(description="More than 90 days")
    total: Money


class AgeingRow(AgeingSums):
    """Of one employer."""

    employer_code: _Employer
    employer_name: _EmployerName
    oldest_due_on: date | None = Field(description="Null in the row of totals of a file")


class AgeingPage(Page[AgeingRow]):
    """Employers that owe something on the day `on`, and the sums of all."""

    on: date
    totals: AgeingSums


class SuspenseSums(Out):
    """What lies in suspense."""

    amount: Money = Field(description="What the bank told")
    open: Money = Field(description="What of it is still in suspense; below zero: a reversal of nothing that is there")


class SuspenseRow(SuspenseSums):
    """One bank transaction with something in suspense."""

    transaction_id: int | None = Field(
        ge=1, le=9_007_199_254_740_991, description="Null in the row of totals of a file"
    )
    posted_on: date | None
    value_on: date | None
    account: str = Field(max_length=40, examples=["7006021151000013"])
    why: str | None = Field(max_length=40, examples=["no_notice"])
    days: int | None = Field(ge=-100_000, le=1_000_000, description="Days since it was posted")


class SuspensePage(Page[SuspenseRow]):
    """What lies in suspense on the day `on`."""

    on: date
    totals: SuspenseSums


class RefundSums(Out):
    """What is claimed, and what was paid of it."""

    amount: Money
    paid: Money = Field(description="What left the bank, what came back undelivered subtracted")


class RefundRow(RefundSums):
    """One claim that was submitted."""

    claim_id: UUID | None = Field(description="Null in the row of totals of a file")
    employer_code: _Employer
    employer_name: _EmployerName
    letter_no: str = Field(max_length=200, examples=["甲科字第1150000012號"])
    state: str = Field(max_length=40, examples=["approved"])
    posted_on: date | None
    received_on: date | None
    round: MonthOut | None = Field(description="The month in whose round it is worked")
    decided_on: date | None
    paid_on: date | None
    payment_reference: str | None = Field(max_length=200)


class RefundPage(Page[RefundRow]):
    """Claims in the order of their postmarks, and the sums of all."""

    totals: RefundSums
