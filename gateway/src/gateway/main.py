"""The gateway as an ASGI application: `uvicorn --factory gateway.main:create_app --http h11`.

A request passes in this order, and the first refusal ends it: sizes → framing → path → policy row → token → role →
declared length → upstream. There is no framework on this path.
"""

import asyncio
import json
import logging
import time
from collections.abc import MutableMapping
from typing import Any

from gateway import browsers, docs, headers, limits, metrics, openapi
from gateway.exchange import Exchange, Receive, Send
from gateway.policy import ROWS, MethodClosedError, NoRowError, Policy, Route
from gateway.proxy import Proxy
from gateway.settings import GatewaySettings, load
from gateway.upstreams import Upstreams, fetch
from shared import logs, problems
from shared.law import rule
from shared.metrics import exposition
from shared.tokens import HttpKeys, KeySource, TokenError, Verifier, bearer_token

log = logs.get("gateway.access")

_NO_STORE = (b"cache-control", b"no-store")
# Asked for every few seconds by whoever watches over the gateway: counted, not logged.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Gateway:
    """One per process. Started and stopped by the server's lifespan messages."""

    def __init__(
        self, settings: GatewaySettings, *, policy: Policy | None = None, keys: KeySource | None = None
    ) -> None:
        self._settings = settings
        self.policy = policy or Policy(ROWS)
        self._given_keys = keys
        self._origins = settings.spa_origins
        self._pages = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
        }
        self._rendered: tuple[int, bytes, bytes] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        settings = self._settings
        self.proxy = Proxy(settings.upstreams)
        self.upstreams = Upstreams(self.proxy.watching, settings.upstreams)
        self.keys = self._given_keys or HttpKeys(lambda: fetch(self.proxy.watching, settings.jwks_url))
        self.verifier = Verifier(self.keys, settings.issuer)
        self._tasks.append(asyncio.create_task(self.upstreams.watch()))
        if isinstance(self.keys, HttpKeys):
            self._tasks.append(asyncio.create_task(self.keys.keep_fresh()))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.proxy.close()

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        exchange = Exchange(scope, receive, send, headers.trace_of(scope["headers"]), origins=self._origins)
        try:
            await self._handle(exchange)
        except problems.ProblemError as problem:
            exchange.ending = exchange.ending or problem.type.code
            await _refuse(exchange, problem)
        except Exception as error:
            exchange.ending = "internal_error"
            log.error("internal_error", request_id=exchange.trace.request_id, exc_info=error)
            if exchange.status == 0:
                await _refuse(exchange, problems.INTERNAL())
        finally:
            _note(exchange, time.perf_counter() - started)

    async def _handle(self, exchange: Exchange) -> None:
        scope = exchange.scope
        limits.check_sizes(scope["raw_path"], scope["query_string"], scope["headers"])
        exchange.framing = limits.framing(scope["headers"], scope["http_version"])
        exchange.path = limits.public_path(scope["raw_path"])
        # The server decoded the path as well; two readings of one path must not differ.
        if exchange.path != scope["path"]:
            raise limits.BAD_PATH()
        page = self._pages.get(exchange.path)
        if page is not None:
            exchange.template = exchange.path
            if scope["method"] != "GET":
                raise problems.METHOD_NOT_ALLOWED(headers={"Allow": "GET"})
            await page(exchange)
            return
        # A browser asks before it sends, without a token; only the page of a listed origin is told what it may.
        asked = browsers.asked_method(scope["method"], scope["headers"])
        if asked is not None and browsers.origin_of(scope["headers"], self._origins) is not None:
            exchange.template = self._route(asked, exchange.path).row.template
            await exchange.answer(200, browsers.preflight(asked), b"")
            return
        route = self._route(scope["method"], exchange.path)
        exchange.route, exchange.template = route, route.row.template
        if route.row.roles is not None:
            await self._authorise(scope["headers"], route)
        limits.check_body(exchange.framing.length, route.body)
        with metrics.IN_FLIGHT.labels(route.row.upstream).track_inprogress():
            await self.proxy.forward(exchange, route)

    @rule("GW-01")
    def _route(self, method: str, path: str) -> Route:
        try:
            return self.policy.find(method, path)
        except NoRowError as error:
            raise problems.NOT_FOUND() from error
        except MethodClosedError as error:
            raise problems.METHOD_NOT_ALLOWED(headers={"Allow": ", ".join(error.allowed)}) from error

    @rule("GW-02")
    async def _authorise(self, sent: list[tuple[bytes, bytes]], route: Route) -> None:
        """Raises 401, 403, or 503 while no key is at hand to check the token with."""
        given = [value.decode("latin-1") for name, value in sent if name == b"authorization"]
        try:
            claims = await self.verifier.verify_async(bearer_token(given))
        except TokenError as error:
            metrics.REFUSED_TOKENS.labels(error.reason).inc()
            if error.reason == "keys_unavailable":
                raise problems.UNAVAILABLE(headers={"Retry-After": "2"}) from error
            challenge = "Bearer" if error.reason == "missing" else 'Bearer error="invalid_token"'
            raise problems.UNAUTHENTICATED(headers={"WWW-Authenticate": challenge}) from error
        row = route.row
        role = row.roles is None or not row.roles.isdisjoint(claims.roles)
        scope = row.scope is None or row.scope in claims.scopes
        if not role or not scope or claims.acr not in row.acr:
            raise problems.FORBIDDEN(headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})

    async def _healthz(self, exchange: Exchange) -> None:
        await _json(exchange, 200, {"status": "ok"})

    async def _readyz(self, exchange: Exchange) -> None:
        """Keys loaded and every upstream ready once since start; a later outage shows in the body only."""
        ready = self.keys.loaded and self.upstreams.all_were_ready
        states = self.upstreams.states.items()
        body = {
            "status": "ready" if ready else "starting",
            "keys": self.keys.loaded,
            "upstreams": {name: {"ready": s.ready, "was_ready": s.was_ready} for name, s in states},
        }
        await _json(exchange, 200 if ready else 503, body)

    async def _metrics(self, exchange: Exchange) -> None:
        body, media_type = exposition()
        await exchange.answer(200, [(b"content-type", media_type.encode()), _NO_STORE], body)

    async def _openapi(self, exchange: Exchange) -> None:
        document, _page = self._documents()
        await exchange.answer(200, [(b"content-type", b"application/json")], document)

    async def _docs(self, exchange: Exchange) -> None:
        _document, page = self._documents()
        policy = docs.CONTENT_SECURITY_POLICY.encode()
        head = [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)]
        await exchange.answer(200, head, page)

    def _documents(self) -> tuple[bytes, bytes]:
        """The merged document and its page, made anew only when a service's document has changed."""
        found = self.upstreams.documents()
        if found is None:
            raise problems.UNAVAILABLE(headers={"Retry-After": "2"})
        if self._rendered is None or self._rendered[0] != self.upstreams.version:
            merged = openapi.merge(found, self.policy.operations)
            text = json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode()
            self._rendered = (self.upstreams.version, text, docs.page(merged).encode())
        return self._rendered[1], self._rendered[2]


async def _json(exchange: Exchange, status: int, body: object) -> None:
    text = json.dumps(body, ensure_ascii=False).encode()
    await exchange.answer(status, [(b"content-type", b"application/json"), _NO_STORE], text)


async def _refuse(exchange: Exchange, problem: problems.ProblemError) -> None:
    head = [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    head += [(b"content-type", problems.MEDIA_TYPE.encode()), _NO_STORE]
    await exchange.answer(problem.type.status, head, problem.encode(exchange.path))


@rule("GW-05")
def _note(exchange: Exchange, seconds: float) -> None:
    """The access log and the metrics: route templates only, no address, no address of the caller, nobody's name."""
    route = exchange.route
    method = exchange.scope["method"] if exchange.scope["method"] in _KNOWN_METHODS else "OTHER"
    upstream = route.row.upstream if route else "gateway"
    rate = route.row.rate if route else "read"
    metrics.REQUESTS.labels(upstream, exchange.template, method, exchange.status, rate).inc()
    metrics.SECONDS.labels(upstream, exchange.template).observe(seconds)
    if exchange.template in _QUIET and exchange.ending is None:
        return
    log.info(
        "request",
        method=method,
        route=exchange.template,
        status=exchange.status,
        ms=int(seconds * 1000),
        request_id=exchange.trace.request_id,
        ending=exchange.ending,
    )


def create_app(settings: GatewaySettings | None = None) -> Gateway:
    """The application, from the environment unless settings are given."""
    settings = settings or load()
    logs.configure("gateway", settings.log_level)
    # Uvicorn's own access log writes whole addresses and callers' addresses; ours replaces it.
    logging.getLogger("uvicorn.access").disabled = True
    return Gateway(settings)
