"""Keeping reference data: the Ministry's list, contacts, registration, terms, the official calendar."""

from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from roster.hints.model import School as SchoolFacts
from roster.hints.model import SchoolKind
from roster.intake.deadlines import roster_deadline
from roster.intake.rules import RosterKind
from roster.reference.models import (
    NATIONAL,
    CalendarDay,
    School,
    SchoolContact,
    SchoolRegistration,
    Term,
    UnrecognisedProgramme,
)
from roster.reference.rules import BadSchoolList, ListedSchool, read_school_list
from roster.reference.schemas import (
    ContactIn,
    ContactOut,
    ImportResult,
    ProgrammeIn,
    ProgrammeOut,
    SchoolOut,
    SchoolPatch,
    TermOut,
)
from shared import audit, clock, preconditions
from shared.calendar import DayOverride, WorkingCalendar
from shared.deadlines import DeadlineOut
from shared.law import rule
from shared.official_calendars import CalendarResult, calendar_of, read_year, source_of
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, UNSUPPORTED_TYPE, Fault, ProblemType

TERM_UNKNOWN = ProblemType("term_unknown", 422, "尚未設定該學期的註冊截止日", "No registration deadline for that term")
_LISTED = ("name", "school_kind", "ownership", "county_code", "address", "phone", "website", "system")


async def import_schools(session: AsyncSession, body: bytes) -> ImportResult:
    """Take the Ministry's list: new schools are added, changed ones updated, none removed.

    A kind that an administrator set stays. Raises 415 for another encoding than UTF-8, 422 naming every faulty cell.
    """
    try:
        listed = read_school_list(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise UNSUPPORTED_TYPE(detail="名錄須為 UTF-8 編碼。", detail_en="The list must be UTF-8.") from None
    except BadSchoolList as error:
        raise INVALID_CONTENT(errors=error.faults) from None
    known = {s.code: s for s in (await session.scalars(select(School))).all()}
    changed = [s for s in listed if s.code in known and _differs(known[s.code], s)]
    added = [s for s in listed if s.code not in known]
    for school in changed:
        row = known[school.code]
        for name in _LISTED:
            if name != "school_kind":
                setattr(row, name, getattr(school, name))
        row.version += 1
    session.add_all(School(code=s.code, version=1, **{name: getattr(s, name) for name in _LISTED}) for s in added)
    await session.flush()
    if added:
        # What the Ministry lists is registered with it; the first day on record is long before any draftee's.
        await session.execute(
            insert(SchoolRegistration),
            [{"school_code": s.code, "effective_from": date(1900, 1, 1), "registered": True} for s in added],
        )
    result = ImportResult(
        read=len(listed),
        added=len(added),
        changed=len(changed),
        unchanged=len(listed) - len(added) - len(changed),
    )
    await audit.record(session, "schools.imported", "school", "*", result.model_dump())
    return result


def _differs(row: School, listed: ListedSchool) -> bool:
    return any(getattr(row, n) != getattr(listed, n) for n in _LISTED if n != "school_kind")


async def get_school(session: AsyncSession, code: str) -> SchoolOut:
    """One school; raises 404."""
    school = await session.get(School, code)
    if school is None:
        raise NOT_FOUND()
    registered = await _registered(session, code, clock.today())
    return _out(school, registered)


async def list_schools(session: AsyncSession, name: str | None, after: str, limit: int) -> list[SchoolOut]:
    """Schools by code, from the one after `after`; `name` is part of a name."""
    query = select(School).where(School.code > after).order_by(School.code).limit(limit)
    if name:
        query = query.where(School.name.contains(name, autoescape=True))
    schools = (await session.scalars(query)).all()
    unregistered = await _unregistered(session, [s.code for s in schools], clock.today())
    return [_out(s, s.code not in unregistered) for s in schools]


def _out(school: School, registered: bool) -> SchoolOut:
    return SchoolOut(
        code=school.code,
        version=school.version,
        registered=registered,
        **{name: getattr(school, name) for name in _LISTED},
    )


async def change_school(session: AsyncSession, code: str, seen: int, patch: SchoolPatch) -> SchoolOut:
    """Correct a school's kind, or its registration from a day on (RO-20). Raises 404, 412."""
    school = await session.get(School, code, with_for_update=True)
    if school is None:
        raise NOT_FOUND()
    preconditions.require(seen, school.version)
    if patch.school_kind is not None:
        school.school_kind = patch.school_kind
    if patch.registered is not None:
        row = {
            "school_code": code,
            "effective_from": patch.registered_from or clock.today(),
            "registered": patch.registered,
        }
        await session.execute(
            insert(SchoolRegistration)
            .values(row)
            .on_conflict_do_update(constraint="pk_school_registration", set_={"registered": patch.registered})
        )
    school.version += 1
    await audit.record(session, "school.changed", "school", code, patch.model_dump(mode="json", exclude_unset=True))
    await session.flush()
    return await get_school(session, code)


async def set_contact(session: AsyncSession, principal: Principal, code: str, contact: ContactIn) -> ContactOut:
    """Say who answers for a school: itself, or the administrator. Raises 404 for another school's."""
    if principal.org.type == "school" and principal.org.code != code:
        raise NOT_FOUND()
    school = await session.get(School, code)
    if school is None:
        raise NOT_FOUND()
    values = contact.model_dump()
    await session.execute(
        insert(SchoolContact)
        .values(school_code=code, **values)
        .on_conflict_do_update(index_elements=["school_code"], set_={**values, "updated_at": func.now()})
    )
    await audit.record(session, "school_contact.set", "school", code)
    return ContactOut(school_code=code, school_name=school.name, **values)


@rule("RO-43")
async def get_contact(session: AsyncSession, code: str) -> ContactOut:
    """The contact of a school (seed items 4 and 13); the Ministry's number where it has named none."""
    school = await session.get(School, code)
    if school is None:
        raise NOT_FOUND()
    contact = await session.get(SchoolContact, code)
    if contact is None:
        return ContactOut(school_code=code, school_name=school.name, name="", phone=school.phone[:30], email="")
    return ContactOut(
        school_code=code, school_name=school.name, name=contact.name, phone=contact.phone, email=contact.email
    )


async def set_term(
    session: AsyncSession, principal: Principal, academic_year: int, term: int, deadline: date
) -> TermOut:
    """State a term's registration deadline: a school its own, the administrator the national default (RO-36)."""
    code = principal.org.code if principal.org.type == "school" else NATIONAL
    if not date(academic_year + 1911, 7, 1) <= deadline <= date(academic_year + 1912, 8, 31):
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    "deadline_outside_year",
                    f"註冊截止日不在 {academic_year} 學年度內",
                    "The deadline lies outside the academic year",
                    pointer="/registration_deadline",
                    value=deadline.isoformat(),
                )
            ]
        )
    row = {"school_code": code, "academic_year": academic_year, "term": term, "registration_deadline": deadline}
    await session.execute(
        insert(Term)
        .values(row)
        .on_conflict_do_update(constraint="pk_term", set_={"registration_deadline": deadline, "updated_at": func.now()})
    )
    await audit.record(
        session, "term.set", "term", f"{code}/{academic_year}/{term}", {"registration_deadline": deadline.isoformat()}
    )
    stored = await session.get(Term, (code, academic_year, term), populate_existing=True)
    return TermOut.model_validate(stored)


async def list_terms(session: AsyncSession, school_code: str, *, explain: bool = False) -> list[TermOut]:
    """The terms of a school and the national defaults, newest first; `explain`: with the day rosters are due."""
    query = (
        select(Term)
        .where(Term.school_code.in_((school_code, NATIONAL)))
        .order_by(Term.academic_year.desc(), Term.term.desc(), Term.school_code)
        .limit(200)
    )
    terms = [TermOut.model_validate(t) for t in (await session.scalars(query)).all()]
    if not explain:
        return terms
    calendar = await working_calendar(session)
    dues = [roster_deadline(RosterKind.APPLICATION, term.registration_deadline, calendar) for term in terms]
    return [
        term.model_copy(update={"roster_due": None if due is None else DeadlineOut.of(due)})
        for term, due in zip(terms, dues, strict=True)
    ]


@rule("RO-36")
async def registration_deadline(session: AsyncSession, school_code: str, academic_year: int, term: int) -> date:
    """The school's own deadline, else the national default; raises 422 `term_unknown`."""
    query = (
        select(Term.registration_deadline)
        .where(Term.school_code.in_((school_code, NATIONAL)), Term.academic_year == academic_year, Term.term == term)
        # '*' sorts before every digit: the school's own row comes first.
        .order_by(Term.school_code.desc())
        .limit(1)
    )
    deadline = await session.scalar(query)
    if deadline is None:
        raise TERM_UNKNOWN(
            detail=f"請先以 PUT /roster/v1/terms/{academic_year}/{term} 設定註冊截止日。",
            detail_en=f"Set it first with PUT /roster/v1/terms/{academic_year}/{term}.",
        )
    return deadline


async def add_programme(session: AsyncSession, code: str, programme: ProgrammeIn) -> ProgrammeOut:
    """List a programme as not recognised from a day on (RO-21). Raises 404; 422 for an empty period."""
    if await session.get(School, code) is None:
        raise NOT_FOUND()
    if programme.effective_to is not None and programme.effective_to <= programme.effective_from:
        raise INVALID_CONTENT(
            errors=[Fault("empty_period", "結束日須晚於起始日", "It ends before it begins", pointer="/effective_to")]
        )
    values = programme.model_dump()
    await session.execute(
        insert(UnrecognisedProgramme)
        .values(school_code=code, **values)
        .on_conflict_do_update(constraint="pk_unrecognised_programme", set_={"effective_to": programme.effective_to})
    )
    await audit.record(session, "unrecognised_programme.set", "school", code, programme.model_dump(mode="json"))
    return ProgrammeOut(school_code=code, **values)


async def import_calendar(session: AsyncSession, year: int, body: bytes) -> CalendarResult:
    """Replace the official days of `year` by those of a published calendar (both codings). Raises 422."""
    days = read_year(body, year)
    await session.execute(delete(CalendarDay).where(CalendarDay.source == source_of(year)))
    await session.execute(
        insert(CalendarDay).on_conflict_do_nothing(),
        [
            {
                "day": d.day,
                "county_code": d.county or "*",
                "working": d.working,
                "reason": d.reason,
                "source": d.source,
            }
            for d in days
        ],
    )
    await audit.record(session, "calendar.imported", "calendar", year, {"days": len(days)})
    return CalendarResult(days=len(days))


async def working_calendar(session: AsyncSession) -> WorkingCalendar:
    """The working days in force: the override table over the general calendar."""
    rows = (await session.scalars(select(CalendarDay).order_by(CalendarDay.day, CalendarDay.county_code))).all()
    return calendar_of(
        DayOverride(
            day=r.day,
            working=r.working,
            reason=r.reason,
            source=r.source,
            county=None if r.county_code == "*" else r.county_code,
        )
        for r in rows
    )


@rule("RO-20", "RO-21")
async def school_facts(
    session: AsyncSession, code: str, on: date
) -> tuple[SchoolFacts, frozenset[tuple[str, str]]] | None:
    """What the legal tests ask of a school on a day, and its unrecognised (department, level) pairs."""
    school = await session.get(School, code)
    if school is None:
        return None
    programmes = await session.execute(
        select(UnrecognisedProgramme.department, UnrecognisedProgramme.level).where(
            UnrecognisedProgramme.school_code == code,
            UnrecognisedProgramme.effective_from <= on,
            (UnrecognisedProgramme.effective_to.is_(None)) | (UnrecognisedProgramme.effective_to > on),
        )
    )
    facts = SchoolFacts(
        code=code,
        kind=SchoolKind(school.school_kind),
        registered=await _registered(session, code, on),
        name=school.name,
    )
    return facts, frozenset((p.department, p.level) for p in programmes)


async def _registered(session: AsyncSession, code: str, on: date) -> bool:
    return code not in await _unregistered(session, [code], on)


async def _unregistered(session: AsyncSession, codes: list[str], on: date) -> set[str]:
    latest = (
        select(SchoolRegistration.school_code, SchoolRegistration.registered)
        .ext(distinct_on(SchoolRegistration.school_code))
        .where(SchoolRegistration.school_code.in_(codes), SchoolRegistration.effective_from <= on)
        .order_by(SchoolRegistration.school_code, SchoolRegistration.effective_from.desc())
    )
    found = {r.school_code: r.registered for r in await session.execute(latest)}
    return {code for code in codes if not found.get(code, False)}
