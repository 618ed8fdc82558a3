"""Reports wait their turn, and no organisation keeps all the others waiting (RO-61, ADR 0054)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from weakref import WeakValueDictionary

import pytest

from shared import exports
from shared.db import Context
from shared.problems import ProblemError

pytestmark = pytest.mark.rule("RO-61")

TAIPEI, NEW_TAIPEI, NTU = (
    Context("somebody", *org) for org in (("county", "63000"), ("county", "65000"), ("school", "0003"))
)
SOON = 0.05


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four that nobody holds, and nobody who has held one."""
    monkeypatch.setattr(exports, "_AT_ONCE", asyncio.Semaphore(4))
    monkeypatch.setattr(exports, "_OWN", WeakValueDictionary())


class Line:
    """Who asked for a turn, in what order they got it, and their leaving."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self._over: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, context: Context) -> None:
        """Stand in line."""
        self._over[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._hold(name, context))
        await self._move()

    async def _hold(self, name: str, context: Context) -> None:
        async with exports._turn(context):
            self.made.append(name)
            await self._over[name].wait()

    async def leave(self, *names: str) -> None:
        """Their reports are done."""
        for name in names:
            self._over[name].set()
        await asyncio.gather(*(self._tasks[name] for name in names))
        await self._move()

    async def end(self) -> None:
        """Nobody waits any longer."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    @staticmethod
    async def _move() -> None:
        """Let everybody take the steps he can take now."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """Of nobody yet."""
    made = Line()
    yield made
    await made.end()


async def fair(line: Line) -> None:
    """One organisation asks again and again; others ask later and get their turn at once."""
    for n in range(9):
        await line.ask(f"taipei {n}", TAIPEI)
    assert line.made == ["taipei 0", "taipei 1"]
    for n in range(3):
        await line.ask(f"new taipei {n}", NEW_TAIPEI)
    assert line.made[2:] == ["new taipei 0", "new taipei 1"]
    # All four are taken: who asks now is next, whoever waits for a place of his own organisation's.
    await line.ask("school", NTU)
    await line.leave("new taipei 0")
    assert line.made[4:] == ["school"]
    await line.leave("taipei 0", "school")
    assert set(line.made[5:]) == {"taipei 2", "new taipei 2"}
    await line.leave("taipei 1", "taipei 2", "new taipei 1", "new taipei 2")
    await line.leave(*(f"taipei {n}" for n in range(3, 9)))
    assert not exports._OWN, "an organisation of which nobody waits is remembered"


async def test_one_organisation_never_keeps_all_others_waiting(line):
    await fair(line)


async def test_without_places_of_their_own_it_would(line, monkeypatch):
    """The control: one line for all."""
    monkeypatch.setattr(exports, "_OF_ONE", 4)
    with pytest.raises(AssertionError):
        await fair(line)


async def test_who_waits_too_long_is_told_to_come_back_and_leaves_no_place_taken(monkeypatch):
    monkeypatch.setattr(exports, "_TURN", SOON)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(exports._turn(TAIPEI))
        with pytest.raises(ProblemError) as told:
            await held.enter_async_context(exports._turn(TAIPEI))
        assert (told.value.type.status, told.value.headers["Retry-After"]) == (503, str(SOON))
        for _ in range(2):
            await held.enter_async_context(exports._turn(NEW_TAIPEI))
        # Has a place of its own, and waits for one of all.
        with pytest.raises(ProblemError):
            await held.enter_async_context(exports._turn(NTU))
    assert exports._AT_ONCE._value == 4
    # Those that the refusals' tracebacks still hold.
    assert {place._value for place in exports._OWN.values()} <= {2}
