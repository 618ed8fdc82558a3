"""Accounts: one's own for everybody, all of them for administrators; auditors read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from identity.accounts.schemas import (
    AccountChange,
    AccountOut,
    AccountWithPassword,
    HandOver,
    HoldersOut,
    MeChange,
    MeOut,
    NewAccount,
)
from identity.accounts.service import change_account as changing
from identity.accounts.service import change_me as own
from identity.accounts.service import create_account as creating
from identity.accounts.service import read_accounts as reading
from identity.deps import Admin, Initial, Newcomer, Overseer, Person
from identity.schemas import OrgCode
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.problems import NOT_FOUND
from shared.refusals import refuses
from shared.schemas import Page
from shared.sessions import Session
from shared.tokens import OrgType, Role

router = APIRouter(prefix="/identity/v1", route_class=GuardedRoute, tags=["accounts"])


@router.get("/me", operation_id="get_me", openapi_extra=refuses(NOT_FOUND))
async def get_me(response: Response, session: Session, me: Newcomer) -> MeOut:
    """One's own account."""
    found = await own.get_me(session, me)
    response.headers.update(etag(found.version))
    return found


@router.patch("/me", operation_id="change_me", openapi_extra=refuses(NOT_FOUND))
async def change_me(change: MeChange, seen: IfMatch, response: Response, session: Session, me: Person) -> MeOut:
    """Change one's own name, phone, e-mail and mail switch; the password: `PUT /identity/v1/me/password`."""
    changed = await own.change_me(session, me, seen, change)
    response.headers.update(etag(changed.version))
    return changed


@router.get("/accounts", operation_id="list_accounts")
async def list_accounts(
    session: Session,
    _caller: Overseer,
    pages: Pages,
    org_type: OrgType | None = None,
    org_code: Annotated[OrgCode | None, Query()] = None,
    role: Role | None = None,
    active: bool | None = None,
) -> Page[AccountOut]:
    """Accounts by user name."""
    page = await reading.list_accounts(
        session,
        org_type=org_type,
        org_code=org_code,
        role=role,
        active=active,
        limit=pages.limit,
        cursor=pages.cursor,
    )
    return pages.linked(page)


@router.post(
    "/accounts",
    operation_id="create_account",
    status_code=201,
    response_model=AccountWithPassword,
    openapi_extra=refuses(creating.USERNAME_TAKEN),
)
async def create_account(initial: Initial, new: NewAccount, once: Once, session: Session, _admin: Admin) -> Response:
    """Create an account; the answer hands out its initial password."""
    return await once.run(lambda: creating.create_account(session, initial, new))


@router.get("/accounts/{account_id}", operation_id="get_account")
async def get_account(account_id: UUID, response: Response, session: Session, _caller: Overseer) -> AccountOut:
    """One account."""
    found = await reading.get_account(session, account_id)
    response.headers.update(etag(found.version))
    return found


@router.patch("/accounts/{account_id}", operation_id="change_account", openapi_extra=refuses(changing.OWN_ACCOUNT))
async def change_account(
    account_id: UUID, change: AccountChange, seen: IfMatch, response: Response, session: Session, admin: Admin
) -> AccountOut:
    """Change roles, addresses or state of somebody else's account; `active: false` ends its sessions."""
    changed = await changing.change_account(session, admin, account_id, seen, change)
    response.headers.update(etag(changed.version))
    return changed


@router.get("/accounts/{account_id}/holders", operation_id="list_account_holders")
async def list_account_holders(account_id: UUID, session: Session, _caller: Overseer) -> HoldersOut:
    """Who held the account, and when."""
    return await reading.list_holders(session, account_id)


@router.post(
    "/accounts/{account_id}/hand-overs",
    operation_id="hand_over_account",
    response_model=AccountWithPassword,
    openapi_extra=refuses(changing.OWN_ACCOUNT),
)
async def hand_over_account(
    initial: Initial,
    account_id: UUID,
    next_holder: HandOver,
    seen: IfMatch,
    once: Once,
    session: Session,
    admin: Admin,
) -> Response:
    """Give a post to its next holder, with a new initial password."""
    return await once.run(lambda: changing.hand_over(session, initial, admin, account_id, seen, next_holder))


@router.post(
    "/accounts/{account_id}/password-resets",
    operation_id="reset_password",
    response_model=AccountWithPassword,
    openapi_extra=refuses(changing.OWN_ACCOUNT),
)
async def reset_password(initial: Initial, account_id: UUID, once: Once, session: Session, admin: Admin) -> Response:
    """Hand out a new initial password."""
    return await once.run(lambda: changing.reset_password(session, initial, admin, account_id))
