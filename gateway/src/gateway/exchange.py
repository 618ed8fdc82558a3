"""A request under way and its answer: the thin layer over ASGI that pages, refusals and the proxy share."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway import browsers, headers, limits
from gateway.policy import Route

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LINGER = 2.0  # seconds
# Bodies up to this size are read whole before the upstream is troubled: a slow client then holds no connection.
SMALL_BODY = 64 * limits.KB


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
    asked: bool = False
    origins: frozenset[bytes] = frozenset()

    async def take(self) -> Message:
        """The next part of the request's body; the first call also tells a client that waits for it to go on."""
        self.asked = True
        return await self.receive()

    async def start(self, status: int, head: list[tuple[bytes, bytes]]) -> None:
        """The answer's head. A client that still has much to send is told that the connection ends with it."""
        self.status = status
        head = browsers.guarded(head, self.scope["headers"], self.origins)
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
        # A client that waits for "100 Continue" has sent nothing and, having its answer, will not.
        if not self.asked and any(name == b"expect" for name, _ in self.scope["headers"]):
            return
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return
