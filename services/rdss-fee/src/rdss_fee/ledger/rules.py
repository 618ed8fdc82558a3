"""What is booked for what happens (FE-12, FE-34 to FE-36): every booking balances, no charge is set off by a credit.

Amounts are signed: a debit is positive, a credit negative, so that a booking's sum is zero and so is the sum of all
accounts at any moment. A booking is never changed; what undoes it is another: a payment its reversal, an assignment its
undoing, a refund its return. A notice and a credit are never undone, for the next run's lines correct them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.law import rule


class Account(StrEnum):
    """The kinds of account."""

    RECEIVABLE = "receivable"  # 應收: of one notice
    BANK = "bank"
    REFUNDABLE = "refundable"  # 應退與溢繳: of one employer
    RECLAIMABLE = "reclaimable"  # 溢退待追回: of one employer
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
    PAYMENT_REVERSED = "payment_reversed"
    MONEY_SUSPENDED = "money_suspended"
    SUSPENDED_REVERSED = "suspended_reversed"
    SUSPENSE_ASSIGNED = "suspense_assigned"
    ASSIGNMENT_UNDONE = "assignment_undone"
    REFUND_PAID = "refund_paid"
    REFUND_RETURNED = "refund_returned"
    REFUND_REPAID = "refund_repaid"


_DEBIT, _CREDIT = True, False
_SHARED: Final = frozenset({(Account.RECEIVABLE, _CREDIT), (Account.REFUNDABLE, _CREDIT)})
_TAKEN_BACK: Final = frozenset(
    {(Account.RECEIVABLE, _DEBIT), (Account.REFUNDABLE, _DEBIT), (Account.RECLAIMABLE, _DEBIT)}
)
SIDES: Final[Mapping[BookingKind, frozenset[tuple[Account, bool]]]] = {
    BookingKind.NOTICE_ISSUED: frozenset({(Account.RECEIVABLE, _DEBIT), (Account.REVENUE, _CREDIT)}),
    BookingKind.CREDIT_GRANTED: frozenset({(Account.REVENUE, _DEBIT), (Account.REFUNDABLE, _CREDIT)}),
    BookingKind.PAYMENT_POSTED: _SHARED | {(Account.BANK, _DEBIT)},
    BookingKind.PAYMENT_REVERSED: _TAKEN_BACK | {(Account.BANK, _CREDIT)},
    BookingKind.MONEY_SUSPENDED: frozenset({(Account.BANK, _DEBIT), (Account.SUSPENSE, _CREDIT)}),
    BookingKind.SUSPENDED_REVERSED: frozenset({(Account.SUSPENSE, _DEBIT), (Account.BANK, _CREDIT)}),
    BookingKind.SUSPENSE_ASSIGNED: _SHARED | {(Account.SUSPENSE, _DEBIT)},
    BookingKind.ASSIGNMENT_UNDONE: _TAKEN_BACK | {(Account.SUSPENSE, _CREDIT)},
    BookingKind.REFUND_PAID: frozenset({(Account.REFUNDABLE, _DEBIT), (Account.BANK, _CREDIT)}),
    BookingKind.REFUND_RETURNED: frozenset({(Account.BANK, _DEBIT), (Account.REFUNDABLE, _CREDIT)}),
    BookingKind.REFUND_REPAID: frozenset({(Account.SUSPENSE, _DEBIT), (Account.RECLAIMABLE, _CREDIT)}),
}
"""Which accounts each kind of booking moves, and which way: in no kind does a charge go down as a credit does."""


class BookingError(ValueError):
    """A booking that cannot stand; says why."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What is written for one thing that happened. Raises BookingError unless it balances and is of its kind.

    That nothing is ever set off (FE-12) is in the kinds: none lets a credit pay a notice, and none moves what is
    refundable anywhere but to the bank.
    """

    kind: BookingKind
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if len(self.entries) < 2 or not all(one.amount for one in self.entries):
            raise BookingError("a booking has two entries at least, and none of nothing")
        if sum(one.amount for one in self.entries):
            raise BookingError("a booking's debits and credits are equal")
        if not {(one.account, one.amount > 0) for one in self.entries} <= SIDES[self.kind]:
            raise BookingError(f"{self.kind} moves other accounts, or the other way")


@dataclass(frozen=True, slots=True)
class Notice:
    """What must be known of a notice to share a payment: `due` is what it asks; `paid` the sum of what was booked to it
    before, assigned money included; `refundable` what its employer may claim just now.
    """

    id: str
    employer: str
    due: int
    paid: int
    refundable: int = 0


@rule("FE-36")
def issued(notice: str, amount: int) -> Booking:
    """A notice that asks for `amount`."""
    return _booked(BookingKind.NOTICE_ISSUED, amount, (Account.RECEIVABLE, notice), (Account.REVENUE, ""))


@rule("FE-12", "FE-36")
def granted(employer: str, amount: int) -> Booking:
    """Credit lines that an employer may claim."""
    return _booked(BookingKind.CREDIT_GRANTED, amount, (Account.REVENUE, ""), (Account.REFUNDABLE, employer))


@rule("FE-34", "FE-35", "FE-36")
def posted(to: Notice, amount: int) -> Booking:
    """A payment to a notice's account. Payments add up; what is more than due is refundable."""
    return Booking(BookingKind.PAYMENT_POSTED, (Entry(Account.BANK, "", _positive(amount)), *_shared(to, amount)))


@rule("FE-35", "FE-36")
def reversed_(of: Notice, amount: int) -> Booking:
    """The bank's reversal of a payment of `amount`: the notice is open again. What was over goes first; what of that
    was refunded already is to be reclaimed, and no later credit pays it. Raises BookingError for more than came.
    """
    return Booking(
        BookingKind.PAYMENT_REVERSED, (Entry(Account.BANK, "", -_positive(amount)), *_taken_back(of, amount))
    )


@rule("FE-35", "FE-36")
def suspended(transaction: str, amount: int) -> Booking:
    """Money to an account that is nobody's, or (below zero) its reversal."""
    if amount < 0:
        return _booked(BookingKind.SUSPENDED_REVERSED, -amount, (Account.SUSPENSE, transaction), (Account.BANK, ""))
    return _booked(BookingKind.MONEY_SUSPENDED, amount, (Account.BANK, ""), (Account.SUSPENSE, transaction))


@rule("FE-35", "FE-36")
def assigned(transaction: str, to: Notice, amount: int) -> Booking:
    """Suspended money that two people gave to a notice; shared as `posted`."""
    share = _shared(to, _positive(amount))
    return Booking(BookingKind.SUSPENSE_ASSIGNED, (Entry(Account.SUSPENSE, transaction, amount), *share))


@rule("FE-35", "FE-36")
def unassigned(transaction: str, of: Notice, amount: int) -> Booking:
    """Money that was assigned back in suspense: it was the wrong notice, or the bank has reversed it."""
    share = _taken_back(of, _positive(amount))
    return Booking(BookingKind.ASSIGNMENT_UNDONE, (Entry(Account.SUSPENSE, transaction, -amount), *share))


@rule("FE-36", "FE-38")
def refunded(employer: str, refundable: int, amount: int) -> Booking:
    """A refund that was paid. `refundable`: what the employer may claim. Raises BookingError for more than that."""
    if amount > refundable:
        raise BookingError("no more is paid back than is refundable")
    return _booked(BookingKind.REFUND_PAID, amount, (Account.REFUNDABLE, employer), (Account.BANK, ""))


@rule("FE-36", "FE-38")
def refund_returned(employer: str, amount: int) -> Booking:
    """A refund that the bank could not deliver: it may be claimed again."""
    return _booked(BookingKind.REFUND_RETURNED, amount, (Account.BANK, ""), (Account.REFUNDABLE, employer))


@rule("FE-35", "FE-36")
def repaid(transaction: str, employer: str, reclaimable: int, amount: int) -> Booking:
    """Suspended money by which an employer paid back what was refunded too much."""
    if amount > reclaimable:
        raise BookingError("no more is paid back than is to be reclaimed")
    sides = (Account.SUSPENSE, transaction), (Account.RECLAIMABLE, employer)
    return _booked(BookingKind.REFUND_REPAID, amount, *sides)


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


def _shared(to: Notice, amount: int) -> tuple[Entry, ...]:
    """What of a payment pays the notice, and what is refundable."""
    settled = min(to.due, to.paid + amount) - min(to.due, to.paid)
    return _entries(
        Entry(Account.RECEIVABLE, to.id, -settled), Entry(Account.REFUNDABLE, to.employer, settled - amount)
    )


def _taken_back(of: Notice, amount: int) -> tuple[Entry, ...]:
    """What of a reversal opens the notice, what is refundable no more, and what was refunded and must come back."""
    if amount > of.paid:
        raise BookingError("no more is reversed than came")
    opened = min(of.due, of.paid) - min(of.due, of.paid - amount)
    over = min(amount - opened, max(of.refundable, 0))
    return _entries(
        Entry(Account.RECEIVABLE, of.id, opened),
        Entry(Account.REFUNDABLE, of.employer, over),
        Entry(Account.RECLAIMABLE, of.employer, amount - opened - over),
    )


def _entries(*found: Entry) -> tuple[Entry, ...]:
    return tuple(one for one in found if one.amount)


def _positive(amount: int) -> int:
    if amount <= 0:
        raise BookingError("an amount is positive")
    return amount


def _booked(kind: BookingKind, amount: int, debit: tuple[Account, str], credit: tuple[Account, str]) -> Booking:
    return Booking(kind, (Entry(*debit, _positive(amount)), Entry(*credit, -amount)))
