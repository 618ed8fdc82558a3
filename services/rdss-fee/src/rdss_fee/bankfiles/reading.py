"""Reading a posting file: whole or not at all, every fault with its line (FE-32)."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rdss_fee.bankfiles import columns
from rdss_fee.bankfiles.fields import CellCode, FieldError, reader, total
from rdss_fee.bankfiles.layouts import Layout
from rdss_fee.bankfiles.postings import Posting as Posting
from rdss_fee.bankfiles.postings import Totals as Totals
from shared.law import rule

MOST_FAULTS: Final = 1_000
_BOM: Final = b"\xef\xbb\xbf"

Code = (
    CellCode
    | Literal[
        "file_empty", "line_length", "record_unknown", "record_misplaced", "column_missing", "column_twice",
        "cells_count", "line_duplicate", "trailer_missing", "totals_missing", "count_differs", "total_differs",
        "day_impossible",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileFault:
    """What is wrong: on which line (from 1; 0: the file as a whole), in which field or column."""

    code: Code
    line: int = 0
    field: str = ""


class BankFileError(ValueError):
    """A file that is refused whole; `faults` are the first `MOST_FAULTS` of `count`."""

    def __init__(self, faults: Sequence[FileFault], count: int) -> None:
        super().__init__(f"{count} faults in a posting file, the first {faults[0].code} on line {faults[0].line}")
        self.faults, self.count = tuple(faults), count


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file that was read: its postings, totals, and the SHA-256 of its bytes, for the manifest."""

    layout: str
    digest: str
    totals: Totals
    postings: tuple[Posting, ...]


@rule("FE-32")
def read(layout: Layout, data: bytes, stated: Totals | None = None) -> BankFile:
    """The postings of a file. Raises BankFileError for whatever is wrong with any line, and where control totals
    differ: those of the file's trailer and, if given, those that the sender `stated`; one of both there must be.
    """
    faults = Faults()
    sound = columns.read(layout, data)
    found = by_line(layout, data, faults) if sound is None else Found(*sound)
    totals = Totals(len(found.postings), sum(one.amount for one in found.postings))
    _check_totals(layout, totals, found.trailer, stated, faults)
    if faults.count:
        raise BankFileError(faults.first, faults.count)
    return BankFile(layout.name, hashlib.sha256(data).hexdigest(), totals, tuple(found.postings))


class Faults:
    """Faults as they are found: the first of them, and how many there are."""

    def __init__(self) -> None:
        self.first: list[FileFault] = []
        self.count = 0

    def add(self, code: Code, line: int = 0, name: str = "") -> None:
        self.count += 1
        if len(self.first) < MOST_FAULTS:
            self.first.append(FileFault(code, line, name))


@dataclass
class Found:
    """What was read so far."""

    postings: list[Posting]
    trailer: Totals | None = None


def by_line(layout: Layout, data: bytes, faults: Faults) -> Found:
    """Read line by line, and tell `faults` of each line that is wrong."""
    return _Reader(layout, faults).read(data)


class _Reader:
    def __init__(self, layout: Layout, faults: Faults) -> None:
        self._layout = layout
        self._faults = faults
        self._keys: set[str] = set()
        self._fields = {one.name: one for one in layout.fields}
        self._cuts = tuple((one.name, one.start, one.start + one.length) for one in layout.fields)
        self._readers = {one.name: reader(one, layout) for one in layout.fields}
        self._prefix = layout.prefix

    def read(self, data: bytes) -> Found:
        if not data.strip():
            self._faults.add("file_empty")
            return Found([])
        return self._csv(data) if self._layout.form == "csv" else self._fixed(data)

    # -- fixed width ---------------------------------------------------------------------------------------

    def _fixed(self, data: bytes) -> Found:
        layout, found = self._layout, Found([])
        lines = data.removesuffix(b"\x1a").splitlines()
        while lines and not lines[-1].strip():
            lines.pop()
        marks = {layout.header: "header", layout.detail: "detail"}
        if layout.trailer is not None:
            marks[layout.trailer.mark] = "trailer"
        for number, line in enumerate(lines, 1):
            if len(line) != layout.width:
                self._faults.add("line_length", number)
                continue
            # One byte, one character: cut by bytes, and read as what it is only where it is text.
            text = line.decode("latin-1")
            # Without record types the mark of a detail is the empty text.
            kind = marks.get(text[: len(layout.detail)])
            if kind is None:
                self._faults.add("record_unknown", number)
            elif found.trailer is not None or (kind == "header") != (number == 1 and bool(layout.header)):
                self._faults.add("record_misplaced", number)
            elif kind == "detail":
                self._posting(found, number, {name: text[start:end] for name, start, end in self._cuts})
            elif kind == "trailer":
                assert layout.trailer is not None
                totals = (layout.trailer.count, layout.trailer.total)
                self._trailer(found, number, *(text[one.start : one.start + one.length] for one in totals))
        return found

    # -- columns -------------------------------------------------------------------------------------------

    def _csv(self, data: bytes) -> Found:
        found = Found([])
        data = data.removeprefix(_BOM)
        # The headings tell the charset; what is no character further on is marked, as in a line of fixed width.
        heading = data.partition(b"\n")[0]
        try:
            heading.decode(self._layout.encoding)
            text = data.decode(self._layout.encoding, "replace")
        except UnicodeDecodeError:
            text = data.decode("cp950", "replace")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            self._rows(found, rows, lambda: rows.line_num)
        except csv.Error:
            self._faults.add("cells_count", rows.line_num)
        return found

    def _rows(self, found: Found, rows: Iterator[list[str]], line: Callable[[], int]) -> None:
        headings = [cell.strip() for cell in next(rows, [])]
        missing = [one for one in self._fields.values() if one.heading not in headings]
        for one in missing:
            self._faults.add("column_missing", 1, one.heading)
        twice = [one for one in self._fields.values() if headings.count(one.heading) > 1]
        for one in twice:
            self._faults.add("column_twice", 1, one.heading)
        if missing or twice:
            return
        places = {name: headings.index(one.heading) for name, one in self._fields.items()}
        trailer = self._layout.trailer
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if found.trailer is not None:
                self._faults.add("record_misplaced", line())
            elif trailer is not None and cells[0] == trailer.mark:
                if len(cells) < 3:
                    self._faults.add("cells_count", line())
                else:
                    self._trailer(found, line(), cells[1], cells[2])
            elif len(cells) != len(headings):
                self._faults.add("cells_count", line())
            else:
                self._posting(found, line(), {name: cells[at] for name, at in places.items()})

    # -- both ----------------------------------------------------------------------------------------------

    def _trailer(self, found: Found, number: int, count: str, sum_: str) -> None:
        trailer = self._layout.trailer
        assert trailer is not None
        try:
            found.trailer = Totals(total(count, trailer.count.scale), total(sum_, trailer.total.scale))
        except FieldError as error:
            self._faults.add(error.code, number, "trailer")
            found.trailer = Totals(-1, 0)

    def _posting(self, found: Found, number: int, cells: Mapping[str, str]) -> None:
        readers = self._readers
        try:
            values = {name: readers[name](text) for name, text in cells.items()}
        except FieldError:
            self._tell(number, cells)
            return
        posted_on, account, serial = values["posted_on"], values["account"], values["serial"]
        amount = -values["amount"] if values.get("sign") == "-" else values["amount"]
        # A spreadsheet drops a serial's leading zeros.
        key = f"{self._prefix}:{posted_on.isoformat()}:{serial.lstrip('0')}:{account}:{amount}"
        if key in self._keys:
            self._faults.add("line_duplicate", number)
            return
        self._keys.add(key)
        value_on, channel, payer = values.get("value_on", posted_on), values.get("channel", ""), values.get("payer", "")
        found.postings.append(Posting(number, key, account, amount, posted_on, value_on, serial, channel, payer))

    def _tell(self, number: int, cells: Mapping[str, str]) -> None:
        """Each field of the line that is wrong."""
        for name, text in cells.items():
            try:
                self._readers[name](text)
            except FieldError as error:
                self._faults.add(error.code, number, name)


def _check_totals(
    layout: Layout, totals: Totals, trailer: Totals | None, stated: Totals | None, faults: Faults
) -> None:
    if layout.trailer is not None and trailer is None and faults.count == 0:
        faults.add("trailer_missing")
    if layout.trailer is None and stated is None:
        faults.add("totals_missing")
    if faults.count:
        return
    for told in (trailer, stated):
        if told is not None and told.count != totals.count:
            faults.add("count_differs")
        if told is not None and told.total != totals.total:
            faults.add("total_differs")
