"""Each rule of a single cell, as a table: what is taken, what is refused, how the refusal names it."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.intake import checker
from roster.intake.cells import refuse_formula
from roster.intake.columns import COLUMNS, Column
from roster.intake.faults import CellError
from roster.intake.rules import Division, Level, Reporter, RosterKind
from shared.csv_out import as_text
from tests.roster.intake_corpus.files import (
    TODAY,
    cessation,
    extension,
    faults,
    national_id,
    only_fault,
    student,
    take,
    to_csv,
)


def value_of(field: str, text: str) -> object:
    return getattr(take(to_csv([student(**{field: text})])).rows[0], field)


def code_of(field: str, text: str) -> str:
    fault = only_fault([student(**{field: text})])
    assert fault.column == field
    assert fault.message
    assert fault.message_en
    return fault.code


@pytest.mark.rule("RO-10")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        # facts.md 2.1, bad vectors and one digit off
        ("A123456788", "national_id_checksum"),
        ("O158238842", "national_id_checksum"),
        ("A12345678", "national_id_format"),
        ("A1234567890", "national_id_format"),
        ("1234567890", "national_id_format"),
        ("A12345678O", "national_id_format"),
        ("王小明", "national_id_format"),
        ("A323456789", "national_id_format"),
        # a woman's ID says so, whatever its check digit
        ("F231104093", "not_male"),
        (national_id(7, second="2"), "not_male"),
        # both formats of the resident number, with right and with wrong check digits
        ("A800000014", "resident_number"),
        ("A900207177", "resident_number"),
        ("A800000000", "resident_number"),
        ("AB23456789", "resident_number"),
        ("TD00251124", "resident_number"),
        ("AA00000000", "resident_number"),
        ("", "required"),
        ("　", "required"),
    ],
)
def test_a_wrong_national_id_is_told_why(text: str, code: str) -> None:
    assert code_of("national_id", text) == code


@pytest.mark.rule("RO-10")
@pytest.mark.parametrize("text", ["A123456789", "a123456789", " A123456789 ", "Ａ１２３４５６７８９", "F131104093"])
def test_a_right_national_id_is_folded_to_one_form(text: str) -> None:
    assert value_of("national_id", text) == ("F131104093" if text[0] == "F" else "A123456789")


@pytest.mark.rule("RO-10")
@pytest.mark.parametrize("text", ["A123456788", "A12345678", "A1234567890", "F231104093", "A800000014", "AB23456789"])
def test_a_wrong_national_id_is_shown_masked(text: str) -> None:
    fault = only_fault([student(national_id=text)])
    assert fault.value is not None
    assert text[3:7] not in fault.value
    assert text not in repr(fault)


NAMES = [
    "王小明",
    "堃喆峯",
    "Kolas Yotaka",
    "夏曼・藍波安",
    "𠀀𪜀",  # planes 2
    "𰀀𱍐",  # plane 3
    "\U000f0001陳\U000ffffd",  # plane 15
    "葛\U000e0100城",  # ideographic variation
    "\ufe00王",
    "\ue000王",
    " 王 小明 ",
    "O'Brien-Chen",
    "王" * 100,
]


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_unchanged(name: str) -> None:
    assert value_of("name", name) == name


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "required"),
        ("　 ", "required"),
        ("\u200b\u200d", "required"),
        ("王" * 101, "too_long"),
        ("王" * 10_000, "too_long"),
        ("=1+1", "formula"),
        ("＝1+1", "formula"),
        ("+王", "formula"),
        ("-王", "formula"),
        ("@SUM(A1)", "formula"),
        ("\t=1", "formula"),
        (" =1", "formula"),
        ("王\n明", "control_character"),
        ("王\x07明", "control_character"),
        ("王\u202e明", "control_character"),
        ("王?明", "name_character_lost"),
        ("王？明", "name_character_lost"),
        ("王\ufffd明", "name_character_lost"),
    ],
)
def test_a_name_that_cannot_be_one(name: str, code: str) -> None:
    fault = only_fault([student(name=name)])
    assert (fault.code, fault.row, fault.column) == (code, 2, "name")
    assert len(fault.value or "") <= 4


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "text", ["0950131", "950131", "95/01/31", "095.01.31", "95/1/31", "2006-01-31", "20060131", "民國95年1月31日"]
)
def test_dates_in_both_calendars(text: str) -> None:
    assert value_of("birth_date", text) == date(2006, 1, 31)


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0950230", "date_impossible"),
        ("095/02/31", "date_impossible"),
        ("2007-02-29", "date_impossible"),
        ("0951301", "date_impossible"),
        ("000/01/01", "roc_year_zero"),
        ("0000101", "roc_year_zero"),
        ("31/01/2006", "date_format"),
        ("yesterday", "date_format"),
        ("38748", "date_format"),
        ("", "required"),
    ],
)
def test_dates_that_are_none(text: str, code: str) -> None:
    assert code_of("birth_date", text) == code


@pytest.mark.rule("RO-07")
def test_a_wrong_birth_date_is_shown_masked() -> None:
    assert only_fault([student(birth_date="095/02/30")]).value == "095/**/**"


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(("text", "day"), [("2028-06", date(2028, 6, 30)), ("117/02", date(2028, 2, 29))])
def test_a_month_is_read_as_its_last_day_where_study_ends(text: str, day: date) -> None:
    assert value_of("expected_graduation_on", text) == day


@pytest.mark.rule("RO-06")
def test_a_month_is_no_birth_date() -> None:
    assert code_of("birth_date", "095/01") == "date_format"


@pytest.mark.rule("RO-10")
@pytest.mark.parametrize(
    ("birth", "today", "code"),
    [
        # Military Service Act Art. 3: until 31 December of the year he turns 36
        ("1990-01-01", date(2026, 12, 31), None),
        ("1990-12-31", date(2026, 12, 31), None),
        ("1990-12-31", date(2027, 1, 1), "past_conscription_age"),
        ("1989-12-31", date(2026, 1, 1), "past_conscription_age"),
        # younger than 19 in the year: RO-33 warns, the cell is not faulty
        ("2012-05-05", date(2026, 10, 1), None),
        ("2026-10-01", date(2026, 10, 1), None),
        ("2026-10-02", date(2026, 10, 1), "birth_in_future"),
    ],
)
def test_age_limits_of_a_draftee(birth: str, today: date, code: str | None) -> None:
    row = cessation(birth_date=birth, left_on=today.isoformat())
    if code is None:
        assert take(to_csv([row]), kind=RosterKind.CESSATION, today=today).rows
    else:
        found = faults([row], kind=RosterKind.CESSATION, today=today)
        # Who is born tomorrow has left before his birth as well.
        fault = found[0]
        assert (fault.column, fault.code) == ("birth_date", code)
        assert {other.code for other in found[1:]} <= {"left_before_birth"}
        assert fault.value is None or birth[5:] not in fault.value


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("county", "code", "suggestion"),
    [
        ("99999", "county_unknown", None),
        ("9007", "county_unknown", "09007"),
        ("台北市", "county_unknown", "63000"),
        ("", "required", None),
    ],
)
def test_counties_that_are_none(county: str, code: str, suggestion: str | None) -> None:
    fault = only_fault([student(county_code=county)])
    assert (fault.column, fault.code, fault.suggestion) == ("county_code", code, suggestion)


@pytest.mark.rule("RO-06")
def test_taoyuans_old_code_is_todays() -> None:
    row = take(to_csv([student(county_code="10003", township_code="68000010")])).rows[0]
    assert (row.county_code, row.township_code) == ("68000", "68000010")


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("township", "code", "suggestion"),
    [
        ("63000999", "township_unknown", "63000010–63000120（臺北市）"),
        ("9007010", "township_unknown", "09007010"),
        ("10003020", "township_unknown", "68000020"),
        ("99999999", "township_unknown", None),
        ("65000010", "township_not_in_county", None),
        ("", "required", None),
    ],
)
def test_townships_that_are_none(township: str, code: str, suggestion: str | None) -> None:
    fault = only_fault([student(township_code=township)])
    assert (fault.column, fault.code, fault.suggestion) == ("township_code", code, suggestion)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("level", "senior_high", Level.SENIOR_HIGH),
        ("level", "高級中等學校", Level.SENIOR_HIGH),
        ("level", "五專", Level.JUNIOR_COLLEGE),
        ("level", "Bachelor", Level.BACHELOR),
        ("level", " 學士班 ", Level.BACHELOR),
        ("level", "碩士班", Level.MASTER),
        ("level", "博士班", Level.DOCTORAL),
        ("division", "日間部", Division.DAY),
        ("division", "進修部", Division.CONTINUING),
        ("division", "ｄａｙ", Division.DAY),
        ("nominal_years", "１", 1),
        ("nominal_years", "四年制", 4),
        ("nominal_years", "8", 8),
        ("class_year", "三", 3),
        ("class_year", "3年級", 3),
        ("overseas_compatriot", "是", True),
        ("overseas_compatriot", "N", False),
        ("experimental_education", "1", True),
        ("status_recognised", "FALSE", False),
        ("status_recognised", "", None),
        ("prior_graduated_level", "高職", Level.SENIOR_HIGH),
        ("remarks", "第一行\r\n第二行", "第一行\n第二行"),
        ("remarks", "-無-", "-無-"),
        ("remarks", "+886-2-3366-2388", "+886-2-3366-2388"),
        ("remarks", "備考?", "備考?"),
        ("village", "", None),
    ],
)
def test_coded_and_plain_cells(field: str, text: str, value: object) -> None:
    assert value_of(field, text) == value


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("field", "text", "code", "suggestion"),
    [
        ("level", "phd", "level_unknown", "doctoral"),
        ("level", "bachelors", "level_unknown", "bachelor"),
        ("level", "碩班", "level_unknown", "master"),
        ("level", "xyz", "level_unknown", None),
        ("division", "夜間部", "division_unknown", "continuing"),
        ("division", "phd", "division_unknown", None),
        ("nominal_years", "0", "number_range", None),
        ("nominal_years", "9", "number_range", None),
        ("nominal_years", "4.0", "number_range", None),
        ("class_year", "12", "number_range", None),
        ("overseas_compatriot", "maybe", "flag_unknown", None),
        ("student_no", "B" * 21, "too_long", None),
        ("department", "=HYPERLINK(1)", "formula", None),
        ("department", "@系", "formula", None),
        ("remarks", "+cmd|' /C calc'!A0", "formula", None),
        ("remarks", "-SUM(1)", "formula", None),
        ("remarks", "字\x00".replace("\x00", "\x08"), "control_character", None),
        ("department", "資訊\n系", "control_character", None),
        ("enrolled_on", '="1130909"', "formula", None),
    ],
)
def test_cells_that_cannot_be_read(field: str, text: str, code: str, suggestion: str | None) -> None:
    fault = only_fault([student(**{field: text})])
    assert (fault.column, fault.code, fault.suggestion) == (field, code, suggestion)


@pytest.mark.rule("RO-07")
def test_free_text_is_never_echoed() -> None:
    fault = only_fault([student(remarks="=他有病")])
    assert fault.value is None


@pytest.mark.rule("RO-07")
def test_an_id_in_the_wrong_column_is_masked_there_too() -> None:
    fault = only_fault([student(level="A123456789")])
    assert fault.value == "A12****789"


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("text", "department", "year"),
    [
        ("資訊工程學系三年級", "資訊工程學系", 3),
        ("資訊工程學系 三年級", "資訊工程學系", 3),
        ("資訊工程學系3", "資訊工程學系", 3),
        ("電機系四", "電機系", 4),
        ("電機系第四年級", "電機系", 4),
        ("法律學系５年級", "法律學系", 5),
    ],
)
def test_department_and_year_in_one_cell(text: str, department: str, year: int) -> None:
    row = student()
    del row["class_year"]
    data = to_csv([row | {"department": text}], headings={"department": "系科年級"})
    taken = take(data).rows[0]
    assert (taken.department, taken.class_year) == (department, year)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("text", ["資訊工程學系", "資工系12", "三年級", "電機系四甲", "電機系九年級", "數學系十二年級"])
def test_department_and_year_that_cannot_be_split(text: str) -> None:
    row = student()
    del row["class_year"]
    row = {("系科年級" if name == "department" else name): cell for name, cell in (row | {"department": text}).items()}
    fault = only_fault([row])
    assert (fault.code, fault.column) == ("class_year_unsplittable", "系科年級")


def paper_household(text: str) -> dict[str, str]:
    row = student()
    for name in ("county_code", "township_code", "village"):
        del row[name]
    return row | {"戶籍所在縣市鄉鎮市區村": text}


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("text", "township", "village"),
    [
        ("臺北市大安區龍安里", "63000030", "龍安里"),
        ("台北市大安區龍安里", "63000030", "龍安里"),
        ("台東縣台東市", "10014010", None),
        ("新竹市東區", "10018010", None),
        ("連江縣南竿鄉介壽村", "09007010", "介壽村"),
    ],
)
def test_household_in_one_cell(text: str, township: str, village: str | None) -> None:
    row = take(to_csv([paper_household(text)])).rows[0]
    assert (row.county_code, row.township_code, row.village) == (township[:5], township, village)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("text", ["大安區龍安里", "臺北市", "臺北市中壢區", "東京都"])
def test_household_that_cannot_be_split(text: str) -> None:
    fault = only_fault([paper_household(text)])
    assert (fault.code, fault.column) == ("household_unsplittable", "戶籍所在縣市鄉鎮市區村")


@pytest.mark.rule("RO-02", "RO-06")
@pytest.mark.parametrize("field", ["extended_until", "extension_reason"])
def test_an_extension_needs_its_end_and_its_reason(field: str) -> None:
    fault = only_fault([extension(**{field: ""})], kind=RosterKind.EXTENSION)
    assert (fault.code, fault.column) == ("required", field)


@pytest.mark.rule("RO-02", "RO-06")
@pytest.mark.parametrize("field", ["cessation_reason", "left_on"])
def test_a_cessation_needs_its_reason_and_its_day(field: str) -> None:
    fault = only_fault([cessation(**{field: ""})], kind=RosterKind.CESSATION)
    assert (fault.code, fault.column) == ("required", field)


@pytest.mark.rule("RO-02")
def test_a_cell_of_another_kind_of_roster_is_faulty_and_an_empty_one_is_not() -> None:
    fault = only_fault([student(left_on="2026-09-20")])
    assert (fault.code, fault.column) == ("not_for_kind", "left_on")
    assert take(to_csv([student(left_on="", extended_until=" ")])).rows[0].left_on is None


@pytest.mark.rule("RO-06")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.field)
def test_a_cell_that_is_too_long_is_looked_into_by_nothing(column: Column, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign and 100,000 letters: a reader that tries every letter as the start of a call would take minutes."""
    looked_into: list[int] = []
    monkeypatch.setattr(checker, "refuse_formula", lambda text, _signs: looked_into.append(len(text)))
    kind = min(column.allowed)
    layout = checker.Layout.of([column.field], kind)
    judge = checker.Checker(kind, Reporter.SCHOOL, TODAY, pointer=None)
    judge.row(2, layout, ["+" + "a" * 100_000])
    assert [fault.code for fault in judge.faults.listed()][:1] == ["too_long"]
    assert looked_into == []


@pytest.mark.rule("RO-06")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["+" + "a" * 500_000, "+" + "無a" * 250_000, "-" + "1" * 500_000])
def test_looking_for_a_call_reads_each_word_once(text: str) -> None:
    refuse_formula(text, signs_too=False)
    with pytest.raises(CellError):
        refuse_formula(text + "a(", signs_too=False)


@pytest.mark.rule("RO-06")
@given(st.text(alphabet="aZ1_無é(|! +-", max_size=12))
def test_a_call_is_a_letter_and_what_a_name_may_hold_before_a_bracket(text: str) -> None:
    called = re.search(r"[|!]|[A-Za-z]\w*\(", text) is not None
    try:
        refuse_formula("+" + text, signs_too=False)
        found = False
    except CellError:
        found = True
    assert found == called


@pytest.mark.rule("RO-61")
@given(st.text(max_size=40))
def test_what_intake_calls_a_formula_a_report_writes_as_text(text: str) -> None:
    try:
        refuse_formula(text, signs_too=True)
    except CellError:
        assert as_text(text) == f"'{text}"
