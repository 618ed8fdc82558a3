"""Selects of files, payments, and of money in suspense."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, Text, and_, any_, func, literal, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.models import NoticeRow
from rdss_fee.ledger import queries as ledger
from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.rules import Account, BookingKind
from rdss_fee.payments.allotting import Suspended
from rdss_fee.payments.models import BankFileRow, BankTransaction, SuspenseAssignment
from rdss_fee.reference.models import Employer

_GIVEN_KINDS = (BookingKind.SUSPENSE_ASSIGNED, BookingKind.REFUND_REPAID)


async def known_through(session: AsyncSession) -> date | None:
    """The last value date of which the bank has told everything; None before its first file."""
    day: date | None = await session.scalar(select(func.max(BankFileRow.complete_through)))
    return day


def files() -> Subquery:
    """Files that were taken, without their content."""
    columns = [column for column in BankFileRow.__table__.c if column.name != "content"]
    return select(*columns).subquery("files")


def payments(*where: ColumnElement[bool]) -> Subquery:
    """Transactions with what became of each: sums of its postings, its notice and employer, assigned ones as well."""
    transaction = BankTransaction
    sums = ledger.sums(transaction.id)
    given = ledger.given(transaction.id)
    notice_id = func.coalesce(transaction.notice_id, given.c.notice_id)
    return (
        select(
            transaction.id,
            transaction.file_id,
            transaction.account,
            transaction.amount,
            transaction.posted_on,
            transaction.value_on,
            transaction.serial,
            transaction.channel,
            transaction.payer,
            transaction.why,
            notice_id.label("notice_id"),
            func.coalesce(transaction.employer_code, given.c.employer_code).label("employer_code"),
            NoticeRow.month,
            sums.c.allocated,
            sums.c.overpaid,
            sums.c.reclaimed,
            sums.c.suspended,
        )
        .select_from(transaction)
        .join(sums, true())
        .outerjoin(given, transaction.why.is_not(None))
        .outerjoin(NoticeRow, NoticeRow.id == notice_id)
        .where(*where)
        .subquery("payments")
    )


def of_notice(notice_id: UUID) -> ColumnElement[bool]:
    """Transactions of which something was booked to the notice."""
    found = select(PostingRow.transaction_id).where(ledger.paying(notice_id))
    return BankTransaction.id.in_(found)


def beyond_due() -> ColumnElement[bool]:
    """Transactions of which something was more than due when it came, or when it was assigned."""
    found = select(PostingRow.transaction_id).where(
        PostingRow.credit == Account.REFUNDABLE, PostingRow.kind.in_(ledger.GIVEN)
    )
    return BankTransaction.id.in_(found)


def of_month(month: date) -> ColumnElement[bool]:
    """Transactions of which something was booked to a notice of that month."""
    notices = select(NoticeRow.id).where(NoticeRow.month == month)
    found = select(PostingRow.transaction_id).where(PostingRow.notice_id.in_(notices), PostingRow.kind.in_(_PAYING))
    return BankTransaction.id.in_(found)


def of_employer(code: str) -> ColumnElement[bool]:
    """Transactions that belong to the employer, or were given to it out of suspense."""
    own = select(BankTransaction.id).where(BankTransaction.employer_code == code)
    given = select(PostingRow.transaction_id).where(PostingRow.employer_code == code, PostingRow.kind.in_(_GIVEN_KINDS))
    return BankTransaction.id.in_(own.union_all(given))


_PAYING = (*ledger.GIVEN, *ledger.TAKEN)


def suspense() -> Subquery:
    """Transactions of which something is in suspense; below zero: a reversal that waits for what it reverses."""
    proposed = (
        select(SuspenseAssignment.id)
        .where(SuspenseAssignment.transaction_id == BankTransaction.id, SuspenseAssignment.state == "proposed")
        .scalar_subquery()
    )
    sums = ledger.sums(BankTransaction.id)
    return (
        select(
            BankTransaction.id,
            BankTransaction.account,
            BankTransaction.amount,
            BankTransaction.posted_on,
            BankTransaction.value_on,
            BankTransaction.channel,
            BankTransaction.payer,
            BankTransaction.why,
            sums.c.suspended.label("open"),
            proposed.label("proposed_id"),
        )
        .select_from(BankTransaction)
        .join(sums, true())
        .where(BankTransaction.why.is_not(None), sums.c.suspended != 0)
        .subquery("suspense")
    )


def assignments(transaction_id: int) -> Select[SuspenseAssignment]:
    """What was proposed of a transaction, the first first."""
    found = select(SuspenseAssignment).where(SuspenseAssignment.transaction_id == transaction_id)
    return found.order_by(SuspenseAssignment.proposed_at, SuspenseAssignment.id)


async def waiting_whole(session: AsyncSession, accounts: Collection[str]) -> dict[tuple[str, int], list[Suspended]]:
    """Transactions of these accounts that are in suspense whole, by account and amount, the first first."""
    open_ = (
        select(func.coalesce(-ledger.balance(Account.SUSPENSE), 0))
        .where(PostingRow.transaction_id == BankTransaction.id)
        .scalar_subquery()
    )
    query = (
        select(BankTransaction.id, BankTransaction.account, BankTransaction.amount, BankTransaction.posted_on)
        .where(
            BankTransaction.why.is_not(None),
            BankTransaction.account == any_(literal(list(accounts), ARRAY(Text()))),
            open_ == BankTransaction.amount,
        )
        .order_by(BankTransaction.id)
    )
    found: dict[tuple[str, int], list[Suspended]] = defaultdict(list)
    for row in await session.execute(query):
        found[row.account, row.amount].append(Suspended(str(row.id), row.posted_on))
    return dict(found)


async def notices_about(
    session: AsyncSession, numbers: Collection[str], due: Collection[tuple[int, date]]
) -> list[Any]:
    """Notices of these account numbers, or of these employers' numbers and months, with what was paid of each."""
    paid = select(ledger.paid()).where(ledger.paying(NoticeRow.id)).correlate(NoticeRow).scalar_subquery()
    meant = [NoticeRow.virtual_account == any_(literal(list(numbers), ARRAY(Text())))]
    if due:
        meant.append(tuple_(Employer.number, NoticeRow.month).in_(due))
    query = (
        select(
            NoticeRow.id,
            NoticeRow.virtual_account,
            NoticeRow.employer_code,
            NoticeRow.month,
            NoticeRow.amount,
            Employer.number,
            paid.label("paid"),
        )
        .join(Employer, Employer.code == NoticeRow.employer_code)
        .where(or_(*meant))
    )
    return list((await session.execute(query)).all())


def open_reversal(account: str, amount: int) -> Select[int]:
    """The first reversal of that much of that account that waits in suspense whole."""
    open_ = (
        select(-ledger.balance(Account.SUSPENSE))
        .where(PostingRow.transaction_id == BankTransaction.id)
        .scalar_subquery()
    )
    return (
        select(BankTransaction.id)
        .where(
            and_(BankTransaction.why.is_not(None), BankTransaction.account == account),
            BankTransaction.amount == -amount,
            open_ == -amount,
        )
        .order_by(BankTransaction.id)
        .limit(1)
    )
