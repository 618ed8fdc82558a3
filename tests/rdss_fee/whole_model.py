"""What ought to be known, billed and owed, counted day by day: men, their periods, what runs issued, claims.

It knows nothing of versions, cuts, statements or postings. A man serves on the days of his periods within his second
stage; a month owes the rate's part of his days there; a run issues what that differs from what was issued.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from rdss_fee.months import Month
from tests.rdss_fee.bank_model import Bank

RATE = 40_000  # a master's of the cohort of 2010, in 2026
Share = tuple[str, str, Month]
ONE = timedelta(days=1)


@dataclass
class Span:
    """Days at an employer: the first served, the first not served."""

    employer: str
    begin: date
    end: date | None
    version: int = 1

    def has(self, day: date) -> bool:
        return self.begin <= day and (self.end is None or day < self.end)

    def meets(self, other: "Span") -> bool:
        """Whether both have a day."""
        return (other.end is None or self.begin < other.end) and (self.end is None or other.begin < self.end)


@dataclass
class Man:
    """A man: his number here, his id there, his periods by their ids."""

    number: int
    stage_begin: date
    id: str | None = None
    stage_end: date | None = None
    version: int = 0
    periods: dict[str, Span] = field(default_factory=dict)

    def at(self, day: date) -> str | None:
        """The employer that he serves on a day."""
        if day < self.stage_begin or (self.stage_end is not None and day >= self.stage_end):
            return None
        return next((one.employer for one in self.periods.values() if one.has(day)), None)

    def free(self, span: Span, but: str | None = None) -> bool:
        """Whether no other period has a day of it."""
        return not any(one.meets(span) for key, one in self.periods.items() if key != but)

    def days(self, month: Month) -> Counter[str]:
        """Days served in a month, by employer."""
        served = (self.at(month.first + at * ONE) for at in range(month.days))
        return Counter(employer for employer in served if employer is not None)


@dataclass
class Claim:
    """A refund claim."""

    id: str
    employer: str
    amount: int
    state: str


UNDER_WAY = ("submitted", "received", "approved")
NEXT = {
    ("entered", "submission"): "submitted", ("entered", "withdrawal"): "withdrawn",
    ("submitted", "withdrawal"): "withdrawn", ("submitted", "receipt"): "received",
    ("received", "approval"): "approved", ("received", "return"): "returned", ("approved", "return"): "returned",
    ("approved", "payment"): "paid", ("paid", "bank-return"): "bank_returned",
}  # fmt: skip
ONWARDS = {"entered": "submission", "submitted": "receipt", "received": "approval", "approved": "payment"}
ACTS = ("submission", "withdrawal", "receipt", "approval", "return", "payment", "bank-return")


@dataclass
class Books:
    """All of it."""

    men: list[Man]
    bank: Bank
    billed: Counter[Share] = field(default_factory=Counter)
    # What was issued to an employer for a month: asked, and given back.
    asked: dict[tuple[str, Month], int] = field(default_factory=dict)
    given: dict[tuple[str, Month], int] = field(default_factory=dict)
    issued: set[Month] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)

    def run(self, month: Month) -> dict[Share, int]:
        """The lines that the run of `month` has: above zero a charge, below it a credit (FE-11)."""
        found: dict[Share, int] = {}
        for man in self.men:
            if man.id is None:
                continue
            known = [share for share in self.billed if share[0] == man.id]
            months = [Month.of(one.begin) for one in man.periods.values()] + [one for _, _, one in known]
            for one in min(months, default=month).until(month):
                owed = {employer: prorated(days, one) for employer, days in man.days(one).items()}
                if one == month:
                    owed = {employer: sum_ for employer, sum_ in owed.items() if employer == man.at(month.first)}
                before = {employer for _, employer, other in known if other == one < month}
                for employer in owed.keys() | before:
                    share = (man.id, employer, one)
                    if differs := owed.get(employer, 0) - self.billed[share]:
                        found[share] = differs
        return found

    def issue(self, month: Month, lines: dict[Share, int]) -> None:
        """A run is issued: charges are asked for, credits are refundable, neither pays the other (FE-12)."""
        for (man, employer, one), amount in lines.items():
            self.billed[man, employer, one] += amount
            side = self.asked if amount > 0 else self.given
            side[employer, month] = side.get((employer, month), 0) + abs(amount)
            self.bank.refundable[employer] += max(-amount, 0)
        if lines:
            self.issued.add(month)

    def moved(self, claim: Claim, act: str) -> str | None:
        """The state after an act, if it is possible."""
        to = NEXT.get((claim.state, act))
        there = self.bank.refundable[claim.employer]
        others = sum(one.amount for one in self.claims if one.employer == claim.employer and one.state in UNDER_WAY)
        short = (act == "submission" and claim.amount > there - others) or (act == "payment" and claim.amount > there)
        return None if short else to

    def move(self, claim: Claim, act: str, to: str) -> None:
        """It is moved."""
        claim.state = to
        if act in ("payment", "bank-return"):
            self.bank.refundable[claim.employer] += -claim.amount if act == "payment" else claim.amount

    @property
    def balances(self) -> dict[tuple[str, str], int]:
        """What every account stands at, by account and whose it is: what it has more of debit than of credit."""
        found: Counter[tuple[str, str]] = Counter()
        for (employer, _), amount in self.asked.items():
            found["receivable", employer] += amount
            found["revenue", ""] -= amount
        for amount in self.given.values():
            found["revenue", ""] += amount
        for notice in self.bank.notices:
            found["receivable", notice.employer] -= notice.settled
        for employer, amount in self.bank.refundable.items():
            found["refundable", employer] -= amount
        for employer, amount in self.bank.reclaimable.items():
            found["reclaimable", employer] += amount
        for one in self.bank.came:
            found["suspense", ""] -= one.open
            found["bank", ""] += one.line.amount
        for claim in self.claims:
            found["bank", ""] -= claim.amount if claim.state == "paid" else 0
        return {place: amount for place, amount in found.items() if amount}


def prorated(days: int, month: Month) -> int:
    """The rate's part, half up: an amount and a half dollar is the next dollar."""
    whole, rest = divmod(RATE * days, month.days)
    return whole + (2 * rest >= month.days)
