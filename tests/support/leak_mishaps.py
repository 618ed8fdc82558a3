"""The story goes on (`leak_story`): a roster from post to decision with IDs in every text that people write, and then
the database stops, the registry fails, a worker is killed, a row cannot be stored and another cannot be read."""

import asyncio
import signal
from typing import Any

from local.demo.client import until
from tests.roster.intake_corpus.files import to_csv, to_json
from tests.support.leak_story import JSON, Row, Story
from tests.support.leaks import wide
from tests.support.suite import ask, settled


async def _taken(story: Story, rows: list[Row], known: list[Row] | None = None, **how: Any) -> str:
    """Post rows whose men the registry knows; the roster made."""
    await story.known(*(known or rows))
    answer = await story.post(story.system, to_csv(rows), **how)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["rosters"][0]["id"]
    return found


async def _entries(story: Story, roster_id: str) -> list[dict[str, Any]]:
    page = await story.officer.get(f"/roster/v1/rosters/{roster_id}/entries?limit=200")
    items: list[dict[str, Any]] = page["items"]
    return items


async def _checked(story: Story, roster_id: str) -> list[dict[str, Any]]:
    """The entries, once the registry has answered for each."""

    async def answered() -> list[dict[str, Any]] | None:
        items = await _entries(story, roster_id)
        return items if all(item["registry"] is not None for item in items) else None

    return await until("the registry's answer", answered, 60)


async def _on_roster(story: Story, roster_id: str, act: str, body: Any = None) -> dict[str, Any]:
    revision = (await story.officer.get(f"/roster/v1/rosters/{roster_id}"))["revision"]
    answer = await story.officer.send("POST", f"/roster/v1/rosters/{roster_id}/{act}", json=body or {}, seen=revision)
    assert answer.is_success, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def through_the_review(story: Story) -> None:
    """A roster is posted in every way, reviewed, returned, decided, delivered, searched for."""
    written = story.written_id
    rows = [
        story.man(),
        story.man(remarks=f"原字號 {written()}，誤植"),
        story.man(name=f"林{written()}"),
        story.man(student_no=written(), village=wide(written()), department=f"電機 {written().lower()}"),
        story.man(moi_approval_no=written(), remarks=f"{written()}\n{wide(written().lower())}"),
    ]
    rows[0]["national_id"] = wide(rows[0]["national_id"])
    rows[1]["national_id"] = rows[1]["national_id"].lower()
    known = [row | {"national_id": planted_id} for row, planted_id in zip(rows, story.stated[-5:], strict=True)]
    tried = await story.system.send(
        "POST", f"/roster/v1/submissions?{story.query}&dry_run=true", content=to_csv(rows).encode(),
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert tried.status_code == 200, tried.text
    key = {"Idempotency-Key": story.stated_id()}
    roster_id = await _taken(story, rows, known, headers=key)
    for body, kind, how in (
        (to_csv(rows), {"Content-Type": "text/csv"}, {"headers": key}),
        (to_json(rows), JSON, {}),
        (to_csv(rows[:2]), {"Content-Type": "text/csv"}, {"headers": key}),
    ):
        await story.post(story.system, body, kind=kind, **how)
    entries = await _checked(story, roster_id)
    await _on_roster(story, roster_id, "open")
    entries = await _entries(story, roster_id)
    drafts: list[dict[str, Any]] = [
        {"decision": "approved", "review_remarks": f"已查 {written()}", "override_reason": written()},
        {"decision": "approved", "annotation_text": f"緩徵 {wide(written())}", "decision_number": written()},
        {
            "decision": "rejected",
            "ground": "enrolment_not_recognised",
            "ground_unseen": True,
            "reason": f"查 {written()} 非役男",
        },
        {"decision": "approved"},
        {"decision": "approved"},
    ]
    for entry, draft in zip(entries, drafts, strict=True):
        # Refused first: another's version, and members that nobody knows.
        for wrong in ({story.stated_id(): "x"}, {"decision": story.stated_id()}, {"issued_on": story.stated_id()}):
            await story.officer.send("PATCH", f"/roster/v1/entries/{entry['id']}", json=wrong, seen=entry["version"])
        done = await story.officer.send("PATCH", f"/roster/v1/entries/{entry['id']}", json=draft, seen=entry["version"])
        assert done.status_code == 200, done.text
        stale = {"review_remarks": story.stated_id()}
        late = await story.officer.send("PATCH", f"/roster/v1/entries/{entry['id']}", json=stale, seen=entry["version"])
        assert late.status_code == 412, late.text
    bulk = {"match": {"hint": "no_such_hint"}, "set": {"review_remarks": story.stated_id()}}
    await _on_roster(story, roster_id, "reviews", bulk)
    batch = await _on_roster(story, roster_id, "batches")
    path = f"/roster/v1/batches/{batch['id']}"
    returned = await story.approver.send(
        "POST", f"{path}/return", json={"reason": f"請查 {written()}", "entry_ids": [entries[3]["id"]]}, seen=1
    )
    assert returned.status_code == 200, returned.text
    changed = (await story.approver.get(f"/roster/v1/entries/{entries[4]['id']}"))["version"]
    edited = await story.approver.send(
        "PATCH", f"/roster/v1/entries/{entries[4]['id']}", json={"review_remarks": written()}, seen=changed
    )
    assert edited.status_code == 200, edited.text
    seen = (await story.approver.get(path))["version"]
    decided = await story.approver.send("POST", f"{path}/decide", seen=seen)
    assert decided.status_code == 200, decided.text
    second = await _on_roster(story, roster_id, "batches")
    path = f"/roster/v1/batches/{second['id']}"
    whole = await story.approver.send("POST", f"{path}/return", json={"reason": written()}, seen=1)
    assert whole.status_code == 200, whole.text
    moved = await story.officer.send(
        "POST", f"/roster/v1/entries/{entries[3]['id']}/transfer",
        json={"county_code": "65000", "township_code": "65000010", "reason": f"戶籍 {written()}"},
        seen=(await story.officer.get(f"/roster/v1/entries/{entries[3]['id']}"))["version"],
    )  # fmt: skip
    assert moved.status_code == 200, moved.text
    for text in (known[0]["national_id"], wide(known[1]["national_id"]), known[2]["national_id"].lower()):
        for who in (story.officer, story.school, story.other):
            found = await who.send("POST", "/roster/v1/result-searches", json={"national_id": text})
            assert len(found.json()["items"]) == (0 if who is story.other else 1), found.text
    await story.admin.send("GET", "/roster/v1/registry-events?limit=200")
    await story.other.send("GET", f"/roster/v1/rosters/{roster_id}/entries")


async def registry_and_worker_fail(story: Story) -> None:
    """The registry answers with errors, refuses for good, is slow; the worker dies with a look-up in its hands."""
    await story.registry_fails(0, delay_ms=1500)
    in_hand = await _taken(story, [story.man(remarks=story.written_id())])
    await asyncio.sleep(0.7)
    old = story.suite.kill("roster-worker")
    story.suite.wait_restarted("roster-worker", old)

    await story.registry_fails(1, 500)
    await _checked(story, await _taken(story, [story.man()]))

    await story.registry_fails(1, 422)
    refused = await _taken(story, [story.man()])

    async def given_up() -> int | None:
        events = await story.officer.get("/roster/v1/registry-events?state=dead")
        return events["items"][0]["id"] if events["items"] else None

    event = await until("a look-up that was given up", given_up, 60)
    again = await story.officer.send("POST", f"/roster/v1/registry-events/{event}/replay")
    assert again.status_code == 200, again.text
    await _checked(story, refused)
    # What the dead worker held is taken up when its lease is over.
    await _checked(story, in_hand)


async def rows_that_cannot_be(story: Story) -> None:
    """A row that breaks a constraint nobody expected, an entry that no key opens, a service killed at work."""
    owner = story.suite.database_url("roster")
    await ask(owner, "ALTER TABLE entry ADD CONSTRAINT poison CHECK (department <> 'poison') NOT VALID")
    man = story.man(department="poison", name=f"林 {story.stated_id()}", remarks=story.stated_id())
    failed = await story.post(story.system, to_csv([man]))
    assert failed.status_code == 500, failed.text
    await ask(owner, "ALTER TABLE entry DROP CONSTRAINT poison")

    await story.registry_fails(1_000)
    roster_id = await _taken(story, [story.man(remarks=story.written_id())])
    sealed = (await ask(owner, "SELECT national_id FROM entry WHERE roster_id = $1", roster_id))[0]["national_id"]
    poison = "UPDATE entry SET national_id = $2 WHERE roster_id = $1"
    await ask(owner, poison, roster_id, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    unreadable = await story.officer.send("GET", f"/roster/v1/rosters/{roster_id}/entries")
    assert unreadable.status_code == 500, unreadable.text
    await story.registry_fails(0)

    async def failing() -> bool | None:
        told = await ask(owner, "SELECT 1 FROM job WHERE last_error LIKE '%FieldKeyError%'")
        return bool(told) or None

    await until("the worker fails at the entry it cannot open", failing, 60)
    await ask(owner, poison, roster_id, sealed)
    await _checked(story, roster_id)

    rows = [story.man() for _ in range(50)]
    posting = asyncio.create_task(story.post(story.system, to_csv(rows)))
    await asyncio.sleep(0.05)
    old = story.suite.kill("roster")
    answer = (await asyncio.gather(posting, return_exceptions=True))[0]
    assert isinstance(answer, BaseException) or answer.status_code in (201, 502, 503)
    story.suite.wait_restarted("roster", old)


async def database_stops(story: Story) -> None:
    """PostgreSQL is gone while people work: they are told to try again, and it comes back."""
    await story.officer.get("/roster/v1/rosters")
    old = story.suite.kill("postgres", signal.SIGINT)
    statuses = set()
    while 503 not in statuses:
        for answer in await asyncio.gather(
            story.post(story.system, to_csv([story.man(remarks=story.stated_id())])),
            story.officer.send("POST", "/roster/v1/result-searches", json={"national_id": story.stated_id()}),
            story.nobody.send("POST", "/identity/v1/sessions", json={"username": story.stated_id(), "password": "x"}),
        ):
            statuses.add(answer.status_code)
    story.suite.wait_restarted("postgres", old)
    await story.officer.get("/roster/v1/rosters")
    await settled(story.suite)
