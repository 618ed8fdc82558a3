"""A database whose audit rows are sealed, and somebody who holds it as its superuser does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import text

from local.databases import Urls, plain
from shared import audit
from shared.audit_check import verify
from shared.audit_findings import Account
from shared.audit_heads import FileHeads
from shared.audit_seal import Sealer
from shared.db import Context, Database
from tests.support.databases import Template

SERVICE = "identity"
KEY = bytes(range(32))
OFFICER = Context("officer", "county", "63000")
INSERT = (
    "INSERT INTO audit_entry (sub, org_type, org_code, action, entity, entity_id, data)"
    " VALUES ('s', 't', 'c', 'a', 'e', 'i', '{}') RETURNING id"
)


@dataclass
class House:
    """One service's database, its sealer and its heads."""

    urls: Urls
    admin_url: str
    folder: Path
    database: Database
    heads: FileHeads = field(init=False)
    sealer: Sealer = field(init=False)

    def __post_init__(self) -> None:
        self.heads = FileHeads(self.folder, SERVICE, KEY)
        self.sealer = self.another_sealer()

    def another_sealer(self, **options: Any) -> Sealer:
        """A worker started anew knows nothing but what is kept."""
        return Sealer(self.database, SERVICE, self.heads, **options)

    async def write(self, count: int = 1, *, note: str = "x") -> None:
        """`count` audit rows in one transaction."""
        async with self.database.transaction(OFFICER) as session:
            rows = [audit.row(session, "thing.done", "thing", n, {"note": note, "n": n}) for n in range(count)]
            await audit.record_many(session, rows)

    async def sealed_blocks(self, *sizes: int) -> None:
        """Blocks of so many rows each."""
        for size in sizes:
            await self.write(size)
            assert await self.sealer.seal() == 1

    async def skip_id(self) -> None:
        """An id is given out and never used."""
        async with self.database.sessions() as session:
            await session.execute(
                text(
                    "INSERT INTO audit_entry (sub, org_type, org_code, action, entity, entity_id, data)"
                    " VALUES ('', '', '', '', '', '', '{}')"
                )
            )
            await session.rollback()

    async def verify(self, **options: Any) -> Account:
        """What an auditor is told, whose database role is the application's."""
        return await verify(self.database, SERVICE, self.heads, **options)

    async def findings(self, *, heads: bool = True) -> dict[str, tuple[int | None, list[int], int]]:
        """`{code: (block, ids, count)}` of what was found to be changed."""
        account = await verify(self.database, SERVICE, self.heads if heads else None)
        return {found.code: (found.block, found.ids, found.count) for found in account.findings.values()}

    async def as_superuser(self, *statements: str) -> list[Any]:
        """As somebody whom no trigger, grant, constraint of ours or policy holds; the rows of the last."""
        address = f"{plain(self.admin_url).rpartition('/')[0]}/{self.urls.app.rpartition('/')[2]}"
        connection = await asyncpg.connect(address)
        try:
            await connection.execute("SET session_replication_role = replica")
            rows: list[Any] = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    async def blocks(self) -> list[Any]:
        """The chain."""
        return await self.as_superuser("SELECT * FROM audit_block ORDER BY number")

    async def ids_by_block(self) -> list[list[int]]:
        """Which rows each block holds."""
        rows = await self.as_superuser(
            "SELECT array(SELECT a.id FROM audit_entry a WHERE a.id <@ b.ids ORDER BY 1) AS held"
            " FROM audit_block b ORDER BY number"
        )
        return [row["held"] for row in rows]


@asynccontextmanager
async def housed(template: Template, folder: Path) -> AsyncIterator[House]:
    """An empty database of the identity service."""
    async with template.copy() as urls:
        database = Database(urls.app, pool_size=8)
        try:
            yield House(urls, template.admin_url, folder, database)
        finally:
            await database.close()


@asynccontextmanager
async def writer(house: House) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the application, for transactions that the test ends when it wants."""
    # What an INSERT returns is read under the policies.
    context = {"app.org_type": "t", "app.org_code": "c"}
    connection = await asyncpg.connect(plain(house.urls.app), server_settings=context)
    try:
        yield connection
    finally:
        await connection.close()


async def is_clean(house: House) -> bool:
    """No alarm; what was just written may still wait, and the newest head may be missing."""
    account = await house.verify(waiting=3_600)
    return not account.findings and account.warnings.keys() <= {"head_pending"}
