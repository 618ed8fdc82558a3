"""The demonstration's own arithmetic: its days hold on every day of the year, its men are what they are said to be."""

import random
from datetime import date, timedelta

import pytest

from local.demo import files
from local.demo.checks import TOLD, NotAsTold, contains, equal, holds
from local.demo.days import plan
from local.demo.people import make_cast, national_id
from shared.calendar import WorkingCalendar
from shared.ids import IdKind, read_id
from shared.periods import months_after

EVERY_DAY = [date(2026, 1, 1) + timedelta(days=n) for n in range(3 * 365)]


def test_on_every_day_one_term_is_open_and_the_one_before_is_late():
    for today in EVERY_DAY:
        days = plan(today)
        assert days.last_term.due < today <= days.term.due, today
        for term in (days.term, days.last_term):
            first, last = date(term.academic_year + 1911, 7, 1), date(term.academic_year + 1912, 8, 31)
            assert first <= term.registration_deadline <= last, today
            assert months_after(term.registration_deadline, 1, WorkingCalendar()).due == term.due, today


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 7, 31), date(2026, 8, 1), date(2027, 12, 31)])
def test_the_men_are_draftees_with_ids_of_their_own(today):
    days = plan(today)
    cast = make_cast("any", days)
    assert len(cast.ntu) == TOLD.students
    assert len({man.national_id for man in cast.ntu}) == TOLD.students
    for man in (*cast.ntu, *cast.other, *cast.late):
        reading = read_id(man.national_id)
        assert (reading.kind, reading.valid, reading.sex) == (IdKind.national_id, True, "male")
        assert 19 <= today.year - man.birth_date.year <= 36
        assert man.enrolled_on <= today < man.expected_graduation_on
    assert {man.name for man in cast.ntu} >= {"林𤧟君", "陳堃", "王喆", "高峯"}


def test_a_seed_makes_the_same_men_again():
    days = plan(date(2026, 11, 20))
    assert make_cast("7", days) == make_cast("7", days)
    men, others = make_cast("7", days), make_cast("8", days)
    assert not {man.national_id for man in men.ntu} & {man.national_id for man in others.ntu}


@pytest.mark.parametrize("seed", range(20))
def test_eight_cells_are_spoiled_each_in_a_row_of_its_own(seed):
    rows = files.table(make_cast("any", plan(date(2026, 11, 20))).ntu)
    spoiled, flaws = files.spoil(rows, str(seed))
    differing = [
        (number, files.FIELDS[place])
        for number, (before, after) in enumerate(zip(rows, spoiled, strict=True), 2)
        for place, (one, other) in enumerate(zip(before, after, strict=True))
        if one != other
    ]
    assert differing == [(flaw.row, flaw.column) for flaw in flaws]
    assert len({flaw.code for flaw in flaws}) == TOLD.faulty_cells


def test_spoiled_ids_are_what_they_are_meant_to_be():
    rng = random.Random(1)
    assert not read_id(national_id(rng, right=False)).valid
    assert read_id(national_id(rng, "2")).sex == "female"
    assert read_id(national_id(rng, "8")).kind is IdKind.resident_new


def test_a_check_says_what_it_found_and_what_was_told():
    equal("a number", 1, 1)
    holds("a fact", True, None)
    contains("a text", "甲乙", ["甲", "乙"])
    with pytest.raises(NotAsTold, match=r"(?s)a number.*found: 1.*told:  2"):
        equal("a number", 1, 2)
    with pytest.raises(NotAsTold, match=r"(?s)a fact.*found: 3"):
        holds("a fact", False, 3)
    with pytest.raises(NotAsTold, match=r"(?s)a text.*missing: 丙"):
        contains("a text", "甲乙", ["甲", "丙"])
