"""What is booked for what happens (FE-12, FE-34 to FE-36): every booking balances, no charge is set off by a credit.

Amounts are signed: a debit is positive, a credit negative, so that a booking's sum is zero and so is the sum of all
accounts at any moment. A booking is never changed; what undoes it is another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.law import rule


class Account(StrEnum):
    """The kinds of account."""

    RECEIVABLE = "receivable"  # 應收: of one notice
    BANK = "bank"
    REFUNDABLE = "refundable"  # 應退與溢繳: of one employer
    SUSPENSE = "suspense"  # 暫收: money that is nobody's yet, of one bank transaction
    REVENUE = "revenue"


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a booking: `of` is the notice, employer or bank transaction that the account is kept for."""

    account: Account
    of: str
    amount: int


class BookingKind(StrEnum):
    """What happened."""

    NOTICE_ISSUED = "notice_issued"
    CREDIT_GRANTED = "credit_granted"
    PAYMENT_POSTED = "payment_posted"
    PAYMENT_SUSPENDED = "payment_suspended"
    SUSPENSE_ASSIGNED = "suspense_assigned"
    REFUND_PAID = "refund_paid"


class BookingError(ValueError):
    """A booking that cannot stand; says why."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What is written for one thing that happened. Raises BookingError unless it balances and nets nothing."""

    kind: BookingKind
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if len(self.entries) < 2 or not all(one.amount for one in self.entries):
            raise BookingError("a booking has two entries at least, and none of nothing")
        if sum(one.amount for one in self.entries):
            raise BookingError("a booking's debits and credits are equal")
        if nets(self.entries):
            raise BookingError("what is owed and what is given back are never set off against each other")


@rule("FE-12")
def nets(entries: Iterable[Entry]) -> bool:
    """Whether entries set a charge off against a credit: one of both accounts goes up as the other goes down.

    Money that comes in or goes out moves both the same way: an over-payment pays the notice and is refundable.
    """
    both = (Account.RECEIVABLE, Account.REFUNDABLE)
    return len({one.amount > 0 for one in entries if one.account in both}) > 1


@rule("FE-36")
def issued(notice: str, amount: int) -> Booking:
    """A notice that asks for `amount`."""
    return _booked(BookingKind.NOTICE_ISSUED, _positive(amount), (Account.RECEIVABLE, notice), (Account.REVENUE, ""))


@rule("FE-12", "FE-36")
def granted(employer: str, amount: int) -> Booking:
    """Credit lines that an employer may claim."""
    return _booked(BookingKind.CREDIT_GRANTED, _positive(amount), (Account.REVENUE, ""), (Account.REFUNDABLE, employer))


@rule("FE-34", "FE-35", "FE-36")
def posted(notice: str, employer: str, due: int, paid: int, amount: int) -> Booking:
    """A payment to a notice's account, or (below zero) the bank's reversal of one.

    `due`: what the notice asks; `paid`: the sum of what came to its account before. Payments add up; what is more than
    due is refundable, and a reversal takes that back first. Raises BookingError for a reversal of more than came.
    """
    share = _shared(notice, employer, due, paid, amount)
    return Booking(BookingKind.PAYMENT_POSTED, (Entry(Account.BANK, "", amount), *share))


@rule("FE-35", "FE-36")
def suspended(transaction: str, amount: int) -> Booking:
    """Money to an account that is nobody's, or (below zero) its reversal."""
    return _booked(BookingKind.PAYMENT_SUSPENDED, amount, (Account.BANK, ""), (Account.SUSPENSE, transaction))


@rule("FE-35", "FE-36")
def assigned(transaction: str, notice: str, employer: str, due: int, paid: int, amount: int) -> Booking:
    """Suspended money that two people gave to a notice; as `posted`."""
    share = _shared(notice, employer, due, paid, _positive(amount))
    return Booking(BookingKind.SUSPENSE_ASSIGNED, (Entry(Account.SUSPENSE, transaction, amount), *share))


@rule("FE-36", "FE-38")
def refunded(employer: str, refundable: int, amount: int) -> Booking:
    """A refund that was paid. `refundable`: what the employer may claim. Raises BookingError for more than that."""
    if amount > refundable:
        raise BookingError("no more is paid back than is refundable")
    return _booked(BookingKind.REFUND_PAID, _positive(amount), (Account.REFUNDABLE, employer), (Account.BANK, ""))


@rule("FE-36")
def balances(bookings: Iterable[Booking]) -> dict[tuple[Account, str], int]:
    """The balance of every account, from its entries alone; accounts at zero are left out."""
    found: dict[tuple[Account, str], int] = {}
    for booking in bookings:
        for entry in booking.entries:
            key = (entry.account, entry.of)
            found[key] = found.get(key, 0) + entry.amount
    return {key: amount for key, amount in found.items() if amount}


@dataclass(frozen=True, slots=True)
class Difference:
    """An account whose balance is not what the postings make of it."""

    account: Account
    of: str
    kept: int
    derived: int


@rule("FE-36")
def differences(kept: Mapping[tuple[Account, str], int], bookings: Iterable[Booking]) -> list[Difference]:
    """Where balances that are `kept` anywhere differ from those of the postings; none: the ledger verifies."""
    derived = balances(bookings)
    return [
        Difference(*key, kept.get(key, 0), derived.get(key, 0))
        for key in sorted(kept.keys() | derived.keys())
        if kept.get(key, 0) != derived.get(key, 0)
    ]


def _shared(notice: str, employer: str, due: int, paid: int, amount: int) -> tuple[Entry, ...]:
    """What of a payment pays the notice and what is refundable, as credits; of a reversal, as debits."""
    if paid + amount < 0:
        raise BookingError("no more is reversed than came")
    settled = min(due, paid + amount) - min(due, paid)
    entries = (Entry(Account.RECEIVABLE, notice, -settled), Entry(Account.REFUNDABLE, employer, settled - amount))
    return tuple(one for one in entries if one.amount)


def _positive(amount: int) -> int:
    if amount <= 0:
        raise BookingError("an amount is positive")
    return amount


def _booked(kind: BookingKind, amount: int, debit: tuple[Account, str], credit: tuple[Account, str]) -> Booking:
    return Booking(kind, (Entry(*debit, amount), Entry(*credit, -amount)))
