"""One's own account (個人帳號維護)."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account
from identity.accounts.queries import account_by_id
from identity.accounts.rules import HolderReason
from identity.accounts.schemas import MeChange, MeOut
from identity.accounts.service.change_account import name_holder
from identity.accounts.service.tell_change import tell_change
from identity.organisations.service import get_organisation
from shared import audit
from shared.law import rule
from shared.preconditions import require
from shared.principals import Principal


async def get_me(session: AsyncSession, me: Principal) -> MeOut:
    """One's own account."""
    return await _me_out(session, await account_by_id(session, uuid.UUID(me.sub)))


@rule("ID-02")
async def change_me(session: AsyncSession, me: Principal, seen: int, change: MeChange) -> MeOut:
    """Change one's own name, addresses and mail switch; a corrected name stands in the history too. Raises 412."""
    account = await account_by_id(session, uuid.UUID(me.sub), lock=True)
    require(seen, account.version)
    given = change.given()
    renamed = given.get("display_name", account.display_name) != account.display_name
    for name, value in given.items():
        setattr(account, name, value)
    if renamed:
        await name_holder(session, account, HolderReason.CORRECTED, me.sub)
    account.version += 1
    await session.flush()
    await audit.record(session, "account.changed", "account", account.id, {"changed": sorted(given)})
    await tell_change(session, account)
    return await _me_out(session, account)


async def _me_out(session: AsyncSession, account: Account) -> MeOut:
    return MeOut(
        sub=account.id,
        username=account.username,
        org=await get_organisation(session, account.org_type, account.org_code),
        roles=account.roles,
        display_name=account.display_name,
        email=account.email,
        phone=account.phone,
        system_mail=account.system_mail,
        must_change_password=account.must_change_password,
        version=account.version,
    )
