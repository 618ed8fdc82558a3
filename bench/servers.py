"""Programs that a benchmark starts: on their cores, with a log, ended by their id."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.machine import on
from local.children import signal_group, spawn
from local.processes import tail

PATIENCE = 60.0
GRACE = 10.0


class NotStartedError(Exception):
    """A program ended, or was not ready in time; the text holds the last of its log."""


class Server:
    """`with Server("haproxy", argv, log, ready) as server:` until it is ready; SIGTERM and, if need be, SIGKILL.

    It dies with this process on Linux, however that ends.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: Path,
        ready: Callable[[], bool],
        *,
        cpus: Iterable[int],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = argv
        self.log = log
        self.ready = ready
        self.cpus = frozenset(cpus)
        self.env = dict(os.environ if env is None else env)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        if self._process is None:
            raise NotStartedError(f"{self.name} does not run")
        return self._process.pid

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output, on(self.cpus):
            self._process = spawn(self.argv, env=self.env, output=output)
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise NotStartedError(f"{self.name} did not start\n{tail(self.log)}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
        process.wait()


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes] | None:
    """Status and body of a GET on loopback; None when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers(port: int, path: str = "/", status: int | None = None) -> Callable[[], bool]:
    """A look at whether a GET is answered: with `status`, or with anything."""

    def look() -> bool:
        found = get(port, path)
        return found is not None and status in (None, found[0])

    return look
