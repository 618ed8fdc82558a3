"""The load on a gateway: keep-alive connections, each asking again as soon as it is answered, tokens in rotation.

Bare sockets and epoll, 10 µs a request with the look at its answer: four times what the quickest proxy here can take
on one core. Every answer is looked at. Linux only.
"""

import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

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
