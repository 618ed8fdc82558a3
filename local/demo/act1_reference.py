"""Act 1: the Ministry's list, contacts and terms; the other school's roster is decided first."""

from datetime import date

from local.demo import files
from local.demo.checks import contains, equal, holds
from local.demo.client import Actor
from local.demo.people import make_cast
from local.demo.scene import (
    CONTACTS,
    NTU,
    NTU_NAME,
    OTHER,
    OTHER_NAME,
    TAIPEI,
    Scene,
    by_id,
    codes,
    decide,
    hint,
    open_roster,
    post_roster,
    review,
    submit,
)
from shared.roc import roc_long

PAPER_CSV = "text/csv; charset=big5"


async def tell(scene: Scene) -> None:
    """The whole act."""
    admin, school, other = await scene.world.log_in_all("admin", "school_ntu", "school_other")
    await _import_schools(scene, admin)
    await _set_contacts(scene, admin)
    await _set_terms(scene, school, other)
    await _find_new_men(scene, other)
    await _fill_registry(scene)
    await _decide_the_other_school(scene, admin, other)


async def _import_schools(scene: Scene, admin: Actor) -> None:
    content = scene.school_list.read_bytes()
    listed = len(content.decode("utf-8").splitlines()) - 1
    done = await admin.do("POST", "/roster/v1/schools/imports", content=content, media_type="text/csv")
    equal("schools read", done["read"], listed)
    equal("schools added, changed or unchanged", done["added"] + done["changed"] + done["unchanged"], listed)
    found = await admin.get("/roster/v1/schools?name=臺灣大學")
    equal("the school 臺灣大學", [(s["code"], s["name"], s["county_code"]) for s in found["items"]],
          [(NTU, NTU_NAME, TAIPEI)])  # fmt: skip
    scene.teller.step(
        f"管理者匯入教育部大專校院名錄：{listed} 所（新增 {done['added']}）",
        f"the admin imports the Ministry's list of schools: {listed} ({scene.school_list.name})",
    )


async def _set_contacts(scene: Scene, admin: Actor) -> None:
    for code, contact in CONTACTS.items():
        kept = await admin.do("PUT", f"/roster/v1/schools/{code}/contact", contact)
        equal(f"the contact of {code}", {name: kept[name] for name in contact}, contact)
    scene.teller.step("登錄學校承辦人聯絡方式：臺大、北科大", "contacts of the two schools")


async def _set_terms(scene: Scene, school: Actor, other: Actor) -> None:
    for who, term in ((school, scene.days.term), (school, scene.days.last_term), (other, scene.days.term)):
        kept = await who.do(
            "PUT",
            f"/roster/v1/terms/{term.path}",
            {"registration_deadline": term.registration_deadline.isoformat()},
        )
        equal("a registration deadline", kept["registration_deadline"], term.registration_deadline.isoformat())
    term = scene.days.term
    scene.teller.step(
        f"學校設定{term.title}註冊截止日：{roc_long(term.registration_deadline)}",
        f"a school sets its term's registration deadline: {term.registration_deadline}, rosters due {term.due}",
    )


async def _find_new_men(scene: Scene, other: Actor) -> None:
    """Try the other school's file out; where this suite knows the men of this seed already, take the seed's next."""
    path = f"/roster/v1/submissions?kind=application&{scene.days.term.query}&dry_run=true"
    told = 0
    while True:
        content = files.paper_csv(scene.cast.other)
        tried = await other.do("POST", path, content=content, media_type=PAPER_CSV)
        if tried["already_submitted"] is None:
            break
        told += 1
        scene.cast = make_cast(f"{scene.seed} {told}", scene.days)
    equal("men in the dry run", (tried["row_count"], [part["headcount"] for part in tried["rosters"]]),
          (scene.told.other_headcount, [scene.told.other_headcount]))  # fmt: skip
    scene.teller.step("北科大試送（dry run）：不留存", "the other school tries its file out: nothing is kept")


async def _fill_registry(scene: Scene) -> None:
    for stream in ("annotations", "township-reports"):
        _, scene.since[stream] = await scene.world.registry(stream, None)
    men = scene.cast.population()
    equal("the registry's population", await scene.world.put_draftees(men), len(men))
    scene.teller.step(
        f"役政資訊系統（模擬）載入 {len(men)} 人", f"the registry stand-in gets its population: {len(men)}"
    )


async def _decide_the_other_school(scene: Scene, admin: Actor, other: Actor) -> None:
    # The Ministry's list knows no 進修學院; an administrator's word outlives every import. It is put back afterwards.
    before = await _set_kind(admin, "continuing_college")
    try:
        await _other_school(scene, other)
    finally:
        await _set_kind(admin, "university" if before == "continuing_college" else before)


async def _set_kind(admin: Actor, kind: str) -> str:
    path = f"/roster/v1/schools/{OTHER}"
    school = await admin.get(path)
    changed = await admin.do("PATCH", path, {"school_kind": kind}, seen=school["version"])
    equal(f"the kind of {OTHER}", (changed["name"], changed["school_kind"]), (OTHER_NAME, kind))
    before: str = school["school_kind"]
    return before


async def _other_school(scene: Scene, other: Actor) -> None:
    told, term, today = scene.told, scene.days.term, scene.days.today.isoformat()
    taken = await post_roster(other, "application", term, files.paper_csv(scene.cast.other), PAPER_CSV)
    equal("the charset that was read", taken["charset"], "cp950")
    equal("rosters of the other school", [(r["county_code"], r["headcount"]) for r in taken["rosters"]],
          [(TAIPEI, told.other_headcount)])  # fmt: skip
    scene.other_roster = taken["rosters"][0]["id"]
    scene.teller.step(
        f"北科大（暫列進修學院）送冊：CP950、紙本欄名，{told.other_headcount} 人",
        "the other school (for now a continuing college) posts: CP950, the paper roster's headings",
    )

    officer, approver = await scene.world.log_in_all("county_taipei_officer", "county_taipei_approver")
    await open_roster(officer, scene.other_roster)
    entries = await officer.all(f"/roster/v1/rosters/{scene.other_roster}/entries")
    men = by_id(scene.cast.other)
    equal("men on the other school's roster", {e["national_id"] for e in entries}, set(men))
    equal("their hints", {e["national_id"]: codes(e) for e in entries}, {i: man.told for i, man in men.items()})
    old = next(entry for entry in entries if codes(entry))
    found = hint(old, "continuing_school_age")
    last_day = date(men[old["national_id"]].birth_date.year + 28, 12, 31)
    equal("the continuing school's limit", (found["severity"], found["last_day"], found["values"]["limit"]),
          ("blocking", last_day.isoformat(), 28))  # fmt: skip
    contains("the hint's law", found["citations"][0]["text"], ["免役禁役緩徵緩召實施辦法", "第15條第1項第4款"])
    scene.teller.step("提示：進修學校逾 28 歲", "a hint on a man past 28 at a continuing school:")
    scene.teller.rows([[men[old["national_id"]].masked, found["rule"], found["code"], found["message"]]])

    done = await review(officer, scene.other_roster, {"clean": True}, {"decision": "approved"})
    equal("clean entries of the other school", done["changed"], told.other_approved)
    refusal = {"decision": "rejected", "ground": "continuing_school_age", "reason": found["message"]}
    await review(officer, scene.other_roster, {"entry_ids": [old["id"]]}, refusal)
    batch = await submit(officer, scene.other_roster)
    decided = await decide(approver, batch["id"])
    equal(
        "the other school's decision",
        (decided["approved"], decided["rejected"], decided["decided_on"], decided["state"]),
        (told.other_approved, told.other_rejected, today, "decided"),
    )
    holds("a decision number", bool(batch["proposed_number"]), batch)
    scene.numbers["other"], scene.decided["other"] = batch["proposed_number"], decided
    scene.teller.step(
        f"先行核定北科大：核准 {decided['approved']}、不核准 {decided['rejected']}（{batch['proposed_number']}）",
        "the other school is decided first: one of its men is on the next roster too",
    )
