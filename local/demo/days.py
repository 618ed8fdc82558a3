"""The days of the story, all relative to the suite's today: terms, registration deadlines, when a roster is due."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta

from shared import clock
from shared.calendar import WorkingCalendar

_DAY = timedelta(days=1)
_MIDWEEK = (1, 2, 3)
_LONGEST_RUN = 60


@dataclass(frozen=True)
class Term:
    """A term of an ROC academic year, the day its registration closed and the day its rosters are due."""

    academic_year: int
    number: int
    registration_deadline: date
    due: date

    @property
    def path(self) -> str:
        return f"{self.academic_year}/{self.number}"

    @property
    def query(self) -> str:
        return f"academic_year={self.academic_year}&term={self.number}"

    @property
    def title(self) -> str:
        return f"{self.academic_year}學年度第{self.number}學期"


@dataclass(frozen=True)
class Days:
    """Today, the running term (whose rosters are not due yet) and the one before (whose rosters are late)."""

    today: date
    term: Term
    last_term: Term

    @property
    def first_autumn(self) -> int:
        """The Gregorian year in which the running academic year began."""
        return self.term.academic_year + 1911


def plan(today: date) -> Days:
    """The story's days. The running term's registration closed some days ago, the other's a season ago."""
    second = 2 <= today.month < 8
    year = today.year - 1911 if today.month >= 8 else today.year - 1912
    closed = next(day for day in _back_from(today - 3 * _DAY) if _plain(day))
    if second:
        before, number, opened = year, 1, date(year + 1911, 9, 10)
    else:
        before, number, opened = year - 1, 2, date(year + 1911, 2, 20)
    earlier = next(day for day in _forward_from(opened) if _plain(day))
    return Days(
        today,
        Term(year, 2 if second else 1, closed, _corresponding(closed)),
        Term(before, number, earlier, _corresponding(earlier)),
    )


def _back_from(day: date) -> "list[date]":
    return [day - index * _DAY for index in range(24)]


def _forward_from(day: date) -> "list[date]":
    return [day + index * _DAY for index in range(24)]


def _plain(day: date) -> bool:
    """Whether the month after `day` ends on a midweek working day, so that plain arithmetic gives the due day."""
    if day.day > 27:
        return False
    end = _corresponding(day)
    return end.weekday() in _MIDWEEK and WorkingCalendar().is_working_day(end)


def _corresponding(day: date) -> date:
    """A month that starts on the day after `day` ends on the same day of the next month (2026-09-18 → 10-18)."""
    return date(day.year + day.month // 12, day.month % 12 + 1, day.day)


async def clear_of_midnight(longest: int = _LONGEST_RUN) -> None:
    """Wait for tomorrow if it is nearly there in Taipei: the story is told within one day."""
    now = clock.now().astimezone(clock.TAIPEI)
    past = now.hour * 3600 + now.minute * 60 + now.second
    left = 24 * 3600 - past
    if left <= longest:
        print(f"臺北時間將跨日，等候 {left} 秒  nearly midnight in Taipei: waiting {left} s", flush=True)
        await asyncio.sleep(left + 1)
