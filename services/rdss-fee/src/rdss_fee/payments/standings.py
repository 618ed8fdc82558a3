"""How notices stand: when what came to each paid it whole, by value dates (FE-34, FE-39)."""

from collections.abc import Collection, Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.dates import Standing, standing
from rdss_fee.billing.models import NoticeRow
from rdss_fee.payments.moneys import moneys, of_notices
from rdss_fee.payments.rules import Payment, paid_in_full_on
from shared.law import rule


@rule("FE-34", "FE-39")
async def payments_to(session: AsyncSession, notices: Collection[UUID]) -> Mapping[UUID, list[Payment]]:
    """What came to each of `notices`, reversals below zero, undone assignments left out."""
    came = moneys(of_notices(list(notices)))
    found: dict[UUID, list[Payment]] = {notice: [] for notice in notices}
    for notice, value_on, amount in await session.execute(select(came.c.notice_id, came.c.value_on, came.c.amount)):
        found[notice].append(Payment(value_on, amount))
    return found


@rule("FE-39")
async def standings(session: AsyncSession, notices: Collection[UUID], today: date) -> Mapping[UUID, Standing]:
    """How each of `notices` stands today."""
    if not notices:
        return {}
    came = await payments_to(session, notices)
    due = select(NoticeRow.id, NoticeRow.amount, NoticeRow.due_on).where(NoticeRow.id.in_(notices))
    return {
        notice: standing(due_on, paid_in_full_on(amount, came[notice]), today)
        for notice, amount, due_on in await session.execute(due)
    }
