"""`python -m bench.upstream PORT FILE`: the service behind the gateways that are compared, as quick as Python can be.

It answers every GET with what FILE (JSON: path → text, `*` for any other path) holds for it. Bare sockets and epoll:
about 6 µs an answer, so that it is not what is measured. Linux only.
"""

import json
import select
import socket
import sys
from pathlib import Path


def whole(body: bytes) -> bytes:
    """An answer's bytes on the wire."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def serve(port: int, answers: dict[bytes, bytes]) -> None:
    """Until killed. Requests have no body and come one at a time on each connection, as proxies send them."""
    other = answers[b"*"]
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    known: dict[int, socket.socket] = {}
    entry = listener.fileno()
    while True:
        for number, _events in poll.poll():
            if number == entry:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                known[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
                continue
            connection = known[number]
            try:
                asked = connection.recv(65536)
                if asked:
                    connection.send(answers.get(asked.split(b" ", 2)[1], other))
                    continue
            except OSError:
                asked = b""
            del known[number]
            connection.close()


def main(port: str, file: str) -> None:
    """Serve what the file holds."""
    held = json.loads(Path(file).read_text(encoding="utf-8"))
    serve(int(port), {path.encode(): whole(text.encode()) for path, text in held.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
