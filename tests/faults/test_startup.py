"""Starts that cannot succeed say what is wrong and what to do, in Chinese and English, and leave nothing behind;
starts after a kill succeed and find their data."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from local.children import alive, command_of
from local.layout import OFFSETS, check_ports, choose_ports, is_free
from shared import crypto
from tests.local.checkout import Checkout, apart

# A test of several starts takes its time on a machine that does other things as well.
pytestmark = [pytest.mark.xdist_group("startup"), pytest.mark.timeout(300)]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "checkout")
    yield made
    assert _left(made) == [], "processes outlived the test"


def _left(checkout: Checkout, patience: float = 10.0) -> list[str]:
    """Command lines that still mention the checkout."""
    deadline = time.monotonic() + patience
    while True:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        lines = [c for pid in pids if pid != os.getpid() and str(checkout.folder) in (c := command_of(pid))]
        if not lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.1)


def _refused(done: subprocess.CompletedProcess[str]) -> str:
    """What a failing start said; checks its form."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "啟動失敗：" in done.stderr
    assert "Cannot start: " in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def _ask(url: str, statement: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return apart(ask())


def _base_port() -> int:
    """A port from which all offsets are free."""
    for base in range(20000 + os.getpid() % 20000, 60000, 37):
        if all(is_free(base + offset) for offset in OFFSETS.values()):
            return base
    raise AssertionError("no free range")


# -- what stops a start -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gateway", "roster", "postgres", "smtp"])
def test_a_taken_port_is_named_with_another_to_choose(checkout: Checkout, name: str) -> None:
    base = _base_port()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", base + OFFSETS[name]))
        squatter.listen()
        said = _refused(checkout.command("--port", str(base)))
    assert f"{base + OFFSETS[name]}（{name}）" in said
    assert f"Port {base + OFFSETS[name]} ({name})" in said
    suggested = int(said.rpartition("PORT=")[2].split()[0])
    check_ports(choose_ports(suggested), suggested)


@pytest.mark.parametrize("port", ["http", "-1", "65536", "65520", "8080.5", "٨٠٨٠", " "])
def test_a_port_that_is_none(checkout: Checkout, port: str) -> None:
    assert "PORT" in _refused(checkout.command(f"--port={port}"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc stands for a folder nobody may write to")
def test_a_read_only_folder(checkout: Checkout) -> None:
    said = _refused(checkout.command("--root", "/proc/muster"))
    assert "/proc/muster" in said
    assert "無法寫入" in said


def test_a_state_folder_that_is_a_file(checkout: Checkout) -> None:
    (checkout.folder / ".local").write_text("")
    assert "無法寫入" in _refused(checkout.command("--port=0"))


@pytest.mark.parametrize("name", ["secrets.json", "accounts.json"])
@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_damaged_file_of_secrets_is_named_and_not_overwritten(checkout: Checkout, name: str, content: str) -> None:
    (checkout.folder / ".local").mkdir()
    file = checkout.folder / ".local" / name
    file.write_text(content)
    assert name in _refused(checkout.command("--port=0"))
    assert file.read_text() == content


@pytest.mark.parametrize("content", ["tomorrow", "1.5", "9999999", ""])
def test_a_clock_file_that_is_none(checkout: Checkout, content: str) -> None:
    (checkout.folder / ".local").mkdir()
    (checkout.folder / ".local" / "clock").write_text(content)
    assert ".local/clock" in _refused(checkout.command("--port=0"))


def test_a_database_server_that_does_not_answer(checkout: Checkout) -> None:
    url = "postgresql://boss:hush@127.0.0.1:1/postgres"
    said = _refused(checkout.command("--port=0", DATABASE_URL=url))
    assert "DATABASE_URL" in said
    assert "hush" not in said


def test_a_service_that_does_not_start_is_named_with_its_last_words(checkout: Checkout) -> None:
    (checkout.source("roster") / "main.py").write_text("raise SystemExit('the key opens nothing')")
    said = _refused(checkout.command("--port=0"))
    assert "roster" in said
    assert "the key opens nothing" in said
    assert not (checkout.folder / ".local" / "run.json").exists()


def test_accounts_that_cannot_be_made(checkout: Checkout) -> None:
    (checkout.source("identity") / "seed.py").write_text("raise SystemExit('no such organisation')")
    said = _refused(checkout.command("--port=0"))
    assert "no such organisation" in said


def test_a_migration_that_fails(checkout: Checkout) -> None:
    (checkout.source("roster") / "migrate.py").write_text("raise SystemExit('lock timeout')")
    said = _refused(checkout.command("--port=0"))
    assert "roster" in said
    assert "lock timeout" in said


# -- what an older or newer checkout finds -------------------------------------------------------------------------


def test_a_database_newer_than_the_code_is_left_as_it_is(checkout: Checkout) -> None:
    with checkout.suite() as suite:
        url = suite.database_url("roster")
        _ask(url, "UPDATE alembic_version SET version_num = '9999_from_the_future'")
    said = _refused(checkout.command("--port=0"))
    assert "9999_from_the_future" in said
    assert "git pull" in said
    assert "9999_from_the_future" in _refused(checkout.command("--port=0")), "the second try must say the same"


def test_a_cluster_of_another_major_version(checkout: Checkout) -> None:
    with checkout.suite():
        pass
    (checkout.folder / ".local" / "pg" / "PG_VERSION").write_text("17\n")
    said = _refused(checkout.command("--port=0"))
    assert "PostgreSQL 17" in said
    assert "pg_dumpall" in said


def test_field_keys_that_are_gone_while_data_exists(checkout: Checkout) -> None:
    file = checkout.folder / ".local" / "keys" / "field.json"
    with checkout.suite():
        kept = file.read_text()
    file.unlink()
    said = _refused(checkout.command("--port=0"))
    assert "MUSTER_FIELD_KEYS" in said
    assert not file.exists(), "new keys would open none of the data"
    file.write_text(kept)
    with checkout.suite() as suite:
        assert suite.url


def test_field_keys_that_open_nothing_stop_the_start_at_once(checkout: Checkout) -> None:
    """Each service leaves a probe sealed with its key (`shared.crypto.check_keys`); here the test leaves it."""
    root = checkout.folder / ".local"
    file = root / "keys" / "field.json"
    with checkout.suite() as suite:
        kept = file.read_text()
        probe = crypto.KeyRing.parse(kept).encrypt(b"probe", "field_key_probe.probe")
        _ask(suite.database_url("roster"), f"CREATE TABLE field_key_probe AS SELECT '\\x{probe.hex()}'::bytea AS probe")
    other = json.loads(kept)
    other["keys"]["k1"] = base64.b64encode(os.urandom(32)).decode()
    for wrong in (json.dumps(other), json.dumps(other | {"active": "k2", "keys": {"k2": other["keys"]["k1"]}})):
        file.write_text(wrong)
        said = _refused(checkout.command("--port=0"))
        assert "roster" in said
        assert "金鑰無法解開" in said
        assert other["keys"]["k1"] not in said
        file.write_text(kept)
        assert "金鑰無法解開" in _refused(checkout.command("--port=0", MUSTER_FIELD_KEYS=wrong))
    assert "格式有誤" in _refused(checkout.command("--port=0", MUSTER_FIELD_KEYS='{"active": "k1"}'))
    with checkout.suite(MUSTER_FIELD_KEYS=kept) as suite:
        assert suite.url


def test_an_older_state_folder_gets_what_is_missing_and_keeps_what_it_has(checkout: Checkout) -> None:
    root = checkout.folder / ".local"
    with checkout.suite() as suite:
        before = suite.accounts
        _ask(suite.database_url("roster"), "CREATE TABLE remembered AS SELECT 42 AS word")
    older = {name: account for name, account in before.items() if name not in ("auditor", "sis_ntu")}
    (root / "accounts.json").write_text(json.dumps(older))
    with checkout.suite() as suite:
        after = suite.accounts
        assert {name: after[name] for name in older} == older
        assert after["auditor"]["password"] != before["auditor"]["password"]
        assert after["sis_ntu"]["client_secret"] != before["sis_ntu"]["client_secret"]
        assert _ask(suite.database_url("roster"), "SELECT word FROM remembered") == 42


# -- two at once, and after a kill ---------------------------------------------------------------------------------


def test_a_second_start_beside_a_running_one_says_where_that_is(checkout: Checkout) -> None:
    with checkout.suite() as suite:
        said = _refused(checkout.command("--port=0"))
        assert suite.url in said
        assert "已在執行中" in said
        assert alive(suite.run["supervisor"])
        assert suite.run["ready"] is True


def test_after_a_killed_supervisor_all_is_gone_and_the_next_start_finds_its_data(checkout: Checkout) -> None:
    base = _base_port()
    suite = checkout.suite(port=base).start()
    _ask(suite.database_url("roster"), "CREATE TABLE remembered AS SELECT 42 AS word")
    pids = suite.pids
    assert pids.keys() >= {"gateway", "identity", "roster", "roster-worker", "postgres", "registry", "mail-sink"}
    suite.kill_supervisor()
    # No pause: lock, run.json and postmaster.pid are all stale, and the ports may still be closing.
    with checkout.suite(port=base) as again:
        assert _ask(again.database_url("roster"), "SELECT word FROM remembered") == 42
        assert not any(alive(pid) for pid in pids.values())


@pytest.mark.parametrize("seconds", [0.4, 0.9, 1.6])
def test_a_start_killed_half_way_is_mended_by_the_next(checkout: Checkout, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.supervisor", "--port=0"],
        cwd=checkout.folder,
        env=os.environ | checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.kill()
    process.wait()
    with checkout.suite() as suite:
        assert _ask(suite.database_url("roster", "app"), "SELECT 1") == 1


@pytest.mark.parametrize(
    ("signum", "seconds"), [(signal.SIGINT, 0.4), (signal.SIGTERM, 0.4), (signal.SIGTERM, 1.8), (signal.SIGHUP, 0.8)]
)
def test_a_start_that_is_interrupted_stops_cleanly(checkout: Checkout, signum: int, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.supervisor", "--port=0"],
        cwd=checkout.folder,
        env=os.environ | checkout.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Whoever runs the tests under `nohup` has them inherit that this signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    if signum == signal.SIGINT:
        # Before its handlers are set the interpreter would tell of it in its own way.
        deadline = time.monotonic() + 60
        while not (checkout.folder / ".local" / "run.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    time.sleep(seconds)
    process.send_signal(signum)
    said, _ = process.communicate()
    assert "Traceback" not in said
    # Before its handlers are set, the interpreter itself may be what the signal ends.
    assert process.returncode in (0, -signum)
    assert not (checkout.folder / ".local" / "run.json").exists() or process.returncode == -signum
