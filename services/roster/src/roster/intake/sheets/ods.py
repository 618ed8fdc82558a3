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
from roster.intake.sheets.xlsx_sheet import iso_day

# Names as expat gives them: the namespace, a blank, the name.
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_TABLE, _TEXT, _OFFICE, _STYLE = (f"{_OASIS}:{name}:1.0 " for name in ("table", "text", "office", "style"))
_VALUE_TYPE, _FORMULA = f"{_OFFICE}value-type", f"{_TABLE}formula"
_COLUMNS_REPEATED, _ROWS_REPEATED = f"{_TABLE}number-columns-repeated", f"{_TABLE}number-rows-repeated"
# LibreOffice says of an error in its own namespace that it is one, and in the standard's that it is a text.
_LIBRE_TYPE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_CELL, _COVERED = f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"
_PARAGRAPHS = (f"{_TEXT}p", f"{_TEXT}h")
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
        if self._aside:
            self._aside += 1
        elif name in (_CELL, _COVERED):
            self._begin_cell(name == _COVERED, attributes)
        elif self._in_cell:
            if local(name) in _ASIDE:
                self._aside += 1
            else:
                self._inside_cell(name, attributes)
        elif name == f"{_TABLE}table-row":
            self._begin_row(attributes)
        elif name == f"{_TABLE}table":
            self._begin_table(attributes)
        elif name == f"{_OFFICE}spreadsheet":
            self.is_spreadsheet = True
        elif name == f"{_STYLE}style":
            self._style = attributes.get(f"{_STYLE}name", "")
        elif name == f"{_STYLE}table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self._hidden_styles.add(self._style)
        elif local(name) in _ASIDE:
            self._aside += 1

    def text(self, text: str) -> None:
        """Characters, of which those of a cell's paragraphs are kept."""
        if self._in_cell and self._paragraphs.inside and not self._aside:
            self._paragraphs.add(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if self._aside:
            self._aside -= 1
            return
        if name in (_CELL, _COVERED):
            self._end_cell()
        elif self._in_cell:
            if name in _PARAGRAPHS:
                self._paragraphs.end()
        elif name == f"{_TABLE}table-row":
            self._end_row()
        elif name == f"{_TABLE}table":
            self._end_table()

    def _begin_table(self, attributes: dict[str, str]) -> None:
        self._tables += 1
        if self._tables > 1:
            raise BookError("unsound")
        if len(self.sheets) >= MAX_SHEETS:
            raise BookError("too_many_sheets")
        self._grid = Grid(self._counter, attributes.get(f"{_TABLE}name", "")[:100])
        self._hidden = attributes.get(f"{_TABLE}style-name", "") in self._hidden_styles
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
        self._repeat_row = _count(attributes, _ROWS_REPEATED)
        self._row += 1
        if self._row > LAST_ROW:
            raise BookError("unsound", self._sheet().sheet)
        self._column, self._cells, self._row_formulas = 0, [], 0
        self._row_hidden = attributes.get(f"{_TABLE}visibility") in ("collapse", "filter")

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

    def _inside_cell(self, name: str, attributes: dict[str, str]) -> None:
        if name in _PARAGRAPHS:
            self._paragraphs.begin()
        elif not self._paragraphs.inside:
            return
        elif name == f"{_TEXT}s":
            self._paragraphs.put(" " * min(_count(attributes, f"{_TEXT}c"), _MOST_SPACES))
        elif name == f"{_TEXT}tab":
            self._paragraphs.put("\t")
        elif name == f"{_TEXT}line-break":
            self._paragraphs.put("\n")

    def _end_cell(self) -> None:
        self._in_cell = False
        repeat = _count(self._attributes, _COLUMNS_REPEATED)
        if self._column + repeat > LAST_COLUMN:
            raise BookError("unsound", self._sheet().sheet, self._row)
        cell = self._value()
        if cell != "" and not self._hidden:
            for column in range(self._column, min(self._column + repeat, MAX_COLUMNS + 1)):
                self._sheet().put(self._row, self._cells, column, cell)
                self._row_formulas += _FORMULA in self._attributes
        self._column += repeat

    def _value(self) -> Cell:
        said = self._attributes
        lines = self._paragraphs.lines
        shown = lines[0] if len(lines) == 1 else "\n".join(lines)
        kind = said.get(_VALUE_TYPE)
        is_formula = _FORMULA in said
        if said.get(_LIBRE_TYPE) == "error" or (is_formula and shown.startswith(("#", "Err:", "錯誤:"))):
            return Odd("error", shown[:20])
        if kind in _NUMBERS:
            return _number(said.get(f"{_OFFICE}value", ""), shown)
        if kind == "date":
            return _day(said.get(f"{_OFFICE}date-value", ""), shown)
        if kind == "time":
            return Odd("moment")
        if kind == "boolean":
            return Flag(said.get(f"{_OFFICE}boolean-value") == "true")
        text = said.get(f"{_OFFICE}string-value", shown)
        if is_formula and not kind and not text.strip():
            return Odd("formula")
        if not text.strip():
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


def _count(attributes: dict[str, str], name: str) -> int:
    """How often something is repeated."""
    said = attributes.get(name)
    if said is None:
        return 1
    if not (said.isascii() and said.isdigit() and 0 < len(said) < 10) or not int(said):
        raise BookError("unsound")
    return int(said)
