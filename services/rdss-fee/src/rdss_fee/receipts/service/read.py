"""Receipts, and payments that still lack one, as their reader may see them (FE-37)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.dates import receipt_due_on
from rdss_fee.billing.models import NoticeRow
from rdss_fee.months import Month
from rdss_fee.papers.receipt import Receipt as PrintedReceipt
from rdss_fee.receipts import queries
from rdss_fee.receipts.models import Receipt
from rdss_fee.receipts.rules import ReceiptState, overdue_before, receipt_number, receipt_state
from rdss_fee.receipts.schemas import DUE_SORTS, RECEIPT_SORTS, DueOut, DuePage, ReceiptOut, ReceiptPage
from rdss_fee.reference.service import working_calendar
from rdss_fee.tenancy import own
from shared import clock, cursors, lists
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@dataclass(frozen=True, slots=True)
class Asked:
    """Which receipts: in a state, of an employer, of an ROC year."""

    state: ReceiptState | None = None
    employer_code: str | None = None
    year: int | None = None


@rule("FE-37")
async def list_due(
    session: AsyncSession,
    *,
    overdue: bool | None,
    employer_code: str | None,
    sort: str,
    cursor: str | None,
    limit: int,
) -> DuePage:
    """Posted payments without a receipt, by default those whose receipt was due first at the top."""
    calendar, today = await working_calendar(session), clock.today()
    late_before = overdue_before(today, calendar)
    rows = queries.due()
    where: list[Any] = []
    if overdue is not None:
        where.append(rows.c.posted_on < late_before if overdue else rows.c.posted_on >= late_before)
    if employer_code is not None:
        where.append(rows.c.employer_code == employer_code)
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=DUE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("receipts_due", overdue, employer_code, str(today)),
        where=tuple(where),
    )
    items = []
    for row in found:
        due = receipt_due_on(row["posted_on"], calendar)
        items.append(
            DueOut(
                transaction_id=row["transaction_id"],
                notice_id=row["notice_id"],
                month=row["month"],
                employer_code=row["employer_code"],
                employer_name=row["employer_name"],
                amount=row["stands"],
                posted_on=row["posted_on"],
                due_on=due.day,
                due_provisional=due.provisional,
                overdue=due.day < today,
                addressee=row["receipt_addressee"],
                address=row["receipt_address"],
            )
        )
    return DuePage(items=items, next_cursor=next_cursor)


@rule("FE-37")
async def list_receipts(
    session: AsyncSession, caller: Principal, asked: Asked, *, sort: str, cursor: str | None, limit: int
) -> ReceiptPage:
    """The employer's own receipts, or everybody's for the offices; `to_void`: whose payment the bank took back."""
    rows = queries.receipts(*own(caller, Receipt.employer_code), judged=asked.state is not None)
    where: list[Any] = [] if asked.state is None else [_in_state(rows, asked.state)]
    if asked.employer_code is not None:
        where.append(rows.c.employer_code == asked.employer_code)
    if asked.year is not None:
        where.append(rows.c.year == asked.year)
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=RECEIPT_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("receipts", asked.state, asked.employer_code, asked.year),
        where=tuple(where),
    )
    return ReceiptPage(items=await shown(session, found), next_cursor=next_cursor)


def _in_state(rows: Any, state: ReceiptState) -> ColumnElement[bool]:
    """Rows of which `receipt_state` says `state`."""
    void, whole = rows.c.voided_on.is_not(None), rows.c.stands == rows.c.amount
    told: dict[ReceiptState, ColumnElement[bool]] = {
        ReceiptState.VOID: void,
        ReceiptState.TO_VOID: ~void & ~whole,
        ReceiptState.MAILED: ~void & whole & rows.c.mailed_on.is_not(None),
        ReceiptState.ISSUED: ~void & whole & rows.c.mailed_on.is_(None),
    }
    return told[state]


async def get_receipt(session: AsyncSession, caller: Principal, receipt_id: UUID) -> ReceiptOut:
    """One receipt; raises 404."""
    found = await some(session, caller, [receipt_id])
    if not found:
        raise NOT_FOUND()
    return found[0]


async def some(session: AsyncSession, caller: Principal, ids: Iterable[UUID]) -> list[ReceiptOut]:
    """Those of these receipts that the caller may see, by number."""
    rows = queries.receipts(*own(caller, Receipt.employer_code), judged=False)
    query = select(rows).where(rows.c.id.in_(list(ids))).order_by(rows.c.year, rows.c.number)
    return await shown(session, (await session.execute(query)).mappings().all())


async def shown(session: AsyncSession, rows: Iterable[RowMapping]) -> list[ReceiptOut]:
    """Receipts of rows, each with what of its payment stands."""
    rows = list(rows)
    paid = queries.payments([row["notice_id"] for row in rows])
    query = select(paid.c.notice_id, paid.c.transaction_id, paid.c.stands)
    stands = {tuple(found[:2]): found[2] for found in (await session.execute(query)).all()} if rows else {}
    return [_out(row, stands.get((row["notice_id"], row["transaction_id"]), 0)) for row in rows]


def _out(row: RowMapping, stands: int) -> ReceiptOut:
    values = {name: row[name] for name in ReceiptOut.model_fields if name in row}
    state = receipt_state(
        amount=row["amount"],
        stands=stands,
        mailed=row["mailed_on"] is not None,
        void=row["voided_on"] is not None,
    )
    return ReceiptOut(
        **values
        | {
            "number": receipt_number(row["year"], row["number"]),
            "state": state,
            "stands": stands,
        }
    )


@rule("FE-37")
async def paper(session: AsyncSession, receipt: ReceiptOut) -> PrintedReceipt:
    """All that a receipt says on paper."""
    number = await session.scalar(select(NoticeRow.virtual_account).where(NoticeRow.id == receipt.notice_id))
    year, serial = receipt.number.split("-")
    return PrintedReceipt(
        year=int(year),
        serial=int(serial),
        payer_code=receipt.employer_code,
        payer_name=receipt.employer_name,
        addressee=receipt.addressee,
        address=receipt.address,
        month=Month.of(receipt.month),
        virtual_account=number or "",
        amount=receipt.amount,
        posted_on=receipt.posted_on,
        issued_on=receipt.issued_on,
        voided_on=receipt.voided_on,
        void_reason=receipt.void_reason,
    )
