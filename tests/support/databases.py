"""Real databases for tests: migrated once per worker, cloned for each test that wants a clean one."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from local.databases import Urls, plain, prepare
from shared import migrations

# Files are copied and not pages one by one: a third of the processor's time, and what the first connection to a
# database finds out about its catalogue comes along.
BY_FILE = "STRATEGY FILE_COPY"
_numbers = itertools.count()


def in_thread(coroutine):
    """Run a coroutine to its end on a loop of its own, whatever loop the caller is on."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@dataclass
class Template:
    """A migrated, empty database of one service, and the addresses of its two roles.

    All tests of a worker share one event loop, and so one administrator's connection.
    """

    service: str
    admin_url: str
    urls: Urls
    _admin: asyncpg.Connection | None = field(default=None, init=False)

    async def clone(self, of: Urls | None = None) -> Urls:
        """A database of its own, copied from this one or from a clone of it that nobody is connected to."""
        source = _database((of or self.urls).app)
        name = f"{source}_{os.getpid()}_{next(_numbers)}"
        owner = f"{_database(self.urls.app)}_owner"
        admin = await self._administrator()
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" OWNER "{owner}" {BY_FILE}')
        return Urls(app=_renamed(self.urls.app, name), owner=_renamed(self.urls.owner, name))

    async def drop(self, urls: Urls) -> None:
        """Remove a clone."""
        admin = await self._administrator()
        await admin.execute(f'DROP DATABASE IF EXISTS "{_database(urls.app)}" WITH (FORCE)')

    @asynccontextmanager
    async def copy(self, of: Urls | None = None) -> AsyncIterator[Urls]:
        """A clone for as long as it is wanted."""
        urls = await self.clone(of)
        try:
            yield urls
        finally:
            await self.drop(urls)

    async def close(self) -> None:
        """Leave the server."""
        if self._admin is not None:
            await self._admin.close()

    async def _administrator(self) -> asyncpg.Connection:
        if self._admin is None or self._admin.is_closed():
            self._admin = await asyncpg.connect(plain(self.admin_url))
        return self._admin


def make_template(admin_url: str, service: str, prefix: str) -> Template:
    """Create and migrate the database of `service`."""
    made: dict[str, str] = {}
    urls = in_thread(prepare(admin_url, [service.replace("-", "_")], prefix, made))[service.replace("-", "_")]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(migrations.upgrade, service, urls.owner).result()
    return Template(service, admin_url, urls)


def _database(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


def _renamed(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"
