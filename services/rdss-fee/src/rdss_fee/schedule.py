"""Work that is done again and again: a job that asks for itself, once it is done.

    handlers = {"bank.drop": repeating(database, "bank.drop", 30, work), …}

`ensure`, at the start of the worker, asks for those that nobody has asked for. There is one job of each kind at a time,
however many workers run: its kind is its key.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from shared import jobs, logs
from shared.db import Context, Database

log = logs.get(__name__)


class Repeating:
    """The handler of a job that comes again `every` so many seconds after it was done. `work` may be tried more than
    once, as that of any job; what fails as often as it may be tried is left to the next turn.
    """

    def __init__(self, database: Database, kind: str, every: int, work: jobs.Handler) -> None:
        self.kind = kind
        self._database = database
        self._every = every
        self._work = work
        seconds = getattr(work, jobs.SECONDS_KEY, None)
        if seconds is not None:
            setattr(self, jobs.SECONDS_KEY, seconds)

    async def __call__(self, job: jobs.Job) -> None:
        """Do the work, and ask for the next turn as this one ends."""
        try:
            await self._work(job)
        except Exception as error:
            if job.attempts < job.max_attempts:
                raise
            # Parked, it would never come again.
            log.error("repeating_work_failed", job_kind=self.kind, error=type(error).__name__)
        async with self._database.transaction(Context.system("rdss-fee")) as session:
            # In this order, because the next has the same key.
            await jobs.finish(session, job)
            await self.ask(session, self._every)

    async def ask(self, session: AsyncSession, delay_seconds: int = 0) -> None:
        """Ask for a turn, unless one waits or runs."""
        await jobs.enqueue(session, self.kind, {}, key=self.kind, delay_seconds=delay_seconds)


def repeating(database: Database, kind: str, seconds: int, work: jobs.Handler) -> Repeating:
    """The handler that does `work`, and again `seconds` after it was done."""
    return Repeating(database, kind, seconds, work)


async def ensure(session: AsyncSession, handlers: Mapping[str, jobs.Handler]) -> None:
    """Ask for the first turn of all that repeats; what waits or runs already is left alone."""
    for handler in handlers.values():
        if isinstance(handler, Repeating):
            await handler.ask(session)
