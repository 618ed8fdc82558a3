"""A file's lines in the database, before and while they are booked: statements over all of them at once.

The lines are copied into a temporary table of the transaction, because there is no COPY into a table under row-level
security. Whoever stages holds the ledger (`ledger.service.hold_money`), so what was known and paid stays so.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from rdss_fee.bankfiles.postings import Posting
from rdss_fee.ledger.rules import Notice
from rdss_fee.payments.allotting import Allotted, Line

_INCOMING: Final = """
CREATE TEMPORARY TABLE incoming (
    line integer, key text COLLATE "C", account text, amount bigint, posted_on date, value_on date, serial text,
    channel text, payer text
) ON COMMIT DROP
"""
_FRESH: Final = """
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT i.*, n.id AS notice_id, n.employer_code, n.amount AS due
FROM incoming AS i LEFT JOIN notice AS n ON n.virtual_account = i.account
WHERE NOT EXISTS (SELECT 1 FROM bank_transaction AS b WHERE b.key = i.key)
"""
# Whatever a reversal touches hangs on the order of all that its employer paid.
_APART: Final = """
SELECT line, account, amount, posted_on, notice_id, employer_code, due FROM fresh
WHERE notice_id IS NULL OR employer_code IN
    (SELECT employer_code FROM fresh WHERE amount < 0 AND employer_code IS NOT NULL)
ORDER BY line
"""
_ALLOTTED: Final = """
CREATE TEMPORARY TABLE allotted (line integer, notice_id uuid, employer_code text, why text) ON COMMIT DROP
"""
_TAKEN: Final = """
CREATE TEMPORARY TABLE taken (line integer, id bigint) ON COMMIT DROP
"""
_TRANSACTIONS: Final = """
WITH made AS (
INSERT INTO bank_transaction
    (file_id, line, key, account, amount, posted_on, value_on, serial, channel, payer, notice_id, employer_code, why)
SELECT $1, f.line, f.key, f.account, f.amount, f.posted_on, f.value_on, f.serial, f.channel, f.payer,
    CASE WHEN a.line IS NULL THEN f.notice_id ELSE a.notice_id END,
    CASE WHEN a.line IS NULL THEN f.employer_code ELSE a.employer_code END, a.why
FROM fresh AS f LEFT JOIN allotted AS a USING (line)
ORDER BY f.line
ON CONFLICT (key) DO NOTHING
RETURNING line, id
) INSERT INTO taken SELECT line, id FROM made
"""
_IDS: Final = """
SELECT line, id FROM taken WHERE line IN (SELECT line FROM allotted)
"""
# Of each payment that much settles its notice as was still due: by what was booked to it before, and by the file's
# earlier lines (`ledger.rules.posted`).
_POSTINGS: Final = """
WITH before AS (
    SELECT p.notice_id, sum(CASE WHEN p.kind IN ('payment_posted', 'suspense_assigned') THEN p.amount
        WHEN p.kind IN ('payment_reversed', 'assignment_undone') THEN -p.amount ELSE 0 END)::bigint AS paid
    FROM posting AS p WHERE p.notice_id IN (SELECT notice_id FROM fresh) GROUP BY 1
), paying AS (
    SELECT t.id, f.notice_id, f.employer_code, f.amount, f.due, coalesce(e.paid, 0) - f.amount
        + (sum(f.amount) OVER (PARTITION BY f.notice_id ORDER BY f.line ROWS UNBOUNDED PRECEDING))::bigint AS paid
    FROM fresh AS f JOIN taken AS t USING (line)
    LEFT JOIN before AS e ON e.notice_id = f.notice_id
    WHERE NOT EXISTS (SELECT 1 FROM allotted AS a WHERE a.line = f.line)
), shared AS MATERIALIZED (
    SELECT id, notice_id, employer_code, amount, least(due, paid + amount) - least(due, paid) AS settled FROM paying
)
INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, booked_on, booked_by)
SELECT 'payment_posted', 'bank', credit, part, notice_id, employer_code, id, $1, $2
FROM (
    SELECT id, notice_id, employer_code, 'receivable' AS credit, settled AS part FROM shared WHERE settled > 0
    UNION ALL
    SELECT id, notice_id, employer_code, 'refundable', amount - settled FROM shared WHERE settled < amount
) AS parts
ORDER BY id, credit
"""


class Staged:
    """The lines of one file, staged; what the statements do, in their order."""

    def __init__(self, connection: asyncpg.Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    async def stage(self, postings: Sequence[Posting]) -> int:
        """Copy the lines in and leave out what was taken before; how many are fresh."""
        # Joins and sorts of a million lines, without going by way of the disc.
        await self._connection.execute("SET LOCAL work_mem = '64MB'")
        await self._connection.execute(_INCOMING)
        await self._connection.copy_records_to_table(
            "incoming", records=map(msgspec.structs.astuple, postings), timeout=self._seconds
        )
        await self._connection.execute(_ALLOTTED)
        await self._connection.execute(_TAKEN)
        fresh = _count(await self._connection.execute(_FRESH, timeout=self._seconds))
        # Nobody else does it for a temporary table, and a guess at what is in it costs more.
        await self._connection.execute("ANALYZE fresh", timeout=self._seconds)
        return fresh

    async def apart(self) -> list[tuple[Line, Notice | None]]:
        """The fresh lines that the rules must look at one by one, with their notices, of which nothing is paid yet."""
        rows = await self._connection.fetch(_APART, timeout=self._seconds)
        return [
            (
                Line(row["line"], row["account"], row["amount"], row["posted_on"]),
                None
                if row["notice_id"] is None
                else Notice(str(row["notice_id"]), row["employer_code"], row["due"], 0),
            )
            for row in rows
        ]

    async def allot(self, allotted: Iterable[Allotted]) -> None:
        """Say of these lines where they belong."""
        rows = [
            (
                one.line,
                None if one.notice is None else UUID(one.notice.id),
                None if one.notice is None else one.notice.employer,
                one.why,
            )
            for one in allotted
        ]
        await self._connection.copy_records_to_table("allotted", records=rows, timeout=self._seconds)

    async def write(self, file_id: UUID) -> int:
        """Write the fresh lines as transactions of the file; how many."""
        count = _count(await self._connection.execute(_TRANSACTIONS, file_id, timeout=self._seconds))
        await self._connection.execute("ANALYZE taken", timeout=self._seconds)
        return count

    async def ids(self) -> dict[int, int]:
        """The ids of the transactions that the lines became which were allotted one by one."""
        rows = await self._connection.fetch(_IDS, timeout=self._seconds)
        return {row["line"]: row["id"] for row in rows}

    async def book(self, on: object, by: str) -> None:
        """Book the payments of all lines that were not allotted one by one."""
        await self._connection.execute(_POSTINGS, on, by, timeout=self._seconds)


def _count(status: str) -> int:
    """How many rows a statement made, by what the server says of it."""
    return int(status.rpartition(" ")[2])
