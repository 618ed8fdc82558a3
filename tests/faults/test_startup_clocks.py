"""Starts of the real services with what they know gone or wrong: their keys, their clocks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from local.errors import StartError
from local.processes import answers as pages_answer
from local.stack import Stack
from shared import clock
from tests.local.checkout import apart
from tests.support.faults_start import authority, log_in, page, until
from tests.support.suite import ENVIRONMENT, ask

pytestmark = [pytest.mark.xdist_group("startup_clocks"), pytest.mark.timeout(300)]

WRONG_CLOCK = "clock_differs_from_database"
GATEWAY = "gateway.main:create_app"

# Read by every Python before its program; moves the clock of some of the suite's processes, C library and all.
SHIFTED = """
import datetime, json, pathlib, sys
for name, hours in json.loads(pathlib.Path(__file__).with_name("hours.json").read_text()).items():
    if hours and name in sys.orig_argv:
        import time_machine
        there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
        time_machine.travel(there, tick=True).start()
"""


class Shifted:
    """A suite with clocks that are wrong: `hours` ahead (or behind) by a word of the process's command line."""

    def __init__(self, root: Path, folder: Path, hours: dict[str, int]) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(SHIFTED)
        self._file = folder / "hours.json"
        self._file.write_text(json.dumps(hours))
        self.suite = Stack(root, environment=ENVIRONMENT | {"PYTHONPATH": str(folder)})

    def restart_gateway(self, hours: int) -> None:
        """So many hours ahead."""
        self._file.write_text(json.dumps({GATEWAY: hours}))
        self.suite.wait_restarted("gateway", self.suite.kill("gateway"))
        until(lambda: apart(pages_answer(f"{self.suite.url}/readyz")))


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shifted]:
    """A first start, in which two workers' clocks and the gateway's are an hour off."""
    folder = tmp_path_factory.mktemp("shifted")
    clocks = {"roster.worker": 1, "notify.worker": -1, GATEWAY: 1}
    made = Shifted(folder / ".local", folder / "clocks", clocks)
    try:
        made.suite.start()
        yield made
    finally:
        made.suite.stop()


@pytest.fixture(scope="module")
def stopped(shifted: Shifted) -> Stack:
    """The same suite as others start it; what a test starts is stopped by that test."""
    return Stack(shifted.suite.root, environment=ENVIRONMENT)


@dataclass
class Again:
    """A suite started a second time, its signing keys deleted and the machine's clock set back an hour meanwhile."""

    suite: Stack
    old: dict[str, str]


@pytest.fixture(scope="module")
def again(shifted: Shifted, stopped: Stack) -> Iterator[Again]:
    """Its first start's token is `old`."""
    suite = shifted.suite
    shifted.restart_gateway(0)
    old = authority(suite, log_in(suite))
    assert page(suite, "/identity/v1/me", old).is_success
    apart(ask(suite.database_url("identity"), "DELETE FROM signing_key"))
    suite.stop()
    ahead = clock.now() + timedelta(hours=1)
    (stopped.root / "last-start.json").write_text(json.dumps({"at": ahead.isoformat()}))
    for log in (stopped.root / "log").iterdir():
        log.unlink()
    with stopped:
        yield Again(stopped, old)


def test_a_worker_whose_clock_is_an_hour_off_does_no_work(shifted: Shifted) -> None:
    suite = shifted.suite
    for name in ("roster-worker", "notify-worker"):
        until(lambda: f"{name}：  ended with exit code 1" in suite.said())  # noqa: B023 - waited for here
        assert WRONG_CLOCK in suite.log(name)
        assert "worker_started" not in suite.log(name)
    assert WRONG_CLOCK not in suite.log("identity-worker")


@pytest.mark.parametrize(("hours", "reason"), [(1, "expired"), (-1, "not_yet_valid"), (0, None)])
def test_a_gateway_whose_clock_is_an_hour_off_lets_nobody_in(shifted: Shifted, hours: int, reason: str | None) -> None:
    """It has no database to compare with: ahead it finds every token expired, behind not yet valid. Whoever it let in
    would be judged again by the service, by a clock that was compared."""
    suite = shifted.suite
    shifted.restart_gateway(hours)
    fresh = authority(suite, log_in(suite))
    assert page(suite, "/roster/v1/schools", fresh).status_code == (401 if reason else 200)
    refused = httpx.get(f"{suite.url}/metrics", trust_env=False).text
    assert (f'{{reason="{reason}"}} 1.0' in refused) == bool(reason)
    there = f"http://127.0.0.1:{suite.ports['roster']}/roster/v1/schools"
    assert httpx.get(there, headers=fresh, trust_env=False).is_success, "nothing is wrong with the token"


def test_signing_keys_that_are_gone_are_made_anew_and_old_tokens_are_refused(again: Again) -> None:
    assert page(again.suite, "/identity/v1/me", again.old).status_code == 401
    fresh = authority(again.suite, log_in(again.suite))
    # A machine that stands still for a moment is told to come back; a token that is refused is refused again.
    until(lambda: page(again.suite, "/roster/v1/schools", fresh).is_success, 10)


def test_a_machine_whose_clock_was_set_back_an_hour_starts_and_says_so(again: Again) -> None:
    """All its processes agree, so all of it works; control of the tests below."""
    assert "behind the last start" in again.suite.said()
    assert page(again.suite, "/roster/v1/schools", authority(again.suite, log_in(again.suite))).is_success
    logs = (again.suite.root / "log").iterdir()
    assert not [log.name for log in logs if WRONG_CLOCK in log.read_text(errors="replace")]
    again.suite.stop()


def test_without_the_field_keys_of_its_data_nothing_starts_and_none_are_made(stopped: Stack) -> None:
    file = stopped.root / "keys" / "field.json"
    away = file.rename(file.with_suffix(".away"))
    with pytest.raises(StartError, match="MUSTER_FIELD_KEYS"):
        stopped.start()
    assert not file.exists()
    away.rename(file)


def test_a_service_whose_clock_is_an_hour_off_does_not_start(stopped: Stack, tmp_path: Path) -> None:
    """It would refuse every token; one that is behind would take those that have expired."""
    clocks = {"roster.main:create_app": 1, "notify.main:create_app": -1}
    suite = Shifted(stopped.root, tmp_path, clocks).suite
    with pytest.raises(StartError) as refused:
        suite.start()
    assert WRONG_CLOCK in str(refused.value)
    for service in ("roster", "notify"):
        assert WRONG_CLOCK in suite.log(service)
    assert WRONG_CLOCK not in suite.log("identity")
