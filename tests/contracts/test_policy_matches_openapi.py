"""The gateway's table and the services' own OpenAPI documents say the same: neither has a route the other lacks."""

from pathlib import Path
from typing import Any

import pytest

from gateway.openapi import template_key
from gateway.policy import ANY_ROLE, ANYONE, ROWS, UPSTREAMS, Policy, Route
from shared.guard import DEFAULT_LIMIT, LIMIT_KEY
from tests.support.service_documents import METHODS, document

pytestmark = pytest.mark.xdist_group("documents")

SERVICES = Path(__file__).parents[2] / "services"


def operations(service: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, template without parameter names) → operation, of every path the service describes."""
    return {
        (method.upper(), template_key(path)): operation
        for path, item in document(service)["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def rows(service: str) -> dict[tuple[str, str], Route]:
    return {
        (method, template_key(template)): route
        for (method, template), route in Policy(ROWS).operations.items()
        if route.row.upstream == service
    }


def test_every_service_has_rows() -> None:
    folders = {path.name for path in SERVICES.iterdir() if list(path.glob("src/*/main.py"))}
    assert folders == set(UPSTREAMS)


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize("service", UPSTREAMS)
def test_no_route_without_a_row_and_no_row_without_a_route(service: str) -> None:
    described = set(operations(service))
    outside = {key for key in described if not key[1].startswith(f"/{service}/v1/")}
    assert {key for key in outside if not key[1].startswith("/internal/")} == set(), "neither public nor internal"
    assert described - outside == set(rows(service))


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize("service", UPSTREAMS)
def test_the_roles_are_the_same(service: str) -> None:
    described, table = operations(service), rows(service)
    differing = {}
    for key in described.keys() & table.keys():
        said = described[key]["x-roles"]
        asked = ANYONE if said is None else frozenset(said) or ANY_ROLE
        if asked != table[key].row.roles:
            differing[key] = (sorted(asked or ()), sorted(table[key].row.roles or ()))
    assert differing == {}, "(service, gateway)"


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize("service", UPSTREAMS)
def test_the_body_limits_are_the_same(service: str) -> None:
    described, table = operations(service), rows(service)
    differing = {
        key: (said, table[key].body)
        for key in described.keys() & table.keys()
        if table[key].body and (said := described[key].get(LIMIT_KEY, DEFAULT_LIMIT)) != table[key].body
    }
    assert differing == {}, "(service, gateway)"


def test_a_missing_row_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a made-up service with one route too many, and one too few, fails."""
    routes = {"/identity/v1/me": {"get": {"x-roles": []}}, "/identity/v1/back-door": {"get": {"x-roles": None}}}
    monkeypatch.setattr(f"{__name__}.document", lambda _service: {"paths": routes})
    with pytest.raises(AssertionError):
        test_no_route_without_a_row_and_no_row_without_a_route("identity")
