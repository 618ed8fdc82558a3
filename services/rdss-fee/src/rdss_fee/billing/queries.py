"""Named selects of runs, lines, notices and credit statements."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Subquery, Text, and_, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.models import CollectionScheme
from rdss_fee.billing.models import BillingRun, CreditStatement, LineRow, NoticeRow, RateRow
from rdss_fee.billing.rates import Category, Degree, Rate, Rates
from rdss_fee.billing.rules import LineKind
from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.rules import Account
from rdss_fee.periods.models import Serviceman
from rdss_fee.reference.models import Employer


async def rates(session: AsyncSession, known: ColumnElement[bool]) -> list[RateRow]:
    """The rows of rates that are `known`."""
    return list(await session.scalars(select(RateRow).where(known)))


async def rates_known(session: AsyncSession) -> Rates:
    """The rates that are known now."""
    return Rates(as_rate(row) for row in await rates(session, RateRow.replaced_at.is_(None)))


def as_rate(row: RateRow) -> Rate:
    """A stored rate as the rules have it."""
    return Rate(
        Category(row.category), Degree(row.degree), row.cohort_from, row.effective_from, row.amount, row.document
    )


def lines(*where: ColumnElement[bool]) -> Subquery:
    """Lines with the men they are about; `id` tells one from the others of its run and employer."""
    return (
        select(
            LineRow,
            (cast(LineRow.serviceman_id, Text) + ":" + cast(LineRow.month, Text) + ":" + LineRow.employer_code).label(
                "id"
            ),
            Serviceman.name.label("serviceman_name"),
            Serviceman.national_id,
        )
        .join(Serviceman, Serviceman.id == LineRow.serviceman_id)
        .where(*where)
        .subquery("lines")
    )


def employers(run_id: UUID, previous: UUID | None) -> Subquery:
    """What a run asks of each employer, beside what the run `previous` asked of it; who was in either is there."""

    def asked(of: UUID | None) -> ColumnElement[int]:
        """The charges of a run; None is no run's."""
        mine = and_(LineRow.run_id == of, LineRow.kind == LineKind.CHARGE)
        return func.coalesce(func.sum(LineRow.amount).filter(mine), 0)

    mine = LineRow.run_id == run_id
    charges, before = asked(run_id), asked(previous)
    return (
        select(
            LineRow.employer_code,
            LineRow.employer_code.label("id"),
            Employer.name.label("employer_name"),
            func.count().filter(mine).label("line_count"),
            charges.label("charges"),
            func.coalesce(func.sum(LineRow.amount).filter(mine, LineRow.kind == LineKind.CREDIT), 0).label("credits"),
            before.label("previous_charges"),
            (charges - before).label("difference"),
        )
        .join(Employer, Employer.code == LineRow.employer_code)
        .where(or_(mine, LineRow.run_id == previous))
        .group_by(LineRow.employer_code, Employer.name)
        .subquery("employers")
    )


def notices(*where: ColumnElement[bool]) -> Subquery:
    """Notices with what came to them by the postings, and whom they are paid to."""
    receivable = (
        select(func.sum(case((PostingRow.debit == Account.RECEIVABLE, PostingRow.amount), else_=-PostingRow.amount)))
        .where(
            PostingRow.notice_id == NoticeRow.id,
            or_(PostingRow.debit == Account.RECEIVABLE, PostingRow.credit == Account.RECEIVABLE),
        )
        .scalar_subquery()
    )
    # A sum of bigint is numeric; NT$ are whole.
    outstanding = cast(func.coalesce(receivable, 0), BigInteger)
    return (
        select(
            NoticeRow.id, NoticeRow.run_id, NoticeRow.employer_code, NoticeRow.month, NoticeRow.amount,
            NoticeRow.virtual_account, NoticeRow.issued_on, NoticeRow.due_on, NoticeRow.due_provisional,
            Employer.name.label("employer_name"),
            CollectionScheme.bank_code, CollectionScheme.payee_bank, CollectionScheme.payee_name,
            CollectionScheme.atm_most,
            outstanding.label("outstanding"),
        )
        .join(Employer, Employer.code == NoticeRow.employer_code)
        .join(CollectionScheme, CollectionScheme.id == NoticeRow.scheme_id)
        .where(*where)
        .subquery("notices")
    )  # fmt: skip


def statements(*where: ColumnElement[bool]) -> Subquery:
    """Credit statements with their employers' names."""
    return (
        select(CreditStatement, Employer.name.label("employer_name"))
        .join(Employer, Employer.code == CreditStatement.employer_code)
        .where(*where)
        .subquery("statements")
    )


async def issued_before(session: AsyncSession, run: BillingRun) -> BillingRun | None:
    """The run with lines that was issued last before this one was asked for."""
    query = (
        select(BillingRun)
        .where(
            BillingRun.state == "issued",
            BillingRun.id != run.id,
            BillingRun.line_count > 0,
            BillingRun.issued_at <= run.known_at,
        )
        .order_by(BillingRun.issued_at.desc())
        .limit(1)
    )
    found: BillingRun | None = await session.scalar(query)
    return found


def in_sight(run: BillingRun) -> ColumnElement[bool]:
    """The months whose issued lines a run counts as billed: of a recomputation not its own, which it is compared to."""
    return BillingRun.month <= run.month if run.kind == "regular" else BillingRun.month < run.month


async def earlier(
    session: AsyncSession, run: BillingRun, serviceman_id: UUID, employer_code: str, month: date
) -> Sequence[tuple[LineRow, BillingRun]]:
    """The lines that were issued for a share before a run knew of them, oldest first."""
    query = (
        select(LineRow, BillingRun)
        .join(BillingRun, BillingRun.id == LineRow.run_id)
        .where(
            LineRow.serviceman_id == serviceman_id,
            LineRow.employer_code == employer_code,
            LineRow.month == month,
            BillingRun.state == "issued",
            BillingRun.issued_at <= run.known_at,
            BillingRun.issued_on <= run.as_of,
            in_sight(run),
        )
        .order_by(BillingRun.issued_at)
    )
    return [(line, of) for line, of in await session.execute(query)]


def totals(run_id: UUID) -> tuple[ColumnElement[int], ...]:
    """Count, charges and credits of a run's lines."""

    def of(amount: ColumnElement[int], kind: LineKind | None = None) -> ColumnElement[int]:
        mine = select(amount).where(LineRow.run_id == run_id)
        return (mine if kind is None else mine.where(LineRow.kind == kind)).scalar_subquery()

    total = func.coalesce(func.sum(LineRow.amount), 0)
    return (
        of(func.count()).label("line_count"),
        of(total, LineKind.CHARGE).label("charges"),
        of(total, LineKind.CREDIT).label("credits"),
    )
