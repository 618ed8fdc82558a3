"""Work that never gives up: clients for times in which what they work with is killed (`faults_kills`) or away.

`Load` posts rosters, reviews, submits and decides them through the gateway, each POST with one `Idempotency-Key`
however often it has to be sent, and writes down what was acknowledged.
"""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo.client import until
from local.demo.days import plan
from local.demo.files import api_csv, table
from local.demo.people import Maker, Man
from local.stack import Stack
from shared import clock
from tests.support.rosters import SCHOOLS
from tests.support.suite import PATIENCE, Caller, put, settled

CSV = {"Content-Type": "text/csv"}
TAIPEI, NEW_TAIPEI = "63000", "65000"


@dataclass
class Sent:
    """A POST that was acknowledged: sent again as it was, it must be answered as it was."""

    who: str
    path: str
    how: dict[str, Any]
    answer: Any


@dataclass
class Case:
    """One roster from post to decision, as far as the clients were told that it got."""

    men: list[Man]
    submission: str = ""
    rosters: dict[str, str] = field(default_factory=dict)
    batch: str = ""
    entries: list[str] = field(default_factory=list)
    approved: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)


class Load:
    """Several clients at work on at most `cases` until `stop` is set; each finishes what it has begun.

    `patience` is for how many seconds one of them goes on with a request, and waits for what is done in between.
    """

    def __init__(self, suite: Stack, seed: str, cases: int = 0, patience: float = PATIENCE) -> None:
        self.suite = suite
        self.patience = patience
        self.days = plan(clock.today())
        make = Maker(seed, self.days)
        self._waiting = [Case([*(make.man(TAIPEI) for _ in range(3)), make.man(NEW_TAIPEI)]) for _ in range(cases)]
        self.cases: list[Case] = []
        self.sent: list[Sent] = []
        self.people: dict[str, Caller] = {}
        self.stop = asyncio.Event()

    async def prepare(self) -> None:
        """Everybody logs in; the schools, the term and the registry's population are there."""
        # Notify learns by events whom it is to tell of a batch.
        await settled(self.suite)
        for name in ("admin", "sis_ntu", "county_taipei_officer", "county_taipei_approver"):
            self.people[name] = await Caller(self.suite, patience=self.patience).log_in(name)
        admin = self.people["admin"]
        taken = await admin.persist("POST", "/roster/v1/schools/imports", content=SCHOOLS.encode(), headers=CSV)
        assert taken.status_code == 200, taken.text
        deadline = {"registration_deadline": self.days.term.registration_deadline.isoformat()}
        kept = await admin.persist("PUT", f"/roster/v1/terms/{self.days.term.path}", json=deadline)
        assert kept.status_code == 200, kept.text
        men = [man.draftee() for case in self._waiting for man in case.men]
        if men:
            await put(f"{self.suite.registry_url}/v1/draftees", men)

    @property
    def waiting(self) -> int:
        """Cases that nobody has begun."""
        return len(self._waiting)

    async def close(self) -> None:
        """Everybody goes home."""
        for caller in self.people.values():
            await caller.http.aclose()

    async def work(self, clients: int) -> None:
        """Case after case by so many clients at once."""
        await asyncio.gather(*(self._client() for _ in range(clients)))

    async def _client(self) -> None:
        while self._waiting and not self.stop.is_set():
            await self.decide(await self.begin())

    async def begin(self) -> Case:
        """A case up to its decision."""
        case = self._waiting.pop()
        self.cases.append(case)
        await self._post(case)
        entries = await self._checked(case)
        await self._review(case, entries)
        case.entries = [entry["id"] for entry in entries]
        return case

    async def decide(self, case: Case) -> None:
        """The rest of it."""
        await self._decide(case, case.entries)

    async def _do(self, who: str, path: str, **how: Any) -> httpx.Response:
        how["headers"] = {"Idempotency-Key": uuid.uuid4().hex} | how.get("headers", {})
        answer = await self.people[who].persist("POST", f"/roster/v1{path}", **how)
        if answer.is_success:
            self.sent.append(Sent(who, path, how, answer.json()))
        return answer

    async def _post(self, case: Case) -> None:
        path = f"/submissions?kind=application&{self.days.term.query}"
        body = api_csv(table(case.men))
        answer = await self._do("sis_ntu", path, content=body, headers=CSV)
        assert answer.status_code in (200, 201), answer.text
        made = answer.json()
        case.submission, case.rosters = made["id"], {r["county_code"]: r["id"] for r in made["rosters"]}
        # The same content under another key is the same submission.
        again = await self._do("sis_ntu", path, content=body, headers=CSV)
        assert (again.status_code, again.json()["id"]) == (200, case.submission), again.text

    async def _checked(self, case: Case) -> list[dict[str, Any]]:
        """The entries of Taipei once the registry has answered for all; opened."""
        roster = case.rosters[TAIPEI]
        opened = await self._do("county_taipei_officer", f"/rosters/{roster}/open")
        assert opened.status_code == 200, opened.text

        async def answered() -> list[dict[str, Any]] | None:
            page = await self.people["county_taipei_officer"].get(f"/roster/v1/rosters/{roster}/entries")
            items: list[dict[str, Any]] = page["items"]
            return items if all(item["registry"] is not None for item in items) else None

        return await until(f"the registry's answer for {roster}", answered, self.patience)

    async def _at_revision(self, roster: str, act: str, body: dict[str, Any]) -> Any:
        """A POST that states the roster's revision; read again whenever somebody else was faster."""
        while True:
            seen = (await self.people["county_taipei_officer"].get(f"/roster/v1/rosters/{roster}"))["revision"]
            answer = await self._do("county_taipei_officer", f"/rosters/{roster}/{act}", json=body, seen=seen)
            if answer.status_code != 412:
                assert answer.is_success, answer.text
                return answer.json()

    async def _review(self, case: Case, entries: list[dict[str, Any]]) -> None:
        roster = case.rosters[TAIPEI]
        every = {"match": {"entry_ids": [entry["id"] for entry in entries]}, "set": {"decision": "approved"}}
        done = await self._at_revision(roster, "reviews", every)
        assert done["changed"] == len(entries), done
        # A PATCH has no key: who does not know whether it was done looks.
        officer, path = self.people["county_taipei_officer"], f"/roster/v1/entries/{entries[0]['id']}"
        draft = {
            "decision": "rejected",
            "ground": "enrolment_not_recognised",
            "ground_unseen": True,
            "reason": "查無在學紀錄",
        }
        while (entry := await officer.get(path))["draft"]["decision"] != "rejected":
            answer = await officer.persist("PATCH", path, json=draft, seen=entry["version"])
            assert answer.status_code in (200, 412), answer.text
        case.rejected = {entries[0]["national_id"]}
        case.approved = {entry["national_id"] for entry in entries[1:]}

    async def _decide(self, case: Case, entry_ids: list[str]) -> None:
        batch = await self._at_revision(case.rosters[TAIPEI], "batches", {"entry_ids": entry_ids})
        path = f"/batches/{batch['id']}/decide"
        decided = await self._do("county_taipei_approver", path, seen=batch["version"])
        assert decided.status_code == 200, decided.text
        assert (decided.json()["approved"], decided.json()["rejected"]) == (len(case.approved), len(case.rejected))
        case.batch = batch["id"]

    async def differing_replays(self) -> list[str]:
        """Every acknowledged POST once more: what is not answered as it was."""
        wrong = []
        for sent in self.sent:
            again = await self.people[sent.who].persist("POST", f"/roster/v1{sent.path}", **sent.how)
            if not again.is_success or again.json() != sent.answer or "Idempotent-Replayed" not in again.headers:
                wrong.append(f"replay differs: {sent.path} {again.status_code}")
        return wrong
