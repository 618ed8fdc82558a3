"""Many rows into a table in one statement.

Under row-level security every execution of an INSERT works its policies out anew; one execution for all rows takes
half the time of one for each. The rows go as a single JSON value, and the columns' own types read them; an array of
each column's values would spare the database a little and cost this process more. What is the same in all rows goes
once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, LargeBinary, Table, Text, column, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from shared.crypto import Encrypted, ring


async def insert_rows(session: AsyncSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, which all name the same columns; columns left out, or None in all, take the database's defaults.

    Values are those of the columns' Python types; encrypted columns are sealed here.
    """
    if not rows:
        return
    same: dict[Column[Any], Any] = {}
    columns: list[Column[Any]] = []
    series: list[Sequence[Any]] = []
    for name, first in rows[0].items():
        values = [row[name] for row in rows]
        if values.count(first) < len(values):
            columns.append(table.c[name])
            series.append(_json(table.c[name], values))
        elif first is not None:
            same[table.c[name]] = first
    if not columns:
        await session.execute(insert(table), [{into.name: value for into, value in same.items()}] * len(rows))
        return
    names = [c.name for c in columns]
    document = msgspec.json.encode([dict(zip(names, cells, strict=True)) for cells in zip(*series, strict=True)])
    # Of JSON text PostgreSQL takes each object's cells as they come; JSONB would sort all of them first.
    given = (
        func.json_to_recordset(literal(document.decode(), Text).cast(JSON))
        .table_valued(*(column(c.name, c.type) for c in columns), name="given")
        .render_derived(with_types=True)
    )
    chosen = (*given.c, *(literal(value, into.type) for into, value in same.items()))
    await session.execute(insert(table).from_select([*columns, *same], select(*chosen)))


def _json(into: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as JSON has them; bytes in PostgreSQL's own way to write a bytea."""
    if isinstance(into.type, Encrypted):
        seal, context = ring().encrypt, into.type.context
        return [None if value is None else "\\x" + seal(value.encode(), context).hex() for value in values]
    if isinstance(into.type, LargeBinary):
        return [None if value is None else "\\x" + value.hex() for value in values]
    return values
