"""Looking rosters up by their results (RO-60; seed items 4 to 7); searches never carry an ID in an address.

Three statements, each compiled once for each kind of search and run by the driver (`shared.statements`): where a man or
a number leads to, which rosters stand on the page, and what is counted of those.
"""

from dataclasses import asdict
from datetime import date
from functools import cache, lru_cache

import asyncpg
from sqlalchemy import ARRAY, ColumnElement, Date, Integer, Subquery, Uuid, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from roster.intake.models import Roster
from roster.lists import BY_JOB
from roster.results import choosing
from roster.results.choosing import Criteria
from roster.results.schemas import SORTS, ResultOut, ResultPage, ResultSearch, ResultSearchOut
from roster.review import queries
from roster.review.models import DecisionRecord
from roster.review.rules import Decision
from shared import clock, crypto, cursors, lists
from shared.db import Context, Database
from shared.ids import IdKind, read_id
from shared.law import rule
from shared.places import COUNTIES
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault
from shared.statements import Statement, driver

_UNDECIDED = date(1, 1, 2)


@rule("RO-60")
async def search_results(database: Database, principal: Principal, search: ResultSearch) -> ResultSearchOut:
    """The first page of a search; raises 422 for a national ID that is none."""
    criteria = _criteria(search)
    async with database.direct(Context.of(principal)) as connection:
        page = await _page(connection, principal, criteria, search.sort, None, search.limit)
    return ResultSearchOut(items=page.items, next_cursor=page.next_cursor, search=_sealed(principal, criteria))


@rule("RO-60")
async def list_results(
    database: Database, principal: Principal, *, search: str | None, sort: str, cursor: str | None, limit: int
) -> ResultPage:
    """A page of results, newest first by default; `search` is a sealed search of the same organisation."""
    async with database.direct(Context.of(principal)) as connection:
        return await _page(connection, principal, _unsealed(principal, search), sort, cursor, limit)


async def report_results(
    session: AsyncSession,
    principal: Principal,
    *,
    search: str | None,
    sort: str,
    cursor: str | None,
    limit: int,
    most: int | None = None,
) -> ResultPage:
    """`list_results` in a transaction that is under way. Raises 422 where all pages hold more than `most` rows."""
    connection, criteria = await driver(session), _unsealed(principal, search)
    # What the list cannot be ordered by is said before it is counted.
    _choice(principal.org.type, frozenset(criteria.given()), sort, continued=cursor is not None)
    if most is not None:
        lists.refuse_more(await _count(connection, principal, criteria, most + 1), most, BY_JOB)
    return await _page(connection, principal, criteria, sort, cursor, limit)


async def count_results(session: AsyncSession, principal: Principal, *, search: str | None) -> int:
    """How many rows all pages of `list_results` hold."""
    return await _count(await driver(session), principal, _unsealed(principal, search), None)


def seal_search(principal: Principal, search: ResultSearch) -> str:
    """The search sealed, for `list_results`; raises 422 for a national ID that is none."""
    return _sealed(principal, _criteria(search))


def _sealed(principal: Principal, criteria: Criteria) -> str:
    return cursors.seal({k: v for k, v in asdict(criteria).items() if v is not None}, _bound(principal))


def _unsealed(principal: Principal, search: str | None) -> Criteria:
    return Criteria(**cursors.unseal(search, _bound(principal))) if search else Criteria()


def _bound(principal: Principal) -> str:
    return cursors.bound_to("result-search", principal.org.type, principal.org.code)


def _criteria(search: ResultSearch) -> Criteria:
    man: str | None = None
    if search.national_id is not None:
        reading = read_id(search.national_id)
        if not reading.valid or reading.kind is not IdKind.national_id:
            raise INVALID_CONTENT(
                errors=[
                    Fault(
                        "national_id_invalid",
                        "身分證字號格式或檢查碼錯誤",
                        "This is not a national ID",
                        pointer="/national_id",
                    )
                ]
            )
        man = crypto.ring().blind_index(reading.value).hex()
    return Criteria(
        man=man,
        school_name=search.school_name,
        decision_number=search.decision_number,
        kind=search.kind,
        decision=search.decision,
        from_on=search.from_on.isoformat() if search.from_on else None,
        to_on=search.to_on.isoformat() if search.to_on else None,
    )


async def _page(
    connection: asyncpg.Connection, principal: Principal, criteria: Criteria, sort: str, cursor: str | None, limit: int
) -> ResultPage:
    given = criteria.given()
    order, statement = _choice(principal.org.type, frozenset(given), sort, continued=cursor is not None)
    bound = cursors.bound_to("results", *asdict(criteria).values())
    sealed_to = lists.sealed_for(Context.of(principal), bound, sort)
    at = None if cursor is None else cursors.unseal(cursor, sealed_to)
    given |= await choosing.narrowed(connection, principal, given)
    if "today" in statement.parameters:
        given["today"] = clock.today()
    found = await statement.rows(connection, org=principal.org.code, **given, **order.place(at, limit))
    taken, next_cursor = order.cut(found, limit, sealed_to)
    ids = [row["id"] for row in taken]
    counted = await _counted(principal.org.type).rows(connection, today=clock.today(), ids=ids) if ids else []
    by_id = {row["id"]: row for row in counted}
    return ResultPage(items=[_result(by_id[roster_id]) for roster_id in ids], next_cursor=next_cursor)


async def _count(connection: asyncpg.Connection, principal: Principal, criteria: Criteria, at_most: int | None) -> int:
    given = criteria.given()
    counting = _counting(principal.org.type, frozenset(given))
    given |= await choosing.narrowed(connection, principal, given)
    (row,) = await counting.rows(connection, org=principal.org.code, at_most=at_most, **given)
    count: int = row["count"]
    return count


def _result(row: asyncpg.Record) -> ResultOut:
    cells = dict(row)
    last = cells["last_decided_on"]
    return ResultOut(
        **{name: cells[name] for name in ResultOut.model_fields if name in cells}
        | {
            "school_code": cells["school_code"] or None,
            "county_name": COUNTIES[cells["county_code"]].name,
            "last_decided_on": None if last == _UNDECIDED else last,
        }
    )


@lru_cache(maxsize=1_000)
def _choice(org_type: str, asked: frozenset[str], sort: str, *, continued: bool) -> tuple[lists.Order, Statement]:
    """Which rosters stand on a page, in its order, and by what; raises 422 for an order that there is not."""
    rows = choosing.chosen(org_type, asked)
    if (name := sort.removeprefix("-")) in SORTS and name not in choosing.UNCOUNTED:
        rows = _results(org_type, Roster.id.in_(select(rows.c.id)))
    order = lists.Order.of(rows, sort, SORTS, ("case_kind",))
    return order, Statement(order.page(select(rows.c.id, rows.c[order.name].label("ordered_by")), continued=continued))


@lru_cache(maxsize=500)
def _counting(org_type: str, asked: frozenset[str]) -> Statement:
    rows = choosing.chosen(org_type, asked)
    some = select(rows.c.id).limit(bindparam("at_most", type_=Integer())).subquery()
    return Statement(select(func.count().label("count")).select_from(some))


@cache
def _counted(org_type: str) -> Statement:
    """The rosters of a page that were chosen, `ids`, counted on the day `today`."""
    return Statement(select(_results(org_type, Roster.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))))))


def _results(org_type: str, which: ColumnElement[bool]) -> Subquery:
    """Rosters that were chosen among the caller's own, with everything that is counted of them."""
    rosters = queries.rosters(bindparam("today", type_=Date()), org_type, which)
    # The decision that corrects one is of the same entry, and so of the same roster: which of a roster's were corrected
    # is asked once. To look for one after each of them (`current`) took a quarter of the time of a page.
    newer = aliased(DecisionRecord)
    of_roster = select(newer.corrects).where(newer.roster_id == rosters.c.id, newer.corrects.is_not(None))
    corrected = func.array(of_roster.correlate(rosters).scalar_subquery())
    sums = (
        select(
            func.count().filter(DecisionRecord.decision == Decision.APPROVED).label("approved"),
            func.count().filter(DecisionRecord.decision == Decision.REJECTED).label("rejected"),
            # A roster without a decision sorts before all that have one.
            func.coalesce(func.max(DecisionRecord.decided_on), _UNDECIDED).label("last_decided_on"),
        )
        .where(DecisionRecord.roster_id == rosters.c.id, DecisionRecord.id != func.all(corrected))
        .lateral()
    )
    return (
        select(
            rosters,
            rosters.c.id.label("roster_id"),
            rosters.c.received_on.label("submitted_on"),
            rosters.c.received_at.label("submitted_at"),
            sums,
        )
        .join(sums, true())
        .subquery("results")
    )
