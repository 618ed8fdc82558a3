"""Routes of employers and of the official calendar."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from rdss_fee.deps import FinanceOrAdmin, Office, Reader, ReceiptKeeper
from rdss_fee.reference import service
from rdss_fee.reference.schemas import (
    EMPLOYER_SORTS,
    EmployerIn,
    EmployerName,
    EmployerOut,
    EmployerPage,
    ReceiptAddress,
)
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.official_calendars import CalendarResult
from shared.pages import Pages
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["reference data"])

Code = Annotated[str, Path(pattern=r"^[0-9]{8}$", max_length=8, description="統一編號", examples=["12345675"])]
LARGEST_CALENDAR = 4_194_304


@router.post(
    "/employers",
    operation_id="add_employer",
    response_model=EmployerOut,
    status_code=201,
    openapi_extra=refuses(service.EMPLOYER_EXISTS),
)
async def add_employer(body: EmployerIn, once: Once, session: Session, office: Office) -> Response:
    """Register an employer; its number has to fit the collection scheme in force and every later one (FE-23)."""
    return await once.run(lambda: service.add_employer(session, office, body), status=201)


@router.get("/employers", operation_id="list_employers")
async def list_employers(
    session: Session,
    caller: Reader,
    pages: Pages,
    name: Annotated[str | None, Query(max_length=100, description="Part of the name")] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(EMPLOYER_SORTS))] = "code",
) -> EmployerPage:
    """Employers: to offices all, to an employer's own staff itself."""
    found = await service.list_employers(session, caller, name=name, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(found)


@router.get("/employers/{code}", operation_id="get_employer")
async def get_employer(code: Code, session: Session, caller: Reader, response: Response) -> EmployerOut:
    """One employer."""
    employer = await service.get_employer(session, caller, code)
    response.headers.update(etag(employer.version))
    return employer


@router.patch("/employers/{code}", operation_id="rename_employer")
async def rename_employer(
    code: Code, body: EmployerName, seen: IfMatch, session: Session, office: Office, response: Response
) -> EmployerOut:
    """Correct an employer's name. Its numbers stay: they stand in virtual accounts that were given out."""
    employer = await service.rename_employer(session, office, code, seen, body)
    response.headers.update(etag(employer.version))
    return employer


@router.put("/employers/{code}/receipt-address", operation_id="set_receipt_address")
async def set_receipt_address(
    code: Code, body: ReceiptAddress, seen: IfMatch, session: Session, caller: ReceiptKeeper, response: Response
) -> EmployerOut:
    """Say whom the receipts of an employer are mailed to (FE-37): itself, or an office on its behalf."""
    employer = await service.set_receipt_address(session, caller, code, seen, body)
    response.headers.update(etag(employer.version))
    return employer


@router.put(
    "/calendars/{year}",
    operation_id="import_fee_calendar",
    openapi_extra={
        TYPES_KEY: ("text/csv",),
        LIMIT_KEY: LARGEST_CALENDAR,
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string", "minLength": 1, "maxLength": LARGEST_CALENDAR}}},
        },
    },
)
async def import_calendar(
    year: Annotated[int, Path(ge=2000, le=2100)], session: Session, request: Request, _keeper: FinanceOrAdmin
) -> CalendarResult:
    """Set the working days of a year from the government's office calendar (CSV as published)."""
    return await service.import_calendar(session, year, await request.body())
