"""Counted failures, of names and of clients: kept by a blind index, forgotten after a day."""

from datetime import datetime

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import LogInFailure
from identity.accounts.rules import FAILURES_FORGOTTEN_AFTER
from shared import clock

# Names that were only ever guessed would stay for good; each failure adds one and takes away up to this many.
FORGOTTEN_AT_ONCE = 100


async def count_failure(session: AsyncSession, index: bytes) -> int:
    """Count one more failure under `index`, with no lock-out; how many there are now. Needs the purpose `log_in`."""
    now = clock.now()
    old = LogInFailure.last_failed_at <= now - FAILURES_FORGOTTEN_AFTER
    counted = insert(LogInFailure).values(name_index=index, failures=1, last_failed_at=now)
    values = {"failures": case((old, 1), else_=LogInFailure.failures + 1), "last_failed_at": now}
    statement = counted.on_conflict_do_update(index_elements=[LogInFailure.name_index], set_=values)
    failures = await session.scalar(statement.returning(LogInFailure.failures))
    await forget_old(session, now)
    return failures or 1


async def forget_old(session: AsyncSession, now: datetime) -> None:
    """Remove up to `FORGOTTEN_AT_ONCE` failures that no longer count.

    Never waits for a row: two that tidy up at once take different rows, and leave one that is in use.
    """
    due = (
        select(LogInFailure.name_index)
        .where(LogInFailure.last_failed_at < now - FAILURES_FORGOTTEN_AFTER)
        .order_by(LogInFailure.last_failed_at)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    # An array is made once; as a join the subquery could be run again and lock more than the limit.
    picked = func.array(due.scalar_subquery(), type_=ARRAY(LogInFailure.name_index.type))
    await session.execute(
        delete(LogInFailure)
        .where(LogInFailure.name_index == func.any(picked))
        .execution_options(synchronize_session=False)
    )
