"""A real gateway and real small upstreams, each a uvicorn server on a loopback port of its own."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvicorn

from gateway.main import Gateway
from gateway.policy import ADMIN, ANY_ROLE, ANYONE, Policy, Row
from gateway.settings import GatewaySettings
from shared.tokens import SigningKey, as_jwks, mint

ISSUER = "http://127.0.0.1/identity"
MB = 1024 * 1024

Scope = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def served(app: App, *, h11_limit: int | None = None, http: str = "h11") -> AsyncIterator[str]:
    """The address of a uvicorn server that runs `app`."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=http,
        log_config=None,
        lifespan="on",
        h11_max_incomplete_event_size=h11_limit,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Seen:
    """One request as an upstream saw it."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = False
    gone: bool = False

    def header(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found == name]


Handler = Callable[["Upstream", Seen, Any, Any], Awaitable[None]]


@dataclass
class Upstream:
    """An ASGI application with health, an OpenAPI document, and handlers by path; it remembers what it saw.

    It gives a sign of life unless `at_work` is cleared.
    """

    document: dict[str, Any]
    handlers: dict[str, Handler] = field(default_factory=dict)
    jwks: dict[str, Any] = field(default_factory=dict)
    ready: bool = True
    at_work: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at_work.set()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        if path == "/readyz":
            await self.at_work.wait()
            await answer(send, 200 if self.ready else 503, b"{}")
        elif path == "/openapi.json":
            await answer(send, 200, json.dumps(self.document).encode())
        elif path.endswith("/jwks.json"):
            await answer(send, 200, json.dumps(self.jwks).encode())
        else:
            headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
            seen = Seen(scope["method"], path, scope["query_string"].decode(), headers)
            self.seen.append(seen)
            await self.handlers.get(path, echo)(self, seen, receive, send)


async def answer(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*head, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def parts(seen: Seen, receive: Any) -> AsyncIterator[bytes]:
    """The request's body as it comes; `seen` learns whether it was complete."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            seen.gone = True
            return
        yield message["body"]
        if not message["more_body"]:
            seen.complete = True
            return


async def read(seen: Seen, receive: Any) -> None:
    async for part in parts(seen, receive):
        seen.body += part


async def echo(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
    await read(seen, receive)
    if seen.complete:
        body = {"path": seen.path, "method": seen.method, "body": seen.body.decode("latin-1")}
        await answer(send, 200, json.dumps(body).encode())


ROWS = (
    Row("GET", "/identity/v1/.well-known/jwks.json", ANYONE),
    Row("POST", "/identity/v1/sessions", ANYONE, body=1024),
    Row("GET PATCH", "/identity/v1/me", ANY_ROLE),
    Row("GET POST PUT DELETE", "/roster/v1/things", frozenset({"case_officer"}), body=300 * MB, timeout=2),
    Row("GET", "/roster/v1/things/{thing_id}", frozenset({"case_officer", "approver"})),
    Row("GET", "/roster/v1/things/mine", frozenset({"school"})),
    Row("POST", "/roster/v1/small", frozenset({"school"}), body=100_000, timeout=2),
    Row("GET", "/roster/v1/slow", ANY_ROLE, timeout=0.4),
    Row("POST", "/roster/v1/slow", ANY_ROLE, timeout=0.4),
    Row("GET", "/roster/v1/scoped", ANY_ROLE, scope="roster:export"),
    Row("GET", "/roster/v1/strong", ANY_ROLE, acr=frozenset({"client"})),
    Row("GET", "/notify/v1/inbox/events", ANY_ROLE, timeout=30),
    Row("GET", "/notify/v1/messages", ADMIN),
)


@dataclass
class World:
    """A gateway with its upstreams, and tokens for it."""

    url: str
    gateway: Gateway
    identity: Upstream
    roster: Upstream
    notify: Upstream
    key: SigningKey
    client: aiohttp.ClientSession

    def token(self, *roles: str, key: SigningKey | None = None, **claims: Any) -> str:
        now = int(time.time())
        plain = {
            "iss": ISSUER,
            "aud": "muster",
            "sub": "person-1",
            "roles": list(roles) or ["case_officer"],
            "org": {"type": "county", "code": "63000"},
            "scope": "",
            "acr": "pwd",
            "jti": "j1",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 600,
        }
        return mint({**plain, **claims}, key or self.key)

    def bearer(self, *roles: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*roles, **claims)}"}

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


def document(title: str, **paths: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "paths": paths, "components": {}}


@asynccontextmanager
async def world(rows: tuple[Row, ...] = ROWS, **given: Any) -> AsyncIterator[World]:
    """Everything up and ready; `given` replaces upstream addresses (`roster_url=…`)."""
    key = SigningKey.generate()
    jwks = as_jwks([key])
    identity = Upstream(document("identity"), jwks=jwks)
    roster, notify = Upstream(document("roster")), Upstream(document("notify"))
    fee = Upstream(document("rdss-fee"))
    async with (
        served(identity) as identity_url,
        served(roster) as roster_url,
        served(notify) as notify_url,
        served(fee) as fee_url,
        aiohttp.ClientSession() as client,
    ):
        urls = {
            "identity_url": identity_url,
            "roster_url": roster_url,
            "notify_url": notify_url,
            "rdss_fee_url": fee_url,
            **given,
        }
        settings = GatewaySettings(issuer=ISSUER, **urls)
        gateway = Gateway(settings, policy=Policy(rows), keys=given.get("keys"))
        async with served(gateway, h11_limit=16 * 1024) as url:
            made = World(url, gateway, identity, roster, notify, key, client)
            if not given:
                await until(lambda: gateway.keys.loaded and gateway.upstreams.documents() is not None)
            yield made


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other servers
            await asyncio.sleep(0.01)


async def raw(port: int, data: bytes, seconds: float = 3.0) -> bytes:
    """Everything the server says to these bytes until it closes or stays silent for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        answer = b""
        try:
            async with asyncio.timeout(seconds):
                while part := await asyncio.wait_for(reader.read(65536), 0.5 if answer else seconds):
                    answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer
    finally:
        writer.close()


CHUNK = bytes(64 * 1024)
BIG = 64 * MB


async def chunks(size: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK
        if pause:
            await asyncio.sleep(pause)


async def count(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
    size = 0
    async for part in parts(seen, receive):
        size += len(part)
    if seen.complete:
        await answer(send, 200, str(size).encode())


async def post(here: World, path: str, data: Any, headers: dict[str, str]) -> tuple[int, str]:
    async with here.client.post(here.url + path, data=data, headers=headers) as response:
        return response.status, await response.text()
