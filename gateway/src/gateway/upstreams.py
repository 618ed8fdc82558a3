"""What the gateway knows about the services behind it: are they ready, and what do they say they offer."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from gateway import openapi
from gateway.metrics import UPSTREAM_READY
from shared import logs

BEFORE_READY = 0.25  # seconds between two looks at an upstream that was never ready
AFTERWARDS = 5.0
PATIENCE = 2.0
LARGEST_DOCUMENT = 8 * 1024 * 1024

log = logs.get(__name__)


@dataclass(slots=True)
class State:
    """One upstream: ready now, ready at least once since the gateway's start, and its OpenAPI document."""

    ready: bool = False
    was_ready: bool = False
    document: Mapping[str, Any] | None = None


class Upstreams:
    """Looks at every upstream again and again, from `watch` until that is cancelled."""

    def __init__(self, session: aiohttp.ClientSession, bases: Mapping[str, str]) -> None:
        self._session = session
        self._bases = dict(bases)
        self.states = {name: State() for name in bases}
        self.version = 0
        """Grows with every change of a document."""

    @property
    def all_were_ready(self) -> bool:
        return all(state.was_ready for state in self.states.values())

    def documents(self) -> dict[str, Mapping[str, Any]] | None:
        """The OpenAPI document of every upstream; None while one is missing: half an API is no API."""
        found = {name: state.document for name, state in self.states.items() if state.document is not None}
        return found if len(found) == len(self.states) else None

    async def watch(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._bases:
                group.create_task(self._watch(name))

    async def _watch(self, name: str) -> None:
        state = self.states[name]
        while True:
            ready = await self._get(name, "/readyz") is not None
            # A service that comes back may have come back in another version.
            if ready and (not state.ready or state.document is None):
                await self._read_document(name)
            if ready != state.ready:
                log.info("upstream_ready" if ready else "upstream_not_ready", upstream=name)
            state.ready = ready
            state.was_ready = state.was_ready or ready
            UPSTREAM_READY.labels(name).set(ready)
            await asyncio.sleep(AFTERWARDS if state.was_ready and state.document is not None else BEFORE_READY)

    async def _read_document(self, name: str) -> None:
        body = await self._get(name, "/openapi.json")
        try:
            document = None if body is None else openapi.check(json.loads(body))
        except ValueError as error:
            log.warning("openapi_unusable", upstream=name, error=type(error).__name__)
            return
        if document is not None and document != self.states[name].document:
            self.states[name].document = document
            self.version += 1

    async def _get(self, name: str, path: str) -> bytes | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await fetch(self._session, self._bases[name] + path)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


async def fetch(session: aiohttp.ClientSession, url: str) -> bytes:
    """The body of a 200 answer. Raises aiohttp.ClientError for any other, or one that is too large."""
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise aiohttp.ClientPayloadError(f"status {response.status}")
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > LARGEST_DOCUMENT:
                raise aiohttp.ClientPayloadError("too large")
        return bytes(body)
