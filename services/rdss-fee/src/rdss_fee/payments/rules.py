"""Where a posting belongs, and when a notice was paid whole (FE-32 to FE-35, FE-39)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rdss_fee.accounts.numbers import AccountError, Scheme
from rdss_fee.ledger.rules import Notice
from shared.law import rule


class Place(StrEnum):
    """Where a posting goes."""

    NOTICE = "notice"
    SUSPENSE = "suspense"


class Why(StrEnum):
    """Why a posting is in suspense."""

    BAD_NUMBER = "bad_number"  # no number that we make: length, prefix, month or check digit
    NO_NOTICE = "no_notice"  # a good number that no notice has
    NOTHING_TO_REVERSE = "nothing_to_reverse"  # a reversal of more than was booked to the notice


class PaymentStatus(StrEnum):
    """What became of a payment."""

    POSTED = "posted"  # all of it pays its notice
    OVERPAID = "overpaid"  # some of it was more than due
    REVERSAL = "reversal"  # the bank took money back
    SUSPENSE = "suspense"  # it waits, or some of it does
    ASSIGNED = "assigned"  # it was in suspense, and was given to a notice
    REPAID = "repaid"  # it was in suspense, and pays back a refund
    REVERSED = "reversed"  # it was in suspense, and the bank took it back


class Act(StrEnum):
    """What two people may do about money in suspense."""

    ASSIGN = "assign"
    UNDO = "undo"
    REPAY = "repay"


class AssignmentState(StrEnum):
    """Where a proposal stands; decided once."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Match:
    """Where a posting goes: to a notice, or into suspense and why."""

    place: Place
    notice: Notice | None = None
    why: Why | None = None


@rule("FE-34", "FE-35")
def match(number: str, amount: int, notices: Mapping[str, Notice], scheme: Scheme) -> Match:
    """Where a posting of `amount` (below zero: a reversal) to the account `number` belongs.

    By the number alone: months are never paid together, and an amount that is not what is due changes nothing about
    whose it is. What belongs nowhere is kept in suspense, never lost. `notices`: by their account numbers.

    Two things that the number cannot tell are left to whoever works the suspense: that a reversal to a number that is
    nobody's takes back money which was assigned meanwhile (`ledger.rules.unassigned` comes first then), and that more
    than due on last month's number was meant for this month (`accounts.numbers.near_misses`, asked of over-payments
    too).
    """
    notice = notices.get(number)
    if notice is not None:
        if notice.paid + amount < 0:
            return Match(Place.SUSPENSE, why=Why.NOTHING_TO_REVERSE)
        return Match(Place.NOTICE, notice)
    if scheme.check.uses_amount:
        # Whether the number is one of ours hangs on the amount that was asked, not on what was paid.
        return Match(Place.SUSPENSE, why=Why.NO_NOTICE)
    try:
        scheme.read(number)
    except AccountError:
        return Match(Place.SUSPENSE, why=Why.BAD_NUMBER)
    return Match(Place.SUSPENSE, why=Why.NO_NOTICE)


@dataclass(frozen=True, slots=True)
class Payment:
    """What came to a notice's account, by its value date; below zero: a reversal."""

    value_on: date
    amount: int


@rule("FE-39")
def paid_in_full_on(due: int, payments: Iterable[Payment]) -> date | None:
    """The value date from which on a notice has been paid whole; None: it is not.

    A reversal takes away what was there: a notice that was whole, was reversed and was paid again counts from the last.
    """
    by_day: dict[date, int] = {}
    for one in payments:
        by_day[one.value_on] = by_day.get(one.value_on, 0) + one.amount
    since: date | None = None
    total = 0
    for day in sorted(by_day):
        total += by_day[day]
        if total < due:
            since = None
        elif since is None:
            since = day
    return since


@rule("FE-39")
def paid_whole_by(due: int, payments: Iterable[Payment], day: date) -> bool:
    """Whether what came with value dates up to `day` paid the notice whole."""
    return sum(one.amount for one in payments if one.value_on <= day) >= due


@rule("FE-21", "FE-35")
def match_any(number: str, amount: int, notices: Mapping[str, Notice], schemes: Sequence[Scheme]) -> Match:
    """`match` under every scheme that numbers were ever made by: one is bad that none of them makes."""
    found = [match(number, amount, notices, scheme) for scheme in schemes] or [
        Match(Place.NOTICE, notices[number]) if number in notices else Match(Place.SUSPENSE, why=Why.BAD_NUMBER)
    ]
    return next((one for one in found if one.why is not Why.BAD_NUMBER), found[0])


@rule("FE-33", "FE-35")
def status(
    amount: int, why: Why | None, *, overpaid: int, suspended: int, notice: bool, employer: bool
) -> PaymentStatus:
    """What became of a payment of `amount`: what of it was more than due, what is in suspense, and whether it has a
    notice or an employer by now.
    """
    if why is not None and suspended:
        return PaymentStatus.SUSPENSE
    if amount < 0:
        return PaymentStatus.REVERSAL
    if why is None:
        return PaymentStatus.OVERPAID if overpaid > 0 else PaymentStatus.POSTED
    if notice:
        return PaymentStatus.ASSIGNED
    return PaymentStatus.REPAID if employer else PaymentStatus.REVERSED
