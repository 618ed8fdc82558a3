"""CSV as RFC 4180 has it and as spreadsheet programs write it; rows are numbered as such a program shows them."""

import pytest

from roster.intake.columns import BY_FIELD, COLUMNS
from roster.intake.rows import FIELDS
from tests.roster.intake_corpus.files import refusal, student, take, to_csv

HEADINGS = {
    "national_id": "身分證字號",
    "name": "姓名",
    "birth_date": "出生年月日",
    "department": "系科",
    "class_year": "年級",
    "student_no": "學號",
    "nominal_years": "學年制",
    "enrolled_on": "入學日期",
    "expected_graduation_on": "預訂畢業日期",
    "division": "部別",
    "level": "學制",
}


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_line_end(end: str) -> None:
    taken = take(to_csv([student(1), student(2)], end=end))
    assert [row.number for row in taken.rows] == [2, 3]


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_quotes_commas_and_line_breaks_inside_quotes(end: str) -> None:
    remarks = f'他說"好",{end}再說'
    taken = take(to_csv([student(1, remarks=remarks), student(2)], end=end))
    assert taken.rows[0].remarks == '他說"好",\n再說'
    assert [row.number for row in taken.rows] == [2, 3]


@pytest.mark.rule("RO-06")
def test_blank_rows_and_blank_columns_are_passed_over_but_counted() -> None:
    lines = to_csv([student(1), student(2)]).split("\r\n")
    data = "\r\n".join([lines[0] + ",,", ",,,", lines[1], "", lines[2] + ",", "", ""])
    assert [row.number for row in take(data).rows] == [3, 5]


@pytest.mark.rule("RO-06")
def test_a_short_row_lacks_its_last_cells() -> None:
    data = to_csv([student(1, remarks="")])
    assert take(data.rstrip("\r\n").rstrip(",")).rows[0].remarks is None


@pytest.mark.rule("RO-06", "RO-07")
def test_a_cell_under_no_heading_is_faulty() -> None:
    error = refusal(to_csv([student(1)]).rstrip("\r\n") + ",王小明的秘密")
    assert [(fault.code, fault.row, fault.column) for fault in error.faults] == [("cell_without_heading", 2, None)]
    assert "15" in error.faults[0].message
    assert "秘密" not in repr(error)


@pytest.mark.rule("RO-06")
def test_the_paper_rosters_headings_and_title_line() -> None:
    title = "國立臺灣大學115學年度第1學期申請緩徵學生名冊,,,\r\n\r\n"
    taken = take(title + to_csv([student(1)], headings=HEADINGS))
    assert taken.rows[0].number == 4
    assert [note.code for note in taken.notes] == ["title_skipped"]


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "heading",
    [
        "身分證字號",
        " 身分證字號　",
        "身分證\r\n字號",
        "身分證 字號",
        "National ID",
        "NATIONAL_ID",
        "ｎａｔｉｏｎａｌ＿ｉｄ",
        "national-id",
    ],
)
def test_headings_are_read_with_a_generous_eye(heading: str) -> None:
    assert take(to_csv([student(1)], headings={"national_id": heading})).rows


@pytest.mark.rule("RO-06")
def test_a_fault_uses_the_senders_own_heading() -> None:
    error = refusal(to_csv([student(1, name="")], headings=HEADINGS | {"name": " 姓\n名"}))
    assert error.faults[0].column == "姓 名"


@pytest.mark.rule("RO-06", "RO-07")
def test_unknown_repeated_and_missing_columns_are_all_named_with_faulty_cells() -> None:
    row = student(1, level="phd") | {"身份證字號": "x", "favourite_colour": "blue", "系所": "資訊系"}
    del row["birth_date"]
    error = refusal(to_csv([row]))
    assert [(fault.row, fault.column, fault.code, fault.suggestion) for fault in error.faults] == [
        (1, "身份證字號", "column_unknown", "身分證字號"),
        (1, "favourite_colour", "column_unknown", None),
        (1, "系所", "column_repeated", None),
        (1, "birth_date", "column_missing", None),
        (2, "level", "level_unknown", "doctoral"),
    ]


@pytest.mark.rule("RO-06")
def test_a_combined_column_and_its_parts_exclude_each_other() -> None:
    error = refusal(to_csv([student(1) | {"戶籍所在縣市鄉鎮市區村": "臺北市大安區"}]))
    assert [fault.code for fault in error.faults] == ["column_repeated"]


@pytest.mark.rule("RO-06", "RO-07")
def test_a_file_without_headings_quotes_no_student() -> None:
    lines = to_csv([student(1), student(2)]).split("\r\n")[1:]
    error = refusal("\r\n".join(lines))
    assert error.code == "heading_missing"
    assert student(1)["national_id"] not in repr(error)
    assert "王小明" not in repr(error)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("separator", ["\t", ";"])
def test_another_separator_is_recognised(separator: str) -> None:
    assert refusal(to_csv([student(1)]).replace(",", separator)).code == "delimiter"


@pytest.mark.rule("RO-06")
def test_a_quote_without_its_pair_names_the_row_where_it_opens() -> None:
    data = to_csv([student(1, remarks=""), student(2, remarks="@"), student(3)]).replace("@", '"未完')
    error = refusal(data)
    assert (error.kind, error.code, error.faults[0].row) == ("syntax", "csv_quote", 3)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "missing", ["national_id", "name", "birth_date", "division", "level", "nominal_years", "student_no", "enrolled_on"]
)
def test_each_required_column_is_missed_by_name(missing: str) -> None:
    row = student(1)
    del row[missing]
    error = refusal(to_csv([row]))
    assert [(fault.code, fault.column, fault.row) for fault in error.faults] == [("column_missing", missing, 1)]


@pytest.mark.rule("RO-06")
def test_missing_household_suggests_the_combined_column() -> None:
    row = student(1)
    for name in ("county_code", "township_code", "village"):
        del row[name]
    error = refusal(to_csv([row]))
    assert [(fault.column, fault.suggestion) for fault in error.faults] == [
        ("county_code", "戶籍所在縣市鄉鎮市區村"),
        ("township_code", "戶籍所在縣市鄉鎮市區村"),
    ]


def test_every_column_has_a_heading_and_a_bound() -> None:
    assert {field for column in COLUMNS for field in column.writes} == set(FIELDS)
    assert len(BY_FIELD) == len(COLUMNS)
    for column in COLUMNS:
        assert column.headings
        assert 0 < column.max_length <= 1_000
        assert column.required <= column.allowed


@pytest.mark.rule("RO-06")
def test_blank_rows_without_end_are_not_read_to_their_end() -> None:
    error = refusal(to_csv([student(1)]) + "\n" * 1_100_000)
    assert (error.kind, error.code) == ("size", "too_many_rows")
