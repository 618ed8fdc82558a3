"""What the benchmarks of the review stand on: one county's roster under review, and the same rows behind PostgREST.

Ours: gateway → roster service → PostgreSQL, as `make run` starts them, with 2,000 men of one county on an opened
roster, of whom the conscription registry has told all it knows. The peer: a second process of the same gateway before
PostgREST, which checks the same token and row-level security (the county's own rows) over a plain table of the same
men in another database of the same server; as with `bench.roster` only one address differs, and its `#` cuts off the
path that the gateway appends.

Cores: both gateways, the roster service and PostgREST on one, one side at a time; PostgreSQL, the load, the other
services and all workers on the other. A slice is `SECONDS` of requests on `CONNECTIONS` keep-alive connections.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.load import Exchange, Load, exchange, once
from bench.machine import cores, cpu_seconds, on, pin
from bench.peers import postgrest
from bench.place import ENVIRONMENT, Place
from bench.roster import Arena, call, every, log_in
from bench.rounds import Slice
from bench.servers import NotStartedError, Server, answers
from local.layout import Layout
from local.postgres import free_port
from local.stack import Stack
from local.suite import Suite

ROWS = 2_000
COUNTY = "63000"
OFFICER = "county_taipei_officer"
APPROVER = "county_taipei_approver"
SECONDS = 3.0
CONNECTIONS = 8
ROUNDS = 7
# Men whom the registry says something of, so that a hint stands beside them; some on each page.
_HINTED = 400
_FEW = 50
UNIT = "req/s"
Entry = dict[str, Any]
DONE = "UPDATE job SET state = 'done', finished_at = now() WHERE state = 'ready'"


@dataclass(frozen=True, slots=True)
class Door:
    """One side's entry: where it listens and which processes answer."""

    port: int
    pids: tuple[int, ...]

    def drive(self, talk: Exchange) -> Slice:
        """One slice; notes say how much of the servers' core it took."""
        before = cpu_seconds(*self.pids)
        load: Load = exchange(self.port, talk, SECONDS, CONNECTIONS)
        after = cpu_seconds(*self.pids)
        notes = {"load": load.own_share}
        if before is not None and after is not None:
            notes |= {
                "busy": (after - before) / load.seconds,
                "cpu_us": (after - before) / load.requests * 1_000_000,
            }
        return Slice(load.rate, load.seconds, notes)

    def ask(self, request: bytes, look: Callable[[bytes, bytes], object]) -> bytes:
        """The body of the answer to one request, of which `look` raises what is wrong."""
        head, body = once(self.port, request)
        look(head, body)
        return body


class House:
    """The running suite with a roster under review and, where it can be had, the peer."""

    def __init__(self, suite: Stack, place: Place) -> None:
        self.suite = suite
        self.place = place
        self.arena = Arena(suite)
        self.token = log_in(suite, OFFICER)
        self.approver = log_in(suite, APPROVER)
        self.roster_id = ""
        self.entries: list[Entry] = []
        self.ours = Door(suite.ports["gateway"], (suite.pids["gateway"], suite.pids["roster"]))

    @classmethod
    @contextmanager
    def open(cls, place: Place) -> Iterator["House"]:
        """Everything up, furnished and pinned; stopped in the end."""
        folder = place.fresh()
        with ExitStack() as stack:
            suite = stack.enter_context(Stack(folder / "suite", environment=ENVIRONMENT))
            house = cls(suite, place)
            for name, pid in suite.pids.items():
                pin(pid, cores().servers if name in ("gateway", "roster") else cores().rest)
            stack.enter_context(on(cores().rest))
            house._furnish()
            place.tell(f"a roster of {len(house.entries):,} is under review")
            yield house

    def _furnish(self) -> None:
        self.arena.furnish()
        self.roster_id = self.under_review()
        self.entries = every(self.ours.port, f"/roster/v1/rosters/{self.roster_id}/entries?limit=200", self.token)
        # What autovacuum would do within a minute; the peer's tables are looked at too.
        asyncio.run(self.arena.ask(self.database, "ANALYZE"))

    @property
    def database(self) -> str:
        """The roster service's database, as the superuser, whom no wall holds back."""
        return self.suite.admin_url.rpartition("/")[0] + "/muster_roster"

    def of_each_roster(self, rosters: int) -> list[Entry]:
        """The first man of the roster, and of as many smaller ones as make `rosters` with it."""
        first = [self.entries[0]]
        for _ in range(rosters - 1):
            roster = self.under_review(_FEW)
            path = f"/roster/v1/rosters/{roster}/entries?limit=200"
            found = every(self.ours.port, path, self.token)
            self.entries += found
            first.append(found[0])
        return first

    def under_review(self, men: int = ROWS) -> str:
        """A new roster of new men, opened by the officer, all that the registry knows of them told; its id."""
        arena = self.arena
        students, draftees = arena.men.roster(men, (COUNTY,))
        for draftee in draftees[:: ROWS // _HINTED]:
            draftee["volunteer_training"] = True
        arena.introduce(draftees)
        body = json.dumps({"rows": students}, ensure_ascii=False).encode()
        answer, _ = arena.ours.post(body)
        if answer.status != 201:
            raise NotStartedError(f"the roster was not taken in: {answer.status} {answer.body[:500]!r}")
        (roster,) = answer.json()["rosters"]
        arena.settle()
        call(self.ours.port, "POST", f"/roster/v1/rosters/{roster['id']}/open", None, self.token)
        return str(roster["id"])

    def for_approval(self, roster_id: str) -> tuple[str, int]:
        """Approve every man of an opened roster and submit them; the batch and its version."""
        path = f"/roster/v1/rosters/{roster_id}"
        seen = json.loads(call(self.ours.port, "GET", path, token=self.token))["revision"]
        review = json.dumps({"match": {"clean": True}, "set": {"decision": "approved"}}).encode()
        reviewed = json.loads(call(self.ours.port, "POST", f"{path}/reviews", review, self.token, seen=seen))
        if reviewed["refused"] or reviewed["changed"] != ROWS:
            raise NotStartedError(f"not all could be reviewed: {reviewed['changed']} of {ROWS}")
        batch = json.loads(
            call(self.ours.port, "POST", f"{path}/batches", b"{}", self.token, seen=reviewed["revision"])
        )
        self.arena.settle()
        return batch["id"], batch["version"]

    def decide(self, batch: str, seen: int) -> None:
        """Have the approver decide a batch as it was submitted."""
        answer = call(self.ours.port, "POST", f"/roster/v1/batches/{batch}/decide", None, self.approver, seen=seen)
        if json.loads(answer)["approved"] != ROWS:
            raise NotStartedError(f"not all were approved: {answer[:300]!r}")

    def forget_jobs(self) -> None:
        """Call done what waits for the workers: what is delivered outside is not what is measured."""
        asyncio.run(self.arena.ask(self.database, DONE))

    # -- the peer ------------------------------------------------------------------------------------------

    @contextmanager
    def peer(self, targets: Mapping[str, str]) -> Iterator[dict[str, Door]]:
        """A door for each of PostgREST's targets (`entry?limit=50`); raises UnavailableError, NotStartedError."""
        binary = postgrest.program(self.place.peers)
        jwks = json.loads(call(self.ours.port, "GET", "/identity/v1/.well-known/jwks.json"))
        password = secrets.token_urlsafe(24)
        asyncio.run(self._make_database(password))
        port = free_port()
        database = f"postgresql://bench_authenticator:{password}@127.0.0.1:{self.suite.ports['postgres']}/bench_peer"
        with ExitStack() as stack:
            rest = stack.enter_context(
                postgrest.server(
                    binary, self.place.log("postgrest"), port, database=database, schema="peer",
                    nobody="bench_nobody", jwks=jwks, cpus=cores().servers,
                )
            )  # fmt: skip
            doors = {}
            for name, target in targets.items():
                gateway = stack.enter_context(self._gateway(name, f"http://127.0.0.1:{port}/{target}#"))
                doors[name] = Door(gateway[0], (gateway[1].pid, rest.pid))
            yield doors

    @contextmanager
    def _gateway(self, name: str, upstream: str) -> Iterator[tuple[int, Server]]:
        port = free_port()
        process = Suite(Layout(self.place.folder, self.suite.ports | {"gateway": port}), {}, {}).gateway()[0]
        env = {**process.env, "MUSTER_ISSUER": f"{self.suite.url}/identity", "MUSTER_ROSTER_URL": upstream}
        log = self.place.log(f"gateway-{name}")
        with Server(name, process.argv, log, answers(port, "/readyz", 200), cpus=cores().servers, env=env) as server:
            yield port, server

    async def _make_database(self, password: str) -> None:
        async with postgrest.new_database(self.suite.admin_url, password, "case_officer") as connection:
            for statement in _PEER:
                await connection.execute(statement)
            await connection.copy_records_to_table(
                "entry", schema_name="peer", columns=list(PLAIN),
                records=[tuple(one.get(name) for name in PLAIN) for one in self.entries],
            )  # fmt: skip
            await connection.execute("ANALYZE")


PLAIN = (
    "id", "roster_id", "row_no", "national_id", "name", "birth_date", "county_code", "township_code", "township",
    "village", "division", "level", "nominal_years", "department", "class_year", "student_no", "enrolled_on",
    "expected_graduation_on", "state", "version", "filed_on", "review_remarks",
)  # fmt: skip
"""The peer's columns: those of ours that such a roster fills."""
_NUMBERS = ("row_no", "nominal_years", "class_year", "version")


def shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry as both sides show it."""
    return {name: entry[name] for name in PLAIN if name != "review_remarks"}


_COLUMNS = ", ".join(f"{name} {'integer' if name in _NUMBERS else 'text'}" for name in PLAIN)
_COUNTY_OF_CLAIM = "(current_setting('request.jwt.claims', true)::json -> 'org' ->> 'code')"
_PEER = (
    "CREATE SCHEMA peer",
    f"CREATE TABLE peer.entry ({_COLUMNS}, PRIMARY KEY (id))",
    "CREATE INDEX ON peer.entry (roster_id, row_no, id)",
    "ALTER TABLE peer.entry ENABLE ROW LEVEL SECURITY",
    # A scalar subquery, as in our own policies: evaluated once a statement.
    f"CREATE POLICY own ON peer.entry TO case_officer USING (county_code = (SELECT {_COUNTY_OF_CLAIM}))",
    "CREATE FUNCTION peer.review(id text, version integer, review_remarks text) RETURNS SETOF peer.entry"
    " LANGUAGE sql AS 'UPDATE peer.entry SET review_remarks = $3, version = entry.version + 1"
    " WHERE entry.id = $1 AND entry.version = $2 RETURNING *'",
    # What the gateway's look at readiness is answered with.
    "CREATE FUNCTION peer.review() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text'",
    "GRANT USAGE ON SCHEMA peer TO case_officer, bench_nobody",
    "GRANT SELECT, UPDATE ON peer.entry TO case_officer",
    "GRANT SELECT ON peer.entry TO bench_nobody",
)
