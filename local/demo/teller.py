"""The account a person reads: acts, steps with their seconds, and a table of times at the end."""

import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

_NUMERALS = "一二三四五六七八九"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def padded(text: str, columns: int) -> str:
    """`text` filled with blanks to `columns`."""
    return text + " " * max(columns - width(text), 0)


class Teller:
    """Prints the story line by line; every step shows the time since the one before."""

    def __init__(self) -> None:
        self.times: list[tuple[str, str, float]] = []
        self._began = self._last = time.perf_counter()

    @contextmanager
    def act(self, title: str, title_en: str) -> Iterator[None]:
        """One act: its heading, and its time when it has ended well."""
        began = self._last = time.perf_counter()
        numeral = _NUMERALS[len(self.times)]
        print(f"\n{numeral}、{title}  {title_en}", flush=True)
        yield
        self.times.append((f"{numeral}、{title}", title_en, time.perf_counter() - began))

    def step(self, text: str, text_en: str) -> None:
        """Something was done, and found as told."""
        now = time.perf_counter()
        print(f"  {now - self._last:6.2f} s  {padded(text, 56)}  {text_en}", flush=True)
        self._last = now

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        """A small table under a step."""
        lines = [list(row) for row in rows]
        columns = [max((width(cell) for cell in column), default=0) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = [padded(cell, size) for cell, size in zip(line, columns, strict=True)]
            print(f"            {'  '.join(cells).rstrip()}", flush=True)

    def close(self) -> None:
        """The table of times."""
        print("\n時間  Times")
        for title, title_en, seconds in self.times:
            print(f"  {seconds:6.2f} s  {padded(title, 36)}  {title_en}")
        print(f"  {time.perf_counter() - self._began:6.2f} s  全部  the whole story")
