"""Service periods, and which of their days are billed (FE-05).

A period is half open: it begins on the first day served and ends before the first day that is not. So an ending event's
effective date is the first day not served, and the day of a return or of a transfer in is the first that is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from rdss_fee.months import ONE_DAY, Month
from shared.law import rule


class Beginning(StrEnum):
    """What a period begins with."""

    REPORTED = "reported"  # 報到
    TRANSFERRED_IN = "transferred_in"  # 轉入
    RETURNED = "returned"  # 回役


class Ending(StrEnum):
    """What a period ends with."""

    TRANSFERRED_OUT = "transferred_out"  # 轉出
    SUSPENDED = "suspended"  # 停役
    RELEASED_EARLY = "released_early"  # 提前退役
    CONVERTED = "converted"  # 轉服一般替代役
    SERVICE_ENDED = "service_ended"  # 服役期滿


@dataclass(frozen=True, slots=True)
class Period:
    """Days served at one employer. `ends_before`: the first day not served; None: no end is known."""

    employer: str
    begins_on: date
    begun_by: Beginning
    ends_before: date | None = None
    ended_by: Ending | None = None


@dataclass(frozen=True, slots=True)
class StageTwo:
    """The second stage of a man's service, which alone is billed; its end moves when service credit is granted."""

    begins_on: date
    ends_before: date | None = None


@dataclass(frozen=True, slots=True)
class PeriodFault:
    """Why a man's periods cannot stand: which of them (`at`, by its place), and with which other one."""

    code: Literal["period_without_days", "period_end_unstated", "period_overlaps", "stage_without_days", "rate_missing"]
    at: int
    other: int | None = None


@rule("FE-05")
def faults(periods: Sequence[Period], stage: StageTwo) -> list[PeriodFault]:
    """What is wrong with the periods of one man: an end before the beginning, an end without its kind or a kind
    without its end, and a day that two of them hold.
    """
    found = []
    if stage.ends_before is not None and stage.ends_before <= stage.begins_on:
        found.append(PeriodFault("stage_without_days", 0))
    for at, period in enumerate(periods):
        if period.ends_before is not None and period.ends_before <= period.begins_on:
            found.append(PeriodFault("period_without_days", at))
        elif (period.ends_before is None) != (period.ended_by is None):
            found.append(PeriodFault("period_end_unstated", at))
    # The one that lasts longest of those that began before: each that begins before its end overlaps it.
    lasting: int | None = None
    for at in sorted(range(len(periods)), key=lambda at: periods[at].begins_on):
        if lasting is not None and periods[at].begins_on < _end(periods[lasting]):
            found.append(PeriodFault("period_overlaps", at, lasting))
        if lasting is None or _end(periods[at]) > _end(periods[lasting]):
            lasting = at
    return found


def _end(period: Period) -> date:
    return period.ends_before or date.max


@rule("FE-02", "FE-05")
def unpriced(periods: Sequence[Period], stage: StageTwo, has_rate: Callable[[Month], bool]) -> list[PeriodFault]:
    """The periods whose first billed month has no rate: no run could price them. A later month has one if an earlier
    has, for the newest row in force goes on.
    """
    found = []
    for at, period in enumerate(periods):
        first = first_billed([period], stage)
        if first is not None and not has_rate(first):
            found.append(PeriodFault("rate_missing", at))
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """The billed days of one man at one employer in one month, as spans whose first and last days both count."""

    employer: str
    month: Month
    spans: tuple[tuple[date, date], ...]

    @property
    def days(self) -> int:
        """How many they are."""
        return sum((last - first).days + 1 for first, last in self.spans)


@rule("FE-05")
def served(periods: Sequence[Period], stage: StageTwo, month: Month) -> tuple[Served, ...]:
    """What was served within stage two in `month`: one row an employer, in the order of their first days."""
    spans: dict[str, list[tuple[date, date]]] = {}
    for period in sorted(periods, key=lambda one: one.begins_on):
        span = _within(period, stage, month.first, month.last)
        if span is not None:
            spans.setdefault(period.employer, []).append(span)
    return tuple(Served(employer, month, tuple(days)) for employer, days in spans.items())


@rule("FE-11")
def serves_on(periods: Sequence[Period], stage: StageTwo, day: date) -> str | None:
    """The employer at whom a man serves within stage two on `day`, if he does."""
    return next((one.employer for one in periods if _within(one, stage, day, day) is not None), None)


def first_billed(periods: Sequence[Period], stage: StageTwo) -> Month | None:
    """The first month that holds a billed day."""
    days = [max(one.begins_on, stage.begins_on) for one in periods if _within(one, stage, date.min, date.max)]
    return Month.of(min(days)) if days else None


def _within(period: Period, stage: StageTwo, first: date, last: date) -> tuple[date, date] | None:
    """The first and the last billed day of a period between two days, both included."""
    begin = max(first, period.begins_on, stage.begins_on)
    ends = [one - ONE_DAY for one in (period.ends_before, stage.ends_before) if one is not None]
    end = min([last, *ends])
    return (begin, end) if begin <= end else None
