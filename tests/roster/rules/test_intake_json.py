"""JSON means one thing only: strict names, types and numbers; faults carry a row and a JSON pointer."""

import json
from typing import Any

import pytest

from roster.intake import json_reader
from roster.intake.limits import MAX_ROWS
from roster.intake.reading import JSON
from shared.problems import MAX_LISTED, Fault
from tests.roster.intake_corpus.files import refusal, student, take, to_json


@pytest.mark.rule("RO-06")
def test_numbers_and_flags_may_be_json_numbers_and_booleans() -> None:
    row = student(1) | {"nominal_years": 4, "class_year": 3, "overseas_compatriot": True, "remarks": None}
    taken = take(to_json([row]), media=JSON).rows[0]
    assert (taken.number, taken.nominal_years, taken.class_year, taken.overseas_compatriot) == (1, 4, 3, True)
    assert taken.remarks is None


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("student_no", 12345678),
        ("birth_date", 950131),
        ("nominal_years", 4.0),
        ("nominal_years", True),
        ("overseas_compatriot", 1),
        ("name", ["王小明"]),
        ("name", {"first": "王"}),
        ("county_code", 63000),
    ],
)
def test_a_wrong_json_type_is_a_faulty_cell(field: str, value: object) -> None:
    error = refusal(to_json([student(1), student(2) | {field: value}]), media=JSON)
    assert [(fault.code, fault.row, fault.pointer, fault.value) for fault in error.faults] == [
        ("json_type", 2, f"/rows/1/{field}", None)
    ]


@pytest.mark.rule("RO-06", "RO-07")
def test_faults_of_names_are_told_per_row() -> None:
    broken = student(2) | {"nmae": "x"}
    del broken["name"]
    chinese = {("姓名" if key == "name" else key): value for key, value in student(3, name="").items()}
    error = refusal(to_json([student(1), broken, chinese]), media=JSON)
    assert [(f.code, f.row, f.column, f.pointer, f.value, f.suggestion) for f in error.faults] == [
        ("column_unknown", 2, None, "/rows/1", "nmae", "name"),
        ("column_missing", 2, "name", "/rows/1/name", None, None),
        ("required", 3, "姓名", "/rows/2/姓名", None, None),
    ]


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("{", "syntax", "json_syntax"),
        ("national_id,name\r\n", "syntax", "json_syntax"),
        ('{"rows": [],}', "syntax", "json_syntax"),
        ('{"rows": []} []', "syntax", "json_syntax"),
        ('{"rows": [], "rows": []}', "syntax", "json_repeated_name"),
        ('{"rows": [{"name": "a", "name": "b"}]}', "syntax", "json_repeated_name"),
        ('{"rows": [{"class_year": NaN}]}', "syntax", "json_number"),
        ('{"rows": [{"class_year": -Infinity}]}', "syntax", "json_number"),
        ('{"rows": [{"class_year": ' + "9" * 5_000 + "}]}", "syntax", "json_number"),
        ('{"rows": ' + "[" * 100_000 + "]" * 100_000 + "}", "syntax", "json_too_deep"),
        ("\x00", "syntax", "nul_character"),
        ("[]", "content", "json_shape"),
        ("3", "content", "json_shape"),
        ("{}", "content", "json_shape"),
        ('{"rows": {}}', "content", "json_shape"),
        ('{"rows": []}', "content", "no_rows"),
        ('{"rows": [3, null, []]}', "content", "faulty_cells"),
        ('{"rows": [{}], "kind": "application"}', "content", "faulty_cells"),
        ("", "content", "file_empty"),
        (" \r\n ", "content", "file_empty"),
    ],
)
def test_documents_that_are_none(text: str, kind: str, code: str) -> None:
    error = refusal(text, media=JSON)
    assert (error.kind, error.code) == (kind, code)
    assert error.total == len(error.faults) >= 1


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (json.dumps({"rows": [student(1)]}, ensure_ascii=False).encode("cp950"), None),
        (json.dumps({"rows": [student(1)]}).encode("utf-16"), None),
        (json.dumps({"rows": [student(1)]}).encode(), "big5"),
    ],
)
def test_json_is_utf8(data: bytes, charset: str | None) -> None:
    error = refusal(data, media=JSON, charset=charset)
    assert (error.kind, error.code) == ("type", "charset_unsupported")


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("name", ["\\ud842", "\\udfb7\\ud842", "王\\u0000明"])
def test_half_a_surrogate_pair_or_an_escaped_nul_is_a_faulty_cell_that_can_be_told(name: str) -> None:
    data = to_json([student(1, name="@")]).replace(b"@", name.encode())
    error = refusal(data, media=JSON)
    assert [(fault.code, fault.pointer) for fault in error.faults] == [("control_character", "/rows/0/name")]
    repr(error.faults).encode()
    assert "\x00" not in (error.faults[0].value or "")


@pytest.mark.rule("RO-06", "RO-07")
def test_a_name_of_a_member_never_carries_a_man_into_the_answer() -> None:
    error = refusal(json.dumps({"rows": [student(1) | {"A123456789": "x", "\ud842": "y", "a/b~c": "z"}]}), media=JSON)
    assert "A123456789" not in repr(error.faults)
    assert {fault.pointer for fault in error.faults} == {"/rows/0"}
    "".join(fault.value or "" for fault in error.faults).encode()


@pytest.mark.rule("RO-06")
@pytest.mark.timeout(60)
def test_a_repeated_name_is_found_in_one_pass() -> None:
    """The first name that comes again is told; comparing each of 200,000 with all others would take minutes."""
    names = [f"m{number}" for number in range(200_000)]
    members = ",".join(f'"{name}":0' for name in [*names, "m150000", "m7"])
    error = refusal(f'{{"rows":[{{{members}}}]}}', media=JSON)
    assert (error.kind, error.code, error.total) == ("syntax", "json_repeated_name", 1)
    assert [(fault.row, fault.column) for fault in error.faults] == [(1, "m150000")]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The code of every fault that the reader of JSON put into words."""
    codes: list[str] = []

    def fault(code: str, message: str, message_en: str, **place: Any) -> Fault:
        codes.append(code)
        return Fault(code, message, message_en, **place)

    monkeypatch.setattr(json_reader, "Fault", fault)
    return codes


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("text", "kind", "code", "total"),
    [
        ('{"rows":[' + "1," * 4_999 + "1]}", "content", "json_type", 5_000),
        ('{"rows":[' + '{"a":1,"a":1},' * 4_999 + '{"a":1,"a":1}]}', "syntax", "json_repeated_name", 5_000),
        (
            '{"rows":[],' + ",".join(f'"m{number}":0' for number in range(5_000)) + "}",
            "content",
            "member_unknown",
            5_000,
        ),
    ],
)
def test_faults_that_are_not_listed_are_only_counted(
    made: list[str], text: str, kind: str, code: str, total: int
) -> None:
    error = refusal(text, media=JSON)
    assert (error.kind, error.total, len(error.faults)) == (kind, total, MAX_LISTED)
    assert made.count(code) == MAX_LISTED


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("row", ["{}", "1", '{"a":1,"a":1}'])
def test_too_many_rows_are_not_looked_at_one_by_one(made: list[str], row: str) -> None:
    error = refusal('{"rows":[' + f"{row}," * MAX_ROWS + row + "]}", media=JSON)
    assert (error.kind, error.code, error.total) == ("size", "too_many_rows", 1)
    assert not {"json_type", "json_repeated_name"} & set(made)


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "text",
    [
        '{"rows":[' + "{}," * 100_000 + "{}]}",
        '{"rows":[' + "[]," * 100_000 + "[]]}",
        '{"rows":[' + "[[[]]]," * 40_000 + "1]}",
        '{"rows":[' + '"a",' * 1_300_000 + '"a"]}',
        '{"rows":[{"remarks":"\\"}]"},' + "{}," * 100_000 + "{}]}",
    ],
    ids=["objects", "lists", "lists in lists", "values", "marks in strings"],
)
def test_what_would_fill_the_memory_is_refused_unparsed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("roster.intake.json_reader.json.loads", lambda *_, **__: pytest.fail("it was parsed"))
    error = refusal(text, media=JSON)
    assert (error.kind, error.code) == ("size", "too_many_rows")


@pytest.mark.rule("RO-06")
def test_marks_in_strings_are_no_values() -> None:
    rows = [student(number, remarks='}]",\\' * 200) for number in range(500)]
    assert len(take(to_json(rows), media=JSON).rows) == 500
    unended = to_json(rows)[:-3] + b"\\"
    assert refusal(unended, media=JSON).code == "json_syntax"
