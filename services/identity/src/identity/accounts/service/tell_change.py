"""Tell the other services of an account as it now stands."""

from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account
from identity.events import ACCOUNT_CHANGED, AccountChanged
from shared import events


async def tell_change(session: AsyncSession, account: Account) -> None:
    """Queue `account.changed` in this transaction."""
    data = AccountChanged(
        sub=account.id,
        roles=account.roles,
        org_type=account.org_type,
        org_code=account.org_code,
        email=account.email,
        display_name=account.display_name,
        system_mail=account.system_mail,
        active=account.active,
    )
    await events.publish(session, ACCOUNT_CHANGED, account.id, data)
