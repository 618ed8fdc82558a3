"""Keeping collection schemes: dated, and wide enough for every employer there is (FE-21, FE-23)."""

from collections.abc import Sequence
from datetime import date
from uuid import uuid4

from sqlalchemy import RowMapping, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.checks import CHECKS, check_named
from rdss_fee.accounts.models import CollectionScheme
from rdss_fee.accounts.numbers import Account, Scheme, SchemeError
from rdss_fee.accounts.schemas import SCHEME_SORTS, SchemeIn, SchemeOut, SchemePage, SchemeWarning
from rdss_fee.billing.models import NoticeRow
from rdss_fee.months import Month
from rdss_fee.reference import queries as employers
from shared import audit, cursors
from shared.law import rule
from shared.lists import page
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault, ProblemType

SCHEME_EXISTS = ProblemType(
    "scheme_exists", 409, "該月份起已設定編碼規則", "There is a scheme from that month on already"
)
MONTHS_BILLED = ProblemType(
    "months_billed", 409, "該月份之繳費通知單已開立，編碼規則不得溯及", "Notices of that month have been issued"
)
EMPLOYERS_TOO_WIDE = ProblemType(
    "employers_too_wide", 422, "現有用人單位編號超出編碼寬度", "Employers have numbers that do not fit"
)
_AMOUNT_IN_CHECK = SchemeWarning(
    code="amount_in_check",
    message="檢查碼含金額：未足額繳款者無法以原帳號補繳（研究發展費繳納-5/5），請確認銀行端已另行約定。",
    message_en="The amount takes part in the check digits: an under-payment cannot be topped up on the same number"
    " (FE-34). Make sure that the bank has agreed to something else.",
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('rdss_fee.numbers', 0))")


async def hold_numbers(session: AsyncSession) -> None:
    """Until the transaction ends nobody else adds an employer's number or a scheme: each is tested against the other,
    and neither has seen the one that is being added.
    """
    await session.execute(_ONE_AT_A_TIME)


def scheme_of(row: CollectionScheme) -> Scheme:
    """The rules by which the numbers of a stored scheme are made and read."""
    return Scheme(row.prefix, row.employer_digits, check_named(row.check_name))


async def scheme_for(session: AsyncSession, month: Month) -> CollectionScheme | None:
    """The scheme of the notices for a month, if one is set."""
    query = (
        select(CollectionScheme)
        .where(CollectionScheme.effective_from <= month.first)
        .order_by(CollectionScheme.effective_from.desc())
        .limit(1)
    )
    return await session.scalar(query)


async def schemes_from(session: AsyncSession, day: date) -> Sequence[CollectionScheme]:
    """The scheme in force in the month of `day`, and every later one."""
    now = await scheme_for(session, Month.of(day))
    later = select(CollectionScheme).where(CollectionScheme.effective_from > Month.of(day).first)
    return [*([now] if now else []), *(await session.scalars(later.order_by(CollectionScheme.effective_from))).all()]


@rule("FE-23")
def misfits(number: int, schemes: Sequence[CollectionScheme]) -> list[tuple[CollectionScheme, str]]:
    """Of which schemes an employer's number is no part, and what each says of it."""
    found = []
    for scheme in schemes:
        parts = scheme_of(scheme)
        # Whether the number fits does not hang on the amount, where that takes part.
        amount = 1 if parts.check.uses_amount else None
        try:
            parts.number(Account(Month.of(scheme.effective_from), number), amount)
        except SchemeError as error:
            found.append((scheme, str(error)))
    return found


async def list_schemes(session: AsyncSession, *, sort: str, cursor: str | None, limit: int) -> SchemePage:
    """All schemes, the newest first unless asked otherwise."""
    rows = select(*CollectionScheme.__table__.columns).subquery("schemes")
    found, next_cursor = await page(
        session,
        rows,
        sort=sort,
        sortable=SCHEME_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("schemes"),
    )
    return SchemePage(items=[_out(row) for row in found], next_cursor=next_cursor)


@rule("FE-21", "FE-23")
async def add_scheme(session: AsyncSession, finance: Principal, body: SchemeIn) -> SchemeOut:
    """Set the scheme of all months from one on, until a later one.

    Check digits that hold the amount are taken with a warning, for FE-34 asks for a number that can be paid again.
    Raises 422 for a day that begins no month, parts that are no scheme's, and where employers' numbers do not fit,
    which says how many; 409 for a day that has a scheme, and for months whose notices are out.
    """
    await hold_numbers(session)
    scheme = _scheme(body)
    month = Month.of(body.effective_from)
    if await session.scalar(select(CollectionScheme.id).where(CollectionScheme.effective_from == body.effective_from)):
        raise SCHEME_EXISTS()
    billed: date | None = await session.scalar(select(func.max(NoticeRow.month)))
    if billed is not None and month.first <= billed:
        raise MONTHS_BILLED(
            detail=f"請自 {Month.of(billed).plus(1)} 以後之月份起適用。",
            detail_en=f"Let it take effect with {Month.of(billed).plus(1)} or later.",
        )
    widest = 10**scheme.employer_digits - 1
    if count := await employers.count_above(session, widest):
        raise EMPLOYERS_TOO_WIDE(
            detail=f"有 {count:,} 個用人單位之編號大於 {widest:,}，請加寬 employer_digits。",
            detail_en=f"{count:,} employers have numbers above {widest:,}: make employer_digits wider.",
            count=count,
        )
    values = {
        **body.model_dump(),
        "id": uuid4(),
        "bank_code": scheme.check.bank_code,
        "entered_by": finance.sub,
    }
    made = await session.execute(insert(CollectionScheme).values(values).returning(*CollectionScheme.__table__.columns))
    await audit.record(
        session, "collection_scheme.added", "collection_scheme", values["id"], body.model_dump(mode="json")
    )
    return _out(made.mappings().one())


def _scheme(body: SchemeIn) -> Scheme:
    faults = []
    if body.effective_from.day != 1:
        faults.append(
            Fault(
                "not_first_of_month",
                "須自某月1日起適用",
                "It takes effect on the first day of a month",
                pointer="/effective_from",
            )
        )
    if body.check_name not in CHECKS:
        faults.append(
            Fault(
                "enum",
                "不在允許的代碼中",
                "Not one of the allowed codes",
                pointer="/check_name",
                suggestion=", ".join(CHECKS),
            )
        )
    if faults:
        raise INVALID_CONTENT(errors=faults)
    try:
        return Scheme(body.prefix, body.employer_digits, check_named(body.check_name))
    except SchemeError as error:
        fault = Fault("scheme_parts", "各部分之位數與檢查碼規則不合", str(error)[:500], pointer="/employer_digits")
        raise INVALID_CONTENT(errors=[fault]) from None


def _out(row: RowMapping) -> SchemeOut:
    check = check_named(row["check_name"])
    return SchemeOut(
        **{name: row[name] for name in SchemeOut.model_fields if name in row},
        length=Scheme(row["prefix"], row["employer_digits"], check).length,
        warnings=[_AMOUNT_IN_CHECK] if check.uses_amount else [],
    )
