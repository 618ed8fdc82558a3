"""The load on a gateway: keep-alive connections, each asking again as soon as it is answered, tokens in rotation.

Bare sockets and epoll, 10 µs a request with the look at its answer: four times what the quickest proxy here can take
on one core. Every answer is looked at. Linux only.
"""

import re
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

CONNECTIONS = 32
_LARGEST = 65536


class WrongAnswerError(Exception):
    """An answer under load was not 200 with the body expected."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was answered: `requests` in `seconds`, and how much of a core the asking itself took."""

    requests: int
    seconds: float
    own_share: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def drive(port: int, requests: Sequence[bytes], body: bytes, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Ask for `seconds`; raises WrongAnswerError, also when nothing comes for two seconds."""
    poll = select.epoll()
    with ExitStack() as stack:
        stack.callback(poll.close)
        sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[opened.fileno()] = opened
            poll.register(opened, select.EPOLLIN)
        return _drive(poll, sockets, requests, body, seconds)


class Exchange(Protocol):
    """What is said on one of many connections: the next request, given the answer to the one before it."""

    def first(self, number: int) -> bytes:
        """The first request on connection `number`."""

    def following(self, number: int, head: bytes, body: bytes) -> bytes:
        """The next one; raises WrongAnswerError when the answer is not the one expected."""


def exchange(port: int, talk: Exchange, seconds: float, connections: int) -> Load:
    """`talk` for `seconds` on keep-alive connections; every answer is read whole and looked at.

    Raises WrongAnswerError, also when nothing comes for ten seconds.
    """
    poll = select.epoll()
    with ExitStack() as stack:
        stack.callback(poll.close)
        opened: dict[int, tuple[int, socket.socket]] = {}
        for number in range(connections):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened[one.fileno()] = (number, one)
            poll.register(one, select.EPOLLIN)
        said = dict.fromkeys(opened, b"")
        answered, waiting = 0, len(opened)
        began, worked = time.perf_counter(), time.process_time()
        end = began + seconds
        for number, one in opened.values():
            one.sendall(talk.first(number))
        # What was asked is waited for: the next slice starts from where the answers say that this one ended.
        while waiting:
            ready = poll.poll(10.0)
            if not ready:
                raise WrongAnswerError("no answer for ten seconds")
            for name, _events in ready:
                number, one = opened[name]
                part = one.recv(_LARGEST)
                if not part:
                    raise WrongAnswerError("the connection was closed")
                said[name] += part
                if (whole := _whole(said[name])) is None:
                    continue
                said[name] = b""
                answered += 1
                following = talk.following(number, *whole)
                if time.perf_counter() < end:
                    one.sendall(following)
                else:
                    waiting -= 1
        took = time.perf_counter() - began
        return Load(answered, took, (time.process_time() - worked) / took)


def once(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to one request."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(request)
        said = b""
        while (whole := _whole(said)) is None:
            part = one.recv(_LARGEST)
            if not part:
                raise WrongAnswerError("the connection was closed")
            said += part
    return whole


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        body, chunks = body + rest[:length], rest[length + 2 :]
        if not length:
            break
    return body


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


def _whole(said: bytes) -> tuple[bytes, bytes] | None:
    """Head and body of an answer that has arrived whole; a body in chunks is put together."""
    head, end, body = said.partition(b"\r\n\r\n")
    if not end:
        return None
    length = _LENGTH.search(head + b"\r\n")
    if length:
        return (head, body) if len(body) >= int(length[1]) else None
    return (head, _joined(body)) if body.endswith(b"0\r\n\r\n") else None


def _drive(
    poll: select.epoll, sockets: dict[int, socket.socket], requests: Sequence[bytes], body: bytes, seconds: float
) -> Load:
    waiting = dict.fromkeys(sockets, b"")
    count, answered, many = 0, 0, len(requests)
    began, worked = time.perf_counter(), time.process_time()
    end = began + seconds
    for opened in sockets.values():
        opened.send(requests[count % many])
        count += 1
    while (now := time.perf_counter()) < end:
        ready = poll.poll(2.0)
        if not ready:
            raise WrongAnswerError("no answer for two seconds")
        for number, _events in ready:
            opened = sockets[number]
            part = opened.recv(_LARGEST)
            said = waiting[number] + part
            if said.endswith(body) and said.startswith(b"HTTP/1.1 200 "):
                waiting[number] = b""
                answered += 1
                opened.send(requests[count % many])
                count += 1
            elif part and len(said) < _LARGEST and said.startswith(b"HTTP/1.1 200 "[: len(said)]):
                waiting[number] = said
            else:
                raise WrongAnswerError(f"{said[:200]!r}")
    return Load(answered, now - began, (time.process_time() - worked) / (now - began))
