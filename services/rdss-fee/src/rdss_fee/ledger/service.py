"""Writing bookings, and reading balances from their postings (FE-36)."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.ledger import queries
from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.queries import balance, moves
from rdss_fee.ledger.rules import Account, Booking
from rdss_fee.ledger.schemas import (
    EMPLOYER_SORTS,
    POSTING_SORTS,
    AccountBalance,
    BalancesOut,
    EmployerBalances,
    EmployerBalancesPage,
    PostingOut,
    PostingPage,
)
from shared import cursors, lists
from shared.db import context_of
from shared.law import rule

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('rdss_fee.money', 0))")


async def hold_money(session: AsyncSession) -> None:
    """Until the transaction ends nobody else books money: what a booking is made by (paid so far, refundable) stays."""
    await session.execute(_ONE_AT_A_TIME)


@rule("FE-36")
async def book(session: AsyncSession, bookings: Sequence[Booking], on: date, *, claim_id: UUID | None = None) -> None:
    """Write the postings of bookings, dated `on`. Whoever books money holds it (`hold_money`) since before he looked at
    what there was.
    """
    rows = [
        {
            "kind": booking.kind,
            "debit": one.debit,
            "credit": one.credit,
            "amount": one.amount,
            "notice_id": UUID(booking.notice) if booking.notice else None,
            "employer_code": booking.employer or None,
            "transaction_id": int(booking.transaction) if booking.transaction else None,
            "claim_id": claim_id,
            "booked_on": on,
            "booked_by": context_of(session).sub,
        }
        for booking in bookings
        for one in booking.postings
    ]
    if rows:
        await session.execute(insert(PostingRow), rows)


@rule("FE-36", "FE-38")
async def refundable(session: AsyncSession, employer_code: str) -> int:
    """What an employer may claim just now, from the postings alone."""
    return await _of_employer(session, Account.REFUNDABLE, employer_code, -1)


@rule("FE-35", "FE-36")
async def reclaimable(session: AsyncSession, employer_code: str) -> int:
    """What an employer was refunded and has to give back, from the postings alone."""
    return await _of_employer(session, Account.RECLAIMABLE, employer_code, 1)


async def _of_employer(session: AsyncSession, account: Account, employer_code: str, sign: int) -> int:
    query = select(balance(account)).where(PostingRow.employer_code == employer_code, moves(account))
    return sign * int(await session.scalar(query) or 0)


@rule("FE-36")
async def balances(session: AsyncSession, as_of: date) -> BalancesOut:
    """The balance of each account at the end of a day, from the postings alone."""
    found = {row.account: row for row in await session.execute(queries.by_account(as_of))}
    accounts = [
        AccountBalance(
            account=account,
            balance=int(found[account].balance) if account in found else 0,
            postings=found[account].postings if account in found else 0,
        )
        for account in Account
    ]
    return BalancesOut(as_of=as_of, accounts=accounts, sum=sum(one.balance for one in accounts))


@rule("FE-36")
async def employer_balances(
    session: AsyncSession, *, as_of: date, sort: str, cursor: str | None, limit: int
) -> EmployerBalancesPage:
    """What each employer owes and may claim at the end of a day."""
    found, next_cursor = await lists.page(
        session,
        queries.by_employer(as_of),
        sort=sort,
        sortable=EMPLOYER_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("employer_balances", as_of),
    )
    items = [
        EmployerBalances(
            employer_code=row["employer_code"],
            receivable=int(row["receivable"]),
            refundable=int(row["refundable"]),
            reclaimable=int(row["reclaimable"]),
        )
        for row in found
    ]
    return EmployerBalancesPage(items=items, next_cursor=next_cursor)


@rule("FE-36")
async def list_postings(
    session: AsyncSession,
    *,
    notice_id: UUID | None,
    employer: str | None,
    payment: int | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> PostingPage:
    """Postings that meet every filter."""
    wanted = {"notice_id": notice_id, "employer_code": employer, "payment_id": payment}
    rows = queries.postings()
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=POSTING_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("postings", *wanted.values()),
        where=tuple(rows.c[name] == value for name, value in wanted.items() if value is not None),
    )
    return PostingPage(items=[PostingOut(**dict(row)) for row in found], next_cursor=next_cursor)
