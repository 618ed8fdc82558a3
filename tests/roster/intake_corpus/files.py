"""Sound rosters as dictionaries, and the files that a school would make of them."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from roster.intake.faults import IntakeRejected
from roster.intake.reading import CSV, JSON, NDJSON, Submission, read_submission
from roster.intake.rows import Row, canonical_digest, canonical_line
from roster.intake.rules import Reporter, RosterKind
from shared.problems import Fault

TODAY = date(2026, 10, 1)
_LETTERS = dict(zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36), strict=True))

Student = dict[str, str]


def national_id(number: int, *, letter: str = "A", second: str = "1") -> str:
    """A well-formed ID with a right check digit; `second` 1 is a man, 2 a woman, 8 and 9 hold a resident permit."""
    body = f"{second}{number:07d}"
    tens, units = divmod(_LETTERS[letter], 10)
    total = tens + units * 9 + sum(int(d) * w for d, w in zip(body, range(8, 0, -1), strict=True))
    return f"{letter}{body}{-total % 10}"


def student(number: int = 1, /, **changes: str) -> Student:
    """A student of National Taiwan University whom nothing is wrong with."""
    return {
        "national_id": national_id(number),
        "name": "王小明",
        "birth_date": "0950131",
        "county_code": "63000",
        "township_code": "63000030",
        "village": "龍安里",
        "division": "day",
        "level": "bachelor",
        "nominal_years": "4",
        "department": "資訊工程學系",
        "class_year": "3",
        "student_no": f"B{number:08d}",
        "enrolled_on": "2024-09-09",
        "expected_graduation_on": "2028-06",
    } | changes


def extension(number: int = 1, /, **changes: str) -> Student:
    """A student who needs one more term."""
    return student(number, extended_until="2029-01-31", extension_reason="學分不足") | changes


def cessation(number: int = 1, /, **changes: str) -> Student:
    """A student who left, with the columns of the paper roster."""
    fields = ("national_id", "name", "birth_date", "county_code", "township_code", "student_no")
    sound = student(number)
    return {name: sound[name] for name in fields} | {"cessation_reason": "on_leave", "left_on": "2026-09-20"} | changes


def to_csv(rows: Sequence[Mapping[str, str]], *, headings: Mapping[str, str] | None = None, end: str = "\r\n") -> str:
    """A CSV of the rows; `headings` renames columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    names = list(rows[0])
    writer.writerow([(headings or {}).get(name, name) for name in names])
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return out.getvalue()


def to_json(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The JSON document of the rows."""
    return json.dumps({"rows": list(rows)}, ensure_ascii=False).encode()


def to_ndjson(rows: Iterable[Mapping[str, Any]], *, end: str = "\n") -> bytes:
    """The rows, one object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + end for row in rows).encode()


def digest(rows: Iterable[Row]) -> bytes:
    """What tells the content of rows from other content (RO-08)."""
    return canonical_digest(canonical_line(row) for row in rows)


def take(
    data: str | bytes,
    *,
    media: str = CSV,
    charset: str | None = None,
    kind: RosterKind = RosterKind.APPLICATION,
    reporter: Reporter = Reporter.SCHOOL,
    today: date = TODAY,
) -> Submission:
    """Read a file; text is sent as UTF-8."""
    return read_submission(data if isinstance(data, bytes) else data.encode(), media, charset, kind, reporter, today)


def refusal(data: str | bytes, **options: Any) -> IntakeRejected:
    """The refusal of a file that must be refused."""
    try:
        take(data, **options)
    except IntakeRejected as error:
        return error
    raise AssertionError("the file was taken")


def faults(rows: Sequence[Mapping[str, str]], **options: Any) -> list[Fault]:
    """The faults of the rows, which must be the same in CSV, JSON and NDJSON but for the place."""
    as_csv = refusal(to_csv(rows), **options)
    as_json = refusal(to_json(rows), media=JSON, **options)
    as_lines = refusal(to_ndjson(rows), media=NDJSON, **options)
    told = [[(f.code, f.column, f.value, f.message) for f in error.faults] for error in (as_csv, as_json, as_lines)]
    assert told[1] == told[2]
    places = [
        [(fault.row, (fault.pointer or "").removeprefix(f"/rows/{(fault.row or 0) - 1}")) for fault in error.faults]
        for error in (as_json, as_lines)
    ]
    assert places[0] == places[1]
    # A repeated ID names rows by number, and a CSV's first student stands in row 2.
    if not any(f.code == "national_id_repeated" for f in as_csv.faults):
        assert told[0] == told[1]
    return list(as_csv.faults)


def only_fault(rows: Sequence[Mapping[str, str]], **options: Any) -> Fault:
    """The one fault of the rows."""
    found = faults(rows, **options)
    assert len(found) == 1, [(fault.row, fault.column, fault.code) for fault in found]
    return found[0]
