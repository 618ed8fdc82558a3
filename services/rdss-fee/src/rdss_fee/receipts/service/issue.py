"""Issuing receipts, recording that they were mailed, voiding them (FE-37)."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, Table, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.dates import receipt_due_on
from rdss_fee.event_types import RECEIPT_ISSUED, ReceiptIssuedData
from rdss_fee.receipts import queries
from rdss_fee.receipts.models import Receipt, ReceiptCounter
from rdss_fee.receipts.rules import receipt_number, receipt_year
from rdss_fee.receipts.schemas import IssuedOut, IssueIn, MailingIn, ReceiptOut, VoidingIn
from rdss_fee.receipts.service.read import get_receipt, some
from rdss_fee.reference.service import working_calendar
from shared import audit, clock, events
from shared.bulk import insertion
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

# What a receipt takes over of its payment as it is.
_OF_PAYMENT = ("transaction_id", "notice_id", "employer_code", "posted_on")
RECEIPT_CLOSED = ProblemType(
    "receipt_closed",
    409,
    "此收據已作廢或已登錄寄發",
    "The receipt is void, or its mailing was recorded already",
)


@rule("FE-37")
async def issue_receipts(session: AsyncSession, finance: Principal, body: IssueIn) -> Reply:
    """Issue a receipt for each of these payments, under numbers that follow each other; all of them or none.

    Raises 422 naming every payment that has a receipt already, was taken back by the bank or is none, and every
    employer without an address.
    """
    today = clock.today()
    year = receipt_year(today)
    # Whoever else issues waits here until these stand; what is due is looked at only then.
    first = await _next_number(session, year)
    payments = await _due(session, body.transaction_ids)
    calendar = await working_calendar(session)
    ids = [uuid4() for _ in payments]
    await session.execute(update(ReceiptCounter).where(ReceiptCounter.year == year).values(last=first + len(ids) - 1))
    dues = [receipt_due_on(payment["posted_on"], calendar) for payment in payments]
    table = Receipt.__table__
    assert isinstance(table, Table)
    # In one statement: the database looks at the numbers at its end.
    await session.execute(
        insertion(
            table,
            {"year": year, "version": 1, "issued_by": finance.sub, "issued_on": today},
            {
                "id": ids,
                "number": list(range(first, first + len(ids))),
                "amount": [payment["stands"] for payment in payments],
                "due_on": [due.day for due in dues],
                "due_provisional": [due.provisional for due in dues],
                "addressee": [payment["receipt_addressee"] for payment in payments],
                "address": [payment["receipt_address"] for payment in payments],
                **{name: [payment[name] for payment in payments] for name in _OF_PAYMENT},
            },
        )
    )
    issued = await some(session, finance, ids)
    acts = [audit.row(session, "receipt.issued", "receipt", one.id, {"number": one.number}) for one in issued]
    await audit.record_many(session, acts)
    await events.publish_many(session, RECEIPT_ISSUED, [(one.id, _told(one)) for one in issued])
    return Reply(IssuedOut(items=issued), 201)


async def _next_number(session: AsyncSession, year: int) -> int:
    """The number after the year's last; its counter is held until the transaction ends."""
    step = insert(ReceiptCounter).values(year=year, last=1)
    held = step.on_conflict_do_update(index_elements=[ReceiptCounter.year], set_={"last": ReceiptCounter.last + 1})
    number: int = (await session.execute(held.returning(ReceiptCounter.last))).scalar_one()
    return number


async def _due(session: AsyncSession, asked: Sequence[int]) -> list[RowMapping]:
    """The payments asked for, in the order they were posted. Raises 422."""
    rows = queries.due()
    query = select(rows).where(rows.c.transaction_id.in_(asked)).order_by(rows.c.posted_on, rows.c.id)
    found = list((await session.execute(query)).mappings().all())
    there = {row["transaction_id"] for row in found}
    faults = [
        Fault(
            "receipt_not_due",
            "此交易非可開立收據之入帳款項：不存在、已開立收據，或已遭銀行沖正",
            "No receipt is due for it: there is no such payment, it has one, or the bank took it back",
            pointer=f"/transaction_ids/{index}",
        )
        for index, number in enumerate(asked)
        if number not in there
    ]
    lacking = {row["employer_code"]: row["employer_name"] for row in found if row["receipt_address"] is None}
    faults += [
        Fault(
            "receipt_address_missing",
            f"用人單位 {code}（{name}）尚未填寫收據之收件人及地址"[:500],
            f"Employer {code} has no addressee and address for receipts",
            column="employer_code",
            value=code,
            suggestion="請用人單位或專案辦公室補登收據寄送資料後再開立。",
        )
        for code, name in sorted(lacking.items())
    ]
    if faults:
        raise INVALID_CONTENT(errors=faults)
    return found


def _told(receipt: ReceiptOut) -> ReceiptIssuedData:
    return ReceiptIssuedData(
        employer_code=receipt.employer_code,
        employer_name=receipt.employer_name[:200],
        receipt_id=receipt.id,
        number=receipt.number,
        amount=receipt.amount,
        posted_on=receipt.posted_on,
    )


@rule("FE-37")
async def mail_receipt(session: AsyncSession, finance: Principal, receipt_id: UUID, body: MailingIn) -> Reply:
    """Record, once, that a receipt was mailed. Raises 404; 409 when it is void or was recorded; 422 for a day before it
    was issued or in the future.
    """
    receipt = await _held(session, receipt_id)
    if receipt.voided_on is not None or receipt.mailed_on is not None:
        raise RECEIPT_CLOSED()
    if not receipt.issued_on <= body.mailed_on <= clock.today():
        fault = Fault(
            "day_impossible",
            f"寄發日期須在{receipt.issued_on.isoformat()}至今日之間",
            f"The day must lie between {receipt.issued_on.isoformat()} and today",
            pointer="/mailed_on",
        )
        raise INVALID_CONTENT(errors=[fault])
    receipt.mailed_by, receipt.mailed_on, receipt.mail_number = finance.sub, body.mailed_on, body.mail_number
    return await _kept(session, finance, receipt, "mailed", mailed_on=body.mailed_on.isoformat())


@rule("FE-37")
async def void_receipt(session: AsyncSession, finance: Principal, receipt_id: UUID, body: VoidingIn) -> Reply:
    """Void a receipt, with the reason: it keeps its number, and its payment, if it stands, may have another.

    Raises 404; 409 when it is void already.
    """
    receipt = await _held(session, receipt_id)
    if receipt.voided_on is not None:
        raise RECEIPT_CLOSED()
    receipt.voided_by, receipt.voided_on, receipt.void_reason = finance.sub, clock.today(), body.reason
    return await _kept(session, finance, receipt, "voided", reason=body.reason)


async def _held(session: AsyncSession, receipt_id: UUID) -> Receipt:
    receipt = await session.get(Receipt, receipt_id, with_for_update=True)
    if receipt is None:
        raise NOT_FOUND()
    return receipt


async def _kept(session: AsyncSession, finance: Principal, receipt: Receipt, act: str, **facts: str) -> Reply:
    receipt.version += 1
    await session.flush()
    told = {"number": receipt_number(receipt.year, receipt.number), **facts}
    await audit.record(session, f"receipt.{act}", "receipt", receipt.id, told)
    shown = await get_receipt(session, finance, receipt.id)
    return Reply(shown, 200, etag(shown.version))
