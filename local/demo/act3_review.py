"""Act 3: the Taipei case officer opens the roster, reads the hints, and reviews."""

import asyncio
from datetime import date, timedelta

from local.demo.checks import contains, equal, holds
from local.demo.client import Actor
from local.demo.scene import (
    CONTACTS,
    NEW_TAIPEI,
    NTU,
    NTU_NAME,
    OTHER,
    OTHER_NAME,
    TAIPEI,
    Json,
    Scene,
    by_id,
    codes,
    hint,
    open_roster,
    patch,
    review,
    submit,
)

SEVERITIES = {
    "age_limit": "blocking",
    "active_elsewhere": "warning",
    "not_liable": "blocking",
    "overseas_compatriot": "info",
    "household_elsewhere": "blocking",
    "induction_order": "warning",
    "repeated_level": "blocking",
}
# What a school may read of them: only what follows from its own file and is not among RO-22, 27, 29, 30, 32.
SEEN_BY_SCHOOL = {"age_limit"}
OWN_NUMBER_REASON = "系統分案，另編文號"


async def tell(scene: Scene) -> None:
    """The whole act."""
    officer, school = await scene.world.log_in_all("county_taipei_officer", "school_ntu")
    roster_id = scene.rosters[TAIPEI]
    await _work_list(scene, officer)
    await _open(scene, officer, roster_id)
    await _hints(scene)
    await _school_sees(scene, school, roster_id)
    await _certificate(scene, officer)
    await _review(scene, officer, roster_id)
    scene.batch = await submit(officer, roster_id)
    equal("men submitted for approval", scene.batch["headcount"], scene.told.submitted)
    scene.numbers["first"] = scene.batch["proposed_number"]
    left = (await officer.get(f"/roster/v1/rosters/{roster_id}"))["counts"]
    equal("Taipei's roster by state", left, {"for_approval": scene.told.submitted, "on_hold": 1, "superseded": 1})
    scene.teller.step(
        f"其餘陳核：{scene.batch['headcount']} 人（{scene.batch['proposed_number']}）",
        "the rest is submitted for approval in one batch",
    )


async def _work_list(scene: Scene, officer: Actor) -> None:
    pending = await officer.all("/roster/v1/rosters?state=pending&sort=-headcount")
    equal("the work list by headcount", [r["headcount"] for r in pending],
          sorted((r["headcount"] for r in pending), reverse=True))  # fmt: skip
    found = {roster["id"]: roster for roster in pending}
    roster, late = found.get(scene.rosters[TAIPEI], {}), found.get(scene.late_roster, {})
    equal(
        "Taipei's roster in the work list",
        [roster.get(n) for n in ("school_name", "kind", "headcount", "days_waiting", "days_late", "counts")],
        [NTU_NAME, "application", scene.told.taipei, 0, 0, {"received": scene.told.taipei}],
    )
    equal("the late roster in the work list", (late.get("headcount"), late.get("kind")),
          (scene.told.late_headcount, "reapplication"))  # fmt: skip
    holds("no other county's roster in it", {r["county_code"] for r in pending} == {TAIPEI}, pending)
    scene.teller.step(
        f"臺北市承辦人登入，待處理名冊 {len(pending)} 份", "the Taipei case officer logs in and sees the work list"
    )


async def _open(scene: Scene, officer: Actor, roster_id: str) -> None:
    await officer.get(f"/roster/v1/rosters/{roster_id}/entries")
    roster = await officer.get(f"/roster/v1/rosters/{roster_id}")
    equal("its state after a GET", roster["counts"], {"received": scene.told.taipei})
    roster, late = await asyncio.gather(open_roster(officer, roster_id), open_roster(officer, scene.late_roster))
    equal("its state once opened", roster["counts"], {"in_review": scene.told.taipei})
    holds("a decision number is proposed", bool(roster["proposed_number"]), roster)
    # Three pages: what is read page by page is the whole.
    entries = await officer.all(f"/roster/v1/rosters/{roster_id}/entries", limit=50)
    scene.entries = {entry["national_id"]: entry for entry in entries}
    men = {man.national_id: man for man in scene.cast.ntu if man.county_code == TAIPEI}
    equal("the men on it", set(scene.entries), set(men))
    for national_id, man in men.items():
        entry = scene.entries[national_id]
        equal(
            f"what was posted of {man.masked}",
            [entry[n] for n in ("name", "birth_date", "township_code", "level", "expected_graduation_on")],
            [
                man.name,
                man.birth_date.isoformat(),
                man.township_code,
                man.level,
                man.expected_graduation_on.isoformat(),
            ],
        )
    scene.teller.step(
        f"開啟名冊：{len(entries)} 人，役政資訊系統已回復，擬用文號 {roster['proposed_number']}",
        "he opens the roster; the registry has answered for every man; a number is proposed",
    )
    late_entries = await officer.all(f"/roster/v1/rosters/{scene.late_roster}/entries")
    equal("hints on the late roster", [codes(entry) for entry in late_entries],
          [frozenset({"late"})] * scene.told.late_headcount)  # fmt: skip
    found = hint(late_entries[0], "late")
    equal("days late", found["values"]["days_late"], (scene.days.today - scene.days.last_term.due).days)
    scene.teller.step(f"逾期名冊提示：{found['message']}", "the late roster says so on each entry")
    equal("the late roster once opened", late["counts"], {"in_review": scene.told.late_headcount})


async def _hints(scene: Scene) -> None:
    men = {man.national_id: man for man in scene.cast.ntu if man.county_code == TAIPEI}
    equal("the hints on each man", {i: codes(entry) for i, entry in scene.entries.items()},
          {i: man.told for i, man in men.items()})  # fmt: skip
    rows = []
    for code, severity in SEVERITIES.items():
        found = hint(scene.entry_of(code), code)
        equal(f"the severity of {code}", found["severity"], severity)
        rows.append([scene.cast.one(code).masked, found["rule"], code, severity, found["message"]])
    old = hint(scene.entry_of("age_limit"), "age_limit")
    last_day = date(scene.cast.one("age_limit").birth_date.year + 33, 12, 31)
    equal("the last day the age limit allows", old["last_day"], last_day.isoformat())
    contains("its law", old["citations"][0]["text"], ["第15條第1項第5款"])
    elsewhere = hint(scene.entry_of("active_elsewhere"), "active_elsewhere")["values"]
    equal(
        "the deferment elsewhere",
        (elsewhere["other_school"], elsewhere["decision_number"], elsewhere["since"]),
        (OTHER_NAME, scene.numbers["other"], scene.days.today.isoformat()),
    )
    moved = hint(scene.entry_of("household_elsewhere"), "household_elsewhere")["values"]
    equal("the two counties", (moved["roster_county"], moved["registry_county"]), (TAIPEI, NEW_TAIPEI))
    called = hint(scene.entry_of("induction_order"), "induction_order")["values"]
    equal("the induction order's day", called["order_on"], (scene.days.today - timedelta(days=5)).isoformat())
    equal("the reservist's status", hint(scene.entry_of("not_liable"), "not_liable")["values"]["status"], "reservist")
    _latest_deferment(scene)
    scene.teller.step(
        f"邏輯驗證提示：{len(rows)} 人有提示，其餘 {len(men) - len(rows)} 人無",
        "each entry with its hints, all of them where they were planted and nowhere else:",
    )
    scene.teller.rows(rows)


def _latest_deferment(scene: Scene) -> None:
    twice = scene.cast.one("active_elsewhere")
    latest = scene.entry_of("active_elsewhere")["latest_deferment"]
    equal(
        "the latest deferment of the man of two schools",
        {n: latest[n] for n in ("school_code", "kind", "decision_number", "issued_on", "deferred_until", "active")},
        {
            "school_code": OTHER,
            "kind": "application",
            "decision_number": scene.numbers["other"],
            "issued_on": scene.days.today.isoformat(),
            "deferred_until": twice.expected_graduation_on.isoformat(),
            "active": True,
        },
    )
    others = [i for i, e in scene.entries.items() if e["latest_deferment"] and i != twice.national_id]
    equal("others with a deferment on record", others, [])


async def _school_sees(scene: Scene, school: Actor, roster_id: str) -> None:
    entries = await school.all(f"/roster/v1/rosters/{roster_id}/entries")
    equal("men the school sees", len(entries), scene.told.taipei)
    men = by_id(scene.cast.ntu)
    for entry in entries:
        equal("what the school reads of a man", codes(entry), men[entry["national_id"]].told & SEEN_BY_SCHOOL)
        hidden = {n: entry[n] for n in ("registry", "draft", "approver_draft", "latest_deferment", "last_day")}
        equal("what is the county's own", set(hidden.values()), {None})
    scene.teller.step(
        "學校端：僅見逾 33 歲提示，役政資訊系統資料均不顯示",
        "the school sees the age hint and none of the registry's",
    )


async def _certificate(scene: Scene, officer: Actor) -> None:
    entry = scene.entry_of("induction_order")
    contact = await officer.get(f"/roster/v1/entries/{entry['id']}/contact")
    equal("the school's contact", contact, CONTACTS[NTU] | {"school_code": NTU, "school_name": NTU_NAME})
    scene.teller.step(f"洽學校承辦人：{contact['name']} {contact['phone']}", "the school's contact is one call away")
    cleared = await patch(officer, entry["id"], {"certificate_on": scene.days.today.isoformat()})
    equal("his hints with the certificate on file", codes(cleared), frozenset())
    scene.teller.step(
        "登錄學校證明書：徵集令提示解除", "a school certificate is recorded: the induction order is cleared"
    )


async def _review(scene: Scene, officer: Actor, roster_id: str) -> None:
    done = await review(officer, roster_id, {"clean": True}, {"decision": "approved"})
    equal("clean entries approved in one call", done["changed"], scene.told.clean)
    equal("a result for each of them", len(done["items"]), scene.told.clean)
    scene.teller.step(f"無提示者一次核准：{done['changed']} 人", "all clean ones approved in one call")
    await _reject(scene, officer)
    await _override(scene, officer)
    held = await patch(officer, scene.entry_of("active_elsewhere")["id"], {"on_hold": True})
    equal("the man of two schools", held["state"], "on_hold")
    scene.teller.step("他校已核准緩徵者：列待查明", "the man with a deferment elsewhere is put on hold")
    await _transfer(scene, officer)
    await _own_number(scene, officer)


async def _reject(scene: Scene, officer: Actor) -> None:
    entry = await officer.get(f"/roster/v1/entries/{scene.entry_of('age_limit')['id']}")
    path, seen = f"/roster/v1/entries/{entry['id']}", entry["version"]
    bare: Json = {"decision": "rejected", "reason": "逾三十三歲仍未畢業。"}
    problem = await officer.refused(422, "draft_refused", "PATCH", path, bare, seen=seen)
    equal("why a rejection without a ground is refused", _codes(problem), ["ground_missing"])
    problem = await officer.refused(422, "draft_refused", "PATCH", path, bare | {"ground": "wrong_county"}, seen=seen)
    equal("why one on another ground is refused", _codes(problem), ["ground_unfounded"])
    await officer.refused(428, "if_match_required", "PATCH", path, bare)
    scene.teller.step("不核准而無法定事由：拒絕（第13條）", "a rejection without a legal ground is refused (Art. 13)")
    rejected = await patch(officer, entry["id"], bare | {"ground": "age_limit"})
    equal("his draft", (rejected["draft"]["decision"], rejected["draft"]["ground"]), ("rejected", "age_limit"))
    await officer.refused(412, "version_mismatch", "PATCH", path, bare | {"ground": "age_limit"}, seen=seen)
    served = {"decision": "rejected", "ground": "not_conscriptable", "reason": "已列管後備軍人，非應受徵集之役男。"}
    await patch(officer, scene.entry_of("not_liable")["id"], served)
    scene.teller.step(
        "逾 33 歲者依第15條第1項第5款不核准；後備軍人不核准", "rejected on their grounds: past 33; a reservist"
    )


def _codes(problem: Json) -> list[str]:
    return [fault["code"] for fault in problem["errors"]]


async def _override(scene: Scene, officer: Actor) -> None:
    entry = scene.entry_of("repeated_level")
    path = f"/roster/v1/entries/{entry['id']}"
    seen = (await officer.get(path))["version"]
    problem = await officer.refused(422, "draft_refused", "PATCH", path, {"decision": "approved"}, seen=seen)
    equal("why approving him is refused", _codes(problem), ["override_reason_missing"])
    reason = "業經內政部核定再就讀，核定函後補。"
    approved = await patch(officer, entry["id"], {"decision": "approved", "override_reason": reason})
    equal("his draft", (approved["draft"]["decision"], approved["draft"]["override_reason"]), ("approved", reason))
    scene.teller.step("相同等級再就讀者：敘明理由，仍予核准", "a blocking hint overridden, with a written reason only")


async def _transfer(scene: Scene, officer: Actor) -> None:
    entry = await officer.get(f"/roster/v1/entries/{scene.entry_of('household_elsewhere')['id']}")
    moved = await officer.do(
        "POST",
        f"/roster/v1/entries/{entry['id']}/transfer",
        {"county_code": NEW_TAIPEI, "township_code": "65000040", "reason": "戶籍已遷至新北市永和區。"},
        seen=entry["version"],
    )
    equal("where he went, and the day of arrival", (moved["new_county_code"], moved["received_on"]),
          (NEW_TAIPEI, scene.days.today.isoformat()))  # fmt: skip
    theirs = await scene.world.log_in("county_newtaipei_officer")
    there = await theirs.get(f"/roster/v1/rosters/{scene.rosters[NEW_TAIPEI]}")
    equal("New Taipei's headcount with him", there["headcount"], scene.told.new_taipei + 1)
    scene.teller.step("戶籍在新北市者：移轉該管機關，收件日不變", "handed to his own county, the day of arrival kept")


async def _own_number(scene: Scene, officer: Actor) -> None:
    """One man gets a number that the officer types (RO-41)."""
    scene.numbers["own"] = f"府兵徵字第{scene.days.today.year - 1911}{scene.seed}號之1"
    entry = scene.entry_of("overseas_compatriot")
    mine = {"decision_number": scene.numbers["own"], "review_remarks": OWN_NUMBER_REASON}
    changed = await patch(officer, entry["id"], mine)
    equal("his own decision number", changed["draft"]["decision_number"], scene.numbers["own"])
    scene.teller.step(f"僑民役男一人另編文號：{scene.numbers['own']}", "one man is given a number of his own")
