"""Telling a service that is at work from one that stands still, or whose database does.

That an answer takes long says nothing: a roster of 2,000 rows takes a second and more. But whoever works answers
`/readyz` meanwhile (with such a roster after 0.2 s at the latest, measured), and a process that was stopped, or whose
machine or network hangs, does not. So when a request has waited for a moment, the pulse of its service is felt: if
there is none, all who wait are told, and who comes is told at once, until it beats again. As long as answers come fast
nothing is asked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from shared import logs

# Seconds. Joining, a look that has just begun and its end make less than two, by when everybody is to be told.
JOIN_AFTER = 0.25
PATIENCE = 1.3
BETWEEN = 0.25
LATE = 0.2

log = logs.get(__name__)

Tell = Callable[[], None]


class Pulses:
    """The upstreams' pulses. `look(name)` says within about `PATIENCE` whether it is ready."""

    def __init__(self, look: Callable[[str], Awaitable[bool]]) -> None:
        self._look = look
        self._silent: set[str] = set()
        self._waiting: defaultdict[str, set[Tell]] = defaultdict(set)
        self._feeling: dict[str, asyncio.Task[None]] = {}

    def is_silent(self, name: str) -> bool:
        """Whether the upstream was found silent and has not been heard since."""
        return name in self._silent

    def join(self, name: str, tell: Tell) -> None:
        """Have `tell` called whenever the upstream is found silent, until `leave`."""
        self._waiting[name].add(tell)
        if name not in self._feeling:
            self._feeling[name] = asyncio.create_task(self._feel(name))

    def leave(self, name: str, tell: Tell) -> None:
        """Whoever joined has waited long enough, or has his answer."""
        self._waiting[name].discard(tell)

    async def close(self) -> None:
        """Feel no more."""
        tasks = list(self._feeling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _heard(self, name: str) -> bool:
        try:
            return await self._look(name)
        except Exception as error:
            # A fault of ours says nothing about the service, and must not end the looking.
            log.error("pulse_not_felt", upstream=name, exc_info=error)
            return True

    async def _feel(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting[name] or name in self._silent:
                began = loop.time()
                if await self._heard(name):
                    self._silent.discard(name)
                elif loop.time() - began < PATIENCE + LATE:
                    # Later than that it was we who stood still, and the answer may lie there unread.
                    self._silent.add(name)
                    for tell in tuple(self._waiting[name]):
                        tell()
                await asyncio.sleep(BETWEEN)
        finally:
            del self._feeling[name]
