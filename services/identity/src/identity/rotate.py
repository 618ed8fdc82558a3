"""`python -m identity.rotate`: the next key signs, the one before only verifies, another is published.

Exit code 0 when done, 1 when the next key was published too recently (run it again at the time it tells). Run it
on a schedule, such as monthly.
"""

import asyncio
import sys

from identity.tokens.key_store import TooSoon, ensure_keys, rotate
from shared import crypto, logs
from shared.db import Database
from shared.settings import load


async def main() -> int:
    """Rotate once; the process's exit code."""
    settings = load("identity")
    logs.configure("identity-rotate", settings.log_level)
    crypto.install(crypto.load(settings.field_keys.get_secret_value(), settings.field_keys_dir))
    database = Database(settings.database_url.get_secret_value(), application="identity-rotate")
    log = logs.get(__name__)
    try:
        await ensure_keys(database)
        active, standby = await rotate(database)
    except TooSoon as error:
        log.warning("keys_not_rotated", ready_at=error.ready_at.isoformat())
        return 1
    finally:
        await database.close()
    log.info("keys_rotated", active=active, standby=standby)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
