"""JSON of monthly runs, their lines, notices and credit statements."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from rdss_fee.billing.dates import Standing
from rdss_fee.billing.rates import Category, Degree
from rdss_fee.billing.rules import LineKind, Reason
from rdss_fee.periods.rules import Beginning, Ending
from rdss_fee.schemas import Money, MonthIn, MonthOut
from shared.schemas import Bool, In, LocalDate, Out, Page

RUN_SORTS = ("asked_at", "month")
LINE_SORTS = ("employer_code", "month", "amount", "kind")
EMPLOYER_SORTS = ("employer_code", "charges", "credits", "difference")
NOTICE_SORTS = ("month", "due_on", "amount", "employer_code", "outstanding")
STATEMENT_SORTS = ("month", "amount", "employer_code")

RunKind = Literal["regular", "recomputation"]
RunState = Literal["computing", "previewed", "issued", "dropped", "failed"]
Count = Annotated[int, Field(ge=0, le=100_000_000)]
Digest = Annotated[str, Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]


class RunIn(In):
    """A run to be previewed. `regular`: to be issued afterwards by another person. `recomputation`: what the run of
    `month` would have been by what was known on the day `as_of`; it is only looked at.
    """

    month: MonthIn
    kind: RunKind = "regular"
    as_of: LocalDate | None = Field(default=None, description="Of a recomputation: the day; by default today")
    reprice: Bool = Field(
        default=False, description="Correct the prices of months that were billed, by the rates as they are known now"
    )


class MissingRate(Out):
    """A rate that a run needs and nobody has entered: `POST /rdss-fee/v1/rates` first, then ask again."""

    category: Category
    degree: Degree
    cohort: int = Field(ge=0, le=9_999)
    month: str = Field(max_length=7)


class Manifest(Out):
    """What a run rests on and what came of it (FE-43): SHA-256 of men's facts, periods, rates, rules and lines."""

    men: Count
    facts: Digest
    periods: Digest
    rates: Digest
    rules: Digest
    lines: Digest
    line_count: Count
    charges: Money
    credits: Money


class RunTotals(Out):
    """The sums of a run."""

    month: MonthOut
    line_count: Count
    employer_count: Count
    charges: Money
    credits: Money = Field(description="NT$; never subtracted from the charges (FE-12)")


class RunOut(Out):
    """A run that bills `month` in advance."""

    id: UUID
    month: MonthOut
    kind: RunKind
    reprice: bool
    state: RunState
    version: int = Field(ge=1, le=2_147_483_647)
    asked_by: str = Field(max_length=200)
    asked_at: datetime
    known_at: datetime = Field(description="What became known until then is in it")
    as_of: date
    checked_by: str | None = Field(max_length=200, description="Who looked at the preview; somebody else issues it")
    due_on: date
    due_provisional: bool
    totals: RunTotals | None
    previous: RunTotals | None = Field(description="The run that was issued last before it, to compare")
    missing_rates: list[MissingRate] = Field(max_length=1_000)
    manifest: Manifest | None
    issued_by: str | None = Field(max_length=200)
    issued_at: datetime | None
    issued_on: date | None
    notice_count: Count = 0
    statement_count: Count = 0


RunPage = Page[RunOut]


class RunEmployer(Out):
    """What a run asks of one employer and gives back, beside the charges of the run issued last before it."""

    employer_code: str = Field(max_length=8)
    employer_name: str = Field(max_length=200)
    line_count: Count
    charges: Money
    credits: Money
    previous_charges: Money
    difference: Money = Field(description="Charges less those of the run before")


RunEmployerPage = Page[RunEmployer]


class Verification(Out):
    """A run's manifest made anew from what the tables hold today; `differs` names what is not as it was."""

    verified: bool
    differs: list[Annotated[str, Field(max_length=20)]] = Field(max_length=20)
    recomputed: Manifest


class LineOut(Out):
    """One line: what is entitled for a man in a month, less what was billed."""

    run_id: UUID
    employer_code: str = Field(max_length=8)
    serviceman_id: UUID
    serviceman_name: str = Field(max_length=400)
    national_id: str = Field(max_length=10, description="Masked")
    month: MonthOut
    kind: LineKind
    reason: Reason
    days: int = Field(ge=0, le=31)
    days_in_month: int = Field(ge=28, le=31)
    category: Category | None
    degree: Degree | None
    cohort: int | None = Field(ge=0, le=9_999)
    rate: Money | None
    entitled: Money
    billed: Money
    amount: Money
    event_id: UUID | None = Field(description="What became known last of the man")


LinePage = Page[LineOut]


class Span(Out):
    """Days that count, the first and the last included."""

    first: date
    last: date


class PeriodKnown(Out):
    """A period as the run knew it; `ends_before` is the first day not served."""

    period_id: UUID
    begins_on: date
    begun_by: Beginning
    ends_before: date | None
    ended_by: Ending | None
    event_id: UUID
    known_on: date


class EarlierLine(Out):
    """A line that was issued before for the same man, employer and month."""

    run_id: UUID
    billed_in: MonthOut
    issued_on: date
    kind: LineKind
    amount: Money


class Explanation(Out):
    """Why a line stands: days, rate, earlier lines, what was known and since when (FE-13)."""

    line: LineOut
    spans: list[Span] = Field(max_length=31)
    stage_begins_on: date
    stage_ends_before: date | None
    periods: list[PeriodKnown] = Field(max_length=1_000)
    rate_document: str | None = Field(max_length=400, description="Where the rate is announced")
    formula: str = Field(max_length=200, examples=["30,100 × 3 ÷ 30 = 3,010"])
    earlier: list[EarlierLine] = Field(max_length=1_000)
    agrees: bool | None = Field(
        description="Whether the rules, asked of this man alone, say the same; null to an employer, who sees nothing of"
        " what others were billed for him"
    )
    articles: list[Annotated[str, Field(max_length=200)]] = Field(max_length=10)


class NoticeOut(Out):
    """繳費通知單. `payable` is what it asks, `paid` what came to it; both from the ledger's postings."""

    id: UUID
    run_id: UUID
    employer_code: str = Field(max_length=8)
    employer_name: str = Field(max_length=200)
    month: MonthOut
    payable: Money
    paid: Money = Field(description="NT$ that settled it; what was paid above is refundable")
    outstanding: Money
    virtual_account: str = Field(max_length=20, description="銷帳編號")
    bank_code: str = Field(max_length=3)
    payee_bank: str = Field(max_length=100)
    payee_name: str = Field(max_length=100)
    atm_offered: bool = Field(description="An ATM takes no more than the scheme's limit (FE-31)")
    issued_on: date
    due_on: date
    due_provisional: bool
    standing: Standing


NoticePage = Page[NoticeOut]


class StatementOut(Out):
    """應退: what may be claimed back of a run. It pays no notice (FE-12)."""

    id: UUID
    run_id: UUID
    employer_code: str = Field(max_length=8)
    employer_name: str = Field(max_length=200)
    month: MonthOut
    amount: Money
    issued_on: date


StatementPage = Page[StatementOut]
