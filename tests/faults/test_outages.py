"""What everything stands on goes away under load, by ending or by standing still, and comes back after ten seconds."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.processes import answers as pages_answer
from local.stack import Stack
from tests.faults.conftest import World
from tests.local.checkout import apart
from tests.support.faults_outage import Answer, Outage, Visitors, breaches, told
from tests.support.faults_processes import family, frozen, held_down
from tests.support.suite import SERVICES, ask, settled

pytestmark = [pytest.mark.xdist_group("outages"), pytest.mark.timeout(400)]

SECONDS = 10.0


Away = Callable[[World], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def database_stopped(world: World) -> Iterator[None]:
    """PostgreSQL in good order; its return is when it takes connections again."""
    world.server.stop()
    yield
    world.server.start()


@contextlib.contextmanager
def database_hanging(world: World) -> Iterator[None]:
    """Every one of its processes stands still: connections are taken, nothing is answered."""
    assert world.server.pid is not None
    with frozen(world.server.pid):
        yield


@contextlib.contextmanager
def service_killed(world: World) -> Iterator[None]:
    """Its return is when it calls itself ready."""
    with held_down(world.suite, "roster"):
        yield
    page = f"http://127.0.0.1:{world.suite.ports['roster']}/readyz"
    deadline = time.monotonic() + 30
    while not apart(pages_answer(page)):
        assert time.monotonic() < deadline


@contextlib.contextmanager
def service_hanging(world: World) -> Iterator[None]:
    with frozen(world.suite.pids["roster"]):
        yield


@pytest.mark.parametrize(
    ("away", "services"),
    [
        (database_stopped, frozenset(SERVICES)),
        (database_hanging, frozenset(SERVICES)),
        (service_killed, frozenset({"roster"})),
        (service_hanging, frozenset({"roster"})),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_who_comes_meanwhile_is_told_soon_to_come_back(world: World, away: Away, services: frozenset[str]) -> None:
    """Only 503 with `Retry-After`, each within 2 s; success within 5 s of its return; nothing acknowledged is lost."""
    visitors, outage = Visitors(world.suite, str(time.time_ns())), Outage(services)
    complaints = _complaints(world.suite)
    with visitors.at_work():
        visitors.wait_for_success()
        outage.going = time.monotonic()
        with away(world):
            outage.began = time.monotonic()
            time.sleep(SECONDS)
            outage.returning = outage.ended = time.monotonic()
        if away in (database_stopped, service_killed):
            # What was only standing still is there at once.
            outage.ended = time.monotonic()
        visitors.wait_for_success()
    print(away.__name__, told(visitors.answers, outage))
    assert list(breaches(visitors.answers, outage)) == []
    kept = {str(row["id"]) for row in apart(ask(world.suite.database_url("roster"), "SELECT id FROM submission"))}
    assert set(visitors.acknowledged) <= kept, "acknowledged and lost"
    assert len(visitors.acknowledged) == len(set(visitors.acknowledged))
    doubled = "SELECT 1 FROM entry GROUP BY national_id_index HAVING count(*) > 1"
    assert apart(ask(world.suite.database_url("roster"), doubled)) == [], "posted once and there twice"
    # A worker whose database is away looks again ever less often, every two seconds in the end.
    assert all(count - complaints[name] <= SECONDS for name, count in _complaints(world.suite).items())
    apart(settled(world.suite))


def _complaints(suite: Stack) -> dict[str, int]:
    return {f"{s}-worker": suite.log(f"{s}-worker").count("worker_database_unavailable") for s in SERVICES}


GOOD = [Answer("GET /a", "roster", 1.0, 1.1, 503, "2"), Answer("GET /a", "roster", 11.5, 11.6, 200, None)]
OTHER = [Answer("GET /b", "identity", 1.0, 1.1, 200, None), Answer("GET /b", "identity", 11.1, 11.2, 200, None)]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([*GOOD, *OTHER], ""),
        ([replace(GOOD[0], status=504), GOOD[1]], "not told to come back"),
        ([replace(GOOD[0], status=502), GOOD[1]], "not told to come back"),
        ([replace(GOOD[0], status=0), GOOD[1]], "not told to come back"),
        ([replace(GOOD[0], status=200), GOOD[1]], "not told to come back"),
        ([replace(GOOD[0], retry_after=None), GOOD[1]], "not told to come back"),
        ([replace(GOOD[0], ended=3.1), GOOD[1]], "late"),
        ([GOOD[0], replace(GOOD[1], ended=15.1)], "no success soon"),
        (GOOD[:1], "no success soon"),
        (GOOD[1:], "nobody asked"),
        ([*GOOD, replace(OTHER[0], status=503), OTHER[1]], "drawn into it"),
        ([replace(GOOD[0], began=0.2, ended=0.6), *GOOD], ""),
        ([replace(GOOD[0], began=0.2, ended=0.6, status=200), *GOOD], ""),
        ([replace(GOOD[0], began=0.2, ended=0.6, status=500), *GOOD], "not told to come back"),
        ([replace(GOOD[0], began=0.2, ended=0.6, retry_after=None), *GOOD], "not told to come back"),
        ([replace(GOOD[0], began=0.2, ended=2.6), *GOOD], "late"),
    ],
)
def test_a_planted_breach_is_reported(answers: list[Answer], told: str) -> None:
    found = list(breaches(answers, Outage(frozenset({"roster"}), 0.5, 10.0, 10.0, 0.4)))
    assert [f for f in found if f.startswith(told)] if told else found == []


def test_the_family_of_a_process_is_whole() -> None:
    """Or some of PostgreSQL would go on working while it is said to hang."""
    assert os.getpid() in family(os.getppid())
    assert Path(f"/proc/{os.getpid()}").exists()
