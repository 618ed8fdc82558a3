"""Rules that need more than one cell: dates against dates, rows against rows, reporter, digest."""

from datetime import date
from typing import Any

import pytest

from roster.intake.rows import Row
from roster.intake.rules import (
    CessationReason,
    Division,
    Level,
    Reporter,
    RosterKind,
    not_yet_draftee,
    past_conscription_age,
)
from tests.roster.intake_corpus.files import (
    cessation,
    digest,
    extension,
    faults,
    national_id,
    only_fault,
    refusal,
    student,
    take,
    to_csv,
    to_json,
)


@pytest.mark.rule("RO-07", "RO-10", "RO-33")
def test_the_eight_faulty_cells_of_the_demo_are_all_named_at_once() -> None:
    rows = [
        student(1),
        student(2, national_id="A123456788"),
        student(3, birth_date="0950230"),
        student(4, township_code="63000999"),
        student(5, national_id="A800000014"),
        student(6, national_id=national_id(6, second="2")),
        student(7, enrolled_on="2028-09-01"),
        student(8, level="phd"),
        student(9, name=""),
    ]
    assert [(fault.row, fault.column, fault.code) for fault in faults(rows)] == [
        (3, "national_id", "national_id_checksum"),
        (4, "birth_date", "date_impossible"),
        (5, "township_code", "township_unknown"),
        (6, "national_id", "resident_number"),
        (7, "national_id", "not_male"),
        (8, "enrolled_on", "graduation_before_enrolment"),
        (9, "level", "level_unknown"),
        (10, "name", "required"),
    ]
    error = refusal(to_csv(rows))
    assert (error.kind, error.code, error.total) == ("content", "faulty_cells", 8)
    assert "8" in error.message
    for fault in error.faults:
        assert fault.message.endswith("。")
        assert fault.message_en.endswith(".")
    told = repr(error.faults)
    for row in rows:
        assert row["national_id"] not in told
    assert len(take(to_csv(rows[:1])).rows) == 1


@pytest.mark.rule("RO-33")
@pytest.mark.parametrize(
    ("enrolled", "graduation", "faulty"),
    [("2028-06-29", "2028-06-30", False), ("2028-06-30", "2028-06-30", False), ("2028-07-01", "2028-06-30", True)],
)
def test_enrolment_after_graduation_is_one_fault_that_names_both(enrolled: str, graduation: str, faulty: bool) -> None:
    rows = [student(enrolled_on=enrolled, expected_graduation_on=graduation)]
    if not faulty:
        assert take(to_csv(rows)).rows
        return
    fault = only_fault(rows)
    assert fault.code == "graduation_before_enrolment"
    assert "enrolled_on" in fault.message
    assert "expected_graduation_on" in fault.message
    assert "expected_graduation_on" in fault.message_en


@pytest.mark.rule("RO-33")
def test_dates_that_contradict_each_other() -> None:
    assert only_fault([student(enrolled_on="2005-09-01")]).code == "enrolment_before_birth"
    ended = extension(extended_until="2024-09-08")
    assert only_fault([ended], kind=RosterKind.EXTENSION).code == "extension_before_enrolment"
    left = cessation(enrolled_on="2026-09-21")
    assert only_fault([left], kind=RosterKind.CESSATION).code == "left_before_enrolment"
    unborn = only_fault([cessation(left_on="2006-01-30")], kind=RosterKind.CESSATION)
    assert unborn.code == "left_before_birth"
    assert "95" not in unborn.message  # 民國95年: his birth date is not quoted
    assert take(to_csv([cessation(left_on="2006-01-31")]), kind=RosterKind.CESSATION).rows


@pytest.mark.rule("RO-04")
@pytest.mark.parametrize(("left_on", "faulty"), [("2026-09-30", False), ("2026-10-01", False), ("2026-10-02", True)])
def test_a_man_is_reported_after_he_left(left_on: str, faulty: bool) -> None:
    """Art. 16(2): 應於學生離校之日起三十日內通知."""
    rows = [cessation(left_on=left_on)]
    if not faulty:
        assert take(to_csv(rows), kind=RosterKind.CESSATION, today=date(2026, 10, 1)).rows
        return
    fault = only_fault(rows, kind=RosterKind.CESSATION, today=date(2026, 10, 1))
    assert (fault.column, fault.code) == ("left_on", "left_in_future")


@pytest.mark.rule("RO-07")
def test_a_man_stands_in_a_file_once_and_both_rows_name_the_other() -> None:
    twice = [student(1), student(2), student(1, national_id="ａ" + national_id(1)[1:]), student(1)]
    found = faults(twice)
    assert [(fault.row, fault.code) for fault in found] == [(row, "national_id_repeated") for row in (2, 4, 5)]
    assert ["4" in found[0].message, "2" in found[1].message, "2" in found[2].message] == [True, True, True]
    masked = national_id(1)[:3] + "****" + national_id(1)[-3:]
    assert {fault.value for fault in found} == {masked}


@pytest.mark.rule("RO-17")
def test_the_same_dates_or_student_number_do_not_make_two_men_one() -> None:
    assert len(take(to_csv([student(1), student(2, student_no="B00000001")])).rows) == 2


@pytest.mark.rule("RO-04")
@pytest.mark.parametrize("reason", CessationReason)
@pytest.mark.parametrize("reporter", Reporter)
def test_who_may_report_which_reason(reason: CessationReason, reporter: Reporter) -> None:
    if reason.value in ("on_leave", "withdrew", "expelled"):
        allowed = {Reporter.SCHOOL}
    elif reason.value == "graduated":
        allowed = {Reporter.SCHOOL, Reporter.MAN}
    elif reason.value.startswith("experimental"):
        allowed = {Reporter.EDUCATION_AUTHORITY}
    else:
        allowed = {Reporter.COUNTY}
    rows = [cessation(cessation_reason=reason.value)]
    if reporter in allowed:
        taken = take(to_csv(rows), kind=RosterKind.CESSATION, reporter=reporter)
        assert taken.rows[0].cessation_reason is reason
    else:
        fault = only_fault(rows, kind=RosterKind.CESSATION, reporter=reporter)
        assert (fault.column, fault.code) == ("cessation_reason", "reason_not_yours")


@pytest.mark.rule("RO-04")
@pytest.mark.parametrize(
    ("label", "reason"), [("休學", "on_leave"), ("退學", "withdrew"), ("開除學籍", "expelled"), ("畢業", "graduated")]
)
def test_reasons_in_chinese(label: str, reason: str) -> None:
    taken = take(to_csv([cessation(cessation_reason=label)]), kind=RosterKind.CESSATION)
    assert taken.rows[0].cessation_reason == reason


@pytest.mark.rule("RO-07")
def test_at_most_a_thousand_faults_are_listed_and_all_are_counted() -> None:
    rows = [student(number, level="phd", division="x", name="") for number in range(700)]
    error = refusal(to_csv(rows))
    assert (len(error.faults), error.total) == (1_000, 2_100)
    assert [fault.column for fault in error.faults[:3]] == ["name", "division", "level"]


@pytest.mark.rule("RO-08")
def test_the_same_students_give_the_same_digest_however_they_are_written() -> None:
    rows = [student(number) for number in range(5)]
    expected = digest(take(to_csv(rows)).rows)
    in_words = [
        row | {"birth_date": "95年1月31日", "level": "學士班", "expected_graduation_on": "117/06/30"} for row in rows
    ]
    turned = [dict(reversed(row.items())) for row in reversed(rows)]
    for other in (in_words, turned, [row | {"remarks": ""} for row in rows]):
        assert digest(take(to_csv(other)).rows) == expected
        assert digest(take(to_json(other), media="application/json").rows) == expected


@pytest.mark.rule("RO-08")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "王小明 "),
        ("name", "王小\U000e0100明"),
        ("birth_date", "0950201"),
        ("remarks", "x"),
        ("overseas_compatriot", "否"),
    ],
)
def test_any_other_content_gives_another_digest(field: str, value: str) -> None:
    rows = [student(1), student(2)]
    changed = [rows[0], rows[1] | {field: value}]
    other = to_csv([row | {field: row.get(field, "")} for row in changed])
    assert digest(take(to_csv(rows)).rows) != digest(take(other).rows)
    assert digest(take(to_csv(rows)).rows) != digest(take(to_csv(rows[:1])).rows)


@pytest.mark.rule("RO-08")
def test_what_is_stored_of_older_rosters_is_still_their_digest() -> None:
    """What an earlier release made of these rows; another value, and a roster sent again would be taken in anew."""
    stated: dict[str, Any] = {
        "national_id": "A123456789",
        "name": '王"小,明\u2028',
        "birth_date": date(2006, 1, 2),
        "county_code": "63000",
        "township_code": "63000010",
        "division": Division.DAY,
        "level": Level.SENIOR_HIGH,
        "nominal_years": 4,
        "department": "x",
        "class_year": 1,
        "enrolled_on": date(2024, 9, 1),
        "cessation_reason": CessationReason.GRADUATED,
        "overseas_compatriot": False,
        "status_recognised": True,
        "remarks": "",
    }
    rows = [Row(number=7, **stated), Row(number=3, **stated | {"national_id": "A100000001"})]
    assert digest(rows).hex() == "ad8fde7180011d75a8b60c89ea67497ee9ba5513a57dc0282dc78e6553671692"


@pytest.mark.rule("RO-06")
def test_a_row_is_typed_frozen_and_knows_its_number() -> None:
    row = take(to_csv([extension()]), kind=RosterKind.EXTENSION).rows[0]
    assert (row.number, row.birth_date, row.extended_until) == (2, date(2006, 1, 31), date(2029, 1, 31))
    assert row.extension_reason == "學分不足"
    with pytest.raises(AttributeError):
        row.name = "x"  # type: ignore[misc]
    assert not hasattr(row, "__dict__")
    assert isinstance(row, Row)


@pytest.mark.rule("RO-10", "RO-14")
@pytest.mark.parametrize(
    ("day", "not_yet", "past"),
    [
        # born 2008: Military Service Act Art. 3, from 1 January of the year after he turns 18 …
        (date(2026, 12, 31), True, False),
        (date(2027, 1, 1), False, False),
        # … to 31 December of the year he turns 36
        (date(2044, 12, 31), False, False),
        (date(2045, 1, 1), False, True),
    ],
)
def test_the_ages_of_a_draftee(day: date, not_yet: bool, past: bool) -> None:
    for born in (date(2008, 1, 1), date(2008, 12, 31)):
        assert (not_yet_draftee(born, day), past_conscription_age(born, day)) == (not_yet, past)
