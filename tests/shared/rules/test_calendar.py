"""Working days against the official calendars, and the two codings these are published in (facts.md 5)."""

import csv
import io
import threading
import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import DayOverride, WorkingCalendar, read_official_calendar

CALENDAR = WorkingCalendar()

# facts.md 5.1: the weekdays of 2026 that are off, as the government announced them.
OFF_2026 = {
    "0101": "開國紀念日",
    "0216": "農曆除夕",
    "0217": "春節",
    "0218": "春節",
    "0219": "春節",
    "0220": "補假",
    "0227": "補假",
    "0403": "補假",
    "0406": "補假",
    "0501": "勞動節",
    "0619": "端午節",
    "0925": "中秋節",
    "0928": "孔子誕辰紀念日/教師節",
    "1009": "補假",
    "1026": "補假",
    "1225": "行憲紀念日",
}
HEADINGS = ("西元日期", "星期", "是否放假", "備註")
CODINGS = {"big5": "cp950", "utf-8": "utf-8", "utf-8 with BOM": "utf-8-sig"}


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range(366) if (first + timedelta(days=n)).year == year]


def official_rows(year: int = 2026) -> list[list[str]]:
    rows = []
    for day in days_of(year):
        note = OFF_2026.get(f"{day:%m%d}", "") if year == 2026 else ""
        off = bool(note) or day.weekday() >= 5
        rows.append([f"{day:%Y%m%d}", "一二三四五六日"[day.weekday()], "2" if off else "0", note])
    return rows


def as_file(rows: list[list[str]], coding: str = "utf-8-sig", headings: tuple[str, ...] = HEADINGS) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue().encode(coding)


def test_2026_is_the_official_year():
    off = {f"{day:%m%d}" for day in days_of(2026) if not CALENDAR.is_working_day(day) and day.weekday() < 5}
    assert off == set(OFF_2026)
    assert sum(not CALENDAR.is_working_day(day) for day in days_of(2026)) == 120


def test_2025_has_its_make_up_saturday_and_its_revision():
    assert sum(not CALENDAR.is_working_day(day) for day in days_of(2025)) == 118
    assert CALENDAR.is_working_day(date(2025, 2, 8))
    assert not CALENDAR.is_working_day(date(2025, 9, 29))
    assert not CALENDAR.is_working_day(date(2025, 10, 24))


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2014-12-27", True),  # made up for the 2 January 2015 off: populated from the holiday's year, the next
        ("2015-01-02", False),
        ("2023-01-07", True),
        ("2022-12-31", False),
        ("2024-02-17", True),
        ("2026-02-15", False),
        ("2026-02-23", True),
    ],
)
def test_days_that_hang_on_a_neighbouring_year(day: str, working: bool):
    assert CALENDAR.is_working_day(date.fromisoformat(day)) is working


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        ("2026-04-05", "2026-04-02", "2026-04-07"),
        ("2026-07-05", "2026-07-03", "2026-07-06"),
        ("2026-07-06", "2026-07-06", "2026-07-06"),
        ("2026-02-14", "2026-02-13", "2026-02-23"),
    ],
)
def test_the_nearest_working_day(day: str, before: str, after: str):
    assert CALENDAR.on_or_before(date.fromisoformat(day)).isoformat() == before
    assert CALENDAR.on_or_after(date.fromisoformat(day)).isoformat() == after


@pytest.mark.parametrize(
    ("day", "count", "end"),
    [
        ("2026-09-24", 1, "2026-09-29"),
        ("2026-09-25", 1, "2026-09-29"),
        ("2026-09-29", -1, "2026-09-24"),
        ("2026-09-26", 0, "2026-09-26"),
        ("2026-06-01", 15, "2026-06-23"),  # the Dragon Boat Festival lies between
    ],
)
def test_counting_working_days(day: str, count: int, end: str):
    assert CALENDAR.add_working_days(date.fromisoformat(day), count).isoformat() == end


@given(st.dates(date(2015, 1, 1), date(2026, 12, 31)), st.integers(1, 40))
def test_counting_forth_and_back(day: date, count: int):
    there = CALENDAR.add_working_days(day, count)
    assert CALENDAR.is_working_day(there)
    back = CALENDAR.add_working_days(there, -count)
    assert back == CALENDAR.on_or_before(day)


def test_an_override_wins_and_a_county_s_wins_over_it():
    day = date(2026, 7, 30)
    calendar = WorkingCalendar(
        [
            DayOverride(day, False, "颱風", "a"),
            DayOverride(day, True, "照常上班", "b", county="09007"),
            DayOverride(date(2026, 8, 1), True, "補行上班", "c"),
        ]
    )
    assert not calendar.is_working_day(day)
    assert not calendar.is_working_day(day, "63000")
    assert calendar.is_working_day(day, "09007")
    assert calendar.is_working_day(date(2026, 8, 1))
    assert calendar.on_or_after(day, "09007") == day
    assert CALENDAR.is_working_day(day), "another calendar knows nothing of it"


def test_of_two_overrides_the_later_wins():
    day = date(2026, 7, 30)
    twice = [DayOverride(day, False, "停止上班", "a"), DayOverride(day, True, "更正", "b")]
    assert WorkingCalendar(twice).is_working_day(day)


def test_what_no_official_calendar_covers_is_provisional():
    assert not CALENDAR.is_provisional(date(2026, 12, 31))
    assert not CALENDAR.is_provisional(date(1998, 1, 1))
    assert CALENDAR.is_provisional(date(2027, 1, 1))
    assert CALENDAR.is_provisional(date(1997, 12, 31))
    few = WorkingCalendar([DayOverride(date(2027, 2, 8), False, "春節", "announcement")])
    assert not few.is_provisional(date(2027, 2, 8))
    assert few.is_provisional(date(2027, 2, 9))


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS.keys())
def test_an_imported_year_is_no_longer_provisional(coding: str):
    calendar = WorkingCalendar(read_official_calendar(as_file(official_rows(2027), coding), "116年"))
    assert not any(calendar.is_provisional(day) for day in days_of(2027))
    assert calendar.is_provisional(date(2028, 1, 1))
    county_only = [
        DayOverride(o.day, o.working, o.reason, o.source, county="63000")
        for o in read_official_calendar(as_file(official_rows(2027), coding), "116年")
    ]
    assert WorkingCalendar(county_only).is_provisional(date(2027, 1, 1))


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS.keys())
def test_both_official_codings_say_the_same_as_the_library(coding: str):
    overrides = read_official_calendar(as_file(official_rows(), coding), "115年")
    assert len(overrides) == 365
    assert sum(not override.working for override in overrides) == 120
    assert overrides[0] == DayOverride(date(2026, 1, 1), False, "開國紀念日", "115年")
    assert overrides[1] == DayOverride(date(2026, 1, 2), True, "上班日", "115年")
    imported = WorkingCalendar(overrides)
    assert all(imported.is_working_day(day) == CALENDAR.is_working_day(day) for day in days_of(2026))


def test_the_files_of_the_test_really_differ():
    big5, plain, marked = (as_file(official_rows(), coding) for coding in CODINGS.values())
    assert marked == b"\xef\xbb\xbf" + plain
    with pytest.raises(UnicodeDecodeError):
        big5.decode("utf-8")


def test_more_columns_blank_lines_and_another_order_do_not_matter():
    rows = [["115", *reversed(row)] for row in official_rows()]
    content = as_file(rows, headings=("民國年", *reversed(HEADINGS))).replace(b"\r\n", b"\r\n\r\n", 3)
    assert len(read_official_calendar(content, "x")) == 365


def spoil(line: int, column: int, value: str) -> bytes:
    rows = official_rows()
    rows[line - 2][column] = value
    return as_file(rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: no day in the file"),
        (as_file([]), "line 1: no day in the file"),
        (b"a,b\r\n1,2\r\n", "line 1: column missing: 西元日期、星期、是否放假、備註"),
        (as_file(official_rows(), headings=("日期", "星期", "是否放假", "備註")), "line 1: column missing: 西元日期"),
        (spoil(5, 0, "2026-01-04"), "line 5: 西元日期 is not eight digits"),
        (spoil(5, 0, "20260230"), "line 5: day is out of range for month"),
        (spoil(5, 1, "一"), "line 5: 2026-01-04 is not a 星期一"),
        (spoil(5, 1, "王小明"), "line 5: 2026-01-04 is not a 星期?"),
        (spoil(5, 3, "節" * 201), "line 5: 備註 is longer than 200 characters"),
        (spoil(5, 3, "a\x00b"), "line 5: NUL is no text"),
        (spoil(5, 2, "1"), "line 5: 是否放假 is not 0 or 2"),
        (spoil(5, 2, ""), "line 5: 是否放假 is not 0 or 2"),
        (as_file([*official_rows()[:3], official_rows()[0]]), "line 5: 2026-01-01 stands twice"),
        (as_file([["20260101", "四"]]), "line 2: 2 cells, 4 expected"),
        (as_file(official_rows()[:1]) + b"20260102,\xff\xff,0,\r\n", "line 3: neither UTF-8 nor Big5"),
        (as_file(official_rows()[:1]) + b'20260102,"\xe4\xba\x94,0,\r\n', "line 3: unexpected end of data"),
    ],
)
def test_a_bad_file_is_refused_by_line(content: bytes, message: str):
    with pytest.raises(ValueError) as caught:
        read_official_calendar(content, "115年.csv")
    assert str(caught.value) == f"115年.csv: {message}"


def test_an_instant_is_no_day():
    with pytest.raises(TypeError):
        CALENDAR.is_working_day(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_warm_answer_takes_about_a_microsecond():
    days = days_of(2026) * 20
    CALENDAR.is_working_day(days[0])
    best = min(_timed(days) for _ in range(5))
    assert best / len(days) < 5e-6


def _timed(days: list[date]) -> float:
    began = time.thread_time()
    for day in days:
        CALENDAR.is_working_day(day)
    return time.thread_time() - began


def test_threads_agree():
    """Years nobody has asked for yet, asked for by eight threads at once."""
    days = [date(year, 1, 1) + timedelta(days=n) for year in (2001, 2002) for n in range(365)]
    answers: list[list[bool]] = []
    start = threading.Barrier(8)

    def ask() -> None:
        calendar = WorkingCalendar()
        start.wait()
        answers.append([calendar.is_working_day(day) for day in days])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
