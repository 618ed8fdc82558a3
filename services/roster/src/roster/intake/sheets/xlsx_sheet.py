"""One worksheet of XLSX, as its elements come by (ECMA-376 part 1, 18.3)."""

import re
from bisect import bisect_left
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from roster.intake.limits import MAX_COLUMNS
from roster.intake.sheets import formats
from roster.intake.sheets.book import (
    LAST_COLUMN,
    LAST_ROW,
    BookError,
    Cell,
    Day,
    Flag,
    Odd,
    Sheet,
    blank,
)
from roster.intake.sheets.parts import Counter, Grid, cut, local, number

_REF = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_HALF = re.compile("[\ud800-\udfff]")
# In 1900 the first program thought there was a 29 February; 1904 is how Macintosh counted.
_BEFORE_MARCH_1900, _SINCE_MARCH_1900, _SINCE_1904 = date(1899, 12, 31), date(1899, 12, 30), date(1904, 1, 1)
_UNSEEN: Any = object()
_MAX_MERGED = 2_000_000
_MAX_MERGES = 100_000


def unescape(text: str) -> str:
    """_x4E00_ as the character it stands for (ST_Xstring); half a pair becomes U+FFFE, which no cell may hold."""
    if "_x" not in text:
        return text
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    if not _HALF.search(text):
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _HALF.sub("\ufffe", whole)


class SheetReader:
    """One worksheet, as its elements come by."""

    def __init__(
        self, name: str, counter: Counter, strings: list[str], shown: list[formats.Shown], since_1904: bool
    ) -> None:
        self._grid = Grid(counter, name)
        self._strings, self._shown, self._since_1904 = strings, shown, since_1904
        self._row = self._column = self._seen = 0
        self._begins: dict[str, Any] = {}
        self._ends: dict[str, Any] = {}
        self._cells: list[Cell] = []
        self._type, self._style = "n", 0
        self._formula = self._taking = self._sound = False
        self._pieces: list[str] = []
        self._merges: list[str] = []
        self._formulas = self._hidden_rows = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        begin = self._begins.get(name, _UNSEEN)
        if begin is _UNSEEN:
            begin = self._begins[name] = getattr(self, f"_begin_{local(name)}", None) if len(name) < 200 else None
        if begin is not None:
            begin(attributes)

    def text(self, text: str) -> None:
        """Characters, of which those of a value are kept."""
        if self._taking:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        """An element ends."""
        finish = self._ends.get(name, _UNSEEN)
        if finish is _UNSEEN:
            finish = self._ends[name] = getattr(self, f"_end_{local(name)}", None) if len(name) < 200 else None
        if finish is not None:
            finish()

    def _begin_v(self, _attributes: dict[str, str]) -> None:
        self._taking = True

    def _end_v(self) -> None:
        self._taking = False

    def _begin_t(self, _attributes: dict[str, str]) -> None:
        self._taking = not self._sound

    _end_t = _end_v

    def _begin_f(self, _attributes: dict[str, str]) -> None:
        self._formula = True

    def _begin_rPh(self, _attributes: dict[str, str]) -> None:  # noqa: N802 - the element's name
        self._sound = True

    def _end_rPh(self) -> None:  # noqa: N802 - the element's name
        self._sound = False

    def _begin_mergeCell(self, attributes: dict[str, str]) -> None:  # noqa: N802 - the element's name
        self._merges.append(attributes.get("ref", ""))
        if len(self._merges) > _MAX_MERGES:
            raise BookError("too_many_merges", self._grid.sheet)

    def _end_c(self) -> None:
        cell = self._value()
        if cell != "":
            self._grid.put(self._row, self._cells, self._column - 1, cell)

    def _end_row(self) -> None:
        self._grid.count(1 + self._seen)
        if self._cells:
            self._grid.end_row(self._row, self._cells)

    def done(self) -> Sheet:
        """The sheet, combined cells marked."""
        self._mark_merged()
        grid = self._grid
        return Sheet(grid.sheet, rows=grid.rows, formulas=self._formulas, hidden_rows=self._hidden_rows)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        row = self._row + 1 if said is None else _whole(said)
        if not self._row < row <= LAST_ROW:
            raise BookError("unsound", self._grid.sheet)
        self._row, self._column, self._seen, self._cells = row, 0, 0, []
        if "hidden" in attributes:
            self._hidden_rows += attributes["hidden"] in ("1", "true")

    def _begin_c(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        column = self._column + 1
        if said is not None:
            found = _REF.fullmatch(said)
            if not found or int(found[2]) != self._row:
                raise BookError("unsound", self._grid.sheet, self._row or None)
            column = _column(found[1])
        if not self._column < column <= LAST_COLUMN or not self._row:
            raise BookError("unsound", self._grid.sheet, self._row or None)
        self._column = column
        self._seen += 1
        self._type = attributes.get("t", "n")
        style = attributes.get("s", "0")
        self._style = _whole(style)
        self._formula = False
        self._pieces = []

    def _value(self) -> Cell:
        text = "".join(self._pieces)
        kind = self._type
        if self._formula:
            self._formulas += 1
            if not text and kind != "str":
                return Odd("formula")
        if kind == "s":
            if not text:
                return ""
            index = _whole(text.strip())
            if index >= len(self._strings):
                raise BookError("unsound", self._grid.sheet, self._row)
            return self._strings[index]
        if kind in ("str", "inlineStr"):
            return cut(unescape(text))
        text = text.strip()
        if not text:
            return ""
        if kind == "n":
            return self._number(text)
        if kind == "b" and text in ("0", "1", "false", "true"):
            return Flag(text in ("1", "true"))
        if kind == "e":
            return Odd("error", text[:20])
        if kind == "d":
            return iso_day(text)
        raise BookError("unsound", self._grid.sheet, self._row)

    def _number(self, text: str) -> Cell:
        shown = self._shown[self._style] if self._style < len(self._shown) else formats.NUMBER
        if shown.kind == "number":
            return number(text, padding=shown.zeros, dressed=shown.dressed)
        if shown.kind == "time":
            return Odd("moment")
        return self._day(text, shown.short_year)

    def _day(self, text: str, short_year: bool) -> Cell:
        try:
            serial = Decimal(text)
            whole = serial == serial.to_integral_value() if serial.is_finite() and serial.adjusted() < 8 else False
        except InvalidOperation:
            raise BookError("unsound", self._grid.sheet, self._row) from None
        if not whole:
            return Odd("moment")
        days = int(serial)
        if self._since_1904:
            first = _SINCE_1904
        elif days == 60 or days < 1:
            return Odd("no_day")
        else:
            first = _SINCE_MARCH_1900 if days > 60 else _BEFORE_MARCH_1900
        try:
            return Day((first + timedelta(days)).isoformat(), short_year)
        except OverflowError:
            return Odd("no_day")

    def _mark_merged(self) -> None:
        """Blank cells that a combined one covers are marked, where students stand."""
        rows = self._grid.rows
        numbers = [row for row, _ in rows]
        work = 0
        for reference in self._merges:
            corners = [_REF.fullmatch(corner) for corner in reference.split(":")]
            if len(corners) == 1:
                continue
            if len(corners) != 2 or corners[0] is None or corners[1] is None:
                raise BookError("unsound", self._grid.sheet)
            top, left = int(corners[0][2]), _column(corners[0][1])
            bottom, right = int(corners[1][2]), min(_column(corners[1][1]), MAX_COLUMNS)
            for at in range(bisect_left(numbers, top), len(rows)):
                row, cells = rows[at]
                if row > bottom:
                    break
                work += max(right - left, 0) + 1
                if work > _MAX_MERGED:
                    raise BookError("too_many_merges", self._grid.sheet)
                cells.extend([""] * (right - len(cells)))
                for column in range(left - 1, right):
                    if blank(cells[column]) and (row, column) != (top, left - 1):
                        cells[column] = Odd("covered")


def iso_day(text: str) -> Cell:
    """The cell of a date as ISO 8601 writes it, midnight told or not."""
    day, _, moment = text.partition("T")
    if moment.rstrip("Z").strip("0:.,"):
        return Odd("moment")
    try:
        return Day(date.fromisoformat(day).isoformat())
    except ValueError:
        return Odd("no_day")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BookError("unsound")
    return int(text)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
