"""Reading men, their periods and what was told of them: as known now, and as known on a day (FE-13)."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.months import Month
from rdss_fee.periods import queries
from rdss_fee.periods.models import ServiceEvent, Serviceman, ServicemanFacts, ServicePeriod
from rdss_fee.periods.schemas import (
    EVENT_SORTS,
    PERIOD_SORTS,
    EventOut,
    EventPage,
    KnownPeriod,
    PeriodHistory,
    PeriodOut,
    PeriodPage,
    ServedPeriod,
    ServicemanOut,
)
from rdss_fee.periods.states import EventKind, EventState, PeriodState
from rdss_fee.tenancy import own, sees_all
from shared import clock, cursors
from shared.ids import mask_id
from shared.law import rule
from shared.lists import page
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault

_SAID = ("begins_on", "ends_before", "ended_by", "reason")


async def list_periods(
    session: AsyncSession,
    caller: Principal,
    *,
    employer_code: str | None,
    serviceman_id: UUID | None,
    month: Month | None,
    state: PeriodState | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> PeriodPage:
    """Periods, of an employer its own; those that were withdrawn only where `state` asks for them."""
    today = clock.today()
    narrowed = [
        *own(caller, ServicePeriod.employer_code),
        *([] if employer_code is None else [ServicePeriod.employer_code == employer_code]),
        *([] if serviceman_id is None else [ServicePeriod.serviceman_id == serviceman_id]),
        *([] if month is None else [queries.in_month(month)]),
    ]
    rows = queries.periods(today, *narrowed)
    found, next_cursor = await page(
        session,
        rows,
        sort=sort,
        sortable=PERIOD_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("periods", employer_code, serviceman_id, month, state),
        where=(rows.c.state != PeriodState.WITHDRAWN if state is None else rows.c.state == state,),
        nullable=("ends_before",),
    )
    return PeriodPage(items=[_period(caller, row) for row in found], next_cursor=next_cursor)


async def get_period(session: AsyncSession, caller: Principal, period_id: UUID) -> PeriodOut:
    """One period as it became known last; raises 404, for another employer's too."""
    rows = queries.periods(clock.today(), ServicePeriod.id == period_id, *own(caller, ServicePeriod.employer_code))
    row = (await session.execute(select(rows))).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return _period(caller, row)


@rule("FE-13")
async def history_of(session: AsyncSession, caller: Principal, period_id: UUID) -> PeriodHistory:
    """All that was ever known of a period, and all that was told of it; raises 404, for another employer's too."""
    versions = await queries.versions(session, period_id, *own(caller, ServicePeriod.employer_code))
    if not versions:
        raise NOT_FOUND()
    man = await session.get_one(Serviceman, versions[0].serviceman_id)
    has_him = await _has_him(session, versions[0].employer_code, man.id)
    named = {"national_id": man.national_id, "name": man.name, "has_him": has_him}
    events = await queries.told_of(session, period_id)
    return PeriodHistory(
        id=period_id,
        serviceman_id=man.id,
        employer_code=versions[0].employer_code,
        versions=[KnownPeriod.model_validate(row) for row in versions],
        events=[_event(caller, {**named, **_columns(event)}) for event in events],
    )


async def list_events(
    session: AsyncSession,
    caller: Principal,
    *,
    state: EventState | None,
    kind: EventKind | None,
    employer_code: str | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> EventPage:
    """What was told of periods; `state=entered` is what waits for a head office."""
    narrowed = [
        *own(caller, ServiceEvent.employer_code),
        *([] if employer_code is None else [ServiceEvent.employer_code == employer_code]),
        *([] if state is None else [ServiceEvent.state == state]),
        *([] if kind is None else [ServiceEvent.kind == kind]),
    ]
    found, next_cursor = await page(
        session,
        queries.events(*narrowed),
        sort=sort,
        sortable=EVENT_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("service events", state, kind, employer_code),
    )
    return EventPage(items=[_event(caller, dict(row)) for row in found], next_cursor=next_cursor)


async def get_event(session: AsyncSession, caller: Principal, event_id: UUID) -> EventOut:
    """What was told once of a period; raises 404, for another employer's too."""
    rows = queries.events(ServiceEvent.id == event_id, *own(caller, ServiceEvent.employer_code))
    row = (await session.execute(select(rows))).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return _event(caller, dict(row))


@rule("FE-13")
async def get_serviceman(
    session: AsyncSession, caller: Principal, serviceman_id: UUID, as_of: date | None = None
) -> ServicemanOut:
    """A man as he was known at the end of a day; without one, as he is known now.

    Raises 404 for who was not known then, to an employer also for whom it did not have then; 422 for a day to come.
    """
    today = clock.today()
    if as_of is not None and as_of > today:
        raise INVALID_CONTENT(
            errors=[Fault("as_of_future", "所查日期尚未到來", "That day has not come yet", column="as_of")]
        )
    day = as_of or today
    mine = own(caller, ServicePeriod.employer_code)
    then = [
        table.replaced_at.is_(None) if as_of is None else queries.as_known_on(table, day)
        for table in (ServicePeriod, ServicemanFacts)
    ]
    served = await session.scalars(
        select(ServicePeriod)
        .where(ServicePeriod.serviceman_id == serviceman_id, then[0], *mine)
        .order_by(ServicePeriod.begins_on, ServicePeriod.id)
    )
    periods = served.all()
    man = await session.get(Serviceman, serviceman_id, populate_existing=True)
    facts = await session.scalar(select(ServicemanFacts).where(ServicemanFacts.serviceman_id == serviceman_id, then[1]))
    if man is None or facts is None or (mine and not periods):
        raise NOT_FOUND()
    told: dict[str, Any] = {
        name: getattr(facts, name) for name in ServicemanOut.model_fields if name in ServicemanFacts.__table__.c
    }
    return ServicemanOut(
        **told
        | {
            "id": man.id,
            "version": man.version,
            "as_of": day,
            "national_id": _shown(caller, man.national_id, has_him=await _has_him(session, caller.org.code, man.id)),
            "name": man.name,
            "facts_known_on": facts.known_on,
            "periods": [ServedPeriod.model_validate(row) for row in periods],
        }
    )


async def _has_him(session: AsyncSession, employer: str, serviceman_id: UUID) -> bool:
    return bool(await session.scalar(select(queries.has_him(literal(employer), literal(serviceman_id)))))


def _shown(caller: Principal, national_id: str, *, has_him: bool) -> str:
    """Whole to the programme office and to his employer; not to one of which it was said in error that it has him."""
    whole = has_him if caller.org.type == "employer" else caller.org.type == "programme_office"
    return national_id if whole else mask_id(national_id)


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.c}


def _period(caller: Principal, row: RowMapping) -> PeriodOut:
    shown = _shown(caller, row["national_id"], has_him=row["has_him"])
    return PeriodOut.model_validate({**row, "national_id": shown})


def _event(caller: Principal, row: Mapping[str, Any]) -> EventOut:
    # Of an office an employer is told that it was one, not who.
    named = sees_all(caller) or row["needs_confirmation"]
    said = row["data"]
    return EventOut.model_validate(
        {
            **row,
            **{name: said.get(name) for name in _SAID},
            "national_id": _shown(caller, row["national_id"], has_him=row["has_him"]),
            "seen_version": said.get("version"),
            "entered_by": row["entered_by"] if named else None,
            "confirmed_by": row["confirmed_by"] if named else None,
        }
    )
