"""How long somebody was ready to work and had no processor, so that a slow machine can be told from slow work.

Linux counts it for every thread. Whatever computes, sleeps or waits for an answer is not in it: no fault of ours is
excused by it, however busy the machine. What the host of a virtual machine took is known for the machine only; of
that, what each processor lost on average is granted. Elsewhere nothing is granted.
"""

import asyncio
import contextlib
import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from local.stack import Stack
from tests.support.suite import SERVICES, meanwhile

BETWEEN_NOTES = 0.1  # seconds


def waited(process: int | str = "self", thread: int | None = None) -> float:
    """Seconds that a thread, by default the process's first, was ready to run and did not; 0 when nobody knows."""
    place = Path("/proc") / str(process)
    with contextlib.suppress(OSError, IndexError, ValueError):
        file = place / "schedstat" if thread is None else place / "task" / str(thread) / "schedstat"
        return int(file.read_text(encoding="ascii").split()[1]) / 1e9
    return 0.0


def stolen() -> float:
    """Seconds that the host of this virtual machine gave one of its processors, on average, to others."""
    with contextlib.suppress(OSError, IndexError, ValueError), open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
    return 0.0


class Stopwatch:
    """Seconds that this thread had since it was made: those in which it was kept from running do not count."""

    def __init__(self) -> None:
        self._began = self._now()

    @property
    def seconds(self) -> float:
        return self._now() - self._began

    def _now(self) -> float:
        return time.monotonic() - waited(thread=threading.get_native_id()) - stolen()


class Starvation:
    """What is lost on the way to a service of the suite and back: by whoever asks, the gateway and the service."""

    def __init__(self, suite: Stack) -> None:
        self._suite = suite
        self._pids = suite.pids
        self._last: dict[str, tuple[int, float]] = {}
        self._lost: defaultdict[str, float] = defaultdict(float)
        self._noted: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVICES}

    @contextlib.asynccontextmanager
    async def noted(self) -> AsyncIterator[None]:
        """Take notes meanwhile, on the thread of those who ask."""
        try:
            async with meanwhile(self._note_on()):
                yield
        finally:
            self._note()

    async def _note_on(self) -> None:
        while True:
            self._note()
            await asyncio.sleep(BETWEEN_NOTES)

    def _note(self) -> None:
        if not all(Path(f"/proc/{pid}").exists() for pid in self._pids.values()):
            self._pids = self._suite.pids
        asker = waited(thread=threading.get_native_id()) + stolen()
        now = time.monotonic()
        for name in SERVICES:
            self._noted[name].append((now, asker + self._grown("gateway") + self._grown(name)))

    def _grown(self, name: str) -> float:
        """All that the processes of that name have lost, one after another."""
        pid = self._pids.get(name, 0)
        known, before = self._last.get(name, (pid, waited(pid)))
        now = waited(pid)
        self._lost[name] += max(0.0, now - before if pid == known else now)
        self._last[name] = (pid, now)
        return self._lost[name]

    def between(self, service: str, since: float, until: float) -> float:
        """Seconds lost from `since` to `until` (of `time.monotonic`), from the note before to the note after."""
        notes = self._noted[service]
        if not notes:
            return 0.0
        first = notes[max(0, bisect_right(notes, since, key=lambda note: note[0]) - 1)]
        last = notes[min(len(notes) - 1, bisect_left(notes, until, key=lambda note: note[0]))]
        return last[1] - first[1]
