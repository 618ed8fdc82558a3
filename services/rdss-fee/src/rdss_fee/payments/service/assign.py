"""What becomes of money in suspense: one person proposes it, another confirms or refuses it (FE-35)."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.models import NoticeRow
from rdss_fee.ledger import service as ledger
from rdss_fee.ledger.queries import assigned_of, paid_of, suspense_of
from rdss_fee.ledger.rules import Booking, BookingError, Notice, assigned, repaid, suspended, unassigned
from rdss_fee.payments import queries
from rdss_fee.payments.models import BankTransaction, SuspenseAssignment
from rdss_fee.payments.rules import Act, AssignmentState
from rdss_fee.payments.schemas import AssignmentIn, AssignmentOut
from rdss_fee.reference.models import Employer
from shared import audit, clock
from shared.law import rule
from shared.principals import Principal
from shared.problems import FOUR_EYES, INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

NOTHING_OPEN = ProblemType(
    "suspense_nothing_open",
    409,
    "此筆款項目前沒有可依所請處理之金額，請重新查詢",
    "There is nothing of this money that could be dealt with so: read it again",
)
PROPOSED_ALREADY = ProblemType(
    "assignment_proposed", 409, "此筆款項已有待覆核之處理", "What is to become of this money waits for a second person"
)
DECIDED = ProblemType("assignment_decided", 409, "此項處理已覆核", "This was confirmed or refused already")


@dataclass(frozen=True, slots=True)
class _Meant:
    """Whom it concerns, and how much of the transaction."""

    notice: NoticeRow | None
    employer: str
    amount: int


@rule("FE-35")
async def propose(session: AsyncSession, caller: Principal, transaction_id: int, body: AssignmentIn) -> AssignmentOut:
    """Propose what is to become of a transaction's money; nothing is booked yet.

    Raises 404 for a transaction that was never in suspense; 422 for a notice or employer that is missing or not there;
    409 where nothing of it can be dealt with so, or another proposal waits.
    """
    # Two who propose at once: the second waits here, and is told of the first.
    await ledger.hold_money(session)
    transaction = await session.get(BankTransaction, transaction_id)
    if transaction is None or transaction.why is None:
        raise NOT_FOUND()
    waits = queries.assignments(transaction_id).where(SuspenseAssignment.state == AssignmentState.PROPOSED)
    if await session.scalar(waits) is not None:
        raise PROPOSED_ALREADY()
    meant = await _meant(session, transaction, body)
    assignment = SuspenseAssignment(
        id=uuid4(),
        transaction_id=transaction_id,
        act=body.act,
        notice_id=None if meant.notice is None else meant.notice.id,
        employer_code=meant.employer,
        amount=meant.amount,
        reason=body.reason,
        state=AssignmentState.PROPOSED,
        version=1,
        proposed_by=caller.sub,
        proposed_on=clock.today(),
    )
    session.add(assignment)
    await session.flush()
    await audit.record(session, "suspense.proposed", "suspense_assignment", assignment.id, _told(assignment))
    await session.refresh(assignment)
    return AssignmentOut.model_validate(assignment)


@rule("FE-35", "FE-36")
async def confirm(session: AsyncSession, caller: Principal, assignment_id: UUID) -> AssignmentOut:
    """Confirm what another proposed, and book it. Raises 404; 403 for whoever proposed it; 409 once it was decided,
    and where the money is no longer there as it was proposed: the bank may have taken it back meanwhile.
    """
    await ledger.hold_money(session)
    assignment = await _undecided(session, caller, assignment_id)
    transaction = await session.get_one(BankTransaction, assignment.transaction_id)
    bookings = await _bookings(session, transaction, assignment)
    today = clock.today()
    await ledger.book(session, bookings, today)
    return await _decide(session, caller, assignment, AssignmentState.CONFIRMED)


@rule("FE-35")
async def refuse(session: AsyncSession, caller: Principal, assignment_id: UUID) -> AssignmentOut:
    """Refuse what another proposed; nothing is booked. Raises as `confirm` does."""
    assignment = await _undecided(session, caller, assignment_id)
    return await _decide(session, caller, assignment, AssignmentState.REFUSED)


async def _undecided(session: AsyncSession, caller: Principal, assignment_id: UUID) -> SuspenseAssignment:
    assignment = await session.get(SuspenseAssignment, assignment_id, with_for_update=True)
    if assignment is None:
        raise NOT_FOUND()
    if assignment.state != AssignmentState.PROPOSED:
        raise DECIDED()
    if assignment.proposed_by == caller.sub:
        raise FOUR_EYES()
    return assignment


async def _decide(
    session: AsyncSession, caller: Principal, assignment: SuspenseAssignment, state: AssignmentState
) -> AssignmentOut:
    assignment.state, assignment.decided_by = state, caller.sub
    assignment.decided_at, assignment.decided_on = clock.now(), clock.today()
    assignment.version += 1
    await session.flush()
    await audit.record(session, f"suspense.{state}", "suspense_assignment", assignment.id, _told(assignment))
    return AssignmentOut.model_validate(assignment)


def _told(assignment: SuspenseAssignment) -> dict[str, object]:
    return {
        "payment": assignment.transaction_id,
        "act": assignment.act,
        "notice": None if assignment.notice_id is None else str(assignment.notice_id),
        "employer": assignment.employer_code,
        "amount": assignment.amount,
        "reason": assignment.reason,
    }


async def _meant(session: AsyncSession, transaction: BankTransaction, body: AssignmentIn) -> _Meant:
    if body.act is Act.REPAY:
        if body.notice_id is not None:
            raise _unwanted("notice_id")
        employer = await _employer(session, body.employer_code)
        waits = await ledger.reclaimable(session, employer)
        meant = _Meant(None, employer, min(await _open(session, transaction), waits))
        if transaction.amount < 0:
            raise NOTHING_OPEN()
    else:
        if body.employer_code is not None:
            raise _unwanted("employer_code")
        notice = await _notice(session, body.notice_id)
        meant = _Meant(notice, notice.employer_code, await _movable(session, transaction, body.act, notice.id))
    if meant.amount <= 0:
        raise NOTHING_OPEN()
    return meant


async def _open(session: AsyncSession, transaction: BankTransaction) -> int:
    """What of it is in suspense; of a reversal: what of it waits."""
    amount = (await suspense_of(session, [transaction.id])).get(transaction.id, 0)
    return amount if transaction.amount > 0 else -amount


async def _movable(session: AsyncSession, transaction: BankTransaction, act: Act, notice: UUID) -> int:
    if act is Act.ASSIGN:
        return await _open(session, transaction)
    amount = (await assigned_of(session, transaction.id)).get(notice, 0)
    return amount if transaction.amount > 0 else -amount


async def _bookings(
    session: AsyncSession, transaction: BankTransaction, assignment: SuspenseAssignment
) -> list[Booking]:
    """What is booked for a proposal, as things stand now. Raises 409."""
    name, amount, act = str(transaction.id), assignment.amount, Act(assignment.act)
    try:
        if act is Act.REPAY:
            if await _open(session, transaction) < amount:
                raise NOTHING_OPEN()
            waits = await ledger.reclaimable(session, assignment.employer_code)
            return [repaid(name, assignment.employer_code, waits, amount)]
        assert assignment.notice_id is not None
        if await _movable(session, transaction, act, assignment.notice_id) < amount:
            raise NOTHING_OPEN()
        notice = await _standing(session, assignment.notice_id)
        # A reversal goes the other way: to assign it takes the money back from its notice.
        if (act is Act.ASSIGN) == (transaction.amount > 0):
            return [assigned(name, notice, amount)]
        return [unassigned(name, notice, amount), *(await _settled(session, transaction, amount))]
    except BookingError:
        # It would take back more than came: the bank took it back by the notice's own number.
        raise NOTHING_OPEN() from None


@rule("FE-35")
async def _settled(session: AsyncSession, transaction: BankTransaction, amount: int) -> list[Booking]:
    """Money that is back in suspense whole, and whose reversal waits there: both are done with, each by itself."""
    if transaction.amount != amount:
        return []
    reversal = await session.scalar(queries.open_reversal(transaction.account, amount))
    if reversal is None:
        return []
    return [suspended(str(transaction.id), -amount), suspended(str(reversal), amount)]


async def _standing(session: AsyncSession, notice_id: UUID) -> Notice:
    row = await session.get_one(NoticeRow, notice_id)
    paid = (await paid_of(session, [notice_id])).get(notice_id, 0)
    return Notice(
        str(notice_id), row.employer_code, row.amount, paid, await ledger.refundable(session, row.employer_code)
    )


async def _notice(session: AsyncSession, notice_id: UUID | None) -> NoticeRow:
    if notice_id is None:
        raise _missing("notice_id", "請載明繳費通知單", "Name the notice")
    found = await session.get(NoticeRow, notice_id)
    if found is None:
        raise _missing("notice_id", "沒有這張繳費通知單", "There is no such notice")
    return found


async def _employer(session: AsyncSession, code: str | None) -> str:
    if code is None:
        raise _missing("employer_code", "請載明用人單位", "Name the employer")
    found = await session.scalar(select(Employer.code).where(Employer.code == code))
    if found is None:
        raise _missing("employer_code", "沒有這個用人單位", "There is no such employer")
    return found


def _missing(field: str, message: str, message_en: str) -> Exception:
    return INVALID_CONTENT(
        errors=[Fault(f"{field.removesuffix('_id')}_unknown", message, message_en, pointer=f"/{field}")]
    )


def _unwanted(field: str) -> Exception:
    return INVALID_CONTENT(
        errors=[Fault("field_unwanted", "此種處理不需此欄", "This act takes no such member", pointer=f"/{field}")]
    )
