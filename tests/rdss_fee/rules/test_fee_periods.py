"""Service periods: which days count, and what cannot be (FE-05)."""

from datetime import date, timedelta

import pytest

from rdss_fee.months import Month
from rdss_fee.periods import rules
from rdss_fee.periods.rules import (
    Beginning,
    Ending,
    Period,
    PeriodFault,
    StageTwo,
    faults,
    first_billed,
    served,
    serves_on,
)

pytestmark = pytest.mark.rule("FE-05")

A, B = "99000002", "99000018"
OCTOBER = Month(2026, 10)
STAGE = StageTwo(date(2026, 1, 1), date(2027, 7, 1))


def on(month: int, day: int, year: int = 2026) -> date:
    return date(year, month, day)


def period(employer: str, begins_on: date, ends_before: date | None = None, ended_by: Ending | None = None) -> Period:
    return Period(employer, begins_on, Beginning.REPORTED, ends_before, ended_by)


@pytest.mark.parametrize("ended_by", list(Ending))
def test_the_day_of_an_ending_event_is_the_first_not_served(ended_by):
    (found,) = served([period(A, on(9, 1), on(10, 11), ended_by)], STAGE, OCTOBER)
    assert (found.spans, found.days) == (((on(10, 1), on(10, 10)),), 10)


@pytest.mark.parametrize("begun_by", list(Beginning))
def test_the_day_of_a_beginning_event_is_the_first_served(begun_by):
    (found,) = served([Period(A, on(10, 11), begun_by)], STAGE, OCTOBER)
    assert (found.spans, found.days) == (((on(10, 11), on(10, 31)),), 21)


@pytest.mark.parametrize(
    ("stage", "days"),
    [
        (StageTwo(on(1, 1)), 31),
        (StageTwo(on(1, 1), on(11, 1)), 31),
        (StageTwo(on(1, 1), on(10, 31)), 30),
        (StageTwo(on(10, 31)), 1),
        (StageTwo(on(10, 10), on(10, 20)), 10),
    ],
)
def test_the_stage_cuts_the_period(stage, days):
    assert [one.days for one in served([period(A, on(9, 1))], stage, OCTOBER)] == [days]


@pytest.mark.parametrize("stage", [StageTwo(on(1, 1), on(10, 1)), StageTwo(on(11, 1))])
def test_a_month_outside_the_stage_is_not_billed(stage):
    assert served([period(A, on(9, 1))], stage, OCTOBER) == ()


def test_a_month_at_two_employers_and_away_between():
    periods = [
        period(B, on(10, 20)),
        period(A, on(9, 1), on(10, 6), Ending.SUSPENDED),
        period(A, on(10, 10), on(10, 15), Ending.TRANSFERRED_OUT),
    ]
    assert [(one.employer, one.days) for one in served(periods, STAGE, OCTOBER)] == [(A, 10), (B, 12)]
    found = {day: serves_on(periods, STAGE, on(10, day)) for day in (1, 5, 6, 9, 10, 14, 15, 19, 20)}
    assert found == {1: A, 5: A, 6: None, 9: None, 10: A, 14: A, 15: None, 19: None, 20: B}


def test_the_first_month_billed_is_that_of_the_first_day_within_the_stage():
    assert first_billed([period(A, on(9, 1), on(9, 10), Ending.SUSPENDED)], StageTwo(on(9, 10))) is None
    assert first_billed([period(A, on(9, 1))], StageTwo(on(10, 31))) == OCTOBER
    assert first_billed([], STAGE) is None


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([], []),
        ([period(A, on(9, 1), on(9, 2), Ending.SUSPENDED)], []),
        ([period(A, on(9, 1), on(9, 1), Ending.SUSPENDED)], [PeriodFault("period_without_days", 0)]),
        ([period(A, on(9, 2), on(9, 1), Ending.SUSPENDED)], [PeriodFault("period_without_days", 0)]),
        ([period(A, on(9, 1), on(9, 9))], [PeriodFault("period_end_unstated", 0)]),
        ([period(A, on(9, 1), None, Ending.SUSPENDED)], [PeriodFault("period_end_unstated", 0)]),
        # One leaves on the day on which the next begins.
        ([period(A, on(9, 1), on(10, 1), Ending.SUSPENDED), period(B, on(10, 1))], []),
        (
            [period(A, on(9, 1), on(10, 2), Ending.TRANSFERRED_OUT), period(B, on(10, 1))],
            [PeriodFault("period_overlaps", 1, 0)],
        ),
        ([period(B, on(10, 1)), period(A, on(9, 1))], [PeriodFault("period_overlaps", 0, 1)]),
        ([period(A, on(9, 1)), period(A, on(9, 1))], [PeriodFault("period_overlaps", 1, 0)]),
    ],
)
def test_what_cannot_be(periods, expected):
    assert faults(periods, STAGE) == expected


def test_an_overlap_of_any_two_is_found():
    """Also where a short one lies between them."""
    long = period(A, on(1, 1), on(12, 1), Ending.SUSPENDED)
    short = period(B, on(2, 1), on(3, 1), Ending.SUSPENDED)
    later = period(B, on(4, 1), on(5, 1), Ending.SUSPENDED)
    assert faults([long, short, later], STAGE) == [
        PeriodFault("period_overlaps", 1, 0), PeriodFault("period_overlaps", 2, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("length", [0, -1])
def test_a_stage_has_days(length):
    stage = StageTwo(on(9, 1), on(9, 1) + timedelta(days=length))
    assert faults([], stage) == [PeriodFault("stage_without_days", 0)]


def test_control_an_ending_day_that_counts_is_found(monkeypatch):
    monkeypatch.setattr(rules, "ONE_DAY", timedelta(0))
    with pytest.raises(AssertionError):
        test_the_day_of_an_ending_event_is_the_first_not_served(Ending.SUSPENDED)
    monkeypatch.undo()
    test_the_day_of_an_ending_event_is_the_first_not_served(Ending.SUSPENDED)
