from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.support import World, world


@pytest_asyncio.fixture(scope="session")
async def shared_world() -> AsyncIterator[World]:
    async with world() as made:
        yield made


@pytest.fixture
def here(shared_world: World) -> World:
    """The gateway that most tests share; what upstreams saw is forgotten between tests."""
    for upstream in (shared_world.identity, shared_world.roster, shared_world.notify):
        upstream.seen.clear()
        upstream.handlers.clear()
        upstream.ready = True
    return shared_world
