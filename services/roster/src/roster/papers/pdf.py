"""PDF/A-2b by typst: a table on landscape A4 as on the paper rosters, in Chinese with its font. For child processes.

One call sets one volume: a document costs a quarter of a megabyte a row while it is set, so that long ones are set in
volumes (分冊), each by a child of its own, and bound (`roster.papers.binding`).
"""

import json
import re
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import typst

from roster.papers.document import Cell, Packed
from roster.papers.fonts import found
from roster.papers.glyphs import GETA, Drawing, Fonts, listed
from shared.law import rule
from shared.roc import roc

STANDARD: Final = "a-2b"
# More of one cell would be pages of its own; what is left out is said, and stands in the other forms.
_LONGEST_CELL = 2_000
# Chinese may be broken anywhere; of other words no column holds more than so many characters.
_LONG_WORD = re.compile(r"[!-~]{12}(?=[!-~])")
_CUT = "……（以下從略）"


@rule("RO-61", "RO-64")
def write(packed: Packed, font_folder: str) -> bytes:
    """A volume. Raises `fonts.FontMissing`."""
    document = packed.document
    paths = found(font_folder)
    fonts = typst.Fonts(False, False, sorted({str(path.parent) for path in paths}))
    drawing = Drawing(Fonts.read(paths))
    if not set(fonts.families()).issuperset(drawing.fonts.families):
        # It would draw nothing at all, and say nothing.
        raise ValueError("typst knows the fonts by other names")
    if ord(GETA) not in drawing.fonts.drawn:
        raise ValueError("the font draws no 〓")
    headings = [column.heading for column in document.columns]
    rows = [
        [_broken(drawing.text(_shown(value), number, heading)) for value, heading in zip(row, headings, strict=True)]
        for number, row in enumerate(packed.rows(), document.first_row)
    ]
    data: dict[str, Any] = {
        "families": drawing.fonts.families,
        "title": drawing.text(document.title, 0, "標題"),
        "lines": [drawing.text(line, 0, "標題") for line in document.lines],
        "weights": [column.weight or 1 for column in document.columns],
        "headings": headings,
        "rows": rows,
        "volume": document.volume,
        "volumes": document.volumes,
        "missing": listed(drawing.missing),
        "missing_total": drawing.total,
    }
    compiler = typst.Compiler(
        files("roster.papers").joinpath("roster.typ").read_bytes(),
        root=Path(__file__).parent,
        font_paths=fonts,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    made_at = datetime.fromtimestamp(document.made_at, UTC)
    made = compiler.compile(format="pdf", pdf_standards=STANDARD, timestamp=made_at, pdf_tags=False)
    assert isinstance(made, bytes)
    return made


def _shown(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_CELL else value[:_LONGEST_CELL] + _CUT
    if isinstance(value, date):
        # Paper has the calendar of the Republic; a day before it is nobody's here, and shown as it is.
        return roc(value) if value.year > 1911 else value.isoformat()
    return str(value)


def _broken(text: str) -> str:
    """With places where a long word may be broken: it would run over its neighbours otherwise."""
    return _LONG_WORD.sub("\\g<0>\u200b", text)
