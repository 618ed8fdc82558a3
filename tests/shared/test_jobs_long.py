"""Jobs that take longer than a lease: it is renewed for as long as somebody is at work on them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import jobs
from shared.jobs import Job, Worker
from tests.shared.doing import SYSTEM, Doing, ask, lease_after, states, table
from tests.shared.probe import Probe, owner

LEASE = 3
"""Seconds: the loop of a busy machine may stand still for one of them."""


class Long(Doing):
    """A handler that says that it takes longer than a lease."""

    seconds = 20


async def _beside_another_worker(probe: Probe) -> Doing:
    """A job of more than two leases, and somebody who looks for work all the time: the latter."""
    await ask(probe, "x", kind="effect")
    long, other = Long(probe), Doing(probe)
    long.pause = 2.5 * LEASE
    handlers = {"effect": type("_", (), {"seconds": 60, "__call__": lambda _, job: long.with_effect(job)})()}
    at_work = asyncio.create_task(Worker(probe.database, "notify", handlers, lease_seconds=LEASE).run_once())
    await lease_after(probe)
    while not at_work.done():
        await Worker(probe.database, "notify", {"effect": other}).run_once()
        await asyncio.sleep(0.05)
    await at_work
    return other


async def test_its_lease_is_renewed_for_as_long_as_it_is_at_work(probe):
    other = await _beside_another_worker(probe)
    (row,) = await table(probe)
    assert (row["state"], row["attempts"], other.done) == ("done", 1, [])
    assert await probe.effects() == ["x"]


async def test_control_without_renewing_another_takes_it_up(probe, monkeypatch):
    monkeypatch.setattr(
        jobs, "_RENEW", text("UPDATE job SET kind = kind WHERE id = :id AND owner = :owner OR :lease = 0")
    )
    other = await _beside_another_worker(probe)
    assert other.done == ["x"]
    assert await probe.effects() == []


async def test_whose_worker_is_gone_is_taken_up_after_one_lease_however_long_it_may_take(probe):
    await ask(probe, "x")
    long, other = Long(probe), Doing(probe)
    long.pause, long.seconds = 60.0, 900
    at_work = asyncio.create_task(long.worker(lease_seconds=LEASE).run_once())
    await lease_after(probe, await lease_after(probe))
    (renewed,) = await owner(probe.urls, "SELECT lease_until - now() AS left FROM job")
    at_work.cancel()
    await asyncio.gather(at_work, return_exceptions=True)
    assert renewed["left"] <= timedelta(seconds=LEASE)
    assert await other.worker().run_once() == 0
    await asyncio.sleep(LEASE)
    assert await other.worker().run_once() == 1
    assert (long.done, other.done, await states(probe)) == ([], ["x"], ["done"])


async def test_who_lost_it_all_the_same_stops(probe):
    await ask(probe, "x")
    long = Long(probe)
    long.pause = 60.0
    at_work = asyncio.create_task(long.worker(lease_seconds=LEASE).run_once())
    await lease_after(probe)
    await owner(probe.urls, "UPDATE job SET owner = gen_random_uuid()")
    await asyncio.wait_for(at_work, 30)
    assert (long.inside, long.done, await states(probe)) == (0, [], ["ready"])


async def _claimed(probe: Probe) -> Job:
    """Somebody's job, whose lease is over already."""
    await ask(probe, "x")
    (job,) = await Doing(probe).worker(lease_seconds=0)._claim(1)
    return job


HELD_BY_NOBODY = text("SELECT id FROM job WHERE id = :id AND owner = :owner AND state = 'ready'")


@pytest.mark.parametrize("shared_lock", [True, False])
async def test_a_job_is_held_until_its_transaction_ends(probe, monkeypatch, shared_lock):
    """Planted: looked at without a lock, it is taken up by another."""
    if not shared_lock:
        monkeypatch.setattr(jobs, "_HOLD", HELD_BY_NOBODY)
    job, other = await _claimed(probe), Doing(probe)
    async with probe.database.transaction(SYSTEM) as session:
        await jobs.hold(session, job)
        assert await other.worker().run_once() == (0 if shared_lock else 1)
    assert await other.worker().run_once() == (1 if shared_lock else 0)


async def test_who_lost_a_job_holds_it_no_longer(probe):
    job = await _claimed(probe)
    await owner(probe.urls, "UPDATE job SET owner = gen_random_uuid()")
    async with probe.database.transaction(SYSTEM) as session:
        with pytest.raises(jobs.RetryLater):
            await jobs.hold(session, job)


async def test_a_lease_that_waited_to_be_renewed_begins_when_it_is(probe):
    job = await _claimed(probe)
    worker = Doing(probe).worker(lease_seconds=LEASE)
    async with probe.database.transaction(SYSTEM) as session:
        await jobs.hold(session, job)
        renewing = asyncio.create_task(worker._renewed(job))
        await asyncio.sleep(LEASE)
    assert await renewing
    (row,) = await owner(probe.urls, "SELECT lease_until - now() AS left FROM job")
    assert row["left"] > timedelta(seconds=LEASE / 2)


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
