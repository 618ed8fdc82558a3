"""Accounts found and made into answers."""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account, AccountHolder
from identity.accounts.schemas import AccountOut
from identity.schemas import OrgKey
from shared.problems import NOT_FOUND


async def account_by_id(session: AsyncSession, account_id: uuid.UUID, *, lock: bool = False) -> Account:
    """The account, locked for a change if asked; raises 404."""
    found = await session.get(Account, account_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NOT_FOUND()
    return found


async def account_by_username(session: AsyncSession, username: str) -> Account | None:
    """The account with this (folded) user name."""
    found: Account | None = await session.scalar(select(Account).where(Account.username == username))
    return found


async def holders(session: AsyncSession, account_id: uuid.UUID) -> list[AccountHolder]:
    """Who held the account, the first one first."""
    found = await session.scalars(
        select(AccountHolder).where(AccountHolder.account_id == account_id).order_by(AccountHolder.id)
    )
    return list(found)


def account_out(account: Account) -> AccountOut:
    """The account as administrators see it."""
    return AccountOut(
        id=account.id,
        username=account.username,
        org=OrgKey(type=account.org_type, code=account.org_code),
        roles=account.roles,
        display_name=account.display_name,
        email=account.email,
        phone=account.phone,
        system_mail=account.system_mail,
        active=account.active,
        must_change_password=account.must_change_password,
        version=account.version,
        created_at=account.created_at,
    )
