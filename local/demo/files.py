"""The files that schools post: UTF-8 CSV with the API's headings, CP950 CSV with the paper roster's, JSON, NDJSON."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from local.demo.people import Man, national_id
from shared.roc import roc

_COLUMNS: tuple[tuple[str, str, Callable[[Man], str]], ...] = (
    ("student_no", "學號", lambda man: man.student_no),
    ("national_id", "身分證字號", lambda man: man.national_id),
    ("name", "姓名", lambda man: man.name),
    ("birth_date", "出生年月日", lambda man: roc(man.birth_date).replace("/", "")),
    ("county_code", "戶籍縣市代碼", lambda man: man.county_code),
    ("township_code", "戶籍鄉鎮市區代碼", lambda man: man.township_code),
    ("village", "戶籍村里", lambda man: man.village),
    ("division", "部別", lambda _: "day"),
    ("level", "學制", lambda man: man.level),
    ("nominal_years", "學年制", lambda man: str(man.nominal_years)),
    ("department", "系科", lambda man: man.department),
    ("class_year", "年級", lambda man: str(man.class_year)),
    ("enrolled_on", "入學日期", lambda man: man.enrolled_on.isoformat()),
    ("expected_graduation_on", "預訂畢業日期", lambda man: f"{man.expected_graduation_on:%Y-%m}"),
    ("prior_graduated_level", "曾畢業學制", lambda man: man.prior_graduated_level),
    ("prior_graduated_on", "曾畢業日期", lambda man: str(man.prior_graduated_on or "")),
)
FIELDS = tuple(name for name, _, _ in _COLUMNS)
_PAPER = {"day": "日間部", "bachelor": "學士班", "doctoral": "博士班"}

Table = list[list[str]]


def table(men: Iterable[Man]) -> Table:
    """The cells of a roster, one row a man, in the order of `FIELDS`."""
    return [[cell(man) for _, _, cell in _COLUMNS] for man in men]


def api_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with the API's field names."""
    return _csv(FIELDS, rows).encode()


def paper_csv(men: Iterable[Man]) -> bytes:
    """As many schools still export it: CP950, the headings and the words of the paper roster."""
    rows = [[_PAPER.get(cell, cell) for cell in row] for row in table(men)]
    return _csv([heading for _, heading, _ in _COLUMNS], rows).encode("cp950")


def api_rows(men: Iterable[Man], *fields: str, **more: str) -> list[dict[str, str]]:
    """A dictionary a man, empty cells left out: `fields` of the columns (all), and `more`, the same for each."""
    return [
        {name: cell for name, cell in zip(FIELDS, row, strict=True) if cell and (not fields or name in fields)} | more
        for row in table(men)
    ]


def api_json(men: Iterable[Man]) -> bytes:
    """`{"rows": [{…}]}`."""
    return json.dumps({"rows": api_rows(men)}, ensure_ascii=False).encode()


def api_ndjson(rows: Iterable[dict[str, str]]) -> bytes:
    """One object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue()


@dataclass(frozen=True)
class Flaw:
    """One faulty cell: where it stands as a spreadsheet program numbers it, and the code it must be refused with."""

    row: int
    column: str
    code: str


def spoil(rows: Table, seed: str) -> tuple[Table, list[Flaw]]:
    """A copy of `rows` with eight faulty cells, each in a row of its own; what and where they are."""
    rng = random.Random(f"faults {seed}")  # noqa: S311 - made-up faults, no secrets
    spoiled = [list(row) for row in rows]
    flaws: list[Flaw] = []
    places = rng.sample(range(len(rows)), 8)
    too_late = f"{int(rows[places[5]][FIELDS.index('expected_graduation_on')][:4]) + 1}-09-01"
    faults = (
        ("national_id", "national_id_checksum", national_id(rng, right=False)),
        ("birth_date", "date_impossible", "0950230"),
        ("township_code", "township_unknown", "63000999"),
        ("national_id", "resident_number", national_id(rng, "8")),
        ("national_id", "not_male", national_id(rng, "2")),
        ("enrolled_on", "graduation_before_enrolment", too_late),
        ("level", "level_unknown", "phd"),
        ("name", "required", ""),
    )
    for place, (column, code, cell) in zip(places, faults, strict=True):
        spoiled[place][FIELDS.index(column)] = cell
        flaws.append(Flaw(place + 2, column, code))  # The first row is the headings'.
    return spoiled, sorted(flaws, key=lambda flaw: flaw.row)
