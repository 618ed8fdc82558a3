"""The conscription registry's stand-in on a free port, and the roster service's worker that speaks with it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr
from sqlalchemy import text

from local.registry_standin import create_app
from roster.worker import handlers
from shared import http, jobs
from shared.db import Context
from tests.support.rosters import County
from tests.support.services import settings_for

TOKEN = "the registry's token of this test"


_SET_ASIDE = text("UPDATE job SET run_at = now() + interval '1 day' WHERE state = 'ready' AND kind <> ALL(:kinds)")
_DUE_NOW = text("UPDATE job SET run_at = now() WHERE state = 'ready' AND kind = ANY(:kinds) RETURNING id")


@dataclass
class Registry:
    """A running stand-in: `url` for the suite, `inside` for the test."""

    url: str
    inside: httpx.AsyncClient

    async def knows(self, *men: Mapping[str, Any]) -> None:
        """Put men into the population; what is not said of a man is unremarkable."""
        plain = {
            "name": "王小明",
            "birth_date": "2006-03-04",
            "household_county_code": "63000",
            "household_township_code": "63000030",
        }
        answer = await self.inside.put("/draftees", json=[plain | dict(man) for man in men])
        answer.raise_for_status()

    async def fails(self, **faults: int) -> None:
        """`fail_next`, `lose_answers`, `delay_ms`, `status`; nothing: well again."""
        (await self.inside.put("/faults", json=faults)).raise_for_status()

    async def annotations(self) -> dict[str, dict[str, Any]]:
        """By national ID: the current annotation and its history."""
        return {item["national_id"]: item for item in (await self.inside.get("/annotations")).json()["items"]}

    async def reports(self) -> list[dict[str, Any]]:
        """The township reports in the order they came."""
        items: list[dict[str, Any]] = (await self.inside.get("/township-reports")).json()["items"]
        return items


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Registry]:
    """Serve the stand-in on loopback, on a port that is free."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(folder / "registry.sqlite", TOKEN)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    # It listens already: who calls before the server runs is answered when it does.
    task = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=f"{url}/v1", timeout=10, verify=http.tls()) as inside:
            yield Registry(url, inside)
    finally:
        server.should_exit = True
        await task


class Worker:
    """The worker's handlers in the test's own process, one batch at a time."""

    def __init__(self, county: County, url: str, token: str = TOKEN) -> None:
        self.database = county.service.database
        settings = settings_for("roster", county.service.urls, registry_url=url, registry_token=SecretStr(token))
        self.client = http.client()
        self.handlers = dict(handlers(settings, self.database, self.client))

    async def run(self, kinds: Iterable[str] | None = None) -> int:
        """Run what is due of `kinds` (all that there are), until nothing is; the number of tries."""
        chosen = self.handlers if kinds is None else {kind: self.handlers[kind] for kind in kinds}
        async with self.database.transaction(Context.system("roster")) as session:
            await session.execute(_SET_ASIDE, {"kinds": list(chosen)})
        worker = jobs.Worker(self.database, "roster", chosen)
        tries = 0
        while taken := await worker.run_once():
            tries += taken
        return tries

    async def settle(self, kinds: Iterable[str] | None = None) -> None:
        """Run until all is done, without the pauses between tries; at most ten rounds."""
        chosen = list(self.handlers if kinds is None else kinds)
        for _ in range(10):
            await self.run(chosen)
            async with self.database.transaction(Context.system("roster")) as session:
                left = (await session.execute(_DUE_NOW, {"kinds": chosen})).all()
            if not left:
                return

    async def close(self) -> None:
        """Give the connections back."""
        await self.client.aclose()
