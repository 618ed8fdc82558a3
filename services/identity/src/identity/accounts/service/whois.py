"""What the rest of identity may know of an account: enough for a token, nothing personal."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Who:
    """An account as tokens tell of it. Sessions started before `sessions_since` are over."""

    id: uuid.UUID
    username: str
    roles: tuple[str, ...]
    org: tuple[str, str]
    active: bool
    must_change_password: bool
    sessions_since: datetime

    @classmethod
    def of(cls, account: Account) -> "Who":
        """From its row."""
        return cls(
            id=account.id,
            username=account.username,
            roles=tuple(account.roles),
            org=(account.org_type, account.org_code),
            active=account.active,
            must_change_password=account.must_change_password,
            sessions_since=account.sessions_since,
        )


async def whois(session: AsyncSession, sub: str) -> Who | None:
    """The account whose tokens say `sub`, as far as this transaction may see it."""
    try:
        account = await session.get(Account, uuid.UUID(sub))
    except ValueError:
        return None
    return None if account is None else Who.of(account)
