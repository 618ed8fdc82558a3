"""RO-61, RO-64: the rows of a search as XLSX, ODS and PDF/A, read back by other programs than those that wrote them."""

import csv
import io
from datetime import date
from typing import Any

import pytest

from roster import layouts
from roster.intake.rules import RosterKind
from shared.csv_out import plain
from shared.papers.forms import SPREADSHEETS, Form
from shared.roc import roc
from tests.roster.intake_corpus.files import cessation, extension, national_id
from tests.support.papers import cells, pages, squeezed
from tests.support.report_jobs import made
from tests.support.rosters import APPROVER, NTU, OFFICER, County, men

pytestmark = pytest.mark.rule("RO-61", "RO-64")

SHEETS = pytest.mark.parametrize("form", SPREADSHEETS, ids=["xlsx", "ods"])


async def asked(county: County, path: str, form: Form, who: dict[str, str] = OFFICER) -> Any:
    answer = await county.service.http.get(f"/roster/v1{path}", headers={**who, "Accept": form.value})
    assert answer.status_code == 200, answer.text
    return answer


def as_csv(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) else str(value)


@SHEETS
async def test_a_sheet_holds_what_the_csv_holds(county, form):
    """Every list that can be had: cell by cell, days as days, numbers as numbers, all else as text."""
    roster_id, batch = await county.up(3)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await county.post(men(10, 2, remarks="-補件-"))
    for path, who in (
        (f"/rosters/{roster_id}/entries", OFFICER),
        (f"/rosters/{roster_id}/entries", NTU),
        (f"/results/{roster_id}/entries", OFFICER),
        ("/results", OFFICER),
        ("/rosters?sort=-headcount", NTU),
    ):
        answer = await asked(county, path, form, who)
        assert answer.headers["content-type"] == form.value
        assert f".{form.extension}" in answer.headers["content-disposition"]
        listed = (await asked(county, path, Form.CSV, who)).content.decode("utf-8-sig")
        headings, *rows = list(csv.reader(io.StringIO(listed, newline="")))
        found_headings, *found_rows = cells(answer.content)
        assert found_headings == headings
        assert [[as_csv(value) for value in row] for row in found_rows] == [[plain(v) for v in row] for row in rows]
        assert len(rows) >= 1
    typed = dict(zip(found_headings, found_rows[0], strict=True))
    assert (type(typed["收件日期"]), type(typed["名冊人數"]), type(typed["學校代碼"])) == (date, float, str)


PAPER = {
    "application": "系科年級 學號 姓名 身分證字號 出生年月日 戶籍所在縣市鄉鎮市區村 學年制 入學日期 預訂畢業日期 備考",
    "cessation": "系科年級 學號 姓名 身分證字號 出生年月日 戶籍所在縣市鄉鎮市區村 原因 離校日期 備考",
}
PAPER["extension"] = PAPER["reapplication"] = PAPER["application"]


@pytest.mark.parametrize("kind", PAPER)
def test_the_columns_of_the_paper_rosters(kind):
    """facts.md 3.2, column by column."""
    assert " ".join(heading for heading, _, _ in layouts.columns(RosterKind(kind))) == PAPER[kind]


@pytest.mark.parametrize("kind", PAPER)
async def test_a_roster_on_paper(county, kind):
    """RO-64: title line, headings on each page, ROC dates, page numbers, headcount, day of printing."""
    if kind == "cessation":
        rows = [cessation(n, birth_date="2006-03-04") for n in range(1, 41)]
    elif kind == "extension":
        rows = [extension(n, birth_date="2006-03-04") for n in range(1, 41)]
    else:
        rows = men(1, 40)
    roster_id = (await county.post(rows, kind))["63000"]
    read = pages((await asked(county, f"/rosters/{roster_id}/entries", Form.PDF, NTU)).content)
    names = {
        "application": "申請緩徵學生名冊",
        "extension": "延長修業年限學生名冊",
        "reapplication": "重新辦理緩徵學生名冊",
        "cessation": "離校學生緩徵原因消滅名冊",
    }
    assert len(read) >= 2
    for number, page in enumerate(map(squeezed, read), 1):
        assert f"國立臺灣大學115學年度第1學期{names[kind]}" in page
        assert "".join(PAPER[kind].split()) in page
        assert f"第{number}頁共{len(read)}頁" in page
        assert "列印日期：115/10/01" in page
        assert "名冊人數：40人" in page
    whole = squeezed("".join(read))
    assert [n for n in range(1, 41) if national_id(n) not in whole] == []
    assert roc(date(2006, 3, 4)) in whole
    assert "2006-03-04" not in whole


async def test_the_copy_for_the_school(county):
    """Art. 13: the roster with what was decided on each man."""
    roster_id, batch = await county.up(3)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    file = await made(county, {"report": "school_copy", "form": "pdf", "roster_id": roster_id}, NTU)
    (page,) = map(squeezed, pages(file))
    assert "准駁准駁日期文號" in page
    assert page.count("核准") == 3
    assert "115/10/01" in page
    assert "送還學校一份" in page


async def test_without_the_font_it_is_said_what_to_do(county, tmp_path):
    county.service.app.state.settings = county.service.settings.model_copy(update={"font_dir": str(tmp_path)})
    answer = await county.service.http.get("/roster/v1/rosters", headers={**OFFICER, "Accept": Form.PDF.value})
    assert (answer.status_code, answer.json()["code"]) == (503, "font_missing")
    assert str(tmp_path) in answer.json()["detail_en"]
    assert "MUSTER_FONT_DIR" in answer.json()["detail"]
