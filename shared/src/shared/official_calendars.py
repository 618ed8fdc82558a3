"""A year's official calendar as offices hand it in, and the working calendar of the days that were kept."""

from collections.abc import Iterable
from functools import lru_cache

from pydantic import Field

from shared.calendar import DayOverride, WorkingCalendar, read_official_calendar
from shared.problems import INVALID_CONTENT, Fault
from shared.schemas import Out


class CalendarResult(Out):
    """How many days an official calendar set."""

    days: int = Field(ge=0, le=4_000)


def source_of(year: int) -> str:
    """What the days of a year's official calendar are kept under; another calendar of the year replaces them."""
    return f"official calendar {year}"


def read_year(body: bytes, year: int) -> list[DayOverride]:
    """The days of a published calendar (both codings), which has to be that of `year`. Raises 422."""
    try:
        days = read_official_calendar(body, source_of(year))
    except ValueError as error:
        raise INVALID_CONTENT(
            errors=[Fault("bad_calendar", "不是政府行政機關辦公日曆表的格式", str(error)[:500])]
        ) from None
    if {one.day.year for one in days} != {year}:
        raise INVALID_CONTENT(
            errors=[Fault("other_year", f"檔案所載不是 {year} 年", f"The file is not the calendar of {year}")]
        )
    return days


def calendar_of(days: Iterable[DayOverride]) -> WorkingCalendar:
    """The working days in force: these over the general calendar; the same days give the same calendar again."""
    return _calendar(tuple(days))


@lru_cache(maxsize=8)
def _calendar(days: tuple[DayOverride, ...]) -> WorkingCalendar:
    return WorkingCalendar(days)
