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
    Notice,
    Posting,
    assigned,
    balances,
    granted,
    issued,
    posted,
    refund_returned,
    refunded,
    repaid,
    reversed_,
    suspended,
    unassigned,
)

pytestmark = pytest.mark.rule("FE-36")

RECEIVABLE, BANK, REFUNDABLE = Account.RECEIVABLE, Account.BANK, Account.REFUNDABLE
RECLAIMABLE, SUSPENSE = Account.RECLAIMABLE, Account.SUSPENSE
NOTICE, EMPLOYER = "2026-10/99000002", "99000002"


def moved(booking: Booking) -> list[tuple[Account, Account, int]]:
    return [(one.debit, one.credit, one.amount) for one in booking.postings]


def notice(due: int, paid: int, refundable: int = 0) -> Notice:
    return Notice(NOTICE, EMPLOYER, due, paid, refundable)


@pytest.mark.rule("FE-34", "FE-35")
@pytest.mark.parametrize(
    ("paid", "amount", "shares"),
    [
        (0, 33_110, [(RECEIVABLE, 33_110)]),  # whole
        (0, 30_000, [(RECEIVABLE, 30_000)]),  # too little: it stays open
        (30_000, 3_110, [(RECEIVABLE, 3_110)]),  # topped up on the same number
        (30_000, 5_000, [(RECEIVABLE, 3_110), (REFUNDABLE, 1_890)]),  # more than due
        (33_110, 33_110, [(REFUNDABLE, 33_110)]),  # twice
    ],
)
def test_a_payment_is_shared_between_what_is_due_and_what_is_over(paid, amount, shares):
    assert moved(posted("t", notice(33_110, paid), amount)) == [(BANK, account, part) for account, part in shares]
    assert moved(assigned("t", notice(33_110, paid), amount)) == [(SUSPENSE, account, part) for account, part in shares]


@pytest.mark.rule("FE-35")
@pytest.mark.parametrize(
    ("paid", "refundable", "amount", "shares"),
    [
        (33_110, 0, 33_110, [(RECEIVABLE, 33_110)]),  # open again
        (40_000, 6_890, 33_110, [(RECEIVABLE, 26_220), (REFUNDABLE, 6_890)]),  # what was over goes first
        (66_220, 33_110, 33_110, [(REFUNDABLE, 33_110)]),  # one of two
        # What was over was refunded before the bank took it back: it has to be reclaimed.
        (40_000, 0, 40_000, [(RECEIVABLE, 33_110), (RECLAIMABLE, 6_890)]),
        (40_000, 890, 40_000, [(RECEIVABLE, 33_110), (REFUNDABLE, 890), (RECLAIMABLE, 6_000)]),
    ],
)
def test_a_reversal_opens_the_notice_again(paid, refundable, amount, shares):
    of = notice(33_110, paid, refundable)
    assert moved(reversed_("t", of, amount)) == [(account, BANK, part) for account, part in shares]
    assert moved(unassigned("t", of, amount)) == [(account, SUSPENSE, part) for account, part in shares]


@pytest.mark.rule("FE-35")
def test_money_that_was_assigned_and_then_reversed_by_the_bank_is_gone_from_the_notice():
    bookings = [
        issued(NOTICE, EMPLOYER, 100),
        suspended("t", 100),
        assigned("t", notice(100, 0), 100),
        unassigned("t", notice(100, 100), 100),
        suspended("t", -100),
    ]
    assert balances(bookings) == {(RECEIVABLE, NOTICE): 100, (Account.REVENUE, ""): -100}


@pytest.mark.rule("FE-12")
def test_a_later_credit_does_not_pay_what_is_to_be_reclaimed():
    """100 asked, 150 paid, 50 refunded, 150 reversed: 100 is open, 50 to be reclaimed; then a credit of 50."""
    bookings = [
        issued(NOTICE, EMPLOYER, 100),
        posted("t", notice(100, 0), 150),
        refunded(EMPLOYER, 50, 50),
        reversed_("t", notice(100, 150), 150),
        granted(EMPLOYER, 50),
    ]
    found = balances(bookings)
    assert [found[RECEIVABLE, NOTICE], found[RECLAIMABLE, EMPLOYER], found[REFUNDABLE, EMPLOYER]] == [100, 50, -50]
    back = [*bookings, suspended("t", 50), repaid("t", EMPLOYER, 50, 50)]
    assert (RECLAIMABLE, EMPLOYER) not in balances(back)
    assert balances(back)[REFUNDABLE, EMPLOYER] == -50


@pytest.mark.rule("FE-12")
@pytest.mark.parametrize("kind", list(BookingKind))
@pytest.mark.parametrize(
    "movements",
    [
        [(REFUNDABLE, RECEIVABLE)],  # a credit pays a notice
        [(RECEIVABLE, REFUNDABLE)],
        [(BANK, RECEIVABLE), (REFUNDABLE, RECEIVABLE)],  # and so does it in part
        [(RECEIVABLE, RECEIVABLE)],  # one notice pays another
        [(Account.REVENUE, RECEIVABLE)],  # a credit that pays a notice in one posting
        [(REFUNDABLE, RECLAIMABLE)],  # a credit pays what is to be reclaimed
        [(Account.REVENUE, RECLAIMABLE)],
    ],
)
def test_no_kind_of_booking_nets(kind, movements):
    with pytest.raises(BookingError, match="other accounts, or the other way"):
        Booking(kind, tuple(Posting(debit, credit, 100) for debit, credit in movements), "n", "e", "t")


@pytest.mark.rule("FE-12")
def test_what_is_refundable_goes_to_the_bank_and_nowhere_else():
    """Only where an assignment is undone, or a reversal takes it, does it go down by itself."""
    down = {kind for kind, pairs in ledger.PAIRS.items() if any(debit is REFUNDABLE for debit, _ in pairs)}
    assert down == {BookingKind.REFUND_PAID, BookingKind.PAYMENT_REVERSED, BookingKind.ASSIGNMENT_UNDONE}
    assert ledger.PAIRS.keys() == set(BookingKind)


@pytest.mark.parametrize(
    ("postings", "names", "told"),
    [
        ((), ("n", "e", "t"), "a posting at least"),
        ((Posting(BANK, RECEIVABLE, 0),), ("n", "e", "t"), "positive amount"),
        ((Posting(BANK, RECEIVABLE, -1),), ("n", "e", "t"), "positive amount"),
        ((Posting(BANK, RECEIVABLE, 1),), ("", "e", "t"), "whose account"),
        ((Posting(BANK, REFUNDABLE, 1),), ("n", "", "t"), "whose account"),
    ],
)
def test_every_booking_says_how_much_and_whose(postings, names, told):
    with pytest.raises(BookingError, match=told):
        Booking(BookingKind.PAYMENT_POSTED, postings, *names)


@pytest.mark.rule("FE-35", "FE-38")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: issued(NOTICE, EMPLOYER, 0),
        lambda: granted(EMPLOYER, -1),
        lambda: posted("t", notice(100, 50), -1),
        lambda: reversed_("t", notice(100, 50), 51),
        lambda: reversed_("t", notice(100, 50), 0),
        lambda: assigned("t", notice(100, 0), -1),
        lambda: unassigned("t", notice(100, 50), 51),
        lambda: refunded(EMPLOYER, 100, 101),
        lambda: refunded(EMPLOYER, 100, 0),
        lambda: refund_returned(EMPLOYER, 0),
        lambda: repaid("t", EMPLOYER, 10, 11),
        lambda: suspended("t", 0),
    ],
)
def test_what_cannot_be_booked(wrong):
    with pytest.raises(BookingError):
        wrong()


AMOUNTS = st.integers(1, 1_000)


class Books(RuleBasedStateMachine):
    """Notices of two employers, credits, payments right and astray, assignments and their undoing, reversals, refunds
    paid, returned and repaid, in any order; beside the ledger stand the plain sums that it must agree with.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bookings: list[Booking] = []
        self.due: dict[str, int] = {}
        self.credits = {"A": 0, "B": 0}
        self.refunds = {"A": 0, "B": 0}
        self.repaid = {"A": 0, "B": 0}
        # (notice, amount, the transaction that it was assigned from)
        self.payments: list[tuple[str, int, str]] = []
        self.astray: dict[str, int] = {}

    def paid(self, notice: str) -> int:
        return sum(amount for to, amount, _ in self.payments if to == notice)

    def over(self, employer: str) -> int:
        return sum(max(0, self.paid(one) - due) for one, due in self.due.items() if one[0] == employer)

    def balance(self, account: Account, whose: str) -> int:
        return balances(self.bookings).get((account, whose), 0)

    def standing(self, notice: str) -> Notice:
        claimable = -self.balance(REFUNDABLE, notice[0])
        return Notice(notice, notice[0], self.due[notice], self.paid(notice), claimable)

    def a_notice(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.due)))

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def issue(self, employer: str, amount: int) -> None:
        name = f"{employer}{len(self.due)}"
        self.due[name] = amount
        self.bookings.append(issued(name, employer, amount))

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def grant(self, employer: str, amount: int) -> None:
        self.credits[employer] += amount
        self.bookings.append(granted(employer, amount))

    @precondition(lambda self: self.due)
    @rule(data=st.data(), amount=AMOUNTS, exactly=st.booleans())
    def pay(self, data: st.DataObject, amount: int, exactly: bool) -> None:
        name = self.a_notice(data)
        open_ = self.due[name] - self.paid(name)
        amount = open_ if exactly and open_ > 0 else amount
        self.bookings.append(posted(str(len(self.bookings)), self.standing(name), amount))
        self.payments.append((name, amount, ""))

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        name, amount, transaction = payment = data.draw(st.sampled_from(self.payments))
        if transaction:
            self.bookings.append(unassigned(transaction, self.standing(name), amount))
            self.astray[transaction] = amount
        else:
            self.bookings.append(reversed_(str(len(self.bookings)), self.standing(name), amount))
        self.payments.remove(payment)

    @rule(amount=AMOUNTS)
    def stray(self, amount: int) -> None:
        transaction = f"t{len(self.bookings)}"
        self.astray[transaction] = amount
        self.bookings.append(suspended(transaction, amount))

    @precondition(lambda self: self.astray)
    @rule(data=st.data())
    def take_back_stray(self, data: st.DataObject) -> None:
        transaction = data.draw(st.sampled_from(sorted(self.astray)))
        self.bookings.append(suspended(transaction, -self.astray.pop(transaction)))

    @precondition(lambda self: self.astray and self.due)
    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        transaction = data.draw(st.sampled_from(sorted(self.astray)))
        name, amount = self.a_notice(data), self.astray.pop(transaction)
        self.bookings.append(assigned(transaction, self.standing(name), amount))
        self.payments.append((name, amount, transaction))

    @rule(employer=st.sampled_from("AB"), amount=AMOUNTS)
    def refund(self, employer: str, amount: int) -> None:
        claimable = -self.balance(REFUNDABLE, employer)
        if amount > claimable:
            with pytest.raises(BookingError):
                refunded(employer, claimable, amount)
            return
        self.refunds[employer] += amount
        self.bookings.append(refunded(employer, claimable, amount))

    @precondition(lambda self: any(self.refunds.values()))
    @rule(employer=st.sampled_from("AB"), data=st.data())
    def send_back(self, employer: str, data: st.DataObject) -> None:
        if self.refunds[employer]:
            amount = data.draw(st.integers(1, self.refunds[employer]))
            self.refunds[employer] -= amount
            self.bookings.append(refund_returned(employer, amount))

    @precondition(lambda self: self.astray)
    @rule(employer=st.sampled_from("AB"), data=st.data())
    def repay(self, employer: str, data: st.DataObject) -> None:
        transaction = data.draw(st.sampled_from(sorted(self.astray)))
        reclaimable, amount = self.balance(RECLAIMABLE, employer), self.astray[transaction]
        if amount > reclaimable:
            with pytest.raises(BookingError):
                repaid(transaction, employer, reclaimable, amount)
            return
        del self.astray[transaction]
        self.repaid[employer] += amount
        self.bookings.append(repaid(transaction, employer, reclaimable, amount))

    @invariant()
    def the_books_say_what_happened(self) -> None:
        found = balances(self.bookings)
        assert sum(found.values()) == 0
        for name, due in self.due.items():
            assert found.get((RECEIVABLE, name), 0) == max(0, due - self.paid(name))
        for employer in "AB":
            refundable = -found.get((REFUNDABLE, employer), 0)
            reclaimable = found.get((RECLAIMABLE, employer), 0)
            # Neither is ever less than nothing, and side by side they say what is between the two.
            assert refundable >= 0
            assert reclaimable >= 0
            between = self.credits[employer] + self.over(employer) - self.refunds[employer] + self.repaid[employer]
            assert refundable - reclaimable == between
        assert {whose: -amount for (account, whose), amount in found.items() if account is SUSPENSE} == self.astray
        money = sum(amount for _, amount, _ in self.payments) + sum(self.astray.values())
        money += sum(self.repaid.values()) - sum(self.refunds.values())
        assert found.get((BANK, ""), 0) == money
        assert found.get((Account.REVENUE, ""), 0) == sum(self.credits.values()) - sum(self.due.values())


BooksCase = Books.TestCase
BooksCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_control_a_reversal_that_only_turned_its_payment_around_would_be_found(monkeypatch):
    """60 and 60 come for 100, and the first is reversed: 60 is paid, and nothing over."""

    def mirrored(kind: BookingKind, goes_to: Account, transaction: str, of: Notice, amount: int) -> Booking:
        return Booking(kind, (Posting(RECEIVABLE, goes_to, amount),), of.id, of.employer, transaction)

    right = [issued(NOTICE, EMPLOYER, 100), posted("t", notice(100, 0), 60), posted("u", notice(100, 60), 60)]
    assert balances([*right, reversed_("v", notice(100, 120, 20), 60)])[RECEIVABLE, NOTICE] == 40
    monkeypatch.setattr(ledger, "_taken_back", mirrored)
    assert balances([*right, reversed_("v", notice(100, 120, 20), 60)])[RECEIVABLE, NOTICE] != 40
