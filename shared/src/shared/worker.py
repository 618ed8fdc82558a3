"""The worker process of a service: `python -m <package>.worker` is one call of `main`."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from shared import crypto, events, http, jobs, logs
from shared.audit_heads import HEAD_KEY, FileHeads
from shared.audit_seal import Sealer
from shared.clock import ClockError
from shared.db import Context, Database, check_clock
from shared.settings import ServiceName, Settings, SettingsError, load

# Seconds for the sealer to come to its end.
SEALING_ENDS = 5.0

Handlers = Callable[[Settings, Database, http.AsyncClient], Mapping[str, jobs.Handler]]
Begin = Callable[[AsyncSession, Mapping[str, jobs.Handler]], Awaitable[None]]


def main(service: ServiceName, handlers: Handlers, begin: Begin | None = None) -> None:
    """Run the jobs of `service`, event delivery included, until SIGTERM or SIGINT; what is in hand is finished.

    Beside them its audit rows are sealed. `begin` is done first, in a transaction of its own: it may ask for jobs.

    Exits with 1 and one line when it cannot start as it is set up.
    """
    try:
        settings = load(service)
        _check_heads(settings)
        logs.configure(f"{service}-worker", settings.log_level)
        crypto.install(crypto.load(settings.field_keys.get_secret_value(), settings.field_keys_dir))
        asyncio.run(_run(settings, handlers, begin))
    except (SettingsError, ClockError, crypto.FieldKeyError) as error:
        sys.exit(str(error))


async def _run(settings: Settings, handlers: Handlers, begin: Begin | None) -> None:
    database = Database(settings.database_url.get_secret_value(), application=f"{settings.service}-worker")
    client = http.client()
    tokens = http.ServiceTokens(settings, client)
    own = handlers(settings, database, client)
    worker = jobs.Worker(
        database,
        settings.service,
        {events.DELIVER: events.deliverer(settings, client, tokens), **own},
        lease_seconds=settings.job_lease_seconds,
    )
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    try:
        await database.when_reachable(Context.system(settings.service), crypto.check_keys)
        await database.when_reachable(Context.system(settings.service), check_clock)
        if begin is not None:
            await database.when_reachable(Context.system(settings.service), _with(begin, own))
        logs.get(__name__).info("worker_started")
        async with _sealing(settings, database):
            await worker.run()
    finally:
        await client.aclose()
        await database.close()


def _with(begin: Begin, handlers: Mapping[str, jobs.Handler]) -> Callable[[AsyncSession], Awaitable[None]]:
    return lambda session: begin(session, handlers)


def _check_heads(settings: Settings) -> None:
    # On one machine a test may do without; elsewhere rows that nobody seals must not go unnoticed.
    if settings.env == "production" and not settings.audit_head_dir:
        raise SettingsError("MUSTER_AUDIT_HEAD_DIR is not set: give a folder that the database cannot write to.")


@contextlib.asynccontextmanager
async def _sealing(settings: Settings, database: Database) -> AsyncIterator[None]:
    """Seal audit rows meanwhile."""
    if not settings.audit_head_dir:
        logs.get(__name__).warning("audit_not_sealed", reason="MUSTER_AUDIT_HEAD_DIR is not set")
        yield
        return
    heads = FileHeads(Path(settings.audit_head_dir), settings.service, crypto.ring().derive(HEAD_KEY))
    sealer = Sealer(database, settings.service, heads)
    task = asyncio.create_task(sealer.run())
    try:
        yield
    finally:
        sealer.stop()
        # It may be killed at any point, so a database or a folder that hangs keeps nobody from leaving.
        await asyncio.wait({task}, timeout=SEALING_ENDS)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
