"""Processes: started on their cores, watched, ended by id; the load looks at every answer."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import machine
from bench.load import WrongAnswerError, drive
from bench.servers import NotStartedError, Server, answers, get
from local.children import alive
from local.layout import REPO
from local.postgres import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and epoll are Linux's")

REQUEST = b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    file, port = tmp_path / "answers.json", free_port()
    file.write_text(json.dumps({"/known": "that", "*": '{"items": []}'}))
    command: list[str | Path] = [sys.executable, "-m", "bench.upstream", str(port), file]
    env = os.environ | {"PYTHONPATH": str(REPO)}
    with Server("upstream", command, tmp_path / "log", answers(port), cpus=machine.cores().rest, env=env) as server:
        yield server, port


def test_a_server_is_ended_by_its_id(upstream: tuple[Server, int]):
    server, port = upstream
    pid = server.pid
    assert get(port, "/known") == (200, b"that")
    server._end()
    assert not alive(pid)
    assert get(port, "/known") is None


def test_it_runs_on_its_cores_only(upstream: tuple[Server, int]):
    server, _ = upstream
    assert os.sched_getaffinity(server.pid) == set(machine.cores().rest)
    one = {min(machine.cores().rest)}
    machine.pin(server.pid, one)
    assert os.sched_getaffinity(server.pid) == one


def test_starting_something_elsewhere_leaves_us_where_we_were():
    before = os.sched_getaffinity(0)
    with machine.on(machine.cores().servers):
        assert os.sched_getaffinity(0) == set(machine.cores().servers)
    assert os.sched_getaffinity(0) == before


def test_time_and_memory_of_a_process_and_its_children(upstream: tuple[Server, int]):
    server, port = upstream
    assert server.pid in machine.tree(os.getpid())
    before = machine.cpu_seconds(server.pid)
    drive(port, [REQUEST], b'{"items": []}', 0.2, connections=4)
    after = machine.cpu_seconds(server.pid)
    assert before is not None
    assert after is not None
    assert after > before
    held = machine.memory(server.pid)
    assert held is not None
    assert 0 < held.pss <= held.rss < 200


def test_who_has_ended_has_no_memory_and_no_time():
    gone = 2**22 - 1
    assert machine.memory(gone) is None
    assert machine.cpu_seconds(gone) == 0


def test_a_program_that_ends_says_why(tmp_path: Path):
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        pytest.raises(NotStartedError, match=r"(?s)broken did not start.*no such thing"),
        Server("broken", command, tmp_path / "log", lambda: False, cpus=machine.cores().rest),
    ):
        pass


def test_the_load_counts_answers(upstream: tuple[Server, int]):
    load = drive(upstream[1], [REQUEST], b'{"items": []}', 0.2, connections=4)
    assert load.requests > 4
    assert load.rate == pytest.approx(load.requests / load.seconds)


def test_control_a_wrong_body_under_load_is_found(upstream: tuple[Server, int]):
    with pytest.raises(WrongAnswerError):
        drive(upstream[1], [b"GET /known HTTP/1.1\r\n\r\n"], b'{"items": [1]}', 2.0, connections=1)
