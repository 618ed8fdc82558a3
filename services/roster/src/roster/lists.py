"""Pages of roster's lists: those of `shared.lists`, and by national ID, the order that the database cannot give."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Subquery, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry
from shared import cursors, lists
from shared.db import context_of
from shared.law import rule

BY_ID: Final = "national_id"
"""The column of entries that the database cannot order by, because it holds it encrypted."""
BY_JOB: Final[lists.Instead] = (
    "超過者請以報表作業（POST /roster/v1/reports）產出，或縮小查詢範圍。",
    "for more, ask for a report job (POST /roster/v1/reports), or narrow the search.",
)
"""How a report that is too long to be made at once is had."""
# National IDs opened at a time; other requests are answered in between.
_OPENED: Final = 1_000


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
    """One page of `rows` and the cursor of the next, as `shared.lists.page` gives it; raises as that does.

    Sorting by `BY_ID` opens the IDs of all rows: for lists of one roster.
    """
    if sort.removeprefix("-") != BY_ID:
        return await lists.page(
            session, rows, sort=sort, sortable=sortable, cursor=cursor, limit=limit, bound=bound, where=where,
            most=most, nullable=nullable, instead=BY_JOB,
        )  # fmt: skip
    order = lists.Order.of(rows, sort, sortable, nullable)
    if most is not None:
        await lists.refuse_longer(session, rows, where, most, BY_JOB)
    sealed_to = lists.sealed_for(context_of(session), bound, sort)
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    men, more = await _by_id(session, rows, where, at, limit, down=order.down)
    return men, cursors.seal({"id": str(men[-1]["id"])}, sealed_to) if more else None


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
