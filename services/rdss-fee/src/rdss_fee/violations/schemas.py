"""JSON of violations (FE-39)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from rdss_fee.schemas import EmployerCode, Money, MonthOut
from shared.deadlines import CitationOut
from shared.schemas import In, Out, Page, Text

SORTS = ("reference_on", "employer_code", "found_on")
Why = Annotated[
    Text, Field(min_length=1, max_length=1_000, pattern=r"\S", examples=["銀行入帳系統異常，非可歸責於用人單位。"])
]


class AnnulmentIn(In):
    """Why a violation does not count against the employer."""

    reason: Why


class FeeItems(Out):
    """How many violations of the fee the employer has in a calendar year, annulled ones not counted.

    How severe they are hangs on all items of the category, of which these are some.
    """

    year: int = Field(ge=1912, le=2910)
    count: int = Field(ge=0, le=1_000_000)
    label: str = Field(max_length=100, examples=["僅計研究發展費項目，未含其他管考項目"])
    label_en: str = Field(max_length=100, examples=["fee items only"])


class ViolationOut(Out):
    """違規事證: a notice that was not paid whole by the 5th of its month. It may be annulled, never deleted."""

    id: UUID
    version: int = Field(ge=1, le=2_147_483_647, description="Also the ETag")
    notice_id: UUID
    employer_code: EmployerCode
    employer_name: str = Field(max_length=400)
    month: MonthOut
    reference_on: date = Field(description="管考違規事證基準日")
    found_on: date
    annulled_on: date | None
    annul_reason: str | None = Field(max_length=1_000)
    fee_items_this_year: FeeItems


class PaidOut(Out):
    """What a bank transaction brought the notice; below zero: a reversal."""

    transaction_id: int = Field(ge=1, le=9_007_199_254_740_991)
    value_on: date
    amount: Money


class EvidenceOut(Out):
    """What was known when it was found; it stays so whatever comes later."""

    amount: Money = Field(description="What the notice asks for, NT$")
    due_on: date
    reference_on: date
    known_through: date = Field(description="Of all value dates up to this day the bank had told everything")
    paid_by_reference: Money = Field(description="What had come with a value date up to the 5th, NT$")
    payments: list[PaidOut] = Field(max_length=100_000)
    articles: list[CitationOut] = Field(max_length=10)


class ViolationDetail(ViolationOut):
    """A violation with its evidence."""

    evidence: EvidenceOut


ViolationPage = Page[ViolationOut]
