"""A deferment as it stands, as it stood, and what was done to it (RO-55)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster.deferments.models import Deferment, DefermentChange
from roster.intake.models import Entry
from roster.review.models import DecisionRecord
from roster.review.queries import GONE
from roster.review.service import past
from roster.review.service.show import is_active
from roster.versions.past import stood
from roster.versions.rules import Act, deferment_act, differences, flat
from roster.versions.schemas import By, ChangeOut, ChangePage, DefermentDetail
from roster.versions.service import history
from shared import clock
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND

_HIDDEN = frozenset({"id", "national_id", "active"})


def own_deferments(county: Principal) -> tuple[Any, ...]:
    """Those that the county granted, and those of men on its rosters (RO-40)."""
    on_its_rosters = select(1).where(
        Entry.national_id_index == Deferment.national_id_index,
        Entry.county_code == county.org.code,
        Entry.state.not_in(GONE),
    )
    return (or_(Deferment.county_code == county.org.code, on_its_rosters.exists()),)


async def _require(session: AsyncSession, county: Principal, deferment_id: UUID) -> None:
    mine = select(Deferment.id).where(Deferment.id == deferment_id, *own_deferments(county))
    if await session.scalar(mine) is None:
        raise NOT_FOUND()


def _detail(row: Any, today: Any) -> DefermentDetail:
    named = {name: row[name] for name in DefermentDetail.model_fields if name in row}
    return DefermentDetail(**named, active=is_active(row, today))


@rule("RO-55")
async def get_deferment(
    session: AsyncSession, county: Principal, deferment_id: UUID, as_of: datetime | None
) -> DefermentDetail:
    """One deferment, as it stands or as it stood; raises 404, and as `past` does."""
    await _require(session, county, deferment_id)
    at = past.not_in_future(as_of)
    if at is not None:
        return _detail(await past.row_then(session, Deferment, deferment_id, at), past.day_of(at))
    found = await session.execute(select(stood(Deferment, [deferment_id], None)))
    return _detail(found.mappings().one(), clock.today())


@rule("RO-55")
async def deferment_history(
    session: AsyncSession, county: Principal, deferment_id: UUID, *, cursor: str | None, limit: int
) -> ChangePage:
    """The changes of a deferment, the oldest first; raises 404."""
    await _require(session, county, deferment_id)
    told_until = history.told_before(session, cursor, "deferment", deferment_id)
    states = await history.stretches(session, county, Deferment, [deferment_id])
    by = history.who_changed(states)
    lines: list[ChangeOut] = []
    for number, state in enumerate(states):
        if told_until is not None and state.since <= told_until:
            continue
        seen = flat(_detail(state.row, clock.today()).model_dump(mode="json"), _HIDDEN)
        if number == 0:
            lines.append(history.change(state.since, await _granted_by(session, county, deferment_id), Act.GRANTED))
            continue
        earlier = states[number - 1].row
        changes = differences(flat(_detail(earlier, clock.today()).model_dump(mode="json"), _HIDDEN), seen)
        if changes:
            lines.append(history.change(state.since, by.get(state.since), deferment_act(earlier, state.row), changes))
    return history.page_of(session, lines, limit, "deferment", deferment_id)


async def _granted_by(session: AsyncSession, county: Principal, deferment_id: UUID) -> By | None:
    """Who decided it; told to the county that did, and of another one nothing but its code."""
    query = (
        select(DecisionRecord.county_code, DecisionRecord.decided_by)
        .join(DefermentChange, DefermentChange.decision_id == DecisionRecord.id)
        .where(DefermentChange.deferment_id == deferment_id, DefermentChange.deferment_version == 1)
    )
    found = (await session.execute(query)).one_or_none()
    if found is not None:
        return history.told_of(county, "county", found.county_code, found.decided_by)
    code = await session.scalar(select(Deferment.county_code).where(Deferment.id == deferment_id))
    return None if code is None else By(org_type="county", org_code=code, sub=None)
