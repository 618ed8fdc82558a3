"""What a bad file gets: a problem that names the cell and says what to do, 400, 413, 415 or 422, and nothing stored."""

import json

import pytest

from tests.contracts.walls.hostile import PLANTED_ID, PLANTED_NAME, Case, chunked, refused, stored, tried
from tests.contracts.walls.houses import ROWS
from tests.contracts.walls.operations import Operation, application, operations
from tests.contracts.walls.roster import CALENDAR
from tests.contracts.walls.rows import World
from tests.roster.intake_corpus.files import Student, student, to_csv, to_json, to_ndjson
from tests.roster.intake_corpus.hostile import HOSTILE, Hostile
from tests.support.rosters import SCHOOLS

pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.rule("RO-06", "RO-07")]

OPERATIONS = {operation.name: operation for operation in operations("roster", application("roster"))}
SUBMIT, IMPORT, CALENDARS = (OPERATIONS[name] for name in ("submit_roster", "import_schools", "import_calendar"))
STATUS = {"syntax": 400, "size": 413, "type": 415, "content": 422}
LARGEST = 16_777_216
TRIAL = ROWS["roster"]["submit_roster"].query + "&dry_run=true"


@pytest.fixture
def world(roster_world: World) -> World:
    """roster, furnished."""
    return roster_world


def planted(**changes: str) -> Student:
    """The person who must not come back, with one thing wrong."""
    return student(1, **{"national_id": PLANTED_ID, "name": PLANTED_NAME, "birth_date": "2006-03-04", **changes})


# A second's work each: once will do.
LONG = {"a new wrong word in every cell", "new members in every object", "a million members", "too many rows"}
SENT = [(hostile, ROWS["roster"]["submit_roster"].query) for hostile in HOSTILE]
TRIED_OUT = [(hostile, TRIAL) for hostile in HOSTILE if hostile.name not in LONG]


@pytest.mark.parametrize(
    "hostile, query",
    SENT + TRIED_OUT,
    ids=[h.name for h, _ in SENT] + [f"{h.name}, tried out" for h, _ in TRIED_OUT],
)
async def test_a_hostile_file_is_refused(world: World, hostile: Hostile, query: str) -> None:
    media = hostile.media + (f"; charset={hostile.charset}" if hostile.charset else "")
    row = ROWS["roster"]["submit_roster"]
    before = await stored(world.service)
    answer = await world.call(
        SUBMIT, row, world.a["school"], content=hostile.build(), headers={"Content-Type": media or None}, query=query
    )
    assert refused(answer, hostile.name, frozenset({STATUS[hostile.kind]})) is None
    problem = answer.json()
    if problem["errors"]:
        codes = {error["code"] for error in problem["errors"]}
        assert hostile.code in codes or hostile.code in ("faulty_cells", "broken_lines")
        assert all(error["message"] and error["message_en"] for error in problem["errors"])
    else:
        assert problem["detail"]
        assert problem["detail_en"]
    assert len(answer.content) < 1_000_000, "the refusal itself is a flood"
    assert await stored(world.service) == before


# (what is wrong with the one cell or heading, column, code); every other cell is sound.
CELLS = [
    ({"birth_date": "2006-02-31"}, "birth_date", "date_impossible"),
    ({"birth_date": "0950230"}, "birth_date", "date_impossible"),
    ({"birth_date": "000/01/01"}, "birth_date", "roc_year_zero"),
    ({"birth_date": "0000101"}, "birth_date", "roc_year_zero"),
    ({"birth_date": PLANTED_NAME}, "birth_date", "date_format"),
    ({"expected_graduation_on": "2028-13"}, "expected_graduation_on", "date_impossible"),
    ({"name": PLANTED_NAME * 2_500}, "name", "too_long"),
    ({"name": ""}, "name", "required"),
    ({"name": '=HYPERLINK("http://x","' + PLANTED_NAME + '")'}, "name", "formula"),
    ({"remarks": f"+cmd|'{PLANTED_ID}'!A0"}, "remarks", "formula"),
    ({"remarks": "@" + PLANTED_NAME}, "remarks", "formula"),
    ({"national_id": PLANTED_ID[:-1] + str((int(PLANTED_ID[-1]) + 1) % 10)}, "national_id", "national_id_checksum"),
    ({"level": PLANTED_ID}, "level", "level_unknown"),
    ({"township_code": PLANTED_ID}, "township_code", "township_unknown"),
]


@pytest.mark.parametrize("wrong, column, code", CELLS, ids=[f"{column}-{code}" for _, column, code in CELLS])
@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
async def test_the_cell_is_named_and_the_person_is_not(world: World, form: str, wrong, column: str, code: str) -> None:
    rows = [student(2, birth_date="2006-03-04", remarks=""), planted(**wrong)]
    csv = form == "csv"
    content, media_type, at = {
        "csv": (to_csv(rows).encode(), "text/csv", None),
        "json": (to_json(rows), "application/json", f"/rows/1/{column}"),
        "ndjson": (to_ndjson(rows), "application/x-ndjson", f"/{column}"),
    }[form]
    before = await stored(world.service)
    row = ROWS["roster"]["submit_roster"]
    media = {"Content-Type": media_type}
    answer = await world.call(SUBMIT, row, world.a["school"], content=content, headers=media)
    assert refused(answer, code, frozenset({422})) is None
    (fault,) = answer.json()["errors"]
    # A CSV's first student stands in row 2, below the headings.
    assert (fault["code"], fault["column"], fault["row"]) == (code, column, 3 if csv else 2)
    assert fault["message"]
    assert fault["message_en"]
    assert fault.get("pointer") == at
    assert await stored(world.service) == before


HEADINGS = [
    ("an unknown column", [planted(favourite_colour="red")], "column_unknown", "favourite_colour"),
    ("a column named by a person", [planted(**{PLANTED_ID: "x"})], "column_unknown", None),
    ("a missing column", [{k: v for k, v in planted().items() if k != "birth_date"}], "column_missing", "birth_date"),
]


@pytest.mark.parametrize("name, rows, code, column", HEADINGS, ids=[name for name, *_ in HEADINGS])
async def test_a_heading_is_named(world: World, name: str, rows, code: str, column: str | None) -> None:
    row = ROWS["roster"]["submit_roster"]
    answer = await world.call(SUBMIT, row, world.a["school"], content=to_csv(rows).encode())
    assert refused(answer, name, frozenset({422})) is None
    (fault,) = answer.json()["errors"]
    assert fault["code"] == code
    assert column is None or fault["column"] == column


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_over_the_limit_is_cut_off(world: World, announced: bool) -> None:
    content = b"x" * (LARGEST + 1)
    row = ROWS["roster"]["submit_roster"]
    answer = await world.call(SUBMIT, row, world.a["school"], content=content if announced else chunked(content))
    assert refused(answer, "too large", frozenset({413})) is None
    assert "16,777,216" in answer.json()["detail_en"]


def _with(line: str, text: str = SCHOOLS) -> bytes:
    return (text + line + "\n").encode()


SOUND_SCHOOL = "0099,國立測試大學,公立,[33]臺北市,[106]臺北市大安區,(02)1,http://x.tw,[1]一般"
LISTS = [
    ("empty", b"", 422),
    ("NUL", _with(SOUND_SCHOOL.replace("測試", "測\x00試")), 422),
    ("not UTF-8", SCHOOLS.encode("cp950"), 415),
    ("UTF-16", SCHOOLS.encode("utf-16"), 415),
    ("a program", b"\x7fELF" + bytes(range(256)) * 8, 415),
    ("a million columns", b"a," * 1_000_000, 422),
    ("a cell of a megabyte", _with("x" * 1_000_000), 422),
    ("a quote that never closes", _with('"abc'), 422),
    ("text behind a quote", _with('"abc"def,1'), 422),
    ("a name of 10,000 characters", _with(SOUND_SCHOOL.replace("測試", "試" * 10_000)), 422),
    ("a person for a code", _with(SOUND_SCHOOL.replace("0099", PLANTED_ID)), 422),
    ("a person for a county", _with(SOUND_SCHOOL.replace("臺北市,[106]", f"{PLANTED_NAME},[106]")), 422),
    ("a code twice", _with(SOUND_SCHOOL + "\n" + SOUND_SCHOOL), 422),
    ("another file's headings", to_csv([planted()]).encode(), 422),
    ("headings only", SCHOOLS.split("\n")[0].encode(), 422),
    ("JSON", json.dumps({"rows": [PLANTED_ID]}).encode(), 422),
    ("two million faulty lines", SCHOOLS.split("\n")[0].encode() + b"\n" + b",\n" * 2_000_000, 422),
    ("too large", b"x" * 4_194_305, 413),
]
CALENDAR_HEAD = CALENDAR.decode().split("\n")[0]
DAYS = [
    ("empty", b"", 422),
    ("31 February", f"{CALENDAR_HEAD}\n20270231,三,0,\n".encode(), 422),
    ("ROC 000", f"{CALENDAR_HEAD}\n0000101,五,0,\n".encode(), 422),
    ("another year", f"{CALENDAR_HEAD}\n20260101,四,2,\n".encode(), 422),
    ("a wrong weekday", f"{CALENDAR_HEAD}\n20270101,{PLANTED_NAME},2,\n".encode(), 422),
    ("an unknown code", f"{CALENDAR_HEAD}\n20270101,五,{PLANTED_ID},\n".encode(), 422),
    ("a person for a day", f"{CALENDAR_HEAD}\n{PLANTED_ID},五,2,\n".encode(), 422),
    ("a person for a heading", f"{PLANTED_NAME},{PLANTED_ID}\n".encode(), 422),
    ("a day twice", f"{CALENDAR_HEAD}\n20270101,五,2,\n20270101,五,2,\n".encode(), 422),
    ("NUL", CALENDAR.replace("開國".encode(), b"\x00"), 422),
    ("a note of a megabyte", CALENDAR.replace("開國".encode(), b"x" * 1_000_000), 422),
    ("UTF-16", CALENDAR.decode().encode("utf-16"), 422),
    ("a program", b"\x7fELF" + bytes(range(256)) * 8, 422),
    ("a quote that never closes", CALENDAR + b'"', 422),
    ("a million columns", b"a," * 1_000_000, 422),
    ("a row too short", f"{CALENDAR_HEAD}\n20270101\n".encode(), 422),
    ("too large", b"x" * 4_194_305, 413),
]


@pytest.mark.parametrize(
    "operation, name, content, status",
    [
        *((IMPORT, name, content, status) for name, content, status in LISTS),
        *((CALENDARS, name, content, status) for name, content, status in DAYS),
    ],
    ids=[f"schools: {name}" for name, *_ in LISTS] + [f"calendar: {name}" for name, *_ in DAYS],
)
async def test_a_bad_list_is_refused(
    world: World, operation: Operation, name: str, content: bytes, status: int
) -> None:
    row = ROWS["roster"][operation.name]
    assert await tried(world, operation, row, [Case(name, frozenset({status}), content)]) == ""


@pytest.mark.parametrize("operation", [SUBMIT, IMPORT, CALENDARS], ids=str)
async def test_another_type_is_refused(world: World, operation: Operation) -> None:
    row = ROWS["roster"][operation.name]
    types = [
        "text/plain",
        "application/octet-stream",
        "text/csv; charset=klingon",
        "application/vnd.ms-excel",
        "é",
        None,
    ]
    if operation is not SUBMIT:
        types = [media for media in types if media is None or "klingon" not in media]
    cases = [Case(f"{media}", frozenset({415}), headers={"Content-Type": media}) for media in types]
    cases.append(Case("compressed", frozenset({415}), headers={"Content-Encoding": "gzip"}))
    assert await tried(world, operation, row, cases) == ""


async def test_a_file_that_is_taken_is_seen_as_stored(world: World) -> None:
    """The control: the same rows, sound, and the tables change."""
    content = to_csv([student(2, birth_date="2006-03-04"), planted()]).encode()
    told = await tried(world, SUBMIT, ROWS["roster"]["submit_roster"], [Case("sound", frozenset({422}), content)])
    assert told.startswith("sound: 201")
    assert "'entry'" in told
