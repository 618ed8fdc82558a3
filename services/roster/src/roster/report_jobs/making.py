"""Making a report and deleting it, as jobs: in the name of who asked, so that no row comes in that he may not see."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.report_jobs.catalogue import Source, source
from roster.report_jobs.jobs import SEALED_AS, expire_later
from roster.report_jobs.models import ReportPart, ReportRow
from roster.report_jobs.rules import KEPT, ReportForm, ReportKind, ReportState
from roster.results.streaming import Lot
from shared import audit, clock, crypto, jobs
from shared.csv_out import BOM, lines
from shared.db import Context, Database
from shared.papers.forms import BOUND, Form
from shared.papers.making import Rows, make
from shared.papers.report import frame
from shared.principals import Org, Principal
from shared.problems import INTERNAL, UNAVAILABLE, ProblemError, ProblemType

# As many as a page can hold: each costs the database a look at the whole list.
_AT_A_TIME = 1_000
_PART = 1_048_576
# Seconds between two tellings of how far it is.
_TELLING = 2.0
# Seconds for a part of a file: nobody waits for the answer, and to begin anew would cost more.
_PATIENCE = 300


@dataclass
class _Try:
    """One try at a report: the parts that it has stored, and when it last told how far it is."""

    database: Database
    context: Context
    job: jobs.Job
    id: UUID
    attempt: UUID
    number: int = 0
    size: int = 0
    rows: int = 0
    told: float = 0.0
    _open: bytearray = field(default_factory=bytearray)

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Store what is whole of `data`, encrypted."""
        self._open += data
        while len(self._open) >= _PART or (last and self._open):
            part = bytes(self._open[:_PART])
            del self._open[:_PART]
            await self._store(part)

    async def _store(self, part: bytes) -> None:
        values = {
            "report_id": self.id,
            "attempt": self.attempt,
            "number": self.number,
            "org_type": self.context.org_type,
            "org_code": self.context.org_code,
            "asked_by": self.context.sub,
            "body": crypto.ring().encrypt(part, SEALED_AS),
        }
        async with self.database.transaction(self.context) as session:
            await session.execute(insert(ReportPart).values(values))
        self.number += 1
        self.size += len(part)

    async def tell(self, rows: int) -> None:
        """So many rows more are done."""
        self.rows += rows
        if time.monotonic() - self.told < _TELLING:
            return
        self.told = time.monotonic()
        async with self.database.transaction(self.context) as session:
            await jobs.hold(session, self.job)
            await session.execute(
                update(ReportRow)
                .where(ReportRow.id == self.id, ReportRow.attempt == self.attempt)
                .values(rows_done=self.rows)
            )


class MakeReport:
    """The handler of `report.make`. However often it is tried, one file is what there is in the end."""

    seconds = 1_800

    def __init__(self, database: Database, font_dir: str) -> None:
        self._database = database
        self._font_dir = font_dir

    async def __call__(self, job: jobs.Job) -> None:
        """Make the file, or say in the report why not; raises `RetryLater` for what may go better later."""
        asked = job.payload
        context = Context(asked["sub"], asked["org_type"], asked["org_code"])
        one = _Try(self._database, context, job, UUID(asked["report_id"]), uuid.uuid4())
        row = await self._begin(one)
        if row is None:
            return
        try:
            await self._make(one, row)
        except ProblemError as refused:
            if refused.type is UNAVAILABLE and job.attempts < job.max_attempts:
                raise jobs.RetryLater("no file was made") from None
            await self._fail(one, refused.type, refused)
            return
        except Exception:
            if job.attempts >= job.max_attempts:
                await self._fail(one, INTERNAL, None)
            raise
        await self._finish(one, asked)

    async def _begin(self, one: _Try) -> Any:
        """The report, on which this try begins; None when it is made, failed or expired."""
        async with self._database.transaction(one.context) as session:
            found = await session.execute(
                select(*ReportRow.__table__.c).where(ReportRow.id == one.id).with_for_update()
            )
            row = found.one_or_none()
            if row is None or row.state not in (ReportState.QUEUED, ReportState.RUNNING):
                return None
            if row.expires_at <= clock.now():
                return None
            await jobs.hold(session, one.job)
            await session.execute(delete(ReportPart).where(ReportPart.report_id == one.id))
            await _set(session, one.id, state=ReportState.RUNNING, attempt=one.attempt, rows_done=0)
            return row

    async def _make(self, one: _Try, row: Any) -> None:
        # What he was when he asked, and no more: his roles are those of then, his organisation is the row's.
        caller = Principal(
            row.asked_by, frozenset(row.roles), Org(row.org_type, row.org_code), frozenset(), "pwd", "", False
        )
        form = ReportForm(row.form).media
        wanted = source(ReportKind(row.report), caller, row.about)
        async with self._database.reading(one.context) as session:
            total = await wanted.total(session)
            async with self._database.transaction(one.context) as telling:
                await _set(telling, one.id, rows_total=total)
            if form not in BOUND:
                await _stream(one, session, wanted, form)
                return
            document, values = await frame(wanted.report, form, session)
            rows = Rows(values)
            async for items in _pages(session, wanted):
                rows.add(items)
                await one.tell(len(items))
        one.told = 0.0
        await one.tell(0)
        await one.write(await make(form, document, rows, self._font_dir, _PATIENCE), last=True)

    async def _finish(self, one: _Try, asked: dict[str, Any]) -> None:
        async with self._database.transaction(one.context) as session:
            # The fence: a worker that lost its lease writes nothing here.
            await jobs.finish(session, one.job)
            now = clock.now()
            await _set(
                session, one.id, state=ReportState.READY, rows_done=one.rows, rows_total=one.rows, size=one.size,
                finished_at=now, expires_at=now + KEPT,
            )  # fmt: skip
            await expire_later(session, asked, KEPT)
            await audit.record(session, "report.made", "report", one.id, {"rows": one.rows})

    async def _fail(self, one: _Try, kind: ProblemType, refused: ProblemError | None) -> None:
        problem = {"code": kind.code, "title": kind.title, "title_en": kind.title_en}
        if refused is not None and refused.detail and refused.detail_en:
            problem |= {"detail": refused.detail, "detail_en": refused.detail_en}
        async with self._database.transaction(one.context) as session:
            await session.execute(delete(ReportPart).where(ReportPart.report_id == one.id))
            await _set(session, one.id, state=ReportState.FAILED, problem=problem, finished_at=clock.now())
            await audit.record(session, "report.failed", "report", one.id, {"code": kind.code})


class ExpireReport:
    """The handler of `report.expire`: deletes a file that is kept no longer; what was asked for stays on record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, job: jobs.Job) -> None:
        """Delete the parts, unless the file was finished late and is still kept."""
        asked = job.payload
        context = Context(asked["sub"], asked["org_type"], asked["org_code"])
        report_id = UUID(asked["report_id"])
        async with self._database.transaction(context) as session:
            expires_at = await session.scalar(select(ReportRow.expires_at).where(ReportRow.id == report_id))
            if expires_at is not None and expires_at <= clock.now():
                gone = await session.execute(delete(ReportPart).where(ReportPart.report_id == report_id))
                if gone.rowcount:  # type: ignore[attr-defined]
                    await audit.record(session, "report.expired", "report", report_id)


async def _set(session: AsyncSession, report_id: UUID, **values: Any) -> None:
    await session.execute(update(ReportRow).where(ReportRow.id == report_id).values(values))


async def _pages(session: AsyncSession, wanted: Source) -> AsyncIterator[list[Any]]:
    cursor: str | None = None
    while True:
        page = await wanted.fetch(session, cursor=cursor, limit=_AT_A_TIME, most=None)
        yield page.items
        cursor = page.next_cursor
        if cursor is None:
            return


_Lines = Callable[[], tuple[int, bytes]]
"""How many rows, and their lines: asks nobody, so that a thread may write them."""


async def _stream(one: _Try, session: AsyncSession, wanted: Source, form: Form) -> None:
    if form is Form.CSV:
        await one.write(BOM + wanted.report.sheet.headings())

    async def keep(lot: _Lines) -> None:
        # In a thread: the worker has other jobs, and the database goes on with the next lot.
        count, text = await asyncio.to_thread(lot)
        await one.write(text)
        await one.tell(count)

    keeping: asyncio.Task[None] | None = None
    try:
        async with aclosing(_lots(session, wanted, form)) as lots:
            async for lot in lots:
                if keeping is not None:
                    await keeping
                keeping = asyncio.create_task(keep(lot))
        if keeping is not None:
            await keeping
    finally:
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    await one.write(b"", last=True)


async def _lots(session: AsyncSession, wanted: Source, form: Form) -> AsyncGenerator[_Lines, None]:
    if form is Form.CSV and wanted.stream is not None:
        async with aclosing(wanted.stream(session)) as lots:
            async for lot in lots:
                yield partial(_by_columns, lot)
        return
    write = wanted.report.sheet.rows if form is Form.CSV else _elements
    async for items in _pages(session, wanted):
        yield partial(_by_rows, items, write)


def _by_columns(lot: Lot) -> tuple[int, bytes]:
    columns = lot()
    return len(columns[0]), lines(columns)


def _by_rows(items: Sequence[Any], write: Callable[[Sequence[Any]], bytes]) -> tuple[int, bytes]:
    return len(items), write(items)


def _elements(items: Sequence[Any]) -> bytes:
    """NDJSON, out of the elements of pages themselves."""
    return b"".join(item.model_dump_json().encode() + b"\n" for item in items)
