"""Reading entries as they stand now, for the county that decides them: the requests that reviewing is made of.

The database writes the JSON (`review.entry_json`), in statements compiled once (`shared.statements`); all other readers
and moments are `read`'s.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import ARRAY, ColumnElement, FromClause, Select, Text, Uuid, bindparam, func, select

from roster.intake.models import Entry, Roster
from roster.lists import BY_ID
from roster.review import entry_json, queries
from roster.review.service.read import MAY_BE_EMPTY, EntrySearch
from roster.review.sorts import COUNTY_ENTRY_SORTS, ENTRY_SORTS
from shared import clock, cursors, lists
from shared.db import Context, Database
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND
from shared.statements import Alone, Statement

_SORTS: Final = ENTRY_SORTS + COUNTY_ENTRY_SORTS
COUNTY: Final = bindparam("county", type_=Text())
_ROSTER: Final = bindparam("roster_id", type_=Uuid())


@dataclass(frozen=True, slots=True)
class EntryJson:
    """`EntryOut` as UTF-8, and the version for its ETag."""

    body: bytes
    version: int


@dataclass(frozen=True, slots=True)
class PageJson:
    """`EntryPage` as UTF-8, and its next cursor."""

    body: bytes
    next_cursor: str | None


def own(county_code: Any) -> ColumnElement[bool]:
    """The county's own rows: the first filter of these statements, with row-level security behind it."""
    owned: ColumnElement[bool] = county_code == COUNTY
    return owned


def knows(caller: Principal, search: EntrySearch) -> bool:
    """Whether `page` answers this: a school is shown less, and an order by national ID opens the whole roster."""
    return caller.org.type == "county" and search.sort.removeprefix("-") != BY_ID


@rule("RO-55")
async def entry(database: Database, county: Principal, entry_id: UUID) -> EntryJson:
    """One entry; raises 404 for another organisation's."""
    rows = await database.alone(Context.of(county), _shown_alone(), **_asked(county, [entry_id]))
    return _the_one(rows)


async def entry_on(connection: asyncpg.Connection, county: Principal, entry_id: UUID) -> EntryJson:
    """`entry` in a transaction that is under way."""
    return _the_one(await _shown().rows(connection, **_asked(county, [entry_id])))


def _the_one(rows: list[asyncpg.Record]) -> EntryJson:
    if not rows:
        raise NOT_FOUND()
    return shown(rows[0])


def shown(row: asyncpg.Record) -> EntryJson:
    """A row of `to_show`."""
    return EntryJson(entry_json.completed(row), row["version"])


@rule("RO-55", "RO-60")
async def page(
    database: Database, county: Principal, roster_id: UUID, search: EntrySearch, cursor: str | None, limit: int
) -> PageJson:
    """A page of a roster's entries of its current version, as `read.list_entries` gives it; raises as that does."""
    context = Context.of(county)
    filters = search.filters(county.org.type)
    order, statement = _page(search.sort, cursor is not None, frozenset(filters))
    sealed_to = lists.sealed_for(context, search.bound(roster_id), search.sort)
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    async with database.direct(context) as connection:
        asked = {"roster_id": roster_id, "county": county.org.code, **filters, **order.place(at, limit)}
        found = await statement.rows(connection, **asked)
        if not found and not await _roster().rows(connection, roster_id=roster_id, county=county.org.code):
            raise NOT_FOUND()
        taken, next_cursor = order.cut(found, limit, sealed_to)
        told = await _shown().rows(connection, **_asked(county, [row["id"] for row in taken]))
    rows = {row["id"]: row for row in told}
    items = b",".join([entry_json.completed(rows[row["id"]]) for row in taken])
    return PageJson(b'{"items":[%b],"next_cursor":%b}' % (items, msgspec.json.encode(next_cursor)), next_cursor)


def _asked(county: Principal, ids: list[UUID]) -> dict[str, Any]:
    return {"ids": ids, "county": county.org.code, **entry_json.values(clock.today())}


@cache
def _shown() -> Statement:
    return Statement(_entries())


@cache
def _shown_alone() -> Alone:
    return Alone(_entries())


def _entries() -> Select[Any]:
    which = Entry.id == func.any(bindparam("ids", type_=ARRAY(Uuid())))
    return to_show(select(Entry.__table__).where(own(Entry.county_code), which).subquery("found"))


def to_show(found: FromClause) -> Select[Any]:
    """Entries, of rows that hold all their columns, as `shown` takes them; in no order."""
    # Looked up for each: row-level security makes PostgreSQL expect few rosters, and a join would begin at all of them.
    proposed = select(Roster.proposed_number).where(Roster.id == found.c.roster_id).scalar_subquery()
    rows = select(*found.c, proposed.label("proposed_number")).subquery("entry")
    return select(rows.c.id, rows.c.version, *entry_json.as_json(rows))


@lru_cache(maxsize=1_000)
def _page(sort: str, continued: bool, filters: frozenset[str]) -> tuple[lists.Order, Statement]:
    """Which entries stand on a page, in its order, and by what."""
    rows = queries.entries_of(_ROSTER, None, "county", own(Entry.county_code))
    order = lists.Order.of(rows, sort, _SORTS, MAY_BE_EMPTY)
    asked = queries.asked(rows, _ROSTER, "county", {name: bindparam(name) for name in filters})
    found = select(rows.c.id, rows.c[order.name].label("ordered_by")).where(*asked)
    return order, Statement(order.page(found, continued=continued))


@cache
def _roster() -> Statement:
    return Statement(select(Roster.id).where(Roster.id == _ROSTER, own(Roster.county_code)))
