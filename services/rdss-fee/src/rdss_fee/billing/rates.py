"""The monthly rate: by category, degree and cohort, from the day it took effect (FE-02)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from rdss_fee.months import Month
from shared.law import rule


class Category(StrEnum):
    """The category of substitute service."""

    RDSS = "rdss"  # 研發替代役


class Degree(StrEnum):
    """The degree a serviceman was selected with."""

    MASTER = "master"
    DOCTORAL = "doctoral"


@dataclass(frozen=True, slots=True)
class Rate:
    """NT$ a month. `cohort_from`: the Gregorian year of selection from which men have it; 0: all. `document`: where it
    is announced.
    """

    category: Category
    degree: Degree
    cohort_from: int
    effective_from: date
    amount: int
    document: str


class MissingRateError(LookupError):
    """No rate for a man in a month."""

    def __init__(self, category: Category, degree: Degree, cohort: int, month: Month) -> None:
        super().__init__(f"no rate of {category} {degree}, cohort {cohort}, for {month}")
        self.category, self.degree, self.cohort, self.month = category, degree, cohort, month


class Rates:
    """The rates there are. A change of law is another row; a month that was billed keeps its price (`rules.lines`)."""

    def __init__(self, rows: Iterable[Rate]) -> None:
        """Raises ValueError for two rows of one degree, cohort and day, and for an amount that is not positive."""
        self._of: dict[tuple[Category, Degree], list[Rate]] = {}
        seen = set()
        for row in rows:
            key = (row.category, row.degree, row.cohort_from, row.effective_from)
            if key in seen:
                raise ValueError(f"two rates of {row.category} {row.degree} from {row.effective_from.isoformat()}")
            if row.amount <= 0:
                raise ValueError("a rate is a positive amount")
            seen.add(key)
            self._of.setdefault(key[:2], []).append(row)
        for of_degree in self._of.values():
            # The newest cohort first, and of each the newest row.
            of_degree.sort(key=lambda one: (one.cohort_from, one.effective_from), reverse=True)

    @rule("FE-02")
    def on(self, category: Category, degree: Degree, cohort: int, month: Month) -> Rate:
        """The rate of a man selected in the year `cohort`, in force on the first day of `month`.

        Among the rows in force the one of the newest cohort not younger than his, and of those the newest: a rate
        announced for those selected from 2026 on does not touch men selected before. Raises MissingRateError.
        """
        for row in self._of.get((category, degree), ()):
            if row.cohort_from <= cohort and row.effective_from <= month.first:
                return row
        raise MissingRateError(category, degree, cohort, month)

    def has(self, category: Category, degree: Degree, cohort: int, month: Month) -> bool:
        """Whether there is one."""
        try:
            self.on(category, degree, cohort, month)
        except MissingRateError:
            return False
        return True

    def __iter__(self) -> Iterator[Rate]:
        for of_degree in self._of.values():
            yield from of_degree


_MANUAL: Final = "研發替代役制度管考獎懲作業說明，研究發展費繳納-1/5"
_OF_2022: Final = "國立臺灣大學轉知，自111年10月1日起"
_OF_2026: Final = "內政部114年5月2日台內訓字第1141204269號"

KNOWN_RATES: Final = (
    Rate(Category.RDSS, Degree.MASTER, 0, date(2010, 1, 1), 30_100, _MANUAL),
    Rate(Category.RDSS, Degree.DOCTORAL, 0, date(2010, 1, 1), 35_010, _MANUAL),
    Rate(Category.RDSS, Degree.MASTER, 0, date(2022, 10, 1), 40_000, _OF_2022),
    Rate(Category.RDSS, Degree.DOCTORAL, 0, date(2022, 10, 1), 46_000, _OF_2022),
    Rate(Category.RDSS, Degree.MASTER, 2026, date(2026, 1, 1), 46_700, _OF_2026),
    Rate(Category.RDSS, Degree.DOCTORAL, 2026, date(2026, 1, 1), 52_500, _OF_2026),
)
"""SOURCE: the manual's first slide on the fee (its year taken as 2010) and the specification's facts, 7.2, which found
no rates between 2010 and October 2022: months in between are priced by the manual's until a row says otherwise.
"""
