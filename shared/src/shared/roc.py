"""Dates as people in Taiwan write them: ROC and ISO in, ROC out. Nothing is guessed.

How a text is read (full-width characters and blanks are folded first):

- A year of four digits is Gregorian, one of two or three is ROC, whatever the separator (``-``, ``/`` or
  ``.``, the same one twice): ``2026-06-30``, ``115/06/30``, ``095.01.31``, ``95/1/31``.
- Digits alone: eight are Gregorian (``20260630``), seven are ROC (``0950131``), six are ROC with the leading
  zero that spreadsheets drop (``950131``). Two-digit Gregorian years are never read.
- In words: ``民國95年1月31日``, ``95年1月31日``, ``民國元年1月1日``, ``2026年6月30日``.
- A year outside ROC 1 to 999 (1912 to 2910) is impossible here, in whichever calendar it is written.
- `parse_date_or_month` also takes ``2026-06``, ``115/06``, ``115年6月``, five digits (``11506``), and six
  digits that begin with 19 or 20 and end in a month (``202606``): the month's last day.
"""

import re
from calendar import monthrange
from datetime import date
from typing import Final, Literal

from shared.ids import FULL_WIDTH
from shared.law import rule

EPOCH: Final = 1911
"""The year before the Republic's first."""
# What three digits can write: ROC 1 to 999. Whatever was read can be written again and counted on from.
_FIRST_YEAR: Final = EPOCH + 1
LAST_YEAR: Final = EPOCH + 999
_LONGEST: Final = 40

_SEPARATED: Final = re.compile(r"([0-9]{2,4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_COMPACT: Final = re.compile(r"([0-9]{2,4})([0-9]{2})([0-9]{2})")
_WORDS: Final = re.compile(r"(?:(?:中華)?(民國))?([0-9]{1,4}|元)年([0-9]{1,2})月([0-9]{1,2})日")
_MONTH_SEPARATED: Final = re.compile(r"([0-9]{2,4})[-/.]([0-9]{1,2})")
_MONTH_COMPACT: Final = re.compile(r"([0-9]{3}|19[0-9]{2}|20[0-9]{2})(0[1-9]|1[0-2])")
_MONTH_WORDS: Final = re.compile(r"(?:(?:中華)?(民國))?([0-9]{1,4}|元)年([0-9]{1,2})月")

DateTextCode = Literal["date_format", "date_impossible", "roc_year_zero"]


class DateTextError(ValueError):
    """A text that is no date, and why (`code`). The text itself is never quoted."""

    def __init__(self, code: DateTextCode) -> None:
        super().__init__(code)
        self.code: Final = code


@rule("RO-06")
def parse_date(text: str) -> date:
    """Read a date in one of the module's forms. Raises DateTextError."""
    value = _fold(text)
    found = _SEPARATED.fullmatch(value)
    if found:
        return _day(found[1], found[3], found[4])
    found = _COMPACT.fullmatch(value)
    if found:
        return _day(*found.groups())
    found = _WORDS.fullmatch(value)
    if found:
        return _day(found[2], found[3], found[4], roc_named=found[1] is not None)
    raise DateTextError("date_format")


@rule("RO-06")
def parse_date_or_month(text: str) -> date:
    """Read a date, or a month as its last day. Raises DateTextError."""
    value = _fold(text)
    found = _MONTH_SEPARATED.fullmatch(value) or _MONTH_COMPACT.fullmatch(value)
    if found:
        return _last_day(found[1], found[2])
    found = _MONTH_WORDS.fullmatch(value)
    if found:
        return _last_day(found[2], found[3], roc_named=found[1] is not None)
    return parse_date(text)


def roc(day: date) -> str:
    """``095/01/31``. Raises ValueError before ROC year 1 (1912)."""
    return f"{_roc_year(day):03d}/{day.month:02d}/{day.day:02d}"


def roc_long(day: date) -> str:
    """``95年1月31日``. Raises ValueError before ROC year 1 (1912)."""
    return f"{_roc_year(day)}年{day.month}月{day.day}日"


def _roc_year(day: date) -> int:
    if day.year <= EPOCH:
        raise ValueError(f"{day.isoformat()} lies before the first year of the Republic")
    return day.year - EPOCH


def _fold(text: str) -> str:
    if len(text) > _LONGEST:
        raise DateTextError("date_format")
    if not text.isascii():
        text = text.translate(FULL_WIDTH)
        if "年" in text:
            return "".join(text.split())
    return text.strip()


def _year(text: str, roc_named: bool) -> int:
    if text == "元":
        return EPOCH + 1
    year = int(text)
    if len(text) == 4:
        if roc_named:
            raise DateTextError("date_format")
        if not _FIRST_YEAR <= year <= LAST_YEAR:
            raise DateTextError("date_impossible")
        return year
    if year == 0:
        raise DateTextError("roc_year_zero")
    return year + EPOCH


def _day(year: str, month: str, day: str, *, roc_named: bool = False) -> date:
    try:
        return date(_year(year, roc_named), int(month), int(day))
    except DateTextError:
        raise
    except ValueError as error:
        raise DateTextError("date_impossible") from error


def _last_day(year: str, month: str, *, roc_named: bool = False) -> date:
    gregorian, number = _year(year, roc_named), int(month)
    if not 1 <= number <= 12:
        raise DateTextError("date_impossible")
    return date(gregorian, number, monthrange(gregorian, number)[1])
