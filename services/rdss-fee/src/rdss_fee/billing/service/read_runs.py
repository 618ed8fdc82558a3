"""Reading runs: state, totals beside those of the run before, each employer's sums, the manifest (FE-14, FE-43)."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing import queries
from rdss_fee.billing.computing import Computed, Cut, digests
from rdss_fee.billing.dates import due_on
from rdss_fee.billing.models import BillingRun, CreditStatement, NoticeRow
from rdss_fee.billing.schemas import (
    EMPLOYER_SORTS,
    RUN_SORTS,
    Manifest,
    MissingRate,
    RunEmployer,
    RunEmployerPage,
    RunOut,
    RunPage,
    RunTotals,
    Verification,
)
from rdss_fee.billing.service.common import RUN_CLOSED
from rdss_fee.months import Month
from rdss_fee.reference.service import working_calendar
from shared import cursors, lists
from shared.calendar import WorkingCalendar
from shared.law import rule
from shared.problems import NOT_FOUND
from shared.statements import driver


async def found(session: AsyncSession, run_id: UUID) -> BillingRun:
    """A run; raises 404."""
    run = await session.get(BillingRun, run_id)
    if run is None:
        raise NOT_FOUND()
    return run


@rule("FE-14")
async def get_run(session: AsyncSession, run_id: UUID) -> RunOut:
    """A run, with the totals of the one that was issued last before it; raises 404."""
    await session.flush()
    run = await found(session, run_id)
    return await _out(session, run, await working_calendar(session))


async def list_runs(
    session: AsyncSession, *, month: Month | None, state: str | None, sort: str, cursor: str | None, limit: int
) -> RunPage:
    """Runs, the newest first unless asked otherwise."""
    where = [BillingRun.month == month.first] if month else []
    if state:
        where.append(BillingRun.state == state)
    rows, next_cursor = await lists.page(
        session,
        select(BillingRun.id, BillingRun.month, BillingRun.asked_at).where(*where).subquery("runs"),
        sort=sort,
        sortable=RUN_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("runs", month, state),
    )
    calendar = await working_calendar(session)
    # A page of runs is a few years of them.
    runs = [await _out(session, await found(session, row["id"]), calendar) for row in rows]
    return RunPage(items=runs, next_cursor=next_cursor)


async def _out(session: AsyncSession, run: BillingRun, calendar: WorkingCalendar) -> RunOut:
    before = await queries.issued_before(session, run)
    due = due_on(Month.of(run.month), calendar)
    named: dict[str, Any] = {name: getattr(run, name) for name in RunOut.model_fields if hasattr(run, name)}
    papers: dict[str, int] = {}
    if run.state == "issued":
        for name, paper in (("notice_count", NoticeRow), ("statement_count", CreditStatement)):
            papers[name] = await session.scalar(select(func.count()).where(paper.run_id == run.id)) or 0
    return RunOut.model_validate(
        named
        | {
            "due_on": due.day,
            "due_provisional": due.provisional,
            "totals": _totals(run),
            "previous": None if before is None else _totals(before),
            "missing_rates": [MissingRate.model_validate(one) for one in run.faults],
            **papers,
        }
    )


def _totals(run: BillingRun) -> RunTotals | None:
    return None if run.computed_at is None else RunTotals.model_validate(run)


@rule("FE-14")
async def list_employers(
    session: AsyncSession, run_id: UUID, *, sort: str, cursor: str | None, limit: int
) -> RunEmployerPage:
    """What a run asks of each employer and gives back, and by how much its charges differ from the run before; who is
    in one of the two only is there too. Raises 404.
    """
    run = await found(session, run_id)
    before = await queries.issued_before(session, run)
    rows, next_cursor = await lists.page(
        session,
        queries.employers(run.id, None if before is None else before.id),
        sort=sort,
        sortable=EMPLOYER_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("run_employers", run_id),
    )
    return RunEmployerPage(items=[RunEmployer.model_validate(dict(row)) for row in rows], next_cursor=next_cursor)


@rule("FE-43")
async def verify(session: AsyncSession, run_id: UUID) -> Verification:
    """Make a run's manifest anew from what the tables hold today. Raises 404, 409 `run_closed` while it has none."""
    run = await found(session, run_id)
    if run.manifest is None:
        raise RUN_CLOSED()
    kept = Manifest.model_validate(run.manifest)
    cut = Cut(run.known_at, run.as_of)
    totals = (await session.execute(select(*queries.totals(run_id)))).one()
    computed = Computed(totals.line_count, run.employer_count or 0, totals.charges, totals.credits)
    again = Manifest.model_validate(
        {
            **await digests(await driver(session), run_id, cut),
            # Which statement computed it stands in the manifest; of what it made, every figure is made anew.
            "rules": kept.rules,
            "line_count": computed.line_count,
            "charges": computed.charges,
            "credits": computed.credits,
        }
    )
    differs = [name for name in Manifest.model_fields if getattr(kept, name) != getattr(again, name)]
    return Verification(verified=not differs, differs=differs, recomputed=again)
