"""A minute of SIGKILL over the demonstration's load, PostgreSQL's postmaster included: nothing that was acknowledged is
lost, nothing is done twice. `make soak` goes on for ten."""

import asyncio
import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.aftermath import Aftermath, faults, look
from tests.support.faults_kills import BACKEND, PAGES, POSTMASTER, WORKERS, Murderer
from tests.support.smoke import Case, Load
from tests.support.soak import soak
from tests.support.suite import hurrying, settled, start

MINUTES = 10 if soak() else 1
pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("kills"), pytest.mark.timeout(300 + MINUTES * 450)]

CLIENTS = 4
CASES = 100 * MINUTES
# Some blows fall while there is nobody to be hit: more are planned than must succeed.
SECONDS, KILLS, POSTMASTERS, BACKENDS = 60.0 * MINUTES, 40 * MINUTES, 5 * MINUTES, 8 * MINUTES
PLANNED, PLANNED_POSTMASTERS, LONGEST = 54 * MINUTES, 6 * MINUTES, 300.0 * MINUTES
# Under fire some work must come to its end, or nothing was there to be lost.
DECIDED = 5 * MINUTES
# Whoever began something under fire stays until it is done, however slow the machine.
AFTERWARDS = 150.0


@dataclass
class Massacre:
    """One run: who was killed how often, what the clients were told, what is left."""

    kills: Counter[str]
    besides: Counter[str]
    seconds: float
    seconds_until_settled: float
    cases: list[Case]
    replays: list[str]
    found: Aftermath
    decided_under_fire: int
    left_to_begin: int


@pytest.fixture(scope="module")
def massacre(tmp_path_factory: pytest.TempPathFactory) -> Massacre:
    """Run it once, on a suite of its own with a PostgreSQL of its own."""
    suite = start(tmp_path_factory.mktemp("kills") / ".local")
    try:

        async def run() -> Massacre:
            seed = str(time.time_ns())
            print(f"seed {seed}")
            load, murderer = Load(suite, seed, CASES, LONGEST + AFTERWARDS), Murderer(suite, seed)
            await load.prepare()
            work = asyncio.create_task(load.work(CLIENTS))

            def decided() -> int:
                return sum(bool(case.batch) for case in load.cases)

            def enough() -> bool:
                kills = murderer.kills
                return (
                    kills.total() >= KILLS
                    and kills[POSTMASTER] >= POSTMASTERS
                    and kills[BACKEND] >= BACKENDS
                    and all(kills[name] for name in (*PAGES, *WORKERS))
                    and decided() >= DECIDED
                )

            began = time.monotonic()
            await murderer.rage(SECONDS, PLANNED, PLANNED_POSTMASTERS, enough, LONGEST)
            seconds = time.monotonic() - began
            under_fire, left = decided(), load.waiting
            load.stop.set()
            await murderer.all_back()
            async with hurrying(suite):
                await work
            await settled(suite, AFTERWARDS)
            settling = time.monotonic() - began - seconds
            replays = await load.differing_replays()
            found = await look(suite)
            await load.close()
            return Massacre(
                murderer.kills, murderer.besides, seconds, settling, load.cases, replays, found, under_fire, left
            )

        return asyncio.run(run())
    finally:
        suite.stop()


def test_there_were_murders_and_there_was_work(massacre: Massacre) -> None:
    kills = massacre.kills
    again = sum(step["deliveries"] > 1 for item in massacre.found.annotations for step in item["history"])
    print(
        f"{kills.total()} killed in {massacre.seconds:.0f} s: {dict(kills.most_common())}, besides"
        f" {dict(massacre.besides)}, settled after {massacre.seconds_until_settled:.0f} s; {len(massacre.cases)} cases,"
        f" {massacre.decided_under_fire} decided under fire, {again} annotations delivered again"
    )
    assert kills.total() >= KILLS
    assert kills[POSTMASTER] >= POSTMASTERS
    assert kills[BACKEND] >= BACKENDS
    assert [name for name in (*PAGES, *WORKERS) if not kills[name]] == []
    assert massacre.decided_under_fire >= DECIDED
    assert massacre.left_to_begin > 0, "they ran out of work"
    assert all(case.batch for case in massacre.cases), "who begins a case ends it"


def test_nothing_is_lost_and_nothing_is_done_twice(massacre: Massacre) -> None:
    assert faults(massacre.cases, massacre.found) == []
    assert massacre.replays == []


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


def _decided(found: Aftermath) -> int:
    return next(at for at, row in enumerate(found.audits) if row["action"] == "entry.decided")


def _audit_lost(found: Aftermath) -> None:
    found.audits.pop(_decided(found))


def _audit_doubled(found: Aftermath) -> None:
    found.audits.append(found.audits[_decided(found)])


def _gap(found: Aftermath) -> None:
    whose = found.notices[0]["recipient"]
    numbers = sorted(row["number"] for row in found.notices if row["recipient"] == whose)
    found.notices[:] = [row for row in found.notices if (row["recipient"], row["number"]) != (whose, numbers[1])]


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
        (_audit_lost, "audit row lost"),
        (_audit_doubled, "audit row doubled"),
        (_lost("taken"), "event lost"),
        (_twice("taken", event="another"), "event doubled"),
        (_lost("messages"), "message lost"),
        (_twice("messages", id="another"), "message doubled"),
        (_lost("notices"), "notice lost"),
        (_gap, "inbox with gaps"),
        (_twice("notices", id="another"), "notice doubled"),
        (_twice("notices", number=None), "notice without a place"),
        (_lost("mails"), "mail lost"),
        (_twice("mails", id="another"), "mail doubled"),
    ],
)
def test_a_planted_loss_or_double_is_reported(
    massacre: Massacre, spoil: Callable[[Aftermath], None], told: str
) -> None:
    found = copy.deepcopy(massacre.found)
    spoil(found)
    assert [fault for fault in faults(massacre.cases, found) if fault.startswith(told)]
