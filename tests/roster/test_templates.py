"""RO-07: a template filled in is taken in; a refused file comes back as one that, mended, is taken in."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from roster.intake import mending
from roster.intake import routes as intake
from roster.intake.columns import EXPLANATION
from roster.intake.rules import RosterKind
from roster.intake.templates import choices, columns
from shared import child
from shared.papers import document, ods, xlsx
from shared.papers.forms import SPREADSHEETS, Form
from tests.roster.intake_corpus.files import national_id, student, to_csv
from tests.support.rosters import NTU, OFFICER, County, men
from tests.support.tokens import key

pytestmark = pytest.mark.rule("RO-07")

SHEETS = pytest.mark.parametrize("form", SPREADSHEETS, ids=["xlsx", "ods"])
WRITERS = {Form.XLSX: xlsx.write, Form.ODS: ods.write}
MAN = {
    "身分證字號": national_id(1),
    "姓名": "堃喆\U00020bb7",
    "出生年月日": "095/03/04",
    "戶籍所在縣市鄉鎮市區村": "臺北市大安區龍安里",
    "部別": "日間部",
    "學制": "學士班",
    "學年制": "4",
    "系科年級": "資訊工程學系三年級",
    "學號": "00139020",
    "入學日期": "113/09/09",
    "預訂畢業日期": "117/06",
    "延長修業至": "116/01/31",
    "延長修業原因": "學分未修畢",
    "原因": "畢業",
    "離校日期": "115/06/30",
}


def sheet(file: bytes, at: int = 0) -> list[list[Any]]:
    """The cells of a sheet as calamine reads them."""
    rows: list[list[Any]] = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(at).to_python()
    return rows


async def template(county: County, kind: str, form: Form) -> bytes:
    answer = await county.service.http.get(f"/roster/v1/templates/{kind}", headers={**NTU, "Accept": form.value})
    assert (answer.status_code, answer.headers["content-type"]) == (200, form.value), answer.text
    assert f"{kind}-template" in answer.headers["content-disposition"]
    return answer.content


async def post(
    county: County, file: bytes, media: str, accept: str = "*/*", kind: str = "application", query: str = ""
):
    return await county.service.http.post(
        f"/roster/v1/submissions?kind={kind}&academic_year=115&term=1{query}",
        content=file,
        headers={**NTU, **key(), "Content-Type": media, "Accept": accept},
    )


def filled(form: Form, rows: list[list[Any]]) -> bytes:
    """A sheet of texts, as a spreadsheet program saves it."""
    headings, *cells = rows
    frame = document.Document("名冊", "名冊", (), tuple(document.Column(text) for text in headings), 1_790_000_000)
    return WRITERS[form](document.Packed(frame, (document.batch(cells),)))


@SHEETS
@pytest.mark.parametrize("kind", list(RosterKind))
async def test_a_template_filled_in_is_taken_in(county, form, kind):
    empty = await template(county, kind, form)
    headings, *rest = sheet(empty)
    assert not any(any(row) for row in rest), "a template holds no student"
    assert (await post(county, empty, form.value, kind=kind)).json()["errors"][0]["code"] == "no_rows"
    row = [MAN.get(heading) for heading in headings]
    taken = await post(county, filled(form, [headings, row]), form.value, kind=kind)
    assert taken.status_code == 201, taken.text
    (entry,) = await county.entries(taken.json()["rosters"][0]["id"], OFFICER)
    assert (entry["name"], entry["national_id"]) == (MAN["姓名"], MAN["身分證字號"])
    if kind is not RosterKind.CESSATION:
        assert (entry["student_no"], entry["department"], entry["class_year"]) == ("00139020", "資訊工程學系", 3)
    told = "".join(str(cell) for row in sheet(empty, 1) for cell in row)
    assert all(f"「{heading}」欄" in told for heading in headings)


@SHEETS
async def test_the_words_of_its_lists_are_words_that_intake_reads(county, form):
    for kind in RosterKind:
        for column in columns(kind):
            for word in choices(column):
                column.read(word)
    file = await template(county, "cessation", form)
    # A reason that is not for schools to report is not offered.
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).decode("utf-8", "replace")
    assert "退學" in text
    assert "訓練期滿結訓為後備役" not in text


async def test_templates_are_schools_and_come_as_spreadsheets(county):
    for who, accept, status in ((OFFICER, "*/*", 403), ({}, "*/*", 401), (NTU, "application/pdf", 406)):
        answer = await county.service.http.get("/roster/v1/templates/application", headers={**who, "Accept": accept})
        assert answer.status_code == status
    assert (await county.call("GET", "/templates/nothing", NTU)).status_code == 404


def faulty_rows() -> list[Any]:
    rows = men(1, 5)
    rows[1]["birth_date"] = "095/02/30"
    rows[3]["national_id"] = national_id(4)[:-1] + "X"
    rows[3]["name"] = ""
    return rows


@SHEETS
@pytest.mark.parametrize("query", ["", "&dry_run=true"])
async def test_a_refused_file_comes_back_to_be_mended_and_is_taken_in(county, form, query):
    csv_file = to_csv(faulty_rows()).encode()
    plain = await post(county, csv_file, "text/csv", query=query)
    assert (plain.status_code, plain.headers["content-type"]) == (422, "application/problem+json")
    answer = await post(county, csv_file, "text/csv", form.value, query=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, form.value)
    assert "faulty-rows" in answer.headers["content-disposition"]
    headings, *rows = sheet(answer.content)
    assert headings[0] == EXPLANATION
    at = {heading: index for index, heading in enumerate(headings)}
    # All rows, the faulty ones first, as they were sent: nothing is masked in the school's own file.
    names = [row[at["national_id"]] for row in rows if any(row)]
    assert names == [national_id(2), national_id(4)[:-1] + "X", national_id(1), national_id(3), national_id(5)]
    assert rows[0][at["birth_date"]] == "095/02/30"
    assert "原第 3 列" in rows[0][0]
    assert "birth_date" in rows[0][0]
    assert "原第 5 列" in rows[1][0]
    assert not any(row[0] for row in rows[2:])
    assert "3 處須更正" in sheet(answer.content, 1)[0][0]
    # Posted as it is, it is refused for the same reasons.
    again = await post(county, answer.content, form.value)
    assert (again.status_code, again.json()["error_count"]) == (422, 3), again.text
    # Mended, with the explanations left where they are, it is taken in.
    rows[0][at["birth_date"]] = "095/02/28"
    rows[1][at["national_id"]], rows[1][at["name"]] = national_id(4), "王小明"
    mended = [[None if cell == "" else cell for cell in row] for row in rows]
    taken = await post(county, filled(form, [headings, *mended]), form.value)
    assert taken.status_code == 201, taken.text
    entries = await county.entries(taken.json()["rosters"][0]["id"], OFFICER)
    assert sorted(entry["national_id"] for entry in entries) == [national_id(n) for n in range(1, 6)]


async def test_a_machine_without_time_to_make_one_still_tells_what_is_wrong(county, monkeypatch):
    """The file was read; the second reading, or the writing, is what it has no time for."""
    refusal = filled(Form.XLSX, [list(faulty_rows()[0]), *([*row.values()] for row in faulty_rows())])
    read, waits = child.run, []

    async def starved_later(*given: Any, **limits: Any) -> bytes:
        waits.append(given[0])
        return await read(*given, **limits | ({} if len(waits) <= fine else {"wait": 0}))

    for fine in (1, 2):
        waits.clear()
        with monkeypatch.context() as busy:
            busy.setattr(child, "run", starved_later)
            answer = await post(county, refusal, Form.XLSX.value, Form.XLSX.value)
        assert (answer.status_code, answer.json()["error_count"]) == (422, 3), answer.text
        assert len(waits) == fine + 1
    monkeypatch.setattr(mending, "_PATIENCE", 0)
    late = await post(county, refusal, Form.XLSX.value, Form.XLSX.value)
    assert (late.status_code, late.json()["error_count"]) == (422, 3), late.text


async def test_who_has_no_turn_to_be_read_comes_again(county, monkeypatch):
    monkeypatch.setattr(intake, "_TURN", 1)
    async with intake.in_hand(), intake.in_hand():
        answer = await post(county, to_csv(men(1, 2)).encode(), "text/csv")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await post(county, to_csv(men(1, 2)).encode(), "text/csv")).status_code == 201


@SHEETS
async def test_a_workbooks_sheets_come_back_as_one(county, form):
    """Headings that are missing are added; what concerns the whole file stands on the second sheet."""
    rows = [list(student(1)), [*student(1).values()]]
    drop = rows[0].index("student_no")
    for row in rows:
        del row[drop]
    rows[0].append("座右銘")
    rows[1].append("=1+1")
    answer = await post(county, filled(form, rows), form.value, form.value)
    headings, *found = sheet(answer.content)
    assert {"student_no", "座右銘"} <= set(headings)
    told = "".join(str(cell) for row in sheet(answer.content, 1) for cell in row)
    assert "座右銘" in told
    assert found[0][headings.index("座右銘")] == "=1+1"


async def test_what_is_no_table_is_told_as_ever(county):
    for media, content in (
        ("application/json", b'{"rows": [{"national_id": "A1"}]}'),
        ("text/csv", b"\x00\x01"),
        (Form.XLSX.value, b"PK no zip"),
    ):
        answer = await post(county, content, media, Form.XLSX.value)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_correction_comes_back_too(county):
    roster_id = (await county.post(men(1, 5)))["63000"]
    answer = await county.service.http.put(
        f"/roster/v1/rosters/{roster_id}",
        content=to_csv(faulty_rows()).encode(),
        headers={**NTU, **key(), "If-Match": '"1"', "Content-Type": "text/csv", "Accept": Form.ODS.value},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, Form.ODS.value)


def test_a_days_cell_is_a_day():
    """Control: what the readers above take for texts are texts, and a day is none."""
    frame = document.Document("x", "x", (), (document.Column("日"),), 1_790_000_000)
    for write in WRITERS.values():
        made = write(document.Packed(frame, (document.batch([[date(2026, 10, 1)]]),)))
        assert sheet(made)[1] == [date(2026, 10, 1)]
