"""The registry and the mail server are down, hang or refuse while there is work for them: whoever asks us is answered
as ever, nothing is lost, nothing runs hot, and all is done soon after their return."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.demo.client import until
from local.stack import ONCE, Stack
from notify.messages.service import SEND
from roster.registry.service import ANNOTATE, LOOKUP, TOWNSHIP_REPORT
from shared.jobs import backoff_seconds
from tests.faults.conftest import World
from tests.local.checkout import apart
from tests.support.aftermath import faults, look
from tests.support.faults_outage import AT_MOST
from tests.support.faults_processes import frozen, held_down
from tests.support.smoke import Load
from tests.support.starvation import Starvation
from tests.support.suite import SERVICES, Told, ask, settled

pytestmark = [pytest.mark.xdist_group("outages"), pytest.mark.timeout(300)]

JITTER = 0.25  # of `shared.jobs.backoff_seconds`: 0.5, 1, 2, … seconds, each a quarter more or less
# Seconds for the last try itself and what comes of it, besides the pause before it: for a machine that is busy.
ROOM = 10.0
# Seconds for the work to come to where it waits, however busy the machine: an outage goes on until then.
PATIENCE = 60.0
KINDS = {LOOKUP, ANNOTATE, TOWNSHIP_REPORT, SEND}
REFUSALS = 100_000
BUSY = (
    "SELECT kind, attempts, state, extract(epoch FROM run_at - now())::float AS pause FROM job"
    f" WHERE state <> 'done' AND {ONCE}"
)

Away = Callable[[Stack], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def down(suite: Stack) -> Iterator[None]:
    with held_down(suite, "registry", "mail-sink"):
        yield


@contextlib.contextmanager
def hanging(suite: Stack) -> Iterator[None]:
    """They take connections and say nothing."""
    with frozen(suite.pids["registry"]), frozen(suite.pids["mail-sink"]):
        yield


@contextlib.contextmanager
def refusing(suite: Stack) -> Iterator[None]:
    """500 for whatever is asked of the registry; 451 for every mail, and slowly."""
    _faults(suite, {"fail_next": REFUSALS, "status": 500}, {"fail_next": REFUSALS, "delay_ms": 500})
    yield
    _faults(suite, {}, {})


def _faults(suite: Stack, registry: dict[str, int], mail: dict[str, int]) -> None:
    httpx.put(f"{suite.registry_url}/v1/faults", json=registry, trust_env=False).raise_for_status()
    httpx.put(f"{suite.mail_url}/faults", json=mail, trust_env=False).raise_for_status()


def _refused(suite: Stack) -> int:
    """How often the two were tried while they refused."""
    pages = (f"{suite.registry_url}/v1/faults", f"{suite.mail_url}/faults")
    return sum(REFUSALS - httpx.get(page, trust_env=False).json()["fail_next"] for page in pages)


async def _jobs(suite: Stack) -> list[dict[str, Any]]:
    return [{"service": s, **row} for s in SERVICES for row in await ask(suite.database_url(s), BUSY)]


async def _tried_again(suite: Stack) -> bool | None:
    waiting = await _jobs(suite)
    there = {job["kind"] for job in waiting} >= KINDS and any(job["attempts"] > 1 for job in waiting)
    return True if there else None


def most_tries(seconds: float) -> int:
    """How often at most a job is tried in an outage: at once, and after pauses that all are as short as may be."""
    tries, spent = 1, 0.0
    while (spent := spent + 0.5 * 2 ** (tries - 1) * (1 - JITTER)) <= seconds:
        tries += 1
    return tries


def longest_pause(tries: int) -> float:
    """Seconds at most until the next try after so many: within 5/3 of the outage's length and half a second."""
    return 0.5 * 2.0 ** (tries - 1) * (1 + JITTER)


def test_the_bounds_follow_from_the_back_off() -> None:
    assert [most_tries(seconds) for seconds in (0.1, 5.5, 6.0, 10.0, 12.0)] == [1, 4, 5, 5, 6]
    assert [longest_pause(tries) for tries in (1, 5)] == [0.625, 10.0]
    assert all(backoff_seconds(tries) <= longest_pause(tries) for tries in (1, 5, 9) for _ in range(50))
    assert all(longest_pause(most_tries(seconds)) <= seconds * 5 / 3 + 0.625 for seconds in (1.0, 6.0, 10.0, 60.0))


@dataclass
class Run:
    """What the callers were told in the outage, what was waiting at its end, how often the refusing ones were tried,
    what is left after it."""

    seconds: float
    told: list[Told]
    late: list[Told]
    waiting: list[dict[str, Any]]
    refused: int
    seconds_to_recover: float
    wrong: list[str]


async def _run(suite: Stack, away: Away, least: float) -> Run:
    await settled(suite)
    before = await look(suite)
    load, starvation = Load(suite, str(time.time_ns()), cases=3), Starvation(suite)
    await load.prepare()
    ready = [await load.begin() for _ in range(2)]
    refused = 0
    began = time.monotonic()
    with away(suite):
        async with starvation.noted():
            await asyncio.gather(*(load.decide(case) for case in ready))
            # Its look-up is asked for in the outage; its callers are patient.
            third = asyncio.create_task(load.begin())
            await asyncio.sleep(began + least - time.monotonic())
            await until("something of each kind waits, one tried again", lambda: _tried_again(suite), PATIENCE)
        waiting = await _jobs(suite)
        if away is refusing:
            refused = _refused(suite)
    back = time.monotonic()
    told = [t for caller in load.people.values() for t in caller.told if began <= t.began and t.ended <= back]
    most = most_tries(back - began)

    async with starvation.noted():
        while left := await _jobs(suite):
            allowed = longest_pause(most) + ROOM + starvation.between("roster", back, time.monotonic())
            assert time.monotonic() - back < allowed, left
            await asyncio.sleep(0.2)
    seconds = time.monotonic() - back
    await load.decide(await third)
    await settled(suite)
    found = (await look(suite)).since(before)
    await load.close()
    # So much longer it may take as there was no processor for those concerned.
    late = [t for t in told if t.took > AT_MOST + starvation.between("roster", t.began, t.ended)]
    return Run(back - began, told, late, waiting, refused, seconds, faults(load.cases, found))


@pytest.mark.parametrize(("away", "least"), [(down, 10.0), (hanging, 8.5), (refusing, 7.0)])
def test_nothing_is_lost_and_nothing_runs_hot(world: World, away: Away, least: float) -> None:
    """Two rosters are decided and a third is posted meanwhile: nobody is refused, it only takes longer."""
    run = apart(_run(world.suite, away, least))
    tries, pauses = sorted(job["attempts"] for job in run.waiting), [job["pause"] for job in run.waiting]
    slowest = max(told.took for told in run.told)
    print(
        away.__name__,
        f"{run.seconds:.1f} s: {len(run.told)} answers, the slowest after {slowest:.2f} s; {len(tries)} jobs wait,"
        f" tried {tries} times, {run.refused} in all, the longest for {max(pauses):.1f} s;"
        f" done after {run.seconds_to_recover:.1f} s",
    )
    assert [told for told in run.told if told.status >= 500 or not told.status] == []
    assert len(run.told) >= 20
    assert run.late == []
    assert {job["kind"] for job in run.waiting} >= KINDS
    assert all(job["state"] == "ready" for job in run.waiting)
    most = most_tries(run.seconds)
    assert 2 <= tries[-1] <= most
    assert run.refused <= most * len(run.waiting)
    assert max(pauses) <= longest_pause(most)
    assert run.wrong == []
