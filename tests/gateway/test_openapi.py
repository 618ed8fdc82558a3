"""Several services' documents made one, and the page made from it."""

import json
from typing import Any

import pytest

from gateway import docs, openapi
from shared import problems, refusals

PROBLEM = {"type": "object", "properties": {"code": {"type": "string"}}}


def service(paths: dict[str, Any], schemas: dict[str, Any], **more: Any) -> dict[str, Any]:
    components = {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "s", "version": "1"},
        "paths": paths,
        "components": components,
        **more,
    }


def operation(schema: str, operation_id: str, **more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"operationId": operation_id, "responses": {"200": {"description": "ok", "content": content}}, **more}


ROSTER = service(
    {
        "/roster/v1/rosters": {"get": operation("Page", "list"), "delete": operation("Page", "drop")},
        "/roster/v1/rosters/{id}": {
            "get": operation("Roster", "get_roster"),
            "parameters": [{"name": "id", "in": "path"}],
        },
        "/internal/v1/events": {"post": operation("Event", "receive")},
    },
    {
        "Page": {"properties": {"items": {"items": {"$ref": "#/components/schemas/Item"}}}},
        "Item": {"properties": {"id": {"type": "string"}}},
        "Roster": {"properties": {"problem": {"$ref": "#/components/schemas/Problem"}}},
        "Envelope": {"properties": {"page": {"$ref": "#/components/schemas/Page"}}},
        "Event": {"type": "object"},
        "Problem": PROBLEM,
    },
    tags=[{"name": "rosters", "description": "名冊"}],
)
NOTIFY = service(
    {"/notify/v1/messages": {"get": operation("Page", "list"), "post": operation("Problem", "send")}},
    {
        "Page": {"properties": {"items": {"items": {"$ref": "#/components/schemas/Item"}}}},
        "Item": {"properties": {"message": {"type": "string"}}},
        "Problem": PROBLEM,
    },
)
SHOWN = [
    ("GET", "/roster/v1/rosters"),
    ("GET", "/roster/v1/rosters/{roster_id}"),
    ("GET", "/notify/v1/messages"),
    ("POST", "/notify/v1/messages"),
]


@pytest.fixture
def merged() -> dict[str, Any]:
    return openapi.merge({"roster": ROSTER, "notify": NOTIFY}, SHOWN)


@pytest.mark.rule("GW-07")
def test_only_what_the_policy_lets_through_is_shown(merged: dict[str, Any]) -> None:
    shown = {(path, method) for path, item in merged["paths"].items() for method in item if method != "parameters"}
    assert shown == {
        ("/roster/v1/rosters", "get"),
        ("/roster/v1/rosters/{id}", "get"),
        ("/notify/v1/messages", "get"),
        ("/notify/v1/messages", "post"),
    }
    assert "Event" not in json.dumps(merged)
    assert merged["openapi"] == "3.1.0"
    assert merged["tags"] == [{"name": "rosters", "description": "名冊"}]


@pytest.mark.rule("GW-07")
def test_components_of_one_name_are_told_apart_and_equal_ones_stay_one(merged: dict[str, Any]) -> None:
    """`Item` differs, so `Page`, alike in its own words but made of it, differs too."""
    assert set(merged["components"]["schemas"]) == {
        "NotifyItem", "NotifyPage", "Problem", "Roster", "RosterItem", "RosterPage",
    }  # fmt: skip
    reached = merged["paths"]["/roster/v1/rosters"]["get"]["responses"]["200"]["content"]["application/json"]
    assert reached == {"schema": {"$ref": "#/components/schemas/RosterPage"}}
    assert "#/components/schemas/RosterItem" in json.dumps(merged["components"]["schemas"]["RosterPage"])
    assert list(merged["components"]["securitySchemes"]) == ["bearer"]


@pytest.mark.rule("GW-07")
def test_every_reference_leads_somewhere_and_operation_ids_are_unique(merged: dict[str, Any]) -> None:
    for section, name in openapi._refs(merged):
        assert name in merged["components"][section]
    ids = [
        operation["operationId"]
        for item in merged["paths"].values()
        for m, operation in item.items()
        if m != "parameters"
    ]
    assert sorted(ids) == ["get_roster", "notify_list", "roster_list", "send"]


def test_what_the_gateway_itself_answers_is_described(merged: dict[str, Any]) -> None:
    for item in merged["paths"].values():
        for method, described in item.items():
            if method != "parameters":
                assert {"400", "408", "414", "431", "502", "503", "504"} <= described["responses"].keys()


def test_a_refusal_of_the_service_and_one_of_the_gateway_stand_under_one_status() -> None:
    own = {"get": {"operationId": "get_thing", "responses": {"400": {"$ref": "#/components/responses/400.bad_syntax"}}}}
    document = {
        "openapi": "3.1.0",
        "paths": {"/roster/v1/things": own},
        "components": {"responses": {"400.bad_syntax": refusals.responses([problems.BAD_SYNTAX])["400"]}},
    }
    merged = openapi.merge({"roster": document}, [("GET", "/roster/v1/things")])
    name = merged["paths"]["/roster/v1/things"]["get"]["responses"]["400"]["$ref"].rpartition("/")[2]
    assert name == "400.bad_framing.bad_path.bad_syntax"
    assert refusals.codes(merged["components"]["responses"][name]) == {"bad_framing", "bad_path", "bad_syntax"}
    assert "400.bad_syntax" not in merged["components"]["responses"], "nothing refers to it any more"


def test_merging_changes_nothing_that_it_was_given() -> None:
    before = json.dumps([ROSTER, NOTIFY])
    first = openapi.merge({"roster": ROSTER, "notify": NOTIFY}, SHOWN)
    assert json.dumps([ROSTER, NOTIFY]) == before
    assert json.dumps(openapi.merge({"notify": NOTIFY, "roster": ROSTER}, SHOWN)) == json.dumps(first)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"openapi": "3.0.3"}, {"openapi": "3.1.0", "paths": []}, {"openapi": "3.1.0", "paths": {"/a": 1}},
     {"openapi": "3.1.0", "components": {"schemas": []}}],
)  # fmt: skip
def test_documents_that_are_not_used(document: Any) -> None:
    with pytest.raises(ValueError):
        openapi.check(document)


@pytest.mark.rule("GW-07")
def test_the_page_needs_no_other_host_and_no_script(merged: dict[str, Any]) -> None:
    page = docs.page(merged)
    for word in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert word not in page
    assert "/roster/v1/rosters/{id}" in page
    assert "介面說明" in page
    assert "名冊" not in page or "rosters" in page


def test_the_page_escapes_what_documents_say() -> None:
    evil = "<script>alert(1)</script>\"'&"
    described = operation("Item", evil, summary=evil, description=evil, tags=[evil])
    described["parameters"] = [{"name": evil, "in": evil, "description": evil}]
    described["requestBody"] = {"content": {evil: {"example": {evil: evil}}}}
    document = service(
        {f"/roster/v1/{evil}": {"get": described}},
        {"Item": {"example": evil}},
        tags=[{"name": evil, "description": evil}],
    )
    document["info"]["description"] = evil
    page = docs.page(document)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 5


@pytest.mark.parametrize(
    "schema, value",
    [
        ({"type": "string", "example": "王小明"}, "王小明"),
        ({"type": "string", "examples": ["台北市"]}, "台北市"),
        ({"type": "string", "default": "a"}, "a"),
        ({"enum": ["b", "c"]}, "b"),
        ({"const": "d"}, "d"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        ({"type": "array", "items": {"type": "boolean"}}, [False]),
        ({"properties": {"a": {"type": "string"}}}, {"a": "…"}),
        ({"$ref": "#/components/schemas/Item"}, {"id": "…"}),
        ({"$ref": "#/components/schemas/Nowhere"}, "…"),
        ({"$ref": "#/components/schemas/Loop"}, {"again": {"again": {"again": {"again": {}}}}}),
        ({}, "…"),
    ],
)
def test_samples(schema: dict[str, Any], value: Any) -> None:
    loop = {"type": "object", "properties": {"again": {"$ref": "#/components/schemas/Loop"}}}
    document = {"components": {"schemas": {"Item": {"properties": {"id": {"type": "string"}}}, "Loop": loop}}}
    assert docs.sample(document, schema) == value
