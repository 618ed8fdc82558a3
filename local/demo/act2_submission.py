"""Act 2: 240 students of five counties in one CSV; eight faulty cells; the same post twice."""

import re
import uuid
from typing import Any

from local.demo import files
from local.demo.checks import equal, holds
from local.demo.client import Actor
from local.demo.scene import NTU, Scene, post_roster
from shared.places import COUNTIES
from shared.roc import roc_long

_WHOLE_ID = re.compile(r"[A-Z][1289][0-9]{8}")


async def tell(scene: Scene) -> None:
    """The whole act."""
    system = await scene.world.connect("sis_ntu")
    before = await _rosters(scene, system)
    scene.teller.step("臺大校務系統以用戶端憑證取得權杖", "its information system logs in with client credentials")
    key = str(uuid.uuid4())
    await _refused_whole(scene, system, key)
    equal("rosters after the refusal", await _rosters(scene, system), before)
    good = files.api_csv(files.table(scene.cast.ntu))
    await _taken_in(scene, system, good, key)
    after = await _rosters(scene, system)
    equal("new rosters of the school", len(after - before), scene.told.rosters)
    await _again(scene, system, good, key)
    equal("rosters after the same post twice more", await _rosters(scene, system), after)
    await _late(scene, system)


async def _rosters(scene: Scene, system: Actor) -> set[str]:
    return {roster["id"] for roster in await system.all(f"/roster/v1/rosters?{scene.days.term.query}")}


def _path(scene: Scene) -> str:
    return f"/roster/v1/submissions?kind=application&{scene.days.term.query}"


async def _refused_whole(scene: Scene, system: Actor, key: str) -> None:
    spoiled, flaws = files.spoil(files.table(scene.cast.ntu), scene.seed)
    problem = await system.refused(
        422, "invalid_content", "POST", _path(scene), content=files.api_csv(spoiled), media_type="text/csv", key=key
    )
    named = [(fault["row"], fault["column"], fault["code"]) for fault in problem["errors"]]
    equal("the faulty cells that were named", named, [(flaw.row, flaw.column, flaw.code) for flaw in flaws])
    equal("how many faulty cells were named", problem["error_count"], scene.told.faulty_cells)
    equal("whole IDs in the refusal", [f for f in problem["errors"] if _WHOLE_ID.search(f.get("value") or "")], [])
    scene.teller.step(
        f"第一次送冊：{problem['error_count']} 格有誤，整份未收件",
        "the first post has eight faulty cells: refused whole, every one named:",
    )
    scene.teller.rows(
        [f"第 {f['row']} 列", f["column"], f.get("value", "") or "—", f["code"], f["message"]]
        for f in problem["errors"]
    )


async def _taken_in(scene: Scene, system: Actor, good: bytes, key: str) -> None:
    told, term, today = scene.told, scene.days.term, scene.days.today.isoformat()
    taken = await post_roster(system, "application", term, good, "text/csv", key)
    equal(
        "what was taken in",
        (taken["school_code"], taken["kind"], taken["academic_year"], taken["term"], taken["row_count"]),
        (NTU, "application", term.academic_year, term.number, told.students),
    )
    equal("headcounts by county", {r["county_code"]: r["headcount"] for r in taken["rosters"]}, told.by_county)
    for roster in taken["rosters"]:
        equal(
            f"when the roster of {roster['county_name']} was due and came",
            (roster["deadline"], roster["days_late"], roster["received_on"]),
            (term.due.isoformat(), 0, today),
        )
    scene.rosters = {roster["county_code"]: roster["id"] for roster in taken["rosters"]}
    scene.teller.step(
        f"更正後送冊：{taken['row_count']} 人，依戶籍分為 {len(taken['rosters'])} 份名冊",
        f"mended, under the same key: {taken['row_count']} men, one roster a county, due {term.due}:",
    )
    scene.teller.rows(
        [r["county_name"], COUNTIES[r["county_code"]].name_en, f"{r['headcount']:3d} 人",
         f"應於{roc_long(term.due)}前送達"]
        for r in taken["rosters"]
    )  # fmt: skip


async def _again(scene: Scene, system: Actor, good: bytes, key: str) -> None:
    first = await _answer(system, _path(scene), good, key)
    equal("the same post under the same key", (first.status_code, _replayed(first)), (201, "true"))
    second = await _answer(system, _path(scene), good, str(uuid.uuid4()))
    equal("the same content under another key", (second.status_code, _replayed(second)), (200, "true"))
    equal("the answers to both", first.json(), second.json())
    equal("the rosters in them", {r["county_code"]: r["id"] for r in first.json()["rosters"]}, scene.rosters)
    scene.teller.step(
        "同一檔案重送兩次：Idempotent-Replayed，未產生第二份名冊",
        "the same post again, same key or another: the same answer, no second roster",
    )
    shorter = files.api_csv(files.table(scene.cast.ntu[1:]))
    await system.refused(
        422, "idempotency_key_reused", "POST", _path(scene), content=shorter, media_type="text/csv", key=key
    )
    scene.teller.step("同一 Idempotency-Key、不同內容：422", "another body under that Idempotency-Key: 422")


async def _answer(system: Actor, path: str, content: bytes, key: str) -> Any:
    return await system.send("POST", path, content=content, media_type="text/csv", key=key)


def _replayed(answer: Any) -> str | None:
    marked: str | None = answer.headers.get("Idempotent-Replayed")
    return marked


async def _late(scene: Scene, system: Actor) -> None:
    term = scene.days.last_term
    taken = await post_roster(system, "reapplication", term, files.api_json(scene.cast.late), "application/json")
    roster = taken["rosters"][0]
    late = (scene.days.today - term.due).days
    holds("the late roster is late", late > 0, late)
    equal(
        "the late roster",
        (len(taken["rosters"]), roster["headcount"], roster["deadline"], roster["days_late"]),
        (1, scene.told.late_headcount, term.due.isoformat(), late),
    )
    scene.late_roster = roster["id"]
    scene.teller.step(
        f"{term.title}重新辦理緩徵名冊（JSON）：逾期 {late} 日，仍予收件",
        f"a reapplication for the term before (JSON): {late} days late, taken in all the same",
    )
