"""What was done to an entry, by whom, and what it changed (RO-55)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.models import Entry, Roster
from roster.registry.models import RegistryFact
from roster.review import queries as review
from roster.review.models import BatchEntry
from roster.review.service import show
from roster.review.service.read import find_entry
from roster.review.states import EntryState
from roster.versions import queries
from roster.versions.models import History
from roster.versions.rules import COMPARED, Act, differences, entry_act, flat
from roster.versions.schemas import ChangeOut, ChangePage
from roster.versions.service import history
from roster.versions.service.history import Stretch
from shared import clock
from shared.law import rule
from shared.principals import Principal

# Names, counters, and what is told elsewhere: the man's deferments have a history of their own.
_HIDDEN = frozenset(
    {"id", "roster_id", "version", "national_id", "latest_deferment", "returned", "filed_on", "from_version"}
)


@rule("RO-55")
async def entry_history(
    session: AsyncSession, principal: Principal, entry_id: UUID, *, cursor: str | None, limit: int
) -> ChangePage:
    """The changes of an entry that the caller may see, the oldest first; raises 404.

    What is shown of a state is what reading it shows: states that look the same to the caller are one.
    """
    told_until = history.told_before(session, cursor, "entry", entry_id)
    row = await find_entry(session, principal, entry_id)
    county = principal.org.type == "county"
    men = [row["national_id_index"]]
    gone = county and not await review.still_here(session, men, principal.org.code)
    entry = await history.stretches(session, principal, Entry, [entry_id])
    hints = await review.hint_sets(session, (stretch.row["hint_set"] for stretch in entry))
    facts = await history.stretches(session, principal, RegistryFact, [entry_id]) if county else []
    instants = sorted({stretch.since for stretch in (*entry, *facts)})
    by = await history.who_changed_row(session, principal, Roster, row["roster_id"], instants)
    by |= history.who_changed(facts, entry)
    left = await _left(session, entry_id) if county else {}
    decisions = await review.all_decisions(session, entry_id)

    def view(state: dict[str, Any], at: datetime, known: list[Stretch]) -> dict[str, Any]:
        beside = show.Beside(
            hints[state["hint_set"]],
            next((one for one in reversed(decisions) if one.decided_at <= at), None),
            _fact(known[0].row) if known else None,
        )
        shown = show.entry_out(state, beside, county=county, gone=gone, today=clock.today())
        return flat(shown.model_dump(mode="json"), _HIDDEN)

    lines: list[ChangeOut] = []
    before: tuple[dict[str, Any], dict[str, Any]] | None = None
    beside_it = (history.standing_at(found, instants) for found in (entry, facts))
    for at, own, known in zip(instants, *beside_it, strict=True):
        # Of what was told before only the last state is needed: this page begins from it.
        if not own or (told_until is not None and at < told_until):
            continue
        state = own[0].row
        seen = view(state, at, known)
        if before is None and told_until is None:
            lines.append(await _arrival(session, principal, entry[0], seen, by.get(at)))
        elif before is not None:
            changes = differences(before[1], seen)
            if changes:
                batch_id = before[0]["batch_id"]
                lines.append(history.change(at, by.get(at), entry_act(before[0], state, left.get(batch_id)), changes))
        before = (state, seen)
        if len(lines) > limit:
            break
    return history.page_of(session, lines, limit, "entry", entry_id)


def _fact(row: dict[str, Any]) -> RegistryFact:
    return RegistryFact(entry_id=row["entry_id"], as_of=row["as_of"], known=row["known"], facts=row["facts"])


async def _left(session: AsyncSession, entry_id: UUID) -> dict[UUID, str]:
    """How the entry left each batch it was in."""
    rows = await session.execute(
        select(BatchEntry.batch_id, BatchEntry.left_as).where(
            BatchEntry.entry_id == entry_id, BatchEntry.left_as.is_not(None)
        )
    )
    return {row.batch_id: row.left_as for row in rows}


async def _arrival(
    session: AsyncSession, principal: Principal, first: Stretch, seen: dict[str, Any], handed_on_by: Any
) -> ChangeOut:
    """How an entry came to be: with the school's file, with its correction, or from another county (RO-29)."""
    state = first.row
    version = await queries.version_of(session, state["roster_id"], state["from_version"])
    if version is not None and not version.row_count:
        return history.change(first.since, handed_on_by or history.made_by(version), Act.TRANSFERRED)
    # Of what came before versions were kept the instant is not the file's; with the first file came the roster itself.
    if version is not None and version.version > 1:
        filed_at: datetime | None = version.received_at
    else:
        filed_at = await _began(session, state["roster_id"])
    if first.since != filed_at:
        return history.change(first.since, handed_on_by, Act.TRANSFERRED)
    school = history.sender(principal, state, version)
    changed = await _replaced(session, state)
    if changed is None:
        return history.change(first.since, school, Act.RECEIVED)
    older = show.entry_out(changed, show.Beside([]), county=False, gone=False, today=clock.today())
    stated = {name: value for name, value in seen.items() if name in COMPARED}
    was = {name: value for name, value in flat(older.model_dump(mode="json")).items() if name in COMPARED}
    return history.change(first.since, school, Act.CORRECTED, differences(was, stated))


async def _began(session: AsyncSession, roster_id: UUID) -> datetime | None:
    """Since when a roster is kept: its arrival, or the day from which on its past is kept."""
    of_roster = (History.table_name == "roster", History.row_id == roster_id)
    first: datetime | None = await session.scalar(select(func.min(History.valid_from)).where(*of_roster))
    return first or await session.scalar(select(Roster.changed_at).where(Roster.id == roster_id))


async def _replaced(session: AsyncSession, state: dict[str, Any]) -> RowMapping | None:
    """The entry in whose place a correction put this one: the man's that was on the roster until then.

    Who was handed on and came back has others here, which left the version that they belonged to (RO-29).
    """
    left = select(1).where(
        History.table_name == "entry", History.row_id == Entry.id, History.body["state"].astext.in_(review.GONE)
    )
    found = await session.execute(
        review.entries(
            Entry.roster_id == state["roster_id"],
            Entry.national_id_index == state["national_id_index"],
            Entry.until_version == state["from_version"],
            Entry.state == EntryState.SUPERSEDED,
            ~left.exists(),
        )
    )
    row: RowMapping | None = found.mappings().first()
    return row
