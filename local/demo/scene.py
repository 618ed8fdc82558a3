"""What the acts share: who is on stage, what has been made so far, and the steps that recur."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.demo.checks import Told, equal, holds
from local.demo.client import Actor, World, until
from local.demo.days import Days, Term
from local.demo.people import Cast, Man
from local.demo.teller import Teller

NTU, OTHER = "0003", "0025"
NTU_NAME, OTHER_NAME = "國立臺灣大學", "國立臺北科技大學"
TAIPEI, NEW_TAIPEI = "63000", "65000"
CONTACTS = {
    NTU: {"name": "王美玲", "phone": "02-3366-2032", "email": "military@ntu.example.test"},
    OTHER: {"name": "李國華", "phone": "02-2771-2171#1234", "email": "military@ntut.example.test"},
}

Json = dict[str, Any]


@dataclass
class Scene:
    """One telling; each act leaves here what later acts need."""

    world: World
    teller: Teller
    seed: str
    told: Told
    days: Days
    cast: Cast
    school_list: Path

    since: dict[str, str | None] = field(default_factory=dict)
    """Where the registry's streams ended before the story began."""
    rosters: dict[str, str] = field(default_factory=dict)
    """The rosters of National Taiwan University's post, by county."""
    other_roster: str = ""
    late_roster: str = ""
    entries: dict[str, Json] = field(default_factory=dict)
    """The entries of Taipei's roster by national ID, as the officer saw them when he opened it."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Decision numbers by what they decided: `other`, `first`, `second`, `late`, and `own`, one man's."""
    batch: Json = field(default_factory=dict)
    decided: dict[str, Json] = field(default_factory=dict)
    """Decided batches: `other`, `first`, `second`, `late`."""

    def entry_of(self, code: str) -> Json:
        """The entry of Taipei's roster of whom a hint is told."""
        return self.entries[self.cast.one(code).national_id]


def codes(entry: Json) -> frozenset[str]:
    """The codes of an entry's hints."""
    return frozenset(hint["code"] for hint in entry["hints"])


def hint(entry: Json, code: str) -> Json:
    """One hint of an entry."""
    found: Json = next(one for one in entry["hints"] if one["code"] == code)
    return found


async def post_roster(
    sender: Actor, kind: str, term: Term, content: bytes, media_type: str, key: str | None = None
) -> Json:
    """A school's file, taken in for the first time."""
    path = f"/roster/v1/submissions?kind={kind}&{term.query}"
    answer = await sender.send("POST", path, content=content, media_type=media_type, key=key)
    holds(f"{sender.name}: a roster is taken in", answer.status_code == 201, f"{answer.status_code} {answer.text}")
    taken: Json = answer.json()
    return taken


async def open_roster(officer: Actor, roster_id: str) -> Json:
    """Open a roster and wait until the registry has answered for every man on it; the roster then."""
    await officer.do("POST", f"/roster/v1/rosters/{roster_id}/open")

    async def answered() -> bool | None:
        page = await officer.get(f"/roster/v1/rosters/{roster_id}/entries?hint=registry_pending&limit=1")
        return None if page["items"] else True

    await until("the registry's answer to the look-up of a roster", answered)
    roster: Json = await officer.get(f"/roster/v1/rosters/{roster_id}")
    return roster


async def _bulk(officer: Actor, roster_id: str, what: str, body: Json) -> Json:
    """A bulk call on a roster as it stands now; read again and sent again when a hint came in between (412)."""
    path = f"/roster/v1/rosters/{roster_id}"

    async def sent() -> Json | None:
        seen = (await officer.get(path))["revision"]
        answer = await officer.send("POST", f"{path}/{what}", body, seen=seen)
        if answer.status_code == 412:
            return None
        holds(f"{officer.name}: POST {path}/{what}", answer.is_success, answer.text)
        done: Json = answer.json()
        return done

    return await until("a roster that nobody changes meanwhile", sent)


async def review(officer: Actor, roster_id: str, match: Json, draft: Json) -> Json:
    """One draft for all entries that match, each changed."""
    done = await _bulk(officer, roster_id, "reviews", {"match": match, "set": draft})
    equal("entries refused in a bulk review", done["refused"], 0)
    return done


async def patch(reviewer: Actor, entry_id: str, change: Json) -> Json:
    """Change one entry as it stands now."""
    seen = (await reviewer.get(f"/roster/v1/entries/{entry_id}"))["version"]
    changed: Json = await reviewer.do("PATCH", f"/roster/v1/entries/{entry_id}", change, seen=seen)
    return changed


async def submit(officer: Actor, roster_id: str) -> Json:
    """Submit for approval all that is ready."""
    return await _bulk(officer, roster_id, "batches", {})


async def decide(approver: Actor, batch_id: str) -> Json:
    """Decide a batch as it stands now."""
    seen = (await approver.get(f"/roster/v1/batches/{batch_id}"))["version"]
    decided: Json = await approver.do("POST", f"/roster/v1/batches/{batch_id}/decide", seen=seen)
    return decided


async def mails(scene: Scene, name: str, about: str, count: int) -> list[Json]:
    """The messages that `name` got about something, once there are `count` of them."""

    async def arrived() -> list[Json] | None:
        found = await scene.world.mail(name, about)
        return found if len(found) >= count else None

    found = await until(f"{count} message(s) to {name}", arrived)
    equal(f"messages to {name}", len(found), count)
    return found


async def no_mails(scene: Scene, about: str, *names: str) -> None:
    """Nobody of `names` got anything about it."""
    for name, found in zip(names, await asyncio.gather(*(scene.world.mail(n, about) for n in names)), strict=True):
        equal(f"messages to {name}", [message["subject"] for message in found], [])


def by_id(men: tuple[Man, ...]) -> dict[str, Man]:
    """Men by national ID."""
    return {man.national_id: man for man in men}
