"""Computing a run: the worker's part. However often it is tried, a run has its lines once or not at all (FE-14)."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.computing import RULES, Computed, Cut, MissingRatesError, compute, digests
from rdss_fee.billing.models import BillingRun
from rdss_fee.billing.service.common import locked
from rdss_fee.months import Month
from shared import audit, clock, jobs, purposes
from shared.db import Context, Database
from shared.law import rule
from shared.statements import driver

# Seconds that a run of a few million lines takes at most.
_LONGEST = 900


class ComputeRun:
    """The handler of `billing.compute`."""

    seconds = _LONGEST

    def __init__(self, database: Database) -> None:
        self._database = database
        self._context = Context.system("rdss-fee")

    async def __call__(self, job: jobs.Job) -> None:
        """Write the lines and what they come to, or which rates are missing, in one transaction with the job's end."""
        run_id = UUID(job.payload["run_id"])
        try:
            async with self._database.transaction(self._context) as session:
                run = await self._begun(session, run_id)
                if run is not None:
                    await _compute(session, run)
                await jobs.finish(session, job)
        except MissingRatesError as error:
            async with self._database.transaction(self._context) as session:
                run = await self._begun(session, run_id)
                if run is not None:
                    run.state, run.faults, run.version = "failed", error.missing[:1_000], run.version + 1
                    await audit.record(session, "billing_run.failed", "billing_run", run_id, {"missing": error.missing})
                await jobs.finish(session, job)

    async def _begun(self, session: AsyncSession, run_id: UUID) -> BillingRun | None:
        """The run; None when it was computed before, or dropped meanwhile."""
        await purposes.assume(session, "billing", "billing_run", run_id)
        run = await locked(session, run_id)
        return run if run.state == "computing" else None


@rule("FE-14", "FE-43")
async def _compute(session: AsyncSession, run: BillingRun) -> None:
    connection, cut = await driver(session), Cut(run.known_at, run.as_of)
    # A recomputation says what the run of its month would have been: lines of that month are not in it.
    found = await compute(
        connection, run.id, Month.of(run.month), cut, reprice=run.reprice, rerun=run.kind == "regular"
    )
    run.line_count, run.employer_count = found.line_count, found.employer_count
    run.charges, run.credits = found.charges, found.credits
    run.manifest = await manifest(session, run.id, cut, found)
    run.computed_at, run.state, run.version = clock.now(), "previewed", run.version + 1
    told = {"lines": found.line_count, "charges": found.charges, "credits": found.credits}
    await audit.record(session, "billing_run.computed", "billing_run", run.id, told)


@rule("FE-43")
async def manifest(session: AsyncSession, run_id: UUID, cut: Cut, found: Computed) -> dict[str, Any]:
    """What a run rests on and what came of it."""
    return {
        **await digests(await driver(session), run_id, cut),
        "rules": RULES,
        "line_count": found.line_count,
        "charges": found.charges,
        "credits": found.credits,
    }
