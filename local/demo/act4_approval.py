"""Act 4: e-mail to the approvers, a return, a race between recall and decide, the decision, four eyes."""

import asyncio

from local.demo.checks import contains, equal
from local.demo.client import Actor, until
from local.demo.scene import NTU_NAME, TAIPEI, Json, Scene, decide, mails, no_mails, patch, review, submit
from shared.roc import roc_long

REASON = "內政部核定函文號未載明，兵役身分未附查詢依據，請補正。"


async def tell(scene: Scene) -> None:
    """The whole act."""
    officer, approver, deputy = await scene.world.log_in_all(
        "county_taipei_officer", "county_taipei_approver", "county_taipei_deputy"
    )
    await _told_by_mail(scene)
    await _return(scene, approver)
    second = await _mended(scene, officer)
    second = await _race(scene, officer, approver, second)
    await _decide(scene, approver, second)
    await _four_eyes(scene, approver, deputy)


async def _told_by_mail(scene: Scene) -> None:
    batch, term, told = scene.batch, scene.days.term, scene.told
    subject = f"【緩徵作業】{NTU_NAME}{term.title}申請緩徵名冊陳核 {told.submitted} 人 / {told.submitted} for approval"
    for name in ("county_taipei_approver", "county_taipei_deputy"):
        (message,) = await mails(scene, name, batch["id"], 1)
        equal(f"the subject of the message to {name}", message["subject"], subject)
        contains(
            "its text",
            message["text"],
            [
                f"陳核人數：{told.submitted} 人",
                "受理機關：臺北市政府",
                f"Entries: {told.submitted}",
                "Taipei City Government",
            ],
        )
    scene.teller.step("決行人員二人收到陳核通知信", "approvers who did not opt out get an e-mail:")
    scene.teller.rows([[subject]])
    await no_mails(scene, batch["id"], "county_taipei_approver_2", "county_newtaipei_approver", "county_taipei_officer")
    scene.teller.step("取消勾選者、他縣市及承辦人均未收信", "the one who opted out gets none, nor does anybody else")
    await _told_in_app(scene)


async def _told_in_app(scene: Scene) -> None:
    """Who declined mail is told all the same, in the system itself (NO-02)."""
    declined = await scene.world.log_in("county_taipei_approver_2")

    async def arrived() -> Json | None:
        page = await declined.get("/notify/v1/inbox?unread=true")
        found = [item for item in page["items"] if item["concerns"]["batch_id"] == scene.batch["id"]]
        return {"item": found[0], "unread": page["unread_count"]} if found else None

    told = await until("the notice in the inbox", arrived)
    equal("where it leads", told["item"]["concerns"]["href"], f"/roster/v1/batches/{scene.batch['id']}")
    read = await declined.do("POST", "/notify/v1/inbox/read-all", {"up_to": told["item"]["id"]})
    equal("unread after reading", read["unread_count"], 0)
    scene.teller.step(
        f"取消收信者於系統通知匣看到此案（未讀 {told['unread']} 則，讀後 0 則）",
        "who declined mail finds it in his inbox, unread; read, it counts no longer",
    )


async def _return(scene: Scene, approver: Actor) -> None:
    waiting = {batch["id"]: batch for batch in await approver.all("/roster/v1/batches?state=for_approval")}
    batch = waiting.get(scene.batch["id"], {})
    equal("the batch in the approver's list", batch.get("headcount"), scene.told.submitted)
    two = [scene.entry_of(code)["id"] for code in ("repeated_level", "not_liable")]
    left = await approver.do(
        "POST",
        f"/roster/v1/batches/{scene.batch['id']}/return",
        {"reason": REASON, "entry_ids": two},
        seen=batch["version"],
    )
    equal("the batch without them", (left["headcount"], left["state"]),
          (scene.told.submitted - scene.told.returned, "for_approval"))  # fmt: skip
    (message,) = await mails(scene, "county_taipei_officer", scene.batch["id"], 1)
    contains(
        "the officer's message",
        message["text"],
        [f"退回人數：{scene.told.returned} 人", f"退回原因：{REASON}", "entries of this batch"],
    )
    scene.teller.step(
        f"決行人員退回 {scene.told.returned} 人並敘明原因，承辦人收信",
        "two entries returned, with a reason, by mail too",
    )


async def _mended(scene: Scene, officer: Actor) -> Json:
    again, served = scene.entry_of("repeated_level")["id"], scene.entry_of("not_liable")["id"]
    for entry_id in (again, served):
        entry = await officer.get(f"/roster/v1/entries/{entry_id}")
        equal("a returned entry", (entry["state"], entry["batch_id"]), ("in_review", None))
    # The number they were offered went up with the first batch; now they are offered the roster's next one.
    reason = {"override_reason": "業經內政部115年台內役字第1150000000號函核定再就讀，函影本已附卷。"}
    roster = await officer.get(f"/roster/v1/rosters/{scene.rosters[TAIPEI]}")
    for entry_id, mended in ((again, reason), (served, {"reason": "役政資訊系統查詢為後備軍人，非應受徵集之役男。"})):
        draft = (await patch(officer, entry_id, mended))["draft"]
        equal("the number offered anew", draft["decision_number"], roster["proposed_number"])
    second = await submit(officer, scene.rosters[TAIPEI])
    equal("the second batch", (second["headcount"], second["proposed_number"]),
          (scene.told.returned, roster["proposed_number"]))  # fmt: skip
    scene.numbers["second"] = roster["proposed_number"]
    scene.teller.step(f"承辦人補正後重新陳核 {second['headcount']} 人", "the officer mends them and submits again")
    return second


async def _race(scene: Scene, officer: Actor, approver: Actor, batch: Json) -> Json:
    path = f"/roster/v1/batches/{batch['id']}"
    recall, decision = await asyncio.gather(
        officer.send("POST", f"{path}/recall", seen=batch["version"]),
        approver.send("POST", f"{path}/decide", seen=batch["version"]),
    )
    equal("the answers of the race", sorted((recall.status_code, decision.status_code)), [200, 409])
    loser = recall if recall.status_code == 409 else decision
    equal("why the loser lost", loser.json()["code"], "batch_closed")
    won = "recalled" if loser is decision else "decided"
    state = (await officer.get(path))["state"]
    equal("the batch after the race", state, won)
    if won == "decided":
        scene.decided["second"] = decision.json()
        scene.teller.step(
            "撤回與核定同時送出：核定成立，撤回 409", "recall and decide at the same moment: the decision won"
        )
        return batch
    scene.teller.step("撤回與核定同時送出：撤回成立，核定 409", "recall and decide at the same moment: the recall won")
    once_more = await submit(officer, scene.rosters[TAIPEI])
    equal("the batch once more", once_more["headcount"], scene.told.returned)
    scene.numbers["second"] = once_more["proposed_number"]
    return once_more


async def _decide(scene: Scene, approver: Actor, second: Json) -> None:
    told, today = scene.told, scene.days.today
    first = await decide(approver, scene.batch["id"])
    if "second" not in scene.decided:
        scene.decided["second"] = await decide(approver, second["id"])
    scene.decided["first"] = first
    for batch, approved, rejected in (
        (first, told.first_approved, told.first_rejected),
        (scene.decided["second"], told.second_approved, told.second_rejected),
    ):
        equal(
            "a decided batch",
            (batch["state"], batch["approved"], batch["rejected"], batch["decided_on"], batch["headcount"]),
            ("decided", approved, rejected, today.isoformat(), approved + rejected),
        )
        scene.teller.step(
            f"{roc_long(today)}核定：核准 {batch['approved']} 人、不核准 {batch['rejected']} 人",
            f"decided: {batch['approved']} approved, {batch['rejected']} rejected",
        )


async def _four_eyes(scene: Scene, approver: Actor, deputy: Actor) -> None:
    done = await review(deputy, scene.late_roster, {"hint": "late"}, {"decision": "approved"})
    equal("late entries approved in one call", done["changed"], scene.told.late_headcount)
    batch = await submit(deputy, scene.late_roster)
    path = f"/roster/v1/batches/{batch['id']}/decide"
    await deputy.refused(403, "four_eyes", "POST", path, seen=batch["version"])
    scene.teller.step("代理主管核定自己陳核之案件：403", "the deputy cannot decide what he submitted himself: 403")
    decided = await decide(approver, batch["id"])
    equal("the late roster's decision", (decided["approved"], decided["rejected"]), (scene.told.late_headcount, 0))
    scene.numbers["late"], scene.decided["late"] = batch["proposed_number"], decided
    scene.teller.step(f"由決行人員核定：核准 {decided['approved']} 人", "the approver decides it")
