"""One request to one upstream and its answer back, streamed both ways with back-pressure.

Nothing is kept but what is on its way: uvicorn stops reading the client while the upstream does not take more, and
aiohttp stops reading the upstream while the client does not. Three things end an exchange early: the client goes
away (the upstream's connection is closed at once), the body passes its limit, or somebody stays silent too long. An
upstream that stands still, and not only this request with it, is found out sooner (`gateway.pulse`).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
from yarl import URL

from gateway import headers, limits
from gateway.exchange import SMALL_BODY, Exchange, Receive
from gateway.metrics import FAILURES
from gateway.policy import Route
from gateway.pulse import JOIN_AFTER, PATIENCE, Pulses
from shared.law import rule
from shared.problems import UNAVAILABLE, UPSTREAM_FAILED, UPSTREAM_TIMEOUT, ProblemError

# Seconds. Uvicorn closes idle connections after 5: ours go before, so that none is reused while it is being closed.
KEEP_ALIVE = 3.0
CONNECT = 1.5
CLIENT_SILENCE = 30.0
WATCH_AFTER = 0.02
RETRY_AFTER = {"Retry-After": "2"}
POOL = 1_000
# Connections for looks at the services and for their keys.
WATCHING = 20
# Nobody there, or whoever was there has gone without a word: a service that ended in the middle of its work. Whatever
# may change something carries a key or a version, so it can be sent again.
_DOWN = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ConnectionTimeoutError)

Ending = Literal[
    "client_gone", "client_slow", "too_large", "upstream_slow", "upstream_silent", "upstream_down", "upstream_failed"
]  # fmt: skip


class _Patience:
    """One timer for an exchange, the look-out for a client that leaves, the upstream's pulse, and the reason the
    exchange was ended.

    All are lazy, for most exchanges end within milliseconds: the timer is set anew only when it rings too early, the
    look-out begins after `WATCH_AFTER`, and the pulse is felt after `JOIN_AFTER`, until the answer begins.
    """

    def __init__(self, timeout: asyncio.Timeout, seconds: float, pulses: Pulses, upstream: str) -> None:
        self.ended: Ending | None = None
        self._timeout = timeout
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting_for: Ending = "upstream_slow"
        self._deadline = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._deadline, self._ring)
        self._pulses = pulses
        self._upstream = upstream
        self._joining = self._loop.call_later(JOIN_AFTER, pulses.join, upstream, self._silent)
        self._watch_timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False

    def await_upstream(self) -> None:
        self._wait("upstream_slow", self._seconds)

    def await_client(self) -> None:
        self._wait("client_slow", CLIENT_SILENCE)

    def answered(self) -> None:
        """The answer has begun: the upstream lives."""
        self._joining.cancel()
        self._pulses.leave(self._upstream, self._silent)

    def watch(self, receive: Receive) -> None:
        """End the exchange when the client goes away. Only once its body is read: before, the upload sees it."""
        if not self._closed:
            self._watch_timer = self._loop.call_later(WATCH_AFTER, self._begin_watch, receive)

    def stop(self, ending: Ending) -> None:
        """End the exchange now."""
        if not self._closed:
            self.ended = ending
            self.close()
            self._timeout.reschedule(self._loop.time())

    def close(self) -> None:
        """From here on nothing ends the exchange but its own course."""
        self._closed = True
        self.answered()
        self._timer.cancel()
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _wait(self, whom: Ending, seconds: float) -> None:
        self._waiting_for = whom
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._timer.when() and not self._closed:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        else:
            self.stop(self._waiting_for)

    def _silent(self) -> None:
        # What the client is slow to send is not the upstream's doing.
        if self._waiting_for == "upstream_slow":
            self.stop("upstream_silent")

    def _begin_watch(self, receive: Receive) -> None:
        self._watcher = self._loop.create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._watcher = None
        self.stop("client_gone")


class _BodyStoppedError(Exception):
    """Raised inside the upload, so that aiohttp never ends a body that was cut short as if it were whole."""


class _Upload:
    """The client's body on its way: counted, timed, read once."""

    def __init__(self, exchange: Exchange, patience: _Patience, limit: int) -> None:
        self._exchange = exchange
        self._patience = patience
        self._limit = limit
        self._begun = False

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
            message = await self._exchange.take()
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
        self._patience.watch(self._exchange.receive)

    def _stop(self, ending: Ending) -> None:
        self._patience.stop(ending)
        raise _BodyStoppedError


class Proxy:
    """The pooled client towards the upstreams. One instance an event loop; `close` it."""

    def __init__(self, upstreams: dict[str, str]) -> None:
        self._bases = upstreams
        self.session = _session(POOL)
        # Looks and keys have connections of their own: when all others are taken, a service is not silent for that.
        self.watching = _session(WATCHING)
        self._pulses = Pulses(self._beats)

    async def close(self) -> None:
        await self._pulses.close()
        await self.watching.close()
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
            if self._pulses.is_silent(row.upstream):
                raise _EndedError("upstream_silent")
            await self._exchange(exchange, route, URL(target, encoded=True), sent)
        except _EndedError as ended:
            exchange.ending = ended.ending
            FAILURES.labels(row.upstream, ended.ending).inc()
            if exchange.status == 0 and ended.ending != "client_gone":
                raise _problem(ended.ending, route) from ended

    async def _exchange(self, exchange: Exchange, route: Route, url: URL, sent: list[tuple[str, str]]) -> None:
        patience: _Patience | None = None
        try:
            async with asyncio.timeout(None) as timeout:
                patience = _Patience(timeout, route.row.timeout, self._pulses, route.row.upstream)
                try:
                    await self._relay(exchange, route, url, sent, patience)
                finally:
                    patience.close()
            await exchange.end()
        except (aiohttp.ClientError, _BodyStoppedError, OSError) as error:
            # Time-outs are OSErrors too: ours, and that of a connection which cannot be made.
            down = isinstance(error, _DOWN)
            ended = patience.ended if patience is not None else None
            raise _EndedError(ended or ("upstream_down" if down else "upstream_failed")) from error

    async def _beats(self, name: str) -> bool:
        try:
            async with asyncio.timeout(PATIENCE), self.watching.get(f"{self._bases[name]}/readyz") as answer:
                return answer.status == 200
        except TimeoutError:
            return False
        except (aiohttp.ClientError, OSError):
            # It has ended, which whoever waits for it learns from his own connection.
            return True

    async def _relay(
        self, exchange: Exchange, route: Route, url: URL, sent: list[tuple[str, str]], patience: _Patience
    ) -> None:
        upload = _Upload(exchange, patience, route.body)
        length = exchange.framing.length
        small = length is not None and length <= SMALL_BODY
        data: Any = await upload.whole() or None if small else upload
        patience.await_upstream()
        async with self.session.request(route.method, url, headers=sent, data=data, allow_redirects=False) as response:
            try:
                await _answer(exchange, response, patience)
            finally:
                # Given back to the pool only when all of it was read; closed otherwise.
                if not response.content.at_eof() or not exchange.body_read:
                    response.close()


def _session(connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE, ttl_dns_cache=30),
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        trust_env=False,
    )


class _EndedError(Exception):
    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending: Ending = ending


async def _answer(exchange: Exchange, response: aiohttp.ClientResponse, patience: _Patience) -> None:
    patience.answered()
    patience.await_client()
    await exchange.start(response.status, headers.to_client(response.raw_headers, exchange.trace))
    patience.await_upstream()
    async for part in response.content.iter_any():
        patience.await_client()
        await exchange.part(part)
        patience.await_upstream()


def _problem(ending: Ending, route: Route) -> ProblemError:
    if ending == "too_large":
        return limits.too_large(route.body)
    if ending == "client_slow":
        return limits.REQUEST_TIMEOUT(headers={"Connection": "close"})
    if ending == "upstream_slow":
        return UPSTREAM_TIMEOUT()
    if ending in ("upstream_down", "upstream_silent"):
        return UNAVAILABLE(headers=RETRY_AFTER)
    return UPSTREAM_FAILED(headers=RETRY_AFTER)
