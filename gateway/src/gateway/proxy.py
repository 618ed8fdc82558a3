"""One request to one upstream and its answer back, streamed both ways with back-pressure.

Nothing is kept but what is on its way: uvicorn stops reading the client while the upstream does not take more, and
aiohttp stops reading the upstream while the client does not. Three things end an exchange early: the client goes
away (the upstream's connection is closed at once), the body passes its limit, or somebody stays silent too long.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from yarl import URL

from gateway import headers, limits
from gateway.metrics import FAILURES
from gateway.policy import Route
from shared.law import rule
from shared.problems import UNAVAILABLE, UPSTREAM_FAILED, UPSTREAM_TIMEOUT, ProblemError, ProblemType

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Seconds. Uvicorn closes idle connections after 5: ours go before, so that none is reused while it is being closed.
KEEP_ALIVE = 3.0
CONNECT = 1.5
CLIENT_SILENCE = 30.0
LINGER = 2.0
RETRY_AFTER = {"Retry-After": "2"}
# Bodies up to this size are read whole before the upstream is troubled: a slow client then holds no connection.
SMALL_BODY = 64 * limits.KB
POOL = 1_000

REQUEST_TIMEOUT = ProblemType("request_timeout", 408, "請求內容傳送逾時", "The request body came too slowly")

Ending = Literal["client_gone", "client_slow", "too_large", "upstream_slow", "upstream_down", "upstream_failed"]


@dataclass(slots=True)
class Exchange:
    """A request under way: the ASGI triple, what was found out about it, and how far its answer is."""

    scope: MutableMapping[str, Any]
    receive: Receive
    _send: Send
    trace: headers.Trace
    framing: limits.Framing = field(default_factory=lambda: limits.Framing(0))
    path: str = "/"
    template: str = "unmatched"
    route: Route | None = None
    status: int = 0
    ending: str | None = None
    body_read: bool = False

    async def start(self, status: int, head: list[tuple[bytes, bytes]]) -> None:
        """The answer's head. A client that still has much to send is told that the connection ends with it."""
        self.status = status
        rest = 0 if self.body_read else self.framing.length
        if (rest is None or rest > SMALL_BODY) and all(name != b"connection" for name, _ in head):
            head = [*head, (b"connection", b"close")]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def part(self, body: bytes) -> None:
        """A part of the answer's body; waits while the client does not take more."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """The end of the answer.

        What the client is still sending is read and dropped first, for a moment: closing on unread data would
        destroy the answer on its way (RFC 9112 9.6).
        """
        if not self.body_read and not self.framing.empty:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._drop_body()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def answer(self, status: int, head: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole answer of the gateway's own."""
        head = [
            *head,
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", self.trace.request_id.encode()),
        ]
        await self.start(status, head)
        await self.part(body)
        await self.end()

    async def _drop_body(self) -> None:
        # A client that asked "100-continue" has sent nothing and, having its answer, will not.
        if any(name == b"expect" for name, _ in self.scope["headers"]):
            return
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return


class _Patience:
    """One timer for an exchange, and the reason it went off. Also the way other tasks end the exchange."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self.ending: Ending = "upstream_slow"

    def await_upstream(self) -> None:
        self._until("upstream_slow", self._seconds)

    def await_client(self) -> None:
        self._until("client_slow", CLIENT_SILENCE)

    def stop(self, ending: Ending) -> None:
        """End the exchange now."""
        self._until(ending, 0.0)
        self._closed = True

    def close(self) -> None:
        """From here on nothing ends the exchange but its own course."""
        if not self._closed:
            self._closed = True
            self._timeout.reschedule(None)

    def _until(self, ending: Ending, seconds: float) -> None:
        if not self._closed and not self._timeout.expired():
            self.ending = ending
            self._timeout.reschedule(self._loop.time() + seconds)


class _BodyStoppedError(Exception):
    """Raised inside the upload, so that aiohttp never ends a body that was cut short as if it were whole."""


class _Upload:
    """The client's body on its way: counted, timed, read once."""

    def __init__(self, exchange: Exchange, patience: _Patience, limit: int) -> None:
        self._exchange = exchange
        self._patience = patience
        self._limit = limit
        self._begun = False
        self.read = asyncio.Event()

    async def whole(self) -> bytes:
        return b"".join([part async for part in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # aiohttp may repeat a request on a connection that was closed; a stream cannot be repeated.
        if self._begun:
            raise _BodyStoppedError
        self._begun = True
        size, more = 0, True
        while more:
            self._patience.await_client()
            message = await self._exchange.receive()
            if message["type"] == "http.disconnect":
                self._stop("client_gone")
            part = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size > self._limit:
                self._stop("too_large")
            self._patience.await_upstream()
            if part:
                yield part
        self._exchange.body_read = True
        self.read.set()

    def _stop(self, ending: Ending) -> None:
        self._patience.stop(ending)
        raise _BodyStoppedError


class Proxy:
    """The pooled client towards the upstreams. One instance an event loop; `close` it."""

    def __init__(self, upstreams: dict[str, str]) -> None:
        self._bases = upstreams
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=POOL, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=30),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=False,
        )

    async def close(self) -> None:
        await self.session.close()

    @rule("GW-03")
    async def forward(self, exchange: Exchange, route: Route) -> None:
        """Send the exchange's request to the route's upstream and its answer to the client.

        Raises ProblemError (503, 504, 502, 413, 408) as long as nothing was answered. Once the answer has begun, a
        failure cuts the client's connection, so that half an answer is never taken for a whole one.
        """
        row = route.row
        sent = headers.to_upstream(exchange.scope["headers"], exchange.framing, exchange.trace)
        query = exchange.scope["query_string"].decode("ascii")
        target = self._bases[row.upstream] + exchange.path + (f"?{query}" if query else "")
        try:
            await self._exchange(exchange, route, URL(target, encoded=True), sent)
        except _EndedError as ended:
            exchange.ending = ended.ending
            FAILURES.labels(row.upstream, ended.ending).inc()
            if exchange.status == 0 and ended.ending != "client_gone":
                raise _problem(ended.ending, route) from ended

    async def _exchange(self, exchange: Exchange, route: Route, url: URL, sent: list[tuple[str, str]]) -> None:
        seconds = route.row.timeout
        watch: asyncio.Task[None] | None = None
        patience: _Patience | None = None
        try:
            async with asyncio.timeout(seconds) as timeout:
                patience = _Patience(timeout, seconds)
                upload = _Upload(exchange, patience, route.body)
                length = exchange.framing.length
                data: Any = None
                if exchange.framing.empty or (length is not None and length <= SMALL_BODY):
                    data = await upload.whole() or None
                else:
                    data = upload
                watch = asyncio.create_task(_watch(exchange, upload, patience))
                patience.await_upstream()
                async with self.session.request(
                    route.method, url, headers=sent, data=data, allow_redirects=False
                ) as response:
                    try:
                        await _answer(exchange, response, patience)
                    finally:
                        # Given back to the pool only when all of it was read; closed otherwise.
                        if not response.content.at_eof() or not exchange.body_read:
                            response.close()
                patience.close()
                watch.cancel()
            await exchange.end()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _EndedError("upstream_down") from error
        except TimeoutError as error:
            raise _EndedError(patience.ending if patience else "upstream_slow") from error
        except (aiohttp.ClientError, _BodyStoppedError, OSError) as error:
            stopped = patience is not None and patience.ending in ("client_gone", "too_large")
            raise _EndedError(patience.ending if stopped and patience else "upstream_failed") from error
        finally:
            if watch is not None:
                watch.cancel()


class _EndedError(Exception):
    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending: Ending = ending


async def _answer(exchange: Exchange, response: aiohttp.ClientResponse, patience: _Patience) -> None:
    patience.await_client()
    await exchange.start(response.status, headers.to_client(response.raw_headers, exchange.trace))
    patience.await_upstream()
    async for part in response.content.iter_any():
        patience.await_client()
        await exchange.part(part)
        patience.await_upstream()


async def _watch(exchange: Exchange, upload: _Upload, patience: _Patience) -> None:
    """End the exchange when the client goes away after its body was read (before, the upload sees it)."""
    await upload.read.wait()
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
    patience.stop("client_gone")


def _problem(ending: Ending, route: Route) -> ProblemError:
    if ending == "too_large":
        return limits.too_large(route.body)
    if ending == "client_slow":
        return REQUEST_TIMEOUT(headers={"Connection": "close"})
    if ending == "upstream_slow":
        return UPSTREAM_TIMEOUT()
    if ending == "upstream_down":
        return UNAVAILABLE(headers=RETRY_AFTER)
    return UPSTREAM_FAILED(headers=RETRY_AFTER)
