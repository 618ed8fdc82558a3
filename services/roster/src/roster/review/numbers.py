"""Decision numbers (核准文號): the county's own format, filled in by us, changeable by the officer (RO-41)."""

import re
from datetime import date
from typing import Final

from shared.law import rule
from shared.roc import EPOCH

DEFAULT_FORMAT: Final = "府兵徵字第{roc_year}{serial:07d}號"
LONGEST: Final = 60

# A county's setting is never handed to str.format, which would let it reach into objects.
_FIELD: Final = re.compile(r"\{(roc_year|serial)(?::0([1-9])d)?\}")
_SERIAL: Final = re.compile(r"\{serial[:}]")


class NumberFormatError(ValueError):
    """A format that cannot be used: `code` is ``format_blank``, ``format_unknown_field``, ``format_without_serial`` or
    ``format_too_long``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code: Final = code


@rule("RO-41")
def check_number_format(template: str) -> None:
    """Accept a format of plain text with ``{serial}`` and, if wished, ``{roc_year}``; ``{serial:07d}`` pads with zeros.

    Raises NumberFormatError.
    """
    if not template.strip():
        raise NumberFormatError("format_blank")
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest or not rest.isprintable():
        raise NumberFormatError("format_unknown_field")
    if not _SERIAL.search(template):
        raise NumberFormatError("format_without_serial")
    if len(template) > LONGEST:
        raise NumberFormatError("format_too_long")


@rule("RO-41")
def decision_number(template: str, day: date, serial: int) -> str:
    """The number proposed for a batch on `day`: ``府兵徵字第1150000042號``. Not unique; gaps are allowed.

    Raises NumberFormatError for a format `check_number_format` refuses, ValueError for a negative serial.
    """
    check_number_format(template)
    if serial < 0:
        raise ValueError("a serial number is not negative")
    values = {"roc_year": day.year - EPOCH, "serial": serial}
    return _FIELD.sub(lambda found: f"{values[found[1]]:0{found[2] or 1}d}", template)
