"""How old what is owed is (FE-41)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.law import rule


class Age(StrEnum):
    """The columns of an ageing report."""

    NOT_DUE = "not_due"
    UP_TO_30 = "up_to_30"
    UP_TO_60 = "up_to_60"
    UP_TO_90 = "up_to_90"
    OVER_90 = "over_90"


@dataclass(frozen=True, slots=True)
class Span:
    """Days after the due day, both ends included; None: without end."""

    age: Age
    first: int | None
    last: int | None


SPANS: Final = (
    Span(Age.NOT_DUE, None, -1),
    Span(Age.UP_TO_30, 0, 30),
    Span(Age.UP_TO_60, 31, 60),
    Span(Age.UP_TO_90, 61, 90),
    Span(Age.OVER_90, 91, None),
)
"""Every number of days lies in one of them; the due day itself is day 0."""


@rule("FE-41")
def age_of(days: int) -> Age:
    """Where what is owed stands so many days after it was due; below zero: before."""
    return next(
        one.age for one in SPANS if (one.first is None or days >= one.first) and (one.last is None or days <= one.last)
    )
