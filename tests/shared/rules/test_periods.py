"""Administrative Procedure Act Art. 48, day by day (RO-36)."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import DayOverride, WorkingCalendar
from shared.periods import FIRST_DAY, LAST_DAY, REST_DAY, days_after, months_after

pytestmark = pytest.mark.rule("RO-36")

CALENDAR = WorkingCalendar()
starts = st.dates(date(2020, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("start", "months", "nominal_end", "due"),
    [
        # The vectors of RO-36.
        ("2026-09-18", 1, "2026-10-18", "2026-10-19"),
        ("2026-08-31", 1, "2026-09-30", "2026-09-30"),
        ("2026-01-30", 1, "2026-02-28", "2026-03-02"),
        # 48-3: the day before the corresponding day. Around the end of February, on both kinds of year.
        ("2026-01-26", 1, "2026-02-26", "2026-02-26"),
        ("2026-01-27", 1, "2026-02-27", "2026-03-02"),  # 27 February 2026 is the holiday's observed day
        ("2026-01-28", 1, "2026-02-28", "2026-03-02"),  # runs from the 29th: no such day
        ("2026-01-29", 1, "2026-02-28", "2026-03-02"),
        ("2026-01-31", 1, "2026-02-28", "2026-03-02"),  # runs from 1 February: its last day
        ("2024-01-28", 1, "2024-02-28", "2024-02-29"),  # 28 February is a holiday
        ("2024-01-29", 1, "2024-02-29", "2024-02-29"),
        ("2024-01-30", 1, "2024-02-29", "2024-02-29"),
        # Across the year's end, and several months.
        ("2025-12-15", 1, "2026-01-15", "2026-01-15"),
        ("2025-11-30", 1, "2025-12-31", "2025-12-31"),
        ("2026-01-15", 12, "2027-01-15", "2027-01-15"),
        ("2026-03-31", 2, "2026-05-31", "2026-06-01"),
    ],
)
def test_months(start: str, months: int, nominal_end: str, due: str):
    deadline = months_after(date.fromisoformat(start), months, CALENDAR)
    assert (deadline.nominal_end.isoformat(), deadline.due.isoformat()) == (nominal_end, due)


@pytest.mark.parametrize(
    ("start", "days", "nominal_end", "due"),
    [
        ("2026-06-30", 30, "2026-07-30", "2026-07-30"),
        ("2026-06-29", 30, "2026-07-29", "2026-07-29"),
        ("2026-07-02", 30, "2026-08-01", "2026-08-03"),  # a Saturday
        ("2026-07-03", 30, "2026-08-02", "2026-08-03"),  # a Sunday
        ("2026-07-04", 30, "2026-08-03", "2026-08-03"),  # the Monday itself
        ("2026-01-16", 30, "2026-02-15", "2026-02-23"),  # into the Lunar New Year, 14 to 22 February
        ("2026-09-17", 7, "2026-09-24", "2026-09-24"),  # the day before the Mid-autumn Festival
        ("2026-09-18", 7, "2026-09-25", "2026-09-29"),  # on it: a weekend and Teachers' Day follow
        ("2025-02-01", 7, "2025-02-08", "2025-02-08"),  # a Saturday on which offices worked
        ("2026-12-31", 1, "2027-01-01", "2027-01-04"),
    ],
)
def test_days(start: str, days: int, nominal_end: str, due: str):
    deadline = days_after(date.fromisoformat(start), days, CALENDAR)
    assert (deadline.nominal_end.isoformat(), deadline.due.isoformat()) == (nominal_end, due)


def test_the_chain_explains_itself():
    deadline = months_after(date(2026, 9, 18), 1, CALENDAR)
    assert [(step.text, step.day.isoformat(), step.citation) for step in deadline.steps] == [
        ("始日115年9月18日不計算在內，自115年9月19日起算", "2026-09-19", FIRST_DAY),
        ("1個月：以起算日相當日之前一日為期間末日，即115年10月18日", "2026-10-18", LAST_DAY),
        ("115年10月18日（星期日）為休息日，順延至次一上班日115年10月19日", "2026-10-19", REST_DAY),
    ]
    assert deadline.steps[-1].text_en == (
        "2026-10-18 (Sunday) is a rest day; the period ends on the next working day, 2026-10-19"
    )
    assert REST_DAY.text == "行政程序法第48條第4項"


def test_without_a_shift_there_is_no_step_for_it():
    assert [step.citation for step in days_after(date(2026, 6, 30), 30, CALENDAR).steps] == [FIRST_DAY, FIRST_DAY]


def test_a_deadline_beyond_the_official_calendars_says_so():
    deadline = months_after(date(2026, 12, 20), 1, CALENDAR)
    assert deadline.provisional
    assert "暫定" in deadline.steps[-1].text
    assert not months_after(date(2026, 11, 20), 1, CALENDAR).provisional


def test_a_shift_into_an_unknown_year_is_provisional():
    """31 December 2026 closed by an override: the next working day lies where no official calendar reaches."""
    closed = WorkingCalendar([DayOverride(date(2026, 12, 31), False, "停止上班", "test")])
    deadline = months_after(date(2026, 11, 30), 1, closed)
    assert (deadline.nominal_end, deadline.due) == (date(2026, 12, 31), date(2027, 1, 4))
    assert deadline.provisional


def test_a_countys_closure_moves_that_countys_deadline_only():
    typhoon = WorkingCalendar([DayOverride(date(2026, 7, 30), False, "颱風停止上班", "test", county="10015")])
    assert days_after(date(2026, 6, 30), 30, typhoon, county="10015").due == date(2026, 7, 31)
    assert days_after(date(2026, 6, 30), 30, typhoon, county="63000").due == date(2026, 7, 30)
    assert days_after(date(2026, 6, 30), 30, typhoon).due == date(2026, 7, 30)


@pytest.mark.parametrize("count", [0, -1])
def test_a_period_has_a_length(count: int):
    with pytest.raises(ValueError, match="at least one"):
        months_after(date(2026, 1, 1), count, CALENDAR)
    with pytest.raises(ValueError, match="at least one"):
        days_after(date(2026, 1, 1), count, CALENDAR)


@given(starts, st.integers(1, 60))
def test_a_month_ends_with_the_event_s_day_or_the_month_s_last(start: date, months: int):
    """The first day is not counted, so the corresponding day before is the event's own day of the month."""
    end = months_after(start, months, CALENDAR).nominal_end
    last = monthrange(end.year, end.month)[1]
    starts_on_the_first = (start + timedelta(days=1)).day == 1
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == (last if starts_on_the_first else min(start.day, last))


@given(starts, st.integers(1, 400), st.booleans())
def test_the_due_day_is_the_first_working_day_from_the_end(start: date, count: int, by_month: bool):
    deadline = (months_after if by_month else days_after)(start, min(count, 60) if by_month else count, CALENDAR)
    assert CALENDAR.is_working_day(deadline.due)
    between = (deadline.due - deadline.nominal_end).days
    assert all(not CALENDAR.is_working_day(deadline.nominal_end + timedelta(days=n)) for n in range(between))
    assert deadline.steps[-1 if not deadline.provisional else -2].day == deadline.due


@given(starts, st.integers(1, 24))
def test_a_later_event_is_never_due_earlier(start: date, months: int):
    assert months_after(start, months, CALENDAR).due <= months_after(start + timedelta(days=1), months, CALENDAR).due
