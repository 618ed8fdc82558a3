"""The services furnished once, for modules that leave what they find as it is (`xdist_group("worlds")`)."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.walls.houses import ROWS, house_of
from tests.contracts.walls.operations import Operation
from tests.contracts.walls.rows import Row, World


@pytest.fixture(scope="package")
async def identity_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """identity, furnished."""
    async for world in house_of("identity", template, tmp_path_factory):
        yield world


@pytest.fixture(scope="package")
async def notify_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """notify, furnished."""
    async for world in house_of("notify", template, tmp_path_factory):
        yield world


@pytest.fixture(scope="package")
async def rdss_fee_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """rdss-fee, furnished."""
    async for world in house_of("rdss-fee", template, tmp_path_factory):
        yield world


@pytest.fixture(scope="package")
async def roster_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """roster, furnished."""
    async for world in house_of("roster", template, tmp_path_factory):
        yield world


@pytest.fixture
def house(request: pytest.FixtureRequest) -> tuple[World, Operation, Row]:
    """The world of the test's operation, the operation, its row."""
    operation: Operation = request.node.callspec.params["operation"]
    world: World = request.getfixturevalue(f"{operation.service.replace('-', '_')}_world")
    return world, operation, ROWS[operation.service][operation.name]
