"""A workbook as it comes out of the process that read it: sheets, rows, cells with the kind that they have there.

The limits of reading stand here too; nothing heavy is imported, because both sides know this module.
"""

from typing import Any, Literal

import msgspec

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
SHEET_TYPES = (XLSX, ODS)

MAX_SHEETS = 50
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MAX_ELEMENTS = 1_600_000
"""Rows and cells, blank ones too, that are looked at before a workbook is refused for its size."""
MAX_TEXT = 16 * 1024 * 1024
"""Characters of all cells that are handed over."""
LONGEST = 1_001
"""Characters of a cell that are handed over: one more than the longest column takes."""


class Number(msgspec.Struct, frozen=True, array_like=True, tag="n", gc=False):
    """A number: its digits as the sheet shows a whole one, `padded` when its format gives it leading zeros.

    `whole` is False for fractions and for numbers of more than 15 digits, whose last ones the program has lost.
    `dressed`: the sheet shows other characters around or between the digits, which are no part of the number.
    """

    text: str
    whole: bool
    padded: bool = False
    dressed: bool = False


class Day(msgspec.Struct, frozen=True, array_like=True, tag="d", gc=False):
    """A cell formatted as a date: ISO, at midnight.

    `short_year`: the format shows two digits of the Gregorian year, which a reader takes for a ROC year.
    """

    iso: str
    short_year: bool = False


class Odd(msgspec.Struct, frozen=True, array_like=True, tag="o", gc=False):
    """A cell without a value that could be read, and why; `shown` is an error value such as #N/A.

    `error` value; `formula` whose value was never worked out; `covered` by a combined cell; a `moment` or a duration
    that is no day; a date that is `no_day` of the calendar.
    """

    why: Literal["error", "formula", "covered", "moment", "no_day"]
    shown: str = ""


class Flag(msgspec.Struct, frozen=True, array_like=True, tag="b", gc=False):
    """TRUE or FALSE."""

    value: bool


Cell = str | Number | Day | Flag | Odd


class Sheet(msgspec.Struct, array_like=True):
    """One sheet. `rows`: number and cells of each row in which something stands, in order, blanks as ""."""

    name: str
    hidden: bool = False
    rows: list[tuple[int, list[Cell]]] = []
    formulas: int = 0
    hidden_rows: int = 0


class Book(msgspec.Struct, array_like=True):
    """A workbook's sheets in its order."""

    sheets: list[Sheet]


class Refusal(msgspec.Struct, array_like=True):
    """Why a workbook was not read: a code of `package.REFUSALS`, and where."""

    code: str
    sheet: str | None = None
    row: int | None = None


class BookError(Exception):
    """Raised while a workbook is read; see `Refusal`."""

    def __init__(self, code: str, sheet: str | None = None, row: int | None = None) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, sheet, row)


encode = msgspec.msgpack.Encoder().encode
_decode_book = msgspec.msgpack.Decoder(Book)
_decode_refusal = msgspec.msgpack.Decoder(Refusal)


def decode_book(data: bytes) -> Book:
    """What `encode` made of a `Book`."""
    return _decode_book.decode(data)


def decode_refusal(data: bytes) -> Refusal:
    """What `encode` made of a `Refusal`."""
    return _decode_refusal.decode(data)


def blank(cell: Any) -> bool:
    """True if nothing stands in the cell."""
    return isinstance(cell, str) and not cell.strip()
