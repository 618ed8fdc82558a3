"""Jobs: with the transaction or not at all, each once at a time, again after a death, and never silently gone."""

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from local.databases import plain
from shared import audit, jobs
from shared.db import Database
from shared.jobs import GiveUp, Job, RetryLater, Worker, backoff_seconds
from tests.shared.doing import SYSTEM, Doing, ask, lease_after, now, states, table
from tests.shared.probe import PLANTED, Probe, owner
from tests.support.starvation import Stopwatch


@pytest.fixture
def doing(probe) -> Doing:
    return Doing(probe)


class TestAsking:
    async def test_a_job_is_there_when_the_transaction_is_and_not_otherwise(self, probe):
        await ask(probe, "kept")
        with contextlib.suppress(ZeroDivisionError):
            async with probe.database.transaction(SYSTEM) as session:
                await jobs.enqueue(session, "work", {"n": "rolled back"})
                raise ZeroDivisionError
        assert [row["payload"] for row in await table(probe)] == ['{"n": "kept"}']

    async def test_what_is_being_done_under_a_key_is_not_asked_for_twice(self, probe, doing):
        await ask(probe, "a", "b", key="k")
        await ask(probe, "c", key="other")
        async with probe.database.transaction(SYSTEM) as session:
            await jobs.enqueue_many(session, "work", [("k", {"n": "d"}), ("e", {"n": "e"}), ("e", {"n": "f"})])
            await jobs.enqueue_many(session, "work", [])
        await ask(probe, "g", kind="else", key="k")
        assert len(await table(probe)) == 4
        await doing.worker().run_once()
        assert sorted(doing.done) == ["a", "c", "e"]
        await ask(probe, "again", key="k")
        await doing.worker().run_once()
        assert doing.done[-1] == "again"

    async def test_without_a_key_every_job_is_its_own(self, probe):
        await ask(probe, "a", "a")
        assert len(await table(probe)) == 2

    async def test_a_job_may_wait(self, probe, doing):
        await ask(probe, "later", delay_seconds=60)
        assert await doing.worker().run_once() == 0


class TestClaiming:
    async def test_two_workers_share_and_none_is_done_twice(self, probe, doing):
        await ask(probe, *map(str, range(60)))
        doing.pause = 0.01
        workers = [doing.worker(batch=5) for _ in range(4)]
        while sum(await asyncio.gather(*(worker.run_once() for worker in workers))):
            pass
        assert Counter(doing.done) == Counter(map(str, range(60)))
        assert set(await states(probe)) == {"done"}

    async def test_the_urgent_come_first_then_the_older(self, probe, doing):
        await ask(probe, "bulk", priority=jobs.BULK)
        await ask(probe, "first", "second")
        await ask(probe, "urgent", priority=jobs.URGENT)
        while await doing.worker(batch=1).run_once():
            pass
        assert doing.done == ["urgent", "first", "second", "bulk"]

    async def test_no_more_than_asked_for_are_claimed(self, probe, doing):
        await ask(probe, *map(str, range(20)))
        assert await doing.worker(batch=7).run_once() == 7
        assert doing.most == 7

    async def test_an_unknown_kind_is_parked_where_it_is_seen(self, probe, doing):
        await ask(probe, "x", kind="from a newer release")
        await doing.worker().run_once()
        (row,) = await table(probe)
        assert (row["state"], row["last_error"]) == ("dead", "GiveUp: No handler for from a newer release.")


class TestFailing:
    @pytest.mark.parametrize(
        ("error", "state", "said"),
        [
            (RetryLater("answered 503"), "ready", "RetryLater: answered 503"),
            (ValueError(PLANTED), "ready", "ValueError"),
            (TimeoutError(), "ready", "TimeoutError: "),
            (GiveUp("refused"), "dead", "GiveUp: refused"),
            (RetryLater(f"what a peer said of {PLANTED}"), "ready", "RetryLater: what a peer said of A12****789"),
            (RetryLater("x" * 9_000), "ready", "RetryLater: " + "x" * 488),
        ],
    )
    async def test_how_it_ends_and_what_is_kept_of_it(self, probe, doing, said, error, state):
        await ask(probe, "x")
        doing.raises = error
        ((before,),) = await owner(probe.urls, "SELECT clock_timestamp()")
        await doing.worker().run_once()
        (row,) = await table(probe)
        assert (row["state"], row["last_error"]) == (state, said)
        assert (row["owner"], row["lease_until"], row["attempts"]) == (None, None, 1)
        assert (row["finished_at"] is None) == (state == "ready")
        # By the table and not by asking at once: a slow machine comes to ask when it is due.
        assert row["run_at"] - before > timedelta(seconds=0.37) or state == "dead"
        await owner(probe.urls, "UPDATE job SET run_at = run_at + interval '1 hour'")
        assert await doing.worker().run_once() == 0

    async def test_it_is_tried_again_until_it_works(self, probe, doing):
        await ask(probe, "x")
        doing.raises = RetryLater("not yet")
        for _ in range(3):
            await now(probe)
            await doing.worker().run_once()
        doing.raises = None
        await now(probe)
        await doing.worker().run_once()
        (row,) = await table(probe)
        assert (doing.done, row["state"], row["attempts"], row["last_error"]) == (["x"], "done", 4, None)

    async def test_what_will_not_go_is_parked_in_the_end(self, probe, doing):
        await ask(probe, "x", max_attempts=3)
        doing.raises = RetryLater("never")
        for tries in range(1, 5):
            await now(probe)
            assert await doing.worker().run_once() == (tries <= 3)
        (row,) = await table(probe)
        assert (row["state"], row["attempts"]) == ("dead", 3)

    async def test_what_kills_its_workers_is_parked_in_the_end(self, probe, doing):
        """It never comes to fail, for nobody is left to say so."""
        await ask(probe, "x", max_attempts=3)
        await owner(probe.urls, "UPDATE job SET attempts = 6")
        await doing.worker().run_once()
        (row,) = await table(probe)
        assert (row["state"], doing.done) == ("dead", [])
        assert "died" in row["last_error"]

    async def test_one_failure_does_not_touch_the_others(self, probe, doing):
        await ask(probe, "bad", kind="unknown")
        await ask(probe, "good")
        await doing.worker().run_once()
        assert sorted(await states(probe)) == ["dead", "done"]

    async def test_a_handler_gets_four_fifths_of_its_lease(self, probe, doing):
        await ask(probe, "x")
        doing.pause = 60
        started, watch = time.monotonic(), Stopwatch()
        await doing.worker(lease_seconds=1).run_once()
        assert time.monotonic() - started > 0.7
        assert watch.seconds < 1.0
        (row,) = await table(probe)
        assert (row["state"], row["last_error"], row["owner"]) == ("ready", "TimeoutError: ", None)

    def test_the_pauses_grow_to_five_minutes(self):
        for attempts, base in ((1, 0.5), (2, 1), (3, 2), (9, 128), (11, 300), (2_000, 300)):
            assert all(0.75 * base <= backoff_seconds(attempts) <= 1.25 * base for _ in range(50))


class TestLeases:
    async def test_who_lost_the_lease_can_no_longer_finish(self, probe, doing):
        """The first is slow beyond its lease; the second takes over and ends it; the first has no effect."""
        await ask(probe, "x", kind="effect")
        slow, quick = Doing(probe), Doing(probe)
        slow.pause = 1.5
        first = asyncio.create_task(slow.worker().run_once())
        await lease_after(probe)
        assert await quick.worker().run_once() == 0
        await owner(probe.urls, "UPDATE job SET lease_until = now() - interval '1 second'")
        assert await quick.worker().run_once() == 1
        await first
        assert await probe.effects() == ["x"]
        (row,) = await table(probe)
        assert (row["state"], row["attempts"], row["last_error"]) == ("done", 2, None)

    async def test_nor_can_it_spoil_what_the_second_is_at(self, probe):
        """The first fails after the second took over: the second's lease stands."""
        await ask(probe, "x")
        failing, slow = Doing(probe), Doing(probe)
        failing.raises, failing.pause, slow.pause = ValueError(), 1.5, 4.0
        first = asyncio.create_task(failing.worker().run_once())
        await lease_after(probe)
        await owner(probe.urls, "UPDATE job SET lease_until = now() - interval '1 second'")
        second = asyncio.create_task(slow.worker().run_once())
        await first
        (row,) = await table(probe)
        assert row["owner"] is not None
        await second
        assert await states(probe) == ["done"]

    async def test_the_same_worker_is_fenced_off_from_its_own_first_try(self, probe):
        await ask(probe, "x", kind="effect")
        doing = Doing(probe)
        doing.pause = 1.5
        worker = doing.worker()
        first = asyncio.create_task(worker.run_once())
        await lease_after(probe)
        await owner(probe.urls, "UPDATE job SET lease_until = now() - interval '1 second'")
        await asyncio.gather(first, worker.run_once())
        assert (await probe.effects(), await states(probe)) == (["x"], ["done"])

    async def test_without_the_fence_there_would_be_two_effects(self, probe, monkeypatch):
        """Negative control of the three tests above."""
        monkeypatch.setattr(jobs, "_FINISH", text("UPDATE job SET state = 'done' WHERE id = :id OR owner = :owner"))
        await ask(probe, "x", kind="effect")
        slow, quick = Doing(probe), Doing(probe)
        slow.pause = 1.5
        first = asyncio.create_task(slow.worker().run_once())
        await lease_after(probe)
        await owner(probe.urls, "UPDATE job SET lease_until = now() - interval '1 second'")
        await quick.worker().run_once()
        await first
        assert await probe.effects() == ["x", "x"]


async def child(probe: Probe, manner: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.shared.job_child", probe.urls.app, manner, stdout=asyncio.subprocess.PIPE
    )


async def killed_in_hand(probe: Probe, manner: str) -> None:
    """Start a worker process and kill it while it says that jobs are in hand."""
    process = await child(probe, manner)
    assert process.stdout is not None
    assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def taken_over(probe: Probe, kind: str) -> list[str]:
    """Wait for the dead one's leases, then do what is left in this process."""
    doing = Doing(probe)
    worker = Worker(probe.database, "notify", {"work": doing.with_effect if kind == "atomic" else doing})
    for _ in range(100):
        await worker.run_once()
        if "ready" not in await states(probe):
            break
        await asyncio.sleep(0.05)
    return doing.done


class TestDeath:
    async def test_killed_in_the_middle_each_job_has_one_effect(self, probe):
        names = [f"{n:02}" for n in range(12)]
        await ask(probe, *names)
        await killed_in_hand(probe, "atomic")
        assert (await states(probe)).count("ready") >= 8
        await taken_over(probe, "atomic")
        assert sorted(await probe.effects()) == names
        assert set(await states(probe)) == {"done"}

    async def test_an_effect_apart_from_its_end_is_doubled(self, probe):
        """Negative control: at least once is what a handler gets that does not `finish` in its own transaction."""
        await ask(probe, "x")
        await killed_in_hand(probe, "apart")
        assert await probe.effects() == ["x"]
        assert await taken_over(probe, "apart") == ["x"]


class TestRunning:
    async def test_told_to_stop_it_finishes_what_is_in_hand(self, probe, doing):
        await ask(probe, *map(str, range(30)))
        doing.pause = 0.2
        worker = doing.worker(batch=4)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            while doing.inside < 4:  # noqa: ASYNC110 - what is waited for is the handler's
                await asyncio.sleep(0.01)
        worker.stop()
        await asyncio.wait_for(running, 20)
        assert Counter(await states(probe)) == {"done": 4, "ready": 26}
        assert len(doing.done) == 4
        assert [row["owner"] for row in await table(probe) if row["state"] == "ready"] == [None] * 26

    async def test_a_slow_job_holds_its_own_place_only(self, probe):
        fast, slow, go_on = Doing(probe), Doing(probe), asyncio.Event()

        async def wait_and_do(job: Job) -> None:
            await go_on.wait()
            await slow(job)

        await ask(probe, "slow", kind="slow", priority=jobs.URGENT)
        await ask(probe, *map(str, range(40)))
        worker = Worker(probe.database, "notify", {"work": fast, "slow": wait_and_do}, batch=4)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            while len(fast.done) < 40:  # noqa: ASYNC110 - what is waited for is the handler's
                await asyncio.sleep(0.01)
        assert slow.done == []
        worker.stop()
        go_on.set()
        await running
        assert slow.done == ["slow"]

    async def test_never_more_at_a_time_than_the_batch(self, probe, doing):
        await ask(probe, *map(str, range(40)))
        doing.pause = 0.005
        worker = doing.worker(batch=6)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(20):
            while len(doing.done) < 40:  # noqa: ASYNC110 - what is waited for is the handler's
                await asyncio.sleep(0.01)
        worker.stop()
        await running
        assert doing.most == 6

    async def test_while_the_database_is_away_it_waits_without_spinning(self, said):
        """Nothing listens: few tries, hardly any work, and told to stop it stops."""
        worker = Worker(Database("postgresql+asyncpg://a:b@127.0.0.1:1/c"), "notify", {}, idle_seconds=0.05)
        lines: list[Any] = []
        running = asyncio.create_task(worker.run())
        started, busy = time.monotonic(), time.process_time()
        async with asyncio.timeout(20):
            while len(lines) < 4:
                await asyncio.sleep(0.05)
                lines += [line for line in said() if line["event"] == "worker_database_unavailable"]
        # After the first three tries 0.1, 0.2 and 0.4 s.
        assert time.monotonic() - started > 0.6
        assert time.process_time() - busy < 0.3
        worker.stop()
        await asyncio.wait_for(running, 20)

    async def test_it_survives_its_connections_and_goes_on(self, probe, doing):
        """Every connection is cut, again and again, in the middle of jobs; at the end each has one effect."""
        names = [f"{n:02}" for n in range(20)]
        await ask(probe, *names, kind="effect")
        doing.pause = 0.02
        worker = doing.worker(batch=4, idle_seconds=0.02, lease_seconds=1)
        running = asyncio.create_task(worker.run())
        cutter = await asyncpg.connect(plain(probe.urls.app))
        for _ in range(5):
            await asyncio.sleep(0.05)
            await cutter.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        await cutter.close()
        for _ in range(300):
            if set(await states(probe)) == {"done"}:
                break
            await asyncio.sleep(0.02)
        worker.stop()
        await running
        assert sorted(await probe.effects()) == names

    async def test_an_end_that_cannot_be_written_down_is_left_to_the_lease(self, probe, doing, monkeypatch, said):
        await ask(probe, "x")
        monkeypatch.setattr(jobs, "_FINISH", text("SELECT 1/0 WHERE :id = 1 OR :owner IS NULL"))
        monkeypatch.setattr(jobs, "_FAIL", text("SELECT 1/0"))
        await doing.worker(lease_seconds=1).run_once()
        assert "job_end_not_recorded" in {line["event"] for line in said()}
        monkeypatch.undo()
        (row,) = await table(probe)
        assert (row["state"], row["owner"] is None) == ("ready", False)
        await asyncio.sleep(1.0)
        await doing.worker().run_once()
        assert await states(probe) == ["done"]

    async def test_what_a_job_does_is_audited_under_its_number(self, probe):
        async def act(job: Job) -> None:
            async with probe.database.transaction(SYSTEM) as session:
                await audit.record(session, "thing.done", "thing", 1)

        await ask(probe, "x")
        await Worker(probe.database, "notify", {"work": act}).run_once()
        rows = await owner(probe.urls, "SELECT 'job-' || j.id AS job, a.request_id FROM audit_entry a, job j")
        assert [row["request_id"] for row in rows] == [row["job"] for row in rows]
        assert len(rows) == 1

    async def test_what_is_logged_names_the_job_and_nothing_it_holds(self, probe, doing, said):
        await ask(probe, PLANTED)
        doing.raises = ValueError(PLANTED)
        await doing.worker().run_once()
        (line,) = [line for line in said() if line["event"] == "job_failed"]
        assert (line["job_kind"], line["attempt"], line["reason"]) == ("work", 1, "ValueError")
        assert line["request_id"].startswith("job-")
        assert PLANTED not in str(line)
