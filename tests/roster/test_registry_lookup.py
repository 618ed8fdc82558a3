"""Asking the conscription registry about the men on new entries (RO-18), over real HTTP."""

import asyncio
import json
import os
import subprocess
import sys
from uuid import UUID

import pytest

from local.layout import REPO
from local.postgres import free_port
from shared import jobs
from shared.db import Context
from tests.roster.intake_corpus.files import national_id
from tests.roster.test_submissions import of_five_counties, owner
from tests.support.registry import TOKEN, Worker
from tests.support.rosters import ADMIN, NTU, OFFICER, County, men
from tests.support.services import FIELD_KEYS
from tests.support.tokens import ISSUER, bearer

LOOKUP = "registry.lookup"


async def hints(county: County, roster_id: str, who=OFFICER) -> list[set[str]]:
    return [{h["code"] for h in e["hints"]} for e in await county.entries(roster_id, who)]


async def lookups(county: County):
    rows = await owner(
        county, "SELECT id, state, attempts, last_error, payload FROM job WHERE kind = $1 ORDER BY id", LOOKUP
    )
    return [row | {"payload": json.loads(row["payload"])} for row in rows]


async def due_now(county: County) -> None:
    await owner(county, "UPDATE job SET run_at = now() WHERE state = 'ready'")


@pytest.mark.rule("RO-18")
async def test_the_answer_is_stored_and_judged_and_counts_as_a_change(county, registry, worker):
    await registry.knows(
        {"national_id": national_id(1)},
        {
            "national_id": national_id(2),
            "status": "reservist",
            "household_county_code": "65000",
            "household_since": "2026-08-01",
            "induction_order": {"number": "北市徵字第1號", "dated_on": "2026-09-01"},
            "overseas_compatriot": True,
            "volunteer_training": True,
            "annotation": {
                "decision_number": "府兵徵字第1130000001號",
                "issued_on": "2024-10-01",
                "deferment_from": "2024-10-01",
                "deferment_until": "2026-06-30",
                "summary": "113年10月1日核准申請緩徵",
            },
        },
    )
    roster_id = (await county.post(men(1, 3)))["63000"]
    assert await hints(county, roster_id) == [{"registry_pending"}] * 3
    assert [e["registry"] for e in await county.entries(roster_id)] == [None] * 3
    seen = await county.revision(roster_id)
    assert await worker.run() == 1
    assert await county.revision(roster_id) == seen + 1
    clean, full, unknown = await county.entries(roster_id)
    assert clean["hints"] == []
    assert {h["code"] for h in full["hints"]} >= {
        "not_liable", "household_elsewhere", "induction_order", "overseas_compatriot", "training_volunteer",
    }  # fmt: skip
    assert {h["code"] for h in unknown["hints"]} == {"registry_unknown"}
    assert full["registry"]["status"] == "reservist"
    assert full["registry"]["household_since"] == "2026-08-01"
    assert full["registry"]["induction_order"] == {"number": "北市徵字第1號", "dated_on": "2026-09-01"}
    assert full["registry"]["annotation"]["deferment_until"] == "2026-06-30"
    assert (unknown["registry"]["known"], clean["registry"]["known"]) == (False, True)
    # Neither ID nor name is kept with the answer, and the school learns nothing.
    stored = json.dumps([dict(r) for r in await owner(county, "SELECT facts FROM registry_fact")], ensure_ascii=False)
    assert national_id(2) not in stored
    assert "王小明" not in stored
    assert await hints(county, roster_id, NTU) == [set()] * 3
    assert [e["registry"] for e in await county.entries(roster_id, NTU)] == [None] * 3


@pytest.mark.rule("RO-18")
async def test_every_county_is_asked_for_apart_in_lots_of_a_thousand(county, registry, worker):
    made = await county.post(of_five_counties(10))
    assert [(len(j["payload"]["entry_ids"]), j["payload"]["county_code"]) for j in await lookups(county)] == [
        (2, code) for code in sorted(made)
    ]
    assert national_id(1) not in str(await lookups(county))
    assert await worker.run() == 5
    assert {j["state"] for j in await lookups(county)} == {"done"}
    big = [row | {"village": "龍安里"} for row in men(2_000, 1_001)]
    await county.post(big)
    assert [len(j["payload"]["entry_ids"]) for j in (await lookups(county))[5:]] == [1_000, 1]
    await worker.run()
    assert len(await owner(county, "SELECT 1 FROM registry_fact WHERE NOT known")) == 1_011


@pytest.mark.rule("RO-18")
@pytest.mark.parametrize("status", [500, 503, 504, 429, 408, 401])
async def test_a_registry_that_fails_is_asked_again(county, registry, worker, status):
    roster_id = (await county.post(men(1, 1)))["63000"]
    await registry.knows({"national_id": national_id(1)})
    await registry.fails(fail_next=1, status=status)
    assert await worker.run() == 1
    (job,) = await lookups(county)
    assert (job["state"], job["attempts"]) == ("ready", 1)
    assert f"answered {status}" in job["last_error"]
    assert await hints(county, roster_id) == [{"registry_pending"}]
    await due_now(county)
    await worker.run()
    assert await hints(county, roster_id) == [set()]


@pytest.mark.rule("RO-18")
async def test_a_registry_that_is_away_is_waited_for(county, registry):
    roster_id = (await county.post(men(1, 1)))["63000"]
    away = Worker(county, f"http://127.0.0.1:{free_port()}")
    wrong = Worker(county, registry.url, token="not the registry's")
    for one, reason in ((away, "ConnectError"), (wrong, "answered 401: check MUSTER_REGISTRY_TOKEN")):
        await due_now(county)
        await one.run()
        (job,) = await lookups(county)
        assert (job["state"], job["last_error"]) == ("ready", f"RetryLater: {reason}")
        await one.close()
    assert await hints(county, roster_id) == [{"registry_pending"}]


@pytest.mark.rule("RO-18")
async def test_a_registry_that_is_slow_holds_no_transaction(county, registry, worker):
    await county.post(men(1, 1))
    await registry.fails(delay_ms=700)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.4)
    open_ = await owner(
        county,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    assert open_ == []
    assert (await lookups(county))[0]["state"] == "ready"
    assert await running == 1
    assert (await lookups(county))[0]["state"] == "done"


@pytest.mark.rule("RO-18")
async def test_what_the_registry_refuses_is_given_up_on_shown_and_sent_again(county, registry, worker):
    await county.post(men(1, 1))
    await registry.fails(fail_next=1, status=422)
    await worker.run()
    (event,) = (await county.get("/registry-events?state=dead"))["items"]
    assert (event["kind"], event["attempts"], event["last_error"]) == (LOOKUP, 1, "GiveUp: refused with 422")
    again = await county.do(f"/registry-events/{event['id']}/replay")
    assert (again["state"], again["attempts"]) == ("ready", 0)
    await worker.run()
    assert (await county.get("/registry-events"))["items"][0]["state"] == "done"
    twice = await county.call("POST", f"/registry-events/{event['id']}/replay", OFFICER)
    assert (twice.status_code, twice.json()["code"]) == (409, "registry_event_not_dead")


@pytest.mark.rule("RO-18")
async def test_asking_again_does_no_harm(county, registry, worker):
    """The job is repeated as if its worker had died after the answer; a later answer wins, an older one never."""
    roster_id = (await county.post(men(1, 1)))["63000"]
    await registry.knows({"national_id": national_id(1)})
    await worker.run()
    await registry.knows({"national_id": national_id(1), "status": "exempted"})
    await owner(county, "UPDATE job SET state = 'ready', run_at = now()")
    await worker.run()
    assert await hints(county, roster_id) == [{"not_liable"}]
    assert len(await owner(county, "SELECT 1 FROM registry_fact")) == 1
    await owner(county, "UPDATE registry_fact SET as_of = now() + interval '1 day'")
    await registry.knows({"national_id": national_id(1)})
    await owner(county, "UPDATE job SET state = 'ready', run_at = now()")
    await worker.run()
    assert await hints(county, roster_id) == [{"not_liable"}]


async def test_a_worker_that_lost_its_lease_changes_nothing(county, registry, worker):
    roster_id = (await county.post(men(1, 1)))["63000"]
    (job,) = await lookups(county)
    claimed = jobs.Job(job["id"], LOOKUP, job["payload"], 1, 20, UUID(int=1))
    with pytest.raises(jobs.RetryLater):
        await worker.handlers[LOOKUP](claimed)
    assert await hints(county, roster_id) == [{"registry_pending"}]
    assert not await owner(county, "SELECT 1 FROM registry_fact")


@pytest.mark.rule("RO-18")
async def test_a_worker_killed_between_answer_and_commit_is_followed_by_another(county, registry, worker):
    """A real process, killed by SIGKILL while the registry is answering it."""
    roster_id = (await county.post(men(1, 2)))["63000"]
    await registry.knows({"national_id": national_id(1)}, {"national_id": national_id(2), "status": "exempted"})
    await registry.fails(delay_ms=8_000)
    environment = os.environ | {
        "MUSTER_ROSTER_DATABASE_URL": county.service.urls.app,
        "MUSTER_FIELD_KEYS": FIELD_KEYS,
        "MUSTER_ENV": "local",
        "MUSTER_ISSUER": ISSUER,
        "MUSTER_IDENTITY_URL": "http://127.0.0.1:1",
        "MUSTER_REGISTRY_URL": registry.url,
        "MUSTER_REGISTRY_TOKEN": TOKEN,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "roster.worker", cwd=REPO, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            # Only its database shows what another process does.
            while (await lookups(county))[0]["attempts"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
    finally:
        process.kill()
        await process.wait()
    assert await hints(county, roster_id) == [{"registry_pending"}] * 2
    # Its lease would run out after a minute.
    await owner(county, "UPDATE job SET lease_until = now() - interval '1 second' WHERE owner IS NOT NULL")
    await registry.fails()
    assert await worker.run() == 1
    assert await hints(county, roster_id) == [set(), {"not_liable"}]
    (job,) = await lookups(county)
    assert (job["state"], job["attempts"]) == ("done", 2)


async def test_registry_events_are_the_countys_own(county, registry, worker):
    await county.post(of_five_counties(5))
    mine = (await county.get("/registry-events"))["items"]
    assert [event["county_code"] for event in mine] == ["63000"]
    far = bearer("case_officer", org="county:65000")
    (theirs,) = (await county.get("/registry-events", far))["items"]
    assert len((await county.get("/registry-events", ADMIN))["items"]) == 5
    await owner(county, "UPDATE job SET state = 'dead'")
    for event_id in (theirs["id"], 10**12):
        answer = await county.call("POST", f"/registry-events/{event_id}/replay", OFFICER)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for who, status in ((NTU, 403), (bearer("approver"), 403), (ADMIN, 200)):
        answer = await county.call("POST", f"/registry-events/{theirs['id']}/replay", who)
        assert answer.status_code == status
    assert (await county.call("GET", "/registry-events", NTU)).status_code == 403
    # Row-level security's part is a view: with no filter of the service in front of it, it is as narrow.
    async with county.service.database.transaction(Context("x", "county", "65000")) as session:
        connection = await session.connection()
        found = (await connection.exec_driver_sql("SELECT county_code FROM registry_event")).scalars().all()
    assert found == ["65000"]


async def test_registry_events_page_by_cursor(county, registry, worker):
    for first in range(1, 8):
        await county.post(men(first, 1))
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await county.get(f"/registry-events?limit=3&cursor={cursor}" if cursor else "/registry-events?limit=3")
        found += [event["id"] for event in page["items"]]
        cursor = page["next_cursor"]
    assert found == sorted(found, reverse=True)
    assert len(found) == 7
    assert (await county.get("/registry-events?kind=registry.annotate"))["items"] == []
