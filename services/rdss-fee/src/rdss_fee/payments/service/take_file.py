"""Taking a posting file: read whole or refused whole, booked in one transaction, taken once (FE-32 to FE-36)."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.accounts.checks import check_named
from rdss_fee.accounts.models import CollectionScheme
from rdss_fee.accounts.numbers import Scheme
from rdss_fee.bankfiles.layouts import Layout
from rdss_fee.bankfiles.postings import Totals
from rdss_fee.bankfiles.reading import MOST_FAULTS, BankFile, BankFileError, FileFault, read
from rdss_fee.ledger import service as ledger
from rdss_fee.ledger.queries import paid_of, refundable_of
from rdss_fee.payments import queries
from rdss_fee.payments.allotting import Allotted, Allotter, own
from rdss_fee.payments.models import BankFileRow
from rdss_fee.payments.rules import Why
from rdss_fee.payments.staging import Staged
from rdss_fee.reference.service import working_calendar
from shared import audit, clock, crypto
from shared.db import context_of
from shared.law import rule
from shared.statements import driver

SEALED_AS = "bank_file.content"
_DAY = timedelta(days=1)
_FIRST_DAY = date(2000, 1, 1)
Source = Literal["upload", "drop_folder"]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read: its bytes, sealed, and what they say."""

    file: BankFile
    digest: bytes
    sealed: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken; `before`: it had been, and nothing was changed."""

    id: UUID
    before: bool


async def read_file(layout: Layout, data: bytes, stated: Totals | None = None) -> ReadFile:
    """Read and seal a file, in a thread. Raises BankFileError with every fault."""

    today = clock.today()

    def work() -> ReadFile:
        file = read(layout, data, stated)
        _refuse_impossible(file, today)
        sealed = crypto.ring().encrypt(data, SEALED_AS)
        return ReadFile(file, bytes.fromhex(file.digest), sealed, len(data))

    return await asyncio.to_thread(work)


def _refuse_impossible(file: BankFile, today: date) -> None:
    """Raise BankFileError for days that the bank cannot have booked on: what it has told of hangs on them (FE-39)."""
    days = {day for one in file.postings for day in (one.posted_on, one.value_on)}
    wrong = {day for day in days if not _FIRST_DAY <= day <= today}
    if wrong:
        faults = [
            FileFault("day_impossible", one.line, name)
            for one in file.postings
            for name in ("posted_on", "value_on")
            if getattr(one, name) in wrong
        ]
        raise BankFileError(faults[:MOST_FAULTS], len(faults))


@rule("FE-39")
async def _through(session: AsyncSession, file: BankFile) -> date:
    """The last value date of which the bank has told everything, as far as a file can say that does not state it.

    The day before its newest posting, if no working day lies between it and the files before: a file that is missing,
    late or was refused is not stepped over, for whoever paid in it would be said not to have. Then it stays as it was
    until somebody states `complete_through`.
    """
    known = await queries.known_through(session)
    if not file.postings:
        return known or _FIRST_DAY
    newest = max(one.posted_on for one in file.postings) - _DAY
    if known is None:
        return newest
    oldest = min(one.posted_on for one in file.postings)
    calendar = await working_calendar(session)
    follows = oldest <= calendar.add_working_days(known + _DAY, 1)
    return max(known, newest) if follows else known


@rule("FE-32", "FE-33", "FE-34", "FE-35", "FE-36")
async def take_file(
    session: AsyncSession,
    found: ReadFile,
    *,
    name: str,
    source: Source,
    complete_through: date | None = None,
    seconds: int = 30,
) -> Taken:
    """Book a file's payments. One that was taken before changes nothing, nor does a transaction that was.

    `complete_through`: the last value date of which the bank has told everything; of a file that does not say so, the
    day before the newest posting, unless a working day is missing before it. `seconds`: how long one statement may
    take.
    """
    await ledger.hold_money(session)
    known = await session.scalar(select(BankFileRow.id).where(BankFileRow.digest == found.digest))
    if known is not None:
        return Taken(known, before=True)
    await session.execute(text(f"SET LOCAL statement_timeout = '{seconds}s'"))
    file, file_id = found.file, uuid4()
    staged = Staged(await driver(session), seconds)
    fresh = await staged.stage(file.postings)
    allotted = await _allot(session, staged)
    await staged.allot(allotted)
    why = Counter(one.why for one in allotted)
    await session.execute(
        insert(BankFileRow).values(
            id=file_id,
            digest=found.digest,
            layout=file.layout,
            source=source,
            name=name,
            size=found.size,
            content=found.sealed,
            line_count=file.totals.count,
            total=file.totals.total,
            complete_through=complete_through or await _through(session, file),
            fresh_count=fresh,
            bad_number_count=why[Why.BAD_NUMBER],
            no_notice_count=why[Why.NO_NOTICE],
            nothing_to_reverse_count=why[Why.NOTHING_TO_REVERSE],
            taken_by=context_of(session).sub,
            taken_on=clock.today(),
        )
    )
    if await staged.write(file_id) != fresh:
        raise RuntimeError("a transaction was written by somebody who did not hold the ledger")
    await _book(session, staged, allotted)
    counts = {"lines": file.totals.count, "total": file.totals.total, "fresh": fresh, "suspended": _suspended(why)}
    told = {"layout": file.layout, "source": source, "digest": file.digest, **counts}
    await audit.record(session, "bank_file.taken", "bank_file", file_id, told)
    return Taken(file_id, before=False)


def _suspended(why: Counter[Why | None]) -> int:
    return sum(count for reason, count in why.items() if reason is not None)


async def _allot(session: AsyncSession, staged: Staged) -> list[Allotted]:
    """Where the lines belong that are looked at one by one."""
    apart = await staged.apart()
    if not apart:
        return []
    named = {line.account: notice for line, notice in apart if notice is not None}
    paid = await paid_of(session, [UUID(notice.id) for notice in named.values()])
    notices = {number: replace(one, paid=paid.get(UUID(one.id), 0)) for number, one in named.items()}
    allotter = Allotter(
        notices,
        await refundable_of(session, {notice.employer for notice in named.values()}),
        await queries.waiting_whole(session, {line.account for line, _ in apart}),
        await schemes(session),
    )
    lines = [line for line, _ in apart]
    return await asyncio.to_thread(allotter.allot, lines)


async def _book(session: AsyncSession, staged: Staged, allotted: list[Allotted]) -> None:
    today = clock.today()
    await staged.book(today, context_of(session).sub)
    if not allotted:
        return
    named = {own(line): str(transaction) for line, transaction in (await staged.ids()).items()}
    bookings = [
        replace(one.booking, transaction=named.get(one.booking.transaction, one.booking.transaction))
        for one in allotted
    ]
    await ledger.book(session, bookings, today)


async def schemes(session: AsyncSession) -> list[Scheme]:
    """Every scheme that numbers were ever made by."""
    rows = await session.scalars(select(CollectionScheme).order_by(CollectionScheme.effective_from))
    return [Scheme(row.prefix, row.employer_digits, check_named(row.check_name)) for row in rows]
