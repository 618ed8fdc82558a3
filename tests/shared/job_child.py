"""A worker in a process of its own, to be killed: `python -m tests.shared.job_child <database url> <manner>`.

Its jobs write one row of `effect`. `atomic`: row and end of the job in one transaction, of which the process says a
word before it commits. `apart`: the row alone, committed, then a word; the job is ended by the worker afterwards.
"""

import asyncio
import sys

from sqlalchemy import text

from shared import jobs
from shared.db import Context, Database


async def main(url: str, manner: str) -> None:
    """Run until killed."""
    database = Database(url)

    async def handle(job: jobs.Job) -> None:
        async with database.transaction(Context.system("notify")) as session:
            await session.execute(text("INSERT INTO effect (what) VALUES (:w)"), {"w": job.payload["n"]})
            if manner == "atomic":
                await jobs.finish(session, job)
                await asyncio.to_thread(print, "in hand", flush=True)
                await asyncio.sleep(0.02)
        if manner == "apart":
            await asyncio.to_thread(print, "in hand", flush=True)
            await asyncio.sleep(60)

    await jobs.Worker(database, "notify", {"work": handle}, batch=4, lease_seconds=1).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
