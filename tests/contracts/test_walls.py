"""The walls of every operation that the services have: made from their OpenAPI documents, so that none is forgotten.

Each operation × (no token and every bad one, every role the document does not name, every other organisation), and
last A himself, who must succeed with the same request. An operation without a fixture fails the build.
"""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter

from tests.contracts.walls import identity, notify, roster
from tests.contracts.walls.operations import SERVICES, Operation, application, operations, unfounded
from tests.contracts.walls.rows import Row, World, hide_from_others, let_a_in, refuse_bad_tokens, refuse_wrong_roles
from tests.support import rosters
from tests.support.databases import Template
from tests.support.services import running

# One worker makes the three houses once.
pytestmark = [pytest.mark.xdist_group("walls"), pytest.mark.rule("ID-03")]

FIXTURES = {"identity": identity, "notify": notify, "roster": roster}
ROWS: dict[str, dict[str, Row]] = {service: FIXTURES[service].ROWS for service in SERVICES}
FOUND = {service: operations(service, application(service)) for service in SERVICES}
ALL = [operation for service in SERVICES for operation in FOUND[service] if operation.name in ROWS[service]]
WITH_TOKEN = [operation for operation in ALL if operation.roles is not None]


async def _house(service: str, template: Template, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The service on a database of its own, with things of A and of others in it."""
    urls = await template.clone()
    with pytest.MonkeyPatch.context() as patch:
        rosters.set_today(patch, tmp_path_factory.mktemp(service))
        own_keys = {"keys": None} if service == "identity" else {}
        async with running(service, urls, **own_keys) as started:
            yield await FIXTURES[service].furnish(started)
    await template.drop(urls)


@pytest.fixture(scope="module")
async def identity_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """identity, furnished."""
    async for world in _house("identity", template("identity"), tmp_path_factory):
        yield world


@pytest.fixture(scope="module")
async def notify_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """notify, furnished."""
    async for world in _house("notify", template("notify"), tmp_path_factory):
        yield world


@pytest.fixture(scope="module")
async def roster_world(template, tmp_path_factory) -> AsyncIterator[World]:
    """roster, furnished."""
    async for world in _house("roster", template("roster"), tmp_path_factory):
        yield world


@pytest.fixture
def house(request: pytest.FixtureRequest) -> tuple[World, Operation, Row]:
    """The world of the test's operation, the operation, its row."""
    operation: Operation = request.node.callspec.params["operation"]
    world: World = request.getfixturevalue(f"{operation.service}_world")
    return world, operation, ROWS[operation.service][operation.name]


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_without_a_fixture(service: str) -> None:
    assert unfounded(FOUND[service], ROWS[service]) == {}


@pytest.mark.parametrize("hidden", [False, True], ids=["documented", "hidden"])
def test_a_new_route_without_a_fixture_is_found(hidden: bool) -> None:
    """The control: planted routes, and a fixture whose route is gone."""
    app = application("roster")
    router = APIRouter(prefix="/roster/v1")
    router.add_api_route(
        "/rosters/{roster_id}/photo",
        lambda: None,
        operation_id="get_photo",
        name="get_photo",
        include_in_schema=not hidden,
    )
    app.include_router(router)
    told = unfounded(operations("roster", app), ROWS["roster"] | {"get_ghost": Row("open")})
    assert told == {"operations without a fixture": ["get_photo"], "fixtures without an operation": ["get_ghost"]}


def test_the_open_operations_are_these() -> None:
    """Whatever takes no token stands here by name."""
    without = {operation.name for operation in ALL if operation.roles is None}
    assert without == {"log_in", "issue_token", "get_keys"}
    assert without == {name for rows in ROWS.values() for name, row in rows.items() if row.wall == "open"}


@pytest.mark.parametrize("operation", WITH_TOKEN, ids=str)
async def test_without_a_valid_token_nothing(house, operation) -> None:
    assert await refuse_bad_tokens(*house) >= 10


@pytest.mark.parametrize("operation", WITH_TOKEN, ids=str)
async def test_the_wrong_role_is_refused(house, operation) -> None:
    await refuse_wrong_roles(*house)


@pytest.mark.parametrize("operation", WITH_TOKEN, ids=str)
async def test_another_organisation_meets_the_wall(house, operation) -> None:
    await hide_from_others(*house)


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_and_a_himself_succeeds(house, operation) -> None:
    await let_a_in(*house)
