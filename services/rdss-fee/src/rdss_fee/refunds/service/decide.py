"""Receiving, deciding and paying a claim: the authority's side, two people (FE-12, FE-38)."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.event_types import (
    REFUND_BOUNCED,
    REFUND_DECIDED,
    REFUND_PAID,
    RefundBouncedData,
    RefundDecidedData,
    RefundPaidData,
)
from rdss_fee.ledger.rules import BookingError, refund_returned, refunded
from rdss_fee.ledger.service import book, hold_money
from rdss_fee.ledger.service import refundable as refundable_to
from rdss_fee.refunds.models import RefundClaim
from rdss_fee.refunds.rules import ClaimAction, may_pay
from rdss_fee.refunds.schemas import PaymentIn, ReasonIn, ReceiptIn
from rdss_fee.refunds.service.common import NOT_COVERED, after, facts, held, record, require_day
from rdss_fee.refunds.service.read import get_claim
from shared import clock, events
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import FOUR_EYES


@rule("FE-38")
async def receive_claim(session: AsyncSession, finance: Principal, claim_id: UUID, body: ReceiptIn) -> Reply:
    """Record the day on which letter and signed receipt arrived. Raises 404; 409 in another state; 422 for a day before
    the postmark or in the future.
    """
    claim = await held(session, finance, claim_id)
    to = after(claim, ClaimAction.RECEIVE, finance)
    require_day(body.received_on, claim.posted_on, "received_on")
    claim.received_on = body.received_on
    await record(session, "received", claim, to, received_on=body.received_on.isoformat())
    return await _reply(session, finance, claim)


@rule("FE-38")
async def approve_claim(session: AsyncSession, finance: Principal, claim_id: UUID) -> Reply:
    """Approve a claim that was received; another person pays it. Raises 404; 409 in another state."""
    return await _decide(session, finance, claim_id, ClaimAction.APPROVE, None)


@rule("FE-38")
async def return_claim(session: AsyncSession, finance: Principal, claim_id: UUID, body: ReasonIn) -> Reply:
    """Send a claim back, with the reason; its money may be claimed by another. Raises 404; 409 in another state."""
    return await _decide(session, finance, claim_id, ClaimAction.RETURN, body.reason)


async def _decide(
    session: AsyncSession, finance: Principal, claim_id: UUID, action: ClaimAction, reason: str | None
) -> Reply:
    claim = await held(session, finance, claim_id)
    to = after(claim, action, finance)
    claim.decided_by, claim.decided_at, claim.decided_on = finance.sub, clock.now(), clock.today()
    claim.return_reason = reason
    approved = action is ClaimAction.APPROVE
    await record(session, "approved" if approved else "returned", claim, to, reason=reason)
    data = RefundDecidedData(
        **dict(await facts(session, claim)), approved=approved, reason=reason, decided_on=clock.today()
    )
    await events.publish(session, REFUND_DECIDED, claim.id, data)
    return await _reply(session, finance, claim)


@rule("FE-12", "FE-36", "FE-38")
async def pay_claim(session: AsyncSession, finance: Principal, claim_id: UUID, body: PaymentIn) -> Reply:
    """Record and book the payment of a claim that another person approved.

    Raises 404; 409 in another state, or when the employer's credits and overpayments no longer cover it; 403 to who
    approved it; 422 for a day before the decision or in the future.
    """
    claim = await held(session, finance, claim_id)
    to = after(claim, ClaimAction.PAY, finance)
    if not may_pay(claim.decided_by or "", finance.sub):
        raise FOUR_EYES(
            detail="核准退費者不得辦理付款，請由另一位人員辦理。",
            detail_en="Who approved a refund does not pay it.",
        )
    require_day(body.paid_on, claim.decided_on, "paid_on")
    await hold_money(session)
    there = await refundable_to(session, claim.employer_code)
    try:
        booking = refunded(claim.employer_code, there, claim.amount)
    except BookingError:
        raise NOT_COVERED(
            detail=f"該用人單位目前可退之金額為 {there:,} 元，不足以支付本件；請退回申請。",
            detail_en=f"NT${there:,} is refundable to the employer just now, less than the claim: return it.",
            refundable=there,
        ) from None
    claim.paid_by, claim.paid_at, claim.paid_on = finance.sub, clock.now(), body.paid_on
    claim.payment_reference = body.payment_reference
    await record(session, "paid", claim, to, paid_on=body.paid_on.isoformat())
    await book(session, [booking], clock.today(), claim_id=claim.id)
    data = RefundPaidData(**dict(await facts(session, claim)), paid_on=body.paid_on)
    await events.publish(session, REFUND_PAID, claim.id, data)
    return await _reply(session, finance, claim)


@rule("FE-36", "FE-38")
async def take_back_payment(session: AsyncSession, finance: Principal, claim_id: UUID, body: ReasonIn) -> Reply:
    """Book that the bank could not deliver a refund: its money is claimable again, by another claim.

    Raises 404; 403 `four_eyes` for who paid it: his word alone would make the money claimable twice; 409 for a claim
    that is not paid.
    """
    claim = await held(session, finance, claim_id)
    to = after(claim, ClaimAction.BANK_RETURN, finance)
    if claim.paid_by == finance.sub:
        raise FOUR_EYES()
    await hold_money(session)
    claim.bounced_by, claim.bounced_at, claim.bounced_on = finance.sub, clock.now(), clock.today()
    claim.bounce_reason = body.reason
    await record(session, "bank_returned", claim, to, reason=body.reason)
    await book(session, [refund_returned(claim.employer_code, claim.amount)], clock.today(), claim_id=claim.id)
    data = RefundBouncedData(**dict(await facts(session, claim)), reason=body.reason, bounced_on=clock.today())
    await events.publish(session, REFUND_BOUNCED, claim.id, data)
    return await _reply(session, finance, claim)


async def _reply(session: AsyncSession, finance: Principal, claim: RefundClaim) -> Reply:
    shown = await get_claim(session, finance, claim.id)
    return Reply(shown, 200, etag(shown.version))
