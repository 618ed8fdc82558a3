"""What an administrator does to an existing account: change it, hand it over, reset its password."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account, AccountHolder
from identity.accounts.queries import account_by_id, account_out
from identity.accounts.rules import HolderReason
from identity.accounts.schemas import AccountChange, AccountOut, AccountWithPassword, HandOver
from identity.accounts.service.attempt import lift_lock_out
from identity.accounts.service.set_password import set_password
from identity.accounts.service.tell_change import tell_change
from identity.organisations.rules import Holder, misfits
from identity.organisations.service import refuse
from identity.passwords import InitialPassword
from shared import audit, clock
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag, require
from shared.principals import Principal
from shared.problems import ProblemType

OWN_ACCOUNT = ProblemType(
    "own_account",
    409,
    "不得以管理功能變更自己的帳號，請由其他管理者辦理",
    "Administrators do not administer their own account: ask another one",
)


@rule("ID-03")
async def change_account(
    session: AsyncSession, admin: Principal, account_id: uuid.UUID, seen: int, change: AccountChange
) -> AccountOut:
    """Change roles, addresses or state; a disabled account's sessions are over.

    Raises 404, 409 for one's own account, 412, 422 for roles that do not fit.
    """
    account = await _others(session, admin, account_id)
    require(seen, account.version)
    given = change.given()
    refuse(misfits(given.get("roles", account.roles), account.org_type, Holder.PERSON))
    if {"roles", "active"} & given.keys():
        # What a token says must stay true: whoever was given other roles, or none, logs in again.
        account.sessions_since = clock.now()
    for name, value in given.items():
        setattr(account, name, value)
    await _changed(session, account, "account.changed", {"changed": sorted(given)})
    return account_out(account)


@rule("ID-02")
async def hand_over(
    session: AsyncSession,
    initial: InitialPassword,
    admin: Principal,
    account_id: uuid.UUID,
    seen: int,
    next_holder: HandOver,
) -> Reply:
    """Give the post to its next holder: a new name and address, the initial password, all sessions and locks over.

    The history keeps who held it until now. Raises 404, 409 for one's own account, 412.
    """
    account = await _others(session, admin, account_id)
    require(seen, account.version)
    await _hand_out(session, account, initial)
    for name, value in next_holder.model_dump().items():
        setattr(account, name, value)
    await name_holder(session, account, HolderReason.HANDED_OVER, admin.sub)
    await _changed(session, account, "account.handed_over", {})
    return _with_password(account, initial)


@rule("ID-01")
async def reset_password(
    session: AsyncSession, initial: InitialPassword, admin: Principal, account_id: uuid.UUID
) -> Reply:
    """Hand out the initial password; all sessions and a lock-out are over. Raises 404, 409 for one's own account."""
    account = await _others(session, admin, account_id)
    await _hand_out(session, account, initial)
    account.version += 1
    await session.flush()
    await audit.record(session, "account.password_reset", "account", account.id)
    return _with_password(account, initial)


async def name_holder(session: AsyncSession, account: Account, reason: HolderReason, by_sub: str) -> None:
    """Note in the history that the account bears its present name from now on."""
    session.add(
        AccountHolder(
            account_id=account.id,
            display_name=account.display_name,
            since=clock.now(),
            reason=reason,
            by_sub=by_sub,
        )
    )


async def _hand_out(session: AsyncSession, account: Account, initial: InitialPassword) -> None:
    set_password(account, initial.hash, must_change=True)
    await lift_lock_out(session, account.username)


async def _others(session: AsyncSession, admin: Principal, account_id: uuid.UUID) -> Account:
    account = await account_by_id(session, account_id, lock=True)
    if str(account.id) == admin.sub:
        raise OWN_ACCOUNT()
    return account


async def _changed(session: AsyncSession, account: Account, action: str, facts: dict[str, object]) -> None:
    account.version += 1
    await session.flush()
    await audit.record(session, action, "account", account.id, facts)
    await tell_change(session, account)


def _with_password(account: Account, initial: InitialPassword) -> Reply:
    answer = AccountWithPassword(**account_out(account).model_dump(), initial_password=initial.plain)
    return Reply(answer, 200, etag(account.version))
