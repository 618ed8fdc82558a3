"""RO-61 (seed item 11): a report holds exactly the rows of the search it was asked from, in CSV and in NDJSON."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.requests import Request

from roster.results import searching
from shared import exports
from shared.csv_out import Sheet, plain
from shared.db import Context
from shared.papers.forms import Form
from shared.papers.report import Layout, Report
from shared.principals import Org, Principal
from shared.schemas import Page
from tests.roster.intake_corpus.files import extension, national_id
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-61")

CSV, NDJSON = "text/csv", "application/x-ndjson"
KINDS = {"application": "申請緩徵名冊", "extension": "延長修業年限名冊"}
STATES = {
    "received": "已收件", "in_review": "審查中", "on_hold": "待查明", "for_approval": "陳核中", "decided": "已核定",
    "pending": "待處理",
}  # fmt: skip
DECISIONS = {"approved": "核准", "rejected": "不核准", None: ""}
FLAGS = {True: "是", False: "否", None: ""}
REJECTED = {
    "decision": "rejected",
    "ground": "enrolment_not_recognised",
    "ground_unseen": True,
    "reason": "=HYPERLINK(\"http://x\")\n查無學籍",
}  # fmt: skip
OTHERS = {"county_code": "65000", "township_code": "65000010"}


def text(value: Any) -> str:
    return "" if value is None else str(value)


def level_1(row: dict[str, Any]) -> list[str]:
    """A row of `GET /results` as its report is to show it, written down here once more."""
    assert row["submitted_at"].endswith(("Z", "+00:00"))
    plain_fields = ("school_code", "school_name", "county_code", "county_name", "academic_year", "term", "headcount")
    return [
        KINDS[row["kind"]],
        *(text(row[name]) for name in plain_fields),
        row["submitted_on"],
        STATES[row["state"]],
        *(text(row[name]) for name in ("for_approval", "decided", "approved", "rejected", "last_decided_on")),
        row["roster_id"],
    ]


def level_2(row: dict[str, Any]) -> list[str]:
    """A man of `GET /results/{id}/entries`."""
    return [
        *(text(row[name]) for name in ("row_no", "national_id", "name", "student_no")),
        STATES[row["state"]],
        DECISIONS[row["decision"]],
        *(text(row[n]) for n in ("decided_on", "decision_number", "issued_on", "deferment_until", "reason")),
        row["entry_id"],
    ]


def entry(row: dict[str, Any]) -> list[str]:
    """A man of `GET /rosters/{id}/entries`, the columns that both school and county are shown."""
    decision = row["decision"] or {}
    return [
        *(text(row[n]) for n in ("row_no", "national_id", "name", "birth_date", "county_code", "township_code")),
        *(text(row[n]) for n in ("student_no", "enrolled_on", "expected_graduation_on", "extended_until", "remarks")),
        FLAGS[row["overseas_compatriot"]],
        STATES[row["state"]],
        "；".join(hint["message"] for hint in row["hints"]),
        DECISIONS[decision.get("decision")],
        *(text(decision.get(n)) for n in ("decided_on", "decision_number", "issued_on", "deferment_until", "reason")),
        row["id"],
    ]


LEVEL_1 = [
    "名冊種類",
    "學校代碼",
    "學校名稱",
    "縣市代碼",
    "縣市",
    "學年度",
    "學期",
    "名冊人數",
    "送件日期",
    "狀態",
    "陳核中",
    "已核定",
    "核准",
    "不核准",
    "最近准駁日期",
    "名冊識別碼",
]
LEVEL_2 = [
    "列號",
    "身分證字號",
    "姓名",
    "學號",
    "審核狀態",
    "准駁",
    "准駁日期",
    "准駁文號",
    "發文日期",
    "緩徵截止日期",
    "不核准理由",
    "資料識別碼",
]
ENTRY = [
    "列號",
    "身分證字號",
    "姓名",
    "出生年月日",
    "戶籍縣市代碼",
    "戶籍鄉鎮市區代碼",
    "學號",
    "入學日期",
    "預訂畢業日期",
    "延長修業至",
    "備考",
    "僑民役男",
    "審核狀態",
    "邏輯驗證提示",
    "准駁",
    "准駁日期",
    "准駁文號",
    "發文日期",
    "緩徵截止日期",
    "不核准理由",
    "資料識別碼",
]


async def asked(county: County, path: str, who: dict[str, str], form: str, body: Any = None) -> Any:
    method = "GET" if body is None else "POST"
    http = county.service.http
    return await http.request(method, f"/roster/v1{path}", headers={**who, "Accept": form}, json=body)


async def pages(county: County, path: str, who: dict[str, str], limit: int = 3) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    found: list[dict[str, Any]] = []
    joint, cursor = "&" if "?" in path else "?", ""
    while True:
        page = await county.get(f"{path}{joint}limit={limit}{cursor}", who)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def rows_of(answer: Any, headings: list[str]) -> list[list[str]]:
    """The cells of a CSV under these headings, as the texts they stand for."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.content.endswith(b"\r\n")
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    for row in found:
        assert not any(value[:1] in "=+-@\t\r" for value in row.values() if value)
    return [[plain(row[heading]) for heading in headings] for row in found]


async def agree(
    county: County, path: str, who: dict[str, str], headings: list[str], shown: Callable[[Any], list[str]]
) -> int:
    """The rows of both reports are those of the pages; how many."""
    items = await pages(county, path, who)
    assert rows_of(await asked(county, path, who, CSV), headings) == [shown(item) for item in items]
    lines = await asked(county, path, who, NDJSON)
    assert (lines.status_code, lines.headers["content-type"]) == (200, NDJSON)
    assert [json.loads(line) for line in lines.text.splitlines()] == items
    assert lines.text.count("\n") == len(items)
    return len(items)


async def furnished(county: County) -> list[str]:
    """Rosters of two schools in two counties, some decided, some up, some in review; Taipei's ids."""
    rosters, first = [], 1
    for turn in range(7):
        who, count = (NTU, OTHER_SCHOOL)[turn % 2], 2 + turn % 3
        rows = men(first, count, remarks=f"-第{turn}冊-")
        kind = "application"
        if turn == 5:
            kind = "extension"
            rows = [extension(n, birth_date="2006-03-04") for n in range(first, first + count)]
        first += count
        roster_id = (await county.post(rows, kind, who))["63000"]
        await county.answered(roster_id)
        await county.do(f"/rosters/{roster_id}/open")
        for number, man in enumerate(await county.entries(roster_id)):
            draft = REJECTED if number == 0 else {"decision": "approved", "decision_number": f"核字第{number}號"}
            assert (await county.patch(man, draft)).status_code == 200
        if turn < 6:
            batch = await county.submit(roster_id)
        if turn < 4:
            await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
        rosters.append(roster_id)
    await county.post(men(90, 2, **OTHERS))
    return rosters


def a_search(dice: Random) -> dict[str, Any]:
    every = {
        "kind": dice.choice(["application", "extension"]),
        "decision": dice.choice(["approved", "rejected"]),
        "school_name": dice.choice(["臺灣大學", "科技", "國立", "100%"]),
        "decision_number": dice.choice(["核字第1號", "核字第2號", "府兵徵字第1150000001號"]),
        "national_id": national_id(dice.randint(1, 25)),
        "from_on": dice.choice(["2026-09-30", "2026-10-01", "2026-10-02"]),
        "to_on": dice.choice(["2026-10-01", "115/10/05"]),
    }
    return {name: value for name, value in every.items() if dice.random() < 0.25}


@pytest.mark.rule("RO-60")
async def test_the_rows_of_a_report_are_those_of_the_search(county):
    await furnished(county)
    dice, found = Random(61), []
    sorts = ["-submitted_at", "submitted_at", "headcount", "-school_name", "state", "-last_decided_on", "rejected"]
    for _ in range(40):
        who, sort, search = dice.choice([OFFICER, NTU, OTHER_SCHOOL, ELSEWHERE]), dice.choice(sorts), a_search(dice)
        first = await county.call("POST", "/result-searches", who, {**search, "sort": sort, "limit": 2})
        assert first.status_code == 200, first.text
        path = f"/results?search={first.json()['search']}&sort={sort}"
        found.append(await agree(county, path, who, LEVEL_1, level_1))
        # Asked for at once, with the search in the body: the same rows, whatever size the page would have had.
        direct = await asked(county, "/result-searches", who, CSV, {**search, "sort": sort, "limit": 1})
        assert direct.content == (await asked(county, path, who, CSV)).content
    assert len(set(found)) >= 4, found
    assert max(found) >= 6


@pytest.mark.rule("RO-60")
@pytest.mark.parametrize("who", [OFFICER, NTU], ids=["county", "school"])
async def test_men_of_a_roster(county, who, monkeypatch):
    monkeypatch.setattr(exports, "_AT_A_TIME", 2)
    rosters = await furnished(county)
    for roster_id in (rosters[0], rosters[2], rosters[6]):
        assert await agree(county, f"/results/{roster_id}/entries", who, LEVEL_2, level_2) >= 2
        assert await agree(county, f"/rosters/{roster_id}/entries", who, ENTRY, entry) >= 2
    kept = await agree(county, f"/rosters/{rosters[0]}/entries?state=decided&hint=registry_pending", who, ENTRY, entry)
    assert kept == 0


async def test_the_county_reads_more_of_a_man_than_his_school(county):
    rosters = await furnished(county)
    path = f"/rosters/{rosters[5]}/entries"
    theirs, schools = [
        next(csv.reader(io.StringIO((await asked(county, path, who, CSV)).content.decode("utf-8-sig"))))
        for who in (OFFICER, OTHER_SCHOOL)
    ]
    assert set(theirs) - set(schools) >= {"擬辦准駁", "審查備註", "最新緩徵文號", "得緩徵至"}
    assert set(schools) < set(theirs)


async def test_the_file_has_a_name_in_both_scripts(county):
    await furnished(county)
    answer = await asked(county, "/results", OFFICER, CSV)
    disposition = answer.headers["content-disposition"]
    kind, ascii_name, name = disposition.split("; ")
    assert (kind, ascii_name) == ("attachment", 'filename="results-20261001.csv"')
    assert name.startswith("filename*=UTF-8''")
    assert unquote(name.partition("''")[2]) == "審核結果查詢_20261001.csv"
    assert answer.headers["vary"] == "Accept"
    assert "content-length" not in answer.headers
    roster_id = (await county.get("/rosters"))["items"][0]["id"]
    for path in ("/results", "/rosters", f"/rosters/{roster_id}/entries", f"/rosters/{roster_id}/entries?version=1"):
        assert (await asked(county, path, OFFICER, "application/json")).headers["vary"] == "Accept", path


async def test_a_form_that_is_not_offered(county):
    answer = await asked(county, "/results", OFFICER, "image/png")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert CSV in answer.json()["detail_en"]


@pytest.mark.parametrize("form", [CSV, NDJSON])
async def test_more_than_a_report_may_hold_is_told_before_anything_is_sent(county, form, monkeypatch):
    rosters = await furnished(county)
    monkeypatch.setattr(exports, "LARGEST", 3)
    for path in ("/results", f"/rosters/{rosters[2]}/entries", f"/results/{rosters[2]}/entries"):
        items = await pages(county, path, OFFICER)
        assert len(items) > 3
        answer = await asked(county, path, OFFICER, form)
        assert (answer.status_code, answer.json()["code"], answer.json()["most"]) == (422, "report_too_large", 3)
        assert answer.json()["detail_en"] == (
            "A report made at once holds at most 3 rows; for more, ask for a report job (POST /roster/v1/reports),"
            " or narrow the search."
        )
        monkeypatch.setattr(exports, "LARGEST", len(items))
        assert (await asked(county, path, OFFICER, form)).status_code == 200
        monkeypatch.setattr(exports, "LARGEST", 3)


async def test_refusals_come_in_words(county):
    rosters = await furnished(county)
    for path, who, status, code in (
        (f"/rosters/{rosters[0]}/entries", ELSEWHERE, 404, "not_found"),
        (f"/results/{rosters[0]}/entries", OTHER_SCHOOL, 404, "not_found"),
        ("/results?sort=national_id", OFFICER, 422, "invalid_content"),
        ("/results?search=stolen", OFFICER, 400, "cursor_invalid"),
        ("/results", {}, 401, "unauthenticated"),
        ("/results", {**APPROVER, "Authorization": "Bearer x"}, 401, "unauthenticated"),
    ):
        answer = await asked(county, path, who, CSV)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


async def test_another_countys_rows_are_in_no_report(county):
    await furnished(county)
    for form in (CSV, NDJSON):
        told = (await asked(county, "/results", ELSEWHERE, form)).text
        assert "63000" not in told
        assert "臺北市" not in told


async def test_the_transaction_of_a_report_cannot_write(county):
    async with county.service.database.reading(Context("officer-1", "county", "63000")) as session:
        connection = await session.connection()
        assert (await connection.exec_driver_sql("SHOW transaction_read_only")).scalar() == "on"
        assert (await connection.exec_driver_sql("SHOW transaction_isolation")).scalar() == "repeatable read"
        assert (await connection.exec_driver_sql("SELECT current_setting('app.org_code')")).scalar() == "63000"
    async with county.service.database.transaction(Context("officer-1", "county", "63000")) as session:
        connection = await session.connection()
        assert (await connection.exec_driver_sql("SHOW transaction_read_only")).scalar() == "off"


def exported(county: County, fetch: Any) -> exports.Export[Any]:
    """A report of one column, of what `fetch` gives."""
    caller = Principal("officer-1", frozenset({"case_officer"}), Org("county", "63000"), frozenset(), "pwd", "1", False)
    request = Request({"type": "http", "app": county.service.app, "headers": []})
    sheet = Sheet[Any]((("列號", lambda _: 1),))
    return exports.Export(request, caller, Form.CSV, Report(sheet, "x", "x", no_paper), fetch)


async def no_paper(_session: Any) -> Layout[Any]:
    return Layout("x", (), ())


async def nothing() -> Any:
    raise AssertionError("nobody reads the request")


async def test_a_report_that_fails_half_way_is_no_report(county):
    """Its end is never sent: the server breaks the connection, and nobody takes a half for a whole."""
    sent = []

    async def fetch(session: Any, *, cursor: str | None, **_: Any) -> Page[Any]:
        if cursor is not None:
            raise RuntimeError("planted")
        return Page(items=[1], next_cursor="next")

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="planted"):
        await exported(county, fetch)({"type": "http"}, nothing, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["more_body"]


async def test_a_reader_who_stalls_does_not_keep_the_snapshot(county, monkeypatch):
    monkeypatch.setattr(exports, "_PATIENCE", 0.1)

    async def fetch(*_: Any, **__: Any) -> Page[Any]:
        return Page(items=[1])

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await exported(county, fetch)({"type": "http"}, nothing, send)
    assert county.service.database.engine.pool.checkedout() == 0


@pytest.mark.parametrize("fault", ["off by one", "another order", "a page twice"])
async def test_a_report_of_other_rows_would_be_caught(county, fault, monkeypatch):
    """The negative control: what the export reads is planted with a fault, the pages are not."""
    await furnished(county)
    sound = searching._page

    async def planted(connection: Any, principal: Any, criteria: Any, sort: str, cursor: Any, limit: int) -> Any:
        read = limit == exports._AT_A_TIME
        page = await sound(
            connection, principal, criteria, "headcount" if read and fault == "another order" else sort, cursor, limit
        )
        if read and fault == "off by one":
            return page.model_copy(update={"items": page.items[:-1]})
        if read and fault == "a page twice" and cursor is None:
            return page.model_copy(update={"items": page.items * 2, "next_cursor": None})
        return page

    monkeypatch.setattr(searching, "_page", planted)
    with pytest.raises(AssertionError):
        await agree(county, "/results?sort=-submitted_at", OFFICER, LEVEL_1, level_1)
    monkeypatch.setattr(searching, "_page", sound)
    assert await agree(county, "/results?sort=-submitted_at", OFFICER, LEVEL_1, level_1) == 6
