"""Money that came, as the payments room books it, and credits as the billing room grants them: straight into the
tables, by the ledger's own rules.
"""

import hashlib
import itertools
import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import asyncpg

from rdss_fee.ledger.rules import Booking, Notice, assigned, granted, posted, reversed_, suspended, unassigned
from tests.rdss_fee.support import Fee

_serials = itertools.count(1)


async def book(connection: asyncpg.Connection, bookings: Iterable[Booking], on: date) -> None:
    """Postings as `ledger.service.book` writes them."""
    for booking in bookings:
        for one in booking.postings:
            await connection.execute(
                "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, booked_on,"
                " booked_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'test')",
                booking.kind, one.debit, one.credit, one.amount, uuid.UUID(booking.notice) if booking.notice else None,
                booking.employer or None, int(booking.transaction) if booking.transaction else None, on,
            )  # fmt: skip


async def credit(fee: Fee, employer: str, amount: int, on: date) -> None:
    """Credit lines that an employer may claim."""
    async with fee.owner() as connection, connection.transaction():
        await book(connection, [granted(employer, amount)], on)


async def told_through(fee: Fee, day: date) -> uuid.UUID:
    """A file of the bank's by which it has told everything up to `day`."""
    made = uuid.uuid4()
    await fee.sql(
        "INSERT INTO bank_file (id, digest, layout, source, name, size, content, line_count, total, complete_through,"
        " fresh_count, bad_number_count, no_notice_count, nothing_to_reverse_count, taken_by, taken_on) VALUES ($1, $2,"
        " 'bank_of_taiwan', 'upload', 'x', 1, '', 0, 0, $3, 0, 0, 0, 0, 'test', $3)",
        made, hashlib.sha256(made.bytes).digest(), day,
    )  # fmt: skip
    return made


async def _transaction(
    connection: asyncpg.Connection, notice: Mapping[str, Any] | None, amount: int, value_on: date, posted_on: date
) -> int:
    file, serial = uuid.uuid4(), next(_serials)
    await connection.execute(
        "INSERT INTO bank_file (id, digest, layout, source, name, size, content, line_count, total, complete_through,"
        " fresh_count, bad_number_count, no_notice_count, nothing_to_reverse_count, taken_by, taken_on) VALUES ($1, $2,"
        " 'bank_of_taiwan', 'upload', 'x', 1, '', 1, $3, '2010-01-01', 1, 0, 0, 0, 'test', $4)",
        file, hashlib.sha256(file.bytes).digest(), amount, posted_on,
    )  # fmt: skip
    found: int = await connection.fetchval(
        "INSERT INTO bank_transaction (file_id, line, key, account, amount, posted_on, value_on, serial, channel,"
        " payer, notice_id, employer_code, why) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, 'counter', '', $8,"
        " (SELECT employer_code FROM notice WHERE id = $8), $9) RETURNING id",
        file, f"k{serial}", notice["virtual_account"] if notice else "7006020000000000", amount, posted_on, value_on,
        f"{serial:010d}", uuid.UUID(notice["id"]) if notice else None, None if notice else "no_notice",
    )  # fmt: skip
    return found


async def _known(connection: asyncpg.Connection, notice: Mapping[str, Any]) -> Notice:
    found = await connection.fetchrow(
        "SELECT n.employer_code AS employer, n.amount AS due, coalesce((SELECT sum(CASE WHEN p.kind IN"
        " ('payment_posted', 'suspense_assigned') THEN p.amount WHEN p.kind IN ('payment_reversed',"
        " 'assignment_undone') THEN -p.amount ELSE 0 END) FROM posting AS p WHERE p.notice_id = n.id), 0)::bigint AS"
        " paid, coalesce((SELECT sum(CASE WHEN p.credit = 'refundable' THEN p.amount ELSE -p.amount END) FROM posting"
        " AS p WHERE p.employer_code = n.employer_code AND 'refundable' IN (p.debit, p.credit)), 0)::bigint AS"
        " refundable FROM notice AS n WHERE n.id = $1",
        uuid.UUID(notice["id"]),
    )
    return Notice(str(notice["id"]), **dict(found))


async def pay(fee: Fee, notice: Mapping[str, Any], amount: int, value_on: date, posted_on: date | None = None) -> int:
    """A payment to the notice's account, or (below zero) a reversal; the bank transaction's id."""
    posted_on = posted_on or value_on
    async with fee.owner() as connection, connection.transaction():
        known = await _known(connection, notice)
        made = await _transaction(connection, notice, amount, value_on, posted_on)
        booking = posted(str(made), known, amount) if amount > 0 else reversed_(str(made), known, -amount)
        await book(connection, [booking], posted_on)
        return made


async def assign(fee: Fee, notice: Mapping[str, Any], amount: int, value_on: date) -> int:
    """Money that was in suspense since `value_on` and was given to the notice; the bank transaction's id."""
    async with fee.owner() as connection, connection.transaction():
        made = await _transaction(connection, None, amount, value_on, value_on)
        known = await _known(connection, notice)
        await book(connection, [suspended(str(made), amount), assigned(str(made), known, amount)], value_on)
        return made


async def unassign(fee: Fee, notice: Mapping[str, Any], transaction: int, amount: int, on: date) -> None:
    """The assignment undone."""
    async with fee.owner() as connection, connection.transaction():
        await book(connection, [unassigned(str(transaction), await _known(connection, notice), amount)], on)
