"""The days of a billed month: run, due, violation, receipt, refund round, reminder (FE-10, FE-15, FE-37 to FE-40)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from rdss_fee.months import Month
from shared.calendar import WorkingCalendar
from shared.law import rule

_RUN_DAY: Final = 15
_PAYMENT_DAY: Final = 5
_REFUND_DAY: Final = 20
_RECEIPT_WITHIN: Final = 15
_REMINDED_BEFORE: Final = 3


@dataclass(frozen=True, slots=True)
class Due:
    """A day that hangs on the working calendar; `provisional`: no official calendar stands behind it yet."""

    day: date
    provisional: bool


@rule("FE-10")
def run_on(month: Month) -> date:
    """The day on which `month` is billed: the 15th of the month before, whatever day of the week it is."""
    return month.plus(-1).day(_RUN_DAY)


@rule("FE-39")
def violation_on(month: Month) -> date:
    """管考違規事證基準日: the 5th of the billed month itself, never moved."""
    return month.day(_PAYMENT_DAY)


@rule("FE-15")
def due_on(month: Month, calendar: WorkingCalendar) -> Due:
    """The 5th of the billed month; where it is no working day, the working day before."""
    nominal = violation_on(month)
    day = calendar.on_or_before(nominal)
    return Due(day, _provisional(calendar, day, nominal))


@rule("FE-40")
def remind_on(due: date, calendar: WorkingCalendar) -> date:
    """Three working days before a notice is due."""
    return calendar.add_working_days(due, -_REMINDED_BEFORE)


@rule("FE-37")
def receipt_due_on(posted_on: date, calendar: WorkingCalendar) -> Due:
    """The last day to mail a receipt: the 15th working day, the working day after posting being the first."""
    day = calendar.add_working_days(posted_on, _RECEIPT_WITHIN)
    return Due(day, _provisional(calendar, posted_on, day))


@rule("FE-38")
def refund_round(posted_on: date, calendar: WorkingCalendar) -> Month:
    """The month in whose round a refund claim is worked: its own when posted by the 20th, else the next.

    The postmark counts, and a 20th that is no working day moves to the next.
    """
    month = Month.of(posted_on)
    return month if posted_on <= calendar.on_or_after(month.day(_REFUND_DAY)) else month.plus(1)


class Standing(StrEnum):
    """How a notice stands on a day."""

    OPEN = "open"
    OVERDUE = "overdue"
    PAID = "paid"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Judged:
    """How a notice stands, and whether it is evidence of a violation."""

    standing: Standing
    violation: bool


@dataclass(frozen=True, slots=True)
class Receipts:
    """What is known of the money for a notice.

    `whole_since`: the value date from which on it has been paid whole, if it is (`payments.rules.paid_in_full_on`).
    `whole_by_reference`: whether it was by the violation date. `known_through`: the last value date of which the bank
    has told everything; a payment of a Saturday stands in Monday's file.
    """

    whole_since: date | None
    whole_by_reference: bool
    known_through: date


@rule("FE-39")
def judged(month: Month, due: date, receipts: Receipts, today: date) -> Judged:
    """How the notice of `month` stands `today`, and whether it is evidence of a violation.

    Two dates: who pays after `due` is late; who had not paid whole by the 5th has violated. That is said only once all
    is known that was paid by then, for evidence is never deleted, and it stays so whatever comes later: a payment that
    the bank reverses afterwards opens the notice again and makes no violation of it.
    """
    violation = not receipts.whole_by_reference and receipts.known_through >= violation_on(month)
    return Judged(standing(due, receipts.whole_since, today), violation)


@rule("FE-39")
def standing(due: date, whole_since: date | None, today: date) -> Standing:
    """How a notice stands `today` that has been paid whole since the value date `whole_since`, if it has."""
    if whole_since is not None:
        return Standing.LATE if whole_since > due else Standing.PAID
    return Standing.OVERDUE if today > due else Standing.OPEN


def _provisional(calendar: WorkingCalendar, *between: date) -> bool:
    return any(calendar.is_provisional(day) for day in between)
