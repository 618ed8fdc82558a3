"""RO-14, RO-18 and RO-27 to RO-34: how the man stands with the system, the calendar and the registry."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from roster.hints.explain import explain
from roster.hints.hint import Severity
from roster.hints.limits import conscription_age
from roster.hints.model import ActiveDeferment, History, OtherRoster, RegistryStatus
from roster.intake.rules import Level, RosterKind
from tests.roster.rules.hint_cases import (
    FILING,
    GRANTING,
    LEFT,
    NEW_TAIPEI,
    TODAY,
    codes,
    facts,
    find,
    one,
    student,
)

HERE = ActiveDeferment("0003", "府兵徵字第1140000001號", date(2025, 10, 1), date(2029, 6, 30), Level.BACHELOR)
ELSEWHERE = ActiveDeferment("0001", "府兵徵字第1140000002號", date(2025, 10, 1), date(2027, 6, 30), Level.BACHELOR)


@pytest.mark.rule("RO-14")
@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2007, 12, 31), date(2025, 12, 31), "before"),
        (date(2007, 12, 31), date(2026, 1, 1), "within"),
        (date(2007, 1, 1), date(2025, 12, 31), "before"),
        (date(1990, 1, 1), date(2026, 12, 31), "within"),
        (date(1990, 12, 31), date(2026, 12, 31), "within"),
        (date(1990, 12, 31), date(2027, 1, 1), "past"),
    ],
)
def test_draftees_from_1_january_of_the_year_of_19_to_31_december_of_the_year_of_36(born, day, age):
    """Military Service Act Art. 3."""
    assert conscription_age(born, day) == age


@pytest.mark.rule("RO-33", "RO-14")
def test_a_man_not_yet_of_age_is_warned_of():
    hint = one(find(student(birth_date=date(2008, 1, 1)), registry=None), "not_yet_draftee")
    assert (hint.severity, hint.rule) == (Severity.WARNING, "RO-33")
    assert hint.values == {"age": 18, "first_liable_day": date(2027, 1, 1)}
    assert "not_yet_draftee" not in codes(find(student(birth_date=date(2007, 12, 31)), registry=None))


@pytest.mark.rule("RO-14")
@pytest.mark.parametrize(
    ("kind", "severity"),
    [(RosterKind.APPLICATION, Severity.BLOCKING), (RosterKind.CESSATION, Severity.INFO)],
)
def test_a_man_who_passed_36_since_the_roster_came_is_no_draftee(kind, severity):
    who = student(birth_date=date(1990, 6, 1), **LEFT)
    assert "past_draftee_age" not in codes(find(who, kind=kind, today=date(2026, 12, 31)))
    hint = one(find(who, kind=kind, today=date(2027, 1, 1)), "past_draftee_age")
    assert (hint.severity, hint.values["last_liable_day"]) == (severity, date(2026, 12, 31))


@pytest.mark.rule("RO-18")
@pytest.mark.parametrize("kind", list(RosterKind))
def test_until_the_registry_answers_one_warning_says_so(kind):
    hints = find(student(**LEFT), kind=kind, registry=None, history=History(active=(HERE,)))
    pending = one(hints, "registry_pending")
    assert pending.severity is Severity.WARNING
    assert not pending.visible_to_school


@pytest.mark.rule("RO-18")
def test_no_data_is_not_checked_never_silence():
    unknown = facts(known=False, status=None, birth_date=None, county_code=None, overseas_compatriot=None)
    assert codes(find(registry=unknown)) == ["registry_unknown"]
    partial = one(find(registry=facts(status=None, county_code=None)), "registry_incomplete")
    assert partial.values["missing"] == "兵役身分、戶籍地"
    assert partial.values["missing_en"] == "status, household"


@pytest.mark.rule("RO-18")
def test_the_day_of_the_registrys_answer_is_taiwans():
    late = facts(known=False, as_of=datetime(2026, 9, 30, 16, 30, tzinfo=UTC))
    assert one(find(registry=late), "registry_unknown").values["as_of"] == date(2026, 10, 1)


# Kind, active deferments, codes. An application asks who else holds one; extension and cessation need one here.
ACTIVE = [
    (RosterKind.APPLICATION, (), []),
    (RosterKind.APPLICATION, (HERE,), ["already_active_here"]),
    (RosterKind.APPLICATION, (HERE, ELSEWHERE), ["already_active_here", "active_elsewhere"]),
    (RosterKind.APPLICATION, (ELSEWHERE,), ["active_elsewhere"]),
    (RosterKind.REAPPLICATION, (HERE, ELSEWHERE), []),
    (RosterKind.EXTENSION, (), ["no_active_deferment"]),
    (RosterKind.EXTENSION, (HERE,), []),
    (RosterKind.EXTENSION, (HERE, ELSEWHERE), ["active_elsewhere"]),
    (RosterKind.EXTENSION, (ELSEWHERE,), ["no_active_deferment", "active_elsewhere"]),
    (RosterKind.CESSATION, (), ["no_active_deferment"]),
    (RosterKind.CESSATION, (HERE,), []),
    (RosterKind.CESSATION, (HERE, ELSEWHERE), ["active_elsewhere"]),
    (RosterKind.CESSATION, (ELSEWHERE,), ["no_active_deferment", "active_elsewhere"]),
]


@pytest.mark.rule("RO-27")
@pytest.mark.parametrize(("kind", "active", "expected"), ACTIVE)
def test_active_deferments_by_kind(kind, active, expected):
    hints = find(student(**LEFT), kind=kind, history=History(active=active))
    assert codes(hints) == expected
    assert all(hint.severity is Severity.WARNING and not hint.visible_to_school for hint in hints)


@pytest.mark.rule("RO-27")
def test_the_hint_names_both_schools():
    hint = one(find(history=History(active=(ELSEWHERE,))), "active_elsewhere")
    assert (hint.values["school"], hint.values["other_school"]) == ("國立臺灣大學", "0001")
    assert hint.values["decision_number"] == ELSEWHERE.decision_number
    assert ELSEWHERE.decision_number in hint.message


@pytest.mark.rule("RO-27")
@pytest.mark.parametrize(("until", "fires"), [(date(2026, 9, 30), False), (TODAY, True), (date(2026, 10, 2), True)])
def test_a_deferment_elsewhere_that_has_run_out_is_not_held_against_an_application(until, fires):
    history = History(active=(replace(ELSEWHERE, until=until),))
    assert ("active_elsewhere" in codes(find(history=history))) is fires


@pytest.mark.rule("RO-27")
def test_an_extension_extends_a_deferment_that_ran_out_in_the_summer():
    """Art. 14(1): 於次學期註冊截止之日起一個月內; the deferment ended on 30 June, the roster comes in October."""
    history = History(active=(replace(HERE, until=date(2026, 6, 30)),))
    assert find(kind=RosterKind.EXTENSION, history=history) == ()


@pytest.mark.rule("RO-27")
def test_the_same_man_on_other_undecided_rosters():
    others = (OtherRoster("r-1", "0001", "國立政治大學"), OtherRoster("r-2", "0002"))
    hints = find(history=History(other_rosters=others))
    assert codes(hints) == ["in_other_roster"] * 2
    assert [hint.values["roster"] for hint in hints] == ["r-1", "r-2"]
    assert {hint.severity for hint in hints} == {Severity.WARNING}


@pytest.mark.rule("RO-28")
@pytest.mark.parametrize(
    ("received", "late"), [(date(2026, 10, 18), 0), (date(2026, 10, 19), 0), (date(2026, 10, 20), 1)]
)
def test_late_with_days(received, late):
    """2026-09-18 + 1 month → 10-18 (Sunday) → 2026-10-19 (RO-36)."""
    hints = find(filing=replace(FILING, received_on=received), today=date(2026, 11, 1))
    assert codes(hints) == (["late"] if late else [])
    if late:
        hint = one(hints, "late")
        assert hint.values == {"days_late": late, "due": date(2026, 10, 19), "received_on": received}
        assert (hint.severity, hint.citations[0].article) == (Severity.WARNING, "11-1")


@pytest.mark.rule("RO-28")
@pytest.mark.parametrize(
    ("kind", "article"),
    [
        (RosterKind.APPLICATION, "11-1"),
        (RosterKind.EXTENSION, "14-1"),
        (RosterKind.REAPPLICATION, "14-3"),
        (RosterKind.CESSATION, "16-2"),
    ],
)
def test_late_cites_the_article_of_its_kind(kind, article):
    filing = replace(FILING, received_on=date(2027, 1, 1))
    hint = one(find(student(**LEFT), kind=kind, filing=filing, today=date(2027, 1, 1)), "late")
    assert hint.citations[0].article == article


@pytest.mark.rule("RO-28")
def test_no_period_no_lateness():
    assert find(filing=replace(FILING, deadline=None, received_on=date(2027, 1, 1))) == ()


@pytest.mark.rule("RO-29")
@pytest.mark.parametrize("kind", list(RosterKind))
def test_household_in_another_county_blocks_every_kind(kind):
    """Art. 11: 應依學生戶籍地分別繕造…送各直轄市、縣(市)政府核定."""
    hints = find(student(**LEFT), kind=kind, registry=facts(county_code=NEW_TAIPEI), history=History(active=(HERE,)))
    hint = one(hints, "household_elsewhere")
    assert hint.severity is Severity.BLOCKING
    assert not hint.visible_to_school
    assert "新北市" in hint.message
    assert "New Taipei City" in hint.message_en


@pytest.mark.rule("RO-29")
def test_taoyuans_old_code_is_taoyuan():
    assert find(student(county_code="68000"), registry=facts(county_code="10003")) == ()
    assert codes(find(student(county_code="68000"), registry=facts(county_code="??"))) == ["household_elsewhere"]


NOT_LIABLE = [status for status in RegistryStatus if status is not RegistryStatus.NONE]


@pytest.mark.rule("RO-30")
@pytest.mark.parametrize("status", NOT_LIABLE)
@pytest.mark.parametrize("kind", list(RosterKind))
def test_who_has_served_or_is_exempted_has_nothing_to_defer(kind, status):
    """Planned item (1) of the manual: 審查緩徵原因消滅名冊時，如役男為後備軍人…等情形可勾選核准(惟系統不會修改註記)."""
    hints = find(student(**LEFT), kind=kind, registry=facts(status=status), history=History(active=(HERE,)))
    if kind in GRANTING:
        hint = one(hints, "not_liable")
        assert hint.severity is Severity.BLOCKING
    else:
        hint = one(hints, "cessation_not_liable")
        assert hint.severity is Severity.INFO
        assert "不修改緩徵註記" in hint.message
    assert not hint.visible_to_school
    assert hint.values["status"] is status


@pytest.mark.rule("RO-30")
def test_status_none_says_nothing():
    assert find(registry=facts(status=RegistryStatus.NONE)) == ()


# The roster's word, the registry's, (code, severity, seen by the school).
COMPATRIOTS = [
    (None, None, []),
    (None, False, []),
    (None, True, [("overseas_compatriot", "info", False)]),
    (False, False, []),
    (False, True, [("overseas_compatriot", "info", False), ("overseas_compatriot_conflict", "warning", False)]),
    (True, None, [("overseas_compatriot", "info", True)]),
    (True, True, [("overseas_compatriot", "info", True)]),
    (True, False, [("overseas_compatriot", "info", True), ("overseas_compatriot_conflict", "warning", False)]),
]


@pytest.mark.rule("RO-31")
@pytest.mark.parametrize(("declared", "registered", "expected"), COMPATRIOTS)
def test_overseas_compatriots(declared, registered, expected):
    """Manual, item (12): 系統提示新增事項：具「僑民役男」身分."""
    hints = find(student(overseas_compatriot=declared), registry=facts(overseas_compatriot=registered))
    assert [(hint.code, hint.severity, hint.visible_to_school) for hint in hints] == expected
    for hint in hints:
        (citation,) = explain(hint)["citations"]
        assert citation["text"] == "在學緩徵作業系統操作說明已版更項目第12項"
        assert citation["text_en"] == "Student-deferment system manual, shipped change 12"
        assert "僑民役男" in citation["wording"]


@pytest.mark.rule("RO-32")
@pytest.mark.parametrize(
    ("ordered", "certificate", "fires"),
    [
        (date(2026, 9, 30), False, True),
        (date(2026, 9, 30), True, False),
        (TODAY, False, False),
        (date(2026, 10, 2), False, False),
    ],
)
def test_an_induction_order_from_before_the_roster(ordered, certificate, fires):
    """Art. 12: 申請緩徵學生名冊未送達…前，學生收受徵集令時，得由學校出具證明書."""
    registry = facts(induction_order_on=ordered, induction_order_number="徵字第1號")
    hints = find(registry=registry, history=History(certificate_on_file=certificate))
    assert codes(hints) == (["induction_order"] if fires else [])
    if fires:
        assert hints[0].values["order_on"] == ordered
        assert (hints[0].severity, hints[0].visible_to_school) == (Severity.WARNING, False)


@pytest.mark.rule("RO-33")
def test_birth_date_against_the_registry():
    hint = one(find(registry=facts(birth_date=date(2006, 4, 5))), "birth_date_differs")
    assert hint.values == {"roster": date(2006, 5, 4), "registry": date(2006, 4, 5)}
    assert (hint.severity, hint.visible_to_school) == (Severity.WARNING, False)


# Level, 學年制, enrolled, last day in time. "3+2 senior high, 2+1 or 5+2 junior college, 4+2 bachelor, 1–4, 2–7".
STUDIES = [
    (Level.SENIOR_HIGH, 3, date(2024, 8, 1), date(2029, 7, 31)),
    (Level.JUNIOR_COLLEGE, 2, date(2024, 9, 1), date(2027, 8, 31)),
    (Level.JUNIOR_COLLEGE, 5, date(2024, 9, 1), date(2031, 8, 31)),
    (Level.JUNIOR_COLLEGE, None, date(2024, 9, 1), date(2031, 8, 31)),
    (Level.BACHELOR, 4, date(2024, 9, 1), date(2030, 8, 31)),
    (Level.BACHELOR, None, date(2024, 2, 29), date(2030, 2, 28)),
    (Level.MASTER, 2, date(2024, 9, 1), date(2028, 8, 31)),
    (Level.DOCTORAL, 4, date(2024, 9, 1), date(2031, 8, 31)),
]


@pytest.mark.rule("RO-33")
@pytest.mark.parametrize(("level", "years", "enrolled", "last"), STUDIES)
def test_study_longer_than_normal_years_and_extension(level, years, enrolled, last):
    def judged(until: date) -> list[str]:
        who = student(level=level, nominal_years=years, enrolled_on=enrolled, expected_graduation_on=until)
        return codes(find(who))

    assert judged(last) == []
    assert judged(date.fromordinal(last.toordinal() + 1)) == ["study_period"]


@pytest.mark.rule("RO-33")
@pytest.mark.parametrize(
    ("year", "term", "until", "fires"),
    [
        (115, 1, date(2027, 1, 30), False),
        (115, 1, date(2027, 1, 31), False),
        (115, 1, date(2027, 2, 1), True),
        (115, 2, date(2027, 7, 31), False),
        (115, 2, date(2027, 8, 1), True),
    ],
)
def test_an_extension_is_for_one_term(year, term, until, fires):
    """每學期辦理一次: facts.md 3.3."""
    filing = replace(FILING, academic_year=year, term=term)
    hints = find(
        student(extended_until=until),
        kind=RosterKind.EXTENSION,
        filing=filing,
        history=History(active=(replace(HERE, until=date(2026, 6, 30)),)),
    )
    assert codes(hints) == (["extension_terms"] if fires else [])


@pytest.mark.rule("RO-33")
@pytest.mark.parametrize(
    ("until", "fires"), [(date(2026, 12, 30), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False)]
)
def test_an_extension_that_extends_nothing(until, fires):
    """Art. 14(1): 繼續緩徵; the end that counts is that of his newest deferment here."""
    older, newest = replace(HERE, until=date(2029, 6, 30)), replace(HERE, until=date(2026, 12, 31))
    history = History(active=(older, newest))
    hints = find(student(extended_until=until), kind=RosterKind.EXTENSION, history=history)
    assert codes(hints) == (["extension_not_longer"] if fires else [])
    assert all((hint.severity, hint.visible_to_school) == (Severity.WARNING, False) for hint in hints)
    elsewhere = History(active=(replace(newest, school_code="0001"),))
    found = codes(find(student(extended_until=until), kind=RosterKind.EXTENSION, history=elsewhere))
    assert "extension_not_longer" not in found


@pytest.mark.rule("RO-33")
@pytest.mark.parametrize("kind", GRANTING)
@pytest.mark.parametrize(("until", "fires"), [(date(2026, 9, 30), True), (TODAY, False), (date(2026, 10, 2), False)])
def test_a_deferment_until_a_day_that_is_past(kind, until, fires):
    who = student(expected_graduation_on=until, extended_until=until)
    hints = find(who, kind=kind, history=History(active=(replace(HERE, until=date(2026, 1, 31)),)))
    assert ("end_already_past" in codes(hints)) is fires
    if fires:
        hint = one(hints, "end_already_past")
        assert (hint.severity, hint.visible_to_school) == (Severity.WARNING, True)
        assert "115年9月30日" in hint.message


@pytest.mark.rule("RO-27")
@pytest.mark.parametrize(("until", "fires"), [(date(2026, 9, 30), False), (TODAY, True)])
def test_a_second_application_of_one_school_while_the_first_runs(until, fires):
    found = codes(find(history=History(active=(replace(HERE, until=until),))))
    assert found == (["already_active_here"] if fires else [])


@pytest.mark.rule("RO-27")
@pytest.mark.parametrize(("left_on", "fires"), [(date(2025, 9, 30), True), (date(2025, 10, 1), False)])
def test_a_late_cessation_is_of_an_earlier_enrolment(left_on, fires):
    """Art. 16(1): 緩徵原因消滅 of the deferment he had, not of the one that began since (HERE: 2025-10-01)."""
    who = student(**{**LEFT, "left_on": left_on})
    hints = find(who, kind=RosterKind.CESSATION, history=History(active=(HERE,)))
    assert codes(hints) == (["left_before_deferment"] if fires else [])
    assert all((hint.severity, hint.visible_to_school) == (Severity.BLOCKING, False) for hint in hints)
    # What counts is the day the roster arrived: who left between that and the decision is of this enrolment.
    assert find(who, kind=RosterKind.CESSATION, history=History(active=(replace(HERE, filed_on=left_on),))) == ()
    begun = replace(HERE, decision_number="甲", since=date(2020, 1, 1))
    both = find(who, kind=RosterKind.CESSATION, history=History(active=(begun, HERE)))
    assert [hint.values["decision_number"] for hint in both] == ([HERE.decision_number] if fires else [])
    assert find(who, kind=RosterKind.CESSATION, history=History(active=(replace(HERE, school_code="0001"),)))
    assert "left_before_deferment" not in codes(find(who, history=History(active=(HERE,))))


@pytest.mark.rule("RO-34")
@pytest.mark.parametrize(
    ("level", "volunteer", "fires"),
    [
        (Level.SENIOR_HIGH, True, False),
        (Level.JUNIOR_COLLEGE, True, True),
        (Level.BACHELOR, True, True),
        (Level.BACHELOR, False, False),
        (Level.BACHELOR, None, False),
    ],
)
def test_a_volunteer_for_vacation_training_is_still_called(level, volunteer, fires):
    """Art. 13(3): 志願於專科以上學校在學寒、暑假期間接受常備兵役軍事訓練時，仍受徵集."""
    hints = find(student(level=level), registry=facts(volunteered_training=volunteer))
    assert codes(hints) == (["training_volunteer"] if fires else [])
    assert all(hint.severity is Severity.INFO for hint in hints)
