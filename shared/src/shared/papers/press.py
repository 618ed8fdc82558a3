"""Documents set by typst as PDF/A-2b, in Chinese with the fonts at hand. For child processes."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typst

from shared.law import rule
from shared.papers.fonts import found
from shared.papers.glyphs import GETA, Drawing, Fonts, listed

STANDARD: Final = "a-2b"
# Chinese may be broken anywhere; of other words no line holds more than so many characters.
_LONG_WORD = re.compile(r"[!-~]{12}(?=[!-~])")


class Press:
    """The fonts that are there, and what of a document's texts they cannot draw. Raises `fonts.FontMissing`."""

    def __init__(self, font_folder: str) -> None:
        paths = found(font_folder)
        self._fonts = typst.Fonts(False, False, sorted({str(path.parent) for path in paths}))
        self._drawing = Drawing(Fonts.read(paths))
        if not set(self._fonts.families()).issuperset(self._drawing.fonts.families):
            # It would draw nothing at all, and say nothing.
            raise ValueError("typst knows the fonts by other names")
        if ord(GETA) not in self._drawing.fonts.drawn:
            raise ValueError("the font draws no 〓")

    def text(self, text: str, row: int, heading: str) -> str:
        """`text` with 〓 for what cannot be drawn, listed under `heading` and the number of its row, if any."""
        return self._drawing.text(text, row, heading)

    @rule("RO-61", "RO-64")
    def set(self, template: Path, data: dict[str, Any], made_at: int) -> bytes:
        """The document that a template makes of `data`, whose texts have been through `text`.

        The template finds them as JSON under `data`, with `families`, `missing` and `missing_total` added; it may
        import what lies in its own folder. `made_at`: seconds since 1970; the same data give the same bytes.
        """
        told = data | {
            "families": self._drawing.fonts.families,
            "missing": listed(self._drawing.missing),
            "missing_total": self._drawing.total,
        }
        compiler = typst.Compiler(
            template.read_bytes(),
            root=template.parent,
            font_paths=self._fonts,
            sys_inputs={"data": json.dumps(told, ensure_ascii=False)},
        )
        timestamp = datetime.fromtimestamp(made_at, UTC)
        made = compiler.compile(format="pdf", pdf_standards=STANDARD, timestamp=timestamp, pdf_tags=False)
        assert isinstance(made, bytes)
        return made


def broken(text: str) -> str:
    """With places where a long word may be broken: it would run over its neighbours otherwise."""
    return _LONG_WORD.sub("\\g<0>\u200b", text)
