"""`roster_export_100k` and `roster_export_memory`: the results of one roster of 100,000 men as CSV, IDs opened.

Ours is the report job, because more than 10,000 rows are given by no other door (docs/adr/0058): asked for through the
gateway, made by the worker out of the rows of the result list (encrypted IDs opened one by one, cells that would be
formulas made text, codes put into words), encrypted and stored in parts; then the file is fetched through the gateway.
Timed from asking to the last byte; how far the report is, is asked ten times a second. A worker looks for work every
0.2 s, which is part of it.

The peer is PostgreSQL's own `COPY … TO STDOUT (FORMAT csv)` of the same rows, in the same server, into memory here: a
plain table with a column for each of the report's, numbers and days as such, words as they stand there, IDs as plain
text. Nothing is opened, sorted, checked, stored or encrypted. The answers compared first: every cell of every row.

`roster_export_memory` is by how much the processes grow that have a part in it (worker with its children, service,
gateway) while such a report is made and fetched: of the sum of their resident memory the most that was seen, looking
every 10 ms, less what it was before, when one of them has already made a report of another roster. 1 MB = 1,048,576
bytes.

The roster: 2,000 men who came, were reviewed and decided through the gateway, and 49 copies of each, with an ID of its
own that is encrypted under the suite's key, written past the service. Cores: as in `bench.review`, the worker with the
servers.

Learnt: opening 100,000 IDs one call at a time takes 0.2 to 0.3 s of one core by itself, about as much as the target
leaves for everything; reading the rows, making cells and storing the file come on top. Pages of a thousand rows asked
the database for all of them each time. Rows through SQLAlchemy's session and an object for each of them took 1 s of the
worker's 2.3; straight from the driver, and written column by column, it is 1.3 s, spread over reading (0.3), opening
(0.3), cells and lines (0.35) and storing. How many rows there will be was 0.2 s, asked of the roster's counts by state.
"""

import asyncio
import csv
import io
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import asyncpg

from bench.machine import cores, cpu_seconds, memory, pin, tree
from bench.place import Place, conditions
from bench.results import Row, against, within
from bench.review import ROWS, House
from bench.roster import call
from bench.rounds import Side, Slice, contest, timed
from bench.servers import NotStartedError
from bench.tables import listed
from local.demo.people import national_id
from shared import crypto

MEN = 100_000
PEER = "COPY TO"
TARGET = 3.0
LIMIT = 64.0
_ASK_EVERY = 0.1
_LOOK_EVERY = 0.01
_PATIENCE = 300.0
# The report's columns in their order, as the peer holds them.
_COLUMNS: Mapping[str, str] = {
    "row_no": "integer", "national_id": "text", "name": "text", "student_no": "text", "state": "text",
    "decision": "text", "decided_on": "date", "decision_number": "text", "corrects_number": "text",
    "issued_on": "date", "deferment_until": "date", "reason": "text", "entry_id": "uuid",
}  # fmt: skip


def measure(place: Place) -> Iterator[Row]:
    """The row of the time."""
    with _opened(place) as export:
        sides = [Side("ours", export.our_answer, export.our_slice), Side(PEER, export.peer_answer, export.peer_slice)]
        measured = contest(sides, place.tell)
    yield against(
        "roster_export_100k", "s", "lower", measured, PEER, target=TARGET, rows=MEN, bytes=export.size, **conditions()
    )


def grown(place: Place) -> Iterator[Row]:
    """The row of the memory."""
    with _opened(place) as export:
        export.report(export.small)
        told = export.growth()
    if told is None:
        yield Row("roster_export_memory", "MB", "lower", None, "limit", LIMIT, skipped="no /proc on this machine")
        return
    most, before = told
    yield within("roster_export_memory", "MB", most - before, LIMIT, rows=MEN, before=before, **conditions())


@contextmanager
def _opened(place: Place) -> Iterator["_Export"]:
    with House.open(place) as house, asyncio.Runner() as runner:
        export = _Export(house, runner)
        try:
            place.tell(f"{export.fill():,} men are decided")
            yield export
        finally:
            runner.run(export.connection.close())


class _Export:
    """The roster, and both ways to have its results."""

    def __init__(self, house: House, runner: asyncio.Runner) -> None:
        self._house = house
        self._runner = runner
        pids = house.suite.pids
        pin(pids["roster-worker"], cores().servers)
        self._pids = (pids["roster-worker"], pids["roster"], pids["gateway"])
        self.connection: asyncpg.Connection = runner.run(asyncpg.connect(house.database, command_timeout=600))
        self.small = house.under_review()
        self.size = 0

    def fill(self) -> int:
        """Decide the roster, and multiply it; how many men stand on it then."""
        house = self._house
        for roster in (self.small, house.roster_id):
            house.decide(*house.for_approval(roster))
            house.forget_jobs()
        return self._runner.run(self._multiply())

    async def _multiply(self) -> int:
        ring = crypto.load("", str(self._house.suite.root / "keys"))
        rng = random.Random("export")  # noqa: S311 - made-up men, no secrets
        there = "SELECT national_id_index FROM entry WHERE roster_id = $1::text::uuid"
        taken = {index for (index,) in await self.connection.fetch(there, self._house.roster_id)}
        sealed: list[tuple[int, bytes, bytes]] = []
        while len(sealed) < MEN - ROWS:
            man = national_id(rng)
            if (index := ring.blind_index(man)) not in taken:
                taken.add(index)
                sealed.append((len(sealed), ring.encrypt(man.encode(), "entry.national_id"), index))
        connection = self.connection
        async with connection.transaction():
            await connection.execute("CREATE TEMPORARY TABLE copied (n integer, sealed bytea, index bytea)")
            await connection.copy_records_to_table("copied", records=sealed)
            await connection.execute(await self._copies())
        await connection.execute("VACUUM ANALYZE")
        roster = "SELECT count(*) FROM decision WHERE roster_id = $1::text::uuid"
        found: int = await connection.fetchval(roster, self._house.roster_id)
        if found != MEN:
            raise NotStartedError(f"{found:,} men are decided, not {MEN:,}")
        return found

    async def _copies(self) -> str:
        """One statement: a copy of an entry for each row of `copied`, and of its decision."""
        entry = {
            "id": "gen_random_uuid()", "row_no": f"{ROWS} + n + 1", "national_id": "sealed",
            "national_id_index": "index", "student_no": "'C' || n",
        }  # fmt: skip
        decision = {"id": "gen_random_uuid()", "entry_id": "made.id"}
        entries = await listed(self.connection, "entry", entry)
        decisions = await listed(self.connection, "decision", decision)
        numbered = f"SELECT *, row_no - 1 AS place FROM entry WHERE roster_id = '{self._house.roster_id}'"  # noqa: S608
        made = f"INSERT INTO entry ({entries[0]}) SELECT {entries[1]} FROM copied JOIN numbered AS source"  # noqa: S608
        decided = f"INSERT INTO decision ({decisions[0]}) SELECT {decisions[1]} FROM made JOIN numbered"  # noqa: S608
        return (
            f"WITH numbered AS ({numbered}), made AS ({made} ON place = n % {ROWS} RETURNING id, row_no)"
            f" {decided} ON place = (made.row_no - {ROWS} - 1) % {ROWS}"
            " JOIN decision AS source ON source.entry_id = numbered.id"
        )

    # -- ours ----------------------------------------------------------------------------------------------

    def report(self, roster: str) -> bytes:
        """The results of a roster as a report: asked for, waited for, fetched."""
        port, token = self._house.ours.port, self._house.token
        body = json.dumps({"report": "result_entries", "form": "csv", "roster_id": roster}).encode()
        asked = json.loads(call(port, "POST", "/roster/v1/reports", body, token))
        path, deadline = f"/roster/v1/reports/{asked['id']}", time.monotonic() + _PATIENCE
        while asked["state"] in ("queued", "running"):
            if time.monotonic() > deadline:
                raise NotStartedError(f"the report is not there after {_PATIENCE:.0f} s: {asked}")
            time.sleep(_ASK_EVERY)
            asked = json.loads(call(port, "GET", path, token=token))
        if asked["state"] != "ready":
            raise NotStartedError(f"no report was made: {asked}")
        return call(port, "GET", f"{path}/file", token=token)

    def our_answer(self) -> object:
        """Every row; the peer's table is filled from them."""
        rows = list(csv.reader(io.StringIO(self.report(self._house.roster_id).decode("utf-8-sig"), newline="")))[1:]
        self._runner.run(self._fill_peer(rows))
        return rows

    def our_slice(self, _round: int) -> Slice:
        before = cpu_seconds(*self._pids)
        with timed() as watch:
            file = self.report(self._house.roster_id)
        after = cpu_seconds(*self._pids)
        self.size = len(file)
        if (lines := file.count(b"\r\n")) != MEN + 1:
            raise NotStartedError(f"the file has {lines:,} lines")
        notes = {} if before is None or after is None else {"servers_cpu": after - before}
        return Slice(watch.seconds, watch.seconds, notes)

    def growth(self) -> tuple[float, float] | None:
        """Megabytes of all who have a part in it: the most while a report is made and fetched, and before."""
        before = _resident(self._pids)
        if before is None:
            return None
        most, done = before, threading.Event()

        def look() -> None:
            nonlocal most
            while not done.wait(_LOOK_EVERY):
                most = max(most, _resident(self._pids) or 0.0)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            self.our_slice(0)
        finally:
            done.set()
            looking.join()
        return most, before

    # -- the peer ------------------------------------------------------------------------------------------

    async def _fill_peer(self, rows: list[list[str]]) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        await self.connection.execute(f"CREATE SCHEMA bench_peer CREATE TABLE men ({columns})")
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        await self.connection.copy_to_table(
            "men", schema_name="bench_peer", source=io.BytesIO(out.getvalue().encode()), format="csv"
        )
        await self.connection.execute("VACUUM ANALYZE bench_peer.men")

    async def _copied(self) -> bytes:
        out = io.BytesIO()
        await self.connection.copy_from_table("men", schema_name="bench_peer", output=out, format="csv")
        return out.getvalue()

    def peer_answer(self) -> object:
        """Every row."""
        return list(csv.reader(io.StringIO(self._runner.run(self._copied()).decode(), newline="")))

    def peer_slice(self, _round: int) -> Slice:
        with timed() as watch:
            file = self._runner.run(self._copied())
        if (lines := file.count(b"\n")) != MEN:
            raise NotStartedError(f"the copy has {lines:,} lines")
        return Slice(watch.seconds, watch.seconds)


def _resident(pids: tuple[int, ...]) -> float | None:
    """The resident memory of processes and their descendants together; None where it cannot be told."""
    held: list[Any] = [memory(member) for pid in pids for member in tree(pid)]
    known = [one.rss for one in held if one is not None]
    return sum(known) if known else None
