"""What a number format of XLSX shows: a date, a time, leading zeros, other characters than the number's.

SOURCE: ECMA-376 part 1, 18.8.30 and 18.8.31, the built-in formats of zh-TW included.
"""

import re
from dataclasses import dataclass
from typing import Literal

# Built-in formats that no file writes down. Those of zh-TW show ROC years (27, 28, 36, 50 to 54, 57, 58).
_DATES = frozenset({14, 15, 16, 17, 22, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58})
_TIMES = frozenset({18, 19, 20, 21, 32, 33, 34, 35, 45, 46, 47, 55, 56})
_SHORT_YEARS = frozenset({30})
# A quoted text, an escaped character, a space as wide as one, one that fills the cell; a colour, locale or condition.
_QUOTED = re.compile(r'"[^"]*"?|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[(?![hms]+\])[^\]]*\]")
_ELAPSED = re.compile(r"\[[hms]+\]")
_ZEROS = re.compile(r"0+")
_PLAIN = re.compile(r"[#0?., %]*|general|@|[#0?.,]*e[+-][#0?]*")


@dataclass(frozen=True, slots=True)
class Shown:
    """How a number is shown: as a `number`, of `zeros` digits at least, `dressed` in others; as a `date`; a `time`."""

    kind: Literal["number", "date", "time"] = "number"
    zeros: int = 0
    dressed: bool = False
    short_year: bool = False


NUMBER, DATE, TIME = Shown(), Shown("date"), Shown("time")


def built_in(number: int) -> Shown:
    """What a format does that has a number only."""
    if number in _DATES:
        return Shown("date", short_year=True) if number in _SHORT_YEARS else DATE
    return TIME if number in _TIMES else NUMBER


def shown(code: str) -> Shown:
    """What a format does, by its first section, which is that of positive numbers."""
    code = code[:400].lower()
    bare = _QUOTED.sub("\0", code)
    bare = _BRACKETS.sub("", bare).partition(";")[0]
    if bare.strip("\0 ") == "general":
        return Shown(dressed="\0" in bare)
    letters = re.sub(r"am/pm|a/p|上午/下午|e[+-]", "", _ELAPSED.sub("h", bare))
    if any(char in letters for char in "ydegb"):
        roc = "e" in letters or "b" in letters
        return Shown("date", short_year=not roc and "yy" in letters and "yyy" not in letters)
    if "h" in letters or "s" in letters:
        return TIME
    if "m" in letters:
        return DATE
    if _ZEROS.fullmatch(bare):
        return Shown(zeros=min(len(bare), 40))
    return NUMBER if _PLAIN.fullmatch(bare) else Shown(dressed=True)
