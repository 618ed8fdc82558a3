"""Every operation of a service, read off its application: the documented ones from OpenAPI, the hidden ones beside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from local.databases import Urls
from shared.openapi import roles_of
from tests.support.services import settings_for
from tests.support.tokens import KEYS

SERVICES = ("identity", "notify", "rdss-fee", "roster")
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})
# What a process says of itself; the gateway forwards none of it, and it tells nothing of anybody.
OF_THE_PROCESS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
_NOWHERE = "postgresql+asyncpg://nobody:x@127.0.0.1:1/nothing"


@dataclass(frozen=True)
class Operation:
    """One method of one path. `roles`: None takes no token, empty takes any valid one."""

    service: str
    name: str
    method: str
    path: str
    roles: tuple[str, ...] | None
    headers: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()
    body: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


@cache
def application(service: str) -> FastAPI:
    """The application of `service` as it would start, connected to nothing; one for all who only read it."""
    app: FastAPI = import_module(f"{service.replace('-', '_')}.main").create_app(
        settings_for(service, Urls(_NOWHERE, _NOWHERE)), keys=KEYS
    )
    return app


def operations(service: str, app: FastAPI) -> list[Operation]:
    """All of them, in the order of the document, then those that the document leaves out."""
    found = [
        _documented(service, path, method, operation)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    known = {(operation.method, operation.path) for operation in found}
    for context in iter_route_contexts(app.routes):
        for method in sorted(context.methods or ()):
            path = str(context.path_format)
            if path in OF_THE_PROCESS or (method, path) in known or method == "HEAD":
                continue
            route = isinstance(context.original_route, APIRoute)
            found.append(Operation(service, str(context.name), method, path, roles_of(context) if route else None))
    return found


def _documented(service: str, path: str, method: str, operation: dict[str, Any]) -> Operation:
    given = operation.get("parameters", ())
    roles = operation["x-roles"]
    return Operation(
        service,
        operation["operationId"],
        method.upper(),
        path,
        None if roles is None else tuple(roles),
        frozenset(p["name"].lower() for p in given if p["in"] == "header"),
        frozenset(p["name"] for p in given if p["in"] == "query"),
        "requestBody" in operation,
    )


def unfounded(found: Iterable[Operation], rows: Mapping[str, object]) -> dict[str, list[str]]:
    """Operations without a fixture, and fixtures without an operation; empty when each has its other."""
    names = [operation.name for operation in found]
    told = {
        "operations without a fixture": sorted(set(names) - rows.keys()),
        "fixtures without an operation": sorted(rows.keys() - set(names)),
        "names used twice": sorted({name for name in names if names.count(name) > 1}),
    }
    return {what: which for what, which in told.items() if which}
