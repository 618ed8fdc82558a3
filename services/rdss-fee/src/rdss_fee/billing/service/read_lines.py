"""Reading a run's lines, and why each stands (FE-13, FE-30)."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing import queries
from rdss_fee.billing.models import BillingRun, LineRow, RateRow
from rdss_fee.billing.rates import Category, Degree, Rates
from rdss_fee.billing.rules import Billed, Line, LineKind, Price, Serviceman, Share, lines
from rdss_fee.billing.schemas import (
    LINE_SORTS,
    EarlierLine,
    Explanation,
    LineOut,
    LinePage,
    PeriodKnown,
    Span,
)
from rdss_fee.months import Month
from rdss_fee.periods.models import ServicemanFacts, ServicePeriod
from rdss_fee.periods.rules import Beginning, Ending, Period, StageTwo, served
from rdss_fee.tenancy import own, sees_all
from shared import cursors, lists
from shared.ids import mask_id
from shared.law import FEE_MANUAL, FEE_STANDARD, SUBSTITUTE_SERVICE_ACT, cite, rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


async def list_lines(
    session: AsyncSession,
    principal: Principal,
    run_id: UUID,
    *,
    employer: str | None,
    kind: LineKind | None,
    sort: str,
    cursor: str | None,
    limit: int,
    most: int | None = None,
) -> LinePage:
    """The lines of a run, of one employer or of all that the caller may see; 422 for more than `most`."""
    where = [LineRow.run_id == run_id, *own(principal, LineRow.employer_code)]
    if employer is not None:
        where.append(LineRow.employer_code == employer)
    if kind is not None:
        where.append(LineRow.kind == kind)
    rows, next_cursor = await lists.page(
        session,
        queries.lines(*where),
        sort=sort,
        sortable=LINE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("lines", run_id, employer, kind),
        most=most,
    )
    return LinePage(items=[line_out(row) for row in rows], next_cursor=next_cursor)


def line_out(row: RowMapping) -> LineOut:
    """A line as it is told; the man's ID masked."""
    named: dict[str, Any] = {name: row[name] for name in LineOut.model_fields if name in row}
    return LineOut.model_validate(
        named | {"national_id": mask_id(row["national_id"]), "days_in_month": Month.of(row["month"]).days}
    )


@rule("FE-13")
async def explain(
    session: AsyncSession, principal: Principal, run_id: UUID, employer: str, serviceman_id: UUID, month: Month
) -> Explanation:
    """Why a line stands, by what its run knew; raises 404 for a line that is not there or another employer's."""
    query: Select[Any] = select(
        queries.lines(
            LineRow.run_id == run_id,
            LineRow.employer_code == employer,
            LineRow.serviceman_id == serviceman_id,
            LineRow.month == month.first,
            *own(principal, LineRow.employer_code),
        )
    )
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    run = await _run(session, run_id)
    man, known, facts = await known_man(session, run, serviceman_id)
    rates, documents = await _rates(session, run)
    before = await queries.earlier(session, run, serviceman_id, employer, month.first)
    told = line_out(row)
    spans = next((one.spans for one in served(man.periods, man.stage, month) if one.employer == employer), ())
    return Explanation(
        line=told,
        spans=[Span(first=first, last=last) for first, last in spans],
        stage_begins_on=facts.stage_begins_on,
        stage_ends_before=facts.stage_ends_before,
        periods=[
            PeriodKnown(
                period_id=one.id,
                begins_on=one.begins_on,
                begun_by=Beginning(one.begun_by),
                ends_before=one.ends_before,
                ended_by=None if one.ended_by is None else Ending(one.ended_by),
                event_id=one.event_id,
                known_on=one.known_on,
            )
            for one in known
            if one.employer_code == employer
        ],
        rate_document=_document(told, documents),
        formula=_formula(told),
        earlier=[
            EarlierLine(
                run_id=one.run_id,
                billed_in=of.month,
                issued_on=of.issued_on or of.asked_on,
                kind=LineKind(one.kind),
                amount=one.amount,
            )
            for one, of in before
        ],
        agrees=None if not sees_all(principal) else _same(await _again(session, run, man, rates), told),
        articles=[
            cite(SUBSTITUTE_SERVICE_ACT, "60/1-1").text,
            cite(FEE_STANDARD, "3").text,
            cite(FEE_MANUAL, "fee-2").text,
        ],
    )


async def _run(session: AsyncSession, run_id: UUID) -> Any:
    """A run's cut; an employer, who sees no run, is told of its own lines by the notice."""
    query = select(
        BillingRun.id, BillingRun.month, BillingRun.kind, BillingRun.reprice, BillingRun.known_at, BillingRun.as_of
    ).where(BillingRun.id == run_id)
    return (await session.execute(query)).one()


def known_by(table: Any, run: Any) -> ColumnElement[bool]:
    """What a run knew of `table`."""
    return and_(
        table.known_at <= run.known_at,
        table.known_on <= run.as_of,
        or_(table.replaced_at.is_(None), table.replaced_at > run.known_at, table.replaced_on > run.as_of),
    )


async def known_man(
    session: AsyncSession, run: Any, serviceman_id: UUID
) -> tuple[Serviceman, Sequence[ServicePeriod], ServicemanFacts]:
    """A man as a run knew him."""
    facts = (
        await session.scalars(
            select(ServicemanFacts).where(
                ServicemanFacts.serviceman_id == serviceman_id, known_by(ServicemanFacts, run)
            )
        )
    ).one()
    known = (
        await session.scalars(
            select(ServicePeriod)
            .where(ServicePeriod.serviceman_id == serviceman_id, known_by(ServicePeriod, run))
            .order_by(ServicePeriod.begins_on)
        )
    ).all()
    periods = tuple(
        Period(
            one.employer_code,
            one.begins_on,
            Beginning(one.begun_by),
            one.ends_before,
            None if one.ended_by is None else Ending(one.ended_by),
        )
        for one in known
    )
    stage = StageTwo(facts.stage_begins_on, facts.stage_ends_before)
    man = Serviceman(str(serviceman_id), Category(facts.category), Degree(facts.degree), facts.cohort, stage, periods)
    return man, known, facts


async def _rates(session: AsyncSession, run: Any) -> tuple[Rates, dict[tuple[Category, Degree, int, date], str]]:
    found = [queries.as_rate(row) for row in await queries.rates(session, known_by(RateRow, run))]
    return Rates(found), {(r.category, r.degree, r.amount, r.effective_from): r.document for r in found}


async def _again(session: AsyncSession, run: Any, man: Serviceman, rates: Rates) -> list[Line]:
    """The man's lines of the run by the rules, from what was billed before it."""
    issued = (
        select(LineRow)
        .join(BillingRun, BillingRun.id == LineRow.run_id)
        .where(
            LineRow.serviceman_id == UUID(man.id),
            BillingRun.state == "issued",
            BillingRun.issued_at <= run.known_at,
            BillingRun.issued_on <= run.as_of,
            queries.in_sight(run),
        )
        .order_by(BillingRun.issued_at)
    )
    billed: dict[Share, Billed] = {}
    for at, line in enumerate(await session.scalars(issued)):
        share = Share(man.id, line.employer_code, Month.of(line.month))
        before = billed.get(share, Billed(0))
        signed = line.amount if line.kind == LineKind.CHARGE else -line.amount
        newer = (before.price, before.at) if line.rate is None else (_price(line), at)
        billed[share] = Billed(before.amount + signed, *newer)
    return list(lines(man, Month.of(run.month), billed, rates, reprice=run.reprice))


def _price(line: LineRow) -> Price:
    # All four or none: the table sees to it.
    return Price(Category(line.category or ""), Degree(line.degree or ""), line.cohort or 0, line.rate or 0)


def _same(again: list[Line], told: LineOut) -> bool:
    wanted = (told.employer_code, Month.of(told.month), told.kind, told.days, told.entitled, told.billed, told.amount)
    found = (
        (one.share.employer, one.share.month, one.kind, one.days, one.entitled, one.billed, one.amount) for one in again
    )
    return wanted in set(found)


def _document(told: LineOut, documents: dict[tuple[Category, Degree, int, date], str]) -> str | None:
    """Where the rate of a line is announced: the newest row of that amount in force then."""
    if told.rate is None or told.category is None or told.degree is None:
        return None
    found = {
        since: document
        for (category, degree, amount, since), document in documents.items()
        if (category, degree, amount) == (told.category, told.degree, told.rate) and since <= told.month
    }
    return found[max(found)] if found else None


def _formula(told: LineOut) -> str:
    if told.rate is None:
        return f"0 - {told.billed:,} = -{told.amount:,}"
    entitled = (
        f"{told.rate:,}"
        if told.days == told.days_in_month
        else f"{told.rate:,} × {told.days} ÷ {told.days_in_month} = {told.entitled:,}"
    )
    sign = "" if told.kind is LineKind.CHARGE else "-"
    return entitled if not told.billed else f"{entitled}; {told.entitled:,} - {told.billed:,} = {sign}{told.amount:,}"
