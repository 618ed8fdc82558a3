"""`billing_60k`, `billing_growth`, `billing_rerun`: a month of 60,000 men at 3,000 employers, previewed and issued.

Ours: from the request for a run, through gateway, service and worker, to the answer that it is issued: 90,000 lines
(two months of half of the men), 3,000 notices with their virtual accounts, bookings, audit rows, and the manifest's
digests of all that it rests on. The peer of `billing_60k` is the bare arithmetic as one SQL statement in the same
database: days, rate, rounding and their sum for the same men, nothing kept, nobody's walls, no earlier month looked at.

`billing_growth` is the same run of 600,000 men against that of 60,000, both suites up and their runs in turns: what the
machine does besides would fall on one of them alone. `billing_rerun` is one with nothing new, after the first was
issued, against the first: all that is entitled is worked out again and found to be billed.

Each round begins without runs: they are taken away past the service, by the superuser, whom no trigger holds back.
Cores: gateway, service and worker on one, PostgreSQL on the other; with the walls' policies, as in production.

Learnt: a foreign key of a line to its run asked for each of 90,000 lines (0.46 s): a trigger looks once for all of a
statement. Lines written in the order of their key take 0.7 s instead of 1.4. Left to itself the planner joins spans and
months by nested loops, or merges shares by month alone, for minutes. A run that was asked for waited for 3,000 mails of
the run before (56 s of 57): it goes ahead of them now. What is still delivered or written out while something is timed
takes its core: it is taken away before, whatever comes next. The database's check that notices add up, asked as EXISTS,
read all lines once for each of 30,000 notices and never ended: counted, it takes a second. What is told of 30,000
notices at once held the service for so long that the gateway took it for silent: parts of 1,000.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import cache

import asyncpg

from bench.machine import cores, on, pin
from bench.place import ENVIRONMENT, Place, conditions
from bench.results import Row, against
from bench.roster import call, log_in
from bench.rounds import Side, Slice, contest, timed
from bench.servers import NotStartedError
from local.stack import Stack

MEN, EMPLOYERS = 60_000, 3_000
MONTH = "2026-10"
PEER = "one SQL statement"
TARGET, GROWTH, RERUN = 40.0, 12.0, 0.3
_TODAY = date(2026, 9, 15)
_PATH = "/rdss-fee/v1/billing-runs"
_WIDE = 6  # digits of an employer's number

_EMPLOYERS = (
    "INSERT INTO employer (code, number, name, version, registered_on, registered_by)"
    " SELECT (10000000 + i)::text, i, '示範公司', 1, '2026-01-01', 'bench' FROM generate_series(1, $1) AS i",
    "INSERT INTO collection_scheme (id, effective_from, check_name, prefix, employer_digits, bank_code, payee_bank,"
    " payee_name, atm_most, entered_by) VALUES (gen_random_uuid(), '2010-01-01', 'bank_of_taiwan', '7006', 6, '004',"
    " '臺灣銀行', '內政部役政署', 2000000, 'bench') ON CONFLICT DO NOTHING",
)
# Half of the men since September, whose whole month is billed too, and half from October on.
_MEN = (
    "INSERT INTO serviceman (id, national_id, national_id_index, name, version, registered_by)"
    " SELECT gen_random_uuid(), 'x', int8send(i), '役男', 1, 'bench' FROM generate_series(1, $1) AS i",
    "INSERT INTO service_event (id, serviceman_id, kind, data, state, entered_by, entered_on, confirmed_by,"
    " confirmed_at, confirmed_on) SELECT id, id, 'registered', '{}', 'confirmed', 'bench', '2026-01-01', 'bench',"
    " '2026-01-01', '2026-01-01' FROM serviceman",
    "INSERT INTO serviceman_facts (serviceman_id, version, category, degree, cohort, stage_begins_on, event_id,"
    " known_at, known_on) SELECT id, 1, 'rdss', CASE no % 3 WHEN 0 THEN 'doctoral' ELSE 'master' END, 2024,"
    " '2026-01-01', id, '2026-01-01', '2026-01-01' FROM serviceman",
    "INSERT INTO service_period (id, version, serviceman_id, serviceman_no, employer_code, begins_on, begun_by,"
    " event_id, known_at, known_on) SELECT gen_random_uuid(), 1, id, no, (10000001 + no % $1)::text,"
    " CASE no % 2 WHEN 0 THEN date '2026-10-01' ELSE date '2026-09-08' END, 'reported', id, '2026-01-01', '2026-01-01'"
    " FROM serviceman",
)
_ARITHMETIC = """
SELECT count(*), sum((2 * r.amount::bigint * d.days + d.length) / (2 * d.length))::bigint
FROM (
    SELECT p.serviceman_id, m.month, m.length, m.month + m.length - greatest(p.begins_on, m.month) AS days
    FROM service_period AS p JOIN (VALUES (date '2026-09-01', 30), ('2026-10-01', 31)) AS m (month, length)
        ON p.begins_on < m.month + m.length
) AS d
JOIN serviceman_facts AS f USING (serviceman_id)
JOIN rate AS r ON (r.category, r.degree) = (f.category, f.degree) AND r.effective_from = '2022-10-01'
"""
_AWAY = (
    "TRUNCATE line, notice, credit_statement, posting, billing_run, bank_transaction, suspense_assignment, receipt,"
    " violation, reminder, refund_claim, claim_paper, job, audit_entry"
)


class Ministry:
    """A running suite with servicemen, and the two people of the authority."""

    def __init__(self, suite: Stack, men: int, employers: int) -> None:
        self.suite = suite
        self._men, self._employers = men, employers
        self._port = suite.ports["gateway"]
        self.database = suite.admin_url.rpartition("/")[0] + "/muster_rdss_fee"

    @classmethod
    @contextmanager
    def open(cls, place: Place, men: int, employers: int, folder: str = "suite") -> Iterator["Ministry"]:
        """Everything up in a folder of `place`, furnished and pinned; stopped in the end."""
        with ExitStack() as stack:
            suite = stack.enter_context(Stack(place.folder / folder, environment=ENVIRONMENT))
            suite.move_clock((_TODAY - datetime.now().astimezone().date()).days)
            for name, pid in suite.pids.items():
                pin(pid, cores().servers if name in ("gateway", "rdss-fee", "rdss-fee-worker") else cores().rest)
            stack.enter_context(on(cores().rest))
            ministry = cls(suite, men, employers)
            asyncio.run(ministry._furnish(men, employers))
            place.tell(f"{men:,} servicemen serve at {employers:,} employers")
            yield ministry

    async def ask(self, *statements: str) -> list[asyncpg.Record]:
        """Rows of the last of these statements, past all walls and triggers."""
        connection = await asyncpg.connect(self.database)
        try:
            await connection.execute("SET session_replication_role = replica; SET statement_timeout = 0")
            found: list[asyncpg.Record] = []
            for statement in statements:
                found = await connection.fetch(statement)
            return found
        finally:
            await connection.close()

    async def _furnish(self, men: int, employers: int) -> None:
        connection = await asyncpg.connect(self.database)
        try:
            # No man of these has two periods: what would look for it in each row is put back at once.
            await connection.execute("ALTER TABLE service_period DROP CONSTRAINT ex_service_period_overlap")
            for statement in (*_EMPLOYERS, *_MEN):
                given = (employers if "employer" in statement.split("(")[0] or "% $1" in statement else men,)
                await connection.execute(statement, *(given if "$1" in statement else ()), timeout=600)
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    def without_runs(self) -> None:
        """As it was before the first run."""
        asyncio.run(self.ask(_AWAY))

    def nobody_told(self) -> None:
        """What employers are still to be told of is taken away: it would be delivered on the core that is measured."""
        asyncio.run(self.ask("DELETE FROM job WHERE kind = 'event.deliver' AND owner IS NULL"))

    def first(self) -> tuple[float, dict[str, int]]:
        """A first run: seconds, and its totals. Raises unless each has a notice and half of the men two months."""
        self.without_runs()
        seconds, told = self.timed_run()
        if (told["notices"], told["line_count"]) != (self._employers, self._men * 3 // 2):
            raise NotStartedError(f"not every employer has its notice: {told}")
        return seconds, told

    def alone(self) -> float:
        """Seconds of a first run, of which nothing is left that would be delivered, sealed or written out beside what
        is timed next.
        """
        seconds, _ = self.first()
        self.without_runs()
        asyncio.run(self.ask("CHECKPOINT"))
        return seconds

    def run(self, first: str, second: str) -> dict[str, int]:
        """Have a run previewed by one and issued by the other; its totals."""
        body = json.dumps({"month": MONTH}).encode()
        made = json.loads(call(self._port, "POST", _PATH, body, first))
        while made["state"] == "computing":
            time.sleep(0.02)
            made = json.loads(call(self._port, "GET", f"{_PATH}/{made['id']}", token=first))
        if made["state"] != "previewed":
            raise NotStartedError(f"the run was not computed: {made}")
        issued = json.loads(call(self._port, "POST", f"{_PATH}/{made['id']}/issue", None, second, seen=made["version"]))
        return {**issued["totals"], "notices": issued["notice_count"]}

    def timed_run(self) -> tuple[float, dict[str, int]]:
        """Seconds of a run, and its totals."""
        # A token lives ten minutes.
        people = log_in(self.suite, "authority_finance"), log_in(self.suite, "authority_finance_2")
        with timed() as watch:
            told = self.run(*people)
        return watch.seconds, told

    def arithmetic(self) -> tuple[float, tuple[int, int]]:
        """Seconds of the bare arithmetic, and what it comes to: lines, NT$."""

        async def work() -> tuple[float, tuple[int, int]]:
            connection = await asyncpg.connect(self.database)
            try:
                with timed() as watch:
                    row = await connection.fetchrow(_ARITHMETIC)
                return watch.seconds, (row[0], row[1])
            finally:
                await connection.close()

        return asyncio.run(work())


def _slice(seconds: float) -> Slice:
    return Slice(seconds, seconds)


def measure(place: Place) -> Iterator[Row]:
    """One row: a run against its bare arithmetic."""
    place.fresh()
    with Ministry.open(place, MEN, EMPLOYERS) as ministry:

        def our_answer() -> object:
            told = ministry.first()[1]
            return told["line_count"], told["charges"]

        sides = [
            Side("ours", our_answer, lambda _round: _slice(ministry.alone())),
            Side(PEER, lambda: ministry.arithmetic()[1], lambda _round: _slice(ministry.arithmetic()[0])),
        ]
        measured = contest(sides, place.tell)
    yield against(
        "billing_60k", "s", "lower", measured, PEER, target=TARGET, men=MEN, employers=EMPLOYERS, **conditions()
    )


def growth(place: Place) -> Iterator[Row]:
    """One row: ten times the men."""
    place.fresh()
    with (
        Ministry.open(place, MEN, EMPLOYERS, "few") as few,
        Ministry.open(place, 10 * MEN, 10 * EMPLOYERS, "many") as many,
    ):

        def side(name: str, ministry: Ministry) -> Side:
            return Side(name, lambda: True, lambda _round: _slice(ministry.alone()))

        measured = contest([side("ours", many), side("60,000 men", few)], place.tell)
    yield against("billing_growth", "s", "lower", measured, "60,000 men", target=GROWTH, men=10 * MEN, **conditions())


def rerun(place: Place) -> Iterator[Row]:
    """One row: a run with nothing new."""
    place.fresh()
    with Ministry.open(place, MEN, EMPLOYERS) as ministry:

        @cache
        def pair(_round: int) -> tuple[float, float]:
            """The first run, and just after it the second."""
            first, _ = ministry.first()
            ministry.nobody_told()
            seconds, told = ministry.timed_run()
            if told["line_count"]:
                raise NotStartedError(f"there was something new: {told}")
            return first, seconds

        sides = [
            Side("ours", lambda: True, lambda number: _slice(pair(number)[1])),
            Side("first run", lambda: True, lambda number: _slice(pair(number)[0])),
        ]
        measured = contest(sides, place.tell)
    yield against("billing_rerun", "s", "lower", measured, "first run", target=RERUN, men=MEN, **conditions())
