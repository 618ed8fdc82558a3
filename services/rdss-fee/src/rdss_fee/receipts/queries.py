"""Payments with what of them stands, those that lack a receipt, receipts with both (FE-35, FE-37)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, Text, and_, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from rdss_fee.billing.models import NoticeRow
from rdss_fee.payments.moneys import moneys, of_notices
from rdss_fee.receipts.models import Receipt
from rdss_fee.reference.models import Employer
from shared.law import rule


@rule("FE-35", "FE-37")
def payments(notices: Sequence[UUID] | None = None) -> Subquery:
    """Posted payments to notices (all of them, or of these), each with what of it `stands`.

    The bank does not say which payment a reversal takes back. Of several of one amount to a notice the first reversal
    takes the first, and so on; what a reversal of another amount takes, it takes from the latest.
    """
    found = moneys(*(() if notices is None else (of_notices(notices),)))
    size, sign = func.abs(found.c.amount), func.sign(found.c.amount)
    nth = func.row_number().over(
        partition_by=(found.c.notice_id, size, sign), order_by=(found.c.posted_on, found.c.transaction_id)
    )
    numbered = select(*found.c, nth.label("nth")).cte("numbered")
    came, went, same = numbered, aliased(numbered, name="went"), aliased(numbered, name="same")
    # Reversals that are no payment's own.
    loose = (
        select(went.c.notice_id, func.sum(-went.c.amount).label("amount"))
        .outerjoin(same, _reverses(same, went))
        .where(went.c.amount < 0, same.c.nth.is_(None))
        .group_by(went.c.notice_id)
        .subquery("loose")
    )
    own = aliased(numbered, name="own")
    kept = (
        select(*came.c, own.c.nth.is_not(None).label("reversed"))
        .outerjoin(own, _reverses(came, own))
        .where(came.c.amount > 0)
        .subquery("kept")
    )
    free = case((kept.c.reversed, 0), else_=kept.c.amount)
    through = func.sum(free).over(
        partition_by=kept.c.notice_id, order_by=(kept.c.posted_on.desc(), kept.c.transaction_id.desc())
    )
    taken = func.greatest(0, func.least(free, func.coalesce(loose.c.amount, 0) - (through - free)))
    return (
        select(
            kept.c.notice_id,
            kept.c.transaction_id,
            kept.c.amount,
            kept.c.posted_on,
            kept.c.value_on,
            (free - taken).cast(found.c.amount.type).label("stands"),
        )
        .outerjoin(loose, loose.c.notice_id == kept.c.notice_id)
        .subquery("payments")
    )


def _reverses(payment: Any, reversal: Any) -> ColumnElement[bool]:
    return and_(
        payment.c.notice_id == reversal.c.notice_id,
        payment.c.amount == -reversal.c.amount,
        payment.c.amount > 0,
        payment.c.nth == reversal.c.nth,
    )


def due(*own: ColumnElement[bool]) -> Subquery:
    """Payments of which something stands and no receipt does, with their notices and employers."""
    paid = payments()
    receipt = (
        select(literal(1))
        .where(
            Receipt.transaction_id == paid.c.transaction_id,
            Receipt.notice_id == paid.c.notice_id,
            Receipt.voided_on.is_(None),
        )
        .exists()
    )
    return (
        select(
            # Of money that was given to two notices there are two.
            func.concat(func.lpad(cast(paid.c.transaction_id, Text), 20, "0"), ":", paid.c.notice_id).label("id"),
            *paid.c,
            NoticeRow.month,
            NoticeRow.employer_code,
            Employer.name.label("employer_name"),
            Employer.receipt_addressee,
            Employer.receipt_address,
        )
        .join(NoticeRow, NoticeRow.id == paid.c.notice_id)
        .join(Employer, Employer.code == NoticeRow.employer_code)
        .where(paid.c.stands > 0, ~receipt, *own)
        .subquery("due")
    )


def receipts(*own: ColumnElement[bool], judged: bool) -> Subquery:
    """Receipts that meet `own`, with their notices' months and their employers; `judged`: also what of their payments
    `stands`, which takes a look at all payments.
    """
    columns: list[Any] = [*Receipt.__table__.c, NoticeRow.month, Employer.name.label("employer_name")]
    joined = (
        select(*columns)
        .join(NoticeRow, NoticeRow.id == Receipt.notice_id)
        .join(Employer, Employer.code == Receipt.employer_code)
        .where(*own)
    )
    if judged:
        paid = payments()
        same = and_(paid.c.transaction_id == Receipt.transaction_id, paid.c.notice_id == Receipt.notice_id)
        joined = joined.add_columns(func.coalesce(paid.c.stands, 0).label("stands")).outerjoin(paid, same)
    return joined.subquery("receipts")
