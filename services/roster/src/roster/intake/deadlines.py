"""When a roster is due, and who may report which cessation (RO-01, RO-03, RO-04, RO-28, RO-36).

SOURCE: 免役禁役緩徵緩召實施辦法 (2018-06-28) Art. 11(1) application, 14(1) extension, 14(3) reapplication, 16(2)
and 16(3) cessation, 16-1. Late is late, never refused (RO-05).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from roster.intake.rules import CessationReason, Reporter, RosterKind
from shared.calendar import WorkingCalendar
from shared.law import DEFERMENT_REGULATION, Citation, Dated, DatedRow, rule
from shared.periods import Deadline, Step, days_after, months_after
from shared.roc import roc_long

_VERSION: Final = date(2018, 6, 28)

MONTHS_AFTER_REGISTRATION: Final = Dated([DatedRow(_VERSION, 1, Citation(DEFERMENT_REGULATION, "11-1", _VERSION))])
"""於註冊截止之日起一個月內: Art. 11(1), 14(1) alike; for a reapplication by design."""

DAYS_AFTER_LEAVING: Final = Dated([DatedRow(_VERSION, 30, Citation(DEFERMENT_REGULATION, "16-2", _VERSION))])
"""於學生離校之日起三十日內: Art. 16(2); 於學生退出或廢止許可之日起三十日內: Art. 16(3)."""

_ROSTER_ARTICLES: Final = {
    RosterKind.APPLICATION: "11-1",
    RosterKind.EXTENSION: "14-1",
    RosterKind.REAPPLICATION: "14-3",
}


@dataclass(frozen=True, slots=True)
class CessationRule:
    """A reason of Art. 16 or 16-1: its article, who may report it and whether the period of 30 days runs."""

    article: str
    reporters: frozenset[Reporter]
    has_period: bool


_SCHOOL: Final = frozenset({Reporter.SCHOOL})
_AUTHORITY: Final = frozenset({Reporter.EDUCATION_AUTHORITY})
_COUNTY: Final = frozenset({Reporter.COUNTY})

CESSATIONS: Final[dict[CessationReason, CessationRule]] = {
    CessationReason.GRADUATED: CessationRule("16-1-1", _SCHOOL | {Reporter.MAN}, False),
    CessationReason.ON_LEAVE: CessationRule("16-2", _SCHOOL, True),
    CessationReason.WITHDREW: CessationRule("16-2", _SCHOOL, True),
    CessationReason.EXPELLED: CessationRule("16-2", _SCHOOL, True),
    # Art. 16(3) gives 30 days for subparagraph 3 only; completion is in subparagraph 1, which has no period.
    CessationReason.EXPERIMENTAL_COMPLETED: CessationRule("16-1-1", _AUTHORITY, False),
    CessationReason.EXPERIMENTAL_LEFT: CessationRule("16-3", _AUTHORITY, True),
    CessationReason.EXPERIMENTAL_PERMIT_REVOKED: CessationRule("16-3", _AUTHORITY, True),
    CessationReason.TRAINED_TO_RESERVE: CessationRule("16/1-0-1", _COUNTY, False),
    CessationReason.TRAINED_REPLACEMENT: CessationRule("16/1-0-2", _COUNTY, False),
}


@rule("RO-04")
def may_report(reason: CessationReason, reporter: Reporter) -> bool:
    """Whether `reporter` may hand in a cessation for `reason`; if not, the cell is faulty."""
    return reporter in CESSATIONS[reason].reporters


def deadline_article(kind: RosterKind, reason: CessationReason | None = None) -> str:
    """The article of the deferment regulation that sets the deadline; Art. 16(2) for a cessation without a reason."""
    if kind == RosterKind.CESSATION:
        return CESSATIONS[reason].article if reason is not None else "16-2"
    return _ROSTER_ARTICLES[kind]


@rule("RO-01", "RO-03", "RO-36", "RO-63")
def roster_deadline(
    kind: RosterKind,
    registration_deadline: date,
    calendar: WorkingCalendar,
    county: str | None = None,
) -> Deadline | None:
    """One month after the registration deadline (註冊截止) of the term that the submission names; None for a cessation.

    For an extension the named term *is* the 次學期 of Art. 14(1), the one after the term in which the approved study
    ended: the paper roster's title names the term it is drawn up in (docs/adr/0043).
    """
    if kind == RosterKind.CESSATION:
        return None
    months = MONTHS_AFTER_REGISTRATION.on(max(registration_deadline, _VERSION)).value
    first = Step(
        f"註冊截止日為{roc_long(registration_deadline)}；應於註冊截止之日起{months}個月內送達",
        f"registration ended on {registration_deadline.isoformat()}; due within {months} month(s) from then",
        registration_deadline,
        Citation(DEFERMENT_REGULATION, deadline_article(kind), _VERSION),
    )
    return months_after(registration_deadline, months, calendar, county).headed(first)


@rule("RO-04", "RO-36", "RO-63")
def cessation_deadline(
    reason: CessationReason, left_on: date, calendar: WorkingCalendar, county: str | None = None
) -> Deadline | None:
    """30 days from leaving; None for a reason without a period (graduated, completed, trained)."""
    if not CESSATIONS[reason].has_period:
        return None
    days = DAYS_AFTER_LEAVING.on(max(left_on, _VERSION)).value
    first = Step(
        f"離校（退出、廢止許可）日期為{roc_long(left_on)}；應於該日起{days}日內通知",
        f"left (or the permit ended) on {left_on.isoformat()}; due within {days} day(s) from then",
        left_on,
        Citation(DEFERMENT_REGULATION, CESSATIONS[reason].article, _VERSION),
    )
    return days_after(left_on, days, calendar, county).headed(first)


@rule("RO-28")
def days_late(deadline: Deadline | None, received_on: date) -> int:
    """Calendar days from the last day to the day of receipt; 0 in time and where the law sets no period."""
    if deadline is None:
        return 0
    return max(0, (received_on - deadline.due).days)
