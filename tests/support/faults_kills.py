"""Somebody who kills what the suite consists of, PostgreSQL with its postmaster included; SIGKILL, always."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import asyncpg
import httpx

from local.children import alive, command_of
from local.demo.client import until
from local.stack import Stack
from shared.http import tls
from tests.support.faults_processes import family
from tests.support.suite import put

POSTMASTER, BACKEND = "postmaster", "backend"
PAGES = ("gateway", "identity", "notify", "rdss-fee", "roster")
WORKERS = ("identity-worker", "notify-worker", "rdss-fee-worker", "roster-worker")
# The two outside systems are not ours: they are killed besides, and it does not count. By name, their ports.
STAND_INS = {"registry": "registry", "mail-sink": "mail"}
_PORTS = {name: name for name in PAGES} | STAND_INS


class Murderer:
    """Kills one after another; the supervisor brings the processes back, the postmaster the backends.

    The next process is killed only when the one before is at work again, and a backend otherwise: where all are dead
    all the time, nothing is done that could be lost.
    """

    def __init__(self, suite: Stack, seed: str) -> None:
        self.suite = suite
        self.kills: Counter[str] = Counter()
        self.besides: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._killed: dict[str, int] = {}
        self._next: list[str] = []

    async def rage(
        self, seconds: float, kills: int, postmasters: int, enough: Callable[[], bool], at_most: float
    ) -> None:
        """`kills` blows, spread over `seconds`, `postmasters` of them at the postmaster; and on, ever less quickly,
        until it is enough or `at_most` seconds are over.
        """
        began = time.monotonic()
        while (so_far := time.monotonic() - began) < seconds or (so_far < at_most and not enough()):
            # A slow machine gets time to do some work between the blows.
            longer = max(0.0, so_far - seconds)
            await asyncio.sleep(seconds / kills * 2 ** min(longer / 20, 4) * self._rng.uniform(0.6, 1.4))
            if self.kills[POSTMASTER] < postmasters and so_far > (self.kills[POSTMASTER] + 0.5) * seconds / postmasters:
                self._kill_postmaster()
            elif await self.are_back():
                self._kill_process()
            elif not longer or self._rng.random() < 0.5:
                self._kill_backend()
            if self._rng.random() < 0.3:
                await self._lose_answers()
            if self._rng.random() < 0.1:
                self._kill_stand_in()

    def _kill_postmaster(self) -> None:
        # While it is being brought back there is none to kill.
        with contextlib.suppress(KeyError, ProcessLookupError):
            self._killed = {"postgres": self.suite.kill("postgres")}
            self.kills[POSTMASTER] += 1

    def _kill_backend(self) -> None:
        """One that serves a service, in a transaction if there is such a one: all others are thrown out with it."""
        postmaster = self.suite.pids.get("postgres")
        serving = [(pid, command_of(pid)) for pid in family(postmaster)[1:]] if postmaster else []
        serving = [(pid, command) for pid, command in serving if "_app " in command]
        at_work = [pid for pid, command in serving if not command.endswith("idle")]
        if chosen := at_work or [pid for pid, _ in serving]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._rng.choice(chosen), signal.SIGKILL)
                self.kills[BACKEND] += 1

    async def _lose_answers(self) -> None:
        """The registry does what it is told and then breaks off: what was delivered will be delivered again."""
        with contextlib.suppress(httpx.TransportError):
            await put(f"{self.suite.registry_url}/v1/faults", {"lose_answers": 3})

    def _kill_stand_in(self) -> None:
        name = self._rng.choice(tuple(STAND_INS))
        # The last blow at it may not be mended yet.
        with contextlib.suppress(KeyError, ProcessLookupError):
            self.suite.kill(name)
            self.besides[name] += 1

    def _kill_process(self) -> None:
        if not self._next:
            # Everybody's turn comes, the roster service's and its worker's twice.
            self._next = [*PAGES, *WORKERS, "roster", "roster-worker"]
            self._rng.shuffle(self._next)
        name = self._next.pop()
        self._killed = {name: self.suite.kill(name)}
        self.kills[name] += 1

    async def are_back(self) -> bool:
        """Whether whoever was killed last runs again and answers."""
        pids = self.suite.pids
        if not all(alive(pids.get(name, 0)) and pids[name] != old for name, old in self._killed.items()):
            return False
        try:
            if "postgres" in self._killed:
                await (await asyncpg.connect(self.suite.admin_url, timeout=2)).close()
            async with httpx.AsyncClient(trust_env=False, timeout=2, verify=tls()) as http:
                for name in self._killed.keys() & _PORTS.keys():
                    port = self.suite.ports[_PORTS[name]]
                    if (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code != 200:
                        return False
        except (httpx.TransportError, asyncpg.PostgresError, OSError):
            return False
        return True

    async def all_back(self) -> None:
        """Wait until everybody is there again and answers."""
        self._killed = dict.fromkeys((*_PORTS, *WORKERS, "postgres"), 0)

        async def back() -> bool | None:
            return await self.are_back() or None

        await until("everybody back", back, 120)
        await put(f"{self.suite.registry_url}/v1/faults", {})
