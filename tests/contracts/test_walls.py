"""The walls of every operation that the services have: made from their OpenAPI documents, so that none is forgotten.

Each operation × (no token and every bad one, every role the document does not name, every other organisation), and
last A himself, who must succeed with the same request. An operation without a fixture fails the build.
"""

import uuid
from dataclasses import replace

import pytest
from fastapi import APIRouter

from roster.deps import Anyone, CaseOfficer
from shared.guard import GuardedRoute
from shared.problems import NOT_FOUND
from tests.contracts.walls.houses import ROWS
from tests.contracts.walls.operations import SERVICES, Operation, application, operations, unfounded
from tests.contracts.walls.rows import Row, World, hide_from_others, let_a_in, refuse_bad_tokens, refuse_wrong_roles
from tests.support import rosters
from tests.support.services import running
from tests.support.tokens import key

# One worker makes the three houses once.
pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.rule("ID-03")]

FOUND = {service: operations(service, application(service)) for service in SERVICES}
ALL = [operation for service in SERVICES for operation in FOUND[service] if operation.name in ROWS[service]]
WITH_TOKEN = [operation for operation in ALL if operation.roles is not None]


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_without_a_fixture(service: str) -> None:
    assert unfounded(FOUND[service], ROWS[service]) == {}


@pytest.mark.parametrize("documented", [True, False])
def test_a_new_route_without_a_fixture_is_found(documented: bool) -> None:
    """The control: a planted route, in the document or hidden from it, and a fixture whose route is gone."""
    app = application.__wrapped__("notify")
    router = APIRouter(prefix="/notify/v1", route_class=GuardedRoute)
    router.add_api_route(
        "/photos/{photo_id}", lambda: None, operation_id="get_photo", name="get_photo", include_in_schema=documented
    )
    app.include_router(router)
    told = unfounded(operations("notify", app), ROWS["notify"] | {"get_ghost": Row("open")})
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


# What New Taipei's officer sends about a thing of his own, naming Taipei's in the body.
NAMED = [
    ("/rosters/{their_roster}/reviews", "their_revision", {"match": {"entry_ids": ["?"]}, "set": {"reason": "x"}}),
    ("/rosters/{their_roster}/batches", "their_revision", {"entry_ids": ["?"]}),
    ("/batches/{their_batch}/return", None, {"entry_ids": ["?"], "reason": "請補附證明"}),
]


@pytest.mark.parametrize("path, seen, body", NAMED)
async def test_another_s_thing_in_the_body_is_not_there_either(roster_world, path, seen, body) -> None:
    world: World = roster_world
    answers = []
    for entry in (world.things["entry"], world.things["bulk_entry"], str(uuid.uuid4())):
        named = {k: [entry] if v == ["?"] else {"entry_ids": [entry]} if k == "match" else v for k, v in body.items()}
        answers.append(
            await world.service.http.post(
                f"/roster/v1{path.format(**world.things)}",
                json=named,
                headers={**rosters.ELSEWHERE, **key(), "If-Match": f'"{world.things[seen] if seen else 1}"'},
            )
        )
    assert [answer.status_code for answer in answers] == [404] * 3, answers[0].text
    assert len({answer.content for answer in answers}) == 1


FILTERS = [
    ("/rosters?school_code=0003", rosters.OTHER_SCHOOL),
    ("/rosters?school_name=臺灣大學", rosters.OTHER_SCHOOL),
    ("/rosters?school_code=0003", rosters.ELSEWHERE),
    ("/rosters/{their_roster}/entries?batch_id={batch}", rosters.ELSEWHERE),
    ("/registry-events?kind=registry.annotate", rosters.ELSEWHERE),
]


@pytest.mark.parametrize("path, who", FILTERS)
async def test_no_filter_leads_past_the_wall(roster_world, path, who) -> None:
    world: World = roster_world
    answer = await world.service.http.get(f"/roster/v1{path.format(**world.things)}", headers=who)
    assert answer.status_code == 200, answer.text
    assert [marker for marker in world.markers if marker in answer.text] == []


async def test_the_checks_see_a_hole(roster_world) -> None:
    """The control: planted routes with one hole each, on the same data, and each check fails."""
    world: World = roster_world
    mine = world.things["roster"]
    router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute)

    @router.get("/holes/token")
    async def token() -> dict[str, str]:
        return {}

    @router.get("/holes/role")
    async def role(_caller: Anyone) -> dict[str, str]:
        return {}

    @router.get("/holes/{roster_id}")
    async def item(roster_id: str, _caller: CaseOfficer) -> dict[str, str]:
        raise NOT_FOUND(detail="他機關之名冊", detail_en="another county's") if roster_id == mine else NOT_FOUND()

    @router.get("/holes")
    async def listed(_caller: CaseOfficer) -> list[str]:
        return [mine]

    async with running("roster", world.service.urls) as service:
        service.app.include_router(router)
        holed = replace(world, service=service)
        officers = ("case_officer",)
        item_row = Row("item", "case_officer", path={"roster_id": "{roster}"})
        list_row = Row("list", "case_officer", shows=("roster",))
        with pytest.raises(AssertionError, match="status, challenge"):
            await refuse_bad_tokens(holed, Operation("roster", "x", "GET", "/roster/v1/holes/token", ()), list_row)
        with pytest.raises(AssertionError, match="role, status, body"):
            await refuse_wrong_roles(
                holed, Operation("roster", "x", "GET", "/roster/v1/holes/role", officers), list_row
            )
        hole = Operation("roster", "x", "GET", "/roster/v1/holes/{roster_id}", officers)
        with pytest.raises(AssertionError, match="tells that the thing exists"):
            await hide_from_others(holed, hole, item_row)
        with pytest.raises(AssertionError, match="x by case_officer: 404"):
            await let_a_in(holed, hole, item_row)
        with pytest.raises(AssertionError, match="shows A's things"):
            await hide_from_others(holed, Operation("roster", "x", "GET", "/roster/v1/holes", officers), list_row)


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_and_a_himself_succeeds(house, operation) -> None:
    await let_a_in(*house)
