"""Double entry: what is booked for what happens, in any mix and order (FE-12, FE-34 to FE-36)."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rdss_fee.ledger import rules as ledger
from rdss_fee.ledger.rules import (
    Account,
    Booking,
    BookingError,
    BookingKind,
    Difference,
    Entry,
    assigned,
    balances,
    differences,
    granted,
    issued,
    posted,
    refunded,
    suspended,
)

pytestmark = pytest.mark.rule("FE-36")

RECEIVABLE, BANK, REFUNDABLE = Account.RECEIVABLE, Account.BANK, Account.REFUNDABLE
NOTICE, EMPLOYER = "2026-10/99000002", "99000002"


def of(booking: Booking) -> list[tuple[Account, int]]:
    return [(entry.account, entry.amount) for entry in booking.entries]


@pytest.mark.rule("FE-34", "FE-35")
@pytest.mark.parametrize(
    ("paid", "amount", "entries"),
    [
        (0, 33_110, [(BANK, 33_110), (RECEIVABLE, -33_110)]),  # whole
        (0, 30_000, [(BANK, 30_000), (RECEIVABLE, -30_000)]),  # too little: it stays open
        (30_000, 3_110, [(BANK, 3_110), (RECEIVABLE, -3_110)]),  # topped up on the same number
        (30_000, 5_000, [(BANK, 5_000), (RECEIVABLE, -3_110), (REFUNDABLE, -1_890)]),  # more than due
        (33_110, 33_110, [(BANK, 33_110), (REFUNDABLE, -33_110)]),  # twice
        (33_110, -33_110, [(BANK, -33_110), (RECEIVABLE, 33_110)]),  # reversed: open again
        (40_000, -33_110, [(BANK, -33_110), (RECEIVABLE, 26_220), (REFUNDABLE, 6_890)]),  # what was over goes first
        (66_220, -33_110, [(BANK, -33_110), (REFUNDABLE, 33_110)]),  # one of two
    ],
)
def test_a_payment_is_shared_between_what_is_due_and_what_is_over(paid, amount, entries):
    assert of(posted(NOTICE, EMPLOYER, 33_110, paid, amount)) == entries
    if amount > 0:
        found = assigned("t", NOTICE, EMPLOYER, 33_110, paid, amount)
        assert of(found) == [(Account.SUSPENSE, amount), *entries[1:]]


@pytest.mark.rule("FE-12")
@pytest.mark.parametrize(
    "entries",
    [
        ((REFUNDABLE, 100), (RECEIVABLE, -100)),  # a credit pays a notice
        ((RECEIVABLE, 100), (REFUNDABLE, -100)),
        ((BANK, 50), (REFUNDABLE, 50), (RECEIVABLE, -100)),  # and so does it in part
        ((RECEIVABLE, 100), (RECEIVABLE, -100)),  # one notice pays another
    ],
)
def test_no_booking_nets(entries):
    with pytest.raises(BookingError, match="never set off"):
        Booking(BookingKind.PAYMENT_POSTED, tuple(Entry(account, str(at), amount)
                                                  for at, (account, amount) in enumerate(entries)))  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ((), "two entries"),
        (((BANK, 0), (RECEIVABLE, 0)), "two entries"),
        (((BANK, 100),), "two entries"),
        (((BANK, 100), (RECEIVABLE, -99)), "are equal"),
    ],
)
def test_every_booking_balances(entries, told):
    with pytest.raises(BookingError, match=told):
        Booking(BookingKind.PAYMENT_POSTED, tuple(Entry(account, "", amount) for account, amount in entries))


@pytest.mark.rule("FE-35", "FE-38")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: issued(NOTICE, 0),
        lambda: granted(EMPLOYER, -1),
        lambda: posted(NOTICE, EMPLOYER, 100, 50, -51),
        lambda: posted(NOTICE, EMPLOYER, 100, 50, 0),
        lambda: assigned("t", NOTICE, EMPLOYER, 100, 0, -1),
        lambda: refunded(EMPLOYER, 100, 101),
        lambda: refunded(EMPLOYER, 100, 0),
        lambda: suspended("t", 0),
    ],
)
def test_what_cannot_be_booked(wrong):
    with pytest.raises(BookingError):
        wrong()


def test_a_balance_that_is_not_the_postings_is_told():
    bookings = [issued(NOTICE, 100), posted(NOTICE, EMPLOYER, 100, 0, 40)]
    kept = balances(bookings)
    assert kept == {(RECEIVABLE, NOTICE): 60, (Account.REVENUE, ""): -100, (BANK, ""): 40}
    assert differences(kept, bookings) == []
    assert differences(kept | {(RECEIVABLE, NOTICE): 61}, bookings) == [Difference(RECEIVABLE, NOTICE, 61, 60)]
    assert differences(kept, bookings[:1]) == [Difference(BANK, "", 40, 0), Difference(RECEIVABLE, NOTICE, 60, 100)]


AMOUNTS = st.integers(1, 1_000)


class Books(RuleBasedStateMachine):
    """Notices of two employers, credits, payments right and astray, reversals, assignments and refunds, in any order;
    beside the ledger stand the plain sums that it must agree with.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bookings: list[Booking] = []
        self.due: dict[str, int] = {}
        self.credits = {"A": 0, "B": 0}
        self.refunds = {"A": 0, "B": 0}
        self.payments: list[tuple[str, int]] = []
        self.astray: dict[str, int] = {}

    def paid(self, notice: str) -> int:
        return sum(amount for to, amount in self.payments if to == notice)

    def over(self, employer: str) -> int:
        return sum(max(0, self.paid(one) - due) for one, due in self.due.items() if one[0] == employer)

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def issue(self, employer: str, amount: int) -> None:
        notice = f"{employer}{len(self.due)}"
        self.due[notice] = amount
        self.bookings.append(issued(notice, amount))

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def grant(self, employer: str, amount: int) -> None:
        self.credits[employer] += amount
        self.bookings.append(granted(employer, amount))

    @precondition(lambda self: self.due)
    @rule(data=st.data(), amount=AMOUNTS, exactly=st.booleans())
    def pay(self, data: st.DataObject, amount: int, exactly: bool) -> None:
        notice = data.draw(st.sampled_from(sorted(self.due)))
        due, paid = self.due[notice], self.paid(notice)
        amount = due - paid if exactly and due > paid else amount
        self.bookings.append(posted(notice, notice[0], due, paid, amount))
        self.payments.append((notice, amount))

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        notice, amount = self.payments[data.draw(st.integers(0, len(self.payments) - 1))]
        self.bookings.append(posted(notice, notice[0], self.due[notice], self.paid(notice), -amount))
        self.payments.remove((notice, amount))

    @rule(amount=AMOUNTS)
    def stray(self, amount: int) -> None:
        transaction = f"t{len(self.bookings)}"
        self.astray[transaction] = amount
        self.bookings.append(suspended(transaction, amount))

    @precondition(lambda self: self.astray and self.due)
    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        transaction = data.draw(st.sampled_from(sorted(self.astray)))
        notice = data.draw(st.sampled_from(sorted(self.due)))
        amount = self.astray.pop(transaction)
        paid = self.paid(notice)
        self.bookings.append(assigned(transaction, notice, notice[0], self.due[notice], paid, amount))
        self.payments.append((notice, amount))

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def refund(self, employer: str, amount: int) -> None:
        claimable = self.credits[employer] + self.over(employer) - self.refunds[employer]
        if amount > claimable:
            with pytest.raises(BookingError):
                refunded(employer, claimable, amount)
            return
        self.refunds[employer] += amount
        self.bookings.append(refunded(employer, claimable, amount))

    @invariant()
    def the_books_say_what_happened(self) -> None:
        found = balances(self.bookings)
        assert sum(found.values()) == 0
        for notice, due in self.due.items():
            assert found.get((RECEIVABLE, notice), 0) == max(0, due - self.paid(notice))
        for employer in "AB":
            claimable = self.credits[employer] + self.over(employer) - self.refunds[employer]
            assert found.get((REFUNDABLE, employer), 0) == -claimable
        assert {of: -amount for (account, of), amount in found.items() if account is Account.SUSPENSE} == self.astray
        money = sum(amount for _, amount in self.payments) + sum(self.astray.values()) - sum(self.refunds.values())
        assert found.get((BANK, ""), 0) == money
        assert found.get((Account.REVENUE, ""), 0) == sum(self.credits.values()) - sum(self.due.values())


BooksCase = Books.TestCase
BooksCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_control_a_reversal_that_only_turned_its_payment_around_would_be_found(monkeypatch):
    """60 and 60 come for 100, and the first is reversed: 60 is paid, and nothing over."""

    def mirrored(notice: str, employer: str, due: int, paid: int, amount: int) -> tuple[Entry, ...]:
        settled = min(due, abs(amount)) * (1 if amount > 0 else -1)
        return (Entry(RECEIVABLE, notice, -settled),)

    right = [issued("n", 100), posted("n", "A", 100, 0, 60), posted("n", "A", 100, 60, 60)]
    assert balances([*right, posted("n", "A", 100, 120, -60)])[RECEIVABLE, "n"] == 40
    monkeypatch.setattr(ledger, "_shared", mirrored)
    assert balances([*right, posted("n", "A", 100, 120, -60)])[RECEIVABLE, "n"] != 40
