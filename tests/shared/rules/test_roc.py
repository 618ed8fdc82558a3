"""Every way a date is written on a roster, and every way it is wrong (RO-06)."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.roc import DateTextError, parse_date, parse_date_or_month, roc, roc_long

pytestmark = pytest.mark.rule("RO-06")

JANUARY_31 = date(2006, 1, 31)
writable = st.dates(date(1912, 1, 1), date(2910, 12, 31))


@pytest.mark.parametrize(
    "text",
    [
        "0950131",
        "95/01/31",
        "095.01.31",
        "095/1/31",
        "95-1-31",
        "950131",
        "民國95年1月31日",
        "中華民國 95 年 01 月 31 日",
        "95年1月31日",
        "2006-01-31",
        "2006/01/31",
        "2006/1/31",
        "2006.01.31",
        "20060131",
        "2006年1月31日",
        "０９５０１３１",
        "９５／０１／３１",
        "　民國９５年１月３１日 ",
        "\t2006-01-31\n",
    ],
)
def test_one_day_in_all_its_forms(text: str):
    assert parse_date(text) == JANUARY_31


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("民國元年1月1日", date(1912, 1, 1)),
        ("0010101", date(1912, 1, 1)),
        ("1912-01-01", date(1912, 1, 1)),
        ("01/01/31", date(1912, 1, 31)),  # never January 1931 nor 2001: two digits are ROC
        ("113/02/29", date(2024, 2, 29)),
        ("1130229", date(2024, 2, 29)),
        ("9991231", date(2910, 12, 31)),
        ("民國5年5月5日", date(1916, 5, 5)),
    ],
)
def test_edges(text: str, day: date):
    assert parse_date(text) == day


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0950230", "date_impossible"),
        ("0950231", "date_impossible"),
        ("2006-02-31", "date_impossible"),
        ("114/02/29", "date_impossible"),
        ("95/13/01", "date_impossible"),
        ("95/00/10", "date_impossible"),
        ("95/01/00", "date_impossible"),
        ("31/01/95", "date_impossible"),
        ("0000-01-01", "date_impossible"),
        ("1911-12-31", "date_impossible"),
        ("2911-01-01", "date_impossible"),
        ("0000131", "roc_year_zero"),
        ("000/01/31", "roc_year_zero"),
        ("00/01/31", "roc_year_zero"),
        ("000131", "roc_year_zero"),
        ("民國0年1月1日", "roc_year_zero"),
        ("民國000年1月1日", "roc_year_zero"),
        ("", "date_format"),
        ("   ", "date_format"),
        ("95/01-31", "date_format"),
        ("95/01", "date_format"),
        ("5/1/31", "date_format"),
        ("95131", "date_format"),
        ("民國2006年1月31日", "date_format"),
        ("2006-01-31T00:00:00", "date_format"),
        ("2006-W05-2", "date_format"),
        ("86400", "date_format"),
        ("-0950131", "date_format"),
        ("Jan 31, 2006", "date_format"),
        ("९५/०१/३१", "date_format"),
        ("²006-01-31", "date_format"),
        ("九十五年一月三十一日", "date_format"),
        ("=TODAY()", "date_format"),
        ("0" * 10_000, "date_format"),
        ("年" * 10_000, "date_format"),
    ],
)
def test_what_is_no_date_says_why(text: str, code: str):
    with pytest.raises(DateTextError) as caught:
        parse_date(text)
    assert caught.value.code == code
    assert str(caught.value) == code, "the text itself may be personal and is never quoted"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("115/06", date(2026, 6, 30)),
        ("115.6", date(2026, 6, 30)),
        ("115-06", date(2026, 6, 30)),
        ("2026-06", date(2026, 6, 30)),
        ("2026/6", date(2026, 6, 30)),
        ("11506", date(2026, 6, 30)),
        ("202606", date(2026, 6, 30)),
        ("115年6月", date(2026, 6, 30)),
        ("民國115年06月", date(2026, 6, 30)),
        ("２０２６－０６", date(2026, 6, 30)),
        ("113/02", date(2024, 2, 29)),
        ("2026-02", date(2026, 2, 28)),
        ("115/12", date(2026, 12, 31)),
        # Whole dates are read as they are.
        ("2026-06-15", date(2026, 6, 15)),
        ("1150615", date(2026, 6, 15)),
        ("950131", JANUARY_31),
    ],
)
def test_a_month_is_read_as_its_last_day(text: str, day: date):
    assert parse_date_or_month(text) == day


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("115/13", "date_impossible"),
        ("115/00", "date_impossible"),
        ("115年13月", "date_impossible"),
        ("1911-12", "date_impossible"),
        ("000/06", "roc_year_zero"),
        ("00006", "roc_year_zero"),
        ("民國2026年6月", "date_format"),
        ("2026", "date_format"),
        ("1506", "date_format"),
        ("6/2026", "date_format"),
        ("", "date_format"),
        ("2026-02-30", "date_impossible"),
    ],
)
def test_what_is_no_month_says_why(text: str, code: str):
    with pytest.raises(DateTextError) as caught:
        parse_date_or_month(text)
    assert caught.value.code == code


def test_writing():
    assert roc(JANUARY_31) == "095/01/31"
    assert roc_long(JANUARY_31) == "95年1月31日"
    assert roc(date(2026, 12, 1)) == "115/12/01"
    for write in (roc, roc_long):
        with pytest.raises(ValueError, match="1911-12-31"):
            write(date(1911, 12, 31))


@given(writable)
def test_what_is_written_is_read_back(day: date):
    for text in (roc(day), roc_long(day), day.isoformat(), roc(day).replace("/", ""), f"{day:%Y%m%d}"):
        assert parse_date(text) == day
        assert parse_date_or_month(text) == day


def outcome(parse: Callable[[str], date], text: str) -> date | str:
    try:
        return parse(text)
    except DateTextError as error:
        return error.code


@given(st.text(max_size=60) | st.from_regex(r"[0-9]{2,4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{0,2}", fullmatch=True))
def test_any_text_is_a_date_or_a_named_error(text: str):
    for parse in (parse_date, parse_date_or_month):
        read = outcome(parse, text)
        if isinstance(read, date):
            assert 1912 <= read.year <= 2910
        else:
            assert read in {"date_format", "date_impossible", "roc_year_zero"}
