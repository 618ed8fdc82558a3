"""Sealing: every second the worker puts the audit rows that were committed since into a block of a chain.

No writer waits for it or does anything for it. Ids are given out before transactions commit, so a smaller id may
appear after a greater one was sealed. A block therefore says which ids it holds, and which below its greatest it still
*awaits*. An id is awaited no longer when every transaction that wrote to the table at the time has ended and it is
still not there: whoever has taken an id holds a lock on the table (`RowExclusiveLock`, which `INSERT` takes first)
until after its rows can be seen. So each row is in exactly one block, gaps of what was rolled back are no riddle, and
a row that appears where nothing was awaited was not written by us.

After each block, and before the next, its head goes to the `HeadStore`. So at most one block has no head yet; after a
kill it gets one only if it continues the kept heads and still holds what it says.
"""

import asyncio
import contextlib
import hashlib
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit_ranges as ranges
from shared import logs, purposes
from shared.audit_blocks import BY_ID, EPOCH, GENESIS, MARK, Block, micros, newest_block, row_digest, rows_in
from shared.audit_heads import Head, HeadError, HeadStore
from shared.audit_ranges import Ranges
from shared.clock import now
from shared.db import Context, Database, is_away

log = logs.get(__name__)

INTERVAL_SECONDS = 1.0
BLOCK_ROWS = 2_000
LONGEST_PAUSE_SECONDS = 30.0
REPEAT_SECONDS = 60.0

_LOCK = text(f"SELECT pg_try_advisory_xact_lock(hashtext('muster.audit.seal')), {BY_ID}")
_INSERT = text(
    "INSERT INTO audit_block (number, previous, upto_id, row_count, ids, awaited, rows_digest, row_marks, sealed_at,"
    " digest) VALUES (:number, :previous, :upto_id, :row_count, CAST(CAST(:ids AS text) AS int8multirange),"
    " CAST(CAST(:awaited AS text) AS int8multirange), :rows_digest, :row_marks, :sealed_at, :digest)"
)
_WRITERS = text(
    "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND mode = 'RowExclusiveLock' AND relation = 'audit_entry'::regclass"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Refused(Exception):
    """The chain in the database is not the one whose head is kept: nothing is sealed until a person has looked."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Sealer:
    """Seals the audit rows of one service; several may run, one seals at a time."""

    def __init__(
        self,
        database: Database,
        service: str,
        heads: HeadStore,
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        block_rows: int = BLOCK_ROWS,
    ) -> None:
        self.database = database
        self.service = service
        self.heads = heads
        self.interval_seconds = interval_seconds
        self.block_rows = block_rows
        self._context = Context.system(service)
        # Awaited ids with the transactions that may yet bring them; None: not asked yet. Valid after block `_tail`.
        self._awaiting: list[tuple[Ranges, frozenset[str] | None]] = []
        self._tail: bytes | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Return from `run` after what is in hand."""
        self._stopping.set()

    async def run(self) -> None:
        """Seal until `stop`. Whatever goes wrong is logged and tried again; writers never notice."""
        logs.begin()
        pause, told, told_at = self.interval_seconds, "", 0.0
        while not self._stopping.is_set():
            try:
                await self.seal()
                if told:
                    log.info("audit_sealing_resumed")
                pause, told = self.interval_seconds, ""
            except Exception as error:
                code = error.code if isinstance(error, Refused) else type(error).__name__
                if code != told or time.monotonic() - told_at >= REPEAT_SECONDS:
                    expected = isinstance(error, Refused | HeadError | OSError) or is_away(error)
                    log.error("audit_not_sealed", reason=code, exc_info=None if expected else error)
                    told, told_at = code, time.monotonic()
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def seal(self) -> int:
        """Seal all that waits; the number of blocks made.

        Raises `Refused`, `HeadError`, `OSError` when heads cannot be kept, and whatever the database raises.
        """
        made = 0
        while (block := await self._step()) is not None:
            made += block.row_count > 0
            # Under load there may always be another full block; who was told to stop does not wait for the last.
            if block.row_count < self.block_rows or self._stopping.is_set():
                break
        return made

    async def _step(self) -> Block | None:
        """One block, or None: nothing to do, or another worker is at it."""
        while True:
            # Outside the transaction, for a store may be a network away; before it, for blocks never become fewer.
            kept = await asyncio.to_thread(self.heads.newest)
            block = None
            async with self.database.transaction(self._context) as session:
                # The block is the trace of this use; a row each second would keep the chain growing by itself.
                await purposes.assume(session, "seal", "audit_block", "next", audited=False)
                if not await session.scalar(_LOCK):
                    return None
                last = await newest_block(session, self.service)
                agreed = _continues(last, kept)
                if agreed:
                    block, awaiting = await self._compose(session, last)
                if block is not None:
                    await session.execute(_INSERT, _values(block))
            if agreed:
                break
            await self._catch_up(last, kept)
        self._tail = block.digest if block else last.digest if last else GENESIS
        self._awaiting = awaiting
        if block is not None:
            await asyncio.to_thread(self.heads.append, Head.of(block))
        return block

    async def _compose(
        self, session: AsyncSession, last: Block | None
    ) -> tuple[Block | None, list[tuple[Ranges, frozenset[str] | None]]]:
        """The next block, if there is anything to say, and what is awaited after it."""
        upto, awaited = (last.upto_id, last.awaited) if last else (0, ())
        if self._tail == (last.digest if last else GENESIS):
            awaiting = self._awaiting
        else:
            awaiting = [(awaited, None)] if awaited else []
        # Asked before the rows are read: who is not among them has ended, and its rows are seen now or never.
        running = await _writers(session) if awaiting else frozenset()
        rows = await rows_in(session, (*awaited, (upto + 1, ranges.FOREVER)), self.block_rows)
        found = ranges.of_ids(row[0] for row in rows)
        greatest = max(upto, rows[-1][0]) if rows else upto
        # Nothing is known of what lies behind the last row of a full block.
        looked_at = rows[-1][0] if len(rows) == self.block_rows else greatest
        still: list[tuple[Ranges, frozenset[str] | None]] = []
        for ids, suspects in awaiting:
            suspects = running if suspects is None else _still(suspects, running)
            missing = ranges.without(ids, found)
            if not suspects:
                missing = ranges.without(missing, ((0, looked_at + 1),))
            if missing:
                still.append((missing, suspects))
        gaps = ranges.without(((upto + 1, greatest + 1),), found) if greatest > upto else ()
        if gaps:
            # Asked after the rows were read: whoever took one of these ids did so before, and holds its lock or has
            # ended. If nobody holds one, a second look decides.
            running = await _writers(session)
            if running or await rows_in(session, gaps, 1):
                still.append((gaps, running))
        awaited_now = ranges.merged(r for ids, _ in still for r in ids)
        if not rows and awaited_now == awaited:
            return None, still
        digests = [row_digest(row) for row in rows]
        block = Block(
            service=self.service,
            number=last.number + 1 if last else 1,
            previous=last.digest if last else GENESIS,
            upto_id=greatest,
            row_count=len(rows),
            ids=found,
            awaited=awaited_now,
            rows_digest=hashlib.sha256(b"".join(digests)).digest(),
            row_marks=b"".join(digest[:MARK] for digest in digests),
            sealed_at=micros(now()),
        )
        return block.sealed(), still

    async def _catch_up(self, last: Block | None, kept: Head | None) -> None:
        """Give the newest block the head that a kill cost it. Raises `Refused` for whatever else is the matter."""
        if kept is not None and (last is None or last.number < kept.number):
            raise Refused("tail_cut")
        if last is None or (kept is not None and last.number == kept.number):
            raise Refused("head_differs")
        # Asked again, after the block was seen: the head of the block before it was kept before it was made.
        kept = await asyncio.to_thread(self.heads.newest)
        number, digest = (kept.number, kept.digest) if kept else (0, GENESIS)
        if number >= last.number:
            return
        if number + 1 < last.number:
            raise Refused("heads_behind")
        if last.previous != digest or not await self._is_whole(last):
            raise Refused("block_differs")
        await asyncio.to_thread(self.heads.append, Head.of(last))
        log.info("audit_head_made_good", block=last.number)

    async def _is_whole(self, block: Block) -> bool:
        if ranges.size(block.ids) != block.row_count or block.computed() != block.digest:
            return False
        async with self.database.transaction(self._context) as session:
            await purposes.assume(session, "seal", "audit_block", block.number, audited=False)
            rows = await rows_in(session, block.ids, block.row_count + 1)
        digests = [row_digest(row) for row in rows]
        marks = b"".join(digest[:MARK] for digest in digests)
        whole = replace(block, rows_digest=hashlib.sha256(b"".join(digests)).digest(), row_marks=marks)
        return len(rows) == block.row_count and whole == block


def _continues(last: Block | None, kept: Head | None) -> bool:
    number, digest = (last.number, last.digest) if last else (0, GENESIS)
    return (number, digest) == ((kept.number, kept.digest) if kept else (0, GENESIS))


async def _writers(session: AsyncSession) -> frozenset[str]:
    """The transactions that have written audit rows, or are about to, and have not ended."""
    return frozenset(await session.scalars(_WRITERS))


def _still(suspects: frozenset[str], running: frozenset[str]) -> frozenset[str]:
    # A prepared transaction goes on under another name, and nobody can tell which it had.
    return (suspects & running) | {name for name in running if name.startswith("-1/")} if suspects else suspects


def _values(block: Block) -> dict[str, object]:
    return {
        "number": block.number,
        "previous": block.previous,
        "upto_id": block.upto_id,
        "row_count": block.row_count,
        "ids": ranges.write(block.ids),
        "awaited": ranges.write(block.awaited),
        "rows_digest": block.rows_digest,
        "row_marks": block.row_marks,
        "sealed_at": EPOCH + timedelta(microseconds=block.sealed_at or 0),
        "digest": block.digest,
    }
