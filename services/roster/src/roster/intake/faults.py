"""How intake says no: one exception for a whole file, one small exception for a cell, and the list of all faults.

Every message is zh-TW and English and says what to change. Nothing personal is ever quoted: the values that stand in
a fault have passed through the masks of this module.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from shared.ids import mask_id, mask_ids_in
from shared.problems import MAX_LISTED, Fault

RejectionKind = Literal["syntax", "size", "type", "content"]
"""What is wrong with a file as a whole: 400, 413, 415 and 422 in this order."""

# What would break a terminal, a log line or the encoding of the reply itself.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HEADING_SHOWN = 40
_VALUE_SHOWN = 40


@dataclass(slots=True)
class IntakeRejected(Exception):
    """The file was refused whole; `faults` lists at most 1,000 of `total` things to change."""

    kind: RejectionKind
    code: str
    message: str
    message_en: str
    faults: tuple[Fault, ...] = ()
    total: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: {self.code}"


Suggestion = str | Callable[[], str | None] | None


@dataclass(slots=True, eq=False)
class CellError(Exception):
    """One cell cannot be accepted; whoever catches it knows where the cell is.

    A suggestion that costs a search is given as a callable: of a file full of nonsense only the faults that are
    listed are thought about. `found`: what stands there, unmasked, where the cell itself is no text.
    """

    code: str
    message: str
    message_en: str
    suggestion: Suggestion = None
    found: str | None = None

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Note:
    """Something the sender should know about a file that was accepted."""

    code: str
    message: str
    message_en: str


@dataclass(slots=True)
class FaultList:
    """Counts every fault and keeps the first 1,000; memory stays bounded whatever the file."""

    total: int = 0
    kept: list[tuple[int, int, int, Fault]] = field(default_factory=list)

    def add(self, order: int, fault: Fault, sheet: int = 0) -> None:
        """Take one fault; the places of its column from the left and of its sheet sort the list as a reader reads."""
        self.total += 1
        if len(self.kept) < MAX_LISTED:
            self.kept.append((sheet, fault.row or 0, order, fault))

    @property
    def full(self) -> bool:
        """True when further faults are only counted; the caller may then spare the words."""
        return len(self.kept) >= MAX_LISTED

    def listed(self) -> tuple[Fault, ...]:
        """The kept faults sheet by sheet, from the top row down, from left to right."""
        return tuple(entry[3] for entry in sorted(self.kept, key=lambda entry: entry[:3]))

    def raise_if_any(self) -> None:
        """Raise `IntakeRejected` of kind content when there is a fault."""
        if self.total:
            raise IntakeRejected(
                "content",
                "faulty_cells",
                f"檔案有 {self.total:,} 處須更正，整份未收件；請更正後重新送出。",
                f"{self.total:,} things must be corrected; nothing was taken in. Mend them and send the file again.",
                self.listed(),
                self.total,
            )


def one_fault(kind: RejectionKind, fault: Fault) -> IntakeRejected:
    """A refusal with a single reason, which is also its only fault."""
    return IntakeRejected(kind, fault.code, fault.message, fault.message_en, (fault,), 1)


def printable(text: str) -> str:
    """`text` with controls and half surrogates shown as U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def masked_id(text: str) -> str:
    """A national ID, or what stands in its place, with its middle hidden."""
    text = text.strip()
    if len(text) == 10 and text.isascii():
        return mask_id(text)
    return text[:1] + "*" * min(len(text) - 1, 9)


def masked_name(text: str) -> str:
    """王小明 → 王○○; the length of a long name is not told."""
    text = text.strip()
    return text[:1] + "○" * min(max(len(text) - 1, 0), 3)


def masked_date(text: str) -> str:
    """095/02/30 → 095/**/**; enough to find the cell, too little to know the man."""
    text = text.strip()[:12]
    return text[:3] + "".join("*" if char.isalnum() else char for char in text[3:])


def masked_place(text: str) -> str:
    """County and township at most; the village and the house are not shown."""
    text = text.strip()
    return text[:6] + ("…" if len(text) > 6 else "")


def masked_number(text: str) -> str:
    """A student's number or a document's: the first two characters."""
    text = text.strip()
    return text[:2] + "*" * min(max(len(text) - 2, 0), 8)


def hidden(_text: str) -> None:
    """For free text, which may say anything about a man."""
    return


def shown(text: str) -> str:
    """For codes, dates of study and other cells that are about nobody; IDs in the wrong column are still masked."""
    text = mask_ids_in(text[:400].strip())
    return text if len(text) <= _VALUE_SHOWN else text[:_VALUE_SHOWN] + "…"


def shown_heading(text: str) -> str:
    """A heading as the sender wrote it, shortened, with IDs masked: the first row may be a man and not a heading."""
    text = printable(mask_ids_in(" ".join(text[:400].split())))
    return text if len(text) <= _HEADING_SHOWN else text[:_HEADING_SHOWN] + "…"
