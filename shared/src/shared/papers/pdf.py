"""A table on landscape A4 as on the paper rosters, as PDF/A-2b (`shared.papers.press`). For child processes.

One call sets one volume: a document costs a quarter of a megabyte a row while it is set, so that long ones are set in
volumes (分冊), each by a child of its own, and bound (`shared.papers.binding`).
"""

from datetime import date
from pathlib import Path
from typing import Any

from shared.law import rule
from shared.papers.document import Cell, Column, Packed
from shared.papers.press import Press, broken
from shared.roc import roc

_TEMPLATE = Path(__file__).with_name("table.typ")
# More of one cell would be pages of its own; what is left out is said, and stands in the other forms.
_LONGEST_CELL = 2_000
_CUT = "……（以下從略）"


@rule("RO-61", "RO-64")
def write(packed: Packed, font_folder: str) -> bytes:
    """A volume. Raises `fonts.FontMissing`."""
    document = packed.document
    press = Press(font_folder)
    columns = document.columns
    rows = [
        [
            broken(press.text(_shown(value, column), number, column.heading))
            for value, column in zip(row, columns, strict=True)
        ]
        for number, row in enumerate(packed.rows(), document.first_row)
    ]
    data: dict[str, Any] = {
        "title": press.text(document.title, 0, "標題"),
        "lines": [press.text(line, 0, "標題") for line in document.lines],
        "weights": [column.weight or 1 for column in columns],
        "headings": [column.heading for column in columns],
        "amounts": [column.amount for column in columns],
        "rows": rows,
        "volume": document.volume,
        "volumes": document.volumes,
    }
    return press.set(_TEMPLATE, data, document.made_at)


def _shown(value: Cell, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_CELL else value[:_LONGEST_CELL] + _CUT
    if isinstance(value, date):
        # Paper has the calendar of the Republic; a day before it is nobody's here, and shown as it is.
        return roc(value) if value.year > 1911 else value.isoformat()
    return f"{value:,}" if column.amount else str(value)
