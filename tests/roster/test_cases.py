"""RO-70: students of experimental education who are enrolled nowhere, from the township's counter to the decision."""

from datetime import date
from typing import Any

import pytest

from tests.support import cases, rosters
from tests.support.cases import AUTHORITY, PAPER, TOWNSHIP, case, codes, decided, left, man, notice, opened
from tests.support.rosters import APPROVER, NTU, OFFICER, County

pytestmark = pytest.mark.rule("RO-70")


async def deferments(county: County, entry_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await county.get(f"/entries/{entry_id}"))["latest_deferment"]
    return found


async def test_a_township_files_and_is_told_the_decision(county: County) -> None:
    """11(2) 應由學生本人、戶長或其家屬檢附……證明文件，向戶籍地鄉(鎮、市、區)公所申請緩徵，轉報……核定."""
    filed = await county.do("/cases", TOWNSHIP, case(1, relation="family"))
    assert (filed["case_kind"], filed["kind"], filed["relation"]) == ("experimental_education", "application", "family")
    assert (filed["state"], filed["decision"], filed["urgent"]) == ("received", None, False)
    assert filed["certificate"] == {**PAPER, "school_code": None}
    assert filed["period"] == {
        "due": None,
        "article": "免役禁役緩徵緩召實施辦法第11條第2項",
        "message": "免役禁役緩徵緩召實施辦法第11條第2項未定辦理期間，無逾期問題。",
        "message_en": filed["period"]["message_en"],
    }
    assert "there is no deadline" in filed["period"]["message_en"]
    # The county sees it in its work list with the filer's name; no school sees it anywhere.
    (roster,) = (await county.get("/rosters?state=pending"))["items"]
    assert (roster["school_code"], roster["school_name"]) == (None, "臺北市大安區公所")
    assert (roster["filer_type"], roster["filer_code"]) == ("township", "63000030")
    assert (roster["academic_year"], roster["term"], roster["deadline"]) == (115, 1, None)
    assert (await county.get("/rosters", NTU))["items"] == []
    assert (await county.call("GET", f"/rosters/{roster['id']}", NTU)).status_code == 404
    await decided(county, roster["id"])
    told = await county.get(f"/cases/{filed['id']}", TOWNSHIP)
    assert (told["state"], told["decision"]["decision"]) == ("decided", "approved")
    assert told["decision"]["deferment_until"] == "2028-07-31"
    # 應予核准, granted until the plan's last day, at no school.
    granted = await deferments(county, filed["id"])
    assert (granted["school_code"], granted["deferred_until"], granted["active"]) == (None, "2028-07-31", True)
    # Results, history and the past read as of any roster (RO-55, RO-60).
    (result,) = (await county.get("/results"))["items"]
    assert (result["roster_id"], result["school_name"], result["approved"]) == (roster["id"], "臺北市大安區公所", 1)
    # Without a school it is found by the name of who filed it.
    for part, found in (("大安區公所", [roster["id"]]), ("臺灣大學", [])):
        items = (await county.do("/result-searches", OFFICER, {"school_name": part}))["items"]
        assert [one["roster_id"] for one in items] == found
    (line,) = (await county.get(f"/results/{roster['id']}/entries"))["items"]
    assert line["decision_number"] == told["decision"]["decision_number"]
    arrival = (await county.get(f"/rosters/{roster['id']}/history"))["items"][0]
    assert (arrival["by"]["org_type"], arrival["by"]["org_code"]) == ("township", "63000030")
    first = (await county.get(f"/entries/{filed['id']}/history"))["items"][0]
    assert (first["action"], first["by"]["org_code"]) == ("received", "63000030")
    then = arrival["at"].replace("+00:00", "Z")
    assert (await county.get(f"/rosters/{roster['id']}?as_of={then}"))["school_name"] == "臺北市大安區公所"


@pytest.mark.parametrize(
    "kind, article",
    [("application", "第11條第2項"), ("extension", "第14條第2項"), ("reapplication", "第14條第3項")],
)
async def test_without_the_certificate_nothing_is_taken_in(county: County, kind: str, article: str) -> None:
    """檢附直轄市、縣(市)主管教育行政機關出具之證明文件."""
    refused = await county.call("POST", "/cases", TOWNSHIP, case(1, kind, certificate=None))
    assert (refused.status_code, refused.json()["code"]) == (422, "certificate_missing")
    assert article in refused.json()["detail"]
    assert (await county.get("/cases", TOWNSHIP))["items"] == []


@pytest.mark.parametrize(
    "changes, code, pointer",
    [
        ({"student": man(1, national_id="A123456780")}, "national_id_checksum", "/student/national_id"),
        ({"student": man(1, birth_date="1985-01-01")}, "past_conscription_age", "/student/birth_date"),
        ({"student": man(1, name="=1+1")}, "formula", "/student/name"),
        ({"certificate": PAPER | {"issued_on": "2026-10-02"}}, "certificate_in_future", "/certificate/issued_on"),
        (
            {"certificate": PAPER | {"plan_until": "2025-07-31"}},
            "plan_ends_before_it_begins",
            "/certificate/plan_until",
        ),
    ],
)
async def test_what_is_wrong_is_named(county: County, changes: Any, code: str, pointer: str) -> None:
    refused = await county.call("POST", "/cases", TOWNSHIP, case(1, **changes))
    assert refused.status_code == 422
    assert (code, pointer) in {(fault["code"], fault["pointer"]) for fault in refused.json()["errors"]}
    assert "A123456780" not in refused.text


async def test_the_same_filing_again_makes_no_second_one(county: County) -> None:
    """RO-08; with another certificate it is another filing."""
    first = await county.do("/cases", TOWNSHIP, case(1))
    again = await county.call("POST", "/cases", TOWNSHIP, case(1))
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["id"] == first["id"]
    other = await county.do("/cases", TOWNSHIP, case(1, certificate=PAPER | {"number": "北市教綜字第2號"}))
    assert other["id"] != first["id"]
    (entry,) = await county.entries(other["roster_id"])
    assert "in_other_roster" in codes(entry)


@pytest.mark.rule("RO-08", "RO-09")
async def test_what_was_filed_by_mistake_is_taken_back_until_it_is_opened(county: County) -> None:
    filed = await county.do("/cases", TOWNSHIP, case(1))
    gone = await county.do(f"/cases/{filed['id']}/withdrawal", TOWNSHIP)
    assert gone["state"] == "withdrawn"
    assert (await county.get("/rosters?state=pending"))["items"] == []
    again = await county.call("POST", f"/cases/{filed['id']}/withdrawal", TOWNSHIP)
    assert (again.status_code, again.json()["code"]) == (409, "case_opened")
    # The same may be filed anew, and is not said to stand on another roster.
    anew = await county.do("/cases", TOWNSHIP, case(1))
    assert anew["id"] != filed["id"]
    (entry,) = await opened(county, anew["roster_id"])
    assert codes(entry) == []
    too_late = await county.call("POST", f"/cases/{anew['id']}/withdrawal", TOWNSHIP)
    assert (too_late.status_code, too_late.json()["code"]) == (409, "case_opened")
    # One man of a notice; the others stay.
    (roster,) = (await notice(county, [left(2), left(3)])).json()["rosters"]
    first, second = await county.entries(roster["id"])
    assert (await county.do(f"/cases/notices/{first['id']}/withdrawal", AUTHORITY))["state"] == "withdrawn"
    states = {entry["id"]: entry["state"] for entry in await county.entries(roster["id"])}
    assert states == {first["id"]: "withdrawn", second["id"]: "received"}
    other = await county.call("POST", f"/cases/notices/{second['id']}/withdrawal", cases.OTHER_AUTHORITY)
    assert other.status_code == 404


@pytest.mark.rule("RO-61")
async def test_reports_hold_it_as_any_roster(county: County) -> None:
    filed = await county.do("/cases", TOWNSHIP, case(1))
    await decided(county, filed["roster_id"])
    csv = {**OFFICER, "Accept": "text/csv"}
    for path, told in (
        ("/results", "臺北市大安區公所"),
        (f"/results/{filed['roster_id']}/entries", "陳大文"),
        (f"/rosters/{filed['roster_id']}/entries", "陳大文"),
    ):
        answer = await county.call("GET", path, csv)
        assert answer.status_code == 200, answer.text
        assert told in answer.content.decode("utf-8-sig")


@pytest.mark.rule("RO-25", "RO-57")
async def test_only_article_15_2_is_asked(county: County) -> None:
    """13(2) 經查無第十五條第二項所定情形，應予核准: 24 is the one limit, and no ground of Art. 15-1 is one."""
    too_old = await county.do("/cases", TOWNSHIP, case(1, student=man(1, birth_date="2001-12-31")))
    (entry,) = await opened(county, too_old["roster_id"])
    assert "experimental_age" in codes(entry)
    young = await county.do("/cases", TOWNSHIP, case(2, student=man(2, birth_date="2002-01-01")))
    (entry,) = await opened(county, young["roster_id"])
    assert codes(entry) == ["deferment_capped"]
    assert entry["last_day"] == "2026-12-31"
    for ground in ("age_limit", "enrolment_not_recognised", "school_not_registered", "repeated_level"):
        refused = await county.patch(
            entry, {"decision": "rejected", "ground": ground, "ground_unseen": True, "reason": "不符"}
        )
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "ground_not_open")
    bulk = {"match": {"entry_ids": [entry["id"]]}, "set": {"decision": "rejected", "ground": "age_limit",
            "ground_unseen": True, "reason": "不符"}}  # fmt: skip
    seen = await county.revision(young["roster_id"])
    done = await county.do(f"/rosters/{young['roster_id']}/reviews", OFFICER, bulk, seen)
    assert [one["code"] for one in done["items"][0]["refusals"]] == ["ground_not_open"]


async def test_a_refusal_reaches_the_township_with_its_ground(county: County) -> None:
    filed = await county.do("/cases", TOWNSHIP, case(1, student=man(1, birth_date="2001-12-31")))
    draft = {"decision": "rejected", "ground": "experimental_age", "reason": "已逾二十四歲仍未完成"}
    await decided(county, filed["roster_id"], draft)
    told = (await county.get(f"/cases/{filed['id']}", TOWNSHIP))["decision"]
    assert (told["decision"], told["ground"], told["reason"]) == (
        "rejected",
        "experimental_age",
        "已逾二十四歲仍未完成",
    )


@pytest.mark.rule("RO-27", "RO-28")
async def test_extension_of_the_plan_has_no_deadline(county: County, monkeypatch, tmp_path) -> None:
    """14(2) sets no period: filed years later it is never late; it goes on under the first number (RO-49)."""
    filed = await county.do("/cases", TOWNSHIP, case(1))
    await decided(county, filed["roster_id"])
    first = await deferments(county, filed["id"])
    rosters.set_today(monkeypatch, tmp_path, date(2028, 11, 20))
    longer = PAPER | {"number": "北市教綜字第9號", "issued_on": "2028-11-01", "plan_until": "2029-07-31"}
    again = await county.do("/cases", TOWNSHIP, case(1, "extension", certificate=longer))
    assert (again["period"]["due"], again["period"]["article"][-7:]) == (None, "第14條第2項")
    (entry,) = await opened(county, again["roster_id"])
    assert codes(entry) == []
    await decided_now(county, entry, again["roster_id"])
    after = await deferments(county, filed["id"])
    assert (after["id"], after["deferred_until"]) == (first["id"], "2029-07-31")
    assert (after["decision_number"], after["issued_on"]) == (first["decision_number"], first["issued_on"])


async def decided_now(county: County, entry: dict[str, Any], roster_id: str) -> None:
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


@pytest.mark.rule("RO-27")
async def test_a_man_on_a_school_s_roster_is_warned_of(county: County) -> None:
    """Those enrolled go on their school's roster: whoever stands on one, or has its deferment, is warned of."""
    await county.post(rosters.men(1, 1))
    filed = await county.do("/cases", TOWNSHIP, case(1, student=man(1, birth_date="2006-03-04")))
    (entry,) = await opened(county, filed["roster_id"])
    (hint,) = [hint for hint in entry["hints"] if hint["code"] == "in_other_roster"]
    assert hint["values"]["other_school"] == "國立臺灣大學"
    assert [cited["article"] for cited in hint["citations"]] == ["11-2"]
    await cases.granted(county, 2)
    filed = await county.do("/cases", TOWNSHIP, case(2, student=man(2, birth_date="2006-03-04")))
    (entry,) = await opened(county, filed["roster_id"])
    (hint,) = [hint for hint in entry["hints"] if hint["code"] == "active_elsewhere"]
    assert hint["values"]["other_school_code"] == "0003"


@pytest.mark.rule("RO-04", "RO-28")
async def test_an_education_authority_notifies_who_left(county: County) -> None:
    """16(3) 應於學生退出或廢止許可之日起三十日內，通知其戶籍地直轄市、縣(市)政府廢止其緩徵核准."""
    filed = await county.do("/cases", TOWNSHIP, case(1))
    await decided(county, filed["roster_id"])
    told = await notice(county, [left(1, day="2026-10-01")])
    assert told.status_code == 201, told.text
    (roster,) = told.json()["rosters"]
    assert (roster["deadline"], roster["days_late"]) == ("2026-11-02", 0)
    (of_list,) = (await county.get("/rosters?state=pending&case_kind=experimental_education"))["items"]
    assert of_list["school_name"] == "臺北市主管教育行政機關"
    (entry,) = await opened(county, roster["id"])
    assert codes(entry) == []
    await decided_now(county, entry, roster["id"])
    ended = await deferments(county, filed["id"])
    assert (ended["revoked_on"], ended["ended_reason"]) == ("2026-10-01", "experimental_left")
    (own,) = (await county.get("/cases", AUTHORITY))["items"]
    assert own["decision"]["decision"] == "approved"
    assert "*" in own["national_id"]
    # The township that filed the application sees that its man's deferment was ended: he is of its households.
    households = (await county.get("/cases?scope=household", TOWNSHIP))["items"]
    assert {(one["kind"], one["filer_type"]) for one in households} == {
        ("application", "township"),
        ("cessation", "education_authority"),
    }


@pytest.mark.rule("RO-04", "RO-28")
@pytest.mark.parametrize(
    "reason, day, due, late",
    [
        # 30 days from the day after leaving; 2026-09-30 is a Wednesday.
        ("experimental_left", "2026-08-31", "2026-09-30", True),
        ("experimental_permit_revoked", "2026-09-01", "2026-10-01", False),
        # Completion stands in 16(1)(1), which has no period.
        ("experimental_completed", "2026-01-15", None, False),
    ],
)
async def test_only_leaving_and_revocation_have_a_period(county, reason, day, due, late) -> None:
    (roster,) = (await notice(county, [left(1, reason, day)])).json()["rosters"]
    assert roster["deadline"] == due
    (entry,) = await opened(county, roster["id"])
    assert ("late" in codes(entry)) is late
    (own,) = (await county.get("/cases", AUTHORITY))["items"]
    assert own["period"]["due"] == due
    assert own["period"]["article"].endswith("第16條第3項" if due else "第16條第1項第1款")


@pytest.mark.rule("RO-04")
@pytest.mark.parametrize("reason", ["withdrew", "graduated", "trained_to_reserve"])
async def test_a_reason_of_somebody_else_s_is_a_faulty_cell(county: County, reason: str) -> None:
    refused = await notice(county, [left(1, reason)])
    assert (refused.status_code, [f["code"] for f in refused.json()["errors"]]) == (422, ["reason_not_yours"])


@pytest.mark.rule("RO-29", "RO-70")
async def test_a_filed_man_is_handed_to_the_right_county_with_his_certificate(county: County) -> None:
    filed = await county.do("/cases", TOWNSHIP, case(1))
    said = {"household_county_code": "65000"}
    (entry,) = await opened(county, filed["roster_id"], said)
    (hint,) = entry["hints"]
    assert (hint["code"], [cited["article"] for cited in hint["citations"]]) == ("household_elsewhere", ["11-2"])
    place = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}
    moved = await county.do(f"/entries/{entry['id']}/transfer", OFFICER, place, entry["version"])
    there = await county.get(f"/cases/{moved['new_entry_id']}", rosters.ELSEWHERE)
    assert there["certificate"]["number"] == PAPER["number"]
    assert (there["filer_code"], there["township_code"], there["relation"]) == ("63000030", "65000010", "householder")
    (roster,) = (await county.get("/rosters?state=pending", rosters.ELSEWHERE))["items"]
    assert (roster["school_name"], roster["case_kind"]) == ("臺北市大安區公所", "experimental_education")
    # The township that filed him goes on seeing him.
    assert (await county.get(f"/cases/{moved['new_entry_id']}", TOWNSHIP))["state"] == "received"


async def test_a_township_reads_of_others_men_what_it_is_reported(county: County) -> None:
    """RO-51: of a school's man the decision, not why; nothing before it is made, and no other township's man."""
    roster_id, entries = await county.opened(rosters.men(1, 2), {2: {"status": "reservist"}})
    assert (await county.get("/cases?scope=household", TOWNSHIP))["items"] == []
    rejected = {"decision": "rejected", "ground": "not_conscriptable", "reason": "已服畢兵役"}
    assert (await county.patch(entries[0], rejected)).status_code == 200
    assert (await county.patch(entries[1], {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    found = (await county.get("/cases?scope=household", TOWNSHIP))["items"]
    assert {(one["decision"]["decision"], one["case_kind"], one["period"]) for one in found} == {
        ("approved", None, None),
        ("rejected", None, None),
    }
    assert {(one["decision"]["ground"], one["decision"]["reason"]) for one in found} == {(None, None)}
    assert all("*" in one["national_id"] for one in found)
    assert (await county.get("/cases", TOWNSHIP))["items"] == []
    assert (await county.get("/cases?scope=household", cases.OTHER_TOWNSHIP))["items"] == []
    assert (await county.call("GET", f"/cases/{found[0]['id']}", cases.OTHER_TOWNSHIP)).status_code == 404
