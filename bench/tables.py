"""The columns of a database's tables, for rows that are copied past the service."""

from collections.abc import Mapping

import asyncpg


async def columns_of(connection: asyncpg.Connection, table: str) -> list[str]:
    """The columns of a table that can be written, in its order."""
    found = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        table,
    )
    return [name for (name,) in found]


async def listed(connection: asyncpg.Connection, table: str, given: Mapping[str, str]) -> tuple[str, str]:
    """For a copy of rows: the table's columns, and what goes into each, `given` or as it is in `source`."""
    names = await columns_of(connection, table)
    return ", ".join(names), ", ".join(given.get(name, f"source.{name}") for name in names)
