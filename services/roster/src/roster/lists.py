"""Keyset pages over any sortable column: stable while rows arrive, the same both ways, sealed to their filter."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    RowMapping,
    Select,
    Subquery,
    bindparam,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry
from shared import cursors
from shared.db import Context, context_of
from shared.law import rule
from shared.problems import INVALID_CONTENT, Fault, ProblemType

BY_ID: Final = "national_id"
"""The column of entries that the database cannot order by, because it holds it encrypted."""
# What a cell without a value counts as in an order: less than any value. Not the calendar's first day, which the driver
# takes for minus infinity where a value is given to it, and not where it stands in the statement.
_LEAST: Final[dict[type, Any]] = {
    str: "",
    int: -1,
    bool: False,
    date: date(1, 1, 2),
    datetime: datetime(1, 1, 2, tzinfo=UTC),
}
# National IDs opened at a time; other requests are answered in between.
_OPENED: Final = 1_000

RowT = TypeVar("RowT", RowMapping, asyncpg.Record)

REPORT_TOO_LARGE = ProblemType(
    "report_too_large", 422, "資料筆數超過可直接產出報表之上限", "Too many rows for a report that is made at once"
)


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by a column, up or down, ties by `id`; and how the page after a row is found in it."""

    name: str
    down: bool
    _stored: ColumnElement[Any]
    _key: ColumnElement[Any]
    # What a missing value counts as, where one may be missing.
    _least: Any

    @classmethod
    def of(cls, rows: FromClause, sort: str, sortable: tuple[str, ...], nullable: Collection[str]) -> "Order":
        """`sort` of `rows` as `page` takes it; raises 422 for a column not in `sortable`."""
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
        stored = rows.c[name]
        least = _LEAST.get(stored.type.python_type) if name in nullable else None
        return cls(name, sort.startswith("-"), stored, rows.c.id, least)

    def page(self, query: Select[Any], *, continued: bool) -> Select[Any]:
        """The first rows of `query` in this order, or those that follow a row; `place` has its parameters."""
        stored, key = self._stored, self._key
        column = stored if self._least is None else func.coalesce(stored, literal(self._least, stored.type))
        if continued:
            place = tuple_(column, key)
            here = tuple_(bindparam("after_value", type_=stored.type), bindparam("after_id", type_=key.type))
            query = query.where(place < here if self.down else place > here)
        ordered = query.order_by(column.desc(), key.desc()) if self.down else query.order_by(column, key)
        return ordered.limit(bindparam("at_most", type_=Integer))

    def place(self, at: Mapping[str, Any] | None, limit: int) -> dict[str, Any]:
        """The parameters of `page`, behind the row a cursor names; a row more than `limit` tells whether any follow."""
        if at is None:
            return {"at_most": limit + 1}
        value = _typed(at["v"], self._stored.type.python_type)
        return {"at_most": limit + 1, "after_value": value, "after_id": _typed(at["id"], self._key.type.python_type)}

    def cut(
        self, found: Sequence[RowT], limit: int, sealed_to: str, *, by: str = "ordered_by"
    ) -> tuple[Sequence[RowT], str | None]:
        """The rows of a page out of what `place` asked for, and the cursor of the next; `by`: the cell they are ordered
        by.
        """
        taken = found[:limit]
        if len(found) <= limit:
            return taken, None
        last = taken[-1]
        return taken, cursors.seal(self._position(last[by], last["id"]), sealed_to)

    def _position(self, value: Any, key: Any) -> dict[str, Any]:
        """The place of a row in this order, as JSON values."""
        value = self._least if value is None else value
        return {"v": value.isoformat() if isinstance(value, date) else value, "id": str(key)}


def sealed_for(context: Context, bound: str, sort: str) -> str:
    """What the cursors of a list are sealed to: the organisation, the list with its filters (`bound`), the order."""
    return cursors.bound_to(bound, sort, context.org_type, context.org_code)


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
    order = Order.of(rows, sort, sortable, nullable)
    if most is not None:
        await _refuse_more(session, rows, where, most)
    sealed_to = sealed_for(context_of(session), bound, sort)
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    if order.name == BY_ID:
        men, more = await _by_id(session, rows, where, at, limit, down=order.down)
        return men, cursors.seal({"id": str(men[-1]["id"])}, sealed_to) if more else None
    query = order.page(select(rows).where(*where), continued=at is not None)
    found = (await session.execute(query, order.place(at, limit))).mappings().all()
    taken, next_cursor = order.cut(found, limit, sealed_to, by=order.name)
    return list(taken), next_cursor


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
    some = select(literal(1)).select_from(rows).where(*where).limit(most + 1).subquery()
    refuse_more(await session.scalar(select(func.count()).select_from(some)) or 0, most)


def refuse_more(count: int, most: int) -> None:
    """Raise 422 where a whole list has more than `most` rows."""
    if count > most:
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
