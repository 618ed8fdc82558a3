"""The days of a billed month on the real calendar (FE-10, FE-15, FE-37 to FE-40)."""

from datetime import date

import pytest

from rdss_fee.billing.dates import (
    Judged,
    Receipts,
    Standing,
    due_on,
    judged,
    receipt_due_on,
    refund_round,
    remind_on,
    run_on,
    violation_on,
)
from rdss_fee.months import Month
from shared.calendar import DayOverride, WorkingCalendar

CALENDAR = WorkingCalendar()


def day(text: str) -> date:
    return date.fromisoformat(text)


def month(text: str) -> Month:
    return Month.of(day(f"{text}-01"))


@pytest.mark.rule("FE-10")
@pytest.mark.parametrize(
    ("of", "on"), [("2026-10", "2026-09-15"), ("2026-01", "2025-12-15"), ("2026-12", "2026-11-15")]
)
def test_the_run_is_on_the_fifteenth_also_on_a_sunday(of, on):
    assert run_on(month(of)) == day(on)


@pytest.mark.rule("FE-15", "FE-39")
@pytest.mark.parametrize(
    ("of", "due"),
    [
        ("2026-10", "2026-10-05"),  # a Monday
        ("2026-09", "2026-09-04"),  # the 5th is a Saturday
        ("2026-07", "2026-07-03"),  # a Sunday
        ("2026-04", "2026-04-02"),  # Sunday, Saturday, and the 3rd off for Children's Day: Thursday the 2nd
        ("2020-02", "2020-02-05"),
        ("2021-02", "2021-02-05"),
        ("2018-03", "2018-03-05"),
        ("2016-06", "2016-06-04"),  # the 5th a Sunday, the 4th a Saturday on which offices made up for a bridge day
    ],
)
def test_due_on_the_fifth_or_the_working_day_before(of, due):
    found = due_on(month(of), CALENDAR)
    assert (found.day, found.provisional) == (day(due), False)
    assert violation_on(month(of)) == month(of).day(5)


@pytest.mark.rule("FE-15")
def test_a_year_without_an_official_calendar_says_so():
    assert due_on(month("2027-05"), CALENDAR).provisional
    official = [DayOverride(month("2027-05").day(number), True, "", "planted") for number in range(1, 32)]
    assert not due_on(month("2027-05"), WorkingCalendar(official)).provisional


@pytest.mark.rule("FE-37")
@pytest.mark.parametrize(
    ("posted", "due"),
    [
        ("2026-10-05", "2026-10-28"),  # the 9th is a day off for National Day, the 26th for Retrocession Day
        ("2026-10-03", "2026-10-27"),  # a Saturday: Monday is day one
        ("2026-02-10", "2026-03-11"),  # over the Lunar New Year
    ],
)
def test_a_receipt_is_mailed_within_fifteen_working_days(posted, due):
    assert receipt_due_on(day(posted), CALENDAR).day == day(due)


@pytest.mark.rule("FE-37")
def test_day_one_is_the_working_day_after_posting():
    """Counted out: fifteen working days lie between, the last included."""
    posted, due = day("2026-10-05"), receipt_due_on(day("2026-10-05"), CALENDAR).day
    between = [date.fromordinal(number) for number in range(posted.toordinal() + 1, due.toordinal() + 1)]
    assert sum(map(CALENDAR.is_working_day, between)) == 15
    assert CALENDAR.is_working_day(due)


@pytest.mark.rule("FE-38")
@pytest.mark.parametrize(
    ("posted", "of"),
    [
        ("2026-10-20", "2026-10"),
        ("2026-10-21", "2026-11"),
        ("2026-09-21", "2026-09"),  # the 20th is a Sunday
        ("2026-09-22", "2026-10"),
        ("2026-12-31", "2027-01"),
        ("2026-10-01", "2026-10"),
    ],
)
def test_a_claim_posted_by_the_twentieth_is_of_its_month(posted, of):
    assert refund_round(day(posted), CALENDAR) == month(of)


@pytest.mark.rule("FE-40")
@pytest.mark.parametrize(("due", "on"), [("2026-10-05", "2026-09-30"), ("2026-04-02", "2026-03-30")])
def test_a_reminder_goes_three_working_days_before(due, on):
    assert remind_on(day(due), CALENDAR) == day(on)


@pytest.mark.rule("FE-33", "FE-39")
@pytest.mark.parametrize(
    ("paid", "known", "today", "standing", "violation"),
    [
        # April 2026: due on Thursday the 2nd, the reference day is Sunday the 5th.
        (None, "2026-04-01", "2026-04-02", Standing.OPEN, False),
        (None, "2026-04-02", "2026-04-03", Standing.OVERDUE, False),
        # On Monday the bank's file of Thursday is the last: nobody knows what was paid on Saturday by ATM.
        (None, "2026-04-02", "2026-04-06", Standing.OVERDUE, False),
        (None, "2026-04-04", "2026-04-06", Standing.OVERDUE, False),
        (None, "2026-04-05", "2026-04-07", Standing.OVERDUE, True),
        ("2026-04-02", "2026-04-02", "2026-04-03", Standing.PAID, False),
        ("2026-04-04", "2026-04-06", "2026-04-07", Standing.LATE, False),  # by ATM on the Saturday: late, no violation
        ("2026-04-05", "2026-04-06", "2026-04-07", Standing.LATE, False),
        ("2026-04-06", "2026-04-06", "2026-04-07", Standing.LATE, True),
        # It stays what it was, whenever it is looked at.
        ("2026-04-04", "2026-12-31", "2027-01-01", Standing.LATE, False),
        ("2026-05-20", "2026-12-31", "2027-01-01", Standing.LATE, True),
    ],
)
def test_late_and_a_violation_are_two_things(paid, known, today, standing, violation):
    of = month("2026-04")
    due = due_on(of, CALENDAR).day
    assert due == day("2026-04-02")
    whole = paid and day(paid)
    receipts = Receipts(whole, bool(whole and whole <= violation_on(of)), day(known))
    assert judged(of, due, receipts, day(today)) == Judged(standing, violation)
