"""Many rows into a table in one statement.

Under row-level security every execution of an INSERT works its policies out anew; one execution for all rows takes
half the time of one for each. The rows go as a single JSON value, and the columns' own types read them; an array of
each column's values would spare the database a little and cost this process more. What is the same in all rows goes
once.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Executable, LargeBinary, Table, Text, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSON, insert

from shared.crypto import Encrypted, ring


def insertion(
    table: Table, same: Mapping[str, Any], series: Mapping[str, Sequence[Any]], *, keep: bool = False
) -> Executable:
    """The statement that inserts rows: the values of each column of `series`, and `same`, which all rows have alike.

    With `keep`, rows that are there already stay as they are. Columns that are named nowhere, or None in all rows, take
    the database's defaults. Values are those of the columns' Python types, `same` may hold SQL expressions; encrypted
    columns are sealed here. Asks no database, so that a thread may make it.
    """
    alike = dict(same)
    columns: list[Column[Any]] = []
    cells: list[Sequence[Any]] = []
    for name, values in series.items():
        # The first column goes row by row in any case: it says how many rows there are.
        if columns and values.count(values[0]) == len(values):
            alike[name] = values[0]
        else:
            columns.append(table.c[name])
            cells.append(_json(table.c[name], values))
    fill = {table.c[name]: value for name, value in alike.items() if value is not None}
    row = _row_type(tuple(c.name for c in columns))
    document = msgspec.json.encode([row(*values) for values in zip(*cells, strict=True)])
    # Of JSON text PostgreSQL takes each object's cells as they come; JSONB would sort all of them first.
    given = (
        func.json_to_recordset(literal(document.decode(), Text).cast(JSON))
        .table_valued(*(column(c.name, c.type) for c in columns), name="given")
        .render_derived(with_types=True)
    )
    once = (value if isinstance(value, ColumnElement) else literal(value, into.type) for into, value in fill.items())
    rows = insert(table).from_select([*columns, *fill], select(*given.c, *once))
    return rows.on_conflict_do_nothing() if keep else rows


@functools.lru_cache(maxsize=64)
def _row_type(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Objects with these members, quicker made and written than dictionaries; one that is None is left out."""
    return msgspec.defstruct("Row", [(name, Any, None) for name in names], omit_defaults=True, gc=False)


def _json(into: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as JSON has them; bytes in PostgreSQL's own way to write a bytea."""
    if isinstance(into.type, Encrypted):
        seal, context = ring().encrypt, into.type.context
        return [None if value is None else "\\x" + seal(value.encode(), context).hex() for value in values]
    if isinstance(into.type, LargeBinary):
        return [None if value is None else "\\x" + value.hex() for value in values]
    return values
