"""What every act on a claim needs: whose it is, its row held, its next state; and how it is told."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.event_types import RefundFacts
from rdss_fee.reference.models import Employer
from rdss_fee.refunds.models import RefundClaim
from rdss_fee.refunds.rules import ClaimAction, ClaimState, NotPossibleError, NotYoursError, advance
from rdss_fee.tenancy import own
from shared import audit, clock
from shared.principals import Principal
from shared.problems import FORBIDDEN, INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

CLAIM_STATE = ProblemType(
    "refund_claim_state",
    409,
    "退費申請目前的狀態不允許此作業",
    "The claim's present state does not allow this",
)
NOT_COVERED = ProblemType(
    "refund_not_covered",
    409,
    "申請金額超過目前可退之金額",
    "The claim asks for more than is refundable just now",
)


async def held(session: AsyncSession, caller: Principal, claim_id: UUID) -> RefundClaim:
    """The claim, which nobody else moves until the transaction ends. Raises 404."""
    query = (
        select(RefundClaim).where(RefundClaim.id == claim_id, *own(caller, RefundClaim.employer_code)).with_for_update()
    )
    claim: RefundClaim | None = await session.scalar(query)
    if claim is None:
        raise NOT_FOUND()
    return claim


def after(claim: RefundClaim, action: ClaimAction, caller: Principal) -> ClaimState:
    """The state into which `action` puts the claim. Raises 409 `refund_claim_state`, 403 for another role's action."""
    try:
        return advance(ClaimState(claim.state), action, caller.roles)
    except NotPossibleError:
        raise CLAIM_STATE(
            detail=f"此申請目前為「{LABELS[ClaimState(claim.state)]}」，請重新讀取後再辦理。",
            detail_en=f"The claim is {claim.state}: read it again.",
            state=claim.state,
        ) from None
    except NotYoursError:
        raise FORBIDDEN() from None


async def record(
    session: AsyncSession, act: str, claim: RefundClaim, to: ClaimState | None = None, **facts: Any
) -> None:
    """Write the claim down, in the state `to` if it moves, and who did what to it."""
    if to is not None:
        claim.state = to
        claim.version += 1
    await session.flush()
    told = {"employer_code": claim.employer_code, "amount": claim.amount, "state": claim.state, **facts}
    await audit.record(session, f"refund_claim.{act}", "refund_claim", claim.id, told)


async def facts(session: AsyncSession, claim: RefundClaim) -> RefundFacts:
    """What every event about the claim says."""
    name = await session.scalar(select(Employer.name).where(Employer.code == claim.employer_code))
    return RefundFacts(
        employer_code=claim.employer_code,
        employer_name=str(name)[:200],
        claim_id=claim.id,
        letter_no=claim.letter_no,
        amount=claim.amount,
    )


def require_day(day: Any, first: Any, field: str) -> None:
    """Raise 422 for a day before `first` (None: any) or in the future."""
    today = clock.today()
    if day > today:
        raise _impossible(field, "日期不得晚於今日", "The day must not lie in the future")
    if first is not None and day < first:
        raise _impossible(field, f"日期不得早於{first.isoformat()}", f"The day must not lie before {first.isoformat()}")


def _impossible(field: str, message: str, message_en: str) -> Exception:
    return INVALID_CONTENT(errors=[Fault("day_impossible", message, message_en, pointer=f"/{field}")])


LABELS = {
    ClaimState.ENTERED: "已填報",
    ClaimState.SUBMITTED: "已送出",
    ClaimState.RECEIVED: "已收文",
    ClaimState.APPROVED: "已核准",
    ClaimState.RETURNED: "已退回",
    ClaimState.PAID: "已付款",
    ClaimState.BANK_RETURNED: "已退匯",
    ClaimState.WITHDRAWN: "已撤回",
}
