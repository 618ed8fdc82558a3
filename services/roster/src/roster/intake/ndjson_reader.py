"""From NDJSON, one object a line, to rows of named values; as strict as `json_reader`, and line by line.

A row's number is its line's, blank lines counted, as every editor shows it. A line that is no JSON object is told with
its number, and the lines after it are read all the same.
"""

import re
from collections.abc import Iterator

from roster.intake.csv_reader import too_many_rows
from roster.intake.faults import IntakeRejected
from roster.intake.json_reader import (
    JsonRow,
    Repeated,
    decoded,
    load,
    may_hold_private,
    repeated_fault,
    too_many_members,
)
from roster.intake.limits import LAST_NUMBER, MAX_COLUMNS, MAX_ROWS
from shared.law import rule
from shared.problems import Fault

# Room in a line for an object or a list in many of its cells, each of which is told as the faulty cell it is. Read, a
# value takes up to a hundred times its bytes; more than this is refused unread.
_MAX_MARKS = 20 * MAX_COLUMNS
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?')
# From the line's first character: more opened, with nothing closed, than the parser follows.
_DEEP = re.compile(r"[^\[\]{}]*+(?:[\[{][^\[\]{}]*+){1000}")


@rule("RO-06")
def read_ndjson(data: bytes, declared: str | None) -> tuple[Iterator[JsonRow | Fault], bool]:
    """Each line that is not blank, as a row or as what is wrong with it as JSON; and whether private-use characters
    may be among them.

    Raises `IntakeRejected` of kind type or syntax for the file as a whole, of kind size while the lines are read.
    """
    text = decoded(data, declared)
    return _lines(text), may_hold_private(text)


def _lines(text: str) -> Iterator[JsonRow | Fault]:
    count = start = 0
    for number in range(1, LAST_NUMBER + 1):
        end = text.find("\n", start)
        line = text[start:] if end < 0 else text[start:end]
        if line.strip(" \t\r"):
            count += 1
            if count > MAX_ROWS:
                raise too_many_rows()
            yield _row(line, number)
        if end < 0:
            return
        start = end + 1
    raise too_many_rows()


def _row(line: str, number: int) -> JsonRow | Fault:
    _refuse_too_much(line, number)
    try:
        row = load(line, number)
    except IntakeRejected as refused:
        return refused.faults[0]
    if isinstance(row, Repeated):
        return repeated_fault(row, number, "")
    if isinstance(row, dict):
        return number, row
    return Fault(
        "json_type",
        "每一列須為物件（欄位名稱與值）。",
        "Each line must be an object of names and values.",
        row=number,
        pointer="",
    )


def _refuse_too_much(line: str, number: int) -> None:
    """Raise when the line would fill the memory. What marks stand in strings does not count."""
    if _too_many_marks(line):
        marks = _STRING.sub("", line)
        if _too_many_marks(marks) and not _DEEP.match(marks):
            raise too_many_members(number, "")


def _too_many_marks(text: str) -> bool:
    return text.count(",") + text.count("]") + text.count("}") > _MAX_MARKS
