"""Keyset pages over any sortable column: stable while rows arrive, the same both ways, sealed to their filter."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, Subquery, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry
from shared import cursors
from shared.db import context_of
from shared.law import rule
from shared.problems import INVALID_CONTENT, Fault, ProblemType

BY_ID: Final = "national_id"
"""The column of entries that the database cannot order by, because it holds it encrypted."""
# What a cell without a value counts as in an order: less than any value.
_LEAST: Final[dict[type, Any]] = {
    str: "",
    int: -1,
    bool: False,
    date: date.min,
    datetime: datetime.min.replace(tzinfo=UTC),
}
# National IDs opened at a time; other requests are answered in between.
_OPENED: Final = 1_000

REPORT_TOO_LARGE = ProblemType(
    "report_too_large", 422, "資料筆數超過可直接產出報表之上限", "Too many rows for a report that is made at once"
)


@rule("RO-60")
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
    nullable: Collection[str] = (),
) -> tuple[list[RowMapping], str | None]:
    """One page of `rows` (a subquery with an `id` column) and the cursor of the next.

    `sort` is a column of `sortable`, `-` in front for descending; ties are ordered by `id`. Where one of `nullable`
    has no value it counts as less than any. Sorting by `BY_ID` opens the IDs of all rows: for lists of one roster.
    Raises 422 for another column, and where the whole list has more than `most` rows; 400 for a cursor that was made
    under another filter, order or organisation.
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
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    if name == BY_ID:
        found, more = await _by_id(session, rows, where, at, limit, down=sort.startswith("-"))
        return found, cursors.seal({"id": str(found[-1]["id"])}, sealed_to) if more else None
    stored, key = rows.c[name], rows.c.id
    least = _LEAST.get(stored.type.python_type) if name in nullable else None
    column = stored if least is None else func.coalesce(stored, literal(least, stored.type))
    query: Select[Any] = select(rows).where(*where)
    if at is not None:
        place = tuple_(column, key)
        here = tuple_(_typed(at["v"], stored.type.python_type), _typed(at["id"], key.type.python_type))
        query = query.where(place < here if sort.startswith("-") else place > here)
    if sort.startswith("-"):
        query = query.order_by(column.desc(), key.desc())
    else:
        query = query.order_by(column, key)
    taken = (await session.execute(query.limit(limit + 1))).mappings().all()
    items = list(taken[:limit])
    if len(taken) <= limit:
        return items, None
    last = items[-1]
    value = least if last[name] is None else last[name]
    position = {"v": value.isoformat() if isinstance(value, date) else value, "id": str(last["id"])}
    return items, cursors.seal(position, sealed_to)


async def _by_id(
    session: AsyncSession, rows: Subquery, where: tuple[Any, ...], at: dict[str, Any] | None, limit: int, *, down: bool
) -> tuple[list[RowMapping], bool]:
    """A page in the order of the IDs, and whether another follows. The cursor names its last row, never an ID."""
    key = rows.c.id
    opened = await session.stream(select(rows.c[BY_ID], key).where(*where).execution_options(yield_per=_OPENED))
    order = sorted([(str(man), entry_id) async for man, entry_id in opened])
    start, end = 0, len(order)
    if at is not None:
        # Asked of the entries themselves: the last man of the page before may have left this list since.
        last = UUID(at["id"])
        man = await session.scalar(select(Entry.national_id).where(Entry.id == last))
        if man is None:
            raise cursors.BAD_CURSOR()
        start, end = (0, bisect_left(order, (man, last))) if down else (bisect_right(order, (man, last)), end)
    left = order[start:end]
    wanted = [entry_id for _, entry_id in (reversed(left[-limit:]) if down else left[:limit])]
    taken = await session.execute(select(rows).where(key.in_(wanted)))
    by_key = {row["id"]: row for row in taken.mappings()}
    return [by_key[entry_id] for entry_id in wanted], len(left) > limit


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
