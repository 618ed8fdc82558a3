"""Act 7: who gets nothing: without a token, in another role, of another county, of another school."""

import uuid

from local.demo import files
from local.demo.checks import equal
from local.demo.client import Actor
from local.demo.scene import TAIPEI, Json, Scene


async def tell(scene: Scene) -> None:
    """The whole act."""
    officer, theirs, other, township = await scene.world.log_in_all(
        "county_taipei_officer", "county_newtaipei_officer", "school_other", "township"
    )
    await _no_token(scene)
    await _wrong_role(scene, officer, other, township)
    await _not_theirs(scene, theirs, "他縣市承辦人", "the other county")
    await _not_theirs(scene, other, "他校", "the other school")


async def _no_token(scene: Scene) -> None:
    roster = f"/roster/v1/rosters/{scene.rosters[TAIPEI]}"
    for who in (scene.world.nobody(), scene.world.forger()):
        for method, path in (("GET", roster), ("GET", f"{roster}/entries"), ("POST", f"{roster}/open")):
            await who.refused(401, "unauthenticated", method, path)
    scene.teller.step("未附權杖或偽造權杖：401", "no token, or one that nobody issued: 401")


async def _wrong_role(scene: Scene, officer: Actor, school: Actor, township: Actor) -> None:
    roster, batch = scene.rosters[TAIPEI], scene.batch["id"]
    post = f"/roster/v1/submissions?kind=application&{scene.days.term.query}"
    csv = files.api_csv(files.table(scene.cast.late))
    await school.refused(403, "forbidden", "POST", f"/roster/v1/rosters/{roster}/open")
    await officer.refused(403, "forbidden", "POST", f"/roster/v1/batches/{batch}/decide", seen=1)
    await officer.refused(403, "forbidden", "POST", post, content=csv, media_type="text/csv")
    await township.refused(403, "forbidden", "GET", f"/roster/v1/rosters/{roster}")
    await officer.refused(403, "forbidden", "POST", "/roster/v1/schools/imports", content=b"x", media_type="text/csv")
    scene.teller.step("角色不符：403", "the wrong role: 403")


async def _not_theirs(scene: Scene, actor: Actor, who: str, who_en: str) -> None:
    """Every answer about Taipei's things is, word for word, the one about a thing that does not exist."""
    entry = next(iter(scene.entries.values()))["id"]
    roster, nowhere = scene.rosters[TAIPEI], str(uuid.uuid4())
    paths = [
        ("GET", "/roster/v1/rosters/{}", roster),
        ("GET", "/roster/v1/rosters/{}/entries", roster),
        ("GET", "/roster/v1/entries/{}", entry),
        ("GET", "/roster/v1/entries/{}/hints", entry),
        ("GET", "/roster/v1/results/{}/entries", roster),
    ]
    if actor.name.startswith("county"):
        paths += [
            ("POST", "/roster/v1/rosters/{}/open", roster),
            ("GET", "/roster/v1/batches/{}", scene.batch["id"]),
            ("GET", "/roster/v1/entries/{}/contact", entry),
        ]
    for method, path, thing in paths:
        exists = await actor.refused(404, "not_found", method, path.format(thing))
        does_not = await actor.refused(404, "not_found", method, path.format(nowhere))
        equal(f"{actor.name}: the body of {method} {path}", _without_place(exists), _without_place(does_not))
    seen = {item["id"] for item in await actor.all("/roster/v1/rosters")}
    equal(f"{actor.name}: Taipei's roster in the list", roster in seen, False)
    scene.teller.step(f"{who}：404，與查無資料之回應相同", f"{who_en}: 404, the same body as for what does not exist")


def _without_place(problem: Json) -> Json:
    """The problem without `instance`, which is the address that was asked for."""
    return {name: value for name, value in problem.items() if name != "instance"}
