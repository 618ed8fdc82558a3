"""Keeping employers, and the official calendar that days hang on."""

from datetime import date

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.service import hold_numbers, misfits, schemes_from
from rdss_fee.reference import queries
from rdss_fee.reference.models import CalendarDay, Employer
from rdss_fee.reference.schemas import (
    EMPLOYER_SORTS,
    EmployerIn,
    EmployerName,
    EmployerOut,
    EmployerPage,
    ReceiptAddress,
)
from rdss_fee.tenancy import own
from shared import audit, clock, cursors, preconditions
from shared.calendar import DayOverride, WorkingCalendar
from shared.ids import is_business_number
from shared.law import rule
from shared.lists import page
from shared.official_calendars import CalendarResult, calendar_of, read_year, source_of
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

EMPLOYER_EXISTS = ProblemType(
    "employer_exists",
    409,
    "此統一編號或編號已有用人單位使用",
    "That business number or number is an employer's already",
)


async def list_employers(
    session: AsyncSession, caller: Principal, *, name: str | None, sort: str, cursor: str | None, limit: int
) -> EmployerPage:
    """Employers: to offices all, to an employer itself. `name` is part of a name."""
    rows = queries.employers(*own(caller, Employer.code))
    found, next_cursor = await page(
        session,
        rows,
        sort=sort,
        sortable=EMPLOYER_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("employers", name),
        where=(rows.c.name.contains(name, autoescape=True),) if name else (),
    )
    return EmployerPage(items=[EmployerOut.model_validate(dict(row)) for row in found], next_cursor=next_cursor)


async def get_employer(session: AsyncSession, caller: Principal, code: str) -> EmployerOut:
    """One employer; raises 404, for another one's too."""
    return EmployerOut.model_validate(await _find(session, caller, code))


async def _find(session: AsyncSession, caller: Principal, code: str, *, lock: bool = False) -> Employer:
    query = select(Employer).where(Employer.code == code, *own(caller, Employer.code))
    if lock:
        query = query.with_for_update(key_share=True)
    found = await session.scalar(query)
    if found is None:
        raise NOT_FOUND()
    return found


@rule("FE-23")
async def add_employer(session: AsyncSession, office: Principal, body: EmployerIn) -> EmployerOut:
    """Register an employer. Its number has to fit the scheme in force and every later one.

    Raises 422 for a business number that does not add up, and naming each scheme that the number does not fit; 409
    where either number is taken.
    """
    await hold_numbers(session)
    faults = [
        Fault(
            "number_too_wide",
            f"編號超出 {scheme.effective_from.isoformat()} 起編碼規則之寬度（1 至 {10**scheme.employer_digits - 1}）",
            f"Too wide for the scheme from {scheme.effective_from.isoformat()} on: {said}"[:500],
            pointer="/number",
        )
        for scheme, said in misfits(body.number, await schemes_from(session, clock.today()))
    ]
    if not is_business_number(body.code):
        faults.append(
            Fault(
                "business_number_invalid",
                "統一編號檢查碼不符，請更正",
                "The business number does not add up: correct it",
                pointer="/code",
            )
        )
    if faults:
        raise INVALID_CONTENT(errors=faults)
    taken = select(Employer.code).where(or_(Employer.code == body.code, Employer.number == body.number)).limit(1)
    if await session.scalar(taken):
        raise EMPLOYER_EXISTS(
            detail="請查詢現有用人單位，或改用其他編號。",
            detail_en="Look at the employers there are, or take another number.",
        )
    made = Employer(**body.model_dump(), version=1, registered_on=clock.today(), registered_by=office.sub)
    session.add(made)
    await session.flush()
    await audit.record(session, "employer.added", "employer", made.code, {"number": made.number})
    return EmployerOut.model_validate(made)


async def rename_employer(
    session: AsyncSession, office: Principal, code: str, seen: int, body: EmployerName
) -> EmployerOut:
    """Correct an employer's name; raises 404, 412."""
    return await _change(session, office, code, seen, {"name": body.name}, "employer.renamed")


@rule("FE-37")
async def set_receipt_address(
    session: AsyncSession, caller: Principal, code: str, seen: int, body: ReceiptAddress
) -> EmployerOut:
    """Say whom receipts are mailed to: the employer itself, or an office. Raises 404 for another one's; 412."""
    return await _change(session, caller, code, seen, body.model_dump(), "employer.receipt_address_set")


async def _change(
    session: AsyncSession, caller: Principal, code: str, seen: int, values: dict[str, str], action: str
) -> EmployerOut:
    employer = await _find(session, caller, code, lock=True)
    preconditions.require(seen, employer.version)
    for name, value in values.items():
        setattr(employer, name, value)
    employer.version += 1
    employer.changed_at = func.clock_timestamp()
    await session.flush()
    await audit.record(session, action, "employer", code, {"version": employer.version})
    return EmployerOut.model_validate(employer)


async def import_calendar(session: AsyncSession, year: int, body: bytes) -> CalendarResult:
    """Replace the official days of `year` by those of a published calendar (both codings). Raises 422."""
    days = read_year(body, year)
    span = (date(year, 1, 1), date(year, 12, 31))
    await session.execute(delete(CalendarDay).where(CalendarDay.day.between(*span)))
    await session.execute(
        insert(CalendarDay),
        [{"day": one.day, "working": one.working, "reason": one.reason, "source": source_of(year)} for one in days],
    )
    await audit.record(session, "calendar.imported", "calendar", year, {"days": len(days)})
    return CalendarResult(days=len(days))


async def working_calendar(session: AsyncSession) -> WorkingCalendar:
    """The working days in force: the official calendars that were imported, over the general one."""
    rows = (await session.scalars(select(CalendarDay).order_by(CalendarDay.day))).all()
    return calendar_of(DayOverride(row.day, row.working, row.reason, row.source) for row in rows)
