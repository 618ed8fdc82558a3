"""Ends the children of a killed supervisor where the kernel does not (macOS has no parent-death signal).

It reads one JSON object a line on standard input, `{name: pid}` of the processes alive, and waits. When the pipe
closes without the word `done`, the supervisor was killed: every group gets SIGKILL, PostgreSQL a fast shutdown.
"""

import json
import os
import signal
import subprocess
import sys
from typing import IO

from local.children import signal_group

DONE = b"done\n"


class Watchdog:
    """The supervisor's side: a small process that outlives it just long enough."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.watchdog"], stdin=subprocess.PIPE, start_new_session=True
        )

    def tell(self, pids: dict[str, int]) -> None:
        """These, and no others, are to be ended if we are killed."""
        self._send(json.dumps(pids).encode() + b"\n")

    def dismiss(self) -> None:
        """All is stopped in good order."""
        self._send(DONE)
        self._process.wait(5)

    def _send(self, line: bytes) -> None:
        pipe = self._process.stdin
        if pipe is not None and self._process.poll() is None:
            pipe.write(line)
            pipe.flush()


def watch(lines: IO[bytes]) -> None:
    """Read until the pipe closes, then end what is left."""
    pids: dict[str, int] = {}
    for line in lines:
        if line == DONE:
            return
        pids = json.loads(line)
    for name, pid in pids.items():
        if name != "postgres":
            signal_group(pid, signal.SIGKILL)
    if "postgres" in pids:
        # The postmaster must be able to end its own children.
        os.kill(pids["postgres"], signal.SIGINT)


if __name__ == "__main__":
    watch(sys.stdin.buffer)
