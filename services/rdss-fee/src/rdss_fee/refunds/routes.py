"""Routes of refund claims (FE-38)."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from rdss_fee.deps import Employer, EmployerStaff, Finance, Reader
from rdss_fee.papers import refund_forms
from rdss_fee.refunds.rules import ClaimState, PaperKind
from rdss_fee.refunds.schemas import (
    CLAIM_SORTS,
    REFUNDABLE_SORTS,
    ClaimDetail,
    ClaimIn,
    ClaimPage,
    PaperOut,
    PaymentIn,
    ReasonIn,
    ReceiptIn,
    RefundablePage,
    SubmissionIn,
)
from rdss_fee.refunds.service import common, decide, enter, read
from rdss_fee.schemas import EmployerCode, MonthIn, file_name, month_of
from shared.exports import Printed
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.papers.making import FONT_MISSING, REPORT_NOT_MADE
from shared.preconditions import etag
from shared.problems import FOUR_EYES
from shared.refusals import refuses
from shared.schemas import Line, either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["refunds"])

PDF = "application/pdf"
LARGEST_PAPER = 5_242_880
_PAPER = {"type": "string", "format": "binary", "maxLength": LARGEST_PAPER}
_FILE_NAME = file_name(196, "[Pp][Dd][Ff]")
_STATE = common.CLAIM_STATE


@router.post(
    "/refund-claims",
    operation_id="enter_refund_claim",
    response_model=ClaimDetail,
    status_code=201,
    openapi_extra=refuses(enter.LETTER_TAKEN),
)
async def enter_claim(body: ClaimIn, once: Once, session: Session, caller: EmployerStaff) -> Response:
    """Enter a claim for credits and overpayments, never set off against a charge; its papers follow."""
    return await once.run(lambda: enter.enter_claim(session, caller, body))


@router.post(
    "/refund-claims/{claim_id}/papers",
    operation_id="add_refund_paper",
    response_model=PaperOut,
    status_code=201,
    responses={
        200: {"model": PaperOut, "description": "The same paper was added before (`Idempotent-Replayed: true`)"}
    },
    openapi_extra={
        TYPES_KEY: (PDF,),
        LIMIT_KEY: LARGEST_PAPER,
        "requestBody": {"required": True, "content": {PDF: {"schema": _PAPER}}},
        **refuses(_STATE, enter.PAPERS_FULL),
    },
)
async def add_paper(
    claim_id: UUID,
    kind: PaperKind,
    name: Annotated[Line, Query(pattern=_FILE_NAME, description="The file's name", examples=["退款收據.pdf"])],
    request: Request,
    once: Once,
    session: Session,
    caller: EmployerStaff,
) -> Response:
    """Add the letter or the signed receipt as a PDF; of several of a kind the last counts."""
    content = await request.body()
    return await once.run(lambda: enter.add_paper(session, caller, claim_id, kind, name, content))


@router.get(
    "/refund-claims/{claim_id}/forms/{kind}",
    operation_id="get_refund_form",
    response_class=Response,
    responses={200: {"description": "To be printed", "content": {PDF: {"schema": _PAPER}}}},
    openapi_extra=refuses(REPORT_NOT_MADE, FONT_MISSING),
)
async def get_form(claim_id: UUID, kind: PaperKind, request: Request, session: Session, caller: Reader) -> Response:
    """The letter or the receipt of a claim, made out: to be sealed, signed, added as a paper and posted."""
    form, told = refund_forms.FORMS[kind], await read.told_on_paper(session, caller, claim_id)
    font_dir: str = request.app.state.settings.font_dir
    return Printed(caller, form.name, form.ascii_name, lambda: form.make(told, font_dir))


@router.get(
    "/refund-claims/{claim_id}/papers/{paper_id}",
    operation_id="get_refund_paper",
    response_class=Response,
    responses={200: {"description": "The paper as it was added", "content": {PDF: {"schema": _PAPER}}}},
)
async def get_paper(claim_id: UUID, paper_id: UUID, session: Session, caller: Reader) -> Response:
    """A paper as it was added; who fetches it is kept on record."""
    paper = await read.get_paper(session, caller, claim_id, paper_id)
    kept_as = (
        f"attachment; filename=\"paper-{paper.added_on:%Y%m%d}.pdf\"; filename*=UTF-8''{quote(paper.name, safe='')}"
    )
    headers = {"Content-Disposition": kept_as, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(paper.content, headers=headers, media_type=PDF)


@router.post(
    "/refund-claims/{claim_id}/submission",
    operation_id="submit_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE, enter.PAPERS_MISSING, FOUR_EYES, common.NOT_COVERED),
)
async def submit_claim(claim_id: UUID, body: SubmissionIn, once: Once, session: Session, caller: Employer) -> Response:
    """Submit a claim whose letter was posted; what a department entered, another person of the head office submits."""
    return await once.run(lambda: enter.submit_claim(session, caller, claim_id, body))


@router.post(
    "/refund-claims/{claim_id}/withdrawal",
    operation_id="withdraw_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE),
)
async def withdraw_claim(claim_id: UUID, once: Once, session: Session, caller: EmployerStaff) -> Response:
    """Take a claim back before it has arrived; once it is submitted the head office alone does."""
    return await once.run(lambda: enter.withdraw_claim(session, caller, claim_id))


@router.post(
    "/refund-claims/{claim_id}/receipt",
    operation_id="receive_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE),
)
async def receive_claim(claim_id: UUID, body: ReceiptIn, once: Once, session: Session, finance: Finance) -> Response:
    """Record the day on which letter and signed receipt arrived."""
    return await once.run(lambda: decide.receive_claim(session, finance, claim_id, body))


@router.post(
    "/refund-claims/{claim_id}/approval",
    operation_id="approve_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE),
)
async def approve_claim(claim_id: UUID, once: Once, session: Session, finance: Finance) -> Response:
    """Approve a claim that was received; another person pays it."""
    return await once.run(lambda: decide.approve_claim(session, finance, claim_id))


@router.post(
    "/refund-claims/{claim_id}/return",
    operation_id="return_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE),
)
async def return_claim(claim_id: UUID, body: ReasonIn, once: Once, session: Session, finance: Finance) -> Response:
    """Send a claim back with the reason; what it asked for may be claimed by another."""
    return await once.run(lambda: decide.return_claim(session, finance, claim_id, body))


@router.post(
    "/refund-claims/{claim_id}/payment",
    operation_id="pay_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE, FOUR_EYES, common.NOT_COVERED),
)
async def pay_claim(claim_id: UUID, body: PaymentIn, once: Once, session: Session, finance: Finance) -> Response:
    """Record and book the payment of an approved claim; never by who approved it, never more than is refundable."""
    return await once.run(lambda: decide.pay_claim(session, finance, claim_id, body))


@router.post(
    "/refund-claims/{claim_id}/bank-return",
    operation_id="bounce_refund_claim",
    response_model=ClaimDetail,
    openapi_extra=refuses(_STATE, FOUR_EYES),
)
async def bounce_claim(claim_id: UUID, body: ReasonIn, once: Once, session: Session, finance: Finance) -> Response:
    """Book that the bank could not deliver a refund (退匯); its money may be claimed anew."""
    return await once.run(lambda: decide.take_back_payment(session, finance, claim_id, body))


@router.get("/refund-claims", operation_id="list_refund_claims")
async def list_claims(
    session: Session,
    caller: Reader,
    pages: Pages,
    round: Annotated[MonthIn | None, Query(description="The month in whose round they are worked")] = None,
    state: ClaimState | None = None,
    employer_code: Annotated[EmployerCode | None, Query()] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(CLAIM_SORTS))] = "-entered_at",
) -> ClaimPage:
    """An employer's own claims, or everybody's for the offices."""
    asked = read.Asked(None if round is None else month_of(round), state, employer_code)
    page = await read.list_claims(session, caller, asked, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/refund-claims/{claim_id}", operation_id="get_refund_claim")
async def get_claim(claim_id: UUID, session: Session, caller: Reader, response: Response) -> ClaimDetail:
    """One claim with its papers, and whether it is covered."""
    claim = await read.get_claim(session, caller, claim_id)
    response.headers.update(etag(claim.version))
    return claim


@router.get("/refundable", operation_id="list_refundable")
async def list_refundable(
    session: Session,
    caller: Reader,
    pages: Pages,
    employer_code: Annotated[EmployerCode | None, Query()] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(REFUNDABLE_SORTS))] = "employer_code",
) -> RefundablePage:
    """What can be claimed: credits and overpayments less claims under way; an employer's own, or by employer."""
    page = await read.list_refundable(
        session, caller, employer_code=employer_code, sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)
