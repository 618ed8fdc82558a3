"""Embedded PostgreSQL: private, silent about data, dies with its parent, recovers from whatever a kill leaves."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from local.children import alive
from local.errors import StartError
from local.postgres import Postgres, binaries, free_port
from tests.local.checkout import apart


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cluster")
    return folder / "template"


@pytest.fixture
def server(tmp_path: Path, template: Path) -> Iterator[Postgres]:
    with Postgres(tmp_path / "pg", template=template) as running:
        yield running


async def _ask(url: str, statement: str, *values: object) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def test_it_is_postgresql_18_with_every_promise_kept(server: Postgres) -> None:
    expected = {
        "server_version": r"18\.\d+",
        "listen_addresses": r"127\.0\.0\.1",
        "fsync": "on",
        "synchronous_commit": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "log_statement": "none",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
    }
    for name, pattern in expected.items():
        found = await _ask(server.admin_url, "SELECT current_setting($1)", name)
        assert re.fullmatch(pattern, str(found)), name


async def test_nobody_gets_in_without_the_password(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=server.port, user="muster_admin", password="guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=server.port, user="muster_admin", password="")


def test_files_are_for_the_owner_only_and_parents_keep_their_mode(tmp_path: Path, template: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir(mode=0o750)
    with Postgres(outer / "pg", template=template) as server:
        assert stat.S_IMODE(outer.stat().st_mode) == 0o750
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        for file in (server.password_file, server.log):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'A123456789'::int",  # the ERROR line itself quotes the value
        "SELECT * FROM nowhere WHERE national_id = 'A123456789'",  # STATEMENT line
        "INSERT INTO man VALUES ('A123456789')",  # DETAIL line of a unique key
        "DO $$ BEGIN RAISE WARNING 'A123456789'; END $$",
        "SELECT pg_sleep(0), 'A123456789'",
    ],
)
async def test_no_value_reaches_the_log(server: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(server.admin_url)
    try:
        await connection.execute("CREATE TABLE man (national_id text PRIMARY KEY)")
        await connection.execute("INSERT INTO man VALUES ('A123456789')")
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(f"{statement}; SELECT 1/0")
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetchval("SELECT 1 / length($1) - 1 FROM man WHERE national_id = $2", "", "A123456789")
    finally:
        await connection.close()
    assert "A123456789" not in server.log.read_text()


async def test_the_same_leak_is_found_with_the_settings_turned_off(tmp_path: Path, template: Path) -> None:
    """Negative control: the search above does find a value where PostgreSQL logs as it comes."""
    loud = {"log_min_messages": "warning", "log_min_error_statement": "error"}
    with Postgres(tmp_path / "pg", template=template, settings=loud) as server:
        with pytest.raises(asyncpg.PostgresError):
            await _ask(server.admin_url, "SELECT 'A123456789'::int")
        assert "A123456789" in server.log.read_text()


async def test_a_crash_loses_nothing_committed_and_the_next_start_recovers(server: Postgres) -> None:
    await _ask(server.admin_url, "CREATE TABLE kept AS SELECT 42 AS word")
    port = server.port
    server.kill()
    server.start()
    assert server.port == port
    assert await _ask(server.admin_url, "SELECT word FROM kept") == 42


async def test_a_second_start_keeps_password_and_data(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg") as first:
        password = first.password_file.read_text()
        await _ask(first.admin_url, "CREATE TABLE kept AS SELECT 42 AS word")
    began = time.monotonic()
    with Postgres(tmp_path / "pg") as second:
        assert time.monotonic() - began < 5
        assert second.password_file.read_text() == password
        assert await _ask(second.admin_url, "SELECT word FROM kept") == 42


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path, template: Path) -> None:
    with Postgres(tmp_path / "pg", template=template) as first:
        content = (first.data_dir / "postmaster.pid").read_text()
        first.kill()
    # The number now belongs to this test: alive, signalable, and no PostgreSQL.
    lines = content.splitlines()
    (tmp_path / "pg" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with Postgres(tmp_path / "pg") as second:
        assert second.is_ready()


@pytest.mark.parametrize("content", ["", "nonsense\n", "-1\n", "999999999\n"])
def test_a_damaged_pid_file_does_not_stop_the_start(tmp_path: Path, template: Path, content: str) -> None:
    with Postgres(tmp_path / "pg", template=template):
        pass
    (tmp_path / "pg" / "postmaster.pid").write_text(content)
    with Postgres(tmp_path / "pg") as server:
        assert server.is_ready()


def test_a_server_left_by_an_earlier_run_is_stopped_first(tmp_path: Path, template: Path) -> None:
    left = Postgres(tmp_path / "pg", template=template)
    left.start()
    orphan = left.pid
    assert orphan is not None
    with Postgres(tmp_path / "pg") as server:
        assert server.is_ready()
        assert left.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere local.watchdog does this")
def test_it_dies_with_a_killed_parent(tmp_path: Path, template: Path) -> None:
    program = (
        "import pathlib, sys, time; from local.postgres import Postgres\n"
        "server = Postgres(pathlib.Path(sys.argv[1]), template=pathlib.Path(sys.argv[2])); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "pg"), str(template)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout as output:
        postmaster = int(output.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while alive(postmaster) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(postmaster)


def test_a_cluster_of_another_major_version_is_left_alone_and_named(tmp_path: Path, template: Path) -> None:
    with Postgres(tmp_path / "pg", template=template):
        pass
    (tmp_path / "pg" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError) as caught:
        Postgres(tmp_path / "pg").start()
    assert "PostgreSQL 17" in caught.value.message
    assert "pg_dumpall" in caught.value.message
    assert "PostgreSQL 17" in caught.value.message_en


def test_a_lost_password_file_is_named(tmp_path: Path, template: Path) -> None:
    with Postgres(tmp_path / "pg", template=template) as server:
        lost = server.password_file
    lost.unlink()
    with pytest.raises(StartError, match=r"pg\.password"):
        Postgres(tmp_path / "pg").start()


def test_a_half_made_cluster_of_a_killed_start_is_made_anew(tmp_path: Path) -> None:
    draft = tmp_path / "pg.new-0123abcd"
    (draft / "data").mkdir(parents=True)
    (draft / "data" / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path / "pg") as server:
        assert server.is_ready()
    assert not list(tmp_path.glob("pg.new*"))


def test_a_taken_port_is_an_error_and_leaves_no_process(tmp_path: Path, template: Path) -> None:
    with Postgres(tmp_path / "a", template=template) as first:
        second = Postgres(tmp_path / "b", first.port, template=template)
        with pytest.raises(StartError):
            second.start()
        assert second.pid is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only a root shell needs it")
def test_from_a_root_shell_without_user_namespaces(monkeypatch) -> None:
    """setpriv instead of unshare; the folder is given to that user, its parents are left as they are."""
    real = subprocess.run

    def without_unshare(command, *arguments, **options):
        if command[0] == "unshare":
            raise FileNotFoundError
        return real(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "run", without_unshare)
    if real(
        ["setpriv", "--reuid=65534", "--clear-groups", "test", "-x", binaries() / "postgres"], check=False
    ).returncode:
        pytest.skip("no other user may enter this folder")
    folder = Path(f"/var/tmp/muster-test-{os.getpid()}-{free_port()}")
    folder.mkdir(mode=0o711)
    try:
        with Postgres(folder / "pg") as server:
            assert apart(_ask(server.admin_url, "SELECT 1")) == 1
            assert (folder / "pg").stat().st_uid == 65534
            assert folder.stat().st_uid == 0
    finally:
        shutil.rmtree(folder)
