"""Reading notices and credit statements: an employer its own, the offices all (FE-16, FE-30, FE-33, FE-39)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing import queries
from rdss_fee.billing.dates import Standing
from rdss_fee.billing.models import CreditStatement, LineRow, NoticeRow
from rdss_fee.billing.rules import LineKind
from rdss_fee.billing.schemas import (
    NOTICE_SORTS,
    STATEMENT_SORTS,
    NoticeOut,
    NoticePage,
    StatementOut,
    StatementPage,
)
from rdss_fee.months import Month
from rdss_fee.papers.detail import Heading
from rdss_fee.papers.notice import Notice as PrintedNotice
from rdss_fee.papers.words import by_month
from rdss_fee.payments.standings import standings
from rdss_fee.tenancy import own
from shared import clock, cursors, lists
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@rule("FE-30", "FE-39")
async def list_notices(
    session: AsyncSession,
    principal: Principal,
    *,
    month: Month | None,
    employer: str | None,
    unpaid: bool,
    sort: str,
    cursor: str | None,
    limit: int,
) -> NoticePage:
    """Notices, and how each stands today; `unpaid`: those alone that are not paid whole."""
    rows = queries.notices(*_where(principal, NoticeRow, month, employer))
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=NOTICE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("notices", month, employer, unpaid),
        where=(rows.c.outstanding > 0,) if unpaid else (),
    )
    stand = await standings(session, [row["id"] for row in found], clock.today())
    return NoticePage(items=[_out(row, stand) for row in found], next_cursor=next_cursor)


@rule("FE-30")
async def get_notice(session: AsyncSession, principal: Principal, notice_id: UUID) -> NoticeOut:
    """One notice; raises 404 for another employer's."""
    query = select(queries.notices(NoticeRow.id == notice_id, *_where(principal, NoticeRow)))
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return _out(row, await standings(session, [notice_id], clock.today()))


@rule("FE-30", "FE-31")
async def paper(session: AsyncSession, principal: Principal, notice_id: UUID) -> PrintedNotice:
    """All that a notice says on paper; raises 404 for another employer's."""
    query = select(queries.notices(NoticeRow.id == notice_id, *_where(principal, NoticeRow)))
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    sums: dict[str, list[tuple[Month, int]]] = {LineKind.CHARGE: [], LineKind.CREDIT: []}
    lines = select(LineRow.kind, LineRow.month, LineRow.amount).where(
        LineRow.run_id == row["run_id"], LineRow.employer_code == row["employer_code"]
    )
    for kind, month, amount in await session.execute(lines):
        sums[kind].append((Month.of(month), amount))
    return PrintedNotice(
        number=row["virtual_account"],
        employer_code=row["employer_code"],
        employer_name=row["employer_name"],
        month=Month.of(row["month"]),
        amount=row["amount"],
        virtual_account=row["virtual_account"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        due_provisional=row["due_provisional"],
        bank_code=row["bank_code"],
        payee_bank=row["payee_bank"],
        payee_name=row["payee_name"],
        atm_most=row["atm_most"],
        charges=by_month(sums[LineKind.CHARGE]),
        credits=by_month(sums[LineKind.CREDIT]),
    )


async def heading(session: AsyncSession, of: NoticeOut | StatementOut, *, kind: LineKind | None) -> Heading:
    """What stands above the lines of a notice or a statement on paper: those of `kind`, or of both."""
    query = (
        select(LineRow.kind, func.sum(LineRow.amount), func.count())
        .where(LineRow.run_id == of.run_id, LineRow.employer_code == of.employer_code)
        .group_by(LineRow.kind)
    )
    sums = {one: (amount, count) for one, amount, count in await session.execute(query) if kind in (None, one)}
    charges, credits = (sums.get(one, (0, 0)) for one in (LineKind.CHARGE, LineKind.CREDIT))
    count = charges[1] + credits[1]
    return Heading(of.employer_code, of.employer_name, Month.of(of.month), charges[0], credits[0], count)


@rule("FE-12", "FE-16")
async def list_statements(
    session: AsyncSession,
    principal: Principal,
    *,
    month: Month | None,
    employer: str | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> StatementPage:
    """What runs gave back."""
    found, next_cursor = await lists.page(
        session,
        queries.statements(*_where(principal, CreditStatement, month, employer)),
        sort=sort,
        sortable=STATEMENT_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("statements", month, employer),
    )
    return StatementPage(items=[StatementOut.model_validate(dict(row)) for row in found], next_cursor=next_cursor)


async def get_statement(session: AsyncSession, principal: Principal, statement_id: UUID) -> StatementOut:
    """One credit statement; raises 404 for another employer's."""
    query = select(queries.statements(CreditStatement.id == statement_id, *_where(principal, CreditStatement)))
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return StatementOut.model_validate(dict(row))


def _where(
    principal: Principal, paper: Any, month: Month | None = None, employer: str | None = None
) -> tuple[ColumnElement[bool], ...]:
    asked = [*own(principal, paper.employer_code)]
    if month is not None:
        asked.append(paper.month == month.first)
    if employer is not None:
        asked.append(paper.employer_code == employer)
    return tuple(asked)


def _out(row: RowMapping, stand: Mapping[UUID, Standing]) -> NoticeOut:
    named: dict[str, Any] = {name: row[name] for name in NoticeOut.model_fields if name in row}
    return NoticeOut.model_validate(
        named
        | {
            "payable": row["amount"],
            "paid": row["amount"] - row["outstanding"],
            "atm_offered": row["amount"] <= row["atm_most"],
            "standing": stand[row["id"]],
        }
    )
