"""One OpenAPI 3.1 document out of those of all services. Pure functions.

Only operations with a policy row are shown: what the gateway does not let through it does not advertise. Components
that services share (a problem, a fault) stay one; components of one name and different content are told apart by
the service's name (`RosterPage`, `NotifyPage`).

SOURCE: ../spec/identity.md GW-07.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway import limits
from shared import problems, refusals
from shared.law import rule

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PREFIX = "#/components/"
_Key = tuple[str, str]  # component section, name

# What the gateway answers in a service's place, whatever the operation.
_GATEWAYS_OWN = (
    limits.BAD_FRAMING,
    limits.BAD_PATH,
    limits.REQUEST_TIMEOUT,
    limits.URI_TOO_LONG,
    limits.HEADERS_TOO_LARGE,
    problems.UNAVAILABLE,
    problems.UPSTREAM_FAILED,
    problems.UPSTREAM_TIMEOUT,
)


def check(document: object) -> Mapping[str, Any]:
    """The document if it has the shape that `merge` relies on; raises ValueError otherwise."""
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1"):
        raise ValueError("not an OpenAPI 3.1 document")
    for whole in (document.get("components", {}), document.get("paths", {})):
        if not isinstance(whole, dict) or not all(isinstance(part, dict) for part in whole.values()):
            raise ValueError("not an OpenAPI document")
    return document


@rule("GW-07")
def merge(documents: Mapping[str, Mapping[str, Any]], operations: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The merged document; `documents` by service name, `operations` the (method, path template) to show.

    The order is fixed: services by name, then as each lists its paths. An operationId that two services use gets
    the service's name in front, in both.
    """
    shown = {(method.lower(), template_key(path)) for method, path in operations}
    names = sorted(documents)
    renamed = _renamed({name: documents[name] for name in names})
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "version": "1",
            "description": "在學緩徵與徵集業務服務介面。All services behind the gateway, one document.",
        },
        "servers": [
            {"url": "/", "description": "local and production alike: the gateway that serves this", "x-internal": False}
        ],
        "tags": [],
        "paths": {},
        "components": {"schemas": {"Problem": refusals.PROBLEM_SCHEMA}},
    }
    twice = _repeated(_operation_ids(documents[name]) for name in names)
    for name in names:
        document = _with_refs(copy.deepcopy(dict(documents[name])), renamed[name].get)
        for section, components in document.get("components", {}).items():
            for component, content in components.items():
                new = renamed[name].get((section, component), component)
                merged["components"].setdefault(section, {})[new] = content
        responses = merged["components"].setdefault("responses", {})
        for path, item in document.get("paths", {}).items():
            _add_path(merged["paths"], name, path, item, shown, twice, responses)
        merged["tags"] += [tag for tag in document.get("tags", []) if tag not in merged["tags"]]
    return _pruned(merged)


def template_key(path: str) -> str:
    """The template without the names of its parameters, so that `/a/{id}` and `/a/{a_id}` compare equal."""
    return "/".join("{}" if part.startswith("{") and part.endswith("}") else part for part in path.split("/"))


def _add_path(
    paths: dict[str, Any],
    service: str,
    path: str,
    item: dict[str, Any],
    shown: set[tuple[str, str]],
    twice: set[str],
    responses: dict[str, Any],
) -> None:
    kept: dict[str, Any] = {}
    for method, operation in item.items():
        if method not in _METHODS:
            kept[method] = operation
        elif (method, template_key(path)) in shown:
            if operation.get("operationId") in twice:
                operation["operationId"] = f"{service}_{operation['operationId']}"
            operation.setdefault("tags", [service])
            _add_refusals(operation.setdefault("responses", {}), responses)
            kept[method] = operation
    if any(method in _METHODS for method in kept):
        paths[path] = kept


def _add_refusals(answers: dict[str, Any], components: dict[str, Any]) -> None:
    """Tell of the gateway's own refusals too, beside the service's of the same status."""
    for status, told in refusals.responses(_GATEWAYS_OWN).items():
        known = answers.get(status)
        if known is not None and "$ref" not in known:
            answers[status] = refusals.extended(known, _of(status))
            continue
        if known is not None:
            told = refusals.extended(components[known["$ref"].rpartition("/")[2]], _of(status))
        name = refusals.component(status, told)
        components.setdefault(name, told)
        answers[status] = {"$ref": f"{_PREFIX}responses/{name}"}


def _of(status: str) -> list[problems.ProblemType]:
    return [kind for kind in _GATEWAYS_OWN if str(kind.status) == status]


def _operation_ids(document: Mapping[str, Any]) -> set[str]:
    return {
        operation["operationId"]
        for item in document.get("paths", {}).values()
        for method, operation in item.items()
        if method in _METHODS and "operationId" in operation
    }


def _repeated(groups: Iterable[set[str]]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for group in groups:
        twice |= seen & group
        seen |= group
    return twice


def _components(document: Mapping[str, Any]) -> dict[_Key, Any]:
    return {
        (section, name): content
        for section, components in document.get("components", {}).items()
        for name, content in components.items()
    }


def _renamed(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[_Key, str]]:
    """For each service the new names of its components that mean something else elsewhere.

    A component that refers to a renamed one differs as well, so this goes on until nothing changes.
    """
    components = {name: _components(document) for name, document in documents.items()}
    differing: set[_Key] = set()
    while True:
        found = {
            key
            for key in set().union(*components.values())
            if key not in differing and _differs(key, components, differing)
        }
        if not found:
            break
        differing |= found
    return {
        service: {key: f"{_camel(service)}{key[1]}" for key in own if key in differing}
        for service, own in components.items()
    }


def _differs(key: _Key, components: Mapping[str, Mapping[_Key, Any]], differing: set[_Key]) -> bool:
    versions = [own[key] for own in components.values() if key in own]
    if len(versions) < 2:
        return False
    texts = [json.dumps(version, sort_keys=True) for version in versions]
    return len(set(texts)) > 1 or any(ref in differing for ref in _refs(versions[0]))


def _refs(content: Any) -> set[_Key]:
    found: set[_Key] = set()

    def note(key: _Key) -> None:
        found.add(key)

    _with_refs(copy.deepcopy(content), note)
    return found


def _with_refs(content: Any, rename: Callable[[_Key], str | None]) -> Any:
    """The content with every local reference given its new name, changed in place."""
    if isinstance(content, dict):
        for name, value in content.items():
            content[name] = _ref(value, rename) if isinstance(value, str) else _with_refs(value, rename)
    elif isinstance(content, list):
        for at, value in enumerate(content):
            content[at] = _with_refs(value, rename)
    return content


def _ref(value: str, rename: Callable[[_Key], str | None]) -> str:
    # `$ref` and the values of a discriminator's mapping look alike; no other text begins so.
    if not value.startswith(_PREFIX):
        return value
    section, _, name = value.removeprefix(_PREFIX).partition("/")
    new = rename((section, name))
    return value if new is None else f"{_PREFIX}{section}/{new}"


def _pruned(merged: dict[str, Any]) -> dict[str, Any]:
    """Without the components that no shown operation reaches; security schemes stay, they are named otherwise."""
    components = merged["components"]
    reached: set[_Key] = set()
    waiting = _refs(merged["paths"])
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting |= _refs(components.get(key[0], {}).get(key[1], {}))
    for section, content in components.items():
        if section != "securitySchemes":
            components[section] = {name: c for name, c in content.items() if (section, name) in reached}
    return merged


def _camel(service: str) -> str:
    return "".join(part.capitalize() for part in service.split("-"))
