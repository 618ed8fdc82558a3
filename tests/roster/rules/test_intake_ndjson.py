"""NDJSON: one student a line; each line has its own result, by its number, and a bad one hides no other (RO-06, 07)."""

import json

import pytest

from roster.intake import ndjson_reader
from roster.intake.limits import MAX_ROWS
from roster.intake.reading import JSON, NDJSON
from roster.intake.rules import RosterKind
from shared.problems import MAX_LISTED
from tests.roster.intake_corpus.files import extension, national_id, refusal, student, take, to_json, to_ndjson

pytestmark = pytest.mark.rule("RO-06", "RO-07")


def line(**members: object) -> str:
    return json.dumps(student(9) | members, ensure_ascii=False)


@pytest.mark.parametrize(
    "data",
    [
        to_ndjson([student(1), student(2)]),
        to_ndjson([student(1), student(2)]).rstrip(b"\n"),
        to_ndjson([student(1), student(2)], end="\r\n"),
        b"\xef\xbb\xbf" + to_ndjson([student(1), student(2)]) + b"\n\n",
    ],
    ids=["ended", "last line not ended", "CRLF", "mark and blank lines at the end"],
)
def test_lines_are_rows(data):
    taken = take(data, media=NDJSON)
    assert [row.number for row in taken.rows] == [1, 2]
    assert (taken.charset, taken.notes) == ("utf-8", ())
    assert taken.rows == take(to_json([student(1), student(2)]), media=JSON).rows


def test_blank_lines_are_counted_and_are_nobody():
    taken = take(b"\n" + to_ndjson([student(1)]) + b"  \t\r\n\n" + to_ndjson([student(2)]), media=NDJSON)
    assert [row.number for row in taken.rows] == [2, 5]


def test_a_line_separator_in_a_text_ends_no_line():
    """U+2028 and the like stand in JSON texts unescaped: the line goes on, and the cell is told as a faulty one."""
    error = refusal(to_ndjson([student(1, remarks="甲\u2028乙"), student(2, remarks="甲\x85乙")]), media=NDJSON)
    assert [(f.code, f.row, f.pointer) for f in error.faults] == [
        ("control_character", 1, "/remarks"),
        ("control_character", 2, "/remarks"),
    ]


def test_numbers_flags_and_null_as_in_json():
    row = extension(1) | {"nominal_years": 4, "overseas_compatriot": True, "remarks": None}
    (taken,) = take(to_ndjson([row]), media=NDJSON, kind=RosterKind.EXTENSION).rows
    assert (taken.nominal_years, taken.overseas_compatriot, taken.remarks) == (4, True, None)


def test_every_broken_line_is_named_and_the_cells_of_the_others_too():
    """What a school's system needs of a refusal: one answer that says for each line what to mend."""
    lines = [
        line(),
        "{",
        line(national_id="A100000009"),
        "",
        '{"name": "甲", "name": "乙"}',
        "[]",
        '{"class_year": NaN}',
        "[" * 50_000,
        line(national_id="A100000001", birth_date="2006-02-30"),
        line(nmae="x", national_id=national_id(10)),
    ]
    error = refusal("\n".join(lines), media=NDJSON)
    assert (error.kind, error.code, error.total) == ("syntax", "broken_lines", 8)
    assert [(f.row, f.code, f.pointer, f.column) for f in error.faults] == [
        (2, "json_syntax", "", None),
        (3, "national_id_checksum", "/national_id", "national_id"),
        (5, "json_repeated_name", "", "name"),
        (6, "json_type", "", None),
        (7, "json_number", "", None),
        (8, "json_too_deep", "", None),
        (9, "date_impossible", "/birth_date", "birth_date"),
        (10, "column_unknown", "", None),
    ]
    assert "第 2 行第 2 字" in error.faults[0].message
    assert "A100000009" not in repr(error.faults)


def test_lines_that_are_json_and_no_objects_are_content():
    error = refusal("3\nnull\n[]\n" + line(), media=NDJSON)
    assert (error.kind, error.code) == ("content", "faulty_cells")
    assert [(f.row, f.code) for f in error.faults] == [(1, "json_type"), (2, "json_type"), (3, "json_type")]


def test_the_same_man_in_two_lines_names_both():
    error = refusal(to_ndjson([student(1), student(2), student(1)]), media=NDJSON)
    assert [(f.row, f.code) for f in error.faults] == [(1, "national_id_repeated"), (3, "national_id_repeated")]
    assert "第 3 列" in error.faults[0].message


def test_a_half_surrogate_is_a_faulty_cell():
    error = refusal(line(name="@").replace("@", "\\ud842"), media=NDJSON)
    assert [(f.code, f.pointer) for f in error.faults] == [("control_character", "/name")]


def test_a_name_of_a_member_is_no_pointer_of_another():
    error = refusal(line(**{"備/考~": "x"}), media=NDJSON)
    assert [(f.code, f.pointer) for f in error.faults] == [("column_unknown", "")]
    chinese = {("姓名" if name == "name" else name): value for name, value in student(3, name="").items()}
    assert refusal(to_ndjson([chinese]), media=NDJSON).faults[0].pointer == "/姓名"


@pytest.mark.parametrize("charset", ["big5", "utf-16"])
def test_lines_are_utf8(charset):
    assert refusal(to_ndjson([student(1)]), media=NDJSON, charset=charset).code == "charset_unsupported"
    assert take(to_ndjson([student(1)]), media=NDJSON, charset="UTF-8").rows


def test_private_use_characters_are_noted():
    assert [note.code for note in take(to_ndjson([student(1, name="王\ue000")]), media=NDJSON).notes] == [
        "private_use_characters"
    ]


def test_more_faults_than_are_listed_are_counted():
    error = refusal("{\n" * 5_000, media=NDJSON)
    assert (error.kind, error.total, len(error.faults)) == ("syntax", 5_000, MAX_LISTED)


def test_as_many_lines_as_rows_may_be():
    assert refusal("{}\n" * MAX_ROWS, media=NDJSON).code == "faulty_cells"
    assert refusal("{}\n" * MAX_ROWS + "\n{}", media=NDJSON).code == "too_many_rows"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    ['{"a":[' + "[]," * 500_000 + "0]}", '{"a":[' + "1," * 2_000_000 + "1]}", '{"a":"\\""' + ",0" * 500_000],
    ids=["lists", "values", "after an escaped quote"],
)
def test_a_line_that_would_fill_the_memory_is_refused_unparsed(monkeypatch, text):
    monkeypatch.setattr(ndjson_reader, "load", lambda *_: pytest.fail("it was parsed"))
    error = refusal(text, media=NDJSON)
    assert (error.kind, error.code, error.faults[0].row) == ("size", "too_many_columns", 1)


def test_marks_in_strings_are_no_values():
    rows = [student(number, remarks='}]",\\' * 200) for number in range(200)]
    assert len(take(to_ndjson(rows), media=NDJSON).rows) == 200
