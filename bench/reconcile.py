"""`reconcile_100k` and `reconcile_1m`: as many lines of a bank's posting file, booked to as many notices.

Ours, of 100,000: the file is posted to the gateway, read whole, every line checked, sealed and kept, matched, and
booked in double entry with an audit row; timed from the request to the answer. Of 1,000,000, which are too many for an
upload: the same function as the worker calls for a file of the drop folder, in this process, with the application's
role and its walls. A line in fifty pays half, one in fifty too much, one in two hundred has a wrong digit and goes into
suspense, one in a thousand is a reversal, whose employer's lines the rules go through one by one.

The peer is COPY of the same bytes into a plain table of lines, and one statement that cuts them up, joins them to a
plain table of accounts by hash and writes the result into a third: nothing is checked, nothing kept apart, no index, no
ledger, no earlier payment looked at. The answers compared first: how many lines found a notice, and how much each of
these notices was paid. And the same file once more changes no row.

Each round begins with notices of which nothing is paid: what the last one wrote is taken away past the service.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bench.billing import Ministry
from bench.machine import cores, on, pin
from bench.place import ENVIRONMENT, Place, conditions
from bench.results import Row, against
from bench.roster import call, log_in
from bench.rounds import Side, Slice, contest, timed
from bench.servers import NotStartedError
from local.stack import Stack
from rdss_fee.accounts.numbers import Account, Scheme
from rdss_fee.bankfiles.layouts import BANK_OF_TAIWAN
from rdss_fee.months import Month
from rdss_fee.payments.dropping import Dropped, take_dropped
from shared import crypto
from shared.db import Database

PEER = "COPY and a hash join"
TARGET = 8.0
_TODAY = date(2026, 10, 7)
_MONTH = Month(2026, 10)
_SCHEME = Scheme("700", 7)
_DUE = 30_100
_PATH = "/rdss-fee/v1/bank-files?layout=bank_of_taiwan"
_SECONDS = 600

_NOTICES = (
    "INSERT INTO employer (code, number, name, version, registered_on, registered_by)"
    " SELECT lpad(i::text, 8, '0'), i, '示範公司', 1, '2026-01-01', 'bench' FROM generate_series(1, {count}) AS i",
    "INSERT INTO collection_scheme (id, effective_from, check_name, prefix, employer_digits, bank_code, payee_bank,"
    " payee_name, atm_most, entered_by) VALUES (gen_random_uuid(), '2009-01-01', 'bank_of_taiwan', '700', 7, '004',"
    " '臺灣銀行', '內政部役政署', 2000000, 'bench') ON CONFLICT DO NOTHING",
    "INSERT INTO billing_run (id, month, kind, reprice, state, version, asked_by, asked_on, known_at, as_of)"
    " VALUES (gen_random_uuid(), '2026-10-01', 'regular', false, 'computing', 1, 'bench', '2026-09-15', now(),"
    " '2026-09-15')",
    "INSERT INTO notice (id, run_id, employer_code, month, amount, virtual_account, scheme_id, issued_on, due_on,"
    " due_provisional) SELECT gen_random_uuid(), r.id, a.code, '2026-10-01', {due}, a.account, s.id, '2026-09-15',"
    " '2026-10-05', false FROM bench_peer.account AS a, billing_run AS r, collection_scheme AS s"
    " WHERE s.prefix = '700' ORDER BY a.code",
    "UPDATE bench_peer.account AS a SET notice_id = n.id FROM notice AS n WHERE n.virtual_account = a.account",
    "CREATE TABLE bench_peer.posting AS SELECT 'notice_issued' AS kind, 'receivable' AS debit, 'revenue' AS credit,"
    " amount, id AS notice_id, employer_code, issued_on AS booked_on, 'bench' AS booked_by FROM notice",
)
_AFRESH = (
    "TRUNCATE posting, bank_transaction, bank_file, suspense_assignment, receipt, idempotency_key",
    "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, booked_on, booked_by)"
    " SELECT * FROM bench_peer.posting",
    "TRUNCATE bench_peer.line, bench_peer.paid",
    "ANALYZE posting",
    "CHECKPOINT",
)
_PEER_TABLES = (
    "CREATE SCHEMA bench_peer",
    "CREATE TABLE bench_peer.account (account text, code text, notice_id uuid)",
    "CREATE TABLE bench_peer.line (line text)",
    "CREATE TABLE bench_peer.paid (notice_id uuid, amount bigint, posted_on date, value_on date, serial text,"
    " channel text, payer text)",
)
_JOIN = """
INSERT INTO bench_peer.paid
SELECT a.notice_id, (CASE substr(line, 50, 1) WHEN '-' THEN -1 ELSE 1 END) * substr(line, 51, 12)::bigint,
    substr(line, 2, 8)::date, substr(line, 10, 8)::date, substr(line, 24, 10), substr(line, 63, 2),
    rtrim(substr(line, 65, 40))
FROM bench_peer.line AS l JOIN bench_peer.account AS a ON a.account = substr(l.line, 34, 16)
WHERE l.line LIKE '2%'
"""


def posting_file(accounts: list[str]) -> bytes:
    """A file with one line for each account, in the default layout."""
    lines, sum_ = [b"1".ljust(120)], 0
    for at, account in enumerate(accounts):
        amount, sign, number = _DUE, "+", account
        if at % 50 == 10:
            amount = _DUE // 2
        elif at % 50 == 11:
            amount = _DUE + 100
        elif at % 200 == 12:
            number = account[:-1] + str((int(account[-1]) + 1) % 10)
        elif at % 1_000 == 15:
            # What the line before it paid.
            sign, number = "-", accounts[at - 1]
        sum_ += -amount if sign == "-" else amount
        payer = f"示範公司{at % 10_000}".encode("cp950").ljust(40)
        head = f"22026100520261005120000{at:010d}{number}{sign}{amount:012d}03"
        lines.append(head.encode() + payer + b" " * 16)
    lines.append(f"3{len(accounts):08d}{sum_:014d}".ljust(120).encode())
    return b"".join(line + b"\r\n" for line in lines)


class Bank(Ministry):
    """A running suite with one notice for each employer, and the bank's file of what they paid."""

    def __init__(self, suite: Stack, count: int) -> None:
        super().__init__(suite, count, count)
        self.count = count
        self._accounts = [_SCHEME.number(Account(_MONTH, number)) for number in range(1, count + 1)]
        self.file = posting_file(self._accounts)

    @classmethod
    @contextmanager
    def opened(cls, place: Place, count: int) -> Iterator["Bank"]:
        """Everything up, furnished and pinned; stopped in the end."""
        with ExitStack() as stack:
            suite = stack.enter_context(Stack(place.fresh() / "suite", environment=ENVIRONMENT))
            suite.move_clock((_TODAY - datetime.now().astimezone().date()).days)
            for name, pid in suite.pids.items():
                pin(pid, cores().servers if name in ("gateway", "rdss-fee", "rdss-fee-worker") else cores().rest)
            bank = cls(suite, count)
            asyncio.run(bank._fill())
            stack.enter_context(on(cores().rest))
            place.tell(f"{count:,} notices wait, the file has {len(bank.file) // 1_048_576} MiB")
            yield bank

    async def _fill(self) -> None:
        connection = await asyncpg.connect(self.database)
        try:
            await connection.execute("SET session_replication_role = replica; SET statement_timeout = 0")
            for statement in _PEER_TABLES:
                await connection.execute(statement)
            rows = ((account, f"{number:08d}", None) for number, account in enumerate(self._accounts, 1))
            await connection.copy_records_to_table("account", schema_name="bench_peer", records=rows)
            for statement in _NOTICES:
                await connection.execute(statement.format(count=self.count, due=_DUE), timeout=_SECONDS)
            await connection.execute("VACUUM ANALYZE", timeout=_SECONDS)
        finally:
            await connection.close()

    def afresh(self) -> None:
        """Notices of which nothing is paid."""
        asyncio.run(self.ask(*_AFRESH))

    # -- ours ----------------------------------------------------------------------------------------------

    def upload(self) -> tuple[float, dict[str, Any]]:
        """Post the file to the gateway: seconds, and what is told of it."""
        token = log_in(self.suite, "authority_finance")
        with timed() as watch:
            told = json.loads(call(self._port, "POST", _PATH, self.file, token, "text/plain"))
        return watch.seconds, told

    def take(self) -> tuple[float, dict[str, Any]]:
        """Take the file as the worker does with one of the drop folder."""
        return asyncio.run(self._take())

    async def _take(self) -> tuple[float, dict[str, Any]]:
        crypto.install(crypto.load("", str(self.suite.root / "keys")))
        url = self.suite.database_url("rdss-fee", "app").replace("://", "+asyncpg://", 1)
        database = Database(url, application="bench")
        try:
            with timed() as watch:
                taken = await take_dropped(database, Dropped(Path("bench.txt"), BANK_OF_TAIWAN, None), self.file)
        finally:
            await database.close()
        return watch.seconds, {"id": str(taken.id), "before": taken.before}

    def booked(self) -> object:
        """What ours booked: lines, and how much of each notice is paid."""
        (row,) = asyncio.run(
            self.ask(
                "SELECT count(*) AS lines, (SELECT md5(string_agg(notice_id || ':' || paid, ',' ORDER BY notice_id))"
                " FROM (SELECT notice_id, sum(CASE kind WHEN 'payment_reversed' THEN -amount ELSE amount END) AS paid"
                " FROM posting WHERE kind LIKE 'payment%' GROUP BY 1) AS p) AS paid"
                " FROM bank_transaction WHERE notice_id IS NOT NULL"
            )
        )
        return tuple(row)

    def rows(self) -> object:
        """How many rows stand where money is kept."""
        (row,) = asyncio.run(
            self.ask(
                "SELECT (SELECT count(*) FROM posting), (SELECT count(*) FROM bank_transaction),"
                " (SELECT count(*) FROM bank_file)"
            )
        )
        return tuple(row)

    # -- the peer ------------------------------------------------------------------------------------------

    def join(self) -> float:
        """The peer's work; seconds."""
        return asyncio.run(self._join())

    async def _join(self) -> float:
        connection = await asyncpg.connect(self.database)
        try:
            await connection.execute("SET statement_timeout = 0")
            with timed() as watch:
                async with connection.transaction():
                    await connection.copy_to_table(
                        "line", schema_name="bench_peer", source=_Bytes(self.file), format="csv", delimiter="\x01",
                        quote="\x02", encoding="latin1",
                    )  # fmt: skip
                    await connection.execute(_JOIN, timeout=_SECONDS)
            return watch.seconds
        finally:
            await connection.close()

    def joined(self) -> object:
        """What the peer found: lines, and how much of each notice is paid."""
        (row,) = asyncio.run(
            self.ask(
                "SELECT count(*) AS lines, (SELECT md5(string_agg(notice_id || ':' || paid, ',' ORDER BY notice_id))"
                " FROM (SELECT notice_id, sum(amount) AS paid FROM bench_peer.paid GROUP BY 1) AS p) AS paid"
                " FROM bench_peer.paid"
            )
        )
        return tuple(row)


class _Bytes:
    """The file as the driver takes it, a part at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        part = self._data[self._at : self._at + (size if size > 0 else 524_288)]
        self._at += len(part)
        return part


def hundred_thousand(place: Place) -> Iterator[Row]:
    """One row: through the gateway."""
    yield from _against(place, "reconcile_100k", 100_000, Bank.upload)


def million(place: Place) -> Iterator[Row]:
    """One row: as the worker takes it."""
    yield from _against(place, "reconcile_1m", 1_000_000, Bank.take)


def _against(
    place: Place, name: str, count: int, ours: Callable[[Bank], tuple[float, dict[str, Any]]]
) -> Iterator[Row]:
    with Bank.opened(place, count) as bank:

        def our_answer() -> object:
            bank.afresh()
            ours(bank)
            told, stood = bank.booked(), bank.rows()
            ours(bank)
            if bank.rows() != stood:
                raise NotStartedError(f"the same file changed rows: {stood}, then {bank.rows()}")
            return told

        def peer_answer() -> object:
            bank.afresh()
            bank.join()
            return bank.joined()

        def our_slice(_round: int) -> Slice:
            bank.afresh()
            seconds = ours(bank)[0]
            return Slice(seconds, seconds)

        def peer_slice(_round: int) -> Slice:
            bank.afresh()
            seconds = bank.join()
            return Slice(seconds, seconds)

        sides = [Side("ours", our_answer, our_slice), Side(PEER, peer_answer, peer_slice)]
        measured = contest(sides, place.tell)
    yield against(name, "s", "lower", measured, PEER, target=TARGET, lines=count, **conditions())
