"""How the sealing of audit rows stands, for `/metrics`: read from the database, so that a dead worker shows too."""

import asyncio

from sqlalchemy import text

from shared import logs, metrics, purposes
from shared.db import PATIENCE_SECONDS, Context, Database

log = logs.get(__name__)

# Counted no further: that so many wait says enough, and a scrape must stay cheap.
MOST_COUNTED = 100_000

_STATE = text(
    "WITH last AS (SELECT number, upto_id FROM audit_block ORDER BY number DESC LIMIT 1), waiting AS"
    " (SELECT at FROM audit_entry WHERE id > coalesce((SELECT upto_id FROM last), 0) ORDER BY id LIMIT :most)"
    " SELECT coalesce((SELECT number FROM last), 0), count(*), coalesce(greatest("
    "extract(epoch FROM clock_timestamp() - min(at) FILTER (WHERE isfinite(at))), 0), 0)::float8 FROM waiting"
)


async def measure(database: Database, service: str) -> None:
    """Set the gauges; while the database is away they keep what they had."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), database.transaction(Context.system(service)) as session:
            await purposes.assume(session, "seal", "audit_block", "metrics", audited=False)
            blocks, waiting, oldest = (await session.execute(_STATE, {"most": MOST_COUNTED})).one()
    except Exception as error:
        log.warning("audit_not_measured", error=type(error).__name__)
        return
    metrics.AUDIT_BLOCKS.set(blocks)
    metrics.AUDIT_WAITING.set(waiting)
    metrics.AUDIT_OLDEST.set(oldest)
