"""Keeping the rates that months are priced by (FE-02): a row is replaced, never changed."""

from uuid import uuid4

from sqlalchemy import and_, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.models import RateRow
from rdss_fee.billing.rates import Degree
from rdss_fee.billing.rates_schemas import RATE_SORTS, RateIn, RateOut, RatePage
from rdss_fee.periods.service import hold_still, moment
from shared import audit, cursors
from shared.law import rule
from shared.lists import page
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault, ProblemType

RATE_KNOWN = ProblemType("rate_known", 409, "此費率已登錄，內容相同", "That very rate is known already")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('rdss_fee.rates', 0))")


async def list_rates(
    session: AsyncSession, *, degree: Degree | None, replaced: bool, sort: str, cursor: str | None, limit: int
) -> RatePage:
    """The rates that are known, the newest first unless asked otherwise; with `replaced` also those that were."""
    rows = select(*RateRow.__table__.columns).subquery("rates")
    conditions = (
        *(() if degree is None else (rows.c.degree == degree,)),
        *(() if replaced else (rows.c.replaced_at.is_(None),)),
    )
    found, next_cursor = await page(
        session,
        rows,
        sort=sort,
        sortable=RATE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("rates", degree, replaced),
        where=conditions,
    )
    return RatePage(items=[RateOut.model_validate(dict(row)) for row in found], next_cursor=next_cursor)


@rule("FE-02")
async def add_rate(session: AsyncSession, finance: Principal, body: RateIn) -> RateOut:
    """Make a rate known; one of the same category, degree, cohort and month is replaced by it.

    Months that were billed keep their price until a run corrects prices. Raises 422 for a day that begins no month,
    409 for what is known already.
    """
    if body.effective_from.day != 1:
        fault = Fault(
            "not_first_of_month",
            "費率須自某月1日起適用",
            "A rate takes effect on the first day of a month",
            pointer="/effective_from",
        )
        raise INVALID_CONTENT(errors=[fault])
    await hold_still(session)
    await session.execute(_ONE_AT_A_TIME)
    same_key = and_(
        RateRow.category == body.category,
        RateRow.degree == body.degree,
        RateRow.cohort_from == body.cohort_from,
        RateRow.effective_from == body.effective_from,
        RateRow.replaced_at.is_(None),
    )
    known = (await session.execute(select(RateRow.id, RateRow.amount, RateRow.document).where(same_key))).one_or_none()
    if known is not None and (known.amount, known.document) == (body.amount, body.document):
        raise RATE_KNOWN()
    now = await moment(session)
    if known is not None:
        replaced = {"replaced_at": now.at, "replaced_on": now.on}
        await session.execute(update(RateRow).where(RateRow.id == known.id).values(replaced))
    values = {**body.model_dump(), "id": uuid4(), "entered_by": finance.sub, "known_at": now.at, "known_on": now.on}
    made = await session.execute(insert(RateRow).values(values).returning(*RateRow.__table__.columns))
    told = {**body.model_dump(mode="json"), "replaces": None if known is None else str(known.id)}
    await audit.record(session, "rate.added", "rate", values["id"], told)
    return RateOut.model_validate(dict(made.mappings().one()))
