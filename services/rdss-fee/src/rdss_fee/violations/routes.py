"""Routes of violations (FE-39)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from rdss_fee.deps import Finance, Reader
from rdss_fee.schemas import EmployerCode
from rdss_fee.violations import service
from rdss_fee.violations.schemas import SORTS, AnnulmentIn, ViolationDetail, ViolationPage
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["violations"])


@router.get("/violations", operation_id="list_violations")
async def list_violations(
    session: Session,
    caller: Reader,
    pages: Pages,
    employer_code: Annotated[EmployerCode | None, Query()] = None,
    year: Annotated[int | None, Query(ge=1912, le=2910, description="Calendar year")] = None,
    annulled: Annotated[bool | None, Query(description="Only those that were annulled, or were not")] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(SORTS))] = "-reference_on",
) -> ViolationPage:
    """Notices that were not paid whole by the 5th: an employer's own, or everybody's for the offices.

    Evidence only: how severe they are is for the assessment to say, which counts other items too.
    """
    page = await service.list_violations(
        session,
        caller,
        employer_code=employer_code,
        year=year,
        annulled=annulled,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get("/violations/{violation_id}", operation_id="get_violation")
async def get_violation(violation_id: UUID, session: Session, caller: Reader, response: Response) -> ViolationDetail:
    """One violation with its evidence, as it was found."""
    violation = await service.get_violation(session, caller, violation_id)
    response.headers.update(etag(violation.version))
    return violation


@router.post(
    "/violations/{violation_id}/annulment",
    operation_id="annul_violation",
    response_model=ViolationDetail,
    openapi_extra=refuses(service.ANNULLED),
)
async def annul_violation(
    violation_id: UUID, body: AnnulmentIn, once: Once, session: Session, finance: Finance
) -> Response:
    """Annul, once and with the reason, what is not attributable to the employer; it stays with its evidence."""
    return await once.run(lambda: service.annul_violation(session, finance, violation_id, body))
