"""Working days of Taiwan's government: the `holidays` library under a table of overrides.

The library knows the official calendars of 1998 to 2026 (make-up Saturdays included); what it says of later
years is derived from the rules, and the law leaves agencies a choice around the Lunar New Year. Such a day is
*provisional* until the year's official calendar has been imported (`read_official_calendar`). Closures by
typhoon are overrides of one county.
"""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

FIRST_OFFICIAL_YEAR: Final = 1998
LAST_OFFICIAL_YEAR: Final = 2026

_DAY: Final = timedelta(days=1)
_WEEKDAYS: Final = "一二三四五六日"
_COLUMNS: Final = ("西元日期", "星期", "是否放假", "備註")
# Both official codings write 0 for a working day and 2 for a day off; there is no 1.
_WORKING: Final = {"0": True, "2": False}
_LONGEST_NOTE: Final = 200


@dataclass(frozen=True, slots=True)
class DayOverride:
    """What one day is, whatever the library says.

    `county` None means the whole country; `source` names the document it is taken from.
    """

    day: date
    working: bool
    reason: str
    source: str
    county: str | None = None


class WorkingCalendar:
    """Answers from memory after the first question of a year. Unchangeable, so safe to share between threads.

    A county's override wins over a national one, which wins over the library. Of two overrides for the same
    day and county the later in the sequence wins.
    """

    def __init__(self, overrides: Iterable[DayOverride] = ()) -> None:
        self._national: dict[date, bool] = {}
        self._county: dict[tuple[str, date], bool] = {}
        for override in overrides:
            if override.county is None:
                self._national[override.day] = override.working
            else:
                self._county[override.county, override.day] = override.working
        days: dict[int, int] = {}
        for day in self._national:
            days[day.year] = days.get(day.year, 0) + 1
        self._covered = frozenset(year for year, count in days.items() if count == _days_in(year))

    def is_working_day(self, day: date, county: str | None = None) -> bool:
        """Whether offices are open on `day` (in `county`, a county code). Raises TypeError for a datetime."""
        if isinstance(day, datetime):
            raise TypeError("a working day is a date, not an instant")
        if county is not None:
            local = self._county.get((county, day))
            if local is not None:
                return local
        national = self._national.get(day)
        if national is not None:
            return national
        return day not in _days_off(day.year)

    def on_or_after(self, day: date, county: str | None = None) -> date:
        """`day` itself if offices are open, else the next day they are."""
        while not self.is_working_day(day, county):
            day += _DAY
        return day

    def on_or_before(self, day: date, county: str | None = None) -> date:
        """`day` itself if offices are open, else the last day before on which they were."""
        while not self.is_working_day(day, county):
            day -= _DAY
        return day

    def add_working_days(self, day: date, count: int, county: str | None = None) -> date:
        """The `count`-th working day after `day`, which itself is not counted; a negative count goes back."""
        step = _DAY if count > 0 else -_DAY
        left = abs(count)
        while left:
            day += step
            if self.is_working_day(day, county):
                left -= 1
        return day

    def is_provisional(self, day: date) -> bool:
        """Whether no official calendar stands behind the answer for `day`: it may still change."""
        if FIRST_OFFICIAL_YEAR <= day.year <= LAST_OFFICIAL_YEAR or day in self._national:
            return False
        return day.year not in self._covered


def read_official_calendar(data: bytes, source: str) -> list[DayOverride]:
    """Read a calendar as the Directorate-General of Personnel Administration publishes it: one override a
    day.

    CSV with the columns 西元日期 (YYYYMMDD), 星期, 是否放假 (0 or 2) and 備註, in UTF-8 with or without BOM,
    or Big5. Raises ValueError naming `source` and the line for anything else: a wrong coding, a missing
    column, an impossible date, a weekday that is not the date's, an unknown code, a note too long, NUL, a day
    given twice, no day at all. No cell is quoted in it.
    """
    rows = csv.reader(io.StringIO(_decode(data, source), newline=""), strict=True)
    overrides: list[DayOverride] = []
    seen: set[date] = set()
    columns: list[int] | None = None
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if columns is None:
                missing = [name for name in _COLUMNS if name not in cells]
                if missing:
                    raise ValueError(f"column missing: {'、'.join(missing)}")
                columns = [cells.index(name) for name in _COLUMNS]
                continue
            override = _read_row(cells, columns, source)
            if override.day in seen:
                raise ValueError(f"{override.day.isoformat()} stands twice")
            seen.add(override.day)
            overrides.append(override)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{source}: line {rows.line_num}: {error}") from error
    if not overrides:
        raise ValueError(f"{source}: line {max(rows.line_num, 1)}: no day in the file")
    return overrides


def _read_row(cells: list[str], columns: list[int], source: str) -> DayOverride:
    if len(cells) <= max(columns):
        raise ValueError(f"{len(cells)} cells, {max(columns) + 1} expected")
    written, weekday, code, note = (cells[column] for column in columns)
    if len(written) != 8 or not (written.isascii() and written.isdigit()):
        raise ValueError("西元日期 is not eight digits")
    day = date(int(written[:4]), int(written[4:6]), int(written[6:]))
    # What is no weekday at all is not quoted: somebody may have sent another file.
    if weekday != _WEEKDAYS[day.weekday()]:
        raise ValueError(f"{day.isoformat()} is not a 星期{weekday if weekday in set(_WEEKDAYS) else '?'}")
    working = _WORKING.get(code)
    if working is None:
        raise ValueError("是否放假 is not 0 or 2")
    if len(note) > _LONGEST_NOTE:
        raise ValueError(f"備註 is longer than {_LONGEST_NOTE} characters")
    return DayOverride(day, working, note or ("上班日" if working else "例假日"), source)


def _decode(data: bytes, source: str) -> str:
    if 0 in data:
        raise ValueError(f"{source}: line {_line(data, data.index(0))}: NUL is no text")
    # With a BOM it is UTF-8 or broken; without one, the coding that got farther names the line.
    codings = ("utf-8-sig",) if data.startswith(BOM_UTF8) else ("utf-8", "cp950")
    farthest = 0
    for coding in codings:
        try:
            return data.decode(coding)
        except UnicodeDecodeError as error:
            farthest = max(farthest, error.start)
    raise ValueError(f"{source}: line {_line(data, farthest)}: neither UTF-8 nor Big5")


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


def _days_in(year: int) -> int:
    return (date(year, 12, 31) - date(year, 1, 1)).days + 1


@lru_cache(maxsize=400)
def _days_off(year: int) -> frozenset[date]:
    """The library's days off of a year, weekends included and make-up Saturdays left out."""
    # The library takes 8 MB and a tenth of a second, which a process that never asks does not pay.
    from holidays import country_holidays

    #  Observed days and make-up Saturdays hang on the holiday's own year, which may be the year before or
    # after. The language is fixed because the library otherwise follows the environment.
    years = [near for near in (year - 1, year, year + 1) if 1 <= near <= 9999]
    known = country_holidays("TW", years=years, expand=False, language="zh_TW")
    first = date(year, 1, 1)
    days = (first + _DAY * index for index in range(_days_in(year)))
    return frozenset(day for day in days if not known.is_working_day(day))
