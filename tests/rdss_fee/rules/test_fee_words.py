"""FE-30: amounts in figures and in the capitals that cannot be altered; sums by month; what the codes say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdss_fee.months import Month
from rdss_fee.papers import codes
from rdss_fee.papers.words import LONGEST, MOST, MonthSum, by_month, capitals, cut, figures, in_month

pytestmark = pytest.mark.rule("FE-30")

CAPITALS = [
    (0, "零"),
    (7, "柒"),
    (10, "壹拾"),
    (101, "壹佰零壹"),
    (110, "壹佰壹拾"),
    (1_001, "壹仟零壹"),
    (1_010, "壹仟零壹拾"),
    (3_010, "參仟零壹拾"),
    (10_000, "壹萬"),
    (10_001, "壹萬零壹"),
    (10_010, "壹萬零壹拾"),
    (15_000, "壹萬伍仟"),
    (33_110, "參萬參仟壹佰壹拾"),
    (63_210, "陸萬參仟貳佰壹拾"),
    (100_000, "壹拾萬"),
    (100_100, "壹拾萬零壹佰"),
    (2_000_000, "貳佰萬"),
    (2_000_001, "貳佰萬零壹"),
    (20_304_050, "貳仟零參拾萬肆仟零伍拾"),
    (100_000_001, "壹億零壹"),
    (100_001_000, "壹億零壹仟"),
    (123_456_789, "壹億貳仟參佰肆拾伍萬陸仟柒佰捌拾玖"),
    (1_000_000_000_000, "壹兆"),
    (1_000_000_010_000, "壹兆零壹萬"),
    (MOST, "玖仟玖佰玖拾玖兆玖仟玖佰玖拾玖億玖仟玖佰玖拾玖萬玖仟玖佰玖拾玖"),
]


@pytest.mark.parametrize("amount, words", CAPITALS)
def test_an_amount_in_capitals(amount, words):
    assert capitals(amount) == f"新臺幣{words}元整"


def read(words: str) -> int:
    """An amount back out of its capitals, each unit by itself."""
    total = group = digit = 0
    for char in words.removeprefix("新臺幣").removesuffix("元整"):
        if char in "零壹貳參肆伍陸柒捌玖":
            digit = "零壹貳參肆伍陸柒捌玖".index(char)
        elif char in "拾佰仟":
            group += digit * {"拾": 10, "佰": 100, "仟": 1_000}[char]
            digit = 0
        else:
            total += (group + digit) * {"萬": 10**4, "億": 10**8, "兆": 10**12}[char]
            group = digit = 0
    return total + group + digit


@given(st.integers(0, MOST))
def test_capitals_are_read_back(amount):
    words = capitals(amount)
    assert read(words) == amount
    assert "零零" not in words
    assert amount == 0 or re.search("零[拾佰仟萬億兆元]", words) is None


@pytest.mark.parametrize("amount", [-1, MOST + 1])
def test_an_amount_that_has_no_words(amount):
    for write in (capitals, figures):
        with pytest.raises(ValueError):
            write(amount)


def test_figures_and_months():
    assert figures(33_110) == "NT$33,110"
    assert in_month(Month(2026, 10)) == "115年10月"
    assert in_month(Month(2027, 1)) == "116年1月"


def test_a_long_text_is_cut_and_says_so():
    assert cut("示" * LONGEST) == "示" * LONGEST
    assert cut("示" * (LONGEST + 1)) == "示" * LONGEST + "……（以下從略）"


def test_sums_by_month_in_their_order():
    october, september = Month(2026, 10), Month(2026, 9)
    assert by_month([(october, 30_100), (september, 3_010), (october, 15_050)]) == (
        MonthSum(september, 1, 3_010),
        MonthSum(october, 2, 45_150),
    )
    assert by_month([]) == ()


def test_what_the_codes_say():
    assert codes.code39("7006020000462711", 14_520) == ("7006020000462711", "14520")
    assert codes.qr("004", "7006020000462711", 14_520) == (
        "RDSS-FEE/1\nbank=004\naccount=7006020000462711\namount=14520\n"
    )


@pytest.mark.parametrize("account, amount", [("", 1), ("70060A", 1), ("７００", 1), ("7 0", 1), ("70", 0), ("70", -1)])
def test_a_code_is_of_digits_and_an_amount(account, amount):
    with pytest.raises(ValueError):
        codes.code39(account, amount)
    with pytest.raises(ValueError):
        codes.qr("004", account, amount)
