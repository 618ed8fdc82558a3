"""Periods of law and the day they end (RO-36).

SOURCE: Administrative Procedure Act Art. 48. Paragraph 2: a period of days, weeks, months or years does not
count its first day. Paragraph 3: a period that does not run from the beginning of a month ends on the day before
the corresponding day of the last month, or on the last day of a month that has no such day. Paragraph 4: a last
day that is a Sunday, a national holiday or another rest day gives way to the next day, a Saturday to the following
Monday's morning. Since offices rest on both days of the weekend, both come to the next working day.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from shared.calendar import WorkingCalendar
from shared.law import ADMINISTRATIVE_PROCEDURE_ACT, Citation, cite, rule
from shared.roc import roc_long

FIRST_DAY: Final = cite(ADMINISTRATIVE_PROCEDURE_ACT, "48-2")
LAST_DAY: Final = cite(ADMINISTRATIVE_PROCEDURE_ACT, "48-3")
REST_DAY: Final = cite(ADMINISTRATIVE_PROCEDURE_ACT, "48-4")

_DAY: Final = timedelta(days=1)
_WEEKDAYS: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a deadline's explanation: what was done, in Chinese and English, and the day it led to."""

    text: str
    text_en: str
    day: date
    citation: Citation | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """A period from the event on `start` to the last day to act, `due`.

    `nominal_end` is the end before the shift from a rest day. `provisional`: the shift was judged by a
    calendar that is not official yet. `steps` tell the chain, in order.
    """

    start: date
    nominal_end: date
    due: date
    provisional: bool
    steps: tuple[Step, ...]

    def headed(self, first: Step) -> "Deadline":
        """The same with `first`, what it is counted from and by which article, at the head of its chain (RO-63)."""
        return replace(self, steps=(first, *self.steps))


@rule("RO-36")
def months_after(start: date, months: int, calendar: WorkingCalendar, county: str | None = None) -> Deadline:
    """The deadline `months` (≥ 1) after the event on `start`.

    `county` lets that county's closures shift it too. Raises ValueError for a shorter period.
    """
    if months < 1:
        raise ValueError("a period has at least one month")
    begin = start + _DAY
    index = begin.year * 12 + begin.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    last = monthrange(year, month)[1]
    if begin.day <= last:
        end = date(year, month, begin.day) - _DAY
        why = "以起算日相當日之前一日為期間末日"
        why_en = "the period ends on the day before the corresponding day"
        if begin.day == 1:
            why = "自月之首日起算，以月之末日為期間末日"
            why_en = "the period began on the first of a month and ends on the last of a month"
    else:
        end = date(year, month, last)
        why = "最後之月無相當日，以該月之末日為期間末日"
        why_en = "the last month has no corresponding day, so the period ends on its last day"
    step = Step(
        f"{months}個月：{why}，即{roc_long(end)}",
        f"{months} month(s): {why_en}, {end.isoformat()}",
        end,
        LAST_DAY,
    )
    return _close(start, begin, end, step, calendar, county)


@rule("RO-36")
def days_after(start: date, days: int, calendar: WorkingCalendar, county: str | None = None) -> Deadline:
    """The deadline `days` (≥ 1) after the event on `start`.

    `county` lets that county's closures shift it too. Raises ValueError for a shorter period.
    """
    if days < 1:
        raise ValueError("a period has at least one day")
    end = start + _DAY * days
    step = Step(
        f"{days}日：期間末日為{roc_long(end)}",
        f"{days} day(s): the period ends on {end.isoformat()}",
        end,
        FIRST_DAY,
    )
    return _close(start, start + _DAY, end, step, calendar, county)


def _close(
    start: date, begin: date, end: date, length: Step, calendar: WorkingCalendar, county: str | None
) -> Deadline:
    due = calendar.on_or_after(end, county)
    span = (end + _DAY * index for index in range((due - end).days + 1))
    provisional = any(calendar.is_provisional(day) for day in span)
    steps = [
        Step(
            f"始日{roc_long(start)}不計算在內，自{roc_long(begin)}起算",
            f"the first day, {start.isoformat()}, is not counted; the period runs from {begin.isoformat()}",
            begin,
            FIRST_DAY,
        ),
        length,
    ]
    if due != end:
        steps.append(
            Step(
                f"{roc_long(end)}（星期{_WEEKDAYS[end.weekday()]}）為休息日，順延至次一上班日{roc_long(due)}",
                f"{end.isoformat()} ({_WEEKDAYS_EN[end.weekday()]}) is a rest day;"
                f" the period ends on the next working day, {due.isoformat()}",
                due,
                REST_DAY,
            )
        )
    if provisional:
        steps.append(
            Step(
                "該年度政府行政機關辦公日曆表尚未匯入，本日期為暫定",
                "the official calendar of the year has not been imported: this day is provisional",
                due,
            )
        )
    return Deadline(start, end, due, provisional, tuple(steps))
