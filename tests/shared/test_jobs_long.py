"""Jobs that take longer than a lease: it is renewed for as long as somebody is at work on them."""

import asyncio
import time

from sqlalchemy import text

from shared import jobs
from shared.jobs import Worker
from tests.shared.doing import Doing, ask, states, table
from tests.shared.probe import Probe, owner


class Long(Doing):
    """A handler that says that it takes longer than a lease."""

    seconds = 20


async def _beside_another_worker(probe: Probe) -> tuple[Long, Doing]:
    """A job of three leases, and somebody who looks for work all the time."""
    await ask(probe, "x", kind="effect")
    long, other = Long(probe), Doing(probe)
    long.pause = 3.0
    handlers = {"effect": type("_", (), {"seconds": 20, "__call__": lambda _, job: long.with_effect(job)})()}
    at_work = asyncio.create_task(Worker(probe.database, "notify", handlers, lease_seconds=1).run_once())
    await asyncio.sleep(0.2)
    while not at_work.done():
        await Worker(probe.database, "notify", {"effect": other}).run_once()
        await asyncio.sleep(0.05)
    await at_work
    return long, other


async def test_its_lease_is_renewed_for_as_long_as_it_is_at_work(probe):
    _, other = await _beside_another_worker(probe)
    (row,) = await table(probe)
    assert (row["state"], row["attempts"], other.done) == ("done", 1, [])
    assert await probe.effects() == ["x"]


async def test_control_without_renewing_another_takes_it_up(probe, monkeypatch):
    monkeypatch.setattr(
        jobs, "_RENEW", text("UPDATE job SET kind = kind WHERE id = :id AND owner = :owner OR :lease = 0")
    )
    _, other = await _beside_another_worker(probe)
    assert other.done == ["x"]
    assert await probe.effects() == []


async def test_who_lost_it_all_the_same_stops(probe):
    await ask(probe, "x")
    long, other = Long(probe), Doing(probe)
    long.pause = 15.0
    at_work = asyncio.create_task(long.worker(lease_seconds=1).run_once())
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await owner(probe.urls, "UPDATE job SET lease_until = now() - interval '1 second'")
    assert await other.worker().run_once() == 1
    await at_work
    assert time.monotonic() - began < 10
    assert (long.inside, long.done, other.done, await states(probe)) == (0, [], ["x"], ["done"])


async def test_a_database_that_cannot_be_asked_has_not_said_that_the_lease_is_lost(probe, monkeypatch, said):
    await ask(probe, "x")
    long = Long(probe)
    long.pause = 0.8
    monkeypatch.setattr(jobs, "_RENEW", text("SELECT 1/0 WHERE :id = 1 OR :owner IS NULL OR :lease = 0"))
    await long.worker(lease_seconds=1).run_once()
    assert (long.done, await states(probe)) == (["x"], ["done"])
    assert "lease_not_renewed" in {line["event"] for line in said()}


async def test_what_it_raises_is_what_is_kept(probe):
    await ask(probe, "x")
    long = Long(probe)
    long.raises, long.pause = jobs.RetryLater("not today"), 0.5
    await long.worker(lease_seconds=1).run_once()
    (row,) = await table(probe)
    assert (row["state"], row["last_error"]) == ("ready", "RetryLater: not today")


async def test_it_has_its_seconds_and_no_more(probe):
    await ask(probe, "x")
    long = Long(probe)
    long.pause, long.seconds = 15.0, 1
    await long.worker(lease_seconds=60).run_once()
    (row,) = await table(probe)
    assert (row["state"], row["last_error"], long.inside) == ("ready", "TimeoutError: ", 0)
