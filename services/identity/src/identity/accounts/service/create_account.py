"""Create an account with an initial password to hand out."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.accounts.models import Account, AccountHolder
from identity.accounts.queries import account_by_username, account_out
from identity.accounts.rules import HolderReason
from identity.accounts.schemas import AccountWithPassword, NewAccount
from identity.accounts.service.tell_change import tell_change
from identity.organisations.rules import Holder, misfits
from identity.organisations.service import refuse, require_organisation
from identity.passwords import InitialPassword
from shared import audit, clock
from shared.db import context_of
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.problems import ProblemType

USERNAME_TAKEN = ProblemType("username_taken", 409, "此帳號名稱已被使用", "That user name is taken")


@rule("ID-01", "ID-03")
async def create_account(session: AsyncSession, initial: InitialPassword, new: NewAccount) -> Reply:
    """Create the account with the `initial` password, hashed already, and answer it this once.

    Raises 422 for an unknown organisation or roles that do not fit it, 409 for a user name that is taken.
    """
    account = await add_account(session, new, initial.hash, must_change_password=True)
    if account is None:
        raise USERNAME_TAKEN()
    answer = AccountWithPassword(**account_out(account).model_dump(), initial_password=initial.plain)
    return Reply(answer, 201, {**etag(account.version), "Location": f"/identity/v1/accounts/{account.id}"})


async def add_account(
    session: AsyncSession, new: NewAccount, password_hash: str, *, must_change_password: bool
) -> Account | None:
    """Add the account and tell of it; None when its user name is taken. Raises 422 as `create_account`."""
    refuse(misfits(new.roles, new.org.type, Holder.PERSON))
    await require_organisation(session, new.org.type, new.org.code)
    now = clock.now()
    values = new.model_dump(exclude={"org"}) | {
        "org_type": new.org.type,
        "org_code": new.org.code,
        "active": True,
        "password_hash": password_hash,
        "must_change_password": must_change_password,
        "sessions_since": now,
    }
    statement = insert(Account).values(values).on_conflict_do_nothing(index_elements=[Account.username])
    if await session.scalar(statement.returning(Account.id)) is None:
        return None
    account = await account_by_username(session, new.username)
    assert account is not None
    session.add(
        AccountHolder(
            account_id=account.id,
            display_name=account.display_name,
            since=now,
            reason=HolderReason.CREATED,
            by_sub=context_of(session).sub,
        )
    )
    await session.flush()
    facts = {"roles": account.roles, "org": f"{account.org_type}:{account.org_code}"}
    await audit.record(session, "account.created", "account", account.id, facts)
    await tell_change(session, account)
    return account
