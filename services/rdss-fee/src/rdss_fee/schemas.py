"""JSON scalars that the rooms of the fee service share."""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer
from pydantic.json_schema import WithJsonSchema

from rdss_fee.months import Month
from shared.roc import EPOCH, LAST_YEAR
from shared.schemas import ContentError, Int

# The years of the ROC calendar, 1912 to 2910.
_MONTH = r"^(191[2-9]|19[2-9][0-9]|2[0-8][0-9]{2}|290[0-9]|2910)-(0[1-9]|1[0-2])$"
_TOLD: dict[str, Any] = {
    "type": "string",
    "pattern": _MONTH,
    "maxLength": 7,
    "description": "A billed month",
    "examples": ["2026-10"],
}


def month_of(text: str) -> Month:
    """The month that `2026-10` names; raises ContentError for a year that the ROC calendar does not have."""
    year, month = text.split("-")
    if not EPOCH < int(year) <= LAST_YEAR:
        raise ContentError(f"年份應為 {EPOCH + 1} 至 {LAST_YEAR}", f"A year lies between {EPOCH + 1} and {LAST_YEAR}")
    return Month(int(year), int(month))


def _in_range(text: str) -> str:
    month_of(text)
    return text


MonthIn = Annotated[str, Field(pattern=_MONTH, max_length=7, examples=["2026-10"]), AfterValidator(_in_range)]
"""A month as a request names it; `month_of` reads it."""
MonthOut = Annotated[date, PlainSerializer(lambda day: str(Month.of(day)), return_type=str), WithJsonSchema(_TOLD)]
"""A month's first day, told as `2026-10`."""


def file_name(most: int, ending: str) -> str:
    """The pattern of a file's name that is told or handed out again: at most so many characters before its `ending` (a
    pattern), no path, no quotes, nothing that hides or turns what is read.
    """
    hidden = r"\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    return rf'^[^\u0000-\u001f\u007f/\\:*?"<>|%{hidden}]{{1,{most}}}\.{ending}$'


Money = Annotated[Int, Field(ge=-(10**15), le=10**15, description="NT$")]
EmployerCode = Annotated[str, Field(min_length=8, max_length=8, pattern="^[0-9]{8}$", examples=["99000002"])]
