"""The machine: who runs on which core, how much time and memory a process has taken.

Pinning needs Linux and two cores; elsewhere everything runs where the kernel puts it, and the rows say so.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MEGABYTE = 1024 * 1024
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cores:
    """`servers` is the core of whoever is measured, one side at a time; `rest` has the load, PostgreSQL, all else."""

    servers: frozenset[int]
    rest: frozenset[int]

    @property
    def pinned(self) -> bool:
        return self.servers != self.rest


@cache
def cores() -> Cores:
    """The last core for the servers, the others for the rest; no pinning where there is one core, or no Linux."""
    if sys.platform != "linux":
        everywhere = frozenset(range(os.cpu_count() or 1))
        return Cores(everywhere, everywhere)
    usable = frozenset(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(usable, usable)
    last = max(usable)
    return Cores(frozenset({last}), usable - {last})


@contextmanager
def on(cpus: Iterable[int]) -> Iterator[None]:
    """This thread, and whatever it starts meanwhile, on `cpus`."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, cpus: Iterable[int]) -> None:
    """A process, its children and theirs, every thread of them."""
    if sys.platform != "linux":
        return
    chosen = frozenset(cpus)
    for member in tree(pid):
        for thread in _threads(member):
            try:
                os.sched_setaffinity(thread, chosen)
            except ProcessLookupError:
                continue  # It ended while we looked.


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for place in _PROC.glob("[0-9]*"):
        fields = _stat(int(place.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(place.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def cpu_seconds(*pids: int) -> float | None:
    """Processor time that these processes and their descendants have taken so far; None where it cannot be told."""
    if sys.platform != "linux":
        return None
    ticks = 0
    for member in {member for pid in pids for member in tree(pid)}:
        fields = _stat(member)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (1,048,576 bytes): `rss` counts shared pages whole, `pss` shares them out among their users."""

    rss: float
    pss: float


def memory(pid: int) -> Memory | None:
    """What a process holds in memory; None where it cannot be told."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) * 1024 / MEGABYTE for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(sizes["Rss"], sizes["Pss"])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat after the command; empty when it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _threads(pid: int) -> list[int]:
    try:
        return [int(place.name) for place in (_PROC / str(pid) / "task").iterdir()]
    except OSError:
        return []
