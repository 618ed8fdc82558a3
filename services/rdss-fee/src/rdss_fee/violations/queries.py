"""Notices that are not paid whole, what came to them, and violations with their employers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Subquery, cast, extract, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.models import NoticeRow
from rdss_fee.payments.moneys import moneys, of_notices
from rdss_fee.reference.models import Employer
from rdss_fee.violations.models import Violation
from rdss_fee.violations.rules import Money


async def money_of(session: AsyncSession, notices: Sequence[UUID]) -> Mapping[UUID, list[Money]]:
    """What came to each of these notices, by the order of the bank's transactions; those without any have none."""
    found: dict[UUID, list[Money]] = defaultdict(list)
    if notices:
        rows = moneys(of_notices(notices))
        query = select(rows.c.notice_id, rows.c.transaction_id, rows.c.value_on, rows.c.amount)
        for notice_id, *told in (await session.execute(query.order_by(rows.c.transaction_id))).all():
            found[notice_id].append(Money(*told))
    return found


def unpaid(*of: ColumnElement[bool], by_reference: bool) -> Select[NoticeRow, str]:
    """Notices (that meet `of`) to which less has come than they ask for, with their employers' names; `by_reference`:
    by value dates up to the 5th of their month. The rules have the last word; this spares them all others.
    """
    rows = moneys()
    came = select(func.coalesce(func.sum(rows.c.amount), 0)).where(rows.c.notice_id == NoticeRow.id)
    if by_reference:
        # The month is its first day.
        came = came.where(rows.c.value_on <= NoticeRow.month + 4)
    return (
        select(NoticeRow, Employer.name)
        .join(Employer, Employer.code == NoticeRow.employer_code)
        .where(came.scalar_subquery() < NoticeRow.amount, *of)
    )


def violations(*own: ColumnElement[bool]) -> Subquery:
    """Violations that meet `own`, with their employers' names."""
    year = cast(extract("year", Violation.reference_on), Integer).label("year")
    columns: list[Any] = [c for c in Violation.__table__.c if c.name != "evidence"]
    return (
        select(*columns, Employer.name.label("employer_name"), year)
        .join(Employer, Employer.code == Violation.employer_code)
        .where(*own)
        .subquery("violations")
    )


async def counts(session: AsyncSession, asked: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
    """How many violations that were not annulled these employers have in these calendar years."""
    year = cast(extract("year", Violation.reference_on), Integer)
    query = (
        select(Violation.employer_code, year, cast(func.count(), BigInteger))
        .where(Violation.annulled_on.is_(None), tuple_(Violation.employer_code, year).in_(sorted(set(asked))))
        .group_by(Violation.employer_code, year)
    )
    return {(code, of): count for code, of, count in (await session.execute(query)).all()}
