"""A county, two schools and their rosters, for tests of what happens after a roster has arrived."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from roster.hints.service import judge_entries
from shared import clock
from shared.db import Context
from tests.roster.intake_corpus.files import Student, student, to_csv
from tests.support.services import Service
from tests.support.tokens import bearer, key

# A Thursday after the registration deadline, before its month is over: nobody is late.
TODAY = date(2026, 10, 1)

ADMIN = bearer("admin", org="moi:moi")
NTU = bearer("school", org="school:0003")
OTHER_SCHOOL = bearer("school", org="school:0025")
OFFICER = bearer("case_officer", org="county:63000", sub="officer-1")
OFFICER_2 = bearer("case_officer", org="county:63000", sub="officer-2")
APPROVER = bearer("approver", org="county:63000", sub="approver-1")
DEPUTY = bearer("case_officer", "approver", org="county:63000", sub="deputy")
ELSEWHERE = bearer("case_officer", "approver", org="county:65000", sub="elsewhere")

SCHOOLS = (
    "代碼,學校名稱,公/私立,縣市名稱,地址,電話,網址,體系別\n"
    "0003,國立臺灣大學,公立,[33]臺北市,[106]臺北市大安區羅斯福路四段1號,(02)33663366,http://www.ntu.edu.tw,[1]一般\n"
    "0025,國立臺北科技大學,公立,[33]臺北市,[106]臺北市大安區忠孝東路三段1號,(02)27712171,http://x.tw,[2]技職\n"
)
CLEAN = {"status": "none", "household_county_code": "63000", "overseas_compatriot": False, "volunteer_training": False}


def men(first: int, count: int, **changes: str) -> list[Student]:
    """`count` students whom nothing is wrong with."""
    return [student(n, **{"birth_date": "2006-03-04", **changes}) for n in range(first, first + count)]


@dataclass
class County:
    """The roster service with two schools, and short names for what its users do."""

    service: Service

    async def call(self, method: str, path: str, who: dict[str, str], body: Any = None, seen: int | None = None):
        """One request under `/roster/v1`; every POST with a key of its own."""
        headers = dict(who)
        if method == "POST":
            headers |= key()
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        return await self.service.http.request(method, f"/roster/v1{path}", headers=headers, json=body)

    async def get(self, path: str, who: dict[str, str] = OFFICER) -> Any:
        """The JSON of a GET that succeeds."""
        answer = await self.call("GET", path, who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def do(self, path: str, who: dict[str, str] = OFFICER, body: Any = None, seen: int | None = None) -> Any:
        """The JSON of a POST that succeeds."""
        answer = await self.call("POST", path, who, body, seen)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def post(self, rows: list[Student], kind: str = "application", who: dict[str, str] = NTU) -> dict[str, str]:
        """Post a roster; the rosters made, by county."""
        answer = await self.service.http.post(
            f"/roster/v1/submissions?kind={kind}&academic_year=115&term=1",
            content=to_csv(rows).encode(),
            headers={**who, **key(), "Content-Type": "text/csv"},
        )
        assert answer.status_code == 201, answer.text
        return {r["county_code"]: r["id"] for r in answer.json()["rosters"]}

    async def answered(self, roster_id: str, facts: dict[int, dict[str, Any]] | None = None) -> None:
        """What the registry said of each man, by row number; nothing against the others."""
        async with self.service.database.transaction(Context("registry", "county", "63000")) as session:
            rows = await session.execute(
                text("SELECT id, row_no, birth_date FROM entry WHERE roster_id = :r"), {"r": uuid.UUID(roster_id)}
            )
            ids = []
            for row in rows.all():
                said = CLEAN | {"birth_date": row.birth_date.isoformat()} | (facts or {}).get(row.row_no, {})
                ids.append(row.id)
                await session.execute(
                    text(
                        "INSERT INTO registry_fact (entry_id, county_code, as_of, known, facts)"
                        " VALUES (:e, '63000', now(), true, CAST(:f AS jsonb))"
                        " ON CONFLICT (entry_id) DO UPDATE SET facts = EXCLUDED.facts"
                    ),
                    {"e": row.id, "f": msgspec.json.encode(said).decode()},
                )
            await judge_entries(session, ids, today=clock.today())

    async def opened(
        self, rows: list[Student], facts: dict[int, dict[str, Any]] | None = None, kind: str = "application"
    ) -> tuple[str, list[dict[str, Any]]]:
        """A roster that arrived, was answered by the registry and opened; its id and entries."""
        roster_id = (await self.post(rows, kind))["63000"]
        await self.answered(roster_id, facts)
        await self.do(f"/rosters/{roster_id}/open")
        return roster_id, await self.entries(roster_id)

    async def entries(self, roster_id: str, who: dict[str, str] = OFFICER) -> list[dict[str, Any]]:
        """The entries of a roster."""
        items: list[dict[str, Any]] = (await self.get(f"/rosters/{roster_id}/entries?limit=200", who))["items"]
        return items

    async def patch(self, entry: dict[str, Any], body: Any, who: dict[str, str] = OFFICER):
        """PATCH an entry as it was last seen."""
        return await self.call("PATCH", f"/entries/{entry['id']}", who, body, entry["version"])

    async def revision(self, roster_id: str) -> int:
        """The roster's revision now."""
        found: int = (await self.get(f"/rosters/{roster_id}"))["revision"]
        return found

    async def approve_clean(self, roster_id: str) -> Any:
        """Approve every clean entry in one call."""
        return await self.do(
            f"/rosters/{roster_id}/reviews",
            body={"match": {"clean": True}, "set": {"decision": "approved"}},
            seen=await self.revision(roster_id),
        )

    async def submit(self, roster_id: str, who: dict[str, str] = OFFICER, entry_ids: list[str] | None = None) -> Any:
        """Submit what is ready, or the entries named."""
        body = {} if entry_ids is None else {"entry_ids": entry_ids}
        return await self.do(f"/rosters/{roster_id}/batches", who, body, await self.revision(roster_id))

    async def up(self, count: int = 3, first: int = 1) -> tuple[str, Any]:
        """A roster of `count` clean men, all approved by the officer and submitted."""
        roster_id, _ = await self.opened(men(first, count))
        await self.approve_clean(roster_id)
        return roster_id, await self.submit(roster_id)


async def county(service: Service) -> County:
    """Two schools on the Ministry's list with a term; see `TODAY`."""
    taken = await service.http.post(
        "/roster/v1/schools/imports",
        content=SCHOOLS.encode(),
        headers={**ADMIN, **key(), "Content-Type": "text/csv"},
    )
    assert taken.status_code == 200, taken.text
    term = await service.http.put("/roster/v1/terms/115/1", json={"registration_deadline": "2026-09-18"}, headers=ADMIN)
    assert term.status_code == 200, term.text
    return County(service)


def set_today(monkeypatch, folder: Path, day: date = TODAY) -> None:
    """Make `day` today, as local mode does: by the clock file. Tokens go on living by real time."""
    real = datetime.now(clock.TAIPEI).date()
    file = folder / "clock"
    file.write_text(str((day - real).days))
    monkeypatch.setenv("MUSTER_CLOCK_FILE", str(file))
