"""What all tests stand on: one PostgreSQL 18 per test worker, a migrated template per service."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from local.databases import Urls
from local.postgres import Postgres
from shared import crypto
from tests.support import groups
from tests.support.databases import Template, make_template
from tests.support.services import FIELD_KEYS, Service, running
from tests.support.suite import suite as suite

crypto.install(crypto.KeyRing.parse(FIELD_KEYS))

# Nothing has to survive the machine, nobody guesses at passwords, and no database lives long enough to be tidied.
FOR_TESTS = {"fsync": "off", "scram_iterations": "1", "max_prepared_transactions": "4", "autovacuum": "off"}
MEMORY, ROOM = Path("/dev/shm"), 4 * 1024**3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest and belongs to no group begins first; begun last, it would be waited for alone."""
    items.sort(key=lambda item: "soak" not in item.keywords or "xdist_group" in item.keywords)
    last = {groups.of(item): item for item in items}
    # By identity: pytest-xdist adds the group to the names afterwards.
    groups.LAST.update((id(item), group) for group, item in last.items() if group)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """With the last test of a group ends what the group shared."""
    try:
        yield
    finally:
        groups.over(item)


def pytest_configure() -> None:
    """Put `tmp_path` and with it every test's PostgreSQL into memory, where there is room.

    A copy of a database, which most tests start from, takes 15 ms there instead of 100 to 200, nearly all of it the
    kernel's time for the files.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def admin_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of this worker's own, or the one of `DATABASE_URL`."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with Postgres(tmp_path_factory.mktemp("postgres") / "data", settings=FOR_TESTS) as server:
        yield server.admin_url


@pytest.fixture(scope="session")
async def template(admin_url: str):
    """`template("roster")`: the migrated database of a service, made once per worker."""
    made: dict[str, Template] = {}
    prefix = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

    def get(service: str) -> Template:
        if service not in made:
            made[service] = make_template(admin_url, service, prefix)
        return made[service]

    yield get
    for template in made.values():
        await template.close()


@pytest.fixture
async def roster_urls(template) -> AsyncIterator[Urls]:
    """A clean roster database."""
    async with template("roster").copy() as urls:
        yield urls


@pytest.fixture
async def identity_urls(template) -> AsyncIterator[Urls]:
    """A clean identity database."""
    async with template("identity").copy() as urls:
        yield urls


@pytest.fixture
async def notify_urls(template) -> AsyncIterator[Urls]:
    """A clean notify database."""
    async with template("notify").copy() as urls:
        yield urls


@pytest.fixture
async def roster(roster_urls: Urls) -> AsyncIterator[Service]:
    """The roster service on a clean database."""
    async with running("roster", roster_urls) as service:
        yield service


@pytest.fixture(scope="session")
async def with_keys(template) -> AsyncIterator[Urls]:
    """An identity database that has its first two signing keys and nothing else: making them takes 0.2 s."""
    async with template("identity").copy() as urls:
        async with running("identity", urls, keys=None):
            pass
        yield urls


@pytest.fixture
async def identity(template, with_keys: Urls) -> AsyncIterator[Service]:
    """The identity service on a database with signing keys and nothing else, issuing its own tokens."""
    async with template("identity").copy(with_keys) as urls, running("identity", urls, keys=None) as service:
        yield service


@pytest.fixture
async def notify(notify_urls: Urls) -> AsyncIterator[Service]:
    """The notify service on a clean database."""
    async with running("notify", notify_urls) as service:
        yield service
