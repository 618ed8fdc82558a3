"""Keyset pages over any sortable column: stable while rows arrive, the same both ways, sealed to their filter."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NotRequired, TypedDict, TypeVar

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

from shared import cursors
from shared.db import Context, context_of
from shared.law import rule
from shared.problems import INVALID_CONTENT, Fault, ProblemType

# What a cell without a value counts as in an order: less than any value. Not the calendar's first day, which the driver
# takes for minus infinity where a value is given to it, and not where it stands in the statement.
_LEAST: Final[dict[type, Any]] = {
    str: "",
    int: -1,
    bool: False,
    date: date(1, 1, 2),
    datetime: datetime(1, 1, 2, tzinfo=UTC),
}

RowT = TypeVar("RowT", RowMapping, asyncpg.Record)

REPORT_TOO_LARGE = ProblemType(
    "report_too_large", 422, "資料筆數超過可直接產出報表之上限", "Too many rows for a report that is made at once"
)
Instead = tuple[str, str]
"""What to do about a list that is too long: the end of a sentence in zh-TW and in English."""
NARROW: Final[Instead] = ("請縮小查詢範圍。", "narrow the search.")
"""For lists that no report job is made of."""


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


class Place(TypedDict):
    """Which page of a list, in what order, as `page` takes it."""

    sort: str
    cursor: str | None
    limit: int
    most: NotRequired[int | None]


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
    instead: Instead = NARROW,
) -> tuple[list[RowMapping], str | None]:
    """One page of `rows` (a subquery with an `id` column) and the cursor of the next.

    `sort` is a column of `sortable`, `-` in front for descending; ties are ordered by `id`. Where one of `nullable`
    has no value it counts as less than any. Raises 422 for another column, and where the whole list has more than
    `most` rows, which says what to do `instead`; 400 for a cursor that was made under another filter, order or
    organisation.
    """
    order = Order.of(rows, sort, sortable, nullable)
    if most is not None:
        await refuse_longer(session, rows, where, most, instead)
    sealed_to = sealed_for(context_of(session), bound, sort)
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    query = order.page(select(rows).where(*where), continued=at is not None)
    found = (await session.execute(query, order.place(at, limit))).mappings().all()
    taken, next_cursor = order.cut(found, limit, sealed_to, by=order.name)
    return list(taken), next_cursor


async def refuse_longer(
    session: AsyncSession, rows: Subquery, where: tuple[Any, ...], most: int, instead: Instead
) -> None:
    """Raise 422 where more than `most` of `rows` meet `where`; counts no further than it has to."""
    some = select(literal(1)).select_from(rows).where(*where).limit(most + 1).subquery()
    refuse_more(await session.scalar(select(func.count()).select_from(some)) or 0, most, instead)


def refuse_more(count: int, most: int, instead: Instead) -> None:
    """Raise 422 where a whole list has more than `most` rows, with what to do `instead`."""
    if count > most:
        words, words_en = instead
        raise REPORT_TOO_LARGE(
            detail=f"直接產出之報表以 {most:,} 筆為限，{words}",
            detail_en=f"A report made at once holds at most {most:,} rows; {words_en}",
            most=most,
        )


def _typed(value: Any, kind: type) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is date:
        return date.fromisoformat(value)
    return kind(value)
