"""What one transaction of a service wrote, and the same once more as bare SQL.

Rows are known by their `xmin`. What the transaction inserted and what it changed lie copied in a schema of the bench's
own in the same database; to write them again, the transaction is undone first (past the triggers, which would not let
anybody) and then repeated: one INSERT a table and one UPDATE a table, of the columns that changed, on the service's own
tables with all their indexes, constraints and triggers. What triggers write (`history`) they write again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bench.rounds import timed
from bench.tables import columns_of

_PLACE = "bench_written"
# What triggers write themselves.
_BY_TRIGGERS = frozenset({"history"})
# Set by a trigger at each change, so no column that anybody writes.
_KEPT_BY_TRIGGERS = frozenset({"changed_at"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a transaction changes rows of: the columns that name a row, and which rows it may change."""

    name: str
    key: tuple[str, ...]
    where: str


class Written:
    """One transaction, from before it to as often as it is repeated.

    `changed`: the tables of which it changes rows. `first`: tables in the order in which their rows may be inserted;
    others follow. The connection is a superuser's, so that row-level security does not hold for it.
    """

    def __init__(self, connection: asyncpg.Connection, changed: Sequence[Table], first: Sequence[str]) -> None:
        self._connection = connection
        self._changed = {table.name: table for table in changed}
        self._first = {name: place for place, name in enumerate(first)}
        self._inserted: list[str] = []
        self._updates: list[str] = []
        self._undo: list[str] = []
        self._transaction = 0

    async def before(self) -> None:
        """Keep what the transaction is about to change."""
        await self._run((f"DROP SCHEMA IF EXISTS {_PLACE} CASCADE", f"CREATE SCHEMA {_PLACE}"))
        for table in self._changed.values():
            statement = f"CREATE TABLE {_PLACE}.before_{table.name} AS SELECT * FROM {table.name} WHERE {table.where}"  # noqa: S608
            await self._connection.execute(statement)

    async def after(self, transaction: int) -> dict[str, int]:
        """Keep what the transaction wrote; rows by table. Nobody may have touched them since."""
        self._transaction = transaction
        counts = await self.rows(transaction)
        for name in counts:
            statement = f"CREATE TABLE {_PLACE}.after_{name} AS SELECT * FROM {name} WHERE xmin::text = '{transaction}'"  # noqa: S608
            await self._connection.execute(statement)
        self._inserted = sorted(
            (name for name in counts if name not in self._changed and name not in _BY_TRIGGERS),
            key=lambda name: (self._first.get(name, len(self._first)), name),
        )
        self._updates, self._undo = [], []
        for name in counts:
            if name in self._changed:
                await self._plan_update(self._changed[name])
        return counts

    async def again(self) -> tuple[float, dict[str, int]]:
        """Undo it and write it once more: seconds of the one transaction that writes, rows by table."""
        await self._take_back()
        inserts = []
        for name in self._inserted:
            columns = ", ".join(await columns_of(self._connection, name))
            inserts.append(
                f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {_PLACE}.after_{name}"  # noqa: S608
            )
        with timed() as watch:
            async with self._connection.transaction():
                await self._run((*inserts, *self._updates))
                transaction = await self._connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
        self._transaction = transaction
        return watch.seconds, await self.rows(transaction)

    async def rows(self, transaction: int) -> dict[str, int]:
        """How many rows of each table that transaction wrote last."""
        names = await self._connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        counts = {}
        for (name,) in names:
            query = f"SELECT count(*) FROM {name} WHERE xmin::text = $1"  # noqa: S608
            if found := await self._connection.fetchval(query, str(transaction)):
                counts[name] = found
        return counts

    async def _take_back(self) -> None:
        async with self._connection.transaction():
            await self._connection.execute("SET LOCAL session_replication_role = replica")
            for name in reversed(self._inserted):
                # By key: somebody else may have changed them since.
                same = " AND ".join(f"t.{column} = a.{column}" for column in await self._key(name))
                statement = f"DELETE FROM {name} AS t USING {_PLACE}.after_{name} AS a WHERE {same}"  # noqa: S608
                await self._connection.execute(statement)
            for name in _BY_TRIGGERS:
                statement = f"DELETE FROM {name} WHERE xmin::text = '{self._transaction}'"  # noqa: S608
                await self._connection.execute(statement)
            await self._run(self._undo)
        # What the undoing left dead is not the repetition's to walk over.
        await self._run(f"VACUUM ANALYZE {name}" for name in (*self._inserted, *self._changed))

    async def _plan_update(self, table: Table) -> None:
        columns = await columns_of(self._connection, table.name)
        same = " AND ".join(f"b.{name} = a.{name}" for name in table.key)
        pairs = f"{_PLACE}.before_{table.name} AS b JOIN {_PLACE}.after_{table.name} AS a ON {same}"
        told = ", ".join(f"coalesce(bool_or(a.{name} IS DISTINCT FROM b.{name}), false)" for name in columns)
        differ = await self._connection.fetchrow(f"SELECT {told} FROM {pairs}")  # noqa: S608
        written = [name for name, one in zip(columns, differ, strict=True) if one and name not in _KEPT_BY_TRIGGERS]
        self._updates.append(_update(table, written, "after"))
        self._undo.append(_update(table, columns, "before"))

    async def _key(self, table: str) -> list[str]:
        found = await self._connection.fetch(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
            " WHERE indrelid = $1::regclass AND indisprimary",
            table,
        )
        return [name for (name,) in found]

    async def _run(self, statements: Iterable[str]) -> None:
        for statement in statements:
            await self._connection.execute(statement)


def _update(table: Table, columns: Sequence[str], source: str) -> str:
    told = ", ".join(f"{name} = source.{name}" for name in columns)
    same = " AND ".join(f"t.{name} = source.{name}" for name in table.key)
    return f"UPDATE {table.name} AS t SET {told} FROM {_PLACE}.{source}_{table.name} AS source WHERE {same}"  # noqa: S608


def total(rows: Mapping[str, int]) -> int:
    """All rows that were written."""
    return sum(rows.values())
