"""Where a posting belongs, and when a notice was paid whole (FE-34, FE-35, FE-39)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdss_fee.accounts.checks import CTBC
from rdss_fee.accounts.numbers import Account, Scheme
from rdss_fee.billing.dates import Judged, Receipts, Standing, judged
from rdss_fee.ledger.rules import Notice
from rdss_fee.months import Month
from rdss_fee.payments.rules import Match, Payment, Place, Why, match, paid_in_full_on, paid_whole_by

SCHEME = Scheme("700602", 4)
OCTOBER = Month(2026, 10)
NUMBER = SCHEME.number(Account(OCTOBER, 1))
NOTICE = Notice("n", "99000002", 33_110, 20_000)
NOTICES = {NUMBER: NOTICE}


@pytest.mark.rule("FE-34")
@pytest.mark.parametrize("amount", [33_110, 1, 13_110, 99_999, -20_000, -1])
def test_the_number_alone_says_whose_it_is(amount):
    assert match(NUMBER, amount, NOTICES, SCHEME) == Match(Place.NOTICE, NOTICE)


@pytest.mark.rule("FE-35")
@pytest.mark.parametrize(
    ("number", "amount", "why"),
    [
        (NUMBER[:-1] + "5", 33_110, Why.BAD_NUMBER),
        (NUMBER[:-1], 33_110, Why.BAD_NUMBER),
        ("", 33_110, Why.BAD_NUMBER),
        (Scheme("700603", 4).number(Account(OCTOBER, 1)), 33_110, Why.BAD_NUMBER),
        (SCHEME.number(Account(OCTOBER, 2)), 33_110, Why.NO_NOTICE),
        (SCHEME.number(Account(OCTOBER.plus(1), 1)), 33_110, Why.NO_NOTICE),
        (SCHEME.number(Account(OCTOBER, 2)), -33_110, Why.NO_NOTICE),
        (NUMBER, -20_001, Why.NOTHING_TO_REVERSE),
    ],
)
def test_what_belongs_nowhere_is_kept_and_says_why(number, amount, why):
    assert match(number, amount, NOTICES, SCHEME) == Match(Place.SUSPENSE, why=why)


@pytest.mark.rule("FE-35")
def test_where_the_amount_takes_part_a_number_without_a_notice_is_not_called_bad():
    scheme = Scheme("98102", 3, CTBC)
    number = scheme.number(Account(OCTOBER, 1), 33_110)
    assert match(number, 5, {}, scheme) == Match(Place.SUSPENSE, why=Why.NO_NOTICE)


def day(number: int) -> date:
    return date(2026, 10, number)


def paid(*payments: tuple[int, int]) -> list[Payment]:
    return [Payment(day(number), amount) for number, amount in payments]


@pytest.mark.rule("FE-39")
@pytest.mark.parametrize(
    ("payments", "on"),
    [
        ([], None),
        ([(1, 99)], None),
        ([(1, 100)], 1),
        ([(1, 60), (4, 40)], 4),
        ([(4, 40), (1, 60)], 4),  # files may come in any order
        ([(1, 60), (3, 60), (9, 60)], 3),
        ([(1, 100), (2, -100)], None),
        ([(1, 100), (2, -100), (7, 100)], 7),
        ([(1, 100), (2, 100), (3, -100)], 1),  # one of two was reversed: it was never open
        ([(1, 100), (3, -100), (3, 100)], 1),  # reversed and paid again on one day
        ([(5, 100), (2, -40), (1, 40)], 5),
    ],
)
def test_since_when_a_notice_is_paid_whole(payments, on):
    assert paid_in_full_on(100, paid(*payments)) == (on and day(on))


@pytest.mark.rule("FE-39")
@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.integers(1, 31), st.integers(-200, 200).filter(bool)), max_size=12),
)
def test_it_is_whole_from_that_day_on_and_was_not_the_day_before(due, rows):
    payments = paid(*rows)
    since = paid_in_full_on(due, payments)

    def total(until: date) -> int:
        return sum(one.amount for one in payments if one.value_on <= until)

    if since is None:
        assert total(day(31)) < due
        return
    assert all(total(day(number)) >= due for number in range(since.day, 32))
    assert total(since - timedelta(days=1)) < due


@pytest.mark.rule("FE-39")
@pytest.mark.parametrize(
    ("payments", "whole"),
    [([], False), ([(5, 100)], True), ([(6, 100)], False), ([(2, 60), (5, 40)], True), ([(2, 100), (5, -1)], False)],
)
def test_whether_it_was_whole_by_the_fifth(payments, whole):
    assert paid_whole_by(100, paid(*payments), day(5)) is whole


def told(payments: list[Payment], today: date) -> Judged:
    """What is said of a notice of 100 in October when the bank has told everything up to the day before."""
    receipts = Receipts(paid_in_full_on(100, payments), paid_whole_by(100, payments, day(5)), today - timedelta(days=1))
    return judged(OCTOBER, day(5), receipts, today)


@pytest.mark.rule("FE-35", "FE-39")
def test_a_reversal_after_the_fifth_opens_the_notice_and_makes_no_violation_of_it():
    """By its letter the rule asks what was paid up to the 5th; the ADR says so (0067)."""
    on_time = paid((2, 100))
    assert told(on_time, day(9)) == Judged(Standing.PAID, violation=False)
    assert told([*on_time, *paid((8, -100))], day(9)) == Judged(Standing.OVERDUE, violation=False)
    assert told([*on_time, *paid((8, -100), (9, 100))], day(10)) == Judged(Standing.LATE, violation=False)


@pytest.mark.rule("FE-35", "FE-39")
def test_a_reversal_before_the_fifth_does():
    assert told(paid((1, 100), (2, -100), (7, 100)), day(8)) == Judged(Standing.LATE, violation=True)


@pytest.mark.rule("FE-39")
def test_control_counting_the_first_day_it_was_whole_would_be_found():
    """Paid, reversed, paid again on the 7th: by the first day it was whole it would have been in time."""
    again = paid((1, 100), (2, -100), (7, 100))
    first = min(one.value_on for one in again)
    early = judged(OCTOBER, day(5), Receipts(first, whole_by_reference=True, known_through=day(7)), day(8))
    assert early != told(again, day(8))
