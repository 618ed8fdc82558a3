"""The whole suite as `make run` starts it, for tests that speak to it over HTTP as people and systems do.

`suite` is started once per run: tests that share it carry `@pytest.mark.xdist_group("suite")`, so that one worker runs
them all. Start it from a fixture that is no coroutine: the suite ends with the thread that started it.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from local.demo.client import until
from local.stack import ONCE, Stack
from shared.http import tls
from tests.support.groups import ends_with

SERVICES = ("identity", "notify", "rdss-fee", "roster")
# Nothing of the caller's environment may lead the suite to another server or port. Passwords are hashed cheaply, the
# jobs of a killed worker are taken up after seconds instead of a minute, and what eight processes run again and again
# is compiled once, even where the caller wants no bytecode kept.
ENVIRONMENT = {
    "DATABASE_URL": "",
    "PORT": "",
    "MUSTER_FIELD_KEYS": "",
    "MUSTER_DB_PREFIX": "",
    "MUSTER_LOG_LEVEL": "INFO",
    "MUSTER_ARGON2_COST": "low",
    "MUSTER_JOB_LEASE_SECONDS": "8",
    "PYTHONDONTWRITEBYTECODE": "",
}
GONE = (httpx.TransportError,)
PATIENCE = 90.0  # seconds that a caller goes on asking
_HURRIED = (
    "WITH hurried AS (UPDATE job SET run_at = now() WHERE state = 'ready' AND run_at > now() + interval '1 second'"
    f" AND {ONCE}) SELECT 1 FROM job WHERE state = 'ready' AND {ONCE} LIMIT 1"
)


def start(folder: Path, **environment: str) -> Stack:
    """A suite of its own, with its state in `folder`; `stop()` it."""
    return Stack(folder, environment=ENVIRONMENT | environment).start()


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The suite that the end-to-end tests share."""
    stack = start(tmp_path_factory.mktemp("suite") / ".local")
    ends_with("suite", stack.stop)
    try:
        yield stack
    finally:
        stack.stop()


Watch = Callable[[httpx.Response], Awaitable[None]]


@dataclass(frozen=True)
class Told:
    """One request and how it ended (`time.monotonic`); status 0 when nothing came."""

    what: str
    began: float
    ended: float
    status: int

    @property
    def took(self) -> float:
        return self.ended - self.began


class Caller:
    """Somebody who speaks to the gateway; every POST carries an `Idempotency-Key`.

    `patience` is for how many seconds a request is sent again; `told` is all that was answered.
    """

    def __init__(
        self, suite: Stack, watch: Watch | None = None, token: str | None = None, patience: float = PATIENCE
    ) -> None:
        self.suite = suite
        self.patience = patience
        self.told: list[Told] = []
        hooks: dict[str, list[Any]] = {"response": [] if watch is None else [watch]}
        self.http = httpx.AsyncClient(base_url=suite.url, timeout=20, trust_env=False, verify=tls(), event_hooks=hooks)
        if token is not None:
            self.http.headers["Authorization"] = f"Bearer {token}"

    async def log_in(self, name: str) -> "Caller":
        """Become the account `name`, a person or a system; patient while identity is away."""
        account = self.suite.accounts[name]
        if "password" in account:
            body = {"username": account["username"], "password": account["password"]}
            answer = await self.persist("POST", "/identity/v1/sessions", json=body)
        else:
            form = {"grant_type": "client_credentials"} | {n: account[n] for n in ("client_id", "client_secret")}
            answer = await self.persist("POST", "/identity/v1/token", data=form)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    async def send(self, method: str, path: str, *, seen: int | None = None, **how: Any) -> httpx.Response:
        """One request, whatever comes of it; `seen` is the version for `If-Match`."""
        headers: dict[str, str] = dict(how.pop("headers", {}))
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        began, status = time.monotonic(), 0
        try:
            answer = await self.http.request(method, path, headers=headers, **how)
            status = answer.status_code
            return answer
        finally:
            self.told.append(Told(f"{method} {path.partition('?')[0]}", began, time.monotonic(), status))

    async def persist(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The same request with the same key until there is an answer that is neither 5xx nor "busy"."""
        if method == "POST":
            how["headers"] = {"Idempotency-Key": uuid.uuid4().hex} | how.get("headers", {})
        deadline = time.monotonic() + self.patience
        while True:
            try:
                answer = await self.send(method, path, **how)
                busy = answer.status_code == 409 and answer.json()["code"] == "idempotency_busy"
                if answer.status_code < 500 and answer.status_code != 429 and not busy:
                    return answer
                told = f"{answer.status_code} {answer.text[:200]}"
            except GONE as error:
                told = type(error).__name__
            assert time.monotonic() < deadline, f"{method} {path}: still {told}"
            await asyncio.sleep(0.15)

    async def get(self, path: str) -> Any:
        """The JSON of a GET that succeeds in the end."""
        answer = await self.persist("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def close(self) -> None:
        """Give the connections back."""
        await self.http.aclose()


async def ask(url: str, query: str, *arguments: object) -> list[dict[str, Any]]:
    """The rows of a query, asked past every wall (owner or administrator)."""
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def hurry(suite: Stack) -> bool:
    """Have what waits for the end of its back-off tried now; whether any service has a job left."""
    left = [await ask(suite.database_url(service), _HURRIED) for service in SERVICES]
    return any(left)


@contextlib.asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` goes on beside what is done here, and ends with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def hurrying(suite: Stack) -> AsyncIterator[None]:
    """Meanwhile nothing waits out a back-off: what has failed often while something was away would for minutes."""

    async def again() -> None:
        while True:
            await hurry(suite)
            await asyncio.sleep(0.5)

    async with meanwhile(again()):
        yield


async def settled(suite: Stack, patience: float = 60) -> None:
    """Wait until no service has a job that waits or is being done; no back-off is waited for."""

    async def idle() -> bool | None:
        return None if await hurry(suite) else True

    await until("all jobs done", idle, patience)


async def put(url: str, body: Any) -> None:
    """PUT to one of the two outside systems."""
    async with httpx.AsyncClient(trust_env=False, timeout=20, verify=tls()) as client:
        answer = await client.put(url, content=json.dumps(body, ensure_ascii=False).encode())
        assert answer.status_code == 200, answer.text


async def fetch(url: str) -> bytes:
    """The body of a GET, whatever its status."""
    async with httpx.AsyncClient(trust_env=False, timeout=20, verify=tls()) as client:
        return (await client.get(url)).content


def draftee(national_id: str, student: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """The registry's view of a student whom nothing is wrong with."""
    return {
        "national_id": national_id,
        "name": student["name"],
        "birth_date": student["birth_date"],
        "household_county_code": student["county_code"],
        "household_township_code": student["township_code"],
        "household_since": student["birth_date"],
    } | facts
