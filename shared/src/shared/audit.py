"""Who did what, when: plain append-only rows, in the transaction of the act itself.

The table takes no UPDATE and no DELETE (grants and a trigger). Rows hold ids and facts, never a draftee's name; a
national ID in what somebody wrote (a reason, a decision number) is masked on its way in.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    DateTime,
    FromClause,
    Identity,
    Insert,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import BIGINT, JSON, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared import logs
from shared.db import Context, context_of
from shared.ids import mask_ids_in

metadata = MetaData()

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", BIGINT, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("sub", Text, nullable=False),
    Column("org_type", Text, nullable=False),
    Column("org_code", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("entity_id", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("request_id", Text),
)


_GIVEN = ("sub", "org_type", "org_code", "action", "entity", "entity_id", "data", "request_id")


def row(
    session: AsyncSession, action: str, entity: str, entity_id: object, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The values of one audit row, for bulk acts that insert many at once."""
    return values(context_of(session), action, entity, entity_id, data)


def values(
    context: Context, action: str, entity: str, entity_id: object, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`row`, of an act in `context`."""
    return {
        "sub": context.sub,
        "org_type": context.org_type,
        "org_code": context.org_code,
        "action": action,
        "entity": entity,
        "entity_id": mask_ids_in(str(entity_id)),
        "data": {name: _masked(value) for name, value in (data or {}).items()},
        "request_id": logs.bound("request_id"),
    }


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_ids_in(value)
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value


def insertion(acts: FromClause) -> Insert:
    """One audit row for each of `acts`, for a statement of `shared.statements` that does the act too: what it is told
    by `parameters`."""
    told = select(*(bindparam(f"audit_{name}", type_=audit_entry.c[name].type) for name in _GIVEN)).select_from(acts)
    return insert(audit_entry).from_select(_GIVEN, told)


def parameters(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `insertion`, of `values`."""
    return {f"audit_{name}": value for name, value in row.items()}


async def record(
    session: AsyncSession, action: str, entity: str, entity_id: object, data: Mapping[str, Any] | None = None
) -> None:
    """Append one audit row for the caller of this transaction."""
    await session.execute(insert(audit_entry).values(row(session, action, entity, entity_id, data)))


def _of_many() -> Insert:
    """Many rows out of one JSON value: of several executions each would be asked of the row-level security anew."""
    given = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
        .table_valued(*(column(name, audit_entry.c[name].type) for name in _GIVEN), name="given")
        .render_derived(with_types=True)
    )
    return insert(audit_entry).from_select(_GIVEN, select(*given.c))


_MANY = _of_many()


async def record_many(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    """Append many rows made by `row` in one statement, in their order."""
    if rows:
        await session.execute(_MANY, {"rows": msgspec.json.encode(rows).decode()})
