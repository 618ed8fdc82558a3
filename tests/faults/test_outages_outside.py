"""The registry and the mail server are down, hang or refuse while there is work for them: nothing is lost, nothing
runs hot, and all is done soon after their return."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.demo.client import until
from local.stack import Stack
from notify.messages.service import SEND
from roster.registry.service import ANNOTATE, LOOKUP, TOWNSHIP_REPORT
from tests.faults.conftest import World
from tests.local.checkout import apart
from tests.support.aftermath import faults, look
from tests.support.faults_processes import frozen, held_down
from tests.support.smoke import Load
from tests.support.suite import SERVICES, ask, settled

pytestmark = [pytest.mark.xdist_group("outages"), pytest.mark.timeout(300)]

SECONDS = 10.0
# A first try, then after 0.5, 1, 2, 4 and 8 seconds, each a quarter more or less: six tries within ten seconds.
MOST_TRIES = 7
DONE_AFTER = 20.0
KINDS = {LOOKUP, ANNOTATE, TOWNSHIP_REPORT, SEND}
REFUSALS = 100_000
BUSY = "SELECT kind, attempts, state FROM job WHERE state <> 'done'"

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


@dataclass
class Run:
    """What was waiting at the end of the outage, how often the refusing ones were tried, what is left after it."""

    waiting: list[dict[str, Any]]
    refused: int
    seconds_to_recover: float
    wrong: list[str]


async def _run(suite: Stack, away: Away) -> Run:
    await settled(suite)
    before = await look(suite)
    load = Load(suite, str(time.time_ns()))
    await load.prepare()
    ready = [await load.begin() for _ in range(2)]
    refused = 0
    began = time.monotonic()
    with away(suite):
        await asyncio.gather(*(load.decide(case) for case in ready))
        # Its look-up is asked for in the outage; its callers are patient.
        third = asyncio.create_task(load.begin())
        await asyncio.sleep(began + SECONDS - time.monotonic())
        waiting = await _jobs(suite)
        if away is refusing:
            refused = _refused(suite)
    back = time.monotonic()

    async def done() -> bool | None:
        return None if await _jobs(suite) else True

    await until("all of it done", done, DONE_AFTER)
    seconds = time.monotonic() - back
    await load.decide(await third)
    await settled(suite)
    found = (await look(suite)).since(before)
    await load.close()
    return Run(waiting, refused, seconds, faults(load.cases, found))


@pytest.mark.parametrize("away", [down, hanging, refusing])
def test_nothing_is_lost_and_nothing_runs_hot(world: World, away: Away) -> None:
    """Two rosters are decided and a third is posted meanwhile: nobody is refused, it only takes longer."""
    run = apart(_run(world.suite, away))
    tries = sorted(job["attempts"] for job in run.waiting)
    told = (
        f"{len(tries)} jobs wait, tried {tries} times, {run.refused} in all; done after {run.seconds_to_recover:.1f} s"
    )
    print(away.__name__, told)
    assert {job["kind"] for job in run.waiting} >= KINDS
    assert all(job["state"] == "ready" for job in run.waiting)
    assert 2 <= tries[-1] <= MOST_TRIES
    assert run.refused <= MOST_TRIES * len(run.waiting)
    assert run.wrong == []
