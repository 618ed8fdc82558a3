"""All services behind the real gateway, for requests from outside: over loopback, on databases of their own.

The servers run in a thread with an event loop of its own, so that a test that is no coroutine can call them. One
service is furnished as for the walls (tests/contracts/walls); its database can be put back to what it was then in a
few milliseconds, so that no operation's test spoils the next one's world.
"""

import asyncio
import dataclasses
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import uvicorn

from gateway.main import Gateway
from gateway.settings import GatewaySettings
from local.databases import Urls, plain
from shared.tokens import KeySet, StaticKeys
from tests.contracts.walls.houses import house_of
from tests.contracts.walls.operations import SERVICES
from tests.contracts.walls.rows import World
from tests.gateway.support import served, until
from tests.support.databases import BY_FILE, Template
from tests.support.services import Service, running
from tests.support.tokens import ISSUER, KEY

Templates = Callable[[str], Template]
# A service's name and application → what is asked in its place.
App = Callable[[Any, Any, Any], Awaitable[None]]
Wrap = Callable[[str, App], App]
PATIENCE = 120


@dataclass
class House:
    """The gateway's address, the furnished service's world, and the way back to how it was."""

    url: str
    world: World
    document: dict[str, Any]
    furnished: str
    # The services' own addresses, behind the gateway.
    services: dict[str, str]
    _loop: asyncio.AbstractEventLoop
    _pristine: str
    _admin: asyncpg.Connection

    def restore(self) -> None:
        """The furnished service's data as they were in the beginning."""
        asyncio.run_coroutine_threadsafe(self._restore(), self._loop).result(PATIENCE)

    async def _restore(self) -> None:
        service = self.world.service
        await _leave(service)
        name = _name(service.urls.app)
        owner = await self._admin.fetchval("SELECT datdba::regrole::text FROM pg_database WHERE datname = $1", name)
        await self._admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await self._admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._pristine}" OWNER {owner} {BY_FILE}')


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


async def _leave(service: Service) -> None:
    await service.database.engine.dispose()
    await service.database._pulse.dispose()


@asynccontextmanager
async def _listening(app: App) -> AsyncIterator[str]:
    """The address of a server for an application that has been started already."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _house(
    furnished: str,
    templates: Templates,
    folders: pytest.TempPathFactory,
    wrap: Wrap,
) -> AsyncIterator[House]:
    # A connection to the server belongs to one event loop, so these are this loop's own.
    mine = {service: dataclasses.replace(templates(service)) for service in SERVICES}
    async with AsyncExitStack() as stack:
        for template in mine.values():
            stack.push_async_callback(template.close)
        worlds = house_of(furnished, mine.__getitem__, folders)
        world = await anext(worlds)
        stack.push_async_callback(worlds.aclose)  # type: ignore[attr-defined]
        services = {furnished: world.service}
        for name in SERVICES:
            if name != furnished:
                urls: Urls = await stack.enter_async_context(mine[name].copy())
                keys: dict[str, Any] = {"keys": None} if name == "identity" else {}
                services[name] = await stack.enter_async_context(running(name, urls, **keys))
        await _leave(world.service)
        pristine: Urls = await stack.enter_async_context(mine[furnished].copy(world.service.urls))
        admin = await asyncpg.connect(plain(mine[furnished].admin_url))
        stack.push_async_callback(admin.close)
        addresses: dict[str, str] = {
            name: await stack.enter_async_context(_listening(wrap(name, service.app)))
            for name, service in services.items()
        }
        # People of roster's and notify's worlds hold tokens by the tests' key, those of identity's by identity's own.
        signer = services["identity"].app.state.minter.keys.signer
        gateway = Gateway(
            GatewaySettings(
                issuer=ISSUER,
                identity_url=addresses["identity"],
                notify_url=addresses["notify"],
                rdss_fee_url=addresses["rdss-fee"],
                roster_url=addresses["roster"],
            ),
            keys=StaticKeys(KeySet([KEY.public(), signer.public()])),
        )
        url = await stack.enter_async_context(served(gateway, h11_limit=16 * 1024))
        await until(lambda: gateway.upstreams.documents() is not None, PATIENCE)
        document, _page = gateway._documents()

        yield House(
            url,
            world,
            json.loads(document),
            furnished,
            addresses,
            asyncio.get_running_loop(),
            _name(pristine.app),
            admin,
        )


class _Thread:
    """A thread with an event loop and a house in it."""

    def __init__(self, *how: Any) -> None:
        self.ready: Future[House] = Future()
        self._over: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(*how)), name="house", daemon=True)
        self._thread.start()

    async def _live(self, *how: Any) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with _house(*how) as house:
                self.ready.set_result(house)
                await self._over.wait()
        except BaseException as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)

    def end(self) -> None:
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the house does not end"


@contextmanager
def standing(
    furnished: str, templates: Templates, folders: pytest.TempPathFactory, wrap: Wrap = lambda name, app: app
) -> Iterator[House]:
    """A house with the service `furnished`; `wrap` may put something of a test's before a service."""
    # Templates are made by threads of their own: all before this one has a loop.
    for service in SERVICES:
        templates(service)
    thread = _Thread(furnished, templates, folders, wrap)
    try:
        yield thread.ready.result(PATIENCE)
    finally:
        thread.end()
