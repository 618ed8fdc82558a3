"""Stopping processes without ending them: a machine that hangs, a container that is paused."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from local.stack import Stack


def family(pid: int) -> list[int]:
    """A process and all that came of it, parents first (Linux)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def freeze(pid: int) -> list[int]:
    """SIGSTOP to a whole family; again until nobody new was born meanwhile. Who was stopped."""
    stopped: list[int] = []
    while fresh := [member for member in family(pid) if member not in stopped]:
        for member in fresh:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGSTOP)
        stopped += fresh
    return stopped


def thaw(stopped: list[int]) -> None:
    """SIGCONT, children first."""
    for member in reversed(stopped):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGCONT)


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The family stands still meanwhile, whatever happens."""
    stopped = freeze(pid)
    try:
        yield
    finally:
        thaw(stopped)


@contextlib.contextmanager
def held_down(suite: Stack, *names: str) -> Iterator[None]:
    """Killed, and their supervisor cannot bring them back meanwhile."""
    supervisor = suite.run["supervisor"]
    os.kill(supervisor, signal.SIGSTOP)
    try:
        old = {name: suite.kill(name) for name in names}
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)
    for name in names:
        suite.wait_restarted(name, old[name])
