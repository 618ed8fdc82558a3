"""Routes of receipts (FE-37)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from rdss_fee.deps import Finance, Reader
from rdss_fee.papers import receipt
from rdss_fee.receipts.rules import ReceiptState
from rdss_fee.receipts.schemas import (
    DUE_SORTS,
    RECEIPT_SORTS,
    DuePage,
    IssuedOut,
    IssueIn,
    MailingIn,
    ReceiptOut,
    ReceiptPage,
    VoidingIn,
)
from rdss_fee.receipts.service import issue, read
from rdss_fee.schemas import EmployerCode
from shared.exports import PAPER, PAPER_REFUSED, JsonOrPdf, Printed
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.papers.forms import Form
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["receipts"])


@router.get("/receipts/due", operation_id="list_receipts_due")
async def list_due(
    session: Session,
    _finance: Finance,
    pages: Pages,
    overdue: Annotated[bool | None, Query(description="Only those whose last day to be mailed has passed, or not")] = (
        None
    ),
    employer_code: Annotated[EmployerCode | None, Query()] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(DUE_SORTS))] = "posted_on",
) -> DuePage:
    """Posted payments without a receipt, with the last day to mail it; those overdue first."""
    page = await read.list_due(
        session, overdue=overdue, employer_code=employer_code, sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)


@router.post("/receipts", operation_id="issue_receipts", response_model=IssuedOut, status_code=201)
async def issue_receipts(body: IssueIn, once: Once, session: Session, finance: Finance) -> Response:
    """Issue a receipt for each of these payments, all or none, numbered without gaps in the ROC year."""
    return await once.run(lambda: issue.issue_receipts(session, finance, body))


@router.get("/receipts", operation_id="list_receipts")
async def list_receipts(
    session: Session,
    caller: Reader,
    pages: Pages,
    state: Annotated[
        ReceiptState | None, Query(description="`to_void`: of its payment the bank took something back")
    ] = None,
    employer_code: Annotated[EmployerCode | None, Query()] = None,
    year: Annotated[int | None, Query(ge=1, le=999, description="ROC year of the number")] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(RECEIPT_SORTS))] = "-issued_on",
) -> ReceiptPage:
    """An employer's own receipts, or everybody's for the offices."""
    asked = read.Asked(state, employer_code, year)
    page = await read.list_receipts(session, caller, asked, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get(
    "/receipts/{receipt_id}",
    operation_id="get_receipt",
    response_model=ReceiptOut,
    responses=PAPER,
    openapi_extra=refuses(*PAPER_REFUSED),
)
async def get_receipt(
    receipt_id: UUID, request: Request, session: Session, caller: Reader, response: Response, wanted: JsonOrPdf
) -> ReceiptOut | Response:
    """One receipt, and whether its payment still stands. On paper: to be sealed and mailed."""
    found = await read.get_receipt(session, caller, receipt_id)
    if wanted is Form.PDF:
        told = await read.paper(session, found)
        font_dir: str = request.app.state.settings.font_dir
        return Printed(caller, receipt.NAME, receipt.ASCII_NAME, lambda: receipt.make(told, font_dir))
    response.headers.update(etag(found.version))
    return found


@router.post(
    "/receipts/{receipt_id}/mailing",
    operation_id="mail_receipt",
    response_model=ReceiptOut,
    openapi_extra=refuses(issue.RECEIPT_CLOSED),
)
async def mail_receipt(receipt_id: UUID, body: MailingIn, once: Once, session: Session, finance: Finance) -> Response:
    """Record, once, that a receipt was mailed to its addressee."""
    return await once.run(lambda: issue.mail_receipt(session, finance, receipt_id, body))


@router.post(
    "/receipts/{receipt_id}/voiding",
    operation_id="void_receipt",
    response_model=ReceiptOut,
    openapi_extra=refuses(issue.RECEIPT_CLOSED),
)
async def void_receipt(receipt_id: UUID, body: VoidingIn, once: Once, session: Session, finance: Finance) -> Response:
    """Void a receipt with the reason; it keeps its number, and another may be issued."""
    return await once.run(lambda: issue.void_receipt(session, finance, receipt_id, body))
