"""Whether every audit row is what and where it was when it was sealed: rows, blocks and kept heads compared.

Reads only, in one snapshot, page by page: the memory it needs does not grow with the rows.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit_ranges as ranges
from shared import purposes
from shared.audit_blocks import BLOCK_COLUMNS, BY_ID, GENESIS, MARK, Block, block_of, row_digest, rows_in
from shared.audit_findings import Account
from shared.audit_heads import Head, HeadError, HeadStore
from shared.audit_ranges import Ranges
from shared.db import Context, Database, set_context

PAGE_ROWS = 5_000
PAGE_BLOCKS = 200
# A row whose own time lies so long before the block before its own was dated back, or its transaction took that long.
BACK_DATED_MICROSECONDS = 3_600_000_000
WAITING_SECONDS = 10

_BLOCKS = text(
    f"SELECT {BLOCK_COLUMNS} FROM audit_block WHERE number > :after ORDER BY number LIMIT {PAGE_BLOCKS}"  # noqa: S608
)
_BELOW_ZERO = text("SELECT id FROM audit_entry WHERE id <= 0 ORDER BY id LIMIT 100")
_WAITING = text(
    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(a.at)), 0)::bigint"
    " FROM unnest(CAST(:firsts AS bigint[]), CAST(:ends AS bigint[])) AS r (first, after)"
    " JOIN audit_entry AS a ON a.id >= r.first AND a.id < r.after AND isfinite(a.at)"
)


async def verify(
    database: Database, service: str, heads: HeadStore | None, *, waiting: int = WAITING_SECONDS
) -> Account:
    """Compare rows, blocks and, unless `heads` is None, the heads kept outside; see `Account` for what was found.

    Rows that are not sealed `waiting` seconds after they were written are a warning. Raises what the database raises.
    """
    began = time.monotonic()
    account = Account(service, heads_compared=heads is not None)
    # Before the snapshot: for what is in it now, a block must be seen.
    floor = await asyncio.to_thread(_newest, heads) if heads else None
    async with _snapshot(database, service) as session:
        log = await asyncio.to_thread(_HeadLog.read, heads, account) if heads else None
        await _Check(session, account, log, floor, waiting).run()
    account.seconds = time.monotonic() - began
    return account


@contextlib.asynccontextmanager
async def _snapshot(database: Database, service: str) -> AsyncIterator[AsyncSession]:
    async with database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        async with AsyncSession(connection) as session, session.begin():
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await set_context(session, Context.system(service))
            await purposes.assume(session, "seal", "audit_block", "verify", audited=False)
            await session.execute(text(f"SELECT {BY_ID}"))
            yield session


def _newest(heads: HeadStore) -> Head | None:
    # What is wrong with the log is told when it is read as a whole.
    with contextlib.suppress(HeadError):
        return heads.newest()
    return None


class _HeadLog:
    """The kept heads, read twice: once to see whether they follow one another, once beside their blocks."""

    def __init__(self, heads: HeadStore) -> None:
        self.heads = heads
        self.first: Head | None = None
        self.last: Head | None = None
        self._count = 0
        # Lines at which a person said to go on from an older block: (how many lines stand before, its number).
        self._restarts: list[tuple[int, int]] = []

    @classmethod
    def read(cls, heads: HeadStore, account: Account) -> "_HeadLog":
        """The first reading; what is wrong is told to `account`."""
        log = cls(heads)
        expected = 1
        unreadable: list[int] = []
        for line in heads.lines():
            log._count += 1
            head = line.head
            if head is None:
                unreadable.append(line.number)
                expected = 0
                continue
            for number in unreadable:
                # What a crash of the machine made of the end of the file, a person has seen and gone on from.
                (account.warn if head.adopted else account.find)("head_forged", number)
            unreadable = []
            if head.adopted:
                account.warn("head_adopted", head.number)
                if log.last is not None and head.number < log.last.number:
                    log._restarts.append((log._count - 1, head.number))
            elif expected and head.number != expected:
                account.find("head_missing", expected)
            expected = head.number + 1
            log.first = log.first or head
            log.last = head
        for number in unreadable:
            account.find("head_forged", number)
        return log

    def effective(self) -> Iterator[Head]:
        """The heads that count, by number; those of blocks given up by a person are left out."""
        restarts = list(self._restarts)
        for place, line in enumerate(self.heads.lines()):
            if place >= self._count:
                return
            while restarts and restarts[0][0] <= place:
                restarts.pop(0)
            if line.head is not None and not any(line.head.number > number for _, number in restarts):
                yield line.head


@dataclass
class _Rows:
    """One block's rows as they come by."""

    block: Block
    # What it claims; of a block that cannot be compared with its rows, only what no other had before.
    ids: Ranges
    comparable: bool
    earliest: int
    at: int = 0
    hashed: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    differs: bool = False
    # The ids that have not come by.
    left: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self.left = chain.from_iterable(range(first, after) for first, after in self.block.ids)


class _Check:
    """One run over one service's chain."""

    def __init__(
        self, session: AsyncSession, account: Account, log: _HeadLog | None, floor: Head | None, waiting: int
    ) -> None:
        self.session = session
        self.account = account
        self.log = log
        self.floor = floor
        self.waiting = waiting
        self.last: Block | None = None
        self.upto = 0
        self.awaited: Ranges = ()

    async def run(self) -> None:
        """Block by block, then what lies beyond the last."""
        heads = self.log.effective() if self.log else iter(())
        head = next(heads, None)
        for number in await self.session.scalars(_BELOW_ZERO):
            self.account.find("row_planted", None, number)
        while blocks := await self._page():
            upto, awaited = self.upto, self.awaited
            expected: list[_Rows] = []
            for block in blocks:
                expected.append(self._link(block))
                while head is not None and head.number < block.number:
                    head = next(heads, None)
                while head is not None and head.number == block.number:
                    if not head.agrees(block):
                        self.account.find("head_differs", block.number)
                    head = next(heads, None)
                self.last = block
            await self._compare(expected, ranges.merged((*awaited, (upto + 1, self.upto + 1))))
            self.account.blocks += len(blocks)
        self.account.newest = self.last.number if self.last else 0
        self._tail()
        await self._unsealed()

    async def _page(self) -> list[Block]:
        after = self.last.number if self.last else 0
        rows = await self.session.execute(_BLOCKS, {"after": after})
        return [block_of(self.account.service, row) for row in rows]

    def _link(self, block: Block) -> _Rows:
        """What its rows are to be compared with; all that is wrong with the block itself is told."""
        number, digest = (self.last.number, self.last.digest) if self.last else (0, GENESIS)
        if block.number != number + 1:
            self.account.find("block_missing", number + 1, count=block.number - number - 1)
        elif block.previous != digest:
            self.account.find("chain_broken", block.number)
        allowed = ranges.merged((*self.awaited, (self.upto + 1, block.upto_id + 1)))
        counted = ranges.size(block.ids) == block.row_count and len(block.row_marks) == MARK * block.row_count
        foreign = ranges.without(block.ids, allowed)
        if (
            block.computed() != block.digest
            or not counted
            or block.upto_id < self.upto
            or foreign
            or ranges.without(block.awaited, ranges.without(allowed, block.ids))
        ):
            self.account.find("block_altered", block.number)
        self.upto, self.awaited = max(self.upto, block.upto_id), block.awaited
        earliest = (self.last.sealed_at or 0) if self.last else 0
        return _Rows(block, block.ids if counted else ranges.without(block.ids, foreign), counted, earliest)

    async def _compare(self, expected: list[_Rows], looked_at: Ranges) -> None:
        """All rows with the ids that these blocks speak of, by id; each belongs to one of them or is awaited after."""
        claims = [(first, after, block) for block in expected for first, after in block.ids]
        claims.sort(key=lambda claim: claim[:2])
        place, ids = 0, looked_at
        while rows := await rows_in(self.session, ids, PAGE_ROWS):
            for row in rows:
                while place < len(claims) and claims[place][1] <= row[0]:
                    place += 1
                if place < len(claims) and claims[place][0] <= row[0]:
                    self._row(claims[place][2], row)
                elif not ranges.holds(self.awaited, row[0]):
                    self.account.find("row_planted", expected[-1].block.number, row[0])
            self.account.rows += len(rows)
            ids = ranges.without(ids, ((-ranges.FOREVER, rows[-1][0] + 1),))
            # Other work of this process gets its turn.
            await asyncio.sleep(0)
        for block in expected:
            self._ended(block)

    def _row(self, sealed: _Rows, row: tuple[int | None, ...]) -> None:
        if not sealed.comparable:
            return
        for number in sealed.left:
            mark = sealed.block.row_marks[sealed.at : sealed.at + MARK]
            sealed.at += MARK
            if number == row[0]:
                break
            sealed.differs = True
            self.account.find("row_missing", sealed.block.number, number)
        digest = row_digest(row)
        sealed.hashed.update(digest)
        if digest[:MARK] != mark:
            sealed.differs = True
            self.account.find("row_edited", sealed.block.number, row[0])
        if row[1] is None or row[1] < sealed.earliest - BACK_DATED_MICROSECONDS:
            self.account.warn("row_back_dated", sealed.block.number, row[0])

    def _ended(self, sealed: _Rows) -> None:
        if not sealed.comparable:
            return
        for number in sealed.left:
            sealed.differs = True
            self.account.find("row_missing", sealed.block.number, number)
        if not sealed.differs and sealed.hashed.digest() != sealed.block.rows_digest:
            self.account.find("rows_differ", sealed.block.number)

    def _tail(self) -> None:
        """The chain must be as long as the kept heads say, or by one block longer."""
        if self.log is None:
            return
        newest = self.account.newest
        if self.floor is not None and self.floor.number > newest:
            self.account.find("tail_cut", newest + 1, count=self.floor.number - newest)
        kept = self.log.last.number if self.log.last else 0
        self.account.head = min(kept, newest)
        if self.log.first is not None and self.log.first.adopted and self.log.first.number > 1:
            self.account.warn("heads_begin_late", self.log.first.number)
        if newest == kept + 1:
            self.account.warn("head_pending", newest)
        elif newest > kept:
            self.account.find("head_missing", kept + 1, count=newest - kept)

    async def _unsealed(self) -> None:
        ids = ranges.merged((*self.awaited, (self.upto + 1, ranges.FOREVER)))
        row = (
            await self.session.execute(
                _WAITING, {"firsts": [first for first, _ in ids], "ends": [after for _, after in ids]}
            )
        ).one()
        self.account.waiting, self.account.oldest_waiting = row
        if row[0] and row[1] > self.waiting:
            self.account.warn("rows_waiting", None, count=row[0])
