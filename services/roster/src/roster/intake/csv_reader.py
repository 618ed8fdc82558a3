"""From CSV text to rows of cells (RFC 4180; LF, CRLF or CR), bounded in every direction.

A row's number is what a spreadsheet program shows: the file's first row is 1, blank rows count, a line break inside
quotes does not.
"""

import csv
import io
from collections.abc import Iterator

from roster.intake.faults import IntakeRejected, one_fault
from roster.intake.limits import LAST_NUMBER, MAX_COLUMNS, MAX_ROWS
from shared.law import rule
from shared.problems import Fault

# A line with more commas than this is refused before it is cut into cells. It leaves room for a cell full of commas.
_MAX_COMMAS = 5_000


def too_many_columns(row: int) -> IntakeRejected:
    """The refusal of a file with more than `MAX_COLUMNS` columns."""
    return one_fault(
        "size",
        Fault(
            "too_many_columns",
            f"第 {row} 列超過 {MAX_COLUMNS} 欄，請刪除多餘的欄位。",
            f"Row {row} has more than {MAX_COLUMNS} columns: delete those that are not needed.",
            row=row,
        ),
    )


def too_many_rows() -> IntakeRejected:
    """The refusal of a file with more than `MAX_ROWS` rows."""
    return one_fault(
        "size",
        Fault(
            "too_many_rows",
            f"一次最多 {MAX_ROWS:,} 列，請分次送出。",
            f"One file may hold at most {MAX_ROWS:,} rows: send it in parts.",
        ),
    )


def _syntax(code: str, message: str, message_en: str, row: int) -> IntakeRejected:
    return one_fault("syntax", Fault(code, message, message_en, row=row))


class _Lines:
    """The physical lines of a text; refuses one with too many commas. `row` is set by the reader."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.row = 1

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if len(line) > _MAX_COMMAS and line.count(",") > _MAX_COMMAS:
                raise too_many_columns(self.row)
            yield line


@rule("RO-06")
def read_csv(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with its number. Raises `IntakeRejected` of kind syntax or size while reading."""
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(str(error), lines.row) from None
        if len(cells) > MAX_COLUMNS and any(map(str.strip, cells[MAX_COLUMNS:])):
            raise too_many_columns(lines.row)
        if any(map(str.strip, cells)):
            yield lines.row, cells
        lines.row += 1
        if lines.row > LAST_NUMBER:
            raise too_many_rows()


def _unreadable(reason: str, row: int) -> IntakeRejected:
    if "field larger" in reason:
        return _syntax(
            "cell_too_long",
            f"第 {row} 列有過長的儲存格，或雙引號未成對；請檢查該列。",
            f"Row {row} holds a cell that is far too long, or a quotation mark without its pair. Check that row.",
            row,
        )
    return _syntax(
        "csv_quote",
        f"第 {row} 列的雙引號未成對或位置不當；含逗號、換行的內容請前後加雙引號，內容中的雙引號請寫成兩個。",
        f"In row {row} a quotation mark has no pair or stands in the wrong place. Quote the whole cell, and double the "
        "quotation marks inside it.",
        row,
    )
