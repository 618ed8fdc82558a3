"""Which characters the fonts at hand can draw: PDF/A allows no missing glyph, and one would fail a whole report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fontTools.ttLib import TTFont

GETA = "〓"
"""What is printed for a character that cannot be drawn: the printers' mark for a missing type."""
MOST_LISTED = 500
# C0, delete, C1: some fonts have a glyph for them, which shows nothing.
_CONTROLS = frozenset((*range(0x20), *range(0x7F, 0xA0)))


@dataclass(frozen=True, slots=True)
class Fonts:
    """Families in the order in which they are tried, and every character that one of them draws."""

    families: tuple[str, ...]
    drawn: frozenset[int]

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Fonts":
        """What these font files say of themselves."""
        families: list[str] = []
        drawn: set[int] = set()
        for file in files:
            with TTFont(file, lazy=True) as font:
                families.append(str(font["name"].getBestFamilyName()))
                drawn.update(font.getBestCmap())
        return cls(tuple(families), frozenset(drawn - _CONTROLS))


@dataclass(slots=True)
class Drawing:
    """Texts as they can be drawn, and what in them could not."""

    fonts: Fonts
    missing: list[tuple[int, str, str]] = field(default_factory=list)
    """Row, heading, code point as `U+20BB7`; the first ones."""
    total: int = 0

    def text(self, text: str, row: int, heading: str) -> str:
        """`text` with 〓 for each character that no font draws; line breaks and tabs are blanks."""
        if self.fonts.drawn.issuperset(map(ord, text)):
            return text
        return "".join(self._drawn(char, row, heading) for char in text)

    def _drawn(self, char: str, row: int, heading: str) -> str:
        if ord(char) in self.fonts.drawn:
            return char
        if char in "\r\n\t":
            return " "
        self.total += 1
        if len(self.missing) < MOST_LISTED:
            self.missing.append((row, heading, f"U+{ord(char):04X}"))
        return GETA


def listed(missing: Sequence[tuple[int, str, str]]) -> list[str]:
    """`missing` in words."""
    return [f"第 {row} 列「{heading}」：{code}" if row else f"「{heading}」：{code}" for row, heading, code in missing]
