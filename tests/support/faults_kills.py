"""Somebody who kills what the suite consists of, PostgreSQL with its postmaster included; SIGKILL, always."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping

import asyncpg
import httpx

from local.children import alive, command_of
from local.demo.client import until
from local.stack import Stack
from shared.http import tls
from tests.support.faults_processes import family
from tests.support.suite import put

POSTMASTER, BACKEND = "postmaster", "backend"
PAGES: Mapping[str, str] = {name: name for name in ("gateway", "identity", "notify", "roster", "registry")} | {
    "mail-sink": "mail"
}
WORKERS = ("identity-worker", "notify-worker", "roster-worker")


class Murderer:
    """Kills one after another; the supervisor brings the processes back, the postmaster the backends.

    The next process is killed only when the one before is at work again, and a backend otherwise: where all are dead
    all the time, nothing is done that could be lost.
    """

    def __init__(self, suite: Stack, seed: str) -> None:
        self.suite = suite
        self.kills: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._killed: dict[str, int] = {}
        self._next: list[str] = []

    async def rage(
        self, seconds: float, kills: int, postmasters: int, enough: Callable[[], bool], at_most: float
    ) -> None:
        """`kills` blows, spread over `seconds`, `postmasters` of them at the postmaster; and on as quickly until it is
        enough or `at_most` seconds are over.
        """
        began = time.monotonic()
        while (so_far := time.monotonic() - began) < seconds or (so_far < at_most and not enough()):
            await asyncio.sleep(seconds / kills * self._rng.uniform(0.6, 1.4))
            if so_far > (self.kills[POSTMASTER] + 0.5) * seconds / postmasters:
                self._kill_postmaster()
            elif await self.are_back():
                self._kill_process()
            else:
                self._kill_backend()
            if self._rng.random() < 0.3:
                await self._lose_answers()

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
                for name in self._killed.keys() & PAGES.keys():
                    port = self.suite.ports[PAGES[name]]
                    if (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code != 200:
                        return False
        except (httpx.TransportError, asyncpg.PostgresError, OSError):
            return False
        return True

    async def all_back(self) -> None:
        """Wait until everybody is there again and answers."""
        self._killed = dict.fromkeys((*PAGES, *WORKERS, "postgres"), 0)

        async def back() -> bool | None:
            return await self.are_back() or None

        await until("everybody back", back, 90)
        await put(f"{self.suite.registry_url}/v1/faults", {})
