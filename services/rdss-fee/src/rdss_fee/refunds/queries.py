"""Claims with their employers, and what each employer can claim."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, case, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.rules import Account, BookingKind
from rdss_fee.reference.models import Employer
from rdss_fee.refunds.models import RefundClaim
from rdss_fee.refunds.rules import UNDER_WAY


def claims(*own: ColumnElement[bool]) -> Subquery:
    """Claims that meet `own`, each with its employer's name."""
    return (
        select(*RefundClaim.__table__.c, Employer.name.label("employer_name"))
        .join(Employer, Employer.code == RefundClaim.employer_code)
        .where(*own)
        .subquery("claims")
    )


async def under_way(session: AsyncSession, employer_code: str) -> int:
    """NT$ that an employer's claims under way ask for."""
    query = select(func.coalesce(func.sum(RefundClaim.amount), 0)).where(
        RefundClaim.employer_code == employer_code, RefundClaim.state.in_(UNDER_WAY)
    )
    return int(await session.scalar(query) or 0)


def refundable(*own: ColumnElement[bool]) -> Subquery:
    """Employers that meet `own`, each with what was granted, overpaid and refunded, what is refundable by that, what
    its claims ask for, and what it has to give back.
    """
    asked = (
        select(cast(func.coalesce(func.sum(RefundClaim.amount), 0), BigInteger))
        .where(RefundClaim.employer_code == Employer.code, RefundClaim.state.in_(UNDER_WAY))
        .scalar_subquery()
    )
    booked = (
        select(
            PostingRow.employer_code,
            _moved(Account.REFUNDABLE, (BookingKind.CREDIT_GRANTED,)).label("credits"),
            _moved(
                Account.REFUNDABLE,
                (
                    BookingKind.PAYMENT_POSTED, BookingKind.SUSPENSE_ASSIGNED, BookingKind.PAYMENT_REVERSED,
                    BookingKind.ASSIGNMENT_UNDONE,
                ),
            ).label("overpaid"),
            _moved(Account.REFUNDABLE, (BookingKind.REFUND_PAID, BookingKind.REFUND_RETURNED), -1).label("refunded"),
            _moved(Account.REFUNDABLE, tuple(BookingKind)).label("refundable"),
            _moved(Account.RECLAIMABLE, tuple(BookingKind), -1).label("reclaimable"),
        )
        .where(
            PostingRow.employer_code.is_not(None),
            PostingRow.debit.in_((Account.REFUNDABLE, Account.RECLAIMABLE))
            | PostingRow.credit.in_((Account.REFUNDABLE, Account.RECLAIMABLE)),
        )
        .group_by(PostingRow.employer_code)
        .subquery("booked")
    )  # fmt: skip
    amounts = [
        func.coalesce(booked.c[name], 0).label(name)
        for name in ("credits", "overpaid", "refunded", "refundable", "reclaimable")
    ]
    return (
        select(
            Employer.code.label("id"),
            Employer.code.label("employer_code"),
            Employer.name.label("employer_name"),
            *amounts,
            asked.label("under_way"),
            func.greatest(func.coalesce(booked.c.refundable, 0) - asked, 0).label("claimable"),
        )
        .outerjoin(booked, booked.c.employer_code == Employer.code)
        .where(*own)
        .subquery("refundable")
    )


def _moved(account: Account, kinds: tuple[BookingKind, ...], sign: int = 1) -> ColumnElement[Any]:
    """By how much bookings of `kinds` moved `account`, credits positive; of `sign` -1, debits."""
    amount = case(
        (PostingRow.kind.not_in(kinds), literal(0)),
        (PostingRow.credit == account, sign * PostingRow.amount),
        (PostingRow.debit == account, -sign * PostingRow.amount),
        else_=literal(0),
    )
    return cast(func.sum(amount), BigInteger)
