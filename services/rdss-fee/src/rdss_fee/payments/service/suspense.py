"""Money in suspense, and what it may have been meant for (FE-35, FE-42)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts import numbers
from rdss_fee.accounts.numbers import Account, AccountError, Open, Scheme, near_misses
from rdss_fee.months import Month
from rdss_fee.payments import queries
from rdss_fee.payments.models import BankTransaction
from rdss_fee.payments.rules import Why
from rdss_fee.payments.schemas import (
    SUSPENSE_SORTS,
    AssignmentOut,
    NearMissOut,
    SuspenseDetail,
    SuspenseOut,
    SuspensePage,
)
from rdss_fee.payments.service.read_payments import out
from rdss_fee.payments.service.take_file import schemes
from shared import cursors, lists
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND


@dataclass(frozen=True, slots=True)
class _Typed:
    """A payment whose meaning is looked for: the number it was paid to, how much."""

    number: str
    amount: int


async def list_suspense(
    session: AsyncSession, *, why: Why | None, sort: str, cursor: str | None, limit: int
) -> SuspensePage:
    """What is in suspense, those first that were posted first unless asked otherwise."""
    rows = queries.suspense()
    found, next_cursor = await lists.page(
        session,
        rows,
        sort=sort,
        sortable=SUSPENSE_SORTS,
        cursor=cursor,
        limit=limit,
        bound=cursors.bound_to("suspense", why),
        where=() if why is None else (rows.c.why == why,),
    )
    missed = await _near_misses(session, [_Typed(row["account"], row["open"]) for row in found])
    items = [_item(row, near) for row, near in zip(found, missed, strict=True)]
    return SuspensePage(items=items, next_cursor=next_cursor)


def _item(row: RowMapping, near: list[NearMissOut]) -> SuspenseOut:
    named: dict[str, Any] = {name: row[name] for name in SuspenseOut.model_fields if name in row}
    return SuspenseOut(**named, near_misses=near)


@rule("FE-35", "FE-42")
async def get_suspense(session: AsyncSession, caller: Principal, transaction_id: int) -> SuspenseDetail:
    """A payment that is or was in suspense, or that was more than due; raises 404 for any other.

    Of what was over too: it may have been meant for this month and bear last month's number. It stays refundable.
    """
    rows = queries.payments(BankTransaction.id == transaction_id)
    row = (await session.execute(select(rows))).mappings().one_or_none()
    if row is None or (row["why"] is None and row["overpaid"] <= 0):
        raise NOT_FOUND()
    amount = row["suspended"] or (row["amount"] if row["overpaid"] > 0 else 0)
    (near,) = await _near_misses(session, [_Typed(row["account"], amount)])
    proposed = await session.scalars(queries.assignments(transaction_id))
    return SuspenseDetail(
        payment=out(caller, row),
        near_misses=near,
        assignments=[AssignmentOut.model_validate(one) for one in proposed],
    )


@rule("FE-42")
async def _near_misses(session: AsyncSession, typed: Sequence[_Typed]) -> list[list[NearMissOut]]:
    """Of each payment the open notices of its very amount that it may have been meant for."""
    wanted = [one for one in typed if one.amount > 0]
    if not wanted:
        return [[] for _ in typed]
    known = await schemes(session)
    said = {one.number: _said(one.number, known) for one in wanted}
    next_month = {(account.employer_number, account.month.plus(1).first) for account in said.values() if account}
    about = set[str]().union(*(numbers.slips(one.number) for one in wanted))
    notices = {row.virtual_account: row for row in await queries.notices_about(session, about, next_month)}
    waiting = [
        Open(number, row.amount - min(row.paid, row.amount), Account(Month.of(row.month), row.number))
        for number, row in sorted(notices.items())
    ]
    return [list(_told(one, said.get(one.number), waiting, notices)) for one in typed]


def _told(one: _Typed, paid: Account | None, waiting: list[Open], notices: dict[str, Any]) -> Iterable[NearMissOut]:
    if one.amount <= 0:
        return
    for found in near_misses(one.number, one.amount, paid, waiting):
        row = notices[found.open.number]
        yield NearMissOut(
            notice_id=row.id,
            employer_code=row.employer_code,
            month=row.month,
            virtual_account=found.open.number,
            amount=found.open.amount,
            reason=found.reason,
        )


def _said(number: str, known: list[Scheme]) -> Account | None:
    for scheme in known:
        try:
            return scheme.read(number)
        except (AccountError, ValueError):
            continue
    return None
