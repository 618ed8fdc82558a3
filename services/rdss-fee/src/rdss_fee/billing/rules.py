"""What is owed for a month, and the lines of a monthly run (FE-03, FE-11 to FE-13).

One mechanism: for each man, employer and month, what is *entitled* by the periods as they are known now, less what was
*billed* by the lines issued so far, is the line. Money is whole NT$, and never a float.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rdss_fee.billing.rates import Category, Degree, Rates
from rdss_fee.months import Month
from rdss_fee.periods.rules import Period, StageTwo, first_billed, served, serves_on
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Serviceman:
    """A man as he is known: what prices him, and where he served. `cohort`: the year he was selected."""

    id: str
    category: Category
    degree: Degree
    cohort: int
    stage: StageTwo
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What (man, employer, month) is about."""

    serviceman: str
    employer: str
    month: Month


@dataclass(frozen=True, slots=True)
class Price:
    """The monthly rate of a man in NT$, and what of him it was found by."""

    category: Category
    degree: Degree
    cohort: int
    rate: int

    def is_of(self, man: Serviceman) -> bool:
        """Whether the man is still known as he was when it was found."""
        return (self.category, self.degree, self.cohort) == (man.category, man.degree, man.cohort)


@dataclass(frozen=True, slots=True)
class Billed:
    """What was issued of a share so far: the sum of its lines, credits subtracted, and the price of the newest of them
    that has one; `at` orders prices by when they were issued.
    """

    amount: int
    price: Price | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Entitled:
    """What an employer owes for a man in a month: `amount` = the price's rate × `days` ÷ the month's days."""

    share: Share
    days: int
    price: Price
    amount: int


class LineKind(StrEnum):
    """Charges and credits are never netted (FE-12)."""

    CHARGE = "charge"  # 應繳
    CREDIT = "credit"  # 應退


class Reason(StrEnum):
    """Why a line stands."""

    ADVANCE = "advance"  # 次月應繳
    NOT_YET_BILLED = "not_yet_billed"  # 本月以前應計入而未計入
    BILLED_TOO_MUCH = "billed_too_much"  # 本月以前不應計入而已計入


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run: `amount` (positive) is what `entitled` and `billed` differ by; `days` and `price` are those of
    `entitled`, no price where nothing of the month is owed any more.
    """

    kind: LineKind
    reason: Reason
    share: Share
    days: int
    price: Price | None
    entitled: int
    billed: int
    amount: int


@rule("FE-03")
def prorated(rate: int, days: int, month: Month) -> int:
    """`rate` for `days` of `month`, rounded half up to the dollar. Raises ValueError for more days than it has.

    SOURCE: the manual's first slide on the fee; 研發替代役研究發展費繳納標準 Art. 3.
    """
    if not 0 <= days <= month.days:
        raise ValueError(f"{month} has no {days} days")
    return (2 * rate * days + month.days) // (2 * month.days)


@rule("FE-02", "FE-03", "FE-13")
def entitled(man: Serviceman, month: Month, rates: Rates, price: Price | None = None) -> tuple[Entitled, ...]:
    """What is owed for a man in a month, one row an employer: his days there are summed, then rounded once.

    `price`: that of the month, where it has been billed; otherwise the rate in force. Raises MissingRateError.
    """
    found = served(man.periods, man.stage, month)
    if not found:
        return ()
    if price is None:
        rate = rates.on(man.category, man.degree, man.cohort, month).amount
        price = Price(man.category, man.degree, man.cohort, rate)
    return tuple(
        Entitled(Share(man.id, one.employer, month), one.days, price, prorated(price.rate, one.days, month))
        for one in found
    )


@rule("FE-02", "FE-04", "FE-11", "FE-13")
def lines(
    man: Serviceman, month: Month, billed: Mapping[Share, Billed], rates: Rates, *, reprice: bool = False
) -> Iterator[Line]:
    """The lines of a man in the run that bills `month` in advance, by month, then employer.

    `billed`: what was issued of each of his shares that has lines (`billed_by`). `month` itself is billed where he
    serves on its first day; of every month before it what differs. A month that was billed keeps its price, whatever
    the rates say by now, unless the man is known otherwise since or the run corrects prices (`reprice`).

    Raises MissingRateError, and ValueError for another man's shares.
    """
    if any(share.serviceman != man.id for share in billed):
        raise ValueError("shares of another man")
    by_month: dict[Month, dict[str, Billed]] = {}
    for share, what in billed.items():
        by_month.setdefault(share.month, {})[share.employer] = what
    first = first_billed(man.periods, man.stage)
    begins = [*by_month] if first is None else [*by_month, first]
    for one in min(begins, default=month).until(month):
        known = by_month.get(one, {})
        # A man's month has one price at whatever employer: that of the line which was issued last.
        priced = [known[employer] for employer in sorted(known) if known[employer].price is not None]
        newest = max(priced, key=lambda one: one.at).price if priced and not reprice else None
        price = newest if newest is not None and newest.is_of(man) else None
        owed = {row.share.employer: row for row in entitled(man, one, rates, price)}
        if one == month:
            # Who comes later is not in this run (b): his part of the month is a line of the next.
            at = serves_on(man.periods, man.stage, month.first)
            owed = {employer: row for employer, row in owed.items() if employer == at}
        for employer in sorted(owed.keys() | (known.keys() if one < month else set())):
            before = known[employer].amount if employer in known else 0
            line = _line(Share(man.id, employer, one), owed.get(employer), before, advance=one == month)
            if line is not None:
                yield line


def _line(share: Share, owed: Entitled | None, billed: int, *, advance: bool) -> Line | None:
    amount = 0 if owed is None else owed.amount
    if amount == billed:
        return None
    more = amount > billed
    reason = Reason.ADVANCE if advance and more else Reason.NOT_YET_BILLED if more else Reason.BILLED_TOO_MUCH
    return Line(
        LineKind.CHARGE if more else LineKind.CREDIT,
        reason,
        share,
        0 if owed is None else owed.days,
        None if owed is None else owed.price,
        amount,
        billed,
        abs(amount - billed),
    )


@dataclass(frozen=True, slots=True)
class Sums:
    """What a run asks of one employer and what it gives back, side by side (FE-12)."""

    charges: int = 0
    credits: int = 0
    lines: int = 0


@rule("FE-12", "FE-16")
def sums(run: Iterable[Line]) -> dict[str, Sums]:
    """Of each employer with a line: without charges it gets no notice, with credits alone a statement."""
    found: dict[str, Sums] = {}
    for line in run:
        one = found.get(line.share.employer, Sums())
        charge = line.amount if line.kind is LineKind.CHARGE else 0
        found[line.share.employer] = Sums(one.charges + charge, one.credits + line.amount - charge, one.lines + 1)
    return found


def billed_by(issued: Iterable[Line]) -> dict[Share, Billed]:
    """What lines have billed, in the order in which they were issued, by share."""
    found: dict[Share, Billed] = {}
    for at, line in enumerate(issued):
        before = found.get(line.share, Billed(0))
        signed = line.amount if line.kind is LineKind.CHARGE else -line.amount
        newer = (line.price, at) if line.price is not None else (before.price, before.at)
        found[line.share] = Billed(before.amount + signed, *newer)
    return found
