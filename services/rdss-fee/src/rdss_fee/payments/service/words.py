"""What is said of a posting file's faults, in zh-TW and English."""

from collections.abc import Iterable
from typing import Final

from rdss_fee.bankfiles.layouts import Layout
from rdss_fee.bankfiles.reading import Code, FileFault
from shared.problems import Fault

_WORDS: Final[dict[Code, tuple[str, str]]] = {
    "file_empty": ("檔案沒有內容", "The file is empty"),
    "line_length": ("該列長度與格式不符", "The line is not as long as the layout says"),
    "record_unknown": ("沒有這種紀錄別", "There is no such record type"),
    "record_misplaced": ("該種紀錄不應出現在此列", "A record of this type does not belong on this line"),
    "column_missing": ("缺少此欄", "The column is missing"),
    "column_twice": ("此欄出現兩次", "The column appears twice"),
    "cells_count": ("該列欄數與標題列不符", "The line has not as many cells as there are headings"),
    "line_duplicate": ("同一筆交易在檔內重複", "The same transaction stands in the file twice"),
    "trailer_missing": ("缺少控制總數之尾筆", "The trailer with the control totals is missing"),
    "totals_missing": (
        "此格式無尾筆，請以 count 與 total 載明控制總數",
        "This layout has no trailer: state the control totals with count and total",
    ),
    "count_differs": ("筆數與控制總數不符", "The number of postings differs from the control total"),
    "total_differs": ("金額與控制總數不符", "The sum of amounts differs from the control total"),
    "not_digits": ("應為數字", "Digits are needed"),
    "too_many_digits": ("數字過長", "The number is too long"),
    "not_a_date": ("應為日期", "A date is needed"),
    "day_impossible": ("銀行不可能於該日入帳", "The bank cannot have booked on that day"),
    "not_a_sign": ("正負號應為 +、- 或空白", "The sign is +, - or blank"),
    "amount_zero": ("金額不得為 0", "An amount is not nought"),
    "amount_fraction": ("金額應為整元", "An amount is in whole dollars"),
}


def faults_of(faults: Iterable[FileFault], layout: Layout) -> list[Fault]:
    """The faults with their words; nothing of what stands in the file is repeated."""
    return [_fault(one, layout) for one in faults]


def _fault(one: FileFault, layout: Layout) -> Fault:
    message, message_en = _WORDS[one.code]
    return Fault(
        one.code,
        message,
        message_en,
        row=one.line or None,
        column=one.field or None,
        suggestion=str(layout.width) if one.code == "line_length" else None,
    )


def in_lines(faults: Iterable[Fault], count: int) -> str:
    """The faults as a text file says them, one a line, with how many there are in all."""
    told = [f"{count} 項錯誤，整檔未入帳。 {count} faults; nothing of the file was booked."]
    for one in faults:
        where = " ".join(filter(None, (f"line {one.row}" if one.row else "", one.column or "")))
        told.append(f"{where or '-'}\t{one.code}\t{one.message} {one.message_en}")
    return "\n".join(told) + "\n"
