"""Routes of refusals: handing them over, requests for review, answers (RO-75)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from roster.deps import Approver, RefusalReader, RefusalRecorder
from roster.remedies import service
from roster.remedies.rules import RefusalState
from roster.remedies.schemas import SORTS, AnswerIn, RefusalDetail, RefusalPage, RequestIn, ServiceIn
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.problems import FOUR_EYES
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["remedies"])


@router.get("/refusals", operation_id="list_refusals")
async def list_refusals(
    session: Session,
    caller: RefusalReader,
    pages: Pages,
    state: RefusalState | None = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(SORTS))] = "due_on",
) -> RefusalPage:
    """Refusals of a deferment, those first whose last day to ask for review comes first.

    `state=undelivered` is what is still to be handed over, `state=review_pending` what waits for the county's answer.
    """
    page = await service.list_refusals(session, caller, state=state, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/refusals/{decision_id}", operation_id="get_refusal")
async def get_refusal(decision_id: UUID, session: Session, caller: RefusalReader, response: Response) -> RefusalDetail:
    """One refusal: its remedy, and how the last day to ask for review comes about."""
    refusal = await service.get_refusal(session, caller, decision_id)
    response.headers.update(etag(refusal.version))
    return refusal


@router.post(
    "/refusals/{decision_id}/service",
    operation_id="record_refusal_service",
    response_model=RefusalDetail,
    status_code=201,
    openapi_extra=refuses(service.REQUESTED, service.NOT_YOUR_HAND),
)
async def record_service(
    decision_id: UUID, body: ServiceIn, seen: IfMatch, once: Once, session: Session, caller: RefusalRecorder
) -> Response:
    """Record that the refusal was handed over to the man (送達); from that day he may ask for review."""
    return await once.run(lambda: service.record_service(session, caller, decision_id, seen, body), status=201)


@router.post(
    "/refusals/{decision_id}/review-request",
    operation_id="request_refusal_review",
    response_model=RefusalDetail,
    status_code=201,
    openapi_extra=refuses(service.REQUESTED, service.NOT_SERVED),
)
async def request_review(
    decision_id: UUID, body: RequestIn, seen: IfMatch, once: Once, session: Session, caller: RefusalRecorder
) -> Response:
    """Record the man's request for review, once, on the day it was received; it suspends nothing."""
    return await once.run(lambda: service.request_review(session, caller, decision_id, seen, body), status=201)


@router.post(
    "/refusals/{decision_id}/answer",
    operation_id="answer_refusal_review",
    response_model=RefusalDetail,
    openapi_extra=refuses(service.ANSWERED, FOUR_EYES),
)
async def answer(
    decision_id: UUID, body: AnswerIn, seen: IfMatch, once: Once, session: Session, approver: Approver
) -> Response:
    """Answer a request for review; one that is granted is followed by a correction of the refusal (RO-52)."""
    return await once.run(lambda: service.answer_request(session, approver, decision_id, seen, body))
