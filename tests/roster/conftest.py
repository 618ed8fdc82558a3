"""A county at work, on a fixed day, beside the conscription registry."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.databases import Urls
from tests.support import registry as standin
from tests.support import rosters
from tests.support.registry import Registry, Worker
from tests.support.rosters import County
from tests.support.services import running


@pytest.fixture(scope="session")
async def with_schools(template, tmp_path_factory) -> AsyncIterator[Urls]:
    """A database with two schools and a term, made once: `county` copies it."""
    async with template("roster").copy() as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp("schools"))
            async with running("roster", urls) as service:
                await rosters.county(service)
        yield urls


@pytest.fixture
async def county(template, with_schools: Urls, monkeypatch: pytest.MonkeyPatch, tmp_path) -> AsyncIterator[County]:
    """The roster service with two schools and a term, on `rosters.TODAY`."""
    rosters.set_today(monkeypatch, tmp_path)
    async with template("roster").copy(with_schools) as urls, running("roster", urls) as service:
        yield County(service)


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    """The stand-in for the registry, serving."""
    async with standin.running(tmp_path) as running:
        yield running


@pytest.fixture
async def worker(county: County, registry: Registry) -> AsyncIterator[Worker]:
    """The worker of the roster service, speaking with `registry`."""
    one = Worker(county, registry.url)
    yield one
    await one.close()
