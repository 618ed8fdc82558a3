"""Reports wait their turn, and no organisation keeps all the others waiting (RO-61, ADR 0054)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakValueDictionary

import pytest
from starlette.requests import Request

from roster import exports
from roster.csv_out import Sheet
from roster.papers.forms import Form
from roster.papers.report import Report
from shared.db import Context
from shared.principals import Org, Principal
from shared.problems import ProblemError
from shared.schemas import Page
from tests.roster.test_reports import no_paper
from tests.support.rosters import ELSEWHERE, OFFICER, County

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


async def test_a_county_s_slow_readers_stop_no_other_county(county: County, monkeypatch):
    """The same through the service: two reports whose readers take nothing."""
    monkeypatch.setattr(exports, "_TURN", SOON)
    officer = Principal(
        "officer-1", frozenset({"case_officer"}), Org("county", "63000"), frozenset(), "pwd", "1", False
    )
    request = Request({"type": "http", "app": county.service.app, "headers": []})
    report = Report(Sheet[Any]((("列號", lambda _: 1),)), "x", "x", no_paper)
    reading = asyncio.Semaphore(0)

    async def fetch(*_: Any, **__: Any) -> Page[Any]:
        return Page(items=[1])

    async def stall(message: Any) -> None:
        if message["type"] == "http.response.body":
            reading.release()
            await asyncio.Event().wait()

    async def nothing() -> Any:
        raise AssertionError("nobody reads the request")

    slow = [exports.Export(request, officer, Form.CSV, report, fetch) for _ in range(2)]
    tasks = [asyncio.create_task(one({"type": "http"}, nothing, stall)) for one in slow]
    try:
        for _ in tasks:
            await reading.acquire()
        for who, status in ((OFFICER, 503), (ELSEWHERE, 200)):
            answer = await county.service.http.get("/roster/v1/results", headers={**who, "Accept": "text/csv"})
            assert answer.status_code == status, answer.text
        # A page is no report: the same county goes on working.
        assert (await county.call("GET", "/results", OFFICER)).status_code == 200
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
