"""From what a paper says to its PDF, in a child process: this process loads neither typesetting nor barcodes."""

from datetime import date
from typing import Any, Final

import msgspec

from shared.papers.making import done_by
from shared.roc import EPOCH

# Named, not imported: it loads in the child what this process must not carry.
_WORK: Final = "rdss_fee.papers.child"
_DAY = 86_400


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper to be set: the name of its template, and its fields as texts, in lists and maps if need be.

    `dated`: the file is dated by it, so that the same paper is the same bytes. `labels`: by their names, what people
    call the fields that others filled in, for the list of what could not be printed. `code39` and `qr`: texts that the
    template finds as the patterns of their codes.
    """

    template: str
    dated: date
    fields: dict[str, Any]
    labels: dict[str, str]
    code39: tuple[str, ...] = ()
    qr: str = ""

    @property
    def made_at(self) -> int:
        """Seconds from 1970 to the day it is dated by; 1970 for days before."""
        return max((self.dated - date(1970, 1, 1)).days, 0) * _DAY


async def printed(paper: Paper, font_dir: str) -> bytes:
    """The PDF/A-2b. Raises `FONT_MISSING` (503), `REPORT_NOT_MADE` (422) where it would be beyond all measure.

    Takes a second or so; whoever calls it holds no transaction meanwhile.
    """
    if paper.dated.year <= EPOCH:
        raise ValueError("a paper is dated in the Republic's calendar")
    return await done_by(_WORK, [font_dir], msgspec.msgpack.encode(paper))
