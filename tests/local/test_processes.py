"""The keeper: ready means ready, a death means a restart, a stop leaves nothing behind."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.children import alive
from local.errors import StartError
from local.layout import REPO
from local.postgres import free_port
from local.processes import Keeper, Process, answers, explain_exit, run_once, tail

SLEEP = "import time\nwhile True: time.sleep(1)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n{SLEEP}"
SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if time.monotonic() < ready_at else 200); self.end_headers()
    def log_message(self, *_): pass
ready_at = time.monotonic() + float(sys.argv[2])
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
"""


def process(tmp_path: Path, name: str, code: str, *arguments: str, **options) -> Process:
    return Process(
        name, [sys.executable, "-c", code, *arguments], tmp_path / f"{name}.log", env=dict(os.environ), **options
    )


class Heard:
    """What the keeper reported."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.keeper = Keeper(lambda name, event: self.events.append((name, event)))


@pytest.fixture
async def heard():
    heard = Heard()
    yield heard
    await heard.keeper.stop(*heard.keeper.pids)
    heard.keeper.kill_all()


async def _until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_ready_waits_for_the_address_to_say_so(tmp_path: Path, heard: Heard) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/readyz"
    heard.keeper.keep(process(tmp_path, "web", SERVER, str(port), "0.5", ready_url=url))
    assert not await answers(url)
    await heard.keeper.ready("web", timeout=10)
    assert await answers(url)


async def test_a_killed_child_comes_back_and_it_is_said(tmp_path: Path, heard: Heard) -> None:
    heard.keeper.keep(process(tmp_path, "worker", SLEEP))
    await heard.keeper.ready("worker")
    first = heard.keeper.pids["worker"]
    os.kill(first, signal.SIGKILL)
    await _until(lambda: heard.keeper.pids.get("worker", first) != first)
    assert any(name == "worker" and "SIGKILL" in event for name, event in heard.events)
    assert not alive(first)


async def test_restarts_slow_down(tmp_path: Path, heard: Heard) -> None:
    heard.keeper.keep(process(tmp_path, "flaky", "import time; time.sleep(0.15)"))
    await heard.keeper.ready("flaky")
    await _until(lambda: len([e for _, e in heard.events if "restart in" in e]) >= 3)
    delays = [float(event.rpartition(" in ")[2].removesuffix(" s")) for _, event in heard.events if " in " in event]
    assert delays[:3] == [0.2, 0.4, 0.8]


async def test_a_child_that_never_gets_ready_stops_the_start_with_its_last_words(tmp_path: Path, heard: Heard) -> None:
    code = "import sys; print('field keys are missing'); sys.exit(7)"
    heard.keeper.keep(process(tmp_path, "roster", code, ready_url="http://127.0.0.1:1/"))
    with pytest.raises(StartError) as caught:
        await heard.keeper.ready("roster", timeout=20)
    assert "roster" in caught.value.message_en
    assert "exit code 7" in caught.value.message_en
    assert "field keys are missing" in caught.value.message


async def test_a_child_that_hangs_is_named(tmp_path: Path, heard: Heard) -> None:
    heard.keeper.keep(process(tmp_path, "slow", SLEEP, ready_url=f"http://127.0.0.1:{free_port()}/"))
    with pytest.raises(StartError, match="slow"):
        await heard.keeper.ready("slow", timeout=0.3)


async def test_stop_kills_who_does_not_listen_and_whatever_he_started(tmp_path: Path, heard: Heard) -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "print(child.pid, flush=True)\n" + STUBBORN
    )
    stubborn = process(tmp_path, "stubborn", code, grace=0.5)
    heard.keeper.keep(stubborn)
    await _until(lambda: "up" in stubborn.log.read_text())
    pids = [heard.keeper.pids["stubborn"], int(stubborn.log.read_text().split()[0])]
    began = time.monotonic()
    await heard.keeper.stop("stubborn")
    assert 0.4 < time.monotonic() - began < 5
    await _until(lambda: not any(alive(pid) for pid in pids), 2)


async def test_a_stopped_child_stays_stopped(tmp_path: Path, heard: Heard) -> None:
    heard.keeper.keep(process(tmp_path, "worker", SLEEP))
    pid = heard.keeper.pids["worker"]
    await heard.keeper.stop("worker", "no-such-child")
    await asyncio.sleep(0.5)
    assert heard.keeper.pids == {}
    assert not alive(pid)


async def test_logs_are_private_and_start_anew_when_large(tmp_path: Path, heard: Heard, monkeypatch) -> None:
    monkeypatch.setattr("local.processes.LARGEST_LOG", 10)
    child = process(tmp_path, "loud", "print('x' * 100, flush=True)\n" + SLEEP)
    child.log.write_text("y" * 100)
    heard.keeper.keep(child)
    await _until(lambda: "x" in child.log.read_text())
    assert child.log.stat().st_mode & 0o077 == 0
    assert child.log.with_suffix(".log.1").read_text() == "y" * 100


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere local.watchdog does this")
def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from local.children import spawn\n"
        "for _ in range(3): print(spawn([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
        "time.sleep(60)"
    )
    assert _orphans(program, 3) == []


def test_the_watchdog_ends_the_children_of_a_killed_parent() -> None:
    """What macOS relies on, shown here with children that have no parent-death signal."""
    program = (
        "import subprocess, sys, time; from local.watchdog import Watchdog\n"
        # As PostgreSQL does, it heeds SIGINT, which a job in a shell's background inherits as ignored.
        "heeds = 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); time.sleep(60)'\n"
        "start = lambda: subprocess.Popen([sys.executable, '-c', heeds], start_new_session=True)\n"
        "children = {'roster': start().pid, 'postgres': start().pid}\n"
        "dog = Watchdog(); dog.tell({}); dog.tell(children)\n"
        "for pid in children.values(): print(pid, flush=True)\n"
        "time.sleep(60)"
    )
    assert _orphans(program, 2) == []


def _orphans(program: str, count: int) -> list[int]:
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        pids = [int(output.readline()) for _ in range(count)]
    assert all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


def test_a_dismissed_watchdog_ends_nobody() -> None:
    program = (
        "import subprocess, sys; from local.watchdog import Watchdog\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "dog = Watchdog(); dog.tell({'roster': child.pid}); dog.dismiss(); print(child.pid, flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    time.sleep(0.3)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "text"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal 9 (SIGKILL)"), (-99, "signal 99")]
)
def test_explain_exit(code: int, text: str) -> None:
    assert explain_exit(code) == text


async def test_run_once_hands_over_input_and_ends_in_time(tmp_path: Path) -> None:
    log = tmp_path / "once.log"
    echo = [sys.executable, "-c", "import sys; print(len(sys.stdin.read())); sys.exit(5)"]
    assert await run_once(echo, env=dict(os.environ), log=log, stdin=b"x" * 300_000) == 5
    assert log.read_text() == "300000\n"
    deaf = [sys.executable, "-c", "import sys; sys.exit(4)"]
    assert await run_once(deaf, env=dict(os.environ), log=log, stdin=b"x" * 300_000) == 4
    assert await run_once([sys.executable, "-c", SLEEP], env=dict(os.environ), log=log, timeout=0.3) == -9


def test_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert tail(log) == ""
    log.write_text("\n".join(f"line {n}" for n in range(10000)) + "\n" + "w" * 1000 + "\n")
    lines = tail(log).splitlines()
    assert lines[-2] == "    line 9999"
    assert len(lines[-1]) == 404


def test_tail_shows_the_error_of_a_logged_traceback(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nFieldKeyError: no key opens it\n'
    log.write_text("".join(json.dumps(e) + "\n" for e in ({"event": trace}, {"event": "x", "exception": trace}, ["e"])))
    assert tail(log).splitlines() == ["    FieldKeyError: no key opens it"] * 2 + ['    ["e"]']


async def test_a_keeper_that_can_write_nothing_down_goes_on_keeping_and_catches_up(tmp_path):
    """A full disk: what could not be told is told once there is room."""
    full = True
    told: list[dict[str, int]] = []

    def write(*_what: str) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        told.append(keeper.pids)

    keeper = Keeper(write, write)
    keeper.keep(process(tmp_path, "child", SLEEP))
    try:
        first = keeper.pids["child"]
        os.kill(first, signal.SIGKILL)
        await _until(lambda: keeper.pids.get("child", first) != first)
        assert told == []
        full = False
        await _until(lambda: bool(told))
        assert told[-1] == keeper.pids
    finally:
        await keeper.stop("child")
