"""Keeping a set of processes alive: start, wait until ready, restart with back-off, stop in order."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local.children import signal_group, spawn
from local.errors import StartError

FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds before a restart; doubled each time
STEADY = 30.0  # seconds alive after which earlier deaths are forgotten
DEATHS_BEFORE_READY = 3  # a child that dies this often without ever being ready stops the start
POLL = 0.05  # seconds
LARGEST_LOG = 20 * 1024 * 1024

Report = Callable[[str, str], None]


class Child(Protocol):
    """What the keeper needs of anything it keeps alive. All calls return at once."""

    name: str

    def launch(self) -> None: ...

    def signal(self, signum: int) -> None: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def exit_code(self) -> int | None: ...

    async def is_ready(self) -> bool: ...


@dataclass
class Process:
    """A program with its environment, its log file and the address that tells whether it is ready.

    `ready_url` is an `http://127.0.0.1:port/path` that answers 200; without one, being alive counts as ready.
    `grace` is how many seconds it has to end after SIGTERM before its whole group is killed.
    """

    name: str
    argv: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ready_url: str | None = None
    grace: float = 12.0
    cwd: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def launch(self) -> None:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as output:
            self._process = spawn(self.argv, env=self.env, cwd=self.cwd, output=output)

    def signal(self, signum: int) -> None:
        if self._process is None:
            return
        if signum == signal.SIGKILL:
            # The group, also when its leader is gone: nothing it started may outlive it.
            signal_group(self._process.pid, signum)
        elif self._process.poll() is None:
            self._process.send_signal(signum)

    @property
    def pid(self) -> int | None:
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if alive and self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    async def is_ready(self) -> bool:
        if self.pid is None:
            return False
        return self.ready_url is None or await answers(self.ready_url)


async def answers(url: str, timeout: float = 2.0) -> bool:
    """True if a GET of an `http://127.0.0.1:port/path` gives status 200 within `timeout` seconds."""
    host, _, path = url.removeprefix("http://").partition("/")
    address, _, port = host.partition(":")
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(address, int(port))
            try:
                writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False
    return status.split()[1:2] == [b"200"]


@dataclass
class _Kept:
    child: Child
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    launched_at: float = 0.0
    deaths: int = 0
    failure: StartError | None = None


def explain_exit(code: int | None) -> str:
    """`exit code 3` or `signal 9 (SIGKILL)`."""
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"


class Keeper:
    """Keeps children alive. Use it inside one event loop; call `keep` from the main thread.

    `report(name, event)` is told of every death and restart; `changed()` after every change of a process id. Where
    they cannot write it down (a full disk), `changed` is told again a second later, and the keeping goes on.
    """

    def __init__(self, report: Report, changed: Callable[[], None] = lambda: None) -> None:
        self._tell = report
        self._tell_changed = changed
        self._tell_again_at = float("inf")
        self._kept: dict[str, _Kept] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: pid for name, kept in self._kept.items() if (pid := kept.child.pid) is not None}

    def keep(self, child: Child) -> None:
        """Launch a child and keep it running until `stop`."""
        kept = _Kept(child)
        child.launch()
        kept.launched_at = time.monotonic()
        self._kept[child.name] = kept
        self._tasks[child.name] = asyncio.create_task(self._watch(kept), name=f"keep {child.name}")
        self._changed()

    async def ready(self, *names: str, timeout: float = 120.0) -> None:
        """Wait until all of `names` have been ready once; `StartError` names the one that is not."""
        waiting = {name: asyncio.create_task(self._kept[name].ready.wait()) for name in names}
        try:
            _, late = await asyncio.wait(waiting.values(), timeout=timeout)
        finally:
            for task in waiting.values():
                task.cancel()
        for name in names:
            if (failure := self._kept[name].failure) is not None:
                raise failure
        slow = [name for name, task in waiting.items() if task in late]
        if slow:
            raise StartError(
                f"{'、'.join(slow)} 在 {timeout:.0f} 秒內未就緒，請查看 .local/log/ 內的紀錄檔。",
                f"{', '.join(slow)} not ready within {timeout:.0f} s: see the logs in .local/log/.",
            )

    async def stop(self, *names: str) -> None:
        """SIGTERM to the named children, and SIGKILL to the group of whoever is still there after its grace."""
        chosen = [self._kept.pop(name) for name in names if name in self._kept]
        for kept in chosen:
            task = self._tasks.pop(kept.child.name)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            kept.child.signal(signal.SIGTERM)
        await asyncio.gather(*(self._end(kept.child) for kept in chosen))
        self._changed()

    def kill_all(self) -> None:
        """SIGKILL to everything at once, for a person who asks a second time."""
        for kept in self._kept.values():
            kept.child.signal(signal.SIGKILL)

    async def _end(self, child: Child) -> None:
        deadline = time.monotonic() + getattr(child, "grace", 30.0)
        while child.pid is not None:
            if time.monotonic() > deadline:
                self._report(child.name, "did not stop in time; killed")
                break
            await asyncio.sleep(POLL)
        if isinstance(child, Process):
            child.signal(signal.SIGKILL)
        while child.pid is not None:
            await asyncio.sleep(POLL)

    def _report(self, name: str, event: str) -> None:
        with contextlib.suppress(OSError):
            self._tell(name, event)

    def _changed(self) -> None:
        try:
            self._tell_changed()
            self._tell_again_at = float("inf")
        except OSError:
            self._tell_again_at = time.monotonic() + 1

    async def _watch(self, kept: _Kept) -> None:
        child, reported_ready = kept.child, False
        while True:
            await asyncio.sleep(POLL)
            if time.monotonic() > self._tell_again_at:
                self._changed()
            if child.pid is not None:
                if not reported_ready and await child.is_ready():
                    reported_ready = True
                    kept.ready.set()
                    if kept.deaths:
                        self._report(child.name, "ready again")
                if time.monotonic() - kept.launched_at > STEADY:
                    kept.deaths = 0
                continue
            reported_ready = False
            kept.deaths += 1
            why = explain_exit(child.exit_code)
            if not kept.ready.is_set() and kept.deaths >= DEATHS_BEFORE_READY:
                kept.failure = _does_not_start(child, why)
                kept.ready.set()
                return
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (kept.deaths - 1))
            self._report(child.name, f"ended with {why}; restart in {delay:.1f} s")
            self._changed()
            child.signal(signal.SIGKILL)
            await asyncio.sleep(delay)
            try:
                kept.launched_at = time.monotonic()
                child.launch()
                self._changed()
            except (OSError, StartError) as error:
                self._report(child.name, f"cannot be started: {type(error).__name__}")


def _does_not_start(child: Child, why: str) -> StartError:
    log: Path | None = getattr(child, "log", None)
    last = tail(log) if log is not None else ""
    return StartError(
        f"{child.name} 無法啟動（{why}）。紀錄檔：{log}\n{last}",
        f"{child.name} does not start ({why}). Its log: {log}",
    )


def tail(log: Path, lines: int = 5, width: int = 400) -> str:
    """The last lines of a log, cut to `width` characters; of a logged traceback its last line, the error itself."""
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - 65536))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(f"    {_plain_line(line)[:width]}" for line in text.splitlines()[-lines:])


def _plain_line(line: str) -> str:
    try:
        entry = json.loads(line)
        event = str(entry.get("exception") or entry["event"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    return event.strip().rpartition("\n")[2]


async def run_once(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    stdin: bytes | None = None,
    timeout: float = 120.0,
) -> int:
    """Run a program to its end, its output appended to `log`; returns the exit code (-9 when out of time)."""
    pipe = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        process = spawn(argv, env=env, output=output, stdin=pipe)
    if stdin is not None:
        await asyncio.to_thread(_hand_over, process, stdin)
    deadline = time.monotonic() + timeout
    try:
        while process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(POLL / 2)
    finally:
        if process.poll() is None:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode


def _hand_over(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    # A program that ends without reading it all says why by its exit code.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(content)
