"""Reading one cell of a posting file by its field's kind."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, partial
from typing import Any, Final, Literal

from rdss_fee.bankfiles.layouts import Field, Layout
from shared.roc import EPOCH

LONGEST: Final = 32
"""How many digits a number has at most."""
LONGEST_AMOUNT: Final = 15
"""What a column of whole NT$ holds, with room for the sum of many."""

CellCode = Literal["not_digits", "too_many_digits", "not_a_date", "not_a_sign", "amount_zero", "amount_fraction"]


class FieldError(ValueError):
    """A cell that says nothing of its kind. What it says is never quoted."""

    def __init__(self, code: CellCode) -> None:
        super().__init__(code)
        self.code: Final = code


def reader(one: Field, layout: Layout) -> Callable[[str], Any]:
    """What reads the cell of a field; raises FieldError."""
    if one.kind == "digits":
        return _digits
    if one.kind == "amount":
        return partial(_amount, scale=one.scale)
    if one.kind in ("date", "roc_date"):
        # A file has few days and many lines.
        return cache(partial(_date, year=4 if one.kind == "date" else 3))
    if one.kind == "sign":
        return _sign
    bytewise = layout.form == "fixed" and layout.encoding != "ascii"
    words = layout.channels if one.name == "channel" else {}
    return cache(partial(_text, encoding=layout.encoding if bytewise else "", words=words))


def _digits(text: str, longest: int = LONGEST) -> str:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise FieldError("not_digits")
    if len(text) > longest:
        raise FieldError("too_many_digits")
    return text


def total(text: str, scale: int) -> int:
    """A count or a sum of a trailer, which may be nought or below zero; raises FieldError."""
    text = text.strip()
    dollars = _dollars(text.removeprefix("-").removeprefix("+"), scale)
    return -dollars if text.startswith("-") else dollars


def _amount(text: str, scale: int) -> int:
    amount = _dollars(text, scale)
    if not amount:
        raise FieldError("amount_zero")
    return amount


def _dollars(text: str, scale: int) -> int:
    dollars = int(_digits(text, LONGEST_AMOUNT))
    if scale:
        dollars, parts = divmod(dollars, int("1" + "0" * scale))
        if parts:
            raise FieldError("amount_fraction")
    return dollars


def _date(text: str, year: int) -> date:
    text = text.strip()
    if len(text) != year + 4 or not (text.isascii() and text.isdigit()):
        raise FieldError("not_a_date")
    try:
        return date(int(text[:year]) + (0 if year == 4 else EPOCH), int(text[year:-2]), int(text[-2:]))
    except ValueError:
        raise FieldError("not_a_date") from None


def _sign(text: str) -> str:
    text = text.strip()
    if text not in ("", "+", "-"):
        raise FieldError("not_a_sign")
    return text


def _text(text: str, encoding: str, words: Mapping[str, str]) -> str:
    # What is no character is marked, never a reason to refuse money: banks cut a payer's name in two.
    read = (text.encode("latin-1").decode(encoding, "replace") if encoding else text).strip()
    # A name may be padded with NUL, which no database stores.
    read = read.replace("\x00", "\ufffd")
    # Nor is a channel that we have no word for.
    return words.get(read, read)
