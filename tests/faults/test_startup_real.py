"""Starts of the real services: killed while they migrate, on a full disk, with a clock that is wrong, without keys."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from local.children import command_of
from local.errors import StartError
from local.layout import REPO
from local.stack import Stack
from shared import clock
from tests.local.checkout import apart
from tests.support.faults_outage import Visitors
from tests.support.faults_processes import family
from tests.support.suite import ENVIRONMENT, SERVICES, ask, settled

pytestmark = [pytest.mark.xdist_group("startup_real"), pytest.mark.timeout(300)]


def log_in(suite: Stack, name: str = "admin") -> httpx.Response:
    account = suite.accounts[name]
    login = {"username": account["username"], "password": account["password"]}
    return httpx.post(f"{suite.url}/identity/v1/sessions", json=login, timeout=20, trust_env=False)


def authority(suite: Stack, answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def look(suite: Stack, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(f"{suite.url}{path}", headers=headers, timeout=20, trust_env=False)


# -- killed while the databases are migrated -----------------------------------------------------------------------


def _killed_while_migrating(folder: Path, seconds: float) -> bool:
    """Start, and SIGKILL to the supervisor so long after a migration began; whether one was still at work."""
    command = [sys.executable, "-m", "local.supervisor", "--port=0", "--root", str(folder)]
    environment = os.environ | ENVIRONMENT
    process = subprocess.Popen(command, cwd=REPO, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def migrating() -> bool:
        return any(".migrate" in command_of(pid) for pid in family(process.pid))

    deadline = time.monotonic() + 60
    while not migrating():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    hit = migrating()
    process.kill()
    process.wait()
    return hit


def test_a_start_killed_while_it_migrates_is_completed_by_the_next(tmp_path: Path) -> None:
    """Each service migrates in one transaction: whenever it is killed, the next start finds all or nothing."""
    hits = [_killed_while_migrating(tmp_path / ".local", seconds) for seconds in (0.4, 0.9, 1.4)]
    assert hits.count(True) >= 2, "the blows must fall while there is something to break"
    suite = Stack(tmp_path / ".local", environment=ENVIRONMENT)
    try:
        suite.start()
        for service in SERVICES:
            files = (REPO / "services" / service / "src" / service / "migrations" / "versions").glob("0*.py")
            newest = max(file.stem for file in files)
            assert apart(ask(suite.database_url(service), "SELECT version_num FROM alembic_version")) == [
                {"version_num": newest}
            ]
        assert look(suite, "/roster/v1/rosters", authority(suite, log_in(suite, "county_taipei_officer"))).is_success
    finally:
        suite.stop()


# -- a full disk ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"only root may mount a small disk: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(disk: Path) -> None:
    """Not a byte is left."""
    with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "400m") as folder:
        yield folder


def test_a_full_disk_refuses_what_it_cannot_keep_and_loses_nothing(disk: Path) -> None:
    """Writing: 503 with `Retry-After`, or success; a process that dies meanwhile comes back; all is well afterwards."""
    suite = Stack(disk / ".local", environment=ENVIRONMENT).start()
    try:
        visitors = Visitors(suite, str(time.time_ns()))
        with visitors.at_work():
            visitors.wait_for_success()
            _fill(disk)
            began = time.monotonic()
            notify = suite.kill("notify")
            while time.monotonic() < began + 6:
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


def test_a_first_start_without_room_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        _refused_for_room(disk / ".local")


# -- keys that are gone, a clock that is wrong ----------------------------------------------------------------------

# Read by every Python before its program; moves the clock of one of the suite's processes, C library and all.
SHIFTED = """
import datetime, sys
if "roster.main:create_app" in sys.orig_argv:
    import time_machine
    there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    time_machine.travel(there, tick=True).start()
"""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A suite that was there before; what the last test left running is stopped by that test."""
    return Stack(tmp_path_factory.mktemp("stopped") / ".local", environment=ENVIRONMENT)


def test_signing_keys_that_are_gone_are_made_anew_and_old_tokens_are_refused(stopped: Stack) -> None:
    with stopped as suite:
        old = authority(suite, log_in(suite))
        assert look(suite, "/identity/v1/me", old).is_success
        apart(ask(suite.database_url("identity"), "DELETE FROM signing_key"))
    with stopped as suite:
        assert look(suite, "/identity/v1/me", old).status_code == 401
        assert look(suite, "/roster/v1/schools", authority(suite, log_in(suite))).is_success


def test_without_the_field_keys_of_its_data_nothing_starts_and_none_are_made(stopped: Stack) -> None:
    file = stopped.root / "keys" / "field.json"
    away = file.rename(file.with_suffix(".away"))
    with pytest.raises(StartError, match="MUSTER_FIELD_KEYS"):
        stopped.start()
    assert not file.exists()
    away.rename(file)


def test_a_service_whose_clock_is_an_hour_off_does_not_start(stopped: Stack, tmp_path: Path) -> None:
    """It would refuse every token; one that is behind would take those that have expired."""
    (tmp_path / "sitecustomize.py").write_text(SHIFTED)
    shifted = Stack(stopped.root, environment=ENVIRONMENT | {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(StartError, match="roster") as refused:
        shifted.start()
    assert "clock_differs_from_database" in str(refused.value)


def test_a_machine_whose_clock_was_set_back_an_hour_starts_and_says_so(stopped: Stack) -> None:
    """All its processes agree, so all of it works; control of the test above."""
    ahead = clock.now() + timedelta(hours=1)
    (stopped.root / "last-start.json").write_text(json.dumps({"at": ahead.isoformat()}))
    with stopped as suite:
        assert "behind the last start" in suite.said()
        assert look(suite, "/roster/v1/schools", authority(suite, log_in(suite))).is_success
