"""What bad JSON gets at every operation that takes JSON: a problem naming the place, never a 500, nothing stored."""

import json

import pytest

from shared.events import CloudEvent
from tests.contracts.walls.hostile import (
    PLANTED_ID,
    PLANTED_NAME,
    Case,
    chunked,
    described,
    misshapen,
    refused,
    stored,
    tried,
    unreadable,
)
from tests.contracts.walls.houses import ROWS
from tests.contracts.walls.operations import SERVICES, Operation, application, operations
from tests.contracts.walls.rows import World

pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.rule("RO-07")]

APPS = {service: application(service) for service in SERVICES}
DOCUMENTS = {service: app.openapi() for service, app in APPS.items()}
TAKES_JSON = [
    operation
    for service, app in APPS.items()
    for operation in operations(service, app)
    if ROWS[service][operation.name].body is not None
]
# What a document leaves out, because services only may call it.
HIDDEN = {"take_event": CloudEvent.model_json_schema()}


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """The world of the test's operation."""
    operation: Operation = request.node.callspec.params["operation"]
    found: World = request.getfixturevalue(f"{operation.service.replace('-', '_')}_world")
    return found


def test_every_operation_with_a_json_body_is_tried() -> None:
    described_so = {
        operation["operationId"]
        for document in DOCUMENTS.values()
        for item in document["paths"].values()
        for operation in item.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    # A school's file may be JSON too; it has its own tests.
    assert (
        described_so - {"submit_roster", "correct_roster", "report_cessations"}
        == {operation.name for operation in TAKES_JSON} - HIDDEN.keys()
    )


@pytest.mark.parametrize("operation", TAKES_JSON, ids=str)
async def test_what_is_no_json_is_refused(world: World, operation: Operation) -> None:
    row = ROWS[operation.service][operation.name]
    sound = str(world.content(row)).encode()
    limit = described(DOCUMENTS[operation.service], operation).limit
    assert await tried(world, operation, row, list(unreadable(sound, limit))) == ""


@pytest.mark.parametrize("operation", TAKES_JSON, ids=str)
async def test_json_of_another_shape_is_refused(world: World, operation: Operation) -> None:
    row = ROWS[operation.service][operation.name]
    said = described(DOCUMENTS[operation.service], operation)
    body = HIDDEN.get(operation.name, said.body)
    assert body is not None
    cases = list(misshapen(body, json.loads(str(world.content(row))), said.limit))
    assert len(cases) >= 10
    assert await tried(world, operation, row, cases) == ""


@pytest.mark.parametrize("operation", TAKES_JSON, ids=str)
async def test_a_body_that_does_not_say_its_length_is_cut_off_too(world: World, operation: Operation) -> None:
    row = ROWS[operation.service][operation.name]
    limit = described(DOCUMENTS[operation.service], operation).limit
    answer = await world.call(
        operation, row, world.a[row.who] if row.wall != "open" else {}, content=chunked(b" " * (limit + 1))
    )
    assert refused(answer, operation.name, frozenset({413})) is None


async def test_an_echo_and_a_stored_row_are_seen(roster_world: World) -> None:
    """The control: a sound request where a refusal is expected, with a name that is given back."""
    (operation,) = (operation for operation in TAKES_JSON if operation.name == "set_school_contact")
    row = ROWS["roster"]["set_school_contact"]
    contact = {"name": PLANTED_NAME, "phone": "02-3366-2032", "email": "a@b.example"}
    body = json.dumps(contact, ensure_ascii=False).encode()
    told = await tried(
        roster_world,
        operation,
        row,
        [Case("refused", frozenset({422}), body), Case("taken", frozenset({200}), body)],
    )
    refusal, taken, kept = told.splitlines()
    assert refusal.startswith("refused: 200 ")
    assert taken.startswith("taken: gives back")
    assert kept == "stored in ['audit_entry', 'school_contact']"
    assert PLANTED_ID not in json.dumps(await stored(roster_world.service))
