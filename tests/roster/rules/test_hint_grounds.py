"""Art. 15 of 免役禁役緩徵緩召實施辦法: each ground the day before, on and after its limit, and where it is silent."""

from datetime import date

import pytest

from roster.hints.hint import Severity
from roster.hints.model import AgeRule, GraduatedDeferment, History, School, SchoolKind
from roster.intake.rules import Division, Level, RosterKind
from tests.roster.rules.hint_cases import GRANTING, LEFT, SCHOOL, codes, find, one, student

CONTINUING = School("9001", SchoolKind.CONTINUING_SCHOOL, name="某某進修學校")
ARTICLE_15 = {
    "school_not_registered",
    "enrolment_not_recognised",
    "repeated_level",
    "continuing_school_age",
    "age_limit",
    "experimental_age",
}


def test_a_student_against_whom_nothing_speaks_has_no_hint():
    assert find() == ()


@pytest.mark.rule("RO-20")
def test_15_1_1_school_not_registered():
    """肄業學校未經主管教育行政機關立案。"""
    hint = one(find(school=School("0003", SchoolKind.UNIVERSITY, registered=False)), "school_not_registered")
    assert (hint.severity, hint.citations[0].article) == (Severity.BLOCKING, "15-1-1")
    assert hint.visible_to_school


@pytest.mark.rule("RO-21")
@pytest.mark.parametrize(
    ("recognised", "programme", "fires"),
    [(None, True, False), (True, True, False), (False, True, True), (None, False, True), (True, False, True)],
)
def test_15_1_2_enrolment_not_recognised(recognised, programme, fires):
    """入學學籍未符合主管教育行政機關規定。 By the table, or as the roster or the officer marked it."""
    school = School("0003", SchoolKind.UNIVERSITY, programme_recognised=programme)
    hints = find(student(status_recognised=recognised), school=school)
    assert ("enrolment_not_recognised" in codes(hints)) is fires
    if fires:
        assert one(hints, "enrolment_not_recognised").citations[0].article == "15-1-2"


LEVELS = list(Level)


@pytest.mark.rule("RO-22")
@pytest.mark.parametrize("graduated", LEVELS)
@pytest.mark.parametrize("now", LEVELS)
def test_15_1_3_same_or_lower_level_after_graduation(graduated, now):
    """高級中等以上學校畢業生未經內政部核定，再就讀相同等級或低於原等級之學校。"""
    repeated = LEVELS.index(now) <= LEVELS.index(graduated)
    hints = find(student(level=now, prior_graduated_level=graduated, expected_graduation_on=date(2026, 6, 30)))
    assert ("repeated_level" in codes(hints)) is repeated
    past = History(graduated=(GraduatedDeferment(graduated, date(2025, 6, 30)),))
    hints = find(student(level=now, expected_graduation_on=date(2026, 6, 30)), history=past)
    assert ("repeated_level" in codes(hints)) is repeated


@pytest.mark.rule("RO-22")
@pytest.mark.parametrize(("approval", "fires"), [(None, True), ("", True), ("  ", True), ("台內役字第1號", False)])
def test_15_1_3_needs_the_want_of_the_ministrys_approval(approval, fires):
    hints = find(student(prior_graduated_level=Level.BACHELOR, moi_approval_no=approval))
    assert ("repeated_level" in codes(hints)) is fires


@pytest.mark.rule("RO-22")
def test_15_1_3_the_highest_level_known_counts_and_no_school_sees_it():
    past = History(
        graduated=(
            GraduatedDeferment(Level.SENIOR_HIGH, date(2022, 6, 30)),
            GraduatedDeferment(Level.MASTER, date(2025, 6, 30)),
        )
    )
    hint = one(find(student(prior_graduated_level=Level.BACHELOR), history=past), "repeated_level")
    assert hint.values["graduated"] is Level.MASTER
    assert hint.values["graduated_on"] == date(2025, 6, 30)
    assert hint.severity is Severity.BLOCKING
    assert not hint.visible_to_school


# Born, school kind, division, today, code or None. SOURCE: Art. 15(1)(4), (5); facts.md 6.4 for the first four.
AGES = [
    (date(1993, 12, 31), SchoolKind.UNIVERSITY, Division.DAY, date(2026, 12, 30), None),
    (date(1993, 12, 31), SchoolKind.UNIVERSITY, Division.DAY, date(2026, 12, 31), None),
    (date(1993, 12, 31), SchoolKind.UNIVERSITY, Division.DAY, date(2027, 1, 1), "age_limit"),
    (date(1998, 1, 1), SchoolKind.CONTINUING_SCHOOL, Division.DAY, date(2026, 12, 31), None),
    (date(1998, 1, 1), SchoolKind.CONTINUING_SCHOOL, Division.DAY, date(2027, 1, 1), "continuing_school_age"),
    (date(1998, 12, 31), SchoolKind.CONTINUING_SCHOOL, Division.DAY, date(2026, 12, 31), None),
    (date(1997, 12, 31), SchoolKind.CONTINUING_SCHOOL, Division.DAY, date(2026, 1, 1), "continuing_school_age"),
    (date(1997, 12, 31), SchoolKind.CONTINUING_COLLEGE, Division.CONTINUING, date(2026, 1, 1), "continuing_school_age"),
    (date(1997, 12, 31), SchoolKind.UNIVERSITY, Division.CONTINUING, date(2026, 1, 1), None),
    (date(1992, 12, 31), SchoolKind.UNIVERSITY, Division.CONTINUING, date(2026, 1, 1), "age_limit"),
    (date(1992, 12, 31), SchoolKind.SENIOR_HIGH, Division.DAY, date(2026, 1, 1), "age_limit"),
    (date(1992, 1, 1), SchoolKind.JUNIOR_COLLEGE, Division.DAY, date(2025, 12, 31), None),
    (date(1992, 1, 1), SchoolKind.OTHER, Division.DAY, date(2026, 1, 1), "age_limit"),
]


@pytest.mark.rule("RO-23", "RO-24", "RO-26")
@pytest.mark.parametrize(("born", "kind", "division", "today", "code"), AGES)
def test_15_1_4_and_5_ages(born, kind, division, today, code):
    """就讀大專校院以下進修學校年齡逾二十八歲仍未畢業。就讀前款以外學校年齡逾三十三歲仍未畢業。"""
    hints = find(student(birth_date=born, division=division), school=School("1", kind), today=today, registry=None)
    assert [found for found in codes(hints) if found in ARTICLE_15] == ([code] if code else [])
    if code:
        hint = one(hints, code)
        limit = 28 if code == "continuing_school_age" else 33
        assert hint.severity is Severity.BLOCKING
        assert hint.citations[0].article == ("15-1-4" if limit == 28 else "15-1-5")
        assert hint.values["limit"] == limit
        assert hint.last_day == hint.values["last_day"] == date(born.year + limit, 12, 31)


@pytest.mark.rule("RO-23")
def test_a_continuing_division_is_no_continuing_school_and_the_hint_says_so():
    hint = one(find(student(division=Division.CONTINUING)), "continuing_division")
    assert (hint.severity, hint.values["limit"], hint.citations[0].article) == (Severity.INFO, 33, "15-1-5")
    assert "continuing_division" not in codes(find(student(division=Division.CONTINUING), school=CONTINUING))
    assert "continuing_division" not in codes(find())


@pytest.mark.rule("RO-25")
@pytest.mark.parametrize(
    ("experimental", "today", "fires"),
    [
        (True, date(2030, 12, 31), False),
        (True, date(2031, 1, 1), True),
        (False, date(2031, 1, 1), False),
    ],
)
def test_15_2_experimental_education(experimental, today, fires):
    """參與實驗教育年齡逾二十四歲仍未完成者，不得緩徵。 Born 2006: 24 in 2030. He stands on an ordinary roster."""
    hints = find(student(experimental_education=experimental, level=Level.SENIOR_HIGH), today=today)
    assert ("experimental_age" in codes(hints)) is fires
    if fires:
        hint = one(hints, "experimental_age")
        assert (hint.severity, hint.citations[0].article) == (Severity.BLOCKING, "15-2")
        assert hint.last_day == date(2030, 12, 31)


@pytest.mark.rule("RO-25", "RO-24")
def test_a_man_past_both_limits_gets_both_hints():
    hints = find(student(birth_date=date(1990, 1, 1), experimental_education=True))
    assert [code for code in codes(hints) if code in ARTICLE_15] == ["age_limit", "experimental_age"]
    assert {hint.last_day for hint in hints} == {date(2014, 12, 31)}


# Born 1996-03-02: 33 in 2029. Asked until, whether capped.
CAPS = [(date(2029, 12, 30), False), (date(2029, 12, 31), False), (date(2030, 1, 1), True)]


@pytest.mark.rule("RO-26")
@pytest.mark.parametrize(("asked", "capped"), CAPS)
@pytest.mark.parametrize("kind", GRANTING)
def test_a_deferment_never_runs_past_the_year_he_turns_33(kind, asked, capped):
    asked_by = {"extended_until": asked} if kind is RosterKind.EXTENSION else {"expected_graduation_on": asked}
    hints = find(student(birth_date=date(1996, 3, 2), enrolled_on=date(2026, 9, 1), **asked_by), kind=kind)
    assert ("deferment_capped" in codes(hints)) is capped
    if capped:
        hint = one(hints, "deferment_capped")
        assert (hint.severity, hint.last_day) == (Severity.WARNING, date(2029, 12, 31))
        assert hint.citations[0].article == "AgeRule.YEAR_END"


@pytest.mark.rule("RO-26")
def test_once_the_limit_has_passed_the_ground_speaks_and_the_cap_is_silent():
    hints = find(student(birth_date=date(1990, 3, 2)))
    assert "age_limit" in codes(hints)
    assert "deferment_capped" not in codes(hints)


@pytest.mark.rule("RO-26")
@pytest.mark.parametrize(
    ("today", "fires"), [(date(2026, 9, 30), False), (date(2026, 10, 1), False), (date(2026, 10, 2), True)]
)
def test_the_birthday_policy_passes_the_limit_on_the_day_after_the_33rd_birthday(today, fires):
    hints = find(student(birth_date=date(1993, 10, 1)), today=today, age_rule=AgeRule.BIRTHDAY)
    assert ("age_limit" in codes(hints)) is fires
    if fires:
        hint = one(hints, "age_limit")
        assert (hint.values["age"], hint.values["age_rule"]) == (33, AgeRule.BIRTHDAY)
        assert hint.last_day == date(2026, 10, 1)


@pytest.mark.rule("RO-20", "RO-21", "RO-22", "RO-23", "RO-24", "RO-25", "RO-26")
@pytest.mark.parametrize("kind", GRANTING)
def test_every_ground_is_asked_of_every_kind_that_grants(kind):
    worst = student(
        birth_date=date(1990, 1, 1),
        prior_graduated_level=Level.MASTER,
        status_recognised=False,
        experimental_education=True,
    )
    school = School("1", SchoolKind.UNIVERSITY, registered=False)
    assert set(codes(find(worst, kind=kind, school=school))) & ARTICLE_15 == ARTICLE_15 - {"continuing_school_age"}


@pytest.mark.rule("RO-20", "RO-21", "RO-22", "RO-23", "RO-24", "RO-25", "RO-26")
def test_no_ground_is_held_against_a_cessation():
    """Art. 15: 不得緩徵. A cessation asks for none, so a man of 35 may report that his has ended."""
    worst = student(birth_date=date(1991, 1, 1), prior_graduated_level=Level.MASTER, status_recognised=False, **LEFT)
    hints = find(worst, kind=RosterKind.CESSATION, school=School("1", SchoolKind.UNIVERSITY, registered=False))
    assert not set(codes(hints)) & (ARTICLE_15 | {"deferment_capped", "continuing_division"})
    assert all(hint.last_day is None for hint in hints)


def test_a_paper_cessation_without_level_or_dates_is_judged_all_the_same():
    bare = student(level=None, enrolled_on=None, expected_graduation_on=None, nominal_years=None, **LEFT)
    assert codes(find(bare, kind=RosterKind.CESSATION, school=SCHOOL)) == ["no_active_deferment"]
