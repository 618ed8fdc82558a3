"""`roster_decide_2000`: one batch of 2,000 men decided through the gateway, against the same writes as bare SQL.

Ours compares versions, holds entries and deferments, checks every draft against the man's hints and age limits,
foresees what becomes of each deferment, and writes decisions, deferments and their history, the annotations and
township reports to be delivered, events, audit rows, states; timed from the request to the answer.

The peer is one transaction of PostgreSQL that makes the very same writes in the very same tables, with their indexes,
constraints and triggers (`bench.written`): the rows lie ready in the same database, one INSERT a table, one UPDATE a
table. Nothing is looked up, judged or encrypted, nothing goes over a connection, no row-level security is asked: a
bound from below. The answers compared first: how many rows each wrote, table by table.

The worker stands still while either side writes, so that it takes no time and leaves the jobs that were queued alone
until they are counted; then they are called done, because delivering 4,000 to the registry's stand-in measures nothing.
Cores: as in `bench.review`. Every round decides new men; the peer repeats what ours wrote last.

Learnt: objects of the session, and an INSERT executed once a row, took two seconds of processor of which one statement
a table leaves 0.8. Two thousand men planned in one go kept the service from answering anybody for as long, so that on a
busy machine the gateway took it for silent and said 503: what asks nobody is done in a thread.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from bench.machine import cpu_seconds
from bench.place import Place, conditions
from bench.results import Row, against
from bench.review import DONE, ROWS, House
from bench.rounds import Side, Slice, contest, timed
from bench.written import Table, Written, total

NAME = "roster_decide_2000"
PEER = "bare SQL"
TARGET = 5.0
# In the order of their foreign keys.
_FIRST = ("deferment", "decision", "deferment_change")


def measure(place: Place) -> Iterator[Row]:
    """One row."""
    with House.open(place) as house, asyncio.Runner() as runner:
        both = _Both(house, runner)
        sides = [Side("ours", both.our_answer, both.our_slice), Side(PEER, both.peer_answer, both.peer_slice)]
        measured = contest(sides, place.tell)
        both.close()
    yield against(
        NAME, "s", "lower", measured, PEER, target=TARGET, men=ROWS, rows_written=total(both.wrote), **conditions()
    )


class _Both:
    """A round's two sides: the batch that is decided, and the repetition of what deciding the last one wrote."""

    def __init__(self, house: House, runner: asyncio.Runner) -> None:
        self._house = house
        self._runner = runner
        self._connection: asyncpg.Connection = runner.run(asyncpg.connect(house.database))
        self._opened = [house.roster_id]
        self._written: Written | None = None
        self.wrote: dict[str, int] = {}

    def close(self) -> None:
        """Give the connection back."""
        self._runner.run(self._connection.close())

    def our_answer(self) -> object:
        """Rows that ours wrote, by table."""
        self.our_slice(0)
        return self.wrote

    def peer_answer(self) -> object:
        """Rows that the peer wrote, by table."""
        return self._again()[1]

    def our_slice(self, _round: int) -> Slice:
        opened = self._opened.pop() if self._opened else self._house.under_review()
        batch, seen = self._house.for_approval(opened)
        written = self._written = Written(self._connection, _changed(batch), _FIRST)
        self._runner.run(written.before())
        door = self._house.ours
        with self._worker_stands_still():
            before = cpu_seconds(*door.pids)
            with timed() as watch:
                self._house.decide(batch, seen)
            after = cpu_seconds(*door.pids)
            self.wrote = self._runner.run(self._counted(written, batch))
            self._runner.run(self._connection.execute(DONE))
        self._house.arena.settle()
        notes = {} if before is None or after is None else {"servers_cpu": after - before}
        return Slice(watch.seconds, watch.seconds, notes)

    def peer_slice(self, _round: int) -> Slice:
        seconds, _ = self._again()
        return Slice(seconds, seconds)

    def _again(self) -> tuple[float, dict[str, int]]:
        assert self._written is not None
        with self._worker_stands_still():
            done = self._runner.run(self._written.again())
            self._runner.run(self._connection.execute(DONE))
        return done

    async def _counted(self, written: Written, batch: str) -> dict[str, int]:
        query = "SELECT DISTINCT xmin::text::bigint FROM decision WHERE batch_id = $1::text::uuid"
        return await written.after(await self._connection.fetchval(query, batch))

    @contextmanager
    def _worker_stands_still(self) -> Iterator[None]:
        worker = self._house.suite.pids["roster-worker"]
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)


def _changed(batch: str) -> list[Table]:
    """What deciding that batch changes rows of."""
    roster = f"(SELECT roster_id FROM batch WHERE id = '{batch}')"  # noqa: S608 - our own identifier
    return [
        Table("entry", ("id",), f"batch_id = '{batch}'"),
        Table("batch", ("id",), f"id = '{batch}'"),
        Table("batch_entry", ("batch_id", "entry_id"), f"batch_id = '{batch}'"),
        Table("roster", ("id",), f"id = {roster}"),
        Table("county_setting", ("county_code",), "true"),
    ]
