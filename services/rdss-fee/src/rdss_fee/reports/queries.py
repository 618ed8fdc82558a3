"""The rows of the reports: balances from postings alone, beside what notices, statements and claims say (FE-41)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Select, Subquery, and_, case, cast, func, literal, or_, select

from rdss_fee.billing.models import CreditStatement, NoticeRow
from rdss_fee.ledger.models import PostingRow
from rdss_fee.ledger.queries import GIVEN, TAKEN
from rdss_fee.ledger.rules import Account
from rdss_fee.months import Month
from rdss_fee.payments.models import BankTransaction
from rdss_fee.reference.models import Employer
from rdss_fee.refunds.models import RefundClaim
from rdss_fee.reports.rules import SPANS, Span


def _sum(value: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as a whole number; 0 of nothing."""
    return func.coalesce(cast(func.sum(value), BigInteger), 0)


def _debits(*accounts: Account) -> ColumnElement[int]:
    """What was moved into accounts, less what was moved out of them."""
    return _sum(
        case((PostingRow.debit.in_(accounts), PostingRow.amount), else_=0)
        - case((PostingRow.credit.in_(accounts), PostingRow.amount), else_=0)
    )


def _touches(account: Account) -> ColumnElement[bool]:
    return or_(PostingRow.debit == account, PostingRow.credit == account)


def _here(value: Any) -> ColumnElement[int]:
    return func.coalesce(value, 0)


def month_rows(month: date) -> Subquery:
    """Employers with a notice or a credit statement of `month`."""
    money = (
        select(
            PostingRow.notice_id,
            _debits(Account.RECEIVABLE).label("receivable"),
            # What was refunded before the bank took it back was over, and has to come back (reclaimable).
            (-_debits(Account.REFUNDABLE, Account.RECLAIMABLE)).label("overpaid"),
            _sum(
                case((PostingRow.kind.in_(GIVEN), PostingRow.amount), (PostingRow.kind.in_(TAKEN), -PostingRow.amount))
            ).label("collected"),
        )
        .join(NoticeRow, NoticeRow.id == PostingRow.notice_id)
        .where(NoticeRow.month == month)
        .group_by(PostingRow.notice_id)
        .subquery("money")
    )
    refundable = (
        select(PostingRow.employer_code, (-_debits(Account.REFUNDABLE)).label("refundable"))
        .where(_touches(Account.REFUNDABLE))
        .group_by(PostingRow.employer_code)
        .subquery("refundable")
    )
    return (
        select(
            Employer.code.label("id"),
            Employer.code.label("employer_code"),
            Employer.name.label("employer_name"),
            _here(NoticeRow.amount).label("charges"),
            _here(CreditStatement.amount).label("credits"),
            _here(money.c.collected).label("collected"),
            _here(money.c.overpaid).label("overpaid"),
            _here(money.c.receivable).label("receivable"),
            _here(refundable.c.refundable).label("refundable"),
        )
        .outerjoin(NoticeRow, and_(NoticeRow.employer_code == Employer.code, NoticeRow.month == month))
        .outerjoin(
            CreditStatement, and_(CreditStatement.employer_code == Employer.code, CreditStatement.month == month)
        )
        .outerjoin(money, money.c.notice_id == NoticeRow.id)
        .outerjoin(refundable, refundable.c.employer_code == Employer.code)
        .where(or_(NoticeRow.id.is_not(None), CreditStatement.id.is_not(None)))
        .subquery("month_summary")
    )


def ageing_rows(today: date, month: date | None) -> Subquery:
    """Employers that owe something, of `month` where one is given."""
    owed = (
        select(PostingRow.notice_id, _debits(Account.RECEIVABLE).label("open"))
        .where(_touches(Account.RECEIVABLE))
        .group_by(PostingRow.notice_id)
        .having(_debits(Account.RECEIVABLE) != 0)
        .subquery("owed")
    )
    days = literal(today, Date) - NoticeRow.due_on

    def aged(span: Span) -> ColumnElement[int]:
        within = [days >= span.first] if span.first is not None else []
        within += [days <= span.last] if span.last is not None else []
        return _sum(case((and_(*within), owed.c.open), else_=0)).label(span.age.value)

    return (
        select(
            Employer.code.label("id"),
            Employer.code.label("employer_code"),
            Employer.name.label("employer_name"),
            func.count().label("notices"),
            *(aged(span) for span in SPANS),
            _sum(owed.c.open).label("total"),
            func.min(NoticeRow.due_on).label("oldest_due_on"),
        )
        .select_from(owed)
        .join(NoticeRow, NoticeRow.id == owed.c.notice_id)
        .join(Employer, Employer.code == NoticeRow.employer_code)
        .where(*(() if month is None else (NoticeRow.month == month,)))
        .group_by(Employer.code, Employer.name)
        .subquery("ageing")
    )


def suspense_rows(today: date, month: Month | None) -> Subquery:
    """Bank transactions with something in suspense, of those posted in `month` where one is given."""
    left = (
        select(PostingRow.transaction_id, (-_debits(Account.SUSPENSE)).label("open"))
        .where(_touches(Account.SUSPENSE))
        .group_by(PostingRow.transaction_id)
        .having(_debits(Account.SUSPENSE) != 0)
        .subquery("suspended")
    )
    posted = BankTransaction.posted_on
    return (
        select(
            BankTransaction.id,
            BankTransaction.id.label("transaction_id"),
            posted,
            BankTransaction.value_on,
            BankTransaction.account,
            BankTransaction.why,
            BankTransaction.amount,
            left.c.open,
            (literal(today, Date) - posted).label("days"),
        )
        .join(left, left.c.transaction_id == BankTransaction.id)
        .where(*(() if month is None else (posted >= month.first, posted <= month.last)))
        .subquery("suspense")
    )


def refund_rows(month: date | None) -> Subquery:
    """Claims that were submitted, of the round of `month` where one is given."""
    paid = (
        select(PostingRow.claim_id, _debits(Account.REFUNDABLE).label("paid"))
        .where(PostingRow.claim_id.is_not(None))
        .group_by(PostingRow.claim_id)
        .subquery("refunded")
    )
    return (
        select(
            RefundClaim.id,
            RefundClaim.id.label("claim_id"),
            RefundClaim.employer_code,
            Employer.name.label("employer_name"),
            RefundClaim.letter_no,
            RefundClaim.amount,
            RefundClaim.state,
            RefundClaim.posted_on,
            RefundClaim.received_on,
            RefundClaim.round,
            RefundClaim.decided_on,
            RefundClaim.paid_on,
            RefundClaim.payment_reference,
            _here(paid.c.paid).label("paid"),
        )
        .join(Employer, Employer.code == RefundClaim.employer_code)
        .outerjoin(paid, paid.c.claim_id == RefundClaim.id)
        .where(RefundClaim.submitted_at.is_not(None), *(() if month is None else (RefundClaim.round == month,)))
        .subquery("refunds")
    )


def totals(rows: Subquery, columns: Sequence[str]) -> Select[Any]:
    """The sums of columns over all rows."""
    sums: list[Any] = [_sum(rows.c[name]).label(name) for name in columns]
    return select(*sums)
