"""Routes of reference data."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from roster.deps import Admin, Anyone, School, SchoolOrAdmin
from roster.reference import service
from roster.reference.schemas import (
    ContactIn,
    ContactOut,
    ImportResult,
    ProgrammeIn,
    ProgrammeOut,
    SchoolOut,
    SchoolPatch,
    TermIn,
    TermOut,
)
from shared import cursors
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.official_calendars import CalendarResult
from shared.pages import Pages
from shared.preconditions import etag
from shared.schemas import Page
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["reference data"])

SchoolCode = Annotated[str, Path(pattern=r"^[0-9A-Z]{4,6}$", max_length=6, examples=["0003"])]
AcademicYear = Annotated[int, Path(ge=90, le=200, description="ROC academic year", examples=[115])]
TermNo = Annotated[int, Path(ge=1, le=2, examples=[1])]
LARGEST_LIST = 4_194_304
CSV = {
    TYPES_KEY: ("text/csv",),
    LIMIT_KEY: LARGEST_LIST,
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "minLength": 1, "maxLength": LARGEST_LIST}}},
    },
}


@router.post("/schools/imports", operation_id="import_schools", response_model=ImportResult, openapi_extra=dict(CSV))
async def import_schools(once: Once, session: Session, request: Request, _admin: Admin) -> Response:
    """Take the Ministry of Education's list of schools (CSV as published, UTF-8)."""
    body = await request.body()
    return await once.run(lambda: service.import_schools(session, body))


@router.get("/schools", operation_id="list_schools")
async def list_schools(
    session: Session,
    _caller: Anyone,
    pages: Pages,
    name: Annotated[str | None, Query(max_length=100, description="Part of the name")] = None,
) -> Page[SchoolOut]:
    """Schools by code."""
    bound = cursors.bound_to("schools", name)
    after = cursors.unseal(pages.cursor, bound)["after"] if pages.cursor else ""
    found = await service.list_schools(session, name, after, pages.limit + 1)
    more = len(found) > pages.limit
    items = found[: pages.limit]
    following = cursors.seal({"after": items[-1].code}, bound) if more else None
    return pages.linked(Page[SchoolOut](items=items, next_cursor=following))


@router.get("/schools/{school_code}", operation_id="get_school")
async def get_school(school_code: SchoolCode, session: Session, _caller: Anyone, response: Response) -> SchoolOut:
    """One school."""
    school = await service.get_school(session, school_code)
    response.headers.update(etag(school.version))
    return school


@router.patch("/schools/{school_code}", operation_id="change_school")
async def change_school(
    school_code: SchoolCode, patch: SchoolPatch, seen: IfMatch, session: Session, _admin: Admin, response: Response
) -> SchoolOut:
    """Correct a school's kind, or its registration from a day on."""
    school = await service.change_school(session, school_code, seen, patch)
    response.headers.update(etag(school.version))
    return school


@router.put("/schools/{school_code}/contact", operation_id="set_school_contact")
async def set_contact(
    school_code: SchoolCode, contact: ContactIn, session: Session, caller: SchoolOrAdmin
) -> ContactOut:
    """Say who answers a reviewer's questions."""
    return await service.set_contact(session, caller, school_code, contact)


@router.post(
    "/schools/{school_code}/unrecognised-programmes",
    operation_id="add_unrecognised_programme",
    response_model=ProgrammeOut,
    status_code=201,
)
async def add_programme(
    school_code: SchoolCode, programme: ProgrammeIn, once: Once, session: Session, _admin: Admin
) -> Response:
    """List a programme as not recognised by the education authority."""
    return await once.run(lambda: service.add_programme(session, school_code, programme), status=201)


@router.put("/terms/{academic_year}/{term}", operation_id="set_term")
async def set_term(
    academic_year: AcademicYear, term: TermNo, body: TermIn, session: Session, caller: SchoolOrAdmin
) -> TermOut:
    """State a term's registration deadline: a school its own, the administrator the national default."""
    return await service.set_term(session, caller, academic_year, term, body.registration_deadline)


@router.get("/terms", operation_id="list_terms")
async def list_terms(
    session: Session,
    school: School,
    explain: Annotated[bool, Query(description="Say by when rosters are due, and why (RO-63)")] = False,
) -> Page[TermOut]:
    """The caller's terms and the national defaults."""
    return Page(items=await service.list_terms(session, school.org.code, explain=explain))


@router.put("/calendars/{year}", operation_id="import_calendar", openapi_extra=dict(CSV))
async def import_calendar(
    year: Annotated[int, Path(ge=2000, le=2100)], session: Session, request: Request, _admin: Admin
) -> CalendarResult:
    """Set the working days of a year from the government's office calendar (CSV as published)."""
    return await service.import_calendar(session, year, await request.body())
