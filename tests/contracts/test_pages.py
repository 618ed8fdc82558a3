"""Every list in the services' OpenAPI documents leads from page to page by its `Link` header (RFC 8288)."""

import json
from typing import Any

import httpx
import pytest

from tests.contracts.walls.operations import SERVICES, Operation, application, operations
from tests.contracts.walls.rows import Row, World

pytestmark = pytest.mark.xdist_group("worlds")

APPS = {service: application(service) for service in SERVICES}
# Short by nature, whole in one answer: never a next page.
WHOLE = {"explain_entry_hints", "list_terms"}
# The next page is asked for by a body, and a link leads by GET.
BY_BODY = {"reassess_entries"}


def _answers_with_pages(document: dict[str, Any], operation: Operation) -> bool:
    """Whether the document's answer to `operation` has a `next_cursor`."""
    responses = document["paths"].get(operation.path, {}).get(operation.method.lower(), {}).get("responses", {})
    schema = responses.get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return "next_cursor" in named.get("properties", {})


LISTS = [
    operation
    for service, app in APPS.items()
    for operation in operations(service, app)
    if _answers_with_pages(app.openapi(), operation)
]


async def _first(world: World, operation: Operation, row: Row) -> httpx.Response:
    """The first page, of one item."""
    if operation.method == "GET":
        return await world.call(
            operation, row, world.a[row.who], query=f"{row.query}&limit=1" if row.query else "?limit=1"
        )
    body = {**json.loads(world.content(row) or "{}"), "limit": 1}
    # Taipei's rosters of one school, of which there are several.
    body.pop("national_id", None)
    return await world.call(operation, row, world.a[row.who], content=json.dumps(body))


def test_the_lists_are_found() -> None:
    names = {operation.name for operation in LISTS}
    assert names >= WHOLE | {"list_rosters", "search_results", "list_messages", "list_accounts", "list_schools"}


@pytest.mark.parametrize(
    "operation", [operation for operation in LISTS if operation.name not in WHOLE | BY_BODY], ids=str
)
async def test_the_link_leads_to_the_next_page(house, operation: Operation) -> None:
    world, _, row = house
    answer = await _first(world, operation, row)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["next_cursor"], f"{operation} has one page only, so its link proves nothing"
    seen = [page["items"]]
    while page["next_cursor"] is not None and len(seen) < 4:
        link = answer.links["next"]["url"]
        assert httpx.URL(link).params["cursor"] == page["next_cursor"]
        assert httpx.URL(link).params["limit"] == "1"
        answer = await world.service.http.get(link, headers=world.a[row.who])
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["items"] not in seen
        seen.append(page["items"])


@pytest.mark.parametrize("operation", LISTS, ids=str)
async def test_the_last_page_has_no_link(house, operation: Operation) -> None:
    world, _, row = house
    query = row.query
    if "limit" in operation.query:
        query = f"{query}&limit=200" if query else "?limit=200"
    answer = await world.call(operation, row, world.a[row.who], query=query)
    assert answer.json()["next_cursor"] is None
    assert "link" not in answer.headers
