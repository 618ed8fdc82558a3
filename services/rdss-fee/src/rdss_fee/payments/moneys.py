"""What came to notices' accounts and went again, by bank transaction: read off the postings, so that assigned money and
what was undone are in it.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Subquery, case, cast, func, select

from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.queries import GIVEN, TAKEN
from rdss_fee.payments.models import BankTransaction


def moneys(*of: ColumnElement[bool]) -> Subquery:
    """For each notice (of postings that meet `of`) and bank transaction what that brought it; below zero: a reversal.
    What was assigned and undone is left out.
    """
    amount = func.sum(case((PostingRow.kind.in_(GIVEN), PostingRow.amount), else_=-PostingRow.amount))
    net = (
        select(PostingRow.notice_id, PostingRow.transaction_id, cast(amount, BigInteger).label("amount"))
        .where(PostingRow.kind.in_((*GIVEN, *TAKEN)), PostingRow.notice_id.is_not(None), *of)
        .group_by(PostingRow.notice_id, PostingRow.transaction_id)
        .having(amount != 0)
        .subquery("net")
    )
    return (
        select(
            net.c.notice_id,
            net.c.transaction_id,
            net.c.amount,
            BankTransaction.posted_on,
            BankTransaction.value_on,
        )
        .join(BankTransaction, BankTransaction.id == net.c.transaction_id)
        .subquery("moneys")
    )


def of_notices(ids: Sequence[UUID]) -> ColumnElement[bool]:
    """The postings of these notices."""
    return PostingRow.notice_id.in_(ids)
