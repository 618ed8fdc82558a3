"""An authority, its programme office and employers at work, and ways to put into the database what a test begins with.

What a test is about it does through the API; what it only needs to be there (a man, a notice that was issued) it puts
straight into the tables, as the database's owner, whose rows pass the same constraints and triggers.
"""

import itertools
import json
import os
import uuid
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from local.databases import plain
from rdss_fee.accounts.numbers import Account, Scheme
from rdss_fee.billing.dates import due_on
from rdss_fee.billing.rules import prorated
from rdss_fee.months import Month
from rdss_fee.worker import handlers
from shared import clock, crypto, http, jobs
from shared.calendar import WorkingCalendar
from tests.support.services import Service
from tests.support.tokens import bearer, key

TODAY = date(2026, 9, 15)
"""The day of the run that bills October."""
A, B = "12345675", "04595257"
FINANCE = bearer("authority_finance", org="authority:nca", sub="finance-1")
FINANCE_2 = bearer("authority_finance", org="authority:nca", sub="finance-2")
OFFICE = bearer("programme_office", org="programme_office:rdss", sub="office-1")
EMPLOYER_A = bearer("employer", org=f"employer:{A}", sub="employer-a")
DEPARTMENT_A = bearer("employer_department", org=f"employer:{A}", sub="department-a")
EMPLOYER_B = bearer("employer", org=f"employer:{B}", sub="employer-b")
ADMIN = bearer("admin", org="moi:moi", sub="admin")
AUDITOR = bearer("auditor", org="moi:moi", sub="auditor")
SCHEME = Scheme("700602", 4)
_LETTERS = "ABCDEFGHJKLMNPQRSTUVXY"
_numbers = itertools.count(1)


def national_id(number: int) -> str:
    """A valid national ID of a man, another for each number up to 9,999,999."""
    values = {letter: 10 + at for at, letter in enumerate(_LETTERS)}
    head = "A1" + f"{number:07d}"
    letter = values["A"]
    digits = [letter // 10, letter % 10, *(int(one) for one in head[1:])]
    total = sum(digit * weight for digit, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1), strict=True))
    return head + str(-total % 10)


@dataclass
class Fee:
    """The fee service with employers A (number 1) and B (number 2) and a collection scheme."""

    service: Service

    @property
    def http(self) -> httpx.AsyncClient:
        """Calls to it."""
        return self.service.http

    async def get(self, path: str, who: Mapping[str, str], **more: Any) -> httpx.Response:
        """GET `/rdss-fee/v1` + path."""
        return await self.http.get(f"/rdss-fee/v1{path}", headers={**who, **more.pop("headers", {})}, **more)

    async def post(self, path: str, who: Mapping[str, str], body: Any = None, **headers: str) -> httpx.Response:
        """POST JSON to `/rdss-fee/v1` + path under a fresh key; `if_match=…` states a version."""
        told = {**who, **key(), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.post(f"/rdss-fee/v1{path}", headers=told, json=body)

    @asynccontextmanager
    async def owner(self):
        """A connection as the database's owner."""
        connection = await asyncpg.connect(plain(self.service.urls.owner))
        try:
            yield connection
        finally:
            await connection.close()

    async def sql(self, text: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of a statement run as the owner."""
        async with self.owner() as connection:
            found: list[asyncpg.Record] = await connection.fetch(text, *values)
            return found

    async def employer(self, code: str, number: int, name: str = "示範公司") -> str:
        """An employer, with an address for receipts."""
        await self.sql(
            "INSERT INTO employer (code, number, name, receipt_addressee, receipt_address, version, registered_on,"
            " registered_by) VALUES ($1, $2, $3, '會計部', '臺北市大安區和平東路一號', 1, $4, 'test')",
            code, number, name, TODAY,
        )  # fmt: skip
        return code

    async def scheme(self) -> uuid.UUID:
        """The default scheme, of all months."""
        made = uuid.uuid4()
        await self.sql(
            "INSERT INTO collection_scheme (id, effective_from, check_name, prefix, employer_digits, bank_code,"
            " payee_bank, payee_name, atm_most, entered_by) VALUES ($1, '2010-01-01', 'bank_of_taiwan', '700602', 4,"
            " '004', '臺灣銀行', '內政部役政署', 2000000, 'test')",
            made,
        )
        return made

    async def man(
        self,
        *,
        degree: str = "master",
        cohort: int = 2010,
        stage: tuple[date, date | None] = (date(2026, 1, 1), None),
        known_on: date = date(2026, 1, 1),
        name: str = "王大明",
    ) -> uuid.UUID:
        """A serviceman, known since `known_on`."""
        made, event = uuid.uuid4(), uuid.uuid4()
        man_id = national_id(next(_numbers))
        ring = crypto.ring()
        async with self.owner() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO serviceman (id, national_id, national_id_index, name, version, registered_by)"
                " VALUES ($1, $2, $3, $4, 1, 'test')",
                made, ring.encrypt(man_id.encode(), "serviceman.national_id"), ring.blind_index(man_id), name,
            )  # fmt: skip
            await _event(connection, event, made, None, "registered", known_on)
            await connection.execute(
                "INSERT INTO serviceman_facts (serviceman_id, version, category, degree, cohort, stage_begins_on,"
                " stage_ends_before, event_id, known_on) VALUES ($1, 1, 'rdss', $2, $3, $4, $5, $6, $7)",
                made, degree, cohort, *stage, event, known_on,
            )  # fmt: skip
        return made

    async def period(
        self,
        man: uuid.UUID,
        employer: str,
        begins_on: date,
        ends_before: date | None = None,
        *,
        begun_by: str = "reported",
        ended_by: str | None = None,
        known_on: date = date(2026, 1, 1),
    ) -> uuid.UUID:
        """Days served, known since `known_on`."""
        made, event = uuid.uuid4(), uuid.uuid4()
        ended_by = (ended_by or "service_ended") if ends_before else None
        async with self.owner() as connection, connection.transaction():
            await _event(connection, event, man, employer, "period_announced", known_on, made)
            await connection.execute(
                "INSERT INTO service_period (id, version, serviceman_id, serviceman_no, employer_code, begins_on,"
                " begun_by, ends_before, ended_by, event_id, known_on)"
                " SELECT $1, 1, id, no, $3, $4, $5, $6, $7, $8, $9 FROM serviceman WHERE id = $2",
                made, man, employer, begins_on, begun_by, ends_before, ended_by, event, known_on,
            )  # fmt: skip
        return made

    async def correct(
        self,
        period: uuid.UUID,
        ends_before: date | None,
        *,
        ended_by: str = "released_early",
        known_on: date,
        begins_on: date | None = None,
    ) -> None:
        """Another end, or beginning, of a period becomes known."""
        event = uuid.uuid4()
        async with self.owner() as connection, connection.transaction():
            old = await connection.fetchrow(
                "UPDATE service_period SET replaced_at = clock_timestamp(), replaced_on = $2"
                " WHERE id = $1 AND replaced_at IS NULL RETURNING *",
                period, known_on,
            )  # fmt: skip
            await _event(
                connection, event, old["serviceman_id"], old["employer_code"], "period_corrected", known_on, period
            )
            await connection.execute(
                "INSERT INTO service_period (id, version, serviceman_id, serviceman_no, employer_code, begins_on,"
                " begun_by, ends_before, ended_by, event_id, known_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
                " $11)",
                period, old["version"] + 1, old["serviceman_id"], old["serviceman_no"], old["employer_code"],
                begins_on or old["begins_on"], old["begun_by"], ends_before, ended_by if ends_before else None, event,
                known_on,
            )  # fmt: skip

    async def refact(self, man: uuid.UUID, known_on: date, **changed: Any) -> None:
        """Another degree, cohort or stage (`stage_begins_on`, `stage_ends_before`) of a man becomes known."""
        event = uuid.uuid4()
        async with self.owner() as connection, connection.transaction():
            old = await connection.fetchrow(
                "UPDATE serviceman_facts SET replaced_at = clock_timestamp(), replaced_on = $2"
                " WHERE serviceman_id = $1 AND replaced_at IS NULL RETURNING *",
                man, known_on,
            )  # fmt: skip
            await _event(connection, event, man, None, "facts_corrected", known_on)
            new = {**dict(old), **changed}
            await connection.execute(
                "INSERT INTO serviceman_facts (serviceman_id, version, category, degree, cohort, stage_begins_on,"
                " stage_ends_before, event_id, known_on) VALUES ($1, $2, 'rdss', $3, $4, $5, $6, $7, $8)",
                man, old["version"] + 1, new["degree"], new["cohort"], new["stage_begins_on"],
                new["stage_ends_before"], event, known_on,
            )  # fmt: skip

    def on(self, day: date) -> None:
        """Make `day` today."""
        file = Path(os.environ["MUSTER_CLOCK_FILE"])
        file.write_text(str((day - datetime.now(clock.TAIPEI).date()).days))

    def today(self) -> date:
        """The day that it is."""
        return clock.today()

    async def work(self) -> None:
        """Have the worker do what is due."""
        client = http.client()
        try:
            known = handlers(self.service.settings, self.service.database, client)
            worker = jobs.Worker(self.service.database, "rdss-fee", known)
            while await worker.run_once():
                pass
        finally:
            await client.aclose()

    async def previewed(self, month: Month, who: Mapping[str, str] = FINANCE, **asked: Any) -> dict[str, Any]:
        """A run that was asked for and computed."""
        answer = await self.post("/billing-runs", who, {"month": str(month), **asked})
        assert answer.status_code == 202, answer.text
        await self.work()
        found: dict[str, Any] = (await self.get(f"/billing-runs/{answer.json()['id']}", who)).json()
        assert found["state"] == "previewed", found
        return found

    async def issued(self, month: Month, **asked: Any) -> dict[str, Any]:
        """A run that one person asked for and another issued."""
        run = await self.previewed(month, **asked)
        answer = await self.issue(run)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def issue(self, run: Mapping[str, Any], who: Mapping[str, str] = FINANCE_2) -> httpx.Response:
        return await self.post(f"/billing-runs/{run['id']}/issue", who, if_match=f'"{run["version"]}"')

    async def lines(self, run: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The lines of a run by month and employer: employer, month, kind, days, amount."""
        answer = await self.get(f"/billing-runs/{run['id']}/lines", FINANCE)
        assert answer.status_code == 200, answer.text
        found = [(x["employer_code"], x["month"], x["kind"], x["days"], x["amount"]) for x in answer.json()["items"]]
        return sorted(found, key=lambda line: (line[1], line[0]))

    async def notice(
        self, employer: str, month: Month, *, days: int | None = None, rate: int = 30_100, issued_on: date | None = None
    ) -> dict[str, Any]:
        """A notice that was issued for one man of one month: `id`, `run_id`, `virtual_account`, `amount`, `due_on`."""
        run, notice, man = uuid.uuid4(), uuid.uuid4(), await self.man()
        days = month.days if days is None else days
        amount, due = prorated(rate, days, month), due_on(month, WorkingCalendar())
        on = issued_on or month.plus(-1).day(15)
        async with self.owner() as connection, connection.transaction():
            number = await connection.fetchval("SELECT number FROM employer WHERE code = $1", employer)
            account = SCHEME.number(Account(month, number))
            await connection.execute(
                "INSERT INTO billing_run (id, month, kind, reprice, state, version, asked_by, asked_on, checked_by,"
                " known_at, as_of) VALUES ($1, $2, 'regular', false, 'computing', 1, 'finance-1', $3, 'finance-1',"
                " clock_timestamp(), $3)",
                run, month.first, on,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO line (run_id, serviceman_id, employer_code, month, kind, reason, days, category, degree,"
                " cohort, rate, entitled, billed, amount) VALUES ($1, $2, $3, $4, 'charge', 'advance', $5, 'rdss',"
                " 'master', 2010, $6, $7, 0, $7)",
                run, man, employer, month.first, days, rate, amount,
            )  # fmt: skip
            await connection.execute(
                "UPDATE billing_run SET state = 'previewed', computed_at = clock_timestamp(), line_count = 1,"
                " employer_count = 1, charges = $2, credits = 0, manifest = $3 WHERE id = $1",
                run, amount, json.dumps(dict.fromkeys(("facts", "periods", "rates", "rules", "lines"), "0" * 64)
                | {"men": 1, "line_count": 1, "charges": amount, "credits": 0}),
            )  # fmt: skip
            await connection.execute(
                "UPDATE billing_run SET state = 'issued', issued_by = 'finance-2', issued_at = clock_timestamp(),"
                " issued_on = $2 WHERE id = $1",
                run, on,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO notice (id, run_id, employer_code, month, amount, virtual_account, scheme_id, issued_on,"
                " due_on, due_provisional) SELECT $1, $2, $3, $4, $5, $6, id, $7, $8, $9 FROM collection_scheme"
                " WHERE effective_from = '2010-01-01'",
                notice, run, employer, month.first, amount, account, on, due.day, due.provisional,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, booked_on, booked_by)"
                " VALUES ('notice_issued', 'receivable', 'revenue', $1, $2, $3, $4, 'finance-2')",
                amount, notice, employer, on,
            )  # fmt: skip
        return {"id": str(notice), "virtual_account": account, "amount": amount, "due_on": due.day, "run_id": str(run)}


async def _event(
    connection: asyncpg.Connection,
    event: uuid.UUID,
    man: uuid.UUID,
    employer: str | None,
    kind: str,
    on: date,
    period: uuid.UUID | None = None,
) -> None:
    await connection.execute(
        "INSERT INTO service_event (id, serviceman_id, employer_code, kind, period_id, data, state, entered_by,"
        " entered_on, confirmed_by, confirmed_at, confirmed_on) VALUES ($1, $2, $3, $4, $6, '{}', 'confirmed', 'test',"
        " $5, 'test', clock_timestamp(), $5)",
        event, man, employer, kind, on, period,
    )  # fmt: skip
