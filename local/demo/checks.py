"""What the demonstration is told to find, and how it stops when it finds anything else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_LONGEST_SHOWN = 600


class NotAsTold(Exception):
    """Something is not as told; the text says what was looked at, what was found and what was told."""


def equal(what: str, found: Any, told: Any) -> None:
    """Raise `NotAsTold` unless `found` is `told`."""
    if found != told:
        raise NotAsTold(f"{what}\n  實際 found: {_shown(found)}\n  應為 told:  {_shown(told)}")


def holds(what: str, condition: bool, found: Any) -> None:
    """Raise `NotAsTold` unless `condition`; `found` is shown."""
    if not condition:
        raise NotAsTold(f"{what}\n  實際 found: {_shown(found)}")


def contains(what: str, text: str, parts: Iterable[str]) -> None:
    """Raise `NotAsTold` unless every one of `parts` stands in `text`."""
    for part in parts:
        if part not in text:
            raise NotAsTold(f"{what}\n  缺少 missing: {part}\n  實際 found: {_shown(text)}")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


@dataclass(frozen=True)
class Told:
    """The numbers of the story. They are stated here, not counted from the cast, so that the two check each other."""

    students: int = 240
    rosters: int = 5
    taipei: int = 120
    new_taipei: int = 60
    taoyuan: int = 30
    taichung: int = 20
    hsinchu: int = 10
    faulty_cells: int = 8

    other_headcount: int = 6
    other_approved: int = 5
    other_rejected: int = 1
    late_headcount: int = 3

    clean: int = 115
    """Of Taipei's 120: six carry a blocking hint or a warning; a seventh's was cleared by his certificate."""
    submitted: int = 118
    """One stays on hold, one was handed to his own county."""
    returned: int = 2
    first_approved: int = 115
    first_rejected: int = 1
    second_approved: int = 1
    second_rejected: int = 1
    annotations: int = 124
    """5 of the other school, 116 and 3 of National Taiwan University."""
    township_reports: int = 127
    """6, 118 and 3: who was rejected is reported too."""
    school_notices: int = 3

    @property
    def by_county(self) -> dict[str, int]:
        """Headcounts by county code."""
        return {
            "10018": self.hsinchu,
            "63000": self.taipei,
            "65000": self.new_taipei,
            "66000": self.taichung,
            "68000": self.taoyuan,
        }


TOLD = Told()
