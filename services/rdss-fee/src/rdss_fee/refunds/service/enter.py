"""Entering a claim, adding its papers, submitting it, taking it back: the employer's side (FE-38, ID-07)."""

import hashlib
import hmac
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.dates import refund_round
from rdss_fee.ledger.service import hold_money
from rdss_fee.ledger.service import refundable as refundable_to
from rdss_fee.months import Month
from rdss_fee.reference.models import Employer
from rdss_fee.reference.service import working_calendar
from rdss_fee.refunds import queries
from rdss_fee.refunds.models import ClaimPaper, RefundClaim
from rdss_fee.refunds.rules import (
    CLOSED,
    DEPARTMENT,
    HEAD_OFFICE,
    ClaimAction,
    ClaimState,
    PaperKind,
    claimable,
    confirms,
    is_pdf,
    missing,
)
from rdss_fee.refunds.schemas import ClaimDetail, ClaimIn, PaperOut, SubmissionIn
from rdss_fee.refunds.service.common import CLAIM_STATE, NOT_COVERED, after, held, record, require_day
from rdss_fee.refunds.service.read import get_claim
from shared import clock, crypto
from shared.idempotency import REPLAYED, Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import FOUR_EYES, INVALID_CONTENT, NOT_FOUND, UNSUPPORTED_TYPE, Fault, ProblemType

LETTER_TAKEN = ProblemType(
    "refund_letter_taken",
    409,
    "此文號已有辦理中或已付款之退費申請",
    "A claim by this letter is under way or was paid",
)
PAPERS_MISSING = ProblemType(
    "refund_papers_missing",
    409,
    "請先上傳退費函文及已簽妥退款收據",
    "Add the letter and the signed receipt first",
)
PAPERS_FULL = ProblemType(
    "refund_papers_full", 409, "此申請之附件已達上限", "The claim has as many papers as it may have"
)
MOST_PAPERS = 20
_CONTENT = "claim_paper.content"


@rule("FE-38", "ID-07")
async def enter_claim(session: AsyncSession, caller: Principal, body: ClaimIn) -> Reply:
    """Enter a claim of the caller's employer. Raises 404 for an employer that is not registered, 409
    `refund_letter_taken`, 422 for a postmark in the future.
    """
    if body.posted_on is not None:
        require_day(body.posted_on, None, "posted_on")
    code = caller.org.code
    if await session.get(Employer, code) is None:
        raise NOT_FOUND()
    taken = select(RefundClaim.id).where(
        RefundClaim.employer_code == code, RefundClaim.letter_no == body.letter_no, RefundClaim.state.not_in(CLOSED)
    )
    if await session.scalar(taken) is not None:
        raise LETTER_TAKEN()
    claim = RefundClaim(
        id=uuid4(),
        employer_code=code,
        letter_no=body.letter_no,
        amount=body.amount,
        state=ClaimState.ENTERED,
        version=1,
        entered_by=caller.sub,
        entered_as=HEAD_OFFICE if HEAD_OFFICE in caller.roles else DEPARTMENT,
        entered_on=clock.today(),
        posted_on=body.posted_on,
    )
    session.add(claim)
    try:
        await record(session, "entered", claim, letter_no=body.letter_no)
    except IntegrityError as error:
        # The same letter at the same moment.
        if "uq_refund_claim_letter" not in str(error):
            raise
        raise LETTER_TAKEN() from None
    return _reply(await get_claim(session, caller, claim.id), 201)


@rule("FE-38")
async def add_paper(
    session: AsyncSession, caller: Principal, claim_id: UUID, kind: PaperKind, name: str, content: bytes
) -> Reply:
    """Keep a PDF as the claim's letter or signed receipt, sealed; the same one again changes nothing.

    Raises 404; 409 once the claim is submitted, or for one paper too many; 415 for what is no PDF.
    """
    if not is_pdf(content):
        raise UNSUPPORTED_TYPE(detail="附件須為 PDF 檔案。", detail_en="A paper has to be a PDF file.")
    claim = await held(session, caller, claim_id)
    ring = crypto.ring()
    # Keyed, so that a row does not tell which well-known paper it is.
    digest = hmac.digest(ring.derive(_CONTENT), content, hashlib.sha256)
    papers = select(ClaimPaper).where(ClaimPaper.claim_id == claim_id)
    known: ClaimPaper | None = await session.scalar(papers.where(ClaimPaper.kind == kind, ClaimPaper.digest == digest))
    if known is not None:
        return Reply(PaperOut.model_validate(known), 200, {REPLAYED: "true"})
    if claim.state != ClaimState.ENTERED:
        raise CLAIM_STATE(
            detail="申請送出後不得再增附件。",
            detail_en="Papers are added before a claim is submitted.",
            state=claim.state,
        )
    count = await session.scalar(select(func.count()).select_from(papers.subquery()))
    if (count or 0) >= MOST_PAPERS:
        raise PAPERS_FULL(
            detail=f"每件申請至多 {MOST_PAPERS} 份附件；請撤回後重新填報。",
            detail_en=f"A claim has at most {MOST_PAPERS} papers: withdraw it and enter another.",
        )
    paper = ClaimPaper(
        id=uuid4(),
        claim_id=claim_id,
        employer_code=claim.employer_code,
        kind=kind,
        name=name,
        size=len(content),
        digest=digest,
        content=ring.encrypt(content, _CONTENT),
        added_by=caller.sub,
        added_at=clock.now(),
    )
    session.add(paper)
    claim.version += 1
    await record(session, "paper_added", claim, paper_id=str(paper.id), kind=kind)
    return Reply(PaperOut.model_validate(paper), 201)


@rule("FE-12", "FE-38", "ID-07")
async def submit_claim(session: AsyncSession, caller: Principal, claim_id: UUID, body: SubmissionIn) -> Reply:
    """Put the head office's name to a claim whose letter was posted: into the round of the postmark's day.

    Raises 404; 409 in another state, without both papers, or for more than is refundable less other claims; 403 where
    the caller entered it himself for a department; 422 for a postmark in the future or none.
    """
    claim = await held(session, caller, claim_id)
    to = after(claim, ClaimAction.SUBMIT, caller)
    if not confirms(claim.entered_as, claim.entered_by, caller.sub):
        raise FOUR_EYES(
            detail="研發部門填報之申請，須由用人單位另一位人員確認送出。",
            detail_en="What a department entered, another person of the head office submits.",
        )
    posted_on = body.posted_on or claim.posted_on
    if posted_on is None:
        fault = Fault("posted_on_missing", "請填寫郵戳日期", "State the postmark's day", pointer="/posted_on")
        raise INVALID_CONTENT(errors=[fault])
    require_day(posted_on, None, "posted_on")
    await _require_papers(session, claim)
    # From here to the end nobody else submits, pays, or reverses: what is covered now stays so.
    await hold_money(session)
    free = claimable(
        await refundable_to(session, claim.employer_code), await queries.under_way(session, claim.employer_code)
    )
    if claim.amount > free:
        raise NOT_COVERED(
            detail=f"目前可申請退費之金額為 {free:,} 元，請撤回後以不超過該金額重新填報。",
            detail_en=f"NT${free:,} can be claimed just now: withdraw the claim and enter one for no more.",
            claimable=free,
        )
    calendar = await working_calendar(session)
    month = refund_round(posted_on, calendar)
    claim.submitted_by, claim.submitted_at, claim.posted_on = caller.sub, clock.now(), posted_on
    claim.round = month.first
    claim.round_provisional = calendar.is_provisional(Month.of(posted_on).day(20))
    await record(session, "submitted", claim, to, posted_on=posted_on.isoformat(), round=str(month))
    return _reply(await get_claim(session, caller, claim_id))


async def _require_papers(session: AsyncSession, claim: RefundClaim) -> None:
    kinds = await session.scalars(select(ClaimPaper.kind).where(ClaimPaper.claim_id == claim.id).distinct())
    lacking = missing(PaperKind(kind) for kind in kinds)
    if lacking:
        raise PAPERS_MISSING(missing=list(lacking))


@rule("FE-38")
async def withdraw_claim(session: AsyncSession, caller: Principal, claim_id: UUID) -> Reply:
    """Take a claim back before it has arrived. Raises 404; 409 afterwards; 403 to a department once it is submitted."""
    claim = await held(session, caller, claim_id)
    to = after(claim, ClaimAction.WITHDRAW, caller)
    await record(session, "withdrawn", claim, to)
    return _reply(await get_claim(session, caller, claim_id))


def _reply(claim: ClaimDetail, status: int = 200) -> Reply:
    return Reply(claim, status, etag(claim.version))
