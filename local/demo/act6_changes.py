"""Act 6: the same men again: extended, ended; a roster corrected while it is reviewed, and one that is withdrawn."""

import csv
import io
from datetime import date, timedelta

from local.demo import files
from local.demo.checks import contains, equal, holds
from local.demo.client import Actor, until
from local.demo.people import Man
from local.demo.scene import TAIPEI, Json, Scene, decide, open_roster, post_roster, review, submit
from shared import clock
from shared.roc import roc_long

NDJSON = "application/x-ndjson"
REASON = "學分不足，延長修業一學期。"
_WHO = ("national_id", "name", "birth_date", "county_code", "township_code", "student_no")


async def tell(scene: Scene) -> None:
    """The whole act."""
    officer, approver, school = await scene.world.log_in_all(
        "county_taipei_officer", "county_taipei_approver", "school_ntu"
    )
    # Deferred in act 4, of whom nothing was to be said.
    first, second, third = [man for man in scene.cast.ntu if man.county_code == TAIPEI and not man.told][:3]
    scene.since["annotations"] = (await scene.world.registry("annotations", scene.since["annotations"]))[1]
    before = {man.national_id: await _note(scene, man) for man in (first, second)}
    roster_id = await _corrected(scene, officer, school, first, second)
    await _extended(scene, officer, approver, roster_id, before, first, second)
    await _ended(scene, officer, approver, school, before[second.national_id], second)
    await _withdrawn(scene, officer, school, third)
    await _report(scene, officer)


def one_term_more(man: Man) -> date:
    """The end of the term after the one in which he was to graduate."""
    return date(man.expected_graduation_on.year + 1, 1, 31)


def _extension(men: tuple[Man, ...], ends: dict[str, date]) -> bytes:
    rows = files.api_rows(men, extension_reason=REASON)
    return files.api_ndjson(row | {"extended_until": ends[row["national_id"]].isoformat()} for row in rows)


async def _corrected(scene: Scene, officer: Actor, school: Actor, first: Man, second: Man) -> str:
    right = {man.national_id: one_term_more(man) for man in (first, second)}
    wrong = right | {first.national_id: right[first.national_id] - timedelta(days=62)}
    taken = await post_roster(school, "extension", scene.days.term, _extension((first, second), wrong), NDJSON)
    roster_id: str = taken["rosters"][0]["id"]
    await open_roster(officer, roster_id)
    seen = clock.now()
    roster = await school.get(f"/roster/v1/rosters/{roster_id}")
    corrected = await school.do(
        "PUT", f"/roster/v1/rosters/{roster_id}", content=_extension((first, second), right), media_type=NDJSON,
        seen=roster["revision"],
    )  # fmt: skip
    equal("the roster's version", corrected["version"], 2)
    entries = {e["national_id"]: e for e in await officer.all(f"/roster/v1/rosters/{roster_id}/entries?version=2")}
    equal(
        "the entries after the correction",
        {i: (e["state"], e["extended_until"]) for i, e in entries.items()},
        {
            first.national_id: ("received", right[first.national_id].isoformat()),
            second.national_id: ("in_review", right[second.national_id].isoformat()),
        },
    )
    for how in ("version=1", f"as_of={seen.isoformat().replace('+00:00', 'Z')}"):
        old = {e["national_id"]: e for e in await school.all(f"/roster/v1/rosters/{roster_id}/entries?{how}")}
        equal(f"what was stated before ({how})", {i: e["extended_until"] for i, e in old.items()},
              {i: day.isoformat() for i, day in wrong.items()})  # fmt: skip
    scene.teller.step(
        "延長修業名冊（NDJSON）審查中更正 1 人：版次 2，該筆重新收件",
        "an extension roster is corrected while it is reviewed: one comes anew, one keeps his review, version 1 stays",
    )
    await open_roster(officer, roster_id)
    return roster_id


async def _extended(
    scene: Scene, officer: Actor, approver: Actor, roster_id: str, before: dict[str, Json], *men: Man
) -> None:
    entries = await officer.all(f"/roster/v1/rosters/{roster_id}/entries?state=in_review")
    equal("men in review", {e["national_id"] for e in entries}, {man.national_id for man in men})
    await review(officer, roster_id, {"entry_ids": [e["id"] for e in entries]}, {"decision": "approved"})
    batch = await submit(officer, roster_id)
    await _foreseen(scene, approver, batch, "extension")
    await decide(approver, batch["id"])
    scene.numbers["extension"] = batch["proposed_number"]
    for man in men:
        note = await _changed(scene, man, before[man.national_id])
        end = one_term_more(man)
        equal("the deferment's end", note["deferment_until"], end.isoformat())
        contains("the summary", note["summary"], [before[man.national_id]["summary"], roc_long(end)])
    scene.teller.step(
        f"延長修業核准（{batch['proposed_number']}）：註記變更，原發文日期與文號不變",
        "extended: the annotation changes, its first day of issue and number stay:",
    )
    scene.teller.rows([[line] for line in note["summary"].splitlines()])


async def _ended(scene: Scene, officer: Actor, approver: Actor, school: Actor, before: Json, man: Man) -> None:
    left = scene.days.today.isoformat()
    rows = files.api_rows((man,), *_WHO, cessation_reason="on_leave", left_on=left)
    taken = await post_roster(school, "cessation", scene.days.term, files.api_ndjson(rows), NDJSON)
    roster_id = taken["rosters"][0]["id"]
    await open_roster(officer, roster_id)
    (entry,) = await officer.all(f"/roster/v1/rosters/{roster_id}/entries")
    await review(officer, roster_id, {"entry_ids": [entry["id"]]}, {"decision": "approved"})
    batch = await submit(officer, roster_id)
    await _foreseen(scene, approver, batch, "cessation")
    await decide(approver, batch["id"])
    note = await _changed(scene, man, before, actions=("create", "modify", "modify"))
    equal("what ended it", (note["revoked_on"], note["liable_for_induction"]), (left, True))
    scene.teller.step(
        "原因消滅核准：廢止緩徵並通知得徵集，原文號仍在",
        "the same man goes on leave: revoked, liable for induction, his first number still there",
    )


async def _foreseen(scene: Scene, approver: Actor, batch: Json, kind: str) -> None:
    items = await approver.all(f"/roster/v1/batches/{batch['id']}/preview")
    for item in items:
        equal("what would be done", (item["annotation"]["action"], item["refusals"]), ("modify", []))
        fields = {field["field"]: field["change"] for field in item["annotation"]["fields"]}
        equal("what would stay", [fields[n] for n in ("decision_number", "issued_on", "deferment_from")], ["kept"] * 3)
        equal("what would change", fields["summary"], "changed")
    scene.teller.step(
        f"核定前預覽：{len(items)} 筆註記將變更，文號與發文日期不變"
        if kind == "extension"
        else "核定前預覽：註記將廢止",
        "the approver sees beforehand which fields of which annotations will change, and which stay",
    )


async def _changed(scene: Scene, man: Man, before: Json, actions: tuple[str, ...] = ("create", "modify")) -> Json:
    """The man's annotation once the registry was told as often as `actions`; its origin is as before."""

    async def told() -> Json | None:
        found = await _item(scene, man)
        return found if found is not None and len(found["history"]) >= len(actions) else None

    found = await until("the changed annotation in the registry", told)
    equal("what was sent", tuple(event["data"]["action"] for event in found["history"]), actions)
    note: Json = found["annotation"]
    for name in ("decision_number", "issued_on", "deferment_from"):
        equal(f"{name} of the annotation of {man.masked}", note[name], before[name])
    return note


async def _note(scene: Scene, man: Man) -> Json:
    found = await _item(scene, man)
    holds(f"{man.masked} has an annotation", found is not None, found)
    assert found is not None
    note: Json = found["annotation"]
    return note


async def _item(scene: Scene, man: Man) -> Json | None:
    items, _ = await scene.world.registry("annotations", None)
    return next((item for item in items if item["national_id"] == man.national_id), None)


async def _withdrawn(scene: Scene, officer: Actor, school: Actor, man: Man) -> None:
    rows = files.api_rows((man,), *_WHO, cessation_reason="withdrew", left_on=scene.days.today.isoformat())
    content = files.api_ndjson(rows)
    taken = await post_roster(school, "cessation", scene.days.term, content, NDJSON)
    roster_id = taken["rosters"][0]["id"]
    roster = await school.get(f"/roster/v1/rosters/{roster_id}")
    await school.do("POST", f"/roster/v1/rosters/{roster_id}/withdraw", seen=roster["revision"])
    gone = await officer.get(f"/roster/v1/rosters/{roster_id}")
    equal(
        "the withdrawn roster", (gone["state"], gone["headcount"], gone["counts"]), ("withdrawn", 0, {"withdrawn": 1})
    )
    waiting = {roster["id"] for roster in await officer.all("/roster/v1/rosters?state=pending")}
    holds("it left the work list", roster_id not in waiting, sorted(waiting))
    opened = (await school.all("/roster/v1/rosters?kind=extension&sort=-received_on"))[0]
    await school.refused(
        409, "roster_opened", "POST", f"/roster/v1/rosters/{opened['id']}/withdraw", seen=opened["revision"]
    )
    scene.teller.step(
        "誤送之名冊於承辦人開啟前撤回；已開啟者：409", "a roster sent in error is withdrawn; one that was opened is not"
    )


async def _report(scene: Scene, officer: Actor) -> None:
    """RO-61: a CSV holds exactly the rows that were searched, of rosters and of men."""
    search = await officer.do("POST", "/roster/v1/result-searches", {"decision_number": scene.numbers["extension"]})
    found = await officer.all(f"/roster/v1/results?search={search['search']}")
    rosters = await _rows(officer, f"/roster/v1/results?search={search['search']}")
    equal("rows of the rosters' CSV", [row["名冊人數"] for row in rosters], [str(r["headcount"]) for r in found])
    men = [
        (row["姓名"], row["身分證字號"], row["准駁文號"])
        for roster in found
        for row in await _rows(officer, f"/roster/v1/results/{roster['roster_id']}/entries")
    ]
    told = [
        (man["name"], man["national_id"], man["decision_number"])
        for roster in found
        for man in await officer.all(f"/roster/v1/results/{roster['roster_id']}/entries")
    ]
    equal("rows of the men's CSV", men, told)
    scene.teller.step(
        f"查詢結果匯出 CSV：名冊 {len(rosters)} 列、役男 {len(men)} 列，與查詢相同",
        "the reports hold exactly what was searched",
    )


async def _rows(officer: Actor, path: str) -> list[dict[str, str]]:
    text = await officer.text(path, "text/csv")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
