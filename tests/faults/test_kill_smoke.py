"""Twenty seconds of SIGKILL over the demonstration's load: nothing acknowledged is lost, nothing is done twice."""

import asyncio
import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.aftermath import Aftermath, faults, look
from tests.support.smoke import Case, Load, Murderer
from tests.support.suite import settled, start

pytestmark = [pytest.mark.xdist_group("smoke"), pytest.mark.timeout(300)]

SECONDS, PAUSE, CLIENTS = 20.0, 0.7, 4
CONNECTIONS, PROCESSES, LONGEST = 8, 5, 60.0


@dataclass
class Smoke:
    """One run: what was killed, what the clients were told, what is left."""

    connections: int
    processes: list[str]
    cases: list[Case]
    replays: list[str]
    found: Aftermath
    decided_under_fire: int


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Run it once, on a suite of its own."""
    suite = start(tmp_path_factory.mktemp("smoke") / ".local")
    try:

        async def run() -> Smoke:
            seed = str(time.time_ns())
            print(f"seed {seed}")
            load, murderer = Load(suite, seed), Murderer(suite, seed)
            await load.prepare()
            work = asyncio.create_task(load.work(CLIENTS))

            def decided() -> int:
                return sum(bool(case.batch) for case in load.cases)

            def enough() -> bool:
                # A slow machine gets time to do some work between the blows.
                return murderer.connections >= CONNECTIONS and len(murderer.processes) >= PROCESSES and decided() > 0

            await murderer.rage(SECONDS, PAUSE, enough, LONGEST)
            under_fire = decided()
            load.stop.set()
            await murderer.all_back()
            await work
            await settled(suite)
            replays = await load.differing_replays()
            found = await look(suite)
            await load.close()
            return Smoke(murderer.connections, murderer.processes, load.cases, replays, found, under_fire)

        return asyncio.run(run())
    finally:
        suite.stop()


def test_there_were_murders_and_there_was_work(smoke: Smoke) -> None:
    told = f"{smoke.connections} connections and {dict(Counter(smoke.processes))} killed, {len(smoke.cases)} cases"
    again = sum(step["deliveries"] > 1 for item in smoke.found.annotations for step in item["history"])
    print(told, smoke.decided_under_fire, "decided under fire,", again, "annotations delivered again")
    assert smoke.connections >= CONNECTIONS
    assert len(smoke.processes) >= PROCESSES
    assert smoke.decided_under_fire > 0
    assert all(case.batch for case in smoke.cases), "who begins a case ends it"


def test_nothing_is_lost_and_nothing_is_done_twice(smoke: Smoke) -> None:
    assert faults(smoke.cases, smoke.found) == []
    assert smoke.replays == []


def _twice(name: str, **changes: str | None) -> Callable[[Aftermath], None]:
    def spoil(found: Aftermath) -> None:
        rows = getattr(found, name)
        rows.append(copy.deepcopy(rows[0]) | changes)

    return spoil


def _lost(name: str) -> Callable[[Aftermath], None]:
    return lambda found: getattr(found, name).pop()


def _annotated_twice(found: Aftermath) -> None:
    history = found.annotations[0]["history"]
    history.append(history[0] | {"event_id": "another"})


def _not_annotated(found: Aftermath) -> None:
    found.annotations[0]["annotation"] = None


def _job(state: str) -> Callable[[Aftermath], None]:
    return lambda found: found.jobs[0].update(state=state)


def _undecided(found: Aftermath) -> None:
    found.batches[0]["state"] = "for_approval"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_lost("submissions"), "submission lost"),
        (_twice("submissions", id="another"), "submission doubled"),
        (_lost("entries"), "entry lost"),
        (_twice("entries", id="another"), "entry doubled"),
        (_lost("batches"), "batch lost"),
        (_twice("batches", id="another"), "batch doubled"),
        (_undecided, "batch left for_approval"),
        (_lost("decisions"), "decision lost"),
        (_twice("decisions", id="another"), "decision doubled"),
        (_lost("deferments"), "deferment lost"),
        (_twice("deferments", decision_id="another"), "deferment doubled"),
        (_lost("annotations"), "annotation lost"),
        (_not_annotated, "annotation lost"),
        (_annotated_twice, "annotation doubled"),
        (_lost("reports"), "township report lost"),
        (_twice("reports", event_id="another"), "township report doubled"),
        (_job("ready"), "job ready"),
        (_job("dead"), "job dead"),
        (_lost("taken"), "event lost"),
        (_twice("taken", event="another"), "event doubled"),
        (_lost("messages"), "message lost"),
        (_twice("messages", id="another"), "message doubled"),
        (_lost("notices"), "notice lost"),
        (_lost("notices"), "inbox with gaps"),
        (_twice("notices", id="another"), "notice doubled"),
        (_twice("notices", number=None), "notice without a place"),
        (_lost("mails"), "mail lost"),
        (_twice("mails", id="another"), "mail doubled"),
    ],
)
def test_a_planted_loss_or_double_is_reported(smoke: Smoke, spoil: Callable[[Aftermath], None], told: str) -> None:
    found = copy.deepcopy(smoke.found)
    spoil(found)
    assert [fault for fault in faults(smoke.cases, found) if fault.startswith(told)]
