"""Starts of the real services: killed while they migrate, on a full disk."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from local.errors import StartError
from local.layout import REPO
from local.postgres import Postgres
from local.stack import Stack
from tests.local.checkout import apart
from tests.support.faults_outage import Visitors
from tests.support.faults_start import authority, log_in, page
from tests.support.suite import ENVIRONMENT, SERVICES, ask, settled

pytestmark = [pytest.mark.xdist_group("startup_real"), pytest.mark.timeout(300)]


# -- killed while the databases are migrated -----------------------------------------------------------------------


# Who holds the lock of the migrations (`shared.migrations`) and has written something that is not committed.
WRITING = """
    SELECT DISTINCT datname FROM pg_stat_activity
    JOIN pg_locks lock USING (pid) JOIN pg_locks written USING (pid)
    WHERE lock.locktype = 'advisory' AND lock.granted
    AND (lock.classid::bigint << 32 | lock.objid::bigint) = hashtext('muster.migrations')::bigint
    AND written.locktype = 'transactionid' AND written.mode = 'ExclusiveLock'
"""


async def _kill_while_migrating(process: subprocess.Popen[bytes], suite: Stack, seconds: float) -> set[str]:
    deadline = time.monotonic() + 60
    connection, first = None, 0.0
    while True:
        assert process.poll() is None, "it was ready before it was found to migrate"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
        with contextlib.suppress(OSError, KeyError, asyncpg.PostgresError, StartError):
            connection = connection or await asyncpg.connect(suite.admin_url, timeout=5)
        if connection is None:
            continue
        found = {row["datname"].removeprefix("muster_") for row in await connection.fetch(WRITING)}
        first = first or (time.monotonic() if found else 0.0)
        if found and time.monotonic() - first >= seconds:
            process.kill()
            connection.terminate()
            return found


def _killed_while_migrating(folder: Path, seconds: float) -> set[str]:
    """Start, and SIGKILL to the supervisor so long after a migration began to write; the services whose migrations
    were in the middle of their transaction just then."""
    command = [sys.executable, "-m", "local.supervisor", "--port=0", "--root", str(folder)]
    environment = os.environ | ENVIRONMENT
    process = subprocess.Popen(command, cwd=REPO, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return apart(_kill_while_migrating(process, Stack(folder), seconds))
    finally:
        process.kill()
        process.wait()


def test_a_start_killed_while_it_migrates_is_completed_by_the_next(tmp_path: Path) -> None:
    """Each service migrates in one transaction: whenever it is killed, the next start finds all or nothing."""
    suite = Stack(tmp_path / ".local", environment=ENVIRONMENT)
    for seconds in (0.0, 0.15):
        hit = _killed_while_migrating(suite.root, seconds)
        print(f"killed in the middle of {sorted(hit)}")
        with Postgres(suite.root / "pg") as server:
            for service in hit:
                database = f"{server.admin_url.rpartition('/')[0]}/muster_{service}"
                tables = "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"
                assert apart(ask(database, tables)) == [], "what was cut off is not there at all"
    try:
        suite.start()
        for service in SERVICES:
            files = (REPO / "services" / service / "src").glob("*/migrations/versions/0*.py")
            newest = max(file.stem for file in files)
            assert apart(ask(suite.database_url(service), "SELECT version_num FROM alembic_version")) == [
                {"version_num": newest}
            ]
        rosters = page(suite, "/roster/v1/rosters", authority(suite, log_in(suite, "county_taipei_officer")))
        assert rosters.is_success, rosters.text
    finally:
        suite.stop()


# -- a full disk ---------------------------------------------------------------------------------------------------


INSIDE = "MUSTER_TEST_IN_NAMESPACE"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _done_elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> bool:
    """Whether this test was done in a user namespace of its own, because here nobody may mount a small disk."""
    try:
        with small_disk(tmp_path / "trial", "1m"):
            return False
    except (OSError, subprocess.CalledProcessError):
        if os.environ.get(INSIDE):
            raise
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {INSIDE: "1"}
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    again = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", f"{__file__}::{request.node.name}"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        cannot = "neither may anybody mount a small disk here nor make a user namespace"
        if os.environ.get("CI"):
            pytest.fail(f"{cannot}: allow one of them, or a full disk is tried by nobody")
        pytest.skip(cannot)
    done = subprocess.run([*unshare, *again], cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return True


def _fill(disk: Path) -> None:
    """Not a byte is left."""
    with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def test_a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Writing: 503 with `Retry-After`, or success; a process that dies meanwhile comes back; all is well afterwards."""
    if _done_elsewhere(request, tmp_path):
        return
    with small_disk(tmp_path / "disk", "400m") as disk:
        _fill_under_load(disk)


def _fill_under_load(disk: Path) -> None:
    suite = Stack(disk / ".local", environment=ENVIRONMENT).start()
    try:
        visitors = Visitors(suite, str(time.time_ns()))
        with visitors.at_work():
            visitors.wait_for_success()
            _fill(disk)
            began = time.monotonic()
            notify = suite.kill("notify")
            while time.monotonic() < began + 4:
                _fill(disk)
                time.sleep(0.3)
            ended = time.monotonic()
            (disk / "ballast").unlink()
            suite.wait_restarted("notify", notify)
            visitors.wait_for_success()
        during = [a for a in visitors.answers if began < a.began < ended]
        print(Counter((a.what, a.status) for a in during))
        assert any(a.status == 503 and a.what.startswith("POST /roster") for a in during)
        assert {a.status for a in during} <= {200, 201, 503}
        assert all(a.retry_after for a in during if a.status == 503)
        kept = {str(row["id"]) for row in apart(ask(suite.database_url("roster"), "SELECT id FROM submission"))}
        assert set(visitors.acknowledged) <= kept
        apart(settled(suite))
    finally:
        suite.stop()
    _fill(disk)
    _refused_for_room(suite.root)


def _refused_for_room(root: Path) -> None:
    command = [sys.executable, "-m", "local.supervisor", "--port=0", "--root", str(root)]
    done = subprocess.run(
        command, cwd=REPO, env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "啟動失敗：" in done.stderr
    assert "No space left" in done.stderr


def test_a_first_start_without_room_says_so(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if _done_elsewhere(request, tmp_path):
        return
    with small_disk(tmp_path / "disk", "4m") as disk:
        _refused_for_room(disk / ".local")
