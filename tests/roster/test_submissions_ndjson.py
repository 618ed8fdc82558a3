"""A school's file as NDJSON: the same rosters as from any other format, and a result for every line that is faulty."""

import json

import pytest

from tests.roster.intake_corpus.files import national_id, student, to_csv, to_json, to_ndjson
from tests.roster.test_submissions import counts, of_five_counties, post
from tests.support.rosters import NTU

pytestmark = pytest.mark.rule("RO-06", "RO-07")
LINES = "application/x-ndjson"


@pytest.mark.rule("RO-01", "RO-08")
async def test_lines_make_the_rosters_that_every_format_makes(county):
    rows = of_five_counties()
    first = await post(county, to_ndjson(rows), Content_Type=LINES)
    assert first.status_code == 201, first.text
    told = first.json()
    assert (told["row_count"], told["charset"], len(told["rosters"])) == (10, "utf-8", 5)
    for body, media in (
        (to_csv(rows).encode(), "text/csv"),
        (to_json(rows), "application/json"),
        (to_ndjson(rows[::-1], end="\r\n\r\n"), f"{LINES}; charset=utf-8"),
    ):
        again = await post(county, body, Content_Type=media)
        assert (again.status_code, again.json()) == (200, told), media


@pytest.mark.rule("RO-16")
@pytest.mark.parametrize("query", ["", "&dry_run=true"])
async def test_a_refusal_has_a_result_for_every_faulty_line_and_keeps_nothing(county, query):
    """400 as soon as one line is no JSON, else 422; either way all that must be mended is told at once."""
    lines = to_ndjson([student(1), student(2, birth_date="2006-02-30"), student(3, name="")]).decode().splitlines()
    before = await counts(county)
    faulty = await post(county, "\n".join(lines).encode(), Content_Type=LINES, query=query)
    assert (faulty.status_code, faulty.json()["code"], faulty.json()["error_count"]) == (422, "invalid_content", 2)
    told = [(e["row"], e["pointer"], e["code"]) for e in faulty.json()["errors"]]
    assert told == [(2, "/birth_date", "date_impossible"), (3, "/name", "required")]

    lines.insert(1, '{"national_id": "' + national_id(7) + '", ')
    broken = await post(county, "\n".join(lines).encode(), Content_Type=LINES, query=query)
    assert (broken.status_code, broken.json()["code"], broken.json()["error_count"]) == (400, "bad_syntax", 3)
    assert [(e["row"], e["pointer"], e["code"]) for e in broken.json()["errors"]] == [
        (2, "", "json_syntax"),
        (3, "/birth_date", "date_impossible"),
        (4, "/name", "required"),
    ]
    assert national_id(7) not in broken.text
    assert await counts(county) == before


@pytest.mark.rule("RO-09")
async def test_a_correction_may_come_as_lines(county):
    rows = [student(n, birth_date="2006-03-04") for n in (1, 2)]
    roster_id = (await post(county, to_ndjson(rows), Content_Type=LINES)).json()["rosters"][0]["id"]
    roster = await county.call("GET", f"/rosters/{roster_id}", NTU)
    mended = [rows[0], rows[1] | {"remarks": "更正"}]
    answer = await county.service.http.put(
        f"/roster/v1/rosters/{roster_id}",
        content=to_ndjson(mended),
        headers={**NTU, "Content-Type": LINES, "If-Match": roster.headers["etag"]},
    )
    assert answer.status_code == 200, answer.text
    assert [entry["remarks"] for entry in await county.entries(roster_id, NTU)] == [None, "更正"]


async def test_the_document_names_the_lines(county):
    document = county.service.app.openapi()
    for path, method in (("/roster/v1/submissions", "post"), ("/roster/v1/rosters/{roster_id}", "put")):
        content = document["paths"][path][method]["requestBody"]["content"]
        assert {"application/json", LINES, "text/csv"} < set(content)
        for example in content[LINES]["schema"]["examples"]:
            assert json.loads(example)["name"] == "王小明"
    lists = ("/results", "/results/{roster_id}/entries", "/rosters/{roster_id}/entries")
    for path in lists:
        answer = document["paths"][f"/roster/v1{path}"]["get"]["responses"]["200"]["content"]
        assert {"application/json", LINES, "text/csv", "application/pdf"} < set(answer)
