"""A school's file as XLSX or ODS: the same rosters as from any other format, and every faulty cell by its sheet."""

import time

import pytest

from roster.intake.sheets.book import ODS, XLSX
from tests.roster.intake_corpus.files import student, to_csv
from tests.roster.intake_corpus.workbooks import to_ods, to_xlsx, xlsx_of
from tests.roster.test_submissions import counts, of_five_counties, post
from tests.support.rosters import NTU

pytestmark = pytest.mark.rule("RO-06", "RO-07")


@pytest.mark.rule("RO-01", "RO-08")
async def test_sheets_make_the_rosters_that_every_format_makes(county):
    rows = of_five_counties()
    first = await post(county, to_xlsx(rows), Content_Type=XLSX)
    assert first.status_code == 201, first.text
    told = first.json()
    assert (told["row_count"], told["charset"], len(told["rosters"])) == (10, "utf-8", 5)
    for body, media in ((to_csv(rows).encode(), "text/csv"), (to_ods(rows[::-1]), ODS)):
        again = await post(county, body, Content_Type=media)
        assert (again.status_code, again.json()) == (200, told), media


@pytest.mark.rule("RO-16")
@pytest.mark.parametrize("query", ["", "&dry_run=true"])
async def test_faulty_cells_of_all_sheets_are_named_and_nothing_is_kept(county, query):
    names = list(student(1))
    pages = {
        "日間部": [names, list(student(1).values()), list(student(2, birth_date="2006-02-30").values())],
        "進修部": [["夜間名冊"], names, list(student(3, name="").values()), list(student(1).values())],
    }
    before = await counts(county)
    answer = await post(county, xlsx_of(pages), Content_Type=XLSX, query=query)
    assert (answer.status_code, answer.json()["code"], answer.json()["error_count"]) == (422, "invalid_content", 4)
    assert [(e["sheet"], e["row"], e["column"], e["code"]) for e in answer.json()["errors"]] == [
        ("日間部", 2, "national_id", "national_id_repeated"),
        ("日間部", 3, "birth_date", "date_impossible"),
        ("進修部", 3, "name", "required"),
        ("進修部", 4, "national_id", "national_id_repeated"),
    ]
    assert "工作表「進修部」第 4 列" in answer.json()["errors"][0]["message"]
    assert await counts(county) == before


@pytest.mark.rule("RO-16")
async def test_a_trial_names_the_sheet_of_a_hint(county):
    names = list(student(1))
    old = student(2, birth_date="0800304")
    pages = {"甲": [names, list(student(1, birth_date="2006-03-04").values())], "乙": [names, [], list(old.values())]}
    answer = await post(county, xlsx_of(pages), Content_Type=XLSX, query="&dry_run=true")
    assert answer.status_code == 200, answer.text
    assert {(hint["sheet"], hint["row"]) for hint in answer.json()["hints"]} == {("乙", 3)}
    assert [note["code"] for note in answer.json()["notes"]] == ["sheets_read"]


@pytest.mark.rule("RO-09")
async def test_a_correction_may_come_as_a_sheet(county):
    rows = [student(n, birth_date="2006-03-04") for n in (1, 2)]
    roster_id = (await post(county, to_csv(rows).encode())).json()["rosters"][0]["id"]
    roster = await county.call("GET", f"/rosters/{roster_id}", NTU)

    async def put(body: bytes, media: str):
        headers = {**NTU, "Content-Type": media, "If-Match": roster.headers["etag"]}
        return await county.service.http.put(f"/roster/v1/rosters/{roster_id}", content=body, headers=headers)

    away = rows[1] | {"county_code": "65000", "township_code": "65000010"}
    names = list(rows[0])
    refused = await put(xlsx_of({"甲": [names, list(rows[0].values())], "乙": [names, list(away.values())]}), XLSX)
    assert refused.status_code == 422
    assert [(e["sheet"], e["row"], e["code"]) for e in refused.json()["errors"]] == [
        ("乙", 2, "county_not_this_roster")
    ]

    answer = await put(to_ods([rows[0] | {"remarks": ""}, rows[1] | {"remarks": "更正"}]), ODS)
    assert answer.status_code == 200, answer.text
    assert [entry["remarks"] for entry in await county.entries(roster_id, NTU)] == [None, "更正"]


async def test_two_thousand_students_in_a_sheet(county):
    rows = [student(n, birth_date="2006-03-04") for n in range(2_000)]
    body = to_xlsx(rows)
    began = time.monotonic()
    answer = await post(county, body, Content_Type=XLSX)
    assert answer.status_code == 201, answer.text
    print(f"2,000 rows of XLSX: {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 15


async def test_the_document_names_the_sheets(county):
    document = county.service.app.openapi()
    for path, method in (("/roster/v1/submissions", "post"), ("/roster/v1/rosters/{roster_id}", "put")):
        content = document["paths"][path][method]["requestBody"]["content"]
        for media in (XLSX, ODS):
            assert content[media]["schema"]["maxLength"] == 16_777_216
