"""A county at work, on a fixed day, beside the conscription registry."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import registry as standin
from tests.support import rosters
from tests.support.registry import Registry, Worker
from tests.support.rosters import County
from tests.support.services import Service


@pytest.fixture
async def county(roster: Service, monkeypatch: pytest.MonkeyPatch, tmp_path) -> County:
    """The roster service with two schools and a term, on `rosters.TODAY`."""
    rosters.set_today(monkeypatch, tmp_path)
    return await rosters.county(roster)


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
