"""One attempt to prove a password: begun before it is hashed, settled after.

Hashing takes a processor's tenth of a second, so no transaction waits for it. Both halves go the same way for a name
that nobody has: it is locked out like any other, and the hash checked is a decoy. Attempts that were begun at the
same time are settled one after the other, so a burst gets no more answers than the limit.
"""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account, LogInFailure
from identity.accounts.queries import account_by_username
from identity.accounts.rules import failures_now, lock_after
from identity.accounts.service.whois import Who
from identity.failures import forget_old
from shared import audit, clock, crypto
from shared.law import rule
from shared.problems import ProblemType

LOCKED = ProblemType(
    "log_in_locked", 429, "登入失敗次數過多，此帳號暫停登入，請稍後再試", "Too many failures: log-in is paused"
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('log_in' || :name, 0))")


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt under some name; `stored` is None when no account has it."""

    username: str
    name_index: bytes
    account_id: uuid.UUID | None
    stored: str | None = field(repr=False)


@rule("ID-01")
async def begin_attempt(session: AsyncSession, username: str) -> Attempt:
    """Look the name up. Raises 429 with `Retry-After` while it is locked. Needs the purpose `log_in`."""
    name = username.strip().casefold()
    index = _index(name)
    _refuse_locked(await session.get(LogInFailure, index))
    account = await account_by_username(session, name)
    if account is None:
        return Attempt(name, index, None, None)
    return Attempt(name, index, account.id, account.password_hash)


@rule("ID-01")
async def settle_attempt(
    session: AsyncSession, attempt: Attempt, right: bool, renewed: str | None = None
) -> Who | None:
    """The account when the password was right and it is active; None otherwise.

    A failure is counted in this transaction, so the caller lets it commit before refusing. Raises 429 when the name
    was locked meanwhile, however right the password. `renewed` is the same password hashed at today's cost.
    """
    # The first failure of a name has no row to lock, and two of them must not both be the first.
    await session.execute(_ONE_AT_A_TIME, {"name": attempt.name_index.hex()})
    failure = await session.get(LogInFailure, attempt.name_index)
    _refuse_locked(failure)
    account = None
    if right and attempt.account_id is not None:
        account = await session.get(Account, attempt.account_id, with_for_update=True)
    if account is None or not account.active or account.password_hash != attempt.stored:
        await _count(session, attempt, failure)
        return None
    if failure is not None:
        await session.delete(failure)
    if renewed is not None:
        account.password_hash = renewed
    return Who.of(account)


@rule("ID-01")
async def lift_lock_out(session: AsyncSession, username: str) -> None:
    """Forget the failures under a name: whoever holds its new password may log in at once. For administrators."""
    await session.execute(delete(LogInFailure).where(LogInFailure.name_index == _index(username)))


def _index(name: str) -> bytes:
    return crypto.ring().blind_index(name, "log_in")


def _refuse_locked(failure: LogInFailure | None) -> None:
    if failure is None or failure.locked_until is None:
        return
    left = (failure.locked_until - clock.now()).total_seconds()
    if left > 0:
        raise LOCKED(headers={"Retry-After": str(int(left) + 1)})


async def _count(session: AsyncSession, attempt: Attempt, failure: LogInFailure | None) -> None:
    now = clock.now()
    before = 0 if failure is None else failures_now(failure.failures, failure.last_failed_at, now)
    lock = lock_after(before + 1)
    values = {
        "failures": before + 1,
        "last_failed_at": now,
        "locked_until": None if lock is None else now + lock,
    }
    statement = insert(LogInFailure).values(name_index=attempt.name_index, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[LogInFailure.name_index], set_=values))
    await forget_old(session, now)
    if attempt.account_id is None:
        # Made-up names never run out. The name itself is not written down: people type passwords into that field.
        return
    facts = {"name": attempt.name_index.hex(), "failures": before + 1, "locked": lock is not None}
    await audit.record(session, "log_in.refused", "account", attempt.account_id, facts)
