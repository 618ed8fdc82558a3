"""What a child process is told to write: a document's frame, and its rows packed small, in batches.

The web process and the worker pack; they load neither spreadsheets nor typesetting. 100,000 rows are four megabytes
packed, so a report costs its worker little whatever it holds.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from shared.csv_out import Value, cell

BIND = "bind"
"""What a child is told to do with volumes, in place of a form."""
_DAY, _MARKED = 1, 2


class Marked(str):
    """A text in a cell that is shown as faulty."""

    __slots__ = ()


Cell = str | int | date | None
"""What stands in a cell when it is written: a `Marked` is a text."""


class Column(msgspec.Struct, frozen=True):
    """A column of a sheet or of a table on paper.

    `weight`: its share of the paper's width. `choices`: the words that its cells may hold, offered as a list.
    `amount`: on paper its numbers have commas and stand to the right, one below the other.
    """

    heading: str
    weight: int = 0
    choices: tuple[str, ...] = ()
    amount: bool = False


class Document(msgspec.Struct, frozen=True):
    """The frame of a file: a sheet's name, its columns; on paper the title and the lines under it.

    `made_at`: seconds since 1970, which the file is dated by: the same rows and frame give the same bytes. `blank_rows`
    are made ready to be filled in, as text throughout; `notes` stand on a sheet of their own. `first_row`: the
    number of the first row of this volume among those of all.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    columns: tuple[Column, ...]
    made_at: int
    blank_rows: int = 0
    notes: tuple[str, ...] = ()
    volume: int = 1
    volumes: int = 1
    first_row: int = 1


class Packed(msgspec.Struct, frozen=True):
    """A document with its rows."""

    document: Document
    batches: tuple[bytes, ...] = ()

    def rows(self) -> Iterator[list[Cell]]:
        """Row by row, one batch unpacked at a time."""
        for batch in self.batches:
            yield from _rows.decode(zlib.decompress(batch))


def value_of(value: Value) -> Cell:
    """A report's value as a cell: days and numbers as what they are, all else as the text of the CSV."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | datetime):
        return cell(value)
    return value


def batch(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Rows, packed."""
    return zlib.compress(msgspec.msgpack.encode([[_packed(value) for value in row] for row in rows]), 1)


def _packed(value: Cell) -> Any:
    if isinstance(value, date):
        return msgspec.msgpack.Ext(_DAY, value.isoformat().encode())
    if type(value) is Marked:
        return msgspec.msgpack.Ext(_MARKED, value.encode())
    return value


def _unpacked(code: int, data: memoryview) -> Cell:
    text = bytes(data).decode()
    return date.fromisoformat(text) if code == _DAY else Marked(text)


_rows = msgspec.msgpack.Decoder(list[list[Any]], ext_hook=_unpacked)
_whole = msgspec.msgpack.Decoder(Packed)


def encode(packed: Packed) -> bytes:
    """For a child process."""
    return msgspec.msgpack.encode(packed)


def decode(data: bytes) -> Packed:
    """What `encode` made."""
    return _whole.decode(data)
