"""Look accounts up, for administrators and auditors."""

import itertools
import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account
from identity.accounts.queries import account_by_id, account_out, holders
from identity.accounts.schemas import AccountOut, HolderOut, HoldersOut
from shared import cursors
from shared.db import context_of
from shared.schemas import Page


async def list_accounts(
    session: AsyncSession,
    *,
    org_type: str | None,
    org_code: str | None,
    role: str | None,
    active: bool | None,
    limit: int,
    cursor: str | None,
) -> Page[AccountOut]:
    """Accounts by user name, `limit` at a time; each filter narrows the list."""
    bound = cursors.bound_to(context_of(session), "accounts", org_type, org_code, role, active)
    query = select(Account).order_by(Account.username).limit(limit + 1)
    if org_type is not None:
        query = query.where(Account.org_type == org_type)
    if org_code is not None:
        query = query.where(Account.org_code == org_code)
    if role is not None:
        query = query.where(Account.roles.contains([role]))
    if active is not None:
        query = query.where(Account.active == active)
    if cursor is not None:
        query = query.where(Account.username > cursors.unseal(cursor, bound)["after"])
    found = list(await session.scalars(query))
    items = [account_out(account) for account in found[:limit]]
    more = cursors.seal({"after": items[-1].username}, bound) if len(found) > limit else None
    return Page(items=items, next_cursor=more)


async def get_account(session: AsyncSession, account_id: uuid.UUID) -> AccountOut:
    """One account; raises 404."""
    return account_out(await account_by_id(session, account_id))


async def list_holders(session: AsyncSession, account_id: uuid.UUID) -> HoldersOut:
    """Who held the account and when, so that an audit row's `sub` leads to a person; raises 404."""
    await account_by_id(session, account_id)
    rows = await holders(session, account_id)
    items = [
        HolderOut(
            display_name=row.display_name,
            since=row.since,
            until=following.since if following else None,
            reason=row.reason,
            by_sub=row.by_sub,
        )
        for row, following in itertools.zip_longest(rows, rows[1:])
    ]
    return HoldersOut(items=items)
