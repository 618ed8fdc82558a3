"""Routes of cases: what townships, education authorities and counties file, and what they are told (RO-70 to RO-72)."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from roster.cases.rules import Scope
from roster.cases.schemas import CASE_SORTS, CaseIn, CaseOut, CasePage, CertificateCaseIn, TrainingListIn
from roster.cases.service import annotate, file, read, withdraw
from roster.deps import CaseOfficer, EducationAuthority, OfCases, Township
from roster.intake.openapi import request_body
from roster.intake.reading import MEDIA_TYPES
from roster.intake.reading import Submission as FileRead
from roster.intake.routes import in_hand
from roster.intake.rules import RosterKind
from roster.intake.schemas import SubmissionOut
from roster.intake.service import read_file
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once, idempotency_key
from shared.pages import Pages
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["cases"])

# A county's education authority knows hundreds of such students, not thousands.
LARGEST_NOTICE = 1_048_576
_AGAIN = "The same content was taken in before (`Idempotent-Replayed: true`)"


async def _noticed(
    request: Request, sender: EducationAuthority, _key: Annotated[str, Depends(idempotency_key)]
) -> AsyncIterator[FileRead]:
    """The file, read; it is in hand until the request's transaction has ended."""
    async with in_hand():
        content_type = request.headers.get("content-type", "")
        yield await read_file(sender, RosterKind.CESSATION, content_type, await request.body())


Noticed = Annotated[FileRead, Depends(_noticed, scope="function")]


@router.post(
    "/cases",
    operation_id="file_case",
    response_model=CaseOut,
    status_code=201,
    responses={200: {"model": CaseOut, "description": _AGAIN}},
    openapi_extra=refuses(file.CERTIFICATE_MISSING),
)
async def file_case(body: CaseIn, once: Once, session: Session, township: Township) -> Response:
    """File a student of the township's households who is enrolled at no senior high school, with his certificate.

    There is no deadline. The county tests Art. 15-2 alone, and must approve where it does not apply (Art. 13-2).
    """
    return await once.run(lambda: file.file_case(session, township, body))


@router.post(
    "/certificates",
    operation_id="hand_in_certificate",
    response_model=CaseOut,
    status_code=201,
    responses={200: {"model": CaseOut, "description": _AGAIN}},
    openapi_extra=refuses(file.CERTIFICATE_MISSING),
)
async def hand_in_certificate(body: CertificateCaseIn, once: Once, session: Session, township: Township) -> Response:
    """Hand in the certificate of a man who received an induction order before his roster arrived (Art. 12).

    It is a case of its own, urgent, decided ahead of the roster.
    """
    return await once.run(lambda: file.hand_in_certificate(session, township, body))


@router.post(
    "/cases/notices",
    operation_id="report_cessations",
    response_model=SubmissionOut,
    status_code=201,
    responses={200: {"model": SubmissionOut, "description": _AGAIN}},
    openapi_extra={TYPES_KEY: MEDIA_TYPES, LIMIT_KEY: LARGEST_NOTICE, "requestBody": request_body(LARGEST_NOTICE)},
)
async def report_cessations(noticed: Noticed, once: Once, session: Session, authority: EducationAuthority) -> Response:
    """Notify the counties of students who completed, left or lost the permit: columns as of a cessation roster.

    Within 30 days of leaving or revocation (Art. 16-3); completion has no period.
    """
    return await once.run(lambda: file.report_cessations(session, authority, noticed))


@router.post(
    "/cases/training-lists",
    operation_id="list_trained",
    response_model=SubmissionOut,
    status_code=201,
    responses={200: {"model": SubmissionOut, "description": _AGAIN}},
)
async def list_trained(body: TrainingListIn, once: Once, session: Session, officer: CaseOfficer) -> Response:
    """List men after vacation training (Art. 16-1): a cessation roster of the county's own, to be approved.

    The decision revokes their deferments, and each township is forwarded its men, whom it annotates.
    """
    return await once.run(lambda: file.list_trained(session, officer, body))


@router.get("/cases", operation_id="list_cases")
async def list_cases(
    session: Session,
    caller: OfCases,
    pages: Pages,
    scope: Annotated[Scope, Query(description="`household` and `to_annotate`: townships")] = Scope.FILED,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(CASE_SORTS))] = "-filed_on",
) -> CasePage:
    """The men one filed; of a township also those of its households on whom was decided, or whom it is to annotate."""
    page = await read.list_cases(session, caller, scope=scope, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/cases/{entry_id}", operation_id="get_case")
async def get_case(entry_id: UUID, session: Session, caller: OfCases) -> CaseOut:
    """One man: what was filed, when it was due, what was decided."""
    return await read.get_case(session, caller, entry_id)


@router.post(
    "/cases/{entry_id}/withdrawal",
    operation_id="withdraw_case",
    response_model=CaseOut,
    openapi_extra=refuses(withdraw.CASE_OPENED),
)
async def withdraw_case(entry_id: UUID, once: Once, session: Session, township: Township) -> Response:
    """Take back what the township filed, as long as no case officer has opened it."""
    return await once.run(lambda: withdraw.withdraw_case(session, township, entry_id))


@router.post(
    "/cases/notices/{entry_id}/withdrawal",
    operation_id="withdraw_notice",
    response_model=CaseOut,
    openapi_extra=refuses(withdraw.CASE_OPENED),
)
async def withdraw_notice(entry_id: UUID, once: Once, session: Session, authority: EducationAuthority) -> Response:
    """Take one man of a notice back, as long as no case officer has opened it."""
    return await once.run(lambda: withdraw.withdraw_case(session, authority, entry_id))


@router.post(
    "/cases/training-lists/{entry_id}/withdrawal",
    operation_id="withdraw_trained",
    response_model=CaseOut,
    openapi_extra=refuses(withdraw.CASE_OPENED),
)
async def withdraw_trained(entry_id: UUID, once: Once, session: Session, officer: CaseOfficer) -> Response:
    """Take one man of the county's own list back, as long as nobody has opened it."""
    return await once.run(lambda: withdraw.withdraw_case(session, officer, entry_id))


@router.post(
    "/cases/{entry_id}/annotation",
    operation_id="confirm_annotation",
    response_model=CaseOut,
    openapi_extra=refuses(annotate.NOTHING_TO_ANNOTATE, annotate.ANNOTATED_ALREADY),
)
async def confirm_annotation(entry_id: UUID, once: Once, session: Session, township: Township) -> Response:
    """Confirm, once, that the township made the annotation of a man whose vacation training ended (Art. 16-1)."""
    return await once.run(lambda: annotate.confirm_annotation(session, township, entry_id))
