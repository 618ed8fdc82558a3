"""The pulse by itself: who is told, that a fault of ours condemns nobody, that looking ends only when it beats."""

import asyncio

import pytest

from gateway import pulse
from gateway.pulse import Pulses
from tests.gateway.support import until

pytestmark = pytest.mark.rule("GW-03")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow soon."""
    monkeypatch.setattr(pulse, "BETWEEN", 0.05)


async def test_who_waits_is_told_and_who_comes_is_refused_until_it_beats_again():
    said: list[bool | Exception] = [False, False, True]
    told: list[str] = []
    pulses = Pulses(lambda _: _answer(said))
    pulses.join("roster", lambda: told.append("told"))
    await until(lambda: pulses.is_silent("roster"))
    assert told
    await until(lambda: not pulses.is_silent("roster"))
    assert not pulses.is_silent("identity")
    await pulses.close()


async def test_a_fault_of_ours_is_no_silence_and_ends_no_looking():
    """Planted: without the guard the service would be refused for good, for nobody would look again."""
    said: list[bool | Exception] = [False, RuntimeError("ours"), False, True]
    told: list[str] = []
    pulses = Pulses(lambda _: _answer(said))
    pulses.join("roster", lambda: told.append("told"))
    await until(lambda: len(said) == 1)
    await until(lambda: not pulses.is_silent("roster"))
    assert len(told) == 2
    await pulses.close()


async def test_nobody_looks_when_nobody_waits():
    looks: list[str] = []
    pulses = Pulses(lambda name: _counted(looks, name))

    def tell() -> None:
        """Nothing."""

    pulses.join("roster", tell)
    await until(lambda: bool(looks))
    pulses.leave("roster", tell)
    await until(lambda: not pulses._feeling)
    seen = len(looks)
    await asyncio.sleep(0.2)
    assert len(looks) == seen
    await pulses.close()


async def _answer(said: list[bool | Exception]) -> bool:
    answer = said[0] if len(said) == 1 else said.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return bool(answer)


async def _counted(looks: list[str], name: str) -> bool:
    looks.append(name)
    await asyncio.sleep(0)
    return True
