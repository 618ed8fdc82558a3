"""What finance or the worker does, in a process that is killed at one of its commits, or that kills the postmaster.

Each story may be told again from its start, as its teller would who got no answer: the same requests under the same
keys, and what the worker left undone.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final
from unittest.mock import patch

import asyncpg
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from local.databases import Urls
from rdss_fee.accounts.numbers import Account
from rdss_fee.billing.jobs import COMPUTE
from rdss_fee.months import Month
from rdss_fee.payments import dropping
from rdss_fee.payments.service.take_file import Taken
from rdss_fee.schedule import ensure
from rdss_fee.worker import handlers
from shared import events, http, jobs
from shared.db import Context, Database
from tests.rdss_fee.bank import Paid, file_of
from tests.rdss_fee.support import FINANCE, FINANCE_2, SCHEME, Fee
from tests.support.services import running

SEPTEMBER, OCTOBER = Month(2026, 9), Month(2026, 10)


@dataclass(frozen=True)
class Kill:
    """Who is killed at which commit (counted from 1): before it is sent, or once it is done."""

    commit: int
    after: bool
    victim: int | None = None  # a process; none: this one


@dataclass(frozen=True)
class World:
    """Where a story is told."""

    urls: Urls
    field_keys: str
    clock_file: str
    drop_dir: str


async def _worked(fee: Fee, *kinds: str) -> None:
    """The worker does what is due of these kinds."""
    client = http.client()
    try:
        known = handlers(fee.service.settings, fee.service.database, client)
        wanted = {kind: known[kind] for kind in kinds}
        async with fee.service.database.transaction(Context.system("rdss-fee")) as session:
            await ensure(session, wanted)
        await jobs.Worker(fee.service.database, "rdss-fee", wanted).run_once()
    finally:
        await client.aclose()


async def billed(fee: Fee) -> None:
    """October's run is asked for, computed, and issued by another."""
    asked = await fee.post("/billing-runs", FINANCE, {"month": "2026-10"}, Idempotency_Key="ask-october")
    assert asked.status_code == 202, asked.text
    await _worked(fee, COMPUTE)
    path = f"/billing-runs/{asked.json()['id']}"
    found = (await fee.get(path, FINANCE)).json()
    # Told again, it is issued as it was previewed.
    version = found["version"] - (found["state"] == "issued")
    issued = await fee.post(f"{path}/issue", FINANCE_2, Idempotency_Key="issue-october", if_match=f'"{version}"')
    assert issued.status_code == 200, issued.text


def paid() -> bytes:
    """A day's file: whole, in part, too much, to no notice, a number that is none, and one taken back."""
    number = SCHEME.number(Account(SEPTEMBER, 1))
    other = SCHEME.number(Account(SEPTEMBER, 2))
    nobody = SCHEME.number(Account(SEPTEMBER, 900))
    wrong = nobody[:-1] + str((int(nobody[-1]) + 1) % 10)
    lines = [(number, 30_100), (other, 10_000), (other, 25_000), (nobody, 77), (wrong, 78), (number, -30_100)]
    return file_of(*(Paid(account, amount, at) for at, (account, amount) in enumerate(lines, 1)))


async def uploaded(fee: Fee) -> None:
    """Finance uploads the file."""
    answer = await fee.http.post(
        "/rdss-fee/v1/bank-files?layout=bank_of_taiwan",
        headers={**FINANCE, "Idempotency-Key": "upload-september", "Content-Type": "text/plain"},
        content=paid(),
    )
    assert answer.status_code in {200, 201}, answer.text


async def dropped(fee: Fee) -> None:
    """The worker takes it from the folder."""
    await _worked(fee, dropping.KIND)


STORIES: Final[dict[str, Callable[[Fee], Awaitable[None]]]] = {
    "billed": billed, "uploaded": uploaded, "dropped": dropped,
}  # fmt: skip


def _plant(kill: Kill | None) -> Callable[[], int]:
    """Count this process's commits from here on, and kill at one of them."""
    execute, made = asyncpg.Connection.execute, 0

    async def counted(self: asyncpg.Connection, query: str, *args: Any, **how: Any) -> Any:
        nonlocal made
        if not query.upper().startswith("COMMIT"):
            return await execute(self, query, *args, **how)
        made += 1
        if kill is None or kill.commit != made:
            return await execute(self, query, *args, **how)
        if kill.after:
            await execute(self, query, *args, **how)
        os.kill(kill.victim or os.getpid(), signal.SIGKILL)
        # The postmaster was killed: its backends notice, this one perhaps not before it has done as it was told.
        return None if kill.after else await execute(self, query, *args, **how)

    asyncpg.Connection.execute = counted
    return lambda: made


# -- planted faults ----------------------------------------------------------------------------------------------------


def _told_at_once(database: Database) -> None:
    """Who is to be told of notices is, whether they are issued or not."""
    publish_many = events.publish_many

    async def at_once(_session: AsyncSession, *told: Any) -> None:
        async with database.transaction(Context.system("rdss-fee")) as session:
            await publish_many(session, *told)

    patch.object(events, "publish_many", at_once).start()


def _moved_first(_database: Database) -> None:
    """A file is laid aside as taken before it is booked."""
    move, take = dropping._move, dropping.take_dropped

    async def first(database: Database, file: dropping.Dropped, data: bytes) -> Taken:
        await asyncio.to_thread(move, file, "taken")
        return await take(database, file, data)

    patch.object(dropping, "take_dropped", first).start()
    patch.object(dropping, "_move", lambda *_: None).start()


FAULTS: Final[dict[str, Callable[[Database], None]]] = {"told_at_once": _told_at_once, "moved_first": _moved_first}


# -- the process -------------------------------------------------------------------------------------------------------


async def tell(story: str, world: World, kill: Kill | None, fault: str | None) -> int:
    """Tell it; how many commits that took. Raises whatever comes of a server that is gone."""
    os.environ["MUSTER_CLOCK_FILE"] = world.clock_file
    changes = {"field_keys": SecretStr(world.field_keys), "bank_drop_dir": world.drop_dir}
    async with running("rdss-fee", world.urls, **changes) as service:
        if fault is not None:
            FAULTS[fault](service.database)
        made = _plant(kill)
        await STORIES[story](Fee(service))
        return made()


def child(told: Pipe, story: str, world: World, kill: Kill | None, fault: str | None) -> None:
    """The process: sends how many commits it made, if it lives."""
    told.send(asyncio.run(tell(story, world, kill, fault)))
