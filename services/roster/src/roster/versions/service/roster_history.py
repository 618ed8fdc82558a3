"""What was done to a roster, by whom, and how it stood after (RO-55)."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry, Roster
from roster.review import queries as queries_of_review
from roster.review.service import common
from roster.review.service.past import cells
from roster.review.states import EntryState
from roster.versions import queries
from roster.versions.models import History
from roster.versions.rules import Act, differences, flat, roster_act
from roster.versions.schemas import ChangeOut, ChangePage
from roster.versions.service import history
from shared import clock
from shared.law import rule
from shared.principals import Principal

# Counters, and what only the calendar changes.
_HIDDEN = frozenset({"id", "revision", "days_waiting", "days_late"})


@rule("RO-55")
async def roster_history(
    session: AsyncSession, principal: Principal, roster_id: UUID, *, cursor: str | None, limit: int
) -> ChangePage:
    """The changes of a roster that the caller may see, the oldest first; raises 404.

    What was written of its entries stands in theirs; here it is in which state how many of them are.
    """
    told_until = history.told_before(session, cursor, "roster", roster_id)
    name = (await common.roster_out(session, principal, roster_id)).school_name
    rosters = await history.stretches(session, principal, Roster, [roster_id])
    moves = await _moves(session, principal, roster_id)
    by = history.who_changed(rosters)
    counts = Counter[str]()
    lines: list[ChangeOut] = []
    before: dict[str, Any] | None = None
    instants = sorted({stretch.since for stretch in rosters} | moves.keys())
    for at, standing in zip(instants, history.standing_at(rosters, instants), strict=True):
        for state, gained in moves.get(at, {}).items():
            counts[state] += gained
        # What was told before is only counted; its last state is what this page begins from.
        if not standing or (told_until is not None and at < told_until):
            continue
        row = standing[0].row
        # Of each man there is one entry that counts, so that heads are entries here.
        heads = +counts
        shown = common.as_roster(principal, cells(row, name, heads, heads, clock.today())).model_dump(mode="json")
        if before is None and told_until is None:
            lines.append(await _arrival(session, principal, row, at, by.get(at)))
        elif before is not None:
            changes = differences(flat(before, _HIDDEN), flat(shown, _HIDDEN))
            if changes:
                lines.append(history.change(at, by.get(at), roster_act(before, shown), changes))
        before = shown
        if len(lines) > limit:
            break
    return history.page_of(session, lines, limit, "roster", roster_id)


async def _moves(session: AsyncSession, principal: Principal, roster_id: UUID) -> dict[datetime, Counter[str]]:
    """By how much the number of entries of the current version in each state grew or shrank at each instant."""
    of_roster = (Entry.roster_id == roster_id, *common.own_entries(principal))
    ids = select(Entry.id).where(*of_roster)
    state: ColumnElement[str] = History.body["state"].astext
    if principal.org.type == "school":
        # As `review.queries.shown_state` has it.
        state = case((History.body["corrects"].astext.is_not(None), literal(EntryState.DECIDED.value)), else_=state)
    shown = queries_of_review.shown_state(Entry, principal.org.type)
    # Who acts on many men changes them at one instant: the database counts them.
    former = (
        select(state.label("state"), History.valid_from, History.valid_until, func.count().label("men"))
        .where(
            History.table_name == "entry",
            History.row_id.in_(ids),
            func.jsonb_typeof(History.body["until_version"]) == "null",
        )
        .group_by("state", History.valid_from, History.valid_until)
    )
    present = (
        select(shown.label("state"), Entry.changed_at, func.count().label("men"))
        .where(*of_roster, Entry.until_version.is_(None))
        .group_by(shown, Entry.changed_at)
    )
    found: dict[datetime, Counter[str]] = defaultdict(Counter)
    for row in await session.execute(former):
        found[row.valid_from][row.state] += row.men
        found[row.valid_until][row.state] -= row.men
    for state_now, since, men in await session.execute(present):
        found[since][state_now] += men
    return found


async def _arrival(
    session: AsyncSession, principal: Principal, row: dict[str, Any], at: datetime, handed_on_by: Any
) -> ChangeOut:
    version = await queries.version_of(session, row["id"], 1)
    if version is not None and not version.row_count:
        return history.change(at, handed_on_by or history.made_by(version), Act.TRANSFERRED)
    return history.change(at, history.sender(principal, row, version), Act.RECEIVED)
