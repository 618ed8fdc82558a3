"""Identity in a process of its own, to be killed: `python -m tests.support.faults_child <port> <manner>`.

`together` is the product. `apart` has a fault planted that only this file knows: what is to be done later is written
down in a transaction of its own, after the one it belongs to.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from identity.main import create_app
from shared import jobs
from shared.db import Context, Database

LATER = "later"
# Seconds that the way to a database on another machine takes; without it a kill hits what is between rarely.
ON_THE_WAY = 0.01


def plant() -> None:
    """Plant the fault in this process."""
    transaction, enqueue_many = Database.transaction, jobs.enqueue_many

    async def note(
        session: AsyncSession, kind: str, items: list[tuple[str | None, Mapping[str, Any]]], **how: int
    ) -> None:
        session.info.setdefault(LATER, []).append((kind, items, how))

    @asynccontextmanager
    async def apart(self: Database, context: Context) -> AsyncIterator[AsyncSession]:
        async with transaction(self, context) as session:
            yield session
        for kind, items, how in session.info.get(LATER, ()):
            await asyncio.sleep(ON_THE_WAY)
            async with transaction(self, context) as second:
                await enqueue_many(second, kind, items, **how)

    jobs.enqueue_many = note
    Database.transaction = apart  # type: ignore[method-assign]


if __name__ == "__main__":
    port, manner = sys.argv[1:]
    if manner == "apart":
        plant()
    uvicorn.run(create_app(), host="127.0.0.1", port=int(port), access_log=False, log_level="warning")
