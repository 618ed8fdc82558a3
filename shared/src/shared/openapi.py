"""The OpenAPI 3.1 document of a service: FastAPI's, with roles, refusals, security and bounds on every operation."""

import copy
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from shared import auth, cursors, problems
from shared.auth import Requires, current_principal
from shared.guard import LIMIT_KEY, TYPES_KEY
from shared.idempotency import HEADER, REPLAYED
from shared.problems import ProblemType
from shared.refusals import PROBLEM_SCHEMA, PROBLEMS_KEY, component, named, responses

_SERVERS = [
    {
        "url": "/",
        "description": "local and production alike: the service itself, which only the gateway reaches",
        "x-internal": True,
    }
]
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of `/identity/v1`: a JWT used as RFC8725 asks (one algorithm a key, issuer,"
    " audience and expiry checked, `typ` fixed).",
}
# How long texts of these formats can be.
_LONGEST = {"uuid": 36, "date": 10, "date-time": 40}
_INT32 = 2**31 - 1
_ALWAYS = (
    problems.BAD_SYNTAX,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_TYPE,
    problems.TOO_MANY_REQUESTS,
    problems.INTERNAL,
    problems.UNAVAILABLE,
)
_REPLAYED = {
    "description": "`true` when the answer is the kept one of an earlier request under the same key.",
    "schema": {"type": "string", "enum": ["true"]},
}
_LINK = {
    "description": 'The page after this one (RFC 8288, `rel="next"`); the last page has none.',
    "schema": {"type": "string", "maxLength": 8_192},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of `app`, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        openapi_version="3.1.0",
        servers=copy.deepcopy(_SERVERS),
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = copy.deepcopy(PROBLEM_SCHEMA)
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"bearer": dict(_BEARER)}
    tags: list[str] = []
    # Routers stand in routers: what a route really takes is known to its context only.
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.include_in_schema:
            for method in context.methods or ():
                operation = document["paths"][context.path_format][method.lower()]
                _describe_operation(operation, context, components.setdefault("responses", {}))
                tags += [tag for tag in operation.get("tags", ()) if tag not in tags]
    document["tags"] = [{"name": tag} for tag in sorted(tags)]
    _measure(document)
    app.openapi_schema = document
    return document


def roles_of(route: APIRoute | RouteContext) -> tuple[str, ...] | None:
    """The roles a route takes; empty for any valid token, None for a route without a token."""
    calls = list(_dependencies(route.dependant))
    found = [call.roles for call in calls if isinstance(call, Requires)]
    if found:
        return tuple(found[0])
    return () if current_principal in calls else None


def _dependencies(dependant: Dependant) -> Iterator[Any]:
    for child in dependant.dependencies:
        yield child.call
        yield from _dependencies(child)


def _describe_operation(operation: dict[str, Any], route: RouteContext, shared: dict[str, Any]) -> None:
    roles = roles_of(route)
    for key in (LIMIT_KEY, TYPES_KEY):
        if isinstance(operation.get(key), tuple):
            operation[key] = list(operation[key])
    operation["x-roles"] = None if roles is None else list(roles)
    operation["security"] = [] if roles is None else [{"bearer": []}]
    for parameter in operation.get("parameters", ()):
        # Optional to FastAPI, so that leaving them out is answered in our words; required all the same.
        if parameter["name"].lower() in ("if-match", HEADER.lower()):
            bounds = {key: value for key, value in parameter["schema"].items() if key != "anyOf"}
            parameter |= {"required": True, "schema": bounds | {"type": "string"}}
        elif parameter["in"] == "query":
            parameter["schema"] = _written(parameter["schema"])
    answers = operation.setdefault("responses", {})
    # FastAPI's own 422 has another shape than ours.
    answers.pop("422", None)
    for status, told in responses(_refusals(operation, route, roles)).items():
        if own := answers.get(status):
            told["description"] = f"{own['description']}; {told['description']}"
            answers[status] = told | {"content": {**own.get("content", {}), **told["content"]}}
        else:
            # Said once in a document, not again with every operation.
            name = component(status, told)
            shared.setdefault(name, told)
            answers[status] = {"$ref": f"#/components/responses/{name}"}
    _describe_headers(operation)


def _written(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what an address can hold: no null; what is not wanted is left out."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return rest | options[0] if len(options) == 1 else schema


def _refusals(operation: dict[str, Any], route: RouteContext, roles: tuple[str, ...] | None) -> Iterator[ProblemType]:
    """What the operation's shape brings, and what its route names beside."""
    yield from _ALWAYS
    yield from named(operation.pop(PROBLEMS_KEY, ()))
    parameters = operation.get("parameters", ())
    names = {parameter["name"].lower() for parameter in parameters}
    if roles is not None:
        yield problems.UNAUTHENTICATED
        yield problems.FORBIDDEN
        doors = [call for call in _dependencies(route.dependant) if isinstance(call, Requires)]
        if not any(door.before_password_change for door in doors):
            yield auth.PASSWORD_CHANGE_REQUIRED
    if any(parameter["in"] == "path" for parameter in parameters):
        yield problems.NOT_FOUND
    if any(parameter["in"] == "query" for parameter in parameters) or "requestBody" in operation:
        yield problems.INVALID_CONTENT
    if "cursor" in names:
        yield cursors.BAD_CURSOR
    if "if-match" in names:
        yield problems.PRECONDITION_FAILED
        yield problems.PRECONDITION_REQUIRED
    if HEADER.lower() in names:
        yield problems.IDEMPOTENCY_KEY_MISSING
        yield problems.IDEMPOTENCY_KEY_REUSED
        yield problems.IDEMPOTENCY_BUSY


def _describe_headers(operation: dict[str, Any]) -> None:
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            if HEADER.lower() in names:
                answer.setdefault("headers", {})[REPLAYED] = _REPLAYED
            if "cursor" in names:
                answer.setdefault("headers", {})["Link"] = _LINK


def _measure(part: Any) -> None:
    """Give every integer its width and every text of a known format its length, in place."""
    if isinstance(part, list):
        for item in part:
            _measure(item)
    elif isinstance(part, dict):
        if part.get("type") == "integer" and "maximum" in part and "format" not in part:
            part["format"] = "int32" if part["maximum"] <= _INT32 and part.get("minimum", 0) >= -_INT32 else "int64"
        if part.get("type") == "string" and "maxLength" not in part and part.get("format") in _LONGEST:
            part["maxLength"] = _LONGEST[part["format"]]
        for item in part.values():
            _measure(item)
