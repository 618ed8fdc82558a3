"""The manual's list of what the system is to do (已版更項目 1 to 17, 未來預計更新項目 1), item by item, at the API.

Each is told from the call to what the registry or the reader has of it, on one county's books that all of them share:
each has men of its own, and lists are asked for by what is its own. Items 13 and 14 cross services and stand in
test_seed_items_mail.py. Deeper tests of the rules are where docs/law.md says.

SOURCE: ../shared/seeds/student-deferment-system-manual.zh.txt, the last pages.
"""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.roster.corrections import corrected
from tests.roster.intake_corpus.files import Student, cessation, extension, national_id
from tests.support import registry as standin
from tests.support import rosters
from tests.support.registry import Registry, Worker
from tests.support.rosters import APPROVER, NTU, OFFICER, OFFICER_2, OTHER_SCHOOL, County, men
from tests.support.services import running

REGISTRY = ["registry.annotate", "registry.township_report"]
OLD = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}
TOO_OLD = {"decision": "rejected", "ground": "age_limit", "reason": "年逾三十三歲仍未畢業。"}


@dataclass
class House:
    """A county at work, the registry beside it, and the worker between them."""

    county: County
    registry: Registry
    worker: Worker

    async def decided(
        self, rows: list[Student], kind: str = "application", drafts: list[dict[str, Any]] | None = None
    ) -> str:
        """A roster from the school's file to the approver's decision; each man is approved unless drafted otherwise."""
        roster_id, entries = await self.county.opened(rows, kind=kind)
        return await self.decide(roster_id, entries, drafts)

    async def decide(
        self, roster_id: str, entries: list[dict[str, Any]], drafts: list[dict[str, Any]] | None = None
    ) -> str:
        """The same from the officer's review on."""
        for entry, draft in zip(entries, drafts or [{}] * len(entries), strict=True):
            answer = await self.county.patch(entry, {"decision": "approved", **draft})
            assert answer.status_code == 200, answer.text
        batch = await self.county.submit(roster_id)
        await self.county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
        return roster_id

    async def annotations(self, *numbers: int) -> list[dict[str, Any]]:
        """What the registry holds of these men, once it has been told everything."""
        await self.worker.settle(REGISTRY)
        held = await self.registry.annotations()
        return [held[national_id(number)]["annotation"] for number in numbers]

    async def found(self, **search: str) -> list[str]:
        """The rosters that 審核結果查詢 finds."""
        answer = await self.county.call("POST", "/result-searches", OFFICER, search)
        assert answer.status_code == 200, answer.text
        return [row["roster_id"] for row in answer.json()["items"]]


@pytest.fixture(scope="module")
async def house(template, with_schools, tmp_path_factory) -> AsyncIterator[House]:
    """One for all items."""
    folder = tmp_path_factory.mktemp("items")
    with pytest.MonkeyPatch.context() as patch:
        rosters.set_today(patch, folder)
        async with (
            template("roster").copy(with_schools) as urls,
            running("roster", urls) as service,
            standin.running(folder) as registry,
        ):
            county = County(service)
            worker = Worker(county, registry.url)
            yield House(county, registry, worker)
            await worker.close()


@pytest.mark.rule("RO-49")
async def test_item_01_extension_and_cessation_leave_the_annotations_own_date_and_number(house):
    """(1)核准延長修業年限及緩徵原因消滅名冊後，系統於修改緩徵註記時，不再同步修正原註記之「發文日期」及「核定文號」。"""
    await house.decided(men(100, 1), drafts=[{"decision_number": "原核字第1號", "issued_on": "2026-09-30"}])
    (first,) = await house.annotations(100)
    assert (first["decision_number"], first["issued_on"]) == ("原核字第1號", "2026-09-30")
    longer = extension(100, birth_date="2006-03-04", extended_until="2028-12-31")
    left = cessation(100, birth_date="2006-03-04", left_on="2026-10-01")
    for kind, row, number in (("extension", longer, "延核字第2號"), ("cessation", left, "滅核字第3號")):
        await house.decided([row], kind, [{"decision_number": number, "issued_on": "2026-10-02"}])
        (told,) = await house.annotations(100)
        assert (told["decision_number"], told["issued_on"]) == ("原核字第1號", "2026-09-30")
        # The modification did arrive, with a number and a date of its own beside the first.
        assert (told["decision"]["decision_number"], told["decision"]["issued_on"]) == (number, "2026-10-02")
    assert (told["revoked_on"], told["deferment_until"]) == ("2026-10-01", "2026-10-01")


@pytest.mark.rule("RO-40", "RO-60")
async def test_item_02_rows_come_in_a_stable_order_for_their_shading(house):
    """(2)「待處理名冊」或「審核結果查詢」點開「明細」，於隔列增加淡底色協助閱讀。"""
    roster_id, entries = await house.county.opened(men(110, 5))
    await house.county.approve_clean(roster_id)
    await house.county.submit(roster_id)
    changed = await house.county.patch((await house.county.entries(roster_id))[3], {"review_remarks": "甲"}, APPROVER)
    assert changed.status_code == 200
    for path in (f"/rosters/{roster_id}/entries", f"/results/{roster_id}/entries"):
        rows: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await house.county.get(f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            rows += [item["row_no"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert rows == [entry["row_no"] for entry in entries] == [2, 3, 4, 5, 6]


@pytest.mark.rule("RO-41")
async def test_item_03_every_row_says_whether_it_is_approved_however_far_down(house):
    """(3)「待處理名冊」點開「明細」審查時，即使名冊頁面往下拉，於方框旁仍顯示「核准」及「不核准」方便判讀。"""
    roster_id, entries = await house.county.opened([*men(120, 2), *men(122, 1, **OLD)])
    for entry, draft in zip(entries[1:], ({"decision": "approved"}, TOO_OLD), strict=True):
        assert (await house.county.patch(entry, draft)).status_code == 200
    second = (await house.county.get(f"/rosters/{roster_id}/entries?limit=1"))["next_cursor"]
    rest = (await house.county.get(f"/rosters/{roster_id}/entries?limit=1&cursor={second}"))["items"]
    assert [entry["draft"]["decision"] for entry in rest] == ["approved"]
    told = [entry["draft"]["decision"] for entry in await house.county.entries(roster_id)]
    assert told == [None, "approved", "rejected"]


@pytest.mark.rule("RO-60")
async def test_item_04_the_newest_roster_stands_first(house):
    """(4)「審核結果查詢」預設之查詢結果改以日期較新的名冊排在最前方。"""
    made = [(await house.county.up(1, first))[0] for first in (130, 131, 132)]
    listed = (await house.county.get("/results?limit=200"))["items"]
    assert [row["roster_id"] for row in listed[:3]] == made[::-1]
    days = [row["submitted_at"] for row in listed]
    assert days == sorted(days, reverse=True)
    # The search form without a word in it asks for the same.
    assert await house.found(kind="application") == [r["roster_id"] for r in listed if r["kind"] == "application"][:50]


@pytest.mark.rule("RO-60")
async def test_item_05_results_are_searched_by_national_id(house):
    """(5)「審核結果查詢」提供身分證字號查詢功能。"""
    mine, _ = await house.county.up(2, 140)
    other, _ = await house.county.up(1, 142)
    assert await house.found(national_id=national_id(141)) == [mine]
    assert await house.found(national_id=national_id(142)) == [other]
    assert await house.found(national_id=national_id(143)) == []


@pytest.mark.rule("RO-60")
async def test_item_06_results_are_searched_by_the_schools_name(house):
    """(6)「審核結果查詢」提供以學校名稱查詢功能。"""
    roster_id = (await house.county.post(men(150, 1), who=OTHER_SCHOOL))["63000"]
    await house.county.answered(roster_id)
    await house.county.do(f"/rosters/{roster_id}/open")
    await house.decide(roster_id, await house.county.entries(roster_id))
    await house.county.up(1, 151)
    assert await house.found(school_name="臺北科技") == [roster_id]
    assert roster_id in await house.found(school_name="大學")
    assert roster_id not in await house.found(school_name="臺灣大學")


@pytest.mark.rule("RO-60")
async def test_item_07_results_are_searched_by_the_decision_number(house):
    """(7)「審核結果查詢」提供以准駁文號查詢功能。"""
    number = "北市兵徵字第1150000777號"
    mine = await house.decided(men(160, 2), drafts=[{}, {"decision_number": number}])
    assert await house.found(decision_number=number) == [mine]
    assert await house.found(decision_number="北市兵徵字第1150000778號") == []


@pytest.mark.rule("RO-60")
async def test_item_08_the_roster_shows_its_men_not_the_rows_ever_uploaded(house):
    """(8)「審核結果查詢」之「總上傳筆數」，變更為顯示「名冊人數」。"""
    rows = men(170, 3)
    roster_id = (await house.county.post(rows))["63000"]
    # Two more uploads: one man less, then another man more. Nine rows in all, of three men.
    await corrected(house.county, roster_id, rows[:2])
    await corrected(house.county, roster_id, [*rows[:2], *men(173, 1)], seen=2)
    await house.county.answered(roster_id)
    await house.county.do(f"/rosters/{roster_id}/open")
    await house.decide(roster_id, await house.county.entries(roster_id))
    (row,) = [r for r in (await house.county.get("/results?limit=200"))["items"] if r["roster_id"] == roster_id]
    assert (row["headcount"], row["decided"]) == (3, 3)
    uploads = (await house.county.get(f"/rosters/{roster_id}/versions"))["items"]
    assert sorted(version["row_count"] for version in uploads) == [2, 3, 3]


@pytest.mark.rule("RO-60", "RO-41")
async def test_item_09_every_man_shows_his_own_decision_number(house):
    """(9)「審核結果查詢」點開「明細」，役男將個別顯示准駁文號。"""
    drafts = [{"decision_number": "甲字第1號"}, {"decision_number": "乙字第2號"}, {}]
    roster_id = await house.decided(men(180, 3), drafts=drafts)
    shown = (await house.county.get(f"/results/{roster_id}/entries"))["items"]
    proposed = shown[2]["decision_number"]
    assert [man["decision_number"] for man in shown] == ["甲字第1號", "乙字第2號", proposed]
    assert proposed.startswith("府兵徵字第115")
    assert {man["decided_on"] for man in shown} == {"2026-10-01"}


@pytest.mark.rule("RO-60")
async def test_item_10_back_from_the_detail_is_the_same_page_of_the_results(house):
    """(10)修正「審核結果查詢」點選「明細」後按「上一頁」時，系統將直接退回查詢結果第1頁之問題。"""
    for first in (190, 191, 192):
        await house.county.up(1, first)
    search = (await house.county.call("POST", "/result-searches", OFFICER, {"kind": "application", "limit": 1})).json()
    at = f"/results?search={search['search']}&limit=1"
    first_page = await house.county.get(at)
    second = f"{at}&cursor={first_page['next_cursor']}"
    shown = await house.county.get(second)
    await house.county.get(f"/results/{shown['items'][0]['roster_id']}/entries")
    # What has arrived since comes before the first page, and moves none of the others.
    newest, _ = await house.county.up(1, 193)
    assert (await house.county.get(second))["items"] == shown["items"]
    assert [row["roster_id"] for row in (await house.county.get(at))["items"]] == [newest]
    assert shown["items"] != first_page["items"]


@pytest.mark.rule("RO-61")
async def test_item_11_the_report_holds_the_rows_of_the_search_and_no_other(house):
    """(11)修正「審核結果查詢」輸入查詢條件限縮資料筆數後，系統「產出報表」之資料筆數卻未限縮之問題。"""
    number = "限縮字第1號"
    mine = await house.decided(men(200, 1), drafts=[{"decision_number": number}])
    await house.decided(men(201, 2))
    search = (await house.county.call("POST", "/result-searches", OFFICER, {"decision_number": number})).json()

    async def report(path: str) -> list[dict[str, str]]:
        answer = await house.county.service.http.get(f"/roster/v1{path}", headers={**OFFICER, "Accept": "text/csv"})
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))

    narrowed = await report(f"/results?search={search['search']}")
    assert [row["名冊識別碼"] for row in narrowed] == [mine]
    assert [row["roster_id"] for row in search["items"]] == [mine]
    assert len(await report("/results")) > len(narrowed)


@pytest.mark.rule("RO-31")
async def test_item_12_an_overseas_compatriot_is_pointed_out(house):
    """(12)系統提示新增事項：具「僑民役男」身分。"""
    await house.registry.knows(
        {"national_id": national_id(210), "overseas_compatriot": True},
        {"national_id": national_id(211), "overseas_compatriot": False},
    )
    roster_id = (await house.county.post(men(210, 2)))["63000"]
    await house.worker.settle(["registry.lookup"])
    await house.county.do(f"/rosters/{roster_id}/open")
    compatriot, other = await house.county.entries(roster_id)
    (hint,) = compatriot["hints"]
    assert (hint["code"], hint["severity"]) == ("overseas_compatriot", "info")
    assert "僑民役男" in hint["message"]
    assert other["hints"] == []


@pytest.mark.rule("RO-46")
async def test_item_15_an_officer_recalls_what_is_not_decided_yet(house):
    """(15)新增承辦人可在決行人員核定前，撤回陳核之名冊"""
    roster_id, batch = await house.county.up(2, 220)
    back = await house.county.do(f"/batches/{batch['id']}/recall", OFFICER_2, seen=batch["version"])
    assert back["state"] == "recalled"
    assert (await house.county.get(f"/rosters/{roster_id}"))["counts"] == {"in_review": 2}
    again = await house.county.submit(roster_id)
    await house.county.do(f"/batches/{again['id']}/decide", APPROVER, seen=again["version"])
    late = await house.county.call("POST", f"/batches/{again['id']}/recall", OFFICER, seen=again["version"] + 1)
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "batch_closed", "decided")


@pytest.mark.rule("RO-50")
async def test_item_16_the_annotation_of_a_man_extended_many_times_is_written_whole(house):
    """(16)擴增役政註記內容摘要欄位最大字數，避免緩徵系統無法將核定時之資訊寫入多次延修者之註記內。"""
    # Twenty terms that the registry has on record already, in more than the 64 KiB that a column of theirs may hold.
    past = [f"第{term}次延長修業年限：" + "註" * 1_200 for term in range(1, 21)]
    annotation = {
        "decision_number": "府兵徵字第1130000042號",
        "issued_on": "2024-10-02",
        "deferment_from": "2024-10-02",
        "deferment_until": "2028-06-30",
        "summary": "\n".join(past),
    }
    await house.registry.knows({"national_id": national_id(230), "annotation": annotation})
    more = ["第21次延長修業年限：" + "註" * 1_900, "第22次延長修業年限。"]
    for line, until in zip(more, ("2028-09-30", "2028-12-31"), strict=True):
        longer = extension(230, birth_date="2006-03-04", extended_until=until)
        roster_id = (await house.county.post([longer], "extension"))["63000"]
        await house.worker.settle(["registry.lookup"])
        await house.county.do(f"/rosters/{roster_id}/open")
        await house.decide(roster_id, await house.county.entries(roster_id), [{"annotation_text": line}])
    (told,) = await house.annotations(230)
    assert len(annotation["summary"].encode()) > 65_536
    assert told["summary"].split("\n") == past + more
    assert told["deferment_until"] == "2028-12-31"


@pytest.mark.rule("RO-51")
async def test_item_17_every_decision_is_reported_to_the_township(house):
    """(17)更新緩徵系統通報公所役政資訊系統之報表功能。"""
    await house.decided([*men(240, 1), *men(241, 1, **OLD)], drafts=[{"decision_number": "通報字第1號"}, TOO_OLD])
    await house.worker.settle(REGISTRY)
    reports = {report["data"]["national_id"]: report["data"] for report in await house.registry.reports()}
    told = [reports[national_id(number)] for number in (240, 241)]
    members = ("name", "kind", "decision", "decided_on", "household_township_code", "household_village")
    assert [[report[name] for name in members] for report in told] == [
        ["王小明", "application", "approved", "2026-10-01", "63000030", "龍安里"],
        ["王小明", "application", "rejected", "2026-10-01", "63000030", "龍安里"],
    ]
    assert told[0]["decision_number"] == "通報字第1號"
    assert (told[0]["deferment_from"], told[0]["deferment_until"]) == ("2026-10-01", "2028-06-30")
    assert (told[1]["deferment_from"], told[1]["deferment_until"]) == (None, None)


STATUSES = ("reservist", "substitute_reservist", "exempted", "disqualified")


@pytest.mark.rule("RO-30", "RO-49")
async def test_planned_01_a_cessation_of_one_who_is_liable_no_more_is_approved_and_no_annotation_changes(house):
    """(1)開放審查緩徵原因消滅名冊時，如役男為後備軍人、替代役備役、免役、禁役等情形可勾選核准(惟系統不會修改註記)。"""
    numbers = range(250, 250 + len(STATUSES) + 1)
    await house.decided(men(250, len(numbers)))
    before = await house.annotations(*numbers)
    left = [cessation(number, birth_date="2006-03-04", left_on="2026-10-01") for number in numbers]
    facts = {row_no: {"status": status} for row_no, status in enumerate(STATUSES, start=2)}
    roster_id, entries = await house.county.opened(left, facts, "cessation")
    assert [{h["severity"] for h in e["hints"] if h["rule"] == "RO-30"} for e in entries] == [{"info"}] * 4 + [set()]
    await house.decide(roster_id, entries)
    decisions = [entry["decision"] for entry in await house.county.entries(roster_id)]
    assert [(d["decision"], d["annotation_action"]) for d in decisions] == [("approved", "none")] * 4 + [
        ("approved", "modify")
    ]
    after = await house.annotations(*numbers)
    assert after[:4] == before[:4]
    assert (before[4]["revoked_on"], after[4]["revoked_on"]) == (None, "2026-10-01")
    # The school reads the decision and nothing of why the annotation stays.
    theirs = await house.county.entries(roster_id, NTU)
    assert {(e["decision"]["decision"], e["decision"]["annotation_action"]) for e in theirs} == {("approved", None)}
