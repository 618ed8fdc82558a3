"""Reading a sound file of fixed width column by column: a seventh of the time that it takes line by line (FE-32).

Whatever is not plainly in order, this module does not read at all: it says None, and `reading` goes through the lines
and names each fault. What it does read, it reads as `reading` does; a property test holds the two equal.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from rdss_fee.bankfiles.fields import LONGEST, LONGEST_AMOUNT, FieldError, reader, total
from rdss_fee.bankfiles.layouts import Field, Layout
from rdss_fee.bankfiles.postings import Posting, Totals

_ENDS: Final = (b"\r\n", b"\n", b"\r")


def read(layout: Layout, data: bytes) -> tuple[list[Posting], Totals | None] | None:
    """The postings and what the trailer says, of a file in which nothing is wrong; None for any other."""
    if layout.form != "fixed":
        return None
    lines = _lines(layout, data)
    if lines is None:
        return None
    text, step = lines
    first, last = (1 if layout.header else 0), len(text) // step - (1 if layout.trailer else 0)
    if first and not text.startswith(layout.header):
        return None
    details = text[first * step : last * step]
    if not details or any({*details[at::step]} != {mark} for at, mark in enumerate(layout.detail)):
        return None
    try:
        postings = _postings(layout, details, step, first + 1)
        return None if postings is None else (postings, _trailer(layout, text[last * step :]))
    except FieldError:
        return None


def _lines(layout: Layout, data: bytes) -> tuple[str, int] | None:
    """The text, one character a byte, and how many each line takes with its end, where all lines are of the layout's
    width and end alike.
    """
    end = next((one for one in _ENDS if data[layout.width :].startswith(one)), None)
    if end is None:
        return None
    data = data.removesuffix(b"\x1a")
    if not data.endswith(end):
        data += end
    step = layout.width + len(end)
    count, rest = divmod(len(data), step)
    if rest or any(data.count(byte) != (count if byte in end else 0) for byte in (b"\r", b"\n")):
        return None
    # As many line ends as lines, and one behind each: so none stands within a line.
    if any({*data[layout.width + at :: step]} != {byte} for at, byte in enumerate(end)):
        return None
    return data.decode("latin-1"), step


def _postings(layout: Layout, details: str, step: int, first: int) -> list[Posting] | None:
    columns: dict[str, Sequence[Any]] = {}
    for one in layout.fields:
        cells = [details[at : at + one.length] for at in range(one.start, len(details), step)]
        column = _column(one, layout, cells)
        if column is None:
            return None
        columns[one.name] = column
    posted_on: Sequence[date] = columns["posted_on"]
    accounts, serials, amounts = columns["account"], columns["serial"], columns["amount"]
    if "-" in columns.get("sign", ()):
        amounts = [-amount if sign == "-" else amount for sign, amount in zip(columns["sign"], amounts, strict=True)]
    days = {day: f"{layout.prefix}:{day.isoformat()}" for day in set(posted_on)}
    keys = [
        f"{days[day]}:{serial.lstrip('0')}:{account}:{amount}"
        for day, serial, account, amount in zip(posted_on, serials, accounts, amounts, strict=True)
    ]
    if len(set(keys)) != len(keys):
        return None
    nothing = ("",) * len(keys)
    return list(
        map(
            Posting,
            range(first, first + len(keys)),
            keys,
            accounts,
            amounts,
            posted_on,
            columns.get("value_on", posted_on),
            serials,
            columns.get("channel", nothing),
            columns.get("payer", nothing),
        )
    )


def _column(one: Field, layout: Layout, cells: list[str]) -> Sequence[Any] | None:
    """The values of a field; None where a cell is not plainly of its kind. Raises FieldError."""
    if one.kind == "digits":
        return cells if one.length <= LONGEST and _all_digits(cells) else None
    if one.kind == "amount":
        if one.length > LONGEST_AMOUNT or not _all_digits(cells):
            return None
        return _amounts(cells, 10**one.scale)
    # Few days, signs, channels and payers, and many lines.
    read: Callable[[str], Any] = reader(one, layout)
    values = {cell: read(cell) for cell in set(cells)}
    return [*values.values()] * len(cells) if len(values) == 1 else list(map(values.__getitem__, cells))


def _all_digits(cells: list[str]) -> bool:
    text = "".join(cells)
    return text.isascii() and text.isdigit()


def _amounts(cells: list[str], parts: int) -> list[int] | None:
    amounts = list(map(int, cells))
    if parts > 1:
        if any(amount % parts for amount in amounts):
            return None
        amounts = [amount // parts for amount in amounts]
    return amounts if all(amounts) else None


def _trailer(layout: Layout, line: str) -> Totals | None:
    if layout.trailer is None:
        return None
    if not line.startswith(layout.trailer.mark):
        raise FieldError("not_digits")
    count, sum_ = layout.trailer.count, layout.trailer.total
    return Totals(
        total(line[count.start : count.start + count.length], count.scale),
        total(line[sum_.start : sum_.start + sum_.length], sum_.scale),
    )
