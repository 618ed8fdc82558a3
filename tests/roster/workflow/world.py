"""The roster service as the workflow machine meets it: people who call it, and its books, read past every wall."""

import asyncio
import os
import uuid
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from local.databases import Urls, plain
from roster.registry import delivery
from shared import clock, purposes
from shared.db import Context
from tests.roster.intake_corpus.files import Student, to_csv
from tests.support import rosters
from tests.support.services import running
from tests.support.tokens import bearer, key

SCHOOL = rosters.NTU
OFFICERS = {"officer-1": rosters.OFFICER, "officer-2": rosters.OFFICER_2, "deputy": rosters.DEPUTY}
APPROVERS = {
    "approver-1": rosters.APPROVER,
    "approver-2": bearer("approver", org="county:63000", sub="approver-2"),
    "deputy": rosters.DEPUTY,
}
PEOPLE = OFFICERS | APPROVERS
# Each example has men of its own, so that what one did to them is not another's history.
FIRST_MEN = count(1, 100)

ENTRIES = """
SELECT id::text, roster_id::text, student_no, state, version, batch_id::text, from_version, until_version,
    officer_draft ->> 'decision' AS draft, remarks, correction_by
FROM entry WHERE roster_id = ANY($1::uuid[]) ORDER BY 7, 8 NULLS LAST, id
"""
DECISIONS = """
SELECT d.id::text, d.entry_id::text, d.batch_id::text, d.decision, d.annotation_action, d.submitted_by, d.decided_by,
    d.decision_number, d.issued_on, d.deferment_id::text, e.student_no, d.corrects::text, d.correction_by, d.kind,
    d.decided_at, d.deferment_until, e.left_on, e.filed_on, e.filer_type IS NOT NULL AS filed
FROM decision d JOIN entry e ON e.id = d.entry_id WHERE d.roster_id = ANY($1::uuid[]) ORDER BY d.decided_at
"""
DEFERMENTS = """
SELECT DISTINCT f.id::text, f.decision_number, f.issued_on, f.deferred_from, f.deferred_until, f.revoked_on,
    f.ended_reason, f.filed_on, f.version, f.kind, f.awaits_roster, e.student_no
FROM deferment f JOIN entry e ON e.national_id_index = f.national_id_index WHERE e.roster_id = ANY($1::uuid[])
"""
TOLD = "SELECT payload ->> 'decision_id' AS id FROM job WHERE kind = 'registry.annotate' AND key = ANY($1::text[])"
AUDITED = """
SELECT entity_id AS id, count(*) AS n FROM audit_entry WHERE action = 'entry.decided' AND entity_id = ANY($1::text[])
GROUP BY 1
"""
TO_TELL = """
SELECT id, key::uuid AS decision_id FROM job WHERE kind = 'registry.annotate' AND state = 'ready' ORDER BY id
"""


class World:
    """Calls and looks of one machine after the other, on a loop of their own: Hypothesis knows no coroutines."""

    def __init__(self, urls: Urls, folder: Path) -> None:
        self.clock_file = folder / "clock"
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._runner.run(self._start(urls))

    async def _start(self, urls: Urls) -> None:
        service = await self._stack.enter_async_context(running("roster", urls))
        self.county = await rosters.county(service)
        self.books = await asyncpg.connect(plain(urls.owner))
        self._stack.push_async_callback(self.books.close)

    def close(self) -> None:
        """Give everything back."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def set_day(self, days_after: int) -> None:
        """Make it so many days after `rosters.TODAY`."""
        real = datetime.now(clock.TAIPEI).date()
        # Another name in its place: what reads it sees the one or the other, and that it changed.
        fresh = self.clock_file.with_suffix(".new")
        fresh.write_text(str((rosters.TODAY + timedelta(days=days_after) - real).days))
        os.replace(fresh, self.clock_file)

    def call(
        self, method: str, path: str, who: dict[str, str], body: Any = None, seen: int | None = None
    ) -> httpx.Response:
        """One request under `/roster/v1` with a JSON body."""
        answer: httpx.Response = self._runner.run(self.county.call(method, path, who, body, seen))
        return answer

    def post(self, rows: list[Student], kind: str) -> httpx.Response:
        """A school's file."""
        path = f"/roster/v1/submissions?kind={kind}&academic_year=115&term=1"
        return self._send("POST", path, rows, key())

    def put(self, roster_id: str, rows: list[Student], seen: int) -> httpx.Response:
        """A school's correction."""
        return self._send("PUT", f"/roster/v1/rosters/{roster_id}", rows, {"If-Match": f'"{seen}"'})

    def _send(self, method: str, path: str, rows: list[Student], headers: dict[str, str]) -> httpx.Response:
        headers = {**SCHOOL, **headers, "Content-Type": "text/csv"}
        sent = self.county.service.http.request(method, path, content=to_csv(rows).encode(), headers=headers)
        return self._runner.run(sent)

    def revision(self, roster_id: str) -> int:
        """Of a roster, as of now."""
        return int(self.ask("SELECT revision FROM roster WHERE id = $1", uuid.UUID(roster_id))[0]["revision"])

    def version(self, batch_id: str) -> int:
        """Of a batch, as of now."""
        return int(self.ask("SELECT version FROM batch WHERE id = $1", uuid.UUID(batch_id))[0]["version"])

    def annotated(self) -> dict[str, dict[str, Any]]:
        """What the registry is told of the decisions that wait for it, in their order, by decision; then it was."""
        return self._runner.run(self._annotated())

    async def _annotated(self) -> dict[str, dict[str, Any]]:
        told = {}
        async with self.county.service.database.transaction(Context.system("roster")) as session:
            for job in await self.books.fetch(TO_TELL):
                await purposes.assume(session, "deliver", "decision", job["decision_id"])
                event = await delivery.annotation_event(session, job["decision_id"])
                told[event["subject"]] = event["data"]
                # The next of the same man waits for this one.
                await self.books.execute("UPDATE job SET state = 'done' WHERE id = $1", job["id"])
        return told

    def ask(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows of the service's books, read by their owner."""
        return [dict(row) for row in self._runner.run(self.books.fetch(query, *arguments))]

    def of(self, query: str, roster_ids: list[str]) -> list[dict[str, Any]]:
        """The rows of a query about rosters."""
        return self.ask(query, [uuid.UUID(i) for i in roster_ids])
