"""What was done to a roster, by whom, and how it stood after (RO-55)."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry, Roster
from roster.review.service import common
from roster.review.service.past import cells
from roster.versions.models import History, RosterVersion
from roster.versions.rules import Act, differences, flat, roster_act
from roster.versions.schemas import ChangeOut, ChangePage
from roster.versions.service import history
from shared import clock
from shared.auth import Principal
from shared.law import rule

# Counters, and what only the calendar changes.
_HIDDEN = frozenset({"id", "revision", "days_waiting", "days_late"})


@rule("RO-55")
async def roster_history(
    session: AsyncSession, principal: Principal, roster_id: UUID, *, cursor: str | None, limit: int
) -> ChangePage:
    """The changes of a roster that the caller may see, the oldest first; raises 404.

    What was written of its entries stands in theirs; here it is in which state how many of them are.
    """
    name = (await common.roster_out(session, principal, roster_id)).school_name
    rosters = await history.stretches(session, principal, Roster, [roster_id])
    moves = await _moves(session, principal, roster_id)
    by = history.who_changed(rosters)
    counts = Counter[str]()
    lines: list[ChangeOut] = []
    before: dict[str, Any] | None = None
    for at in sorted({stretch.since for stretch in rosters} | moves.keys()):
        for state, gained in moves.get(at, {}).items():
            counts[state] += gained
        row = next((stretch.row for stretch in rosters if stretch.covers(at)), None)
        if row is None:
            continue
        # Of each man there is one entry that counts, so that heads are entries here.
        standing = +counts
        shown = common.as_roster(principal, cells(row, name, standing, standing, clock.today())).model_dump(mode="json")
        if before is None:
            lines.append(await _arrival(session, principal, row, at, by.get(at)))
        else:
            changes = differences(flat(before, _HIDDEN), flat(shown, _HIDDEN))
            if changes:
                lines.append(history.change(at, by.get(at), roster_act(before, shown), changes))
        before = shown
    return history.page_of(session, lines, cursor, limit, "roster", roster_id)


async def _moves(session: AsyncSession, principal: Principal, roster_id: UUID) -> dict[datetime, Counter[str]]:
    """By how much the number of entries of the current version in each state grew or shrank at each instant."""
    of_roster = (Entry.roster_id == roster_id, *common.own_entries(principal))
    ids = select(Entry.id).where(*of_roster)
    former = select(
        History.body["state"].astext.label("state"),
        (func.jsonb_typeof(History.body["until_version"]) == "null").label("current"),
        History.valid_from.label("since"),
        History.valid_until.label("until"),
    ).where(History.table_name == "entry", History.row_id.in_(ids))
    present = select(
        Entry.state, Entry.until_version.is_(None).label("current"), Entry.changed_at.label("since")
    ).where(*of_roster)
    found: dict[datetime, Counter[str]] = defaultdict(Counter)
    for row in await session.execute(former):
        if row.current:
            found[row.since][row.state] += 1
            found[row.until][row.state] -= 1
    for row in await session.execute(present):
        if row.current:
            found[row.since][row.state] += 1
    return found


async def _arrival(
    session: AsyncSession, principal: Principal, row: dict[str, Any], at: datetime, handed_on_by: Any
) -> ChangeOut:
    first = select(RosterVersion).where(RosterVersion.roster_id == row["id"], RosterVersion.version == 1)
    version = (await session.scalars(first)).one()
    if not version.row_count:
        return history.change(at, handed_on_by, Act.TRANSFERRED)
    school = history.told_of(principal, "school", row["school_code"], version.received_by)
    return history.change(at, school, Act.RECEIVED)
