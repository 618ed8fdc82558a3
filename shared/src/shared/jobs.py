"""Work that happens after the answer: one table per service, in the same transaction as what asks for it.

A job row is written with `enqueue` inside the business transaction, so neither exists without the other. Workers
claim batches with `FOR UPDATE SKIP LOCKED`, hold them by a lease and an owner id (the fence: who lost the lease can
no longer finish the row), retry with exponential back-off and jitter, and park what will not go as `dead`, where it
is seen and can be replayed. Payloads hold ids, never personal data. Delivery is at least once: handlers are
idempotent.
"""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import logs, metrics
from shared.db import Context, Database
from shared.ids import mask_ids_in

log = logs.get(__name__)

LEASE_SECONDS = 60
MAX_BACKOFF_SECONDS = 300
LONGEST_PAUSE_SECONDS = 2.0
URGENT, NORMAL, BULK = 10, 100, 200


@dataclass(slots=True)
class Job:
    """One claimed job; `finished` once its handler has called `finish`."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    max_attempts: int
    owner: uuid.UUID
    finished: bool = False


class RetryLater(Exception):
    """Raised by a handler: not now, again after the usual back-off; the text is kept as `last_error`."""


class GiveUp(Exception):
    """Raised by a handler: never; the job is parked at once and shows in the dead-letter list."""


Handler = Callable[[Job], Awaitable[None]]
SECONDS_KEY = "seconds"
"""The attribute by which a handler says how long it may take, if longer than a lease, which is renewed meanwhile."""

_INSERT = text(
    "INSERT INTO job (kind, key, payload, priority, run_at, max_attempts)"
    " SELECT :kind, k, p::jsonb, :priority, now() + make_interval(secs => :delay), :max_attempts"
    " FROM unnest(CAST(:keys AS text[]), CAST(:payloads AS text[])) AS t(k, p)"
    " ON CONFLICT (kind, key) WHERE state = 'ready' DO NOTHING"
)

_CLAIM = text(
    # Materialized: as a plain subquery it could be run again and lock more than the limit.
    "WITH due AS MATERIALIZED (SELECT id FROM job WHERE state = 'ready' AND run_at <= now()"
    "  AND (lease_until IS NULL OR lease_until < now())"
    "  ORDER BY priority, run_at, id LIMIT :limit FOR UPDATE SKIP LOCKED)"
    " UPDATE job SET owner = :owner, attempts = attempts + 1, lease_until = now() + make_interval(secs => :lease)"
    " FROM due WHERE job.id = due.id"
    " RETURNING job.id, kind, payload, attempts, max_attempts, priority, run_at"
)

_FINISH = text(
    "UPDATE job SET state = 'done', finished_at = now(), owner = NULL, lease_until = NULL, last_error = NULL"
    " WHERE id = :id AND owner = :owner AND state = 'ready'"
)

_RENEW = text(
    # Locked first, and by the clock: from `now()`, behind a handler that holds the job for long, it were over already.
    "WITH mine AS MATERIALIZED ("
    "SELECT id FROM job WHERE id = :id AND owner = :owner AND state = 'ready' FOR NO KEY UPDATE)"
    " UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => :lease) FROM mine WHERE job.id = mine.id"
)
_HOLD = text("SELECT id FROM job WHERE id = :id AND owner = :owner AND state = 'ready' FOR SHARE")

_FAIL = text(
    "UPDATE job SET state = CASE WHEN :dead OR attempts >= max_attempts THEN 'dead' ELSE 'ready' END,"
    " run_at = now() + make_interval(secs => :delay), owner = NULL, lease_until = NULL, last_error = :error,"
    " finished_at = CASE WHEN :dead OR attempts >= max_attempts THEN now() END"
    " WHERE id = :id AND owner = :owner AND state = 'ready' RETURNING state"
)


async def enqueue(
    session: AsyncSession,
    kind: str,
    payload: Mapping[str, Any],
    *,
    key: str | None = None,
    priority: int = NORMAL,
    delay_seconds: int = 0,
    max_attempts: int = 20,
) -> None:
    """Ask for one job in this transaction.

    While a job of the same `kind` and `key` waits or runs, no second is made: `key` names the work itself (a
    decision's id), never a subject to be looked at again, for what runs may have looked already.
    """
    await enqueue_many(
        session,
        kind,
        [(key, payload)],
        priority=priority,
        delay_seconds=delay_seconds,
        max_attempts=max_attempts,
    )


async def enqueue_many(
    session: AsyncSession,
    kind: str,
    items: list[tuple[str | None, Mapping[str, Any]]],
    *,
    priority: int = NORMAL,
    delay_seconds: int = 0,
    max_attempts: int = 20,
) -> None:
    """Ask for many jobs of one kind, `(key, payload)` each, in one statement."""
    if not items:
        return
    await session.execute(
        _INSERT,
        {
            "kind": kind,
            "keys": [key for key, _ in items],
            "payloads": [msgspec.json.encode(dict(payload)).decode() for _, payload in items],
            "priority": priority,
            "delay": delay_seconds,
            "max_attempts": max_attempts,
        },
    )


async def finish(session: AsyncSession, job: Job) -> None:
    """Mark `job` done inside the handler's own transaction: its effect and its end are one commit.

    Raises `RetryLater` when the lease was lost meanwhile, so that the effect is rolled back and counted once.
    """
    result = await session.execute(_FINISH, {"id": job.id, "owner": job.owner})
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise RetryLater("The lease was lost.")
    # Should the handler's transaction fail after this, it raises, or the lease runs out: either way it comes again.
    job.finished = True


async def hold(session: AsyncSession, job: Job) -> None:
    """Let nobody else take `job` up before this transaction ends.

    Raises `RetryLater` when the lease was lost meanwhile.
    """
    result = await session.execute(_HOLD, {"id": job.id, "owner": job.owner})
    if result.one_or_none() is None:
        raise RetryLater("The lease was lost.")


def backoff_seconds(attempts: int) -> float:
    """Seconds to wait after `attempts` tries: 0.5, 1, 2, … up to five minutes, each with ± 25 % jitter."""
    base = min(0.5 * 2.0 ** min(attempts - 1, 12), MAX_BACKOFF_SECONDS)
    return base * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret


class Worker:
    """Runs the jobs of one service until told to stop; a job whose worker dies is taken up after its lease."""

    def __init__(
        self,
        database: Database,
        service: str,
        handlers: Mapping[str, Handler],
        *,
        batch: int = 16,
        idle_seconds: float = 0.2,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        self.database = database
        self.context = Context.system(service)
        self.handlers = dict(handlers)
        self.batch = batch
        self.idle_seconds = idle_seconds
        self.lease_seconds = lease_seconds
        self._stopping = False
        # Set when there is a reason to look at the table at once: to stop, or because much of what ran has ended.
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in hand and return from `run`."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Claim and run until `stop`. A database that is away is waited for, without spinning.

        At most `batch` jobs run at a time; a slow one holds its own place only.
        """
        running: set[asyncio.Task[None]] = set()

        def ended(task: asyncio.Task[None]) -> None:
            running.discard(task)
            # Not at each: claiming one by one would cost a transaction a job.
            if len(running) <= self.batch // 2:
                self._wake.set()

        pause = self.idle_seconds
        while not self._stopping:
            self._wake.clear()
            try:
                jobs = await self._claim(self.batch - len(running))
                pause = self.idle_seconds
            except Exception as error:
                log.warning("worker_database_unavailable", error=type(error).__name__)
                jobs = []
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            for job in jobs:
                task = asyncio.create_task(self._run(job))
                running.add(task)
                task.add_done_callback(ended)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
        await asyncio.gather(*running)

    async def run_once(self) -> int:
        """Claim one batch and run it; the number of jobs taken."""
        jobs = await self._claim(self.batch)
        await asyncio.gather(*(self._run(job) for job in jobs))
        return len(jobs)

    async def _claim(self, limit: int) -> list[Job]:
        if not limit:
            return []
        # An owner for each claim: a job that this very worker takes up again is fenced off from its own first try.
        owner = uuid.uuid4()
        async with self.database.transaction(self.context) as session:
            rows = await session.execute(_CLAIM, {"owner": owner, "lease": self.lease_seconds, "limit": limit})
            # What an UPDATE returns stands in no order.
            due = sorted(rows.all(), key=lambda r: (r.priority, r.run_at, r.id))
        return [Job(r.id, r.kind, r.payload, r.attempts, r.max_attempts, owner) for r in due]

    async def _run(self, job: Job) -> None:
        logs.begin(request_id=f"job-{job.id}", job_kind=job.kind, attempt=job.attempts)
        try:
            await self._try(job)
        except Exception as error:
            # How it ended could not be written down: the lease runs out and the job is taken up again.
            log.warning("job_end_not_recorded", error=type(error).__name__)

    async def _try(self, job: Job) -> None:
        handler = self.handlers.get(job.kind)
        try:
            if handler is None:
                raise GiveUp(f"No handler for {job.kind}.")
            if job.attempts > 2 * job.max_attempts:
                # Never seen to fail, and yet never done: each try has taken its worker with it.
                raise GiveUp("Every worker that tried it died.")
            seconds = getattr(handler, SECONDS_KEY, None)
            async with asyncio.timeout(seconds or self.lease_seconds * 0.8):
                await (handler(job) if seconds is None else self._long(handler, job))
            if not job.finished:
                async with self.database.transaction(self.context) as session:
                    await session.execute(_FINISH, {"id": job.id, "owner": job.owner})
            metrics.JOBS.labels(job.kind, "done").inc()
        except Exception as error:
            await self._failed(job, error)

    async def _long(self, handler: Handler, job: Job) -> None:
        """Run a handler that takes longer than a lease, and renew it; one whose lease is lost all the same is stopped.

        So a job whose worker was killed is taken up after one lease, however long its work may take.
        """
        work = asyncio.ensure_future(handler(job))
        try:
            while not (await asyncio.wait({work}, timeout=self.lease_seconds / 3))[0]:
                if not await self._renewed(job):
                    raise RetryLater("The lease was lost.")
            work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _renewed(self, job: Job) -> bool:
        """Whether the job is still this worker's; a database that cannot be asked has not said that it is not."""
        try:
            async with self.database.transaction(self.context) as session:
                told = await session.execute(_RENEW, {"id": job.id, "owner": job.owner, "lease": self.lease_seconds})
        except Exception as error:
            log.warning("lease_not_renewed", error=type(error).__name__)
            return True
        # Whose handler has just finished it is done, and has lost nothing.
        return told.rowcount == 1 or job.finished  # type: ignore[attr-defined]

    async def _failed(self, job: Job, error: Exception) -> None:
        expected = isinstance(error, RetryLater | GiveUp | TimeoutError)
        reason = f"{type(error).__name__}: {error}" if expected else type(error).__name__
        async with self.database.transaction(self.context) as session:
            state = (
                await session.execute(
                    _FAIL,
                    {
                        "id": job.id,
                        "owner": job.owner,
                        "dead": isinstance(error, GiveUp),
                        "delay": backoff_seconds(job.attempts),
                        "error": mask_ids_in(reason)[:500],
                    },
                )
            ).scalar()
        metrics.JOBS.labels(job.kind, state or "lost").inc()
        log.warning("job_failed", reason=reason, state=state, exc_info=None if expected else error)
