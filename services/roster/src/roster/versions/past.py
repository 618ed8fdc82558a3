"""Rows as they stood at an instant: those that hold since then, and those that history keeps for it (RO-55)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Subquery, Table, column, func, literal_column, select, true, union_all
from sqlalchemy.sql.selectable import ScalarSelect

from roster.versions.models import History
from shared.db import Base
from shared.law import rule

# The column that names a row in history. Hints have none: a set of them is never changed, and entries name theirs.
_KEYS = {"entry": "id", "roster": "id", "deferment": "id", "registry_fact": "entry_id"}
TICK = timedelta(microseconds=1)
"""The database's smallest step: one tick before a change everything was still as before it."""


def table_of(model: type[Base]) -> Table:
    """The table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


Ids = Select[Any] | ScalarSelect[Any] | list[Any]


def was(model: type[Base], ids: Ids, *beside: Any) -> Select[Any]:
    """Every former state of these rows of `model`, as rows of its table, with the columns `beside` of history.

    Read through the same types as the table, so that what is encrypted is opened by the same code.
    """
    table = table_of(model)
    body = func.jsonb_populate_record(literal_column(f"NULL::{table.name}"), History.body)
    row = body.table_valued(*(column(c.name, c.type) for c in table.c), name="was")
    return (
        select(*row.c, *beside)
        .select_from(History)
        .join(row, true())
        .where(History.table_name == table.name, History.row_id.in_(ids))
    )


@rule("RO-55")
def stood(model: type[Base], ids: Ids, at: datetime | None) -> Subquery:
    """These rows of `model` as they stood at `at`, or as they stand; row-level security as for the table itself."""
    table = table_of(model)
    now = select(*table.c).where(table.c[_KEYS[table.name]].in_(ids))
    if at is None:
        return now.subquery(f"{table.name}_now")
    then = was(model, ids).where(History.valid_from <= at, History.valid_until > at)
    return union_all(now.where(table.c.changed_at <= at), then).subquery(f"{table.name}_then")
