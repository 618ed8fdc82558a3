"""The probe service (`tests.shared.probe`) on databases of its own."""

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from local.databases import Urls
from shared import logs
from tests.shared.probe import Probe, furnish, owner, probing
from tests.support.databases import Template

Clones = Callable[[], AbstractAsyncContextManager[Urls]]


@pytest.fixture(scope="session")
async def clones(template) -> AsyncIterator[Clones]:
    """`async with clones() as urls`: a database with the tables every service has, and the probe's."""
    empty: Template = template("notify")
    async with empty.copy() as furnished:
        await furnish(furnished)
        yield lambda: empty.copy(furnished)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """`said()`: what was logged since, a dictionary a line; that each line is JSON is thereby proven."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    logs.configure("probe")
    monkeypatch.undo()

    def read() -> list[dict[str, Any]]:
        lines = stream.getvalue().splitlines()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in lines]

    yield read
    logs.configure("probe", "WARNING")


@pytest.fixture
async def probe_urls(clones: Clones) -> AsyncIterator[Urls]:
    """A clean furnished database."""
    async with clones() as urls:
        yield urls


@pytest.fixture(scope="module")
async def quiet(clones: Clones) -> AsyncIterator[Probe]:
    """One probe for a whole module: for what is refused, or looked at only."""
    async with clones() as urls, probing(urls) as running:
        yield running


@pytest.fixture
async def probe(quiet: Probe) -> Probe:
    """The module's probe with empty tables."""
    await owner(
        quiet.urls,
        "ALTER TABLE audit_entry DISABLE TRIGGER USER",
        "ALTER TABLE audit_block DISABLE TRIGGER USER",
        "TRUNCATE effect, idempotency_key, inbox_event, job, audit_entry, audit_block RESTART IDENTITY",
        "ALTER TABLE audit_entry ENABLE TRIGGER USER",
        "ALTER TABLE audit_block ENABLE TRIGGER USER",
    )
    quiet.behaviour.calm()
    return quiet
