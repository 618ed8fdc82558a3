"""How wide columns are, in characters of which a Chinese one is two."""

from collections.abc import Iterable, Sequence

from shared.papers.document import Cell, Column

_NARROWEST, _WIDEST = 8, 60
# SOURCE: Unicode, from Hangul Jamo on: what stands here is drawn twice as wide as a letter, near enough.
_WIDE_FROM = 0x1100


def of_text(text: str) -> int:
    """The width of a text."""
    return len(text) if text.isascii() else sum(2 if ord(char) >= _WIDE_FROM else 1 for char in text)


def of_columns(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> list[int]:
    """A width for each column: that of its widest cell or heading, within bounds."""
    widest = [of_text(column.heading) for column in columns]
    for row in rows:
        for index, value in enumerate(row):
            if value is not None:
                widest[index] = max(widest[index], of_text(value) if isinstance(value, str) else 10)
    return [min(max(width + 2, _NARROWEST), _WIDEST) for width in widest]
