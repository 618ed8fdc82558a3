"""Jobs asked for, and somebody who does them as a test says."""

import asyncio
from datetime import datetime
from typing import Any

from sqlalchemy import text

from shared import jobs
from shared.db import Context
from shared.jobs import Job, Worker
from tests.shared.probe import Probe, owner

SYSTEM = Context.system("notify")


async def ask(probe: Probe, *names: str, kind: str = "work", **options: Any) -> None:
    """One job for each name."""
    async with probe.database.transaction(SYSTEM) as session:
        for name in names:
            await jobs.enqueue(session, kind, {"n": name}, **options)


async def table(probe: Probe) -> list[Any]:
    return await owner(probe.urls, "SELECT * FROM job ORDER BY id")


async def states(probe: Probe) -> list[str]:
    return [row["state"] for row in await table(probe)]


async def now(probe: Probe) -> None:
    """Let all back-offs and leases be over."""
    await owner(probe.urls, "UPDATE job SET run_at = now(), owner = NULL, lease_until = NULL WHERE state = 'ready'")


async def lease_after(probe: Probe, before: datetime | None = None) -> datetime:
    """Wait until somebody is at work on it, or has renewed the lease that he had `before`; until when it is his."""
    async with asyncio.timeout(30):
        while True:
            (row,) = await table(probe)
            if row["lease_until"] not in (None, before):
                until: datetime = row["lease_until"]
                return until
            await asyncio.sleep(0.02)


class Doing:
    """A handler that notes what it was given, and does what the test says."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.done: list[str] = []
        self.most = self.inside = 0
        self.pause = 0.0
        self.raises: BaseException | None = None

    async def __call__(self, job: Job) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(self.pause)
            if self.raises:
                raise self.raises
            self.done.append(job.payload["n"])
        finally:
            self.inside -= 1

    async def with_effect(self, job: Job) -> None:
        """Effect and end in one transaction."""
        async with self.probe.database.transaction(SYSTEM) as session:
            await session.execute(text("INSERT INTO effect (what) VALUES (:w)"), {"w": job.payload["n"]})
            await asyncio.sleep(self.pause)
            await jobs.finish(session, job)

    def worker(self, **options: Any) -> Worker:
        return Worker(self.probe.database, "notify", {"work": self, "effect": self.with_effect}, **options)
