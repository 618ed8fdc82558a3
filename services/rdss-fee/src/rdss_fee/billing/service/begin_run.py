"""A run begins: what it may know is fixed, and a worker is asked to compute it (FE-10, FE-14)."""

import uuid
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.jobs import COMPUTE
from rdss_fee.billing.models import BillingRun
from rdss_fee.billing.service.common import RUN_OPEN, SYSTEM_SUB, fix_cut, refuse_out_of_season
from rdss_fee.months import Month
from rdss_fee.reference.service import working_calendar
from shared import audit, clock, jobs
from shared.law import rule
from shared.problems import ProblemError

PATH: Final = "/rdss-fee/v1/billing-runs"
_RUN_DAY: Final = 15
# One that was dropped, or failed for want of a rate, is not asked for again by itself: somebody sees to it.
_THERE: Final = ("computing", "previewed", "issued", "dropped", "failed")


async def begin(
    session: AsyncSession,
    month: Month,
    *,
    kind: str,
    reprice: bool,
    as_of: date,
    asked_by: str,
    checked_by: str | None,
) -> uuid.UUID:
    """A run that waits for a worker; raises 409 `run_open`."""
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "month": month.first,
        "kind": kind,
        "reprice": reprice,
        "state": "computing",
        "asked_by": asked_by,
        "asked_on": clock.today(),
        "checked_by": checked_by,
        "known_at": await fix_cut(session),
        "as_of": as_of,
    }
    try:
        async with session.begin_nested():
            session.add(BillingRun(**values))
    except IntegrityError:
        # Two at once: the database lets one of them be.
        raise await open_already(session) from None
    run_id: uuid.UUID = values["id"]
    # Somebody waits for it, and of the run before it thousands may be still to be told.
    await jobs.enqueue(session, COMPUTE, {"run_id": str(run_id)}, key=str(run_id), priority=jobs.URGENT)
    told = {"month": str(month), "kind": kind, "as_of": as_of.isoformat(), "reprice": reprice}
    await audit.record(session, "billing_run.asked", "billing_run", run_id, told)
    return run_id


async def open_already(session: AsyncSession) -> Exception:
    """The 409 that names the run which is open."""
    query = select(BillingRun.id).where(BillingRun.kind == "regular", BillingRun.state.in_(("computing", "previewed")))
    run_id = await session.scalar(query)
    return RUN_OPEN(
        detail=f"請先發布或取消 {PATH}/{run_id}。",
        detail_en=f"Issue or drop {PATH}/{run_id} first.",
        run_id=str(run_id),
    )


@rule("FE-10", "FE-14")
async def ask_due(session: AsyncSession, today: date) -> uuid.UUID | None:
    """On the 15th or after: the run of the next month, unless one is there already; for the daily job, which may run
    twice, or have been missed for days. It is previewed; two people check and issue it.
    """
    month = Month.of(today).plus(1) if today.day >= _RUN_DAY else Month.of(today)
    known = select(BillingRun.id).where(
        BillingRun.month == month.first, BillingRun.kind == "regular", BillingRun.state.in_(_THERE)
    )
    if await session.scalar(known.limit(1)) is not None:
        return None
    try:
        refuse_out_of_season(month, today, await working_calendar(session))
        return await begin(
            session, month, kind="regular", reprice=False, as_of=today, asked_by=SYSTEM_SUB, checked_by=None
        )
    except ProblemError:
        # Past its due day, or another month's run is open still: a person sees to it.
        return None
