"""What both roster benchmarks stand on: a suite of ours, and PostgREST behind the same gateway program.

Ours: gateway → roster service → PostgreSQL, as `make run` starts them. The peer: a second process of the same gateway
with the same policy, keys and issuer, whose address of the roster service is PostgREST's table, → PostgREST, which
checks the same token → a plain table with the same columns, all of them text, in another database of the same server.

Only one address differs: `MUSTER_ROSTER_URL` ends in `#`, so that the path which the gateway appends becomes a
fragment and is not sent. PostgREST knows no paths but `/table`. It inserts through a view that shows nothing, because
the gateway also asks for `/readyz` there, without a token, and an upstream that does not answer it with 200 counts as
one that stands still. Rewriting the insert to the table costs no time per row.

Cores: both gateways, the roster service and PostgREST on one, one side at a time; PostgreSQL, the load, the other
services and all workers on the other. What a post leaves to the workers is waited for before anything else is timed.
"""

import asyncio
import http.client
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.machine import cores, cpu_seconds, on, pin
from bench.men import Men, Student
from bench.peers import postgrest
from bench.peers.cache import UnavailableError
from bench.place import ENVIRONMENT, Place
from bench.rounds import Slice, timed
from bench.servers import NotStartedError, Server, answers
from local.demo.days import plan
from local.layout import REPO, Layout
from local.postgres import free_port
from local.stack import ONCE, Stack
from local.suite import Suite, services
from shared import clock

ROWS = 2_000
SCHOOL = "school_ntu"
_LEFT = f"SELECT 1 FROM job WHERE state = 'ready' AND {ONCE} LIMIT 1"  # noqa: S608 - our own words
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a post was answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body's JSON, None when it is empty."""
        return json.loads(self.body) if self.body else None


class Door:
    """One side's entry: where it listens, who works behind it."""

    def __init__(self, port: int, token: str, target: str, workers: tuple[int, ...], postgres: int) -> None:
        self._port = port
        self._token = token
        self._target = target
        self._workers = workers
        self._postgres = postgres

    def post(self, body: bytes) -> tuple[Answer, Slice]:
        """Post once, on a connection made before, and time it until the answer is read."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.connect()
            before = self._cpu()
            with timed() as watch:
                connection.request("POST", self._target, body, headers)
                response = connection.getresponse()
                answer = Answer(response.status, response.read())
            after = self._cpu()
        finally:
            connection.close()
        notes = {name: after[name] - before[name] for name in before}
        return answer, Slice(watch.seconds, watch.seconds, notes)

    def _cpu(self) -> dict[str, float]:
        told = {"servers_cpu": cpu_seconds(*self._workers), "postgres_cpu": cpu_seconds(self._postgres)}
        return {name: taken for name, taken in told.items() if taken is not None}


class Arena:
    """The running suite and, where it can be had, the peer."""

    def __init__(self, suite: Stack) -> None:
        self.suite = suite
        self.days = plan(clock.today())
        self.men = Men(self.days)
        self.token = log_in(suite, SCHOOL)
        self._admin = log_in(suite, "admin")
        target = f"/roster/v1/submissions?kind=application&{self.days.term.query}"
        pids = suite.pids
        self.ours = Door(
            suite.ports["gateway"], self.token, target, (pids["gateway"], pids["roster"]), pids["postgres"]
        )
        self.peer: Door | None = None
        self.why: str | None = None

    @classmethod
    @contextmanager
    def open(cls, place: Place) -> Iterator["Arena"]:
        """Everything up, pinned and furnished; stopped in the end."""
        folder = place.fresh()
        with ExitStack() as stack:
            suite = stack.enter_context(Stack(folder / "suite", environment=ENVIRONMENT))
            arena = cls(suite)
            arena.furnish()
            for name, pid in suite.pids.items():
                pin(pid, cores().servers if name in ("gateway", "roster") else cores().rest)
            stack.enter_context(on(cores().rest))
            try:
                arena.peer = stack.enter_context(arena._peer(place))
            except (UnavailableError, NotStartedError) as error:
                arena.why = str(error)
            place.tell("suite and peer stand" if arena.peer else "the suite stands")
            yield arena

    def settle(self) -> None:
        """Wait until the workers have done what was left to them."""
        asyncio.run(self._settled())

    def introduce(self, draftees: list[dict[str, Any]]) -> None:
        """Have the conscription registry know these men."""
        call(self.suite.ports["registry"], "PUT", "/v1/draftees", json.dumps(draftees, ensure_ascii=False).encode())

    async def ask(self, url: str, query: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of a query, asked past every wall."""
        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    def entries(self) -> list[dict[str, Any]]:
        """Every entry the school may see, with whole IDs, page after page."""
        found: list[dict[str, Any]] = []
        port = self.suite.ports["gateway"]
        rosters = every(port, f"/roster/v1/rosters?{self.days.term.query}&limit=200", self.token)
        for roster in rosters:
            found += every(port, f"/roster/v1/rosters/{roster['id']}/entries?limit=200", self.token)
        return found

    def inserted(self) -> list[Student]:
        """What stands in the peer's table; the table is emptied."""
        query = f"DELETE FROM plain.student RETURNING {', '.join(COLUMNS)}"  # noqa: S608 - our own names
        return asyncio.run(self.ask(self._peer_url("postgres"), query))

    def furnish(self) -> None:
        """The Ministry's schools and the term."""
        port = self.suite.ports["gateway"]
        schools = (REPO / "local" / "data" / "schools.csv").read_bytes()
        call(port, "POST", "/roster/v1/schools/imports", schools, self._admin, "text/csv")
        term = {"registration_deadline": self.days.term.registration_deadline.isoformat()}
        call(port, "PUT", f"/roster/v1/terms/{self.days.term.path}", json.dumps(term).encode(), self.token)

    async def _settled(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        quiet = 0
        # Twice in a row: what one service has delivered becomes the next one's job.
        while quiet < 2:
            waiting = 0
            for service in services():
                url = self.suite.database_url(service)
                waiting += len(await self.ask(url, _LEFT))
            quiet = 0 if waiting else quiet + 1
            if time.monotonic() > deadline:
                raise NotStartedError(f"jobs are still waiting after {_PATIENCE:.0f} s")
            await asyncio.sleep(0.1)

    # -- the peer ------------------------------------------------------------------------------------------

    @contextmanager
    def _peer(self, place: Place) -> Iterator[Door]:
        binary = postgrest.program(place.peers)
        jwks = json.loads(call(self.suite.ports["gateway"], "GET", "/identity/v1/.well-known/jwks.json"))
        password = secrets.token_urlsafe(24)
        asyncio.run(self._make_database(password))
        rest_port, gateway_port = free_port(), free_port()
        database = self._peer_url("bench_peer", "bench_authenticator", password)
        with (
            postgrest.server(
                binary, place.log("postgrest"), rest_port, database=database, schema="peer",
                nobody="bench_nobody", jwks=jwks, cpus=cores().servers,
            ) as rest,
            self._gateway(place, gateway_port, rest_port) as gateway,
        ):  # fmt: skip
            target = f"/roster/v1/submissions?kind=application&{self.days.term.query}"
            yield Door(gateway_port, self.token, target, (gateway.pid, rest.pid), self.suite.pids["postgres"])

    def _gateway(self, place: Place, port: int, rest_port: int) -> Server:
        process = Suite(Layout(place.folder, self.suite.ports | {"gateway": port}), {}, {}).gateway()[0]
        env = {
            **process.env,
            "MUSTER_ISSUER": f"{self.suite.url}/identity",
            "MUSTER_ROSTER_URL": f"http://127.0.0.1:{rest_port}/student#",
        }

        ready = answers(port, "/readyz", 200)
        return Server("peer-gateway", process.argv, place.log("peer-gateway"), ready, cpus=cores().servers, env=env)

    def _peer_url(self, database: str, role: str | None = None, password: str | None = None) -> str:
        if role is None:
            return self.suite.admin_url.rpartition("/")[0] + "/bench_peer"
        return f"postgresql://{role}:{password}@127.0.0.1:{self.suite.ports['postgres']}/{database}"

    async def _make_database(self, password: str) -> None:
        columns = ", ".join(f"{name} text" for name in COLUMNS)
        key = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        shown = f"SELECT {', '.join(COLUMNS)} FROM plain.student WHERE false"  # noqa: S608 - our own names
        async with postgrest.new_database(self.suite.admin_url, password, "school") as connection:
            for statement in (
                f"CREATE SCHEMA plain CREATE TABLE student ({key}, {columns})",
                f"CREATE SCHEMA peer CREATE VIEW student AS {shown}",
                "GRANT USAGE ON SCHEMA peer TO school, bench_nobody",
                "GRANT INSERT ON peer.student TO school",
                "GRANT SELECT ON peer.student TO bench_nobody",
            ):
                await connection.execute(statement)


COLUMNS = (
    "student_no", "national_id", "name", "birth_date", "county_code", "township_code", "village", "division", "level",
    "nominal_years", "department", "class_year", "enrolled_on", "expected_graduation_on",
)  # fmt: skip


def log_in(suite: Stack, name: str) -> str:
    """A token of one of the demonstration's accounts."""
    account = suite.accounts[name]
    body = json.dumps({"username": account["username"], "password": account["password"]}).encode()
    token: str = json.loads(call(suite.ports["gateway"], "POST", "/identity/v1/sessions", body))["access_token"]
    return token


def call(
    port: int, method: str, path: str, body: bytes | None = None, token: str | None = None,
    media_type: str = "application/json", *, seen: int | None = None,
) -> bytes:  # fmt: skip
    """One request that succeeds; its body. `seen`: the version that the caller has looked at (`If-Match`)."""
    headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
    if body is not None:
        headers["Content-Type"] = media_type
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if seen is not None:
        headers["If-Match"] = f'"{seen}"'
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status // 100 != 2:
        raise NotStartedError(f"{method} {path.partition('?')[0]}: {answer.status} {said[:500]!r}")
    return said


def every(port: int, path: str, token: str) -> list[dict[str, Any]]:
    """All items of a list, page after page; `path` has a query."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = json.loads(call(port, "GET", path + cursor, token=token))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"
