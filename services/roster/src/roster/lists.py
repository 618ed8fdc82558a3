"""Keyset pages over any sortable column: stable while rows arrive, the same both ways, sealed to their filter."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import RowMapping, Select, Subquery, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared import cursors
from shared.db import context_of
from shared.problems import INVALID_CONTENT, Fault, ProblemType

REPORT_TOO_LARGE = ProblemType(
    "report_too_large", 422, "資料筆數超過可直接產出報表之上限", "Too many rows for a report that is made at once"
)


async def page(
    session: AsyncSession,
    rows: Subquery,
    *,
    sort: str,
    sortable: tuple[str, ...],
    cursor: str | None,
    limit: int,
    bound: str,
    where: tuple[Any, ...] = (),
    most: int | None = None,
) -> tuple[list[RowMapping], str | None]:
    """One page of `rows` (a subquery with an `id` column) and the cursor of the next.

    `sort` is a column of `sortable`, `-` in front for descending; ties are ordered by `id`. Raises 422 for another
    column, and where the whole list has more than `most` rows; 400 for a cursor that was made under another filter,
    order or organisation.
    """
    name = sort.removeprefix("-")
    if name not in sortable:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "sort_unknown",
                    "不能依此欄位排序",
                    "That column cannot be sorted by",
                    column="sort",
                    suggestion=", ".join(sortable),
                )
            ]
        )
    if most is not None:
        await _refuse_more(session, rows, where, most)
    context = context_of(session)
    sealed_to = cursors.bound_to(bound, sort, context.org_type, context.org_code)
    column, key = rows.c[name], rows.c.id
    query: Select[Any] = select(rows).where(*where)
    if cursor is not None:
        at = cursors.unseal(cursor, sealed_to)
        value = _typed(at["v"], column.type.python_type)
        place = tuple_(column, key)
        here = tuple_(value, _typed(at["id"], key.type.python_type))
        query = query.where(place < here if sort.startswith("-") else place > here)
    if sort.startswith("-"):
        query = query.order_by(column.desc(), key.desc())
    else:
        query = query.order_by(column, key)
    found = (await session.execute(query.limit(limit + 1))).mappings().all()
    items = list(found[:limit])
    if len(found) <= limit:
        return items, None
    last = items[-1]
    value = last[name]
    position = {"v": value.isoformat() if isinstance(value, date) else value, "id": str(last["id"])}
    return items, cursors.seal(position, sealed_to)


async def _refuse_more(session: AsyncSession, rows: Subquery, where: tuple[Any, ...], most: int) -> None:
    beyond = select(literal(1)).select_from(rows).where(*where).offset(most).limit(1)
    if await session.scalar(beyond) is not None:
        raise REPORT_TOO_LARGE(
            detail=f"直接產出之報表以 {most:,} 筆為限，超過者請以報表作業（POST /roster/v1/reports）產出，"
            "或縮小查詢範圍。",
            detail_en=f"A report made at once holds at most {most:,} rows; for more, ask for a report job"
            " (POST /roster/v1/reports), or narrow the search.",
            most=most,
        )


def _typed(value: Any, kind: type) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is date:
        return date.fromisoformat(value)
    return kind(value)
