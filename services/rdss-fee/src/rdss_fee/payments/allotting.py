"""Where the postings of a file belong and what is booked for them, line by line (FE-32 to FE-36).

What a line does hangs on those before it: payments add up, and a reversal takes back what came. The transactions of a
file have no ids yet; those of its own lines are called by `own`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rdss_fee.accounts.numbers import Scheme
from rdss_fee.ledger.rules import Account, Booking, Notice, posted, reversed_, suspended
from rdss_fee.payments.rules import Why, match_any
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file; `amount` below zero: a reversal."""

    number: int
    account: str
    amount: int
    posted_on: date


@dataclass(frozen=True, slots=True)
class Suspended:
    """A transaction that is in suspense, nothing of which was given to anybody."""

    transaction: str
    posted_on: date


@dataclass(frozen=True, slots=True)
class Allotted:
    """A line's place: the notice it belongs to, or why it is in suspense; and its booking."""

    line: int
    notice: Notice | None
    why: Why | None
    booking: Booking


def own(line: int) -> str:
    """What the transaction of a line of the file itself is called, as long as it has no id."""
    return f"line {line}"


class Allotter:
    """Allots lines in their order; what was booked before is given: `notices` by their account numbers, `refundable`
    by employer, and the transactions that wait in suspense whole, by account and amount, those that came first first.
    """

    def __init__(
        self,
        notices: Mapping[str, Notice],
        refundable: Mapping[str, int],
        waiting: Mapping[tuple[str, int], Sequence[Suspended]],
        schemes: Sequence[Scheme],
    ) -> None:
        self._notices = dict(notices)
        self._refundable = dict(refundable)
        self._waiting = {key: list(found) for key, found in waiting.items()}
        self._schemes = schemes

    def allot(self, lines: Iterable[Line]) -> list[Allotted]:
        """The place and the booking of each line."""
        return [self._one(line) for line in lines]

    @rule("FE-34", "FE-35")
    def _one(self, line: Line) -> Allotted:
        found = match_any(line.account, line.amount, self._notices, self._schemes)
        if found.notice is None:
            return Allotted(line.number, None, found.why, self._suspended(line))
        notice = replace(found.notice, refundable=self._refundable.get(found.notice.employer, 0))
        transaction, amount = own(line.number), line.amount
        booking = posted(transaction, notice, amount) if amount > 0 else reversed_(transaction, notice, -amount)
        self._notices[line.account] = replace(notice, paid=notice.paid + amount)
        over = sum((one.credit is Account.REFUNDABLE) * one.amount for one in booking.postings) - sum(
            (one.debit is Account.REFUNDABLE) * one.amount for one in booking.postings
        )
        self._refundable[notice.employer] = notice.refundable + over
        return Allotted(line.number, notice, None, booking)

    @rule("FE-35")
    def _suspended(self, line: Line) -> Booking:
        """What is booked for money that is nobody's.

        A reversal of exactly what waits in suspense ends that; told before the payment it reverses, it waits for it.
        Any other waits by itself.
        """
        other = self._waiting.get((line.account, -line.amount), [])
        for at, one in enumerate(other):
            # Money that came after a reversal is other money.
            if line.amount < 0 or one.posted_on > line.posted_on:
                del other[at]
                return suspended(one.transaction, line.amount)
        mine = Suspended(own(line.number), line.posted_on)
        self._waiting.setdefault((line.account, line.amount), []).append(mine)
        return suspended(mine.transaction, line.amount)
