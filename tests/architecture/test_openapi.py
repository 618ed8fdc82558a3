"""What each service says of itself in OpenAPI: a name and roles on every operation, a bound on everything."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared import refusals
from tests.support.service_documents import METHODS, document

pytestmark = pytest.mark.xdist_group("documents")

SERVICES = ("identity", "notify", "rdss-fee", "roster")
# Whoever logs in, or checks a token, has none yet.
WITHOUT_TOKEN = {
    ("identity", "log_in"),
    ("identity", "issue_token"),
    ("identity", "get_keys"),
}
MEASURED_BY_ITSELF = ("date", "date-time", "uuid")


def operations(service: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document(service)["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def unbounded(schema: Any, where: str) -> Iterator[str]:
    """Every string, integer, array and map in a schema that has no upper bound (an integer: no lower one either)."""
    if not isinstance(schema, dict) or "$ref" in schema:
        return
    kind = schema.get("type")
    listed = "enum" in schema or "const" in schema
    if kind == "string" and not listed and "maxLength" not in schema and schema.get("format") not in MEASURED_BY_ITSELF:
        yield f"{where}: string"
    if kind == "integer" and not listed and not {"minimum", "maximum"} <= schema.keys():
        yield f"{where}: integer"
    if kind == "array" and "maxItems" not in schema:
        yield f"{where}: array"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict) and "maxProperties" not in schema:
        yield f"{where}: map"
    for name, part in schema.get("properties", {}).items():
        yield from unbounded(part, f"{where}.{name}")
    for name in ("items", "additionalProperties"):
        yield from unbounded(schema.get(name), f"{where}[]")
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for part in schema.get(name, []):
            yield from unbounded(part, where)


def schemas(service: str) -> Iterator[tuple[Any, str]]:
    """Every schema of a document with the place it stands in."""
    for name, schema in document(service)["components"]["schemas"].items():
        yield schema, name
    for method, path, operation in operations(service):
        place = f"{method.upper()} {path}"
        for parameter in operation.get("parameters", ()):
            yield parameter["schema"], f"{place}?{parameter['name']}"
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for name, body in bodies.items():
            for media in body.get("content", {}).values():
                yield media.get("schema"), f"{place} {name}"


@pytest.mark.parametrize("service", SERVICES)
def test_everything_has_a_bound(service: str):
    found = [place for schema, where in schemas(service) for place in unbounded(schema, where)]
    assert found == []


def test_control_what_has_no_bound_is_found():
    planted = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "day": {"type": "string", "format": "date"},
            "count": {"type": "integer", "minimum": 0},
            "rows": {"anyOf": [{"type": "array", "items": {"type": "string", "maxLength": 9}}, {"type": "null"}]},
            "state": {"type": "string", "enum": ["a"]},
            "by_state": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 9}},
        },
    }
    assert list(unbounded(planted, "X")) == [
        "X.name: string",
        "X.count: integer",
        "X.rows: array",
        "X.by_state: map",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_a_name_of_its_own(service: str):
    names = [operation["operationId"] for _, _, operation in operations(service)]
    assert len(names) == len(set(names))
    # FastAPI's own would end in the path and the method.
    assert [name for name in names if not name.replace("_", "").isalpha() or "_v1_" in name] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_who_may(service: str):
    open_to_all = {
        (service, operation["operationId"]) for _, _, operation in operations(service) if operation["x-roles"] is None
    }
    assert open_to_all == {pair for pair in WITHOUT_TOKEN if pair[0] == service}


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_what_it_does_and_how_it_refuses(service: str):
    for method, path, operation in operations(service):
        place = f"{method.upper()} {path}"
        assert operation.get("description"), place
        expected = {"400", "413", "415", "429", "500", "503"}
        if "requestBody" in operation or any(p["in"] == "query" for p in operation.get("parameters", ())):
            expected.add("422")
        if operation["x-roles"] is not None:
            expected |= {"401", "403"}
        if "{" in path:
            expected.add("404")
        assert expected <= operation["responses"].keys(), place
        for status, response in operation["responses"].items():
            if status >= "400":
                _, _, component = response.get("$ref", "").rpartition("/")
                told = document(service)["components"]["responses"][component] if component else response
                assert refusals.codes(told), f"{place} {status} names no code"


# What fuzzing (tests/contracts/test_schemathesis.py) found the documents to be silent about, or to offer and refuse.


@pytest.mark.parametrize("name", ["AccountChange", "MeChange", "ClientChange", "OrganisationChange"])
def test_a_change_offers_null_only_where_null_is_taken(name: str):
    members = document("identity")["components"]["schemas"][name]["properties"]
    nullable = {member for member, schema in members.items() if {"type": "null"} in schema.get("anyOf", ())}
    assert nullable == ({"phone"} if name in ("AccountChange", "MeChange") else set())


@pytest.mark.parametrize("service", SERVICES)
def test_no_parameter_of_an_address_is_null(service: str):
    given = [p for _, _, operation in operations(service) for p in operation.get("parameters", ())]
    assert [p["name"] for p in given if {"type": "null"} in p["schema"].get("anyOf", ())] == []


def test_a_list_names_the_orders_it_has():
    orders = {
        operation["operationId"]: parameter["schema"].get("enum", ())
        for _, _, operation in operations("roster")
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "sort"
    }
    assert {"list_rosters", "list_batches", "list_results"} <= orders.keys()
    assert [name for name, order in orders.items() if not order or f"-{order[0]}" not in order] == []
    assert "-submitted_at" in document("roster")["components"]["schemas"]["ResultSearch"]["properties"]["sort"]["enum"]


@pytest.mark.parametrize("service", SERVICES)
def test_versions_keys_and_cursors_tell_their_form(service: str):
    for _, path, operation in operations(service):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in ("If-Match", "Idempotency-Key", "cursor"):
                assert "pattern" in parameter["schema"], f"{path} {parameter['name']}"


@pytest.mark.parametrize("service", SERVICES)
def test_what_takes_a_body_of_a_type_says_so(service: str):
    for method, path, operation in operations(service):
        if method in ("post", "put", "patch") and operation.get("x-body-types"):
            assert set(operation["x-body-types"]) >= operation["requestBody"]["content"].keys() > set(), path


# Posts that neither create nor move anything, or that come before there is a caller.
WITHOUT_KEY = {"log_in", "issue_token", "search_results", "reassess_entries"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_post_takes_an_idempotency_key_and_every_change_a_version(service: str):
    for method, path, operation in operations(service):
        headers = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "header"}
        place = f"{method.upper()} {path} ({operation['operationId']})"
        if method == "post" and operation["operationId"] not in WITHOUT_KEY:
            assert headers.get("Idempotency-Key", {}).get("required") is True, place
        if method == "patch":
            assert headers.get("If-Match", {}).get("required") is True, place
