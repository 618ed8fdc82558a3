"""What becomes of money that the bank tells of, counted without accounts or postings: so much of a notice is paid, so
much of a payment is nobody's. What the service's ledger says has to follow from that.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.rdss_fee.bank import Paid


@dataclass
class Asked:
    """A notice: what was booked to it so far."""

    id: str
    employer: str
    number: str
    due: int
    paid: int = 0

    @property
    def over(self) -> int:
        return max(self.paid - self.due, 0)

    @property
    def settled(self) -> int:
        return min(self.paid, self.due)


@dataclass
class Came:
    """A payment, or a reversal, and what of it is nobody's."""

    line: Paid
    lies_with: Asked | None = None
    in_suspense: bool = False
    open: int = 0


@dataclass
class Bank:
    """Notices and what came; `reached` counts what came of it."""

    reached: Counter[str]
    notices: list[Asked] = field(default_factory=list)
    came: list[Came] = field(default_factory=list)
    refundable: Counter[str] = field(default_factory=Counter)
    # Money that was refunded and then taken back by the bank.
    reclaimable: Counter[str] = field(default_factory=Counter)

    def book(self, notice: Asked, amount: int) -> None:
        """Money to a notice, or back from it; what is over is refundable, as far as it was not refunded."""
        before = notice.over
        notice.paid += amount
        more = notice.over - before
        gone = max(-more - self.refundable[notice.employer], 0)
        self.refundable[notice.employer] += more + gone
        self.reclaimable[notice.employer] += gone

    def arrives(self, line: Paid) -> None:
        """A line of a file."""
        if any(one.line == line for one in self.came):
            self.reached["known"] += 1
            return
        one = Came(line)
        notice = next((asked for asked in self.notices if asked.number == line.account), None)
        if notice is not None and notice.paid + line.amount >= 0:
            one.lies_with = notice
            self.book(notice, line.amount)
            self.reached["over" if notice.over else "reversed" if line.amount < 0 else "paid"] += 1
        else:
            one.in_suspense = True
            other = self._matches(line)
            if other is None:
                one.open = line.amount
                self.reached["suspended" if line.amount > 0 else "reversal waits"] += 1
            else:
                other.open = 0
                self.reached["suspended and reversed"] += 1
        self.came.append(one)

    def _matches(self, line: Paid) -> Came | None:
        """What waits for this line: money that it takes back, or a reversal that was told before it."""
        return next(
            (
                one
                for one in self.came
                if one.in_suspense and one.open == one.line.amount == -line.amount and one.line.account == line.account
                and (line.amount < 0 or one.line.posted_on > line.posted_on)
            ),
            None,
        )  # fmt: skip

    def assign(self, one: Came, notice: Asked) -> None:
        """What was nobody's is the notice's."""
        self.book(notice, one.open)
        one.open, one.lies_with = 0, notice

    def undo(self, one: Came) -> None:
        """It is nobody's again, or the bank's if it took it back meanwhile."""
        notice = one.lies_with
        assert notice is not None
        self.book(notice, -one.line.amount)
        one.open, one.lies_with = one.line.amount, None
        reversal = next(
            (
                other
                for other in self.came
                if other.in_suspense and other.line.account == one.line.account and one.line.amount > 0
                and other.open == other.line.amount == -one.line.amount
            ),
            None,
        )  # fmt: skip
        self.reached["undone"] += 1
        if reversal is not None:
            one.open = reversal.open = 0
            self.reached["undone and settled"] += 1

    @property
    def totals(self) -> dict[str, int]:
        """As the service's verification names them."""
        return {
            "payments_total": sum(one.line.amount for one in self.came),
            "allocated": sum(one.settled for one in self.notices),
            "overpaid": sum(one.over for one in self.notices),
            "suspended": sum(one.open for one in self.came),
        }
