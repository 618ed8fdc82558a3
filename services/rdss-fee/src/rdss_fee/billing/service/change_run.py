"""Checking a preview, and dropping it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.service.common import RUN_CLOSED, locked
from rdss_fee.billing.service.read_runs import get_run
from shared import audit, clock
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal


@rule("FE-14")
async def check(session: AsyncSession, caller: Principal, run_id: UUID, seen: int) -> Reply:
    """Say that one has looked at a preview which came by itself; somebody else may issue it then.

    Raises 409 `run_closed` where there is nothing to be checked, or somebody has.
    """
    run = await locked(session, run_id, seen)
    if run.state != "previewed" or run.kind != "regular" or run.checked_by is not None:
        raise RUN_CLOSED()
    run.checked_by, run.version = caller.sub, run.version + 1
    await audit.record(session, "billing_run.checked", "billing_run", run_id)
    out = await get_run(session, run_id)
    return Reply(out, 200, etag(out.version))


@rule("FE-14")
async def drop(session: AsyncSession, caller: Principal, run_id: UUID, seen: int) -> Reply:
    """Take back a run that was not issued: its lines are looked at no more. Raises 409 `run_closed` for another."""
    run = await locked(session, run_id, seen)
    if run.state not in ("computing", "previewed"):
        raise RUN_CLOSED()
    run.state, run.dropped_by, run.dropped_at = "dropped", caller.sub, clock.now()
    run.version += 1
    await audit.record(session, "billing_run.dropped", "billing_run", run_id)
    out = await get_run(session, run_id)
    return Reply(out, 200, etag(out.version))
