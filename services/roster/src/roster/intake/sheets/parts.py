"""The XML parts of a package, read as a stream; and what both formats share in making cells of them.

Expat loads no other file and expands nothing here: a document type, which entities would need, refuses the workbook.
"""

import zipfile
import zlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import IO
from xml.parsers import expat

from roster.intake.limits import MAX_COLUMNS, MAX_ROWS
from roster.intake.sheets.book import LONGEST, MAX_ELEMENTS, MAX_TEXT, BookError, Cell, Number, Odd, blank

_CHUNK = 65_536
_NO_MEMORY = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]
# Titles and headings of all sheets besides the students; who has more is told by the checker, to the row.
_MORE_ROWS = 500

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


def local(name: str) -> str:
    """An element's or attribute's name without its namespace."""
    return name[name.rfind(" ") + 1 :]


def _no_doctype(*_: object) -> None:
    raise BookError("doctype")


def parse(archive: zipfile.ZipFile, name: str, start: Start, end: End, text: Text | None = None) -> None:
    """Read one member; names of elements come with their namespace and a blank. Raises `BookError`."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        with archive.open(name) as stream:
            size = _read(parser, stream)
    except expat.ExpatError as error:
        if error.code == _NO_MEMORY:
            raise MemoryError from None
        raise BookError("unsound") from None
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, LookupError):
        raise BookError("unsound") from None
    if size != archive.getinfo(name).file_size:
        raise BookError("unsound")


def _read(parser: expat.XMLParserType, stream: IO[bytes]) -> int:
    """How many bytes there were."""
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
    return size


def cut(text: str) -> str:
    """The text, or so much of it that it is still too long for any column, and blank only if all of it is."""
    return text if len(text) < LONGEST else text[: LONGEST - 1] + (text.strip()[:1] or " ")


def number(text: str, *, padding: int = 0, dressed: bool = False) -> Cell:
    """The cell of a number as it is written in XML; with `padding` digits at least."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise BookError("unsound") from None
    if not value.is_finite():
        raise BookError("unsound")
    whole = value.adjusted() < 15 and value == value.to_integral_value()
    if not whole:
        return Number(text.strip()[:40], whole=False)
    digits = str(int(value))
    padded = len(digits) < padding
    return Number(digits.zfill(padding) if padded else digits, whole=True, padded=padded, dressed=dressed)


class Grid:
    """Takes cells from the top left on and keeps the rows in which something stands; bounded in every direction."""

    def __init__(self, elements: "Counter", sheet: str) -> None:
        self.sheet = sheet
        self.rows: list[tuple[int, list[Cell]]] = []
        self._counter = elements

    def count(self, elements: int) -> None:
        """So many rows and cells were looked at."""
        self._counter.elements += elements
        if self._counter.elements > MAX_ELEMENTS:
            raise BookError("too_many_cells", self.sheet)

    def put(self, row: int, cells: list[Cell], column: int, cell: Cell) -> None:
        """Put `cell` into the row's `cells` at `column` (from 0)."""
        if blank(cell):
            return
        if column >= MAX_COLUMNS:
            if isinstance(cell, Odd) and cell.why == "covered":
                return
            raise BookError("too_many_columns", self.sheet, row)
        if isinstance(cell, str):
            self._counter.text += len(cell)
            if self._counter.text > MAX_TEXT:
                raise BookError("too_much_text", self.sheet, row)
        cells.extend([""] * (column - len(cells)))
        cells.append(cell)

    def end_row(self, row: int, cells: list[Cell]) -> None:
        """The row is complete."""
        if not cells:
            return
        while cells and isinstance(cells[-1], Odd) and cells[-1].why == "covered":
            cells.pop()
        if not any(cell != "" and not (isinstance(cell, Odd) and cell.why == "covered") for cell in cells):
            return
        self._counter.rows += 1
        if self._counter.rows > MAX_ROWS + _MORE_ROWS:
            raise BookError("too_many_rows", self.sheet)
        self.rows.append((row, cells))


class Counter:
    """What all sheets of a workbook hold together."""

    elements = rows = text = 0
