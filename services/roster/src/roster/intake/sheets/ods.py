"""ODS to a `Book` (OpenDocument 1.3 part 3, 6 and 9). Only what a cell shows is read; nothing is worked out."""

import re
import zipfile

from roster.intake.limits import MAX_COLUMNS
from roster.intake.sheets.book import (
    LAST_COLUMN,
    LAST_ROW,
    MAX_SHEETS,
    Book,
    BookError,
    Cell,
    Day,
    Flag,
    Number,
    Odd,
    Sheet,
)
from roster.intake.sheets.parts import Counter, Grid, cut, local, number, parse
from roster.intake.sheets.xlsx import iso_day

_BLANKS = re.compile("[ \t\r\n]+")
_FIRST_NUMBER = re.compile(r"\D*(\d+)")
# What stands in a cell or beside one without being its text: notes, drawings, readings, what was changed long ago.
_ASIDE = frozenset({"annotation", "frame", "shapes", "ruby-text", "note", "tracked-changes", "g", "custom-shape"})
_NUMBERS = frozenset({"float", "percentage", "currency"})
_MOST_SPACES = 1_000


def read_ods(archive: zipfile.ZipFile) -> Book:
    """The sheets of a spreadsheet; those that are hidden by name only. Raises `BookError`."""
    reading = _Content()
    if "content.xml" not in archive.namelist():
        raise BookError("no_workbook")
    parse(archive, "content.xml", reading.start, reading.end, reading.text)
    if not reading.is_spreadsheet:
        raise BookError("no_workbook")
    return Book(reading.sheets)


class _Paragraphs:
    """The text of a cell: blanks run together as the format says, and every other character as it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._pieces: list[str] = []
        # A blank before it runs into the one that comes.
        self._after_blank = True
        self.inside = 0

    def begin(self) -> None:
        self.inside += 1
        if self.inside == 1:
            self._pieces, self._after_blank = [], True

    def end(self) -> None:
        self.inside -= 1
        if not self.inside:
            self.lines.append("".join(self._pieces).removesuffix(" ") if self._after_blank else "".join(self._pieces))

    def add(self, text: str) -> None:
        """Characters as they stand in the file."""
        text = _BLANKS.sub(" ", text)
        if self._after_blank:
            text = text.removeprefix(" ")
        if text:
            self._pieces.append(text)
            self._after_blank = text.endswith(" ")

    def put(self, text: str) -> None:
        """Characters that an element stands for."""
        self._pieces.append(text)
        self._after_blank = False


class _Content:
    """content.xml, as its elements come by."""

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self.is_spreadsheet = False
        self._counter = Counter()
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._grid: Grid | None = None
        self._hidden = self._in_cell = False
        self._tables = self._aside = 0
        self._row = self._column = self._repeat_row = 0
        self._cells: list[Cell] = []
        self._attributes: dict[str, str] = {}
        self._covered = False
        self._paragraphs = _Paragraphs()
        self._formulas = self._hidden_rows = 0
        self._row_formulas = 0
        self._row_hidden = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        kind = name[name.rfind(" ") + 1 :]
        if self._aside or kind in _ASIDE:
            self._aside += 1
        elif kind == "table-cell" or kind == "covered-table-cell":
            self._begin_cell(kind == "covered-table-cell", attributes)
        elif self._in_cell:
            self._inside_cell(kind, attributes)
        elif kind == "table-row":
            self._begin_row(attributes)
        elif kind == "table":
            self._begin_table(attributes)
        elif kind == "spreadsheet":
            self.is_spreadsheet = True
        elif kind == "style":
            self._style = _attribute(attributes, "name")
        elif kind == "table-properties" and _attribute(attributes, "display") == "false":
            self._hidden_styles.add(self._style)

    def text(self, text: str) -> None:
        """Characters, of which those of a cell's paragraphs are kept."""
        if self._in_cell and self._paragraphs.inside and not self._aside:
            self._paragraphs.add(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if self._aside:
            self._aside -= 1
            return
        kind = name[name.rfind(" ") + 1 :]
        if kind == "table-cell" or kind == "covered-table-cell":
            self._end_cell()
        elif self._in_cell:
            if kind in ("p", "h"):
                self._paragraphs.end()
        elif kind == "table-row":
            self._end_row()
        elif kind == "table":
            self._end_table()

    def _begin_table(self, attributes: dict[str, str]) -> None:
        self._tables += 1
        if self._tables > 1:
            raise BookError("unsound")
        if len(self.sheets) >= MAX_SHEETS:
            raise BookError("too_many_sheets")
        self._grid = Grid(self._counter, _attribute(attributes, "name")[:100])
        self._hidden = _attribute(attributes, "style-name") in self._hidden_styles
        self._row = self._formulas = self._hidden_rows = 0

    def _end_table(self) -> None:
        self._tables -= 1
        grid = self._sheet()
        if self._hidden:
            self.sheets.append(Sheet(grid.sheet, hidden=True))
        else:
            self.sheets.append(
                Sheet(grid.sheet, rows=grid.rows, formulas=self._formulas, hidden_rows=self._hidden_rows)
            )
        self._grid = None

    def _sheet(self) -> Grid:
        if self._grid is None:
            raise BookError("unsound")
        return self._grid

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._sheet().count(1)
        self._repeat_row = _count(attributes, "number-rows-repeated")
        self._row += 1
        if self._row > LAST_ROW:
            raise BookError("unsound", self._sheet().sheet)
        self._column, self._cells, self._row_formulas = 0, [], 0
        self._row_hidden = _attribute(attributes, "visibility") in ("collapse", "filter")

    def _end_row(self) -> None:
        grid = self._sheet()
        last = self._row + self._repeat_row - 1
        if last > LAST_ROW:
            raise BookError("unsound", grid.sheet)
        before = len(grid.rows)
        if not self._hidden:
            for row in range(self._row, last + 1):
                grid.end_row(row, self._cells)
                if len(grid.rows) == before:
                    break
        filled = len(grid.rows) - before
        self._formulas += self._row_formulas * filled
        self._hidden_rows += self._row_hidden * filled
        self._row = last

    def _begin_cell(self, covered: bool, attributes: dict[str, str]) -> None:
        if self._in_cell:
            raise BookError("unsound")
        self._sheet().count(1)
        self._in_cell, self._covered, self._attributes = True, covered, attributes
        self._paragraphs = _Paragraphs()

    def _inside_cell(self, kind: str, attributes: dict[str, str]) -> None:
        if kind in ("p", "h"):
            self._paragraphs.begin()
        elif not self._paragraphs.inside:
            return
        elif kind == "s":
            self._paragraphs.put(" " * min(_count(attributes, "c"), _MOST_SPACES))
        elif kind == "tab":
            self._paragraphs.put("\t")
        elif kind == "line-break":
            self._paragraphs.put("\n")

    def _end_cell(self) -> None:
        self._in_cell = False
        repeat = _count(self._attributes, "number-columns-repeated")
        if self._column + repeat > LAST_COLUMN:
            raise BookError("unsound", self._sheet().sheet, self._row)
        cell = self._value()
        if cell != "" and not self._hidden:
            for column in range(self._column, min(self._column + repeat, MAX_COLUMNS + 1)):
                self._sheet().put(self._row, self._cells, column, cell)
                self._row_formulas += "formula" in map(local, self._attributes)
        self._column += repeat

    def _value(self) -> Cell:
        said = {local(name): value for name, value in self._attributes.items()}
        shown = "\n".join(self._paragraphs.lines)
        # LibreOffice says of an error in its own namespace that it is one, and in the standard's that it is a text.
        kinds = [value for name, value in self._attributes.items() if local(name) == "value-type"]
        is_formula = "formula" in said
        if "error" in kinds or (is_formula and shown.startswith(("#", "Err:", "錯誤:"))):
            return Odd("error", shown[:20])
        kind = kinds[0] if kinds else ""
        if kind in _NUMBERS:
            return _number(said.get("value", ""), shown)
        if kind == "date":
            return _day(said.get("date-value", ""), shown)
        if kind == "time":
            return Odd("moment")
        if kind == "boolean":
            return Flag(said.get("boolean-value") == "true")
        text = said.get("string-value", shown)
        if not text.strip():
            if is_formula and not kind:
                return Odd("formula")
            return Odd("covered") if self._covered else ""
        return cut(text)


def _number(value: str, shown: str) -> Cell:
    digits = shown.replace(",", "").strip()
    found = number(value)
    if not isinstance(found, Number) or not found.whole or not digits or digits == found.text:
        return found
    if digits.isascii() and digits.isdigit() and int(digits) == int(found.text):
        return number(value, padding=len(digits))
    plain = digits.isascii() and not any(char.isalpha() for char in digits.replace("E", ""))
    return found if plain and "-" not in digits[1:] else number(value, dressed=True)


def _day(value: str, shown: str) -> Cell:
    day = iso_day(value)
    found = _FIRST_NUMBER.match(shown)
    if not isinstance(day, Day) or not found or len(found[1]) > 2:
        return day
    year, first = int(day.iso[:4]), int(found[1])
    return Day(day.iso, short_year=first == year % 100 and first != year - 1911)


def _attribute(attributes: dict[str, str], wanted: str) -> str:
    return next((value for name, value in attributes.items() if local(name) == wanted), "")


def _count(attributes: dict[str, str], wanted: str) -> int:
    said = _attribute(attributes, wanted)
    if not said:
        return 1
    if not (said.isascii() and said.isdigit() and 0 < len(said) < 10) or not int(said):
        raise BookError("unsound")
    return int(said)
