"""Amounts, days and months as they stand on official papers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from rdss_fee.months import Month
from shared.law import rule
from shared.roc import EPOCH, roc_long

AUTHORITY: Final = "內政部役政署"
"""Whom refunds are asked of and receipts are signed by, where nothing else is said."""
LONGEST: Final = 200
"""Characters of one entry on a paper; more is cut, and that it was is said."""
MOST: Final = 10**16 - 1
"""The largest amount that can be written in capitals: 萬兆 has no customary word."""
_CUT: Final = "……（以下從略）"
_DIGITS: Final = "零壹貳參肆伍陸柒捌玖"
_UNITS: Final = ("仟", "佰", "拾", "")
_GROUPS: Final = ("", "萬", "億", "兆")


@rule("FE-30")
def figures(amount: int) -> str:
    """``NT$33,110``. Raises ValueError for an amount that `capitals` cannot write."""
    _bounded(amount)
    return f"NT${amount:,}"


@rule("FE-30")
def capitals(amount: int) -> str:
    """``新臺幣參萬參仟壹佰壹拾元整``: the capital digits that cannot be altered into others.

    One 零 stands for any run of zeros between two digits, none for zeros at the end of four places. Raises ValueError
    below zero and above `MOST`.
    """
    _bounded(amount)
    words = ""
    skipped = False
    for place in range(len(_GROUPS) - 1, -1, -1):
        group = amount // 10_000**place % 10_000
        if not group:
            skipped = bool(words)
            continue
        words += ("零" if words and (skipped or group < 1_000) else "") + _four(group) + _GROUPS[place]
        skipped = False
    return f"新臺幣{words or _DIGITS[0]}元整"


def _four(group: int) -> str:
    """A number of one to four places."""
    words = ""
    skipped = False
    for digit, unit in zip(f"{group:04d}", _UNITS, strict=True):
        if digit == "0":
            skipped = bool(words)
            continue
        words += ("零" if skipped else "") + _DIGITS[int(digit)] + unit
        skipped = False
    return words


def _bounded(amount: int) -> None:
    if not 0 <= amount <= MOST:
        raise ValueError("an amount on paper is not below zero, and has at most sixteen places")


def in_month(month: Month) -> str:
    """``115年10月``."""
    return f"{month.year - EPOCH}年{month.month}月"


def on_day(day: date | None) -> str:
    """``115年10月5日``; empty for none."""
    return "" if day is None else roc_long(day)


def cut(text: str) -> str:
    """`text`, or what of it has room on a paper."""
    return text if len(text) <= LONGEST else text[:LONGEST] + _CUT


@dataclass(frozen=True, slots=True)
class MonthSum:
    """What the lines of one month come to."""

    month: Month
    count: int
    amount: int


def by_month(lines: Iterable[tuple[Month, int]]) -> tuple[MonthSum, ...]:
    """The sums of lines, each a month and an amount, month by month."""
    found: dict[Month, tuple[int, int]] = {}
    for month, amount in lines:
        count, total = found.get(month, (0, 0))
        found[month] = (count + 1, total + amount)
    return tuple(MonthSum(month, *found[month]) for month in sorted(found))
