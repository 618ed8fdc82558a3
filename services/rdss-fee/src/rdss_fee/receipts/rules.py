"""Receipts: one for each posted payment, numbered by the ROC year they are issued in (FE-37)."""

from datetime import date
from enum import StrEnum

from shared.calendar import WorkingCalendar
from shared.law import rule
from shared.roc import EPOCH

_WITHIN = 15


class ReceiptState(StrEnum):
    """Where a receipt stands. `to_void`: of its payment the bank took something back."""

    ISSUED = "issued"
    MAILED = "mailed"
    TO_VOID = "to_void"
    VOID = "void"


@rule("FE-37")
def receipt_year(issued_on: date) -> int:
    """The ROC year in which a receipt is numbered."""
    return issued_on.year - EPOCH


@rule("FE-37")
def receipt_number(year: int, number: int) -> str:
    """A receipt's number as it is printed: 115-000042."""
    return f"{year:03d}-{number:06d}"


@rule("FE-37")
def overdue_before(today: date, calendar: WorkingCalendar) -> date:
    """Receipts of payments that were posted before this day are overdue `today`, all others are not: the fifteenth
    working day after posting lies in the past.
    """
    return calendar.add_working_days(today, -_WITHIN)


@rule("FE-37")
def receipt_state(*, amount: int, stands: int, mailed: bool, void: bool) -> ReceiptState:
    """`stands`: what of the payment the bank has not taken back."""
    if void:
        return ReceiptState.VOID
    if stands != amount:
        return ReceiptState.TO_VOID
    return ReceiptState.MAILED if mailed else ReceiptState.ISSUED
