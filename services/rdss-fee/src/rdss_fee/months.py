"""Months that are billed."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of the Gregorian calendar; months are ordered as they follow. Raises ValueError for none."""

    year: int
    month: int

    def __post_init__(self) -> None:
        date(self.year, self.month, 1)

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month a day lies in."""
        return cls(day.year, day.month)

    @property
    def days(self) -> int:
        """How many days it has."""
        return monthrange(self.year, self.month)[1]

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, self.month, self.days)

    def day(self, number: int) -> date:
        """One of its days. Raises ValueError for a day that it has not."""
        return date(self.year, self.month, number)

    def plus(self, months: int) -> "Month":
        """So many months later, or earlier. Raises ValueError beyond the years 1 to 9999."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    def until(self, last: "Month") -> tuple["Month", ...]:
        """This month and all that follow, `last` included; none when it lies before."""
        count = (last.year - self.year) * 12 + last.month - self.month + 1
        return tuple(self.plus(number) for number in range(count))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


ONE_DAY = timedelta(days=1)
