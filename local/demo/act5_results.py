"""Act 5: what the registry holds, what the school is told, how results are found."""

from local.demo.checks import contains, equal, holds
from local.demo.client import Actor, until
from local.demo.people import Man
from local.demo.scene import NTU, NTU_NAME, OTHER, TAIPEI, Json, Scene, mails, no_mails
from shared.roc import roc_long

REJECTED = ("age_limit", "not_liable")
LEFT = ("active_elsewhere", "household_elsewhere")
"""On hold, and handed to another county."""


async def tell(scene: Scene) -> None:
    """The whole act."""
    officer, school = await scene.world.log_in_all("county_taipei_officer", "school_ntu")
    await _annotations(scene)
    await _township_reports(scene)
    await _notices(scene)
    await _school_results(scene, school)
    await _searches(scene, officer, school)


def granted(scene: Scene) -> dict[str, tuple[Man, str, str]]:
    """By national ID: the man, his decision number and his school, for everybody who was approved last."""
    numbers = scene.numbers
    found = {man.national_id: (man, numbers["other"], OTHER) for man in scene.cast.other if not man.told}
    for man in scene.cast.ntu:
        if man.county_code == TAIPEI and not man.told & {*REJECTED, *LEFT}:
            found[man.national_id] = (man, _number(scene, man), NTU)
    found |= {man.national_id: (man, numbers["late"], NTU) for man in scene.cast.late}
    return found


def _number(scene: Scene, man: Man) -> str:
    """The number of a man of Taipei's roster: his own, or his batch's."""
    if "overseas_compatriot" in man.told:
        return scene.numbers["own"]
    return scene.numbers["second" if man.told & {"repeated_level", "not_liable"} else "first"]


async def _annotations(scene: Scene) -> None:
    told = granted(scene)
    equal("men to be annotated", len(told), scene.told.annotations)

    async def arrived() -> dict[str, Json] | None:
        items, _ = await scene.world.registry("annotations", scene.since["annotations"])
        found = {item["national_id"]: item for item in items}
        return found if told.keys() <= found.keys() else None

    found = await until("the annotations in the registry", arrived)
    today = scene.days.today.isoformat()
    for national_id, (man, number, school) in told.items():
        note, events = found[national_id]["annotation"], found[national_id]["history"]
        equal(
            f"the annotation of {man.masked}",
            [note[n] for n in ("decision_number", "issued_on", "deferment_from", "deferment_until", "school_code")],
            [number, today, today, man.expected_graduation_on.isoformat(), school],
        )
        until_day = f"緩徵至{roc_long(man.expected_graduation_on)}（{number}）"
        contains("its summary", note["summary"], [f"{roc_long(scene.days.today)}核准", until_day])
        equal("what was sent", [event["data"]["action"] for event in events], ["create"])
    untouched = {scene.cast.one(code).national_id for code in (*REJECTED, "household_elsewhere")}
    equal("annotations of men who were not approved", untouched & found.keys(), set())
    scene.teller.step(
        f"役政資訊系統已註記 {len(told)} 人", "the registry holds the annotations: number, dates, summary"
    )
    note = found[scene.cast.one("repeated_level").national_id]["annotation"]
    scene.teller.rows(
        [
            [
                note["decision_number"],
                note["issued_on"],
                f"{note['deferment_from']} – {note['deferment_until']}",
                note["summary"],
            ]
        ]
    )


async def _township_reports(scene: Scene) -> None:
    roster = [man for man in scene.cast.ntu if man.county_code == TAIPEI and not man.told & set(LEFT)]
    told = [*scene.cast.other, *roster, *scene.cast.late]
    ids = {man.national_id for man in told}

    async def arrived() -> list[Json] | None:
        items, _ = await scene.world.registry("township-reports", scene.since["township-reports"])
        ours = [item["data"] for item in items if item["data"]["national_id"] in ids]
        return ours if len(ours) >= len(told) else None

    reports = await until("the township reports", arrived)
    equal("township reports", len(reports), scene.told.township_reports)
    rejected = [scene.cast.one(code) for code in REJECTED] + [man for man in scene.cast.other if man.told]
    equal("reported as rejected", {r["national_id"] for r in reports if r["decision"] == "rejected"},
          {man.national_id for man in rejected})  # fmt: skip
    by_man = {man.national_id: man for man in told}
    for report in reports:
        man = by_man[report["national_id"]]
        until_day = None if man in rejected else man.expected_graduation_on.isoformat()
        equal(
            f"the report on {man.masked}",
            [report[n] for n in ("name", "household_township_code", "decided_on", "deferment_until")],
            [man.name, man.township_code, scene.days.today.isoformat(), until_day],
        )
    scene.teller.step(f"通報戶籍地公所 {len(reports)} 人", "every decision is reported to the household's township")


async def _notices(scene: Scene) -> None:
    told, term = scene.told, scene.days.term
    roster_id = scene.rosters[TAIPEI]
    notices = await mails(scene, "school_ntu", roster_id, told.school_notices - 1)
    (late,) = await mails(scene, "school_ntu", scene.late_roster, 1)
    subject = f"【緩徵作業】臺北市政府核定貴校{term.title}申請緩徵名冊 / Decided: "
    equal(
        "the subjects of the school's notices",
        {message["subject"] for message in notices},
        {
            f"{subject}{told.first_approved} approved, {told.first_rejected} rejected",
            f"{subject}{told.second_approved} approved, {told.second_rejected} rejected",
        },
    )
    day = f"核定日期：民國{roc_long(scene.days.today)}（{scene.days.today}）"
    for message in (*notices, late):
        contains("a notice", message["text"], [f"{NTU_NAME} 您好", "第13條第1項", day])
    contains("the late roster's notice", late["text"], [f"核准：{told.late_headcount} 人", "不核准：0 人"])
    for decided in scene.decided.values():
        await no_mails(scene, decided["id"], "county_taipei_approver_2", "county_newtaipei_approver")
    scene.teller.step(f"學校收到核定通知信 {len(notices) + 1} 封", "the school gets its notices by e-mail:")
    scene.teller.rows([message["subject"]] for message in (*notices, late))


async def _school_results(scene: Scene, school: Actor) -> None:
    listed = await school.all("/roster/v1/results")
    equal("the newest results of the school", [item["roster_id"] for item in listed[:2]],
          [scene.late_roster, scene.rosters[TAIPEI]])  # fmt: skip
    told = scene.told
    approved = told.first_approved + told.second_approved
    equal(
        "the row of its roster",
        [listed[1][n] for n in ("headcount", "decided", "approved", "rejected", "for_approval", "state")],
        # He who was handed to New Taipei is no longer counted here; the man on hold keeps the roster pending.
        [told.taipei - 1, told.submitted, approved, told.submitted - approved, 0, "pending"],
    )
    rows = await school.all(f"/roster/v1/results/{scene.rosters[TAIPEI]}/entries", limit=50)
    by_man = {row["national_id"]: row for row in rows}
    for man in scene.cast.ntu:
        if man.county_code != TAIPEI or "household_elsewhere" in man.told:
            continue
        row = by_man[man.national_id]
        equal(
            f"the result of {man.masked}", (row["state"], row["decision"], row["decision_number"]), _result(scene, man)
        )
    reason = by_man[scene.cast.one("age_limit").national_id]["reason"]
    equal("the reason that the school reads", reason, "逾三十三歲仍未畢業。")
    scene.teller.step(
        f"學校查詢結果：核准 {approved} 人、不核准 {told.submitted - approved} 人，各有文號",
        "the school sees its results, each man with his own number",
    )


def _result(scene: Scene, man: Man) -> tuple[str, str | None, str | None]:
    if "active_elsewhere" in man.told:
        return "on_hold", None, None
    return "decided", "rejected" if man.told & set(REJECTED) else "approved", _number(scene, man)


async def _searches(scene: Scene, officer: Actor, school: Actor) -> None:
    roster, late, other = scene.rosters[TAIPEI], scene.late_roster, scene.other_roster
    twice = scene.cast.one("active_elsewhere").national_id
    equal("rosters of the man of two schools, newest first", await _found(officer, {"national_id": twice}),
          [roster, other])  # fmt: skip
    equal("the same, as the school", await _found(school, {"national_id": twice}), [roster])
    scene.teller.step("以身分證字號（置於內文）查詢：2 份名冊", "found by national ID, in a body: his two rosters")

    part = await _found(officer, {"school_name": "國立臺"})
    equal("the newest rosters of schools named 國立臺…", part[:3], [late, roster, other])
    page = await officer.do("POST", "/roster/v1/result-searches", {"school_name": "國立臺", "limit": 1})
    following = await officer.get(f"/roster/v1/results?search={page['search']}&cursor={page['next_cursor']}&limit=2")
    equal("the pages after the first, by the sealed search", [i["roster_id"] for i in following["items"]], part[1:3])
    days = [item["submitted_at"] for item in page["items"] + following["items"]]
    holds("newest first", days == sorted(days, reverse=True), days)
    scene.teller.step("以校名部分文字查詢，最新在前", "found by part of a school's name, newest first, page by page")

    for name, told in (("first", roster), ("own", roster), ("late", late), ("other", other)):
        number = scene.numbers[name]
        found = await _found(officer, {"decision_number": number})
        equal(f"the newest roster found by the decision number {number}", found[:1], [told])
        # A county may give a number twice (RO-41), so older rosters may be found with it, but none without it.
        for roster_id in found:
            rows = await officer.all(f"/roster/v1/results/{roster_id}/entries")
            numbers = {row["decision_number"] for row in rows}
            holds(f"{number} on a roster found by it", number in numbers, sorted(filter(None, numbers)))
    scene.teller.step(f"以文號查詢：{scene.numbers['own']}", "found by decision number, one man's own as well")


async def _found(actor: Actor, search: Json) -> list[str]:
    page = await actor.do("POST", "/roster/v1/result-searches", search)
    return [item["roster_id"] for item in page["items"]]
