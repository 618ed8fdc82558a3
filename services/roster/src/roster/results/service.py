"""The men of a roster with what was decided on each (RO-60; seed items 8 to 10)."""

from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Subquery, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.intake.models import Entry
from roster.results.schemas import COUNTY_MEN_SORTS, MEN_SORTS, ResultEntryOut, ResultEntryPage
from roster.review import queries
from roster.review.current import current
from roster.review.models import DecisionRecord
from roster.review.rules import Decision, EntryState, tells_nothing
from roster.review.service.common import own_entries, require_roster
from shared import cursors
from shared.law import rule
from shared.principals import Principal

# What every man of a roster has; the rest of the columns may be empty.
_ALWAYS = frozenset({"row_no", "national_id", "name", "state"})


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
