"""A sealer in a process of its own, without a pause between blocks: `python -m tests.shared.sealer_child`."""

import asyncio
import os
from pathlib import Path

from shared.audit_heads import FileHeads
from shared.audit_seal import Sealer
from shared.db import Context, Database
from tests.shared.sealing import KEY, SERVICE


async def main() -> None:
    """Seal until killed."""
    database = Database(os.environ["SEAL_URL"], pool_size=1)
    sealer = Sealer(database, SERVICE, FileHeads(Path(os.environ["SEAL_HEADS"]), SERVICE, KEY), block_rows=10)
    await database.when_reachable(Context.system(SERVICE), lambda _session: asyncio.sleep(0))
    print("sealing", flush=True)
    while True:
        await sealer.seal()


if __name__ == "__main__":
    asyncio.run(main())
