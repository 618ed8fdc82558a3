"""CSV that a spreadsheet program opens and does not run: RFC 4180, CRLF, UTF-8 with a mark, formulas made text."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar, cast

from shared import clock
from shared.law import rule

T = TypeVar("T")
Value = str | int | bool | date | datetime | None

BOM = b"\xef\xbb\xbf"
"""Without it Excel takes the file for the machine's old charset."""

# SOURCE: OWASP, "CSV Injection": = + - @, tab, carriage return and line feed, and the full-width forms, which some
# programs take for the narrow ones. What stands before them here does not stop every program.
_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
_BEFORE = " \u00a0\u3000'"


@rule("RO-61")
def as_text(text: str) -> str:
    """`text` as a cell that no spreadsheet program takes for a formula: with an apostrophe in front where needed.

    Cells that an apostrophe already hides get another, so that `plain` gives back every text.
    """
    if text[:1].isalnum():
        # Neither a start nor what may stand before one; most cells end here.
        return text
    return f"'{text}" if text.lstrip(_BEFORE)[:1] in _STARTS else text


def plain(cell: str) -> str:
    """The text that `as_text` was given: what a program that reads a report back must do."""
    return cell[1:] if cell.startswith("'") and as_text(cell[1:]) != cell[1:] else cell


def cell(value: Value) -> str:
    """A value as it stands in a report: days as ISO text, instants as Taipei's clock shows them, 是 and 否."""
    if type(value) is str:
        return as_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.astimezone(clock.TAIPEI).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else as_text(value)


# No slots: with them Python 3.11 cannot make a frozen generic by name, `Sheet[…](…)`.
@dataclass(frozen=True)
class Sheet(Generic[T]):
    """The columns of a report: headings, and what of an item stands under each."""

    columns: tuple[tuple[str, Callable[[T], Value]], ...]

    def headings(self) -> bytes:
        """The first line."""
        return _lines([[heading for heading, _ in self.columns]])

    def rows(self, items: Sequence[T]) -> bytes:
        """A line for each item."""
        return lines([[value(item) for item in items] for _, value in self.columns])


def lines(columns: Sequence[Sequence[Value]]) -> bytes:
    """The lines of a report by its columns, which are of one length."""
    return _lines(list(zip(*map(_cells, columns), strict=True)))


def _cells(values: Sequence[Value]) -> list[str]:
    """`cell` of each value of a column; what many rows have alike is made once."""
    kinds = set(map(type, values))
    if kinds == {str}:
        # Most end here as in `as_text`, one call spared.
        return [text if text[:1].isalnum() else as_text(text) for text in cast("Sequence[str]", values)]
    if kinds == {int}:
        return list(map(str, values))
    if bool in kinds and int in kinds:
        # Equal to each other, and written differently; otherwise only what is written alike is equal.
        return [cell(value) for value in values]
    known = {value: cell(value) for value in set(values)}
    return [known[value] for value in values]


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = "\r\n".join(map(",".join, rows)) + "\r\n" if rows else ""
    commas = sum(map(len, rows)) - len(rows)
    plainly = len(rows) == text.count("\r") == text.count("\n") and commas == text.count(",") and '"' not in text
    if plainly and commas:
        # No cell holds anything that would have to be quoted; the writer looks at every character.
        return text.encode()
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
