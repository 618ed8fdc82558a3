"""A worker as a service has one, in a process of its own: `python -m tests.shared.worker_child`.

Its jobs take half a second and write one row of `effect`.
"""

import asyncio
from collections.abc import Mapping

from sqlalchemy import text

from shared import http, jobs, logs, worker
from shared.db import Context, Database
from shared.settings import Settings


def handlers(_settings: Settings, database: Database, _client: http.AsyncClient) -> Mapping[str, jobs.Handler]:
    """One kind of job."""

    async def work(job: jobs.Job) -> None:
        logs.get(__name__).info("in hand")
        await asyncio.sleep(0.5)
        async with database.transaction(Context.system("notify")) as session:
            await session.execute(text("INSERT INTO effect (what) VALUES (:w)"), {"w": job.payload["n"]})
            await jobs.finish(session, job)

    return {"work": work}


if __name__ == "__main__":
    worker.main("notify", handlers)
