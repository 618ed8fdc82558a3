"""Keep the directory as identity tells it, and look people up in it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notify.directory.models import Account
from notify.directory.schemas import AccountChanged
from shared import purposes
from shared.law import rule


@rule("NO-03")
async def remember_account(session: AsyncSession, at: datetime, told: AccountChanged) -> None:
    """Keep what `told` says of an account, unless a later event (by its time `at`) was taken already."""
    await purposes.assume(session, "directory", "account", told.sub)
    values = {
        "org_type": told.org_type,
        "org_code": told.org_code,
        "roles": list(told.roles),
        "email": told.email,
        "display_name": told.display_name,
        "system_mail": told.system_mail,
        "active": told.active,
        "changed_at": at,
    }
    statement = insert(Account).values(sub=told.sub, **values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Account.sub],
            set_={name: statement.excluded[name] for name in values},
            where=Account.changed_at < statement.excluded.changed_at,
        )
    )


async def active_accounts(session: AsyncSession, org_type: str, org_code: str, role: str) -> list[Account]:
    """The active accounts with `role` in that organisation; needs a purpose that sees the directory."""
    found = await session.scalars(
        select(Account)
        .where(
            Account.org_type == org_type,
            Account.org_code == org_code,
            Account.roles.contains([role]),
            Account.active,
        )
        .order_by(Account.sub)
    )
    return list(found)
