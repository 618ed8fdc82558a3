"""RO-41: the county's own number format, which is text and never a program."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.review.numbers import DEFAULT_FORMAT, NumberFormatError, check_number_format, decision_number

DAY = date(2026, 10, 20)


@pytest.mark.rule("RO-41")
@pytest.mark.parametrize(
    ("template", "serial", "number"),
    [
        (DEFAULT_FORMAT, 42, "府兵徵字第1150000042號"),
        ("府兵徵字第{roc_year}{serial:07d}號", 12345678, "府兵徵字第11512345678號"),
        ("新北府役徵字第{serial}號", 7, "新北府役徵字第7號"),
        ("{roc_year:04d}-{serial:05d}", 1, "0115-00001"),
    ],
)
def test_numbers(template, serial, number):
    assert decision_number(template, DAY, serial) == number


@pytest.mark.rule("RO-41")
@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("", "format_blank"),
        (" ", "format_blank"),
        ("府兵徵字第1號", "format_without_serial"),
        ("{roc_year}", "format_without_serial"),
        ("{serial.__class__}{serial}", "format_unknown_field"),
        ("{serial!r}", "format_unknown_field"),
        ("{serial:>9999999999}", "format_unknown_field"),
        ("{0}{serial}", "format_unknown_field"),
        ("{{serial}}", "format_unknown_field"),
        ("{serial}\n", "format_unknown_field"),
        ("字" * 60 + "{serial}", "format_too_long"),
    ],
)
def test_what_is_no_format(template, code):
    with pytest.raises(NumberFormatError) as refused:
        check_number_format(template)
    assert refused.value.code == code


def test_serials_are_not_negative():
    with pytest.raises(ValueError, match="negative"):
        decision_number(DEFAULT_FORMAT, DAY, -1)


@given(st.text(max_size=80), st.integers(0, 10**9))
def test_any_text_is_a_format_or_refused(template, serial):
    try:
        number = decision_number(template, DAY, serial)
    except NumberFormatError:
        return
    assert str(serial) in number
