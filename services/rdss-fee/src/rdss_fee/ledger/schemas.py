"""JSON of the ledger: balances, postings, and what its verification finds."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from rdss_fee.ledger.rules import Account, BookingKind
from rdss_fee.schemas import EmployerCode, Money
from shared.schemas import Out, Page

EMPLOYER_SORTS = ("employer_code", "receivable", "refundable", "reclaimable")
POSTING_SORTS = ("id", "booked_on", "amount")

_MOST = 9_007_199_254_740_991
Number = Annotated[int, Field(ge=1, le=_MOST)]
MOST_SUBJECTS = 20


class AccountBalance(Out):
    """The sum of an account's postings, debits positive."""

    account: Account
    balance: Money
    postings: int = Field(ge=0, le=_MOST, description="How many postings move it")


class EmployerBalances(Out):
    """What an employer owes and may claim."""

    employer_code: EmployerCode
    receivable: Money = Field(description="Still to be paid of its notices (應收)")
    refundable: Money = Field(description="What it may claim (應退與溢繳)")
    reclaimable: Money = Field(description="What it was refunded and has to give back (溢退待追回)")


class BalancesOut(Out):
    """The balances of all accounts at the end of a day: their sum is zero."""

    as_of: date
    accounts: list[AccountBalance] = Field(max_length=10)
    sum: Money


class PostingOut(Out):
    """`amount` from the account `credit` to the account `debit`."""

    id: Number
    kind: BookingKind
    debit: Account
    credit: Account
    amount: Money
    notice_id: UUID | None
    employer_code: EmployerCode | None
    payment_id: Number | None
    claim_id: UUID | None
    booked_on: date
    booked_at: datetime
    booked_by: str = Field(max_length=200)


Check = Literal[
    "accounts_balance",
    "notice_receivable",
    "notice_lines",
    "notice_booked",
    "credit_booked",
    "employer_refundable",
    "employer_reclaimable",
    "payment_booked",
    "payment_suspense",
    "payments_shared",
    "bank_money",
    "refund_booked",
]
"""What is checked; each is described by `docs/operations.md`."""


class FindingOut(Out):
    """What does not add up: `expected` and `found` are NT$, `subjects` the first of those that it concerns."""

    check: Check
    count: int = Field(ge=1, le=_MOST)
    subjects: list[Annotated[str, Field(max_length=80)]] = Field(max_length=MOST_SUBJECTS)
    expected: Money | None = Field(description="Of the first")
    found: Money | None = Field(description="Of the first")


class VerificationOut(Out):
    """What the postings say, recomputed from nothing else; without findings the ledger is whole."""

    whole: bool
    postings: int = Field(ge=0, le=_MOST)
    payments: int = Field(ge=0, le=_MOST)
    payments_total: Money = Field(description="Σ payments, reversals subtracted")
    allocated: Money = Field(description="What of them pays notices")
    overpaid: Money = Field(description="What of them was more than due, or pays back a refund")
    suspended: Money
    checks: list[Check] = Field(max_length=20)
    findings: list[FindingOut] = Field(max_length=20)


PostingPage = Page[PostingOut]
EmployerBalancesPage = Page[EmployerBalances]
