"""Asking the conscription registry and telling it: what is queued for the worker, and how that fares."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.registry.models import registry_event
from roster.registry.schemas import EventKind, EventState, RegistryEventOut
from shared import audit, cursors, jobs
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType
from shared.schemas import Page

EVENT_NOT_DEAD = ProblemType(
    "registry_event_not_dead", 409, "僅停止遞送者得重新遞送", "Only an event that was given up on can be sent again"
)

LOOKUP = EventKind.LOOKUP.value
ANNOTATE = EventKind.ANNOTATE.value
TOWNSHIP_REPORT = EventKind.TOWNSHIP_REPORT.value
LARGEST_LOOKUP = 1_000
# About a week of the longest back-off: the registry may be away over a long holiday.
PATIENCE = 2_000


async def queue_lookups(session: AsyncSession, entries: Mapping[str, Sequence[UUID]]) -> None:
    """Have the registry asked about the men on new entries, by county; in lots of at most 1,000 (RO-18)."""
    lots = [
        {"county_code": county, "entry_ids": [str(entry) for entry in ids[start : start + LARGEST_LOOKUP]]}
        for county, ids in entries.items()
        for start in range(0, len(ids), LARGEST_LOOKUP)
    ]
    await jobs.enqueue_many(session, LOOKUP, [(None, lot) for lot in lots], max_attempts=PATIENCE)


async def list_events(
    session: AsyncSession,
    caller: Principal,
    *,
    state: EventState | None,
    kind: EventKind | None,
    cursor: str | None,
    limit: int,
) -> Page[RegistryEventOut]:
    """Calls to the registry, the newest first: a county's own, the administrator all."""
    where = list(_own(caller))
    if state is not None:
        where.append(registry_event.c.state == state)
    if kind is not None:
        where.append(registry_event.c.kind == kind)
    found, next_cursor = await lists.page(
        session,
        select(registry_event).where(*where).subquery("events"),
        sort="-id",
        sortable=("id",),
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("registry-events", state, kind),
    )
    return Page(items=[_out(row) for row in found], next_cursor=next_cursor)


async def replay(session: AsyncSession, caller: Principal, event_id: int) -> RegistryEventOut:
    """Send again what was given up on; raises 404, and 409 for one that was not."""
    mine = (registry_event.c.id == event_id, *_own(caller))
    known = (await session.execute(select(registry_event).where(*mine).with_for_update())).mappings().one_or_none()
    if known is None:
        raise NOT_FOUND()
    if known["state"] != EventState.DEAD:
        raise EVENT_NOT_DEAD(state=known["state"])
    changed = await session.execute(
        update(registry_event)
        .where(*mine)
        .values(state=EventState.READY, attempts=0, run_at=func.now(), finished_at=None)
        .returning(*registry_event.c)
    )
    await audit.record(session, "registry_event.replayed", "job", event_id, {"kind": known["kind"]})
    return _out(changed.mappings().one())


def _own(caller: Principal) -> tuple[Any, ...]:
    return () if caller.org.type == "moi" else (registry_event.c.county_code == caller.org.code,)


def _out(row: RowMapping) -> RegistryEventOut:
    named = {name: row[name] for name in RegistryEventOut.model_fields if name in row}
    ready = row["state"] == EventState.READY
    return RegistryEventOut(**named, next_attempt_at=row["run_at"] if ready else None)
