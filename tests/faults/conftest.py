"""What the outages share: the suite on a PostgreSQL that only the test starts and stops."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.postgres import Postgres
from local.stack import Stack
from tests.support.groups import ends_with
from tests.support.suite import start


@dataclass
class World:
    """The suite, and the server it does not start itself."""

    suite: Stack
    server: Postgres


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Started once, for the tests of the group "outages"; no coroutine: the suite would end with its thread."""
    folder = tmp_path_factory.mktemp("outages")
    with Postgres(folder / "data") as server:
        suite = start(folder / ".local", DATABASE_URL=server.admin_url)
        ends_with("outages", server.stop)
        ends_with("outages", suite.stop)
        try:
            yield World(suite, server)
        finally:
            suite.stop()
