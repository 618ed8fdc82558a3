"""Sums of the ledger, as parts of larger queries and by themselves (FE-36)."""

from collections.abc import Collection
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import LateralFromClause

from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.rules import Account, BookingKind

GIVEN: Final = (BookingKind.PAYMENT_POSTED, BookingKind.SUSPENSE_ASSIGNED)
TAKEN: Final = (BookingKind.PAYMENT_REVERSED, BookingKind.ASSIGNMENT_UNDONE)


def balance(account: Account) -> ColumnElement[int]:
    """The sum of an account's postings, debits positive."""
    signed = case(
        (PostingRow.debit == account, PostingRow.amount), (PostingRow.credit == account, -PostingRow.amount), else_=0
    )
    # Of bigints the sum is numeric; no amount here is.
    return cast(func.coalesce(func.sum(signed), 0), BigInteger)


def paid() -> ColumnElement[int]:
    """The sum of what was booked to notices, assigned money included, less what was taken back."""
    signed = case(
        (PostingRow.kind.in_(GIVEN), PostingRow.amount), (PostingRow.kind.in_(TAKEN), -PostingRow.amount), else_=0
    )
    # Of bigints the sum is numeric; no amount here is.
    return cast(func.coalesce(func.sum(signed), 0), BigInteger)


def sums(transaction: Any) -> LateralFromClause:
    """Of a transaction's own postings: `allocated` to notices, `overpaid` to employers, `reclaimed`, `suspended`; each
    below zero for what was taken back.
    """
    return (
        select(
            (-balance(Account.RECEIVABLE)).label("allocated"),
            (-balance(Account.REFUNDABLE)).label("overpaid"),
            (-balance(Account.RECLAIMABLE)).label("reclaimed"),
            (-balance(Account.SUSPENSE)).label("suspended"),
        )
        .where(PostingRow.transaction_id == transaction)
        .lateral("sums")
    )


def given(transaction: Any) -> LateralFromClause:
    """To which notice or employer a transaction that was in suspense is given just now, if to any."""
    kinds = (BookingKind.SUSPENSE_ASSIGNED, BookingKind.ASSIGNMENT_UNDONE, BookingKind.REFUND_REPAID)
    signed = case((PostingRow.kind == BookingKind.ASSIGNMENT_UNDONE, -PostingRow.amount), else_=PostingRow.amount)
    return (
        select(PostingRow.notice_id, PostingRow.employer_code)
        .where(PostingRow.transaction_id == transaction, PostingRow.kind.in_(kinds))
        .group_by(PostingRow.notice_id, PostingRow.employer_code)
        .having(func.sum(signed) != 0)
        # To a notice before a repayment: of one that is both the notice is what is looked for.
        .order_by(PostingRow.notice_id)
        .limit(1)
        .lateral("given")
    )


async def paid_of(session: AsyncSession, notices: Collection[UUID]) -> dict[UUID, int]:
    """What was booked to each of these notices that anything was booked to (`ledger.rules.Notice.paid`)."""
    query = (
        select(PostingRow.notice_id, paid())
        .where(_among(PostingRow.notice_id, notices, Uuid()), PostingRow.kind.in_((*GIVEN, *TAKEN)))
        .group_by(PostingRow.notice_id)
    )
    return {notice: int(amount) for notice, amount in await session.execute(query) if notice is not None}


async def refundable_of(session: AsyncSession, employers: Collection[str]) -> dict[str, int]:
    """What each of these employers may claim, where anything was ever refundable to it."""
    account = Account.REFUNDABLE
    query = (
        select(PostingRow.employer_code, -balance(account))
        .where(_among(PostingRow.employer_code, employers, Text()), moves(account))
        .group_by(PostingRow.employer_code)
    )
    return {code: int(amount) for code, amount in await session.execute(query) if code is not None}


async def suspense_of(session: AsyncSession, transactions: Collection[int]) -> dict[int, int]:
    """What of each of these transactions is in suspense; below zero: a reversal that waits."""
    account = Account.SUSPENSE
    query = (
        select(PostingRow.transaction_id, -balance(account))
        .where(_among(PostingRow.transaction_id, transactions, BigInteger()), moves(account))
        .group_by(PostingRow.transaction_id)
    )
    return {one: int(amount) for one, amount in await session.execute(query) if one is not None}


async def assigned_of(session: AsyncSession, transaction: int) -> dict[UUID, int]:
    """What of a transaction is assigned to which notices just now."""
    kinds = (BookingKind.SUSPENSE_ASSIGNED, BookingKind.ASSIGNMENT_UNDONE)
    query = (
        select(PostingRow.notice_id, paid())
        .where(PostingRow.transaction_id == transaction, PostingRow.kind.in_(kinds))
        .group_by(PostingRow.notice_id)
    )
    return {notice: int(amount) for notice, amount in await session.execute(query) if notice is not None and amount}


def moves(account: Account) -> ColumnElement[bool]:
    """Whether a posting moves the account."""
    return or_(PostingRow.debit == account, PostingRow.credit == account)


def paying(notice: Any) -> ColumnElement[bool]:
    """Whether a posting is one of a notice's payments."""
    return and_(PostingRow.notice_id == notice, PostingRow.kind.in_((*GIVEN, *TAKEN)))


def _among(column: Any, values: Collection[Any], kind: Any) -> ColumnElement[bool]:
    # One parameter: of a long list each would be one, and there is an end to those.
    listed: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(kind)))
    return listed


def by_account(as_of: date) -> Select[tuple[str, int, int]]:
    """The balance of each account at the end of a day, and how many postings move it."""
    moved = union_all(
        select(PostingRow.debit.label("account"), PostingRow.amount.label("amount")).where(
            PostingRow.booked_on <= as_of
        ),
        select(PostingRow.credit, -PostingRow.amount).where(PostingRow.booked_on <= as_of),
    ).subquery()
    return select(moved.c.account, func.sum(moved.c.amount).label("balance"), func.count().label("postings")).group_by(
        moved.c.account
    )


def by_employer(as_of: date) -> Subquery:
    """What each employer owes and may claim at the end of a day; an employer's code is its id in the list."""
    return (
        select(
            PostingRow.employer_code.label("id"),
            PostingRow.employer_code,
            balance(Account.RECEIVABLE).label("receivable"),
            (-balance(Account.REFUNDABLE)).label("refundable"),
            balance(Account.RECLAIMABLE).label("reclaimable"),
        )
        .where(PostingRow.employer_code.is_not(None), PostingRow.booked_on <= as_of)
        .group_by(PostingRow.employer_code)
        .subquery("employer_balances")
    )


def postings() -> Subquery:
    """Postings as they are shown."""
    columns = [column for column in PostingRow.__table__.c if column.name != "transaction_id"]
    return select(*columns, PostingRow.transaction_id.label("payment_id")).subquery("postings")
