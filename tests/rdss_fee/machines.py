"""How the fee's state machines are run: beside the loop that the service runs on."""

import asyncio
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.support.soak import soak

M = TypeVar("M", bound=RuleBasedStateMachine)


def campaign(examples: int, steps: int) -> settings:
    """So many examples of so many acts."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        # What fails is told as it was found: each shorter one costs a second.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


def made_of(machine: type[M], **members: Any) -> type[M]:
    """A machine that is given these members, whose acts this loop does, from a thread beside it."""
    return type("Machine", (machine,), members | {"loop": asyncio.get_running_loop()})


async def played(machine: type[RuleBasedStateMachine], turn: int, how: settings, **members: Any) -> None:
    """Run a machine; the `turn`s of `make test` are always the same, those of a soak are not."""
    made = made_of(machine, **members)
    await asyncio.to_thread(run_state_machine_as_test, made if soak() else seed(turn)(made), settings=how)
