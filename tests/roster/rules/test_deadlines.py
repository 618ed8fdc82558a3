"""RO-01, 03, 04, 28, 36: when a roster is due, how late it came, and who may report what."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.intake.deadlines import (
    CESSATIONS,
    cessation_deadline,
    days_late,
    deadline_article,
    may_report,
    roster_deadline,
)
from roster.intake.rules import CessationReason, Reporter, RosterKind
from shared.calendar import DayOverride, WorkingCalendar
from shared.periods import Deadline

CALENDAR = WorkingCalendar()
TIMED = [RosterKind.APPLICATION, RosterKind.EXTENSION, RosterKind.REAPPLICATION]


def due_of(deadline: Deadline | None) -> date:
    assert deadline is not None
    return deadline.due


WITH_PERIOD = {
    CessationReason.ON_LEAVE,
    CessationReason.WITHDREW,
    CessationReason.EXPELLED,
    CessationReason.EXPERIMENTAL_LEFT,
    CessationReason.EXPERIMENTAL_PERMIT_REVOKED,
}


@pytest.mark.rule("RO-01", "RO-03", "RO-36")
@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(
    ("registration", "due"),
    [
        (date(2026, 9, 18), date(2026, 10, 19)),
        (date(2026, 8, 31), date(2026, 9, 30)),
        (date(2026, 1, 30), date(2026, 3, 2)),
    ],
)
def test_one_month_after_the_registration_deadline(kind, registration, due):
    """Art. 11(1), 14(1): 於註冊截止之日起一個月內; vectors of RO-36."""
    assert due_of(roster_deadline(kind, registration, CALENDAR)) == due


# Art. 14(1): 經核准緩徵之學生，延長其修業年限者，學校應於次學期註冊截止之日起一個月內，繕造名冊. The 次學期 is the one
# after that in which the approved study ended; the roster is drawn up in it and names it (docs/adr/0043).
# Art. 14(3): 學生留級、復學、轉學、轉系、轉科而影響原核准修業年限 … 均應重新辦理緩徵: no period of its own; by design
# the named term's. (what happened, kind, the named term's registration deadline, the last day to file)
TERMS = [
    ("approved to 2026-06-30, stays on in 115-1", RosterKind.EXTENSION, date(2026, 9, 18), date(2026, 10, 19)),
    ("extended to 2027-01-31, stays on in 115-2", RosterKind.EXTENSION, date(2027, 2, 26), date(2027, 3, 26)),
    ("registration ends on the month's last day", RosterKind.EXTENSION, date(2026, 8, 31), date(2026, 9, 30)),
    ("the month ends on New Year's Eve", RosterKind.EXTENSION, date(2027, 1, 5), date(2027, 2, 11)),
    ("留級: repeats the year from 115-1", RosterKind.REAPPLICATION, date(2026, 9, 18), date(2026, 10, 19)),
    ("復學: back from leave in 115-2", RosterKind.REAPPLICATION, date(2027, 2, 26), date(2027, 3, 26)),
    ("轉學, 轉系, 轉科 in 115-1", RosterKind.REAPPLICATION, date(2026, 9, 11), date(2026, 10, 12)),
]


@pytest.mark.rule("RO-03")
@pytest.mark.parametrize(("what", "kind", "registration", "due"), TERMS, ids=[what for what, *_ in TERMS])
def test_art_14_from_the_registration_of_the_term_that_the_roster_names(what, kind, registration, due):
    assert due_of(roster_deadline(kind, registration, CALENDAR)) == due


@pytest.mark.rule("RO-04", "RO-36")
@pytest.mark.parametrize("reason", list(CessationReason))
def test_thirty_days_from_leaving(reason):
    """Art. 16(2): 於學生離校之日起三十日內; (3): 於學生退出或廢止許可之日起三十日內. No period for the others."""
    deadline = cessation_deadline(reason, date(2026, 6, 30), CALENDAR)
    if reason in WITH_PERIOD:
        assert due_of(deadline) == date(2026, 7, 30)
    else:
        assert deadline is None


@pytest.mark.rule("RO-04")
def test_completing_experimental_education_has_no_period():
    """Art. 16(3) speaks of 第一項第三款 (left, permit revoked) only; completion is 第一項第一款."""
    assert not CESSATIONS[CessationReason.EXPERIMENTAL_COMPLETED].has_period
    assert deadline_article(RosterKind.CESSATION, CessationReason.EXPERIMENTAL_COMPLETED) == "16-1-1"


@pytest.mark.rule("RO-36")
def test_a_countys_closure_moves_its_own_deadline():
    typhoon = WorkingCalendar([DayOverride(date(2026, 10, 19), False, "颱風", "臺北市", "63000")])
    assert due_of(roster_deadline(RosterKind.APPLICATION, date(2026, 9, 18), typhoon, "63000")) == date(2026, 10, 20)
    assert due_of(roster_deadline(RosterKind.APPLICATION, date(2026, 9, 18), typhoon, "65000")) == date(2026, 10, 19)


def test_a_cessation_is_not_counted_from_registration():
    assert roster_deadline(RosterKind.CESSATION, date(2026, 9, 18), CALENDAR) is None


@pytest.mark.rule("RO-04")
@pytest.mark.parametrize("reason", list(CessationReason))
@pytest.mark.parametrize("reporter", list(Reporter))
def test_who_may_report(reason, reporter):
    """Art. 16(2) 其肄業學校; 16(3) 主管教育行政機關; 16-1 戶籍地直轄市、縣(市)政府; graduation also the man himself."""
    if reason is CessationReason.GRADUATED:
        allowed = {Reporter.SCHOOL, Reporter.MAN}
    elif reason in (CessationReason.ON_LEAVE, CessationReason.WITHDREW, CessationReason.EXPELLED):
        allowed = {Reporter.SCHOOL}
    elif reason.startswith("experimental"):
        allowed = {Reporter.EDUCATION_AUTHORITY}
    else:
        allowed = {Reporter.COUNTY}
    assert may_report(reason, reporter) is (reporter in allowed)


@pytest.mark.rule("RO-28")
@pytest.mark.parametrize(
    ("received", "late"),
    [
        (date(2026, 10, 1), 0),
        (date(2026, 10, 18), 0),
        (date(2026, 10, 19), 0),
        (date(2026, 10, 20), 1),
        (date(2026, 11, 19), 31),
    ],
)
def test_days_late_count_from_the_shifted_day(received, late):
    deadline = roster_deadline(RosterKind.APPLICATION, date(2026, 9, 18), CALENDAR)
    assert deadline is not None
    assert deadline.nominal_end == date(2026, 10, 18)
    assert days_late(deadline, received) == late


@pytest.mark.rule("RO-28")
@given(st.dates(date(2019, 1, 1), date(2026, 6, 1)), st.integers(-400, 400))
def test_one_day_later_is_one_day_later(registration, offset):
    deadline = roster_deadline(RosterKind.APPLICATION, registration, CALENDAR)
    assert days_late(deadline, due_of(deadline) + timedelta(days=offset)) == max(0, offset)
    assert days_late(None, due_of(deadline)) == 0


@pytest.mark.parametrize(
    ("kind", "reason", "article"),
    [
        (RosterKind.APPLICATION, None, "11-1"),
        (RosterKind.EXTENSION, None, "14-1"),
        (RosterKind.REAPPLICATION, None, "14-3"),
        (RosterKind.CESSATION, None, "16-2"),
        (RosterKind.CESSATION, CessationReason.EXPELLED, "16-2"),
        (RosterKind.CESSATION, CessationReason.EXPERIMENTAL_LEFT, "16-3"),
        (RosterKind.CESSATION, CessationReason.TRAINED_TO_RESERVE, "16/1-0-1"),
    ],
)
def test_articles(kind, reason, article):
    assert deadline_article(kind, reason) == article
