"""Looking results up (RO-60; seed items 4 to 10): rosters, then men; searches never carry an ID in an address."""

import functools
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Date,
    RowMapping,
    Select,
    Subquery,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.intake.models import Entry, Roster
from roster.results import choosing
from roster.results.choosing import Criteria
from roster.results.schemas import (
    COUNTY_MEN_SORTS,
    MEN_SORTS,
    SORTS,
    ResultEntryOut,
    ResultEntryPage,
    ResultOut,
    ResultPage,
    ResultSearch,
    ResultSearchOut,
)
from roster.review import queries
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.rules import Decision, EntryState, tells_nothing
from roster.review.service.common import own_entries, require_roster
from shared import clock, crypto, cursors
from shared.ids import IdKind, read_id
from shared.law import rule
from shared.places import COUNTIES
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault

_UNDECIDED = date(1, 1, 1)
# What every man of a roster has; the rest of the columns may be empty.
_ALWAYS = frozenset({"row_no", "national_id", "name", "state"})


def _bound(principal: Principal) -> str:
    return cursors.bound_to("result-search", principal.org.type, principal.org.code)


@rule("RO-60")
async def search_results(session: AsyncSession, principal: Principal, search: ResultSearch) -> ResultSearchOut:
    """The first page of a search; raises 422 for a national ID that is none."""
    criteria = _criteria(search)
    page = await _page(session, principal, criteria, search.sort, None, search.limit)
    return ResultSearchOut(items=page.items, next_cursor=page.next_cursor, search=_sealed(principal, criteria))


def seal_search(principal: Principal, search: ResultSearch) -> str:
    """The search sealed, for `list_results`; raises 422 for a national ID that is none."""
    return _sealed(principal, _criteria(search))


def _sealed(principal: Principal, criteria: Criteria) -> str:
    return cursors.seal({k: v for k, v in asdict(criteria).items() if v is not None}, _bound(principal))


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


@rule("RO-60")
async def list_results(
    session: AsyncSession,
    principal: Principal,
    *,
    search: str | None,
    sort: str,
    cursor: str | None,
    limit: int,
    most: int | None = None,
) -> ResultPage:
    """A page of results, newest first by default; `search` is a sealed search of the same organisation.

    Raises 422 where all pages hold more than `most` rows.
    """
    criteria = Criteria(**cursors.unseal(search, _bound(principal))) if search else Criteria()
    return await _page(session, principal, criteria, sort, cursor, limit, most)


async def count_results(session: AsyncSession, principal: Principal, *, search: str | None) -> int:
    """How many rows all pages of `list_results` hold."""
    criteria = Criteria(**cursors.unseal(search, _bound(principal))) if search else Criteria()
    rows = choosing.chosen(principal, criteria, *await choosing.narrowed(session, principal, criteria))
    return await session.scalar(select(func.count()).select_from(rows)) or 0


async def _page(
    session: AsyncSession,
    principal: Principal,
    criteria: Criteria,
    sort: str,
    cursor: str | None,
    limit: int,
    most: int | None = None,
) -> ResultPage:
    counted = sort.removeprefix("-") not in choosing.UNCOUNTED
    rows = choosing.chosen(principal, criteria, *await choosing.narrowed(session, principal, criteria))
    async with choosing.walking(session, criteria, sort):
        found, next_cursor = await lists.page(
            session,
            _results(principal.org.type, literal(clock.today()), Roster.id.in_(select(rows.c.id))) if counted else rows,
            sort=sort,
            sortable=SORTS,
            cursor=cursor,
            limit=limit,
            bound=cursors.bound_to("results", *asdict(criteria).values()),
            most=most,
            nullable=("case_kind",),
        )
    if not counted:
        ids = [row["id"] for row in found]
        whole = await session.execute(_of_page(principal.org.type), {"today": clock.today(), "ids": ids})
        by_id = {row["id"]: row for row in whole.mappings()}
        found = [by_id[roster_id] for roster_id in ids]
    return ResultPage(items=[_result(row) for row in found], next_cursor=next_cursor)


def _result(row: RowMapping) -> ResultOut:
    last = row["last_decided_on"]
    return ResultOut(
        **{name: row[name] for name in ResultOut.model_fields if name in row}
        | {"school_code": row["school_code"] or None}
        | {"county_name": COUNTIES[row["county_code"]].name, "last_decided_on": None if last == _UNDECIDED else last}
    )


@functools.cache
def _of_page(org_type: str) -> Select[Any]:
    """The rosters of a page that were chosen, `ids`, counted on the day `today`.

    Made once: to put it together takes more time than all else that this process does for a page.
    """
    ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid))
    return select(_results(org_type, bindparam("today", type_=Date), Roster.id == any_(ids)))


def _results(org_type: str, today: ColumnElement[date], which: ColumnElement[bool]) -> Subquery:
    """Rosters that were chosen among the caller's own, with everything that is counted of them."""
    rosters = queries.rosters(today, org_type, which)
    sums = (
        select(
            func.count().filter(DecisionRecord.decision == Decision.APPROVED).label("approved"),
            func.count().filter(DecisionRecord.decision == Decision.REJECTED).label("rejected"),
            # A roster without a decision sorts before all that have one.
            func.coalesce(func.max(DecisionRecord.decided_on), _UNDECIDED).label("last_decided_on"),
        )
        .where(DecisionRecord.roster_id == rosters.c.id, current())
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


def readable(principal: Principal, ground: str | None, unseen: bool | None) -> bool:
    """Whether the caller may read why a man was rejected on this ground."""
    return principal.org.type == "county" or tells_nothing(ground, bool(unseen))


def men_of(principal: Principal, roster_id: UUID | BindParameter[UUID]) -> Subquery:
    """The men of a roster with the decision that stands on each."""
    columns: list[Any] = [
        Entry.id,
        Entry.row_no,
        Entry.national_id,
        Entry.name,
        Entry.student_no,
        queries.shown_state(Entry, principal.org.type).label("state"),
        DecisionRecord.decision,
        DecisionRecord.decided_on,
        DecisionRecord.decision_number,
        DecisionRecord.corrects_number,
        DecisionRecord.issued_on,
        DecisionRecord.deferment_until,
        DecisionRecord.reason,
        DecisionRecord.ground,
        DecisionRecord.ground_unseen,
    ]
    return (
        select(*columns)
        .outerjoin(DecisionRecord, and_(DecisionRecord.entry_id == Entry.id, current()))
        .where(*_on(principal, roster_id))
        .subquery("men")
    )


async def count_men(session: AsyncSession, principal: Principal, roster_id: UUID) -> int:
    """How many `men_of` holds. Raises 404."""
    await require_roster(session, principal, roster_id)
    return await session.scalar(select(func.count()).select_from(Entry).where(*_on(principal, roster_id))) or 0


def _on(principal: Principal, roster_id: UUID | BindParameter[UUID]) -> tuple[Any, ...]:
    return Entry.roster_id == roster_id, Entry.state.not_in(queries.GONE), *own_entries(principal)


@rule("RO-60")
async def list_result_entries(
    session: AsyncSession,
    principal: Principal,
    roster_id: UUID,
    *,
    cursor: str | None,
    limit: int,
    state: EntryState | None = None,
    decision: Decision | None = None,
    sort: str = "row_no",
    most: int | None = None,
) -> ResultEntryPage:
    """The men of a roster with what was decided on each (seed item 9). Raises 404, and 422 for more than `most`."""
    await require_roster(session, principal, roster_id)
    rows = men_of(principal, roster_id)
    asked = {"state": state, "decision": decision}
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=MEN_SORTS if principal.org.type == "school" else MEN_SORTS + COUNTY_MEN_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("result-entries", roster_id, state, decision),
        where=tuple(rows.c[name] == value for name, value in asked.items() if value is not None),
        most=most,
        nullable=frozenset(MEN_SORTS + COUNTY_MEN_SORTS) - _ALWAYS,
    )
    stored = [name for name in ResultEntryOut.model_fields if name in rows.c]
    items = [
        ResultEntryOut(
            **{name: row[name] for name in stored}
            | {
                "entry_id": row["id"],
                "reason": row["reason"] if readable(principal, row["ground"], row["ground_unseen"]) else None,
            }
        )
        for row in found
    ]
    return ResultEntryPage(items=items, next_cursor=next_cursor)
