"""Named selects of men, their periods and what was told of them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from rdss_fee.months import Month
from rdss_fee.periods.models import ServiceEvent, Serviceman, ServicemanFacts, ServicePeriod
from rdss_fee.periods.states import PeriodState


def newest() -> ColumnElement[bool]:
    """Of each period the row that became known last: what is known, or was until the period was withdrawn."""
    later = aliased(ServicePeriod)
    return ~(
        select(literal(1))
        .where(later.id == ServicePeriod.id, later.version > ServicePeriod.version)
        .correlate(ServicePeriod)
        .exists()
    )


def as_known_on(table: Any, day: date) -> ColumnElement[bool]:
    """The rows of a table of what is known that were known at the end of `day`."""
    condition: ColumnElement[bool] = and_(
        table.known_on <= day, or_(table.replaced_on.is_(None), table.replaced_on > day)
    )
    return condition


def in_month(month: Month) -> ColumnElement[bool]:
    """Periods with a day in a month."""
    return and_(
        ServicePeriod.begins_on <= month.last,
        or_(ServicePeriod.ends_before.is_(None), ServicePeriod.ends_before > month.first),
    )


def has_him(employer: SQLColumnExpression[Any], serviceman: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether an employer has, or had, a man: a period of his with it is known that was not withdrawn."""
    known = aliased(ServicePeriod)
    return (
        select(literal(1))
        .where(known.serviceman_id == serviceman, known.employer_code == employer, known.replaced_at.is_(None))
        .correlate_except(known)
        .exists()
    )


def periods(today: date, *where: ColumnElement[bool]) -> Subquery:
    """Periods with their man, each as it became known last, and how it stands `today`."""
    state = case(
        (ServicePeriod.replaced_at.is_not(None), PeriodState.WITHDRAWN.value),
        (ServicePeriod.ends_before <= today, PeriodState.ENDED.value),
        (ServicePeriod.begins_on > today, PeriodState.ANNOUNCED.value),
        else_=PeriodState.SERVING.value,
    )
    his = has_him(ServicePeriod.employer_code, ServicePeriod.serviceman_id).label("has_him")
    return (
        select(*ServicePeriod.__table__.columns, Serviceman.national_id, Serviceman.name, state.label("state"), his)
        .join(Serviceman, Serviceman.id == ServicePeriod.serviceman_id)
        .where(newest(), *where)
        .subquery("periods")
    )


def events(*where: ColumnElement[bool]) -> Subquery:
    """What was told of periods, with the man it is of."""
    his = has_him(ServiceEvent.employer_code, ServiceEvent.serviceman_id).label("has_him")
    return (
        select(*ServiceEvent.__table__.columns, Serviceman.national_id, Serviceman.name, his)
        .join(Serviceman, Serviceman.id == ServiceEvent.serviceman_id)
        .where(ServiceEvent.period_id.is_not(None), *where)
        .subquery("events")
    )


async def versions(session: AsyncSession, period_id: UUID, *where: ColumnElement[bool]) -> Sequence[ServicePeriod]:
    """All that was ever known of a period, in its order."""
    query = select(ServicePeriod).where(ServicePeriod.id == period_id, *where).order_by(ServicePeriod.version)
    return (await session.scalars(query)).all()


async def told_of(session: AsyncSession, period_id: UUID) -> Sequence[ServiceEvent]:
    """All that was told of a period, in its order."""
    query = (
        select(ServiceEvent)
        .where(ServiceEvent.period_id == period_id)
        .order_by(func.coalesce(ServiceEvent.confirmed_at, ServiceEvent.entered_at), ServiceEvent.id)
    )
    return (await session.scalars(query)).all()


async def newest_row(session: AsyncSession, period_id: UUID, *where: ColumnElement[bool]) -> ServicePeriod | None:
    """A period as it became known last, read anew."""
    query = (
        select(ServicePeriod)
        .where(ServicePeriod.id == period_id, newest(), *where)
        .execution_options(populate_existing=True)
    )
    return await session.scalar(query)


async def known_of(session: AsyncSession, serviceman_id: UUID) -> tuple[ServicemanFacts, Sequence[ServicePeriod]]:
    """A man's facts as known now, and those of his periods that the caller's organisation may see."""
    facts = select(ServicemanFacts).where(
        ServicemanFacts.serviceman_id == serviceman_id, ServicemanFacts.replaced_at.is_(None)
    )
    known = select(ServicePeriod).where(
        ServicePeriod.serviceman_id == serviceman_id, ServicePeriod.replaced_at.is_(None)
    )
    fresh = {"populate_existing": True}
    return (
        (await session.scalars(facts.execution_options(**fresh))).one(),
        (await session.scalars(known.execution_options(**fresh))).all(),
    )


async def known_by_index(session: AsyncSession, indexes: Iterable[bytes]) -> dict[bytes, Serviceman]:
    """Those of these men that are registered, held in the order of their ids; by the blind index of their number."""
    query = (
        select(Serviceman)
        .where(Serviceman.national_id_index.in_(set(indexes)))
        .order_by(Serviceman.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {man.national_id_index: man for man in (await session.scalars(query)).all()}


async def facts_of(session: AsyncSession, men: Iterable[UUID]) -> dict[UUID, ServicemanFacts]:
    """The facts of men as known now."""
    query = select(ServicemanFacts).where(
        ServicemanFacts.serviceman_id.in_(set(men)), ServicemanFacts.replaced_at.is_(None)
    )
    return {row.serviceman_id: row for row in (await session.scalars(query)).all()}


async def periods_of(session: AsyncSession, men: Iterable[UUID]) -> dict[UUID, list[ServicePeriod]]:
    """The periods of men as known now."""
    query = select(ServicePeriod).where(ServicePeriod.serviceman_id.in_(set(men)), ServicePeriod.replaced_at.is_(None))
    found: dict[UUID, list[ServicePeriod]] = {}
    for row in (await session.scalars(query)).all():
        found.setdefault(row.serviceman_id, []).append(row)
    return found
