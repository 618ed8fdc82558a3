"""What is booked for what happens (FE-12, FE-34 to FE-36): every booking balances, no charge is set off by a credit.

Each posting moves an amount from one account to another, so that the sum of all accounts is zero at any moment. A
booking is never changed; what undoes it is another: a payment its reversal, an assignment its undoing, a refund its
return. A notice and a credit are never undone, for the next run's lines correct them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from shared.law import rule


class Account(StrEnum):
    """The kinds of account."""

    RECEIVABLE = "receivable"  # 應收: of one notice
    BANK = "bank"
    REFUNDABLE = "refundable"  # 應退與溢繳: of one employer
    RECLAIMABLE = "reclaimable"  # 溢退待追回: of one employer
    SUSPENSE = "suspense"  # 暫收: money that is nobody's yet, of one bank transaction
    REVENUE = "revenue"


KEPT: Final[Mapping[Account, Literal["notice", "employer", "transaction"]]] = {
    Account.RECEIVABLE: "notice",
    Account.REFUNDABLE: "employer",
    Account.RECLAIMABLE: "employer",
    Account.SUSPENSE: "transaction",
}
"""Whose account it is, of those that there are many of."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement: `amount` NT$, positive, from the account `credit` to the account `debit`."""

    debit: Account
    credit: Account
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


_SHARED: Final = (Account.RECEIVABLE, Account.REFUNDABLE)
_TAKEN_BACK: Final = (Account.RECEIVABLE, Account.REFUNDABLE, Account.RECLAIMABLE)
PAIRS: Final[Mapping[BookingKind, frozenset[tuple[Account, Account]]]] = {
    BookingKind.NOTICE_ISSUED: frozenset({(Account.RECEIVABLE, Account.REVENUE)}),
    BookingKind.CREDIT_GRANTED: frozenset({(Account.REVENUE, Account.REFUNDABLE)}),
    BookingKind.PAYMENT_POSTED: frozenset((Account.BANK, one) for one in _SHARED),
    BookingKind.PAYMENT_REVERSED: frozenset((one, Account.BANK) for one in _TAKEN_BACK),
    BookingKind.MONEY_SUSPENDED: frozenset({(Account.BANK, Account.SUSPENSE)}),
    BookingKind.SUSPENDED_REVERSED: frozenset({(Account.SUSPENSE, Account.BANK)}),
    BookingKind.SUSPENSE_ASSIGNED: frozenset((Account.SUSPENSE, one) for one in _SHARED),
    BookingKind.ASSIGNMENT_UNDONE: frozenset((one, Account.SUSPENSE) for one in _TAKEN_BACK),
    BookingKind.REFUND_PAID: frozenset({(Account.REFUNDABLE, Account.BANK)}),
    BookingKind.REFUND_RETURNED: frozenset({(Account.BANK, Account.REFUNDABLE)}),
    BookingKind.REFUND_REPAID: frozenset({(Account.SUSPENSE, Account.RECLAIMABLE)}),
}
"""Debit and credit of each kind of booking: in no kind does a charge go down as a credit does."""


class BookingError(ValueError):
    """A booking that cannot stand; says why."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What is written for one thing that happened. Each posting moves its amount from one account to another, so that
    no booking can be out of balance. `notice`, `employer` and `transaction` say whose accounts are meant
    (`Account`). Raises BookingError unless it is of its kind.

    That nothing is ever set off (FE-12) is in the kinds: none lets a credit pay a notice, and none moves what is
    refundable anywhere but to the bank.
    """

    kind: BookingKind
    postings: tuple[Posting, ...]
    notice: str = ""
    employer: str = ""
    transaction: str = ""

    def __post_init__(self) -> None:
        if not self.postings or not all(one.amount > 0 for one in self.postings):
            raise BookingError("a booking has a posting at least, and each a positive amount")
        if not {(one.debit, one.credit) for one in self.postings} <= PAIRS[self.kind]:
            raise BookingError(f"{self.kind} moves other accounts, or the other way")
        if not all(self.of(account) for one in self.postings for account in (one.debit, one.credit) if account in KEPT):
            raise BookingError(f"{self.kind} does not say whose account it moves")

    def of(self, account: Account) -> str:
        """The notice, employer or bank transaction whose `account` it moves; empty for those there are once."""
        whose = KEPT.get(account)
        return "" if whose is None else {"notice": self.notice, "employer": self.employer}.get(whose, self.transaction)


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
def issued(notice: str, employer: str, amount: int) -> Booking:
    """A notice that asks for `amount`."""
    postings = (Posting(Account.RECEIVABLE, Account.REVENUE, amount),)
    return Booking(BookingKind.NOTICE_ISSUED, postings, notice=notice, employer=employer)


@rule("FE-12", "FE-36")
def granted(employer: str, amount: int) -> Booking:
    """Credit lines that an employer may claim."""
    postings = (Posting(Account.REVENUE, Account.REFUNDABLE, amount),)
    return Booking(BookingKind.CREDIT_GRANTED, postings, employer=employer)


@rule("FE-34", "FE-35", "FE-36")
def posted(transaction: str, to: Notice, amount: int) -> Booking:
    """A payment to a notice's account. Payments add up; what is more than due is refundable."""
    return _shared(BookingKind.PAYMENT_POSTED, Account.BANK, transaction, to, amount)


@rule("FE-35", "FE-36")
def reversed_(transaction: str, of: Notice, amount: int) -> Booking:
    """The bank's reversal of a payment of `amount`: the notice is open again. What was over goes first, out of what is
    refundable to the employer; what that does not hold any more was refunded, and is to be reclaimed. Raises
    BookingError for more than came.
    """
    return _taken_back(BookingKind.PAYMENT_REVERSED, Account.BANK, transaction, of, amount)


@rule("FE-35", "FE-36")
def suspended(transaction: str, amount: int) -> Booking:
    """Money to an account that is nobody's, or (below zero) its reversal."""
    if amount < 0:
        postings = (Posting(Account.SUSPENSE, Account.BANK, -amount),)
        return Booking(BookingKind.SUSPENDED_REVERSED, postings, transaction=transaction)
    return Booking(
        BookingKind.MONEY_SUSPENDED, (Posting(Account.BANK, Account.SUSPENSE, amount),), transaction=transaction
    )


@rule("FE-35", "FE-36")
def assigned(transaction: str, to: Notice, amount: int) -> Booking:
    """Suspended money that two people gave to a notice; shared as `posted`."""
    return _shared(BookingKind.SUSPENSE_ASSIGNED, Account.SUSPENSE, transaction, to, amount)


@rule("FE-35", "FE-36")
def unassigned(transaction: str, of: Notice, amount: int) -> Booking:
    """Money that was assigned back in suspense: it was the wrong notice, or the bank has reversed it."""
    return _taken_back(BookingKind.ASSIGNMENT_UNDONE, Account.SUSPENSE, transaction, of, amount)


@rule("FE-36", "FE-38")
def refunded(employer: str, refundable: int, amount: int) -> Booking:
    """A refund that was paid. `refundable`: what the employer may claim. Raises BookingError for more than that."""
    if amount > refundable:
        raise BookingError("no more is paid back than is refundable")
    return Booking(BookingKind.REFUND_PAID, (Posting(Account.REFUNDABLE, Account.BANK, amount),), employer=employer)


@rule("FE-36", "FE-38")
def refund_returned(employer: str, amount: int) -> Booking:
    """A refund that the bank could not deliver: it may be claimed again."""
    postings = (Posting(Account.BANK, Account.REFUNDABLE, amount),)
    return Booking(BookingKind.REFUND_RETURNED, postings, employer=employer)


@rule("FE-35", "FE-36")
def repaid(transaction: str, employer: str, reclaimable: int, amount: int) -> Booking:
    """Suspended money by which an employer paid back what was refunded too much."""
    if amount > reclaimable:
        raise BookingError("no more is paid back than is to be reclaimed")
    postings = (Posting(Account.SUSPENSE, Account.RECLAIMABLE, amount),)
    return Booking(BookingKind.REFUND_REPAID, postings, employer=employer, transaction=transaction)


@rule("FE-36")
def balances(bookings: Iterable[Booking]) -> dict[tuple[Account, str], int]:
    """The balance of every account, from the postings alone, debits positive; accounts at zero are left out."""
    found: dict[tuple[Account, str], int] = {}
    for booking in bookings:
        for one in booking.postings:
            for account, amount in ((one.debit, one.amount), (one.credit, -one.amount)):
                key = (account, booking.of(account))
                found[key] = found.get(key, 0) + amount
    return {key: amount for key, amount in found.items() if amount}


def _shared(kind: BookingKind, source: Account, transaction: str, to: Notice, amount: int) -> Booking:
    """What of money pays the notice, and what is refundable."""
    _positive(amount)
    settled = min(to.due, to.paid + amount) - min(to.due, to.paid)
    postings = _postings(
        Posting(source, Account.RECEIVABLE, settled), Posting(source, Account.REFUNDABLE, amount - settled)
    )
    return Booking(kind, postings, to.id, to.employer, transaction)


def _taken_back(kind: BookingKind, goes_to: Account, transaction: str, of: Notice, amount: int) -> Booking:
    """What of a reversal opens the notice, what is refundable no more, and what was refunded and must come back."""
    _positive(amount)
    if amount > of.paid:
        raise BookingError("no more is reversed than came")
    opened = min(of.due, of.paid) - min(of.due, of.paid - amount)
    over = min(amount - opened, max(of.refundable, 0))
    postings = _postings(
        Posting(Account.RECEIVABLE, goes_to, opened),
        Posting(Account.REFUNDABLE, goes_to, over),
        Posting(Account.RECLAIMABLE, goes_to, amount - opened - over),
    )
    return Booking(kind, postings, of.id, of.employer, transaction)


def _postings(*found: Posting) -> tuple[Posting, ...]:
    return tuple(one for one in found if one.amount)


def _positive(amount: int) -> None:
    if amount <= 0:
        raise BookingError("an amount is positive")
