"""Give an account another password."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account
from identity.accounts.queries import account_by_id
from identity.accounts.service.whois import Who
from shared import audit, clock
from shared.law import rule


@rule("ID-01", "ID-02")
def set_password(account: Account, password_hash: str, *, must_change: bool) -> None:
    """Store the hash and end every session that was opened with the password before."""
    account.password_hash = password_hash
    account.must_change_password = must_change
    account.sessions_since = clock.now()


async def set_own_password(session: AsyncSession, account_id: uuid.UUID, password_hash: str) -> Who:
    """Store the hash of a password that its owner chose."""
    account = await account_by_id(session, account_id, lock=True)
    set_password(account, password_hash, must_change=False)
    account.version += 1
    await session.flush()
    await audit.record(session, "account.password_changed", "account", account.id)
    return Who.of(account)
