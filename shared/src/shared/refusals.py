"""Which refusals an operation may answer with, as its OpenAPI tells them: every status, and every `code` under it.

    @router.post("/batches/{batch_id}/decide", openapi_extra=refuses(BATCH_CLOSED, FOUR_EYES))

What follows from an operation's shape (a token, a version, a key, a body) `shared.openapi` adds by itself; a route
names what only its own rules can say. A code that is not in the document is a fault: tests/contracts/test_schemathesis*
fail on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.problems import MEDIA_TYPE, ProblemType

PROBLEMS_KEY = "x-problems"
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem document. `code` is stable; titles and messages are for people.",
    "type": "object",
    "required": ["type", "title", "title_en", "status", "code", "instance", "errors", "error_count"],
    "properties": {
        "type": {"type": "string", "maxLength": 200},
        "title": {"type": "string", "maxLength": 200},
        "title_en": {"type": "string", "maxLength": 200},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "format": "int32"},
        "code": {"type": "string", "maxLength": 60},
        "instance": {"type": "string", "maxLength": 2000},
        "detail": {"type": "string", "maxLength": 2000},
        "detail_en": {"type": "string", "maxLength": 2000},
        "error_count": {"type": "integer", "minimum": 0, "maximum": 2147483647, "format": "int32"},
        "errors": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["code", "message", "message_en"],
                "properties": {
                    "code": {"type": "string", "maxLength": 60},
                    "sheet": {"type": "string", "maxLength": 100},
                    "row": {"type": "integer", "minimum": 1, "maximum": 2147483647, "format": "int32"},
                    "column": {"type": "string", "maxLength": 200},
                    "pointer": {"type": "string", "maxLength": 500},
                    "value": {"type": "string", "maxLength": 200},
                    "message": {"type": "string", "maxLength": 500},
                    "message_en": {"type": "string", "maxLength": 500},
                    "suggestion": {"type": "string", "maxLength": 500},
                },
            },
        },
    },
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 9110 11.6.1).",
        "schema": {"type": "string", "maxLength": 200},
        "required": True,
    }
}
_RETRY = {
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,6}$", "maxLength": 6},
        "required": True,
    }
}
_HEADERS: dict[int, dict[str, Any]] = {401: _CHALLENGE, 403: {}, 429: _RETRY, 503: _RETRY}


def refuses(*kinds: ProblemType) -> dict[str, Any]:
    """For a route's `openapi_extra`: the refusals that its own rules bring."""
    return {PROBLEMS_KEY: [kind.code for kind in kinds]}


def named(codes: Iterable[str]) -> list[ProblemType]:
    """The types of these codes; raises KeyError for one that no module has declared."""
    return [ProblemType.catalogue[code] for code in codes]


def responses(kinds: Iterable[ProblemType]) -> dict[str, dict[str, Any]]:
    """By status in text form, the OpenAPI response object for these refusals."""
    found: dict[int, dict[str, ProblemType]] = {}
    for kind in kinds:
        found.setdefault(kind.status, {})[kind.code] = kind
    return {str(status): _response(status, found[status]) for status in sorted(found)}


def _response(status: int, kinds: dict[str, ProblemType]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": "; ".join(f"`{code}` {kinds[code].title_en}" for code in sorted(kinds)),
        "content": {MEDIA_TYPE: {"schema": schema(sorted(kinds))}},
    }
    if headers := _HEADERS.get(status):
        told["headers"] = headers
    return told


def schema(codes: list[str]) -> dict[str, Any]:
    """A problem document whose `code` is one of these."""
    one_of = {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "enum": codes}}}
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, one_of]}


def extended(response: Mapping[str, Any], kinds: Iterable[ProblemType]) -> dict[str, Any]:
    """A response object of `responses` that names these refusals too; the one given stays as it is."""
    more = [kind for kind in kinds if kind.code not in codes(response)]
    content = dict(response["content"])
    listed = codes({"content": {MEDIA_TYPE: content.get(MEDIA_TYPE, {})}}) | {kind.code for kind in more}
    content[MEDIA_TYPE] = {"schema": schema(sorted(listed))}
    told = [response["description"], *(f"`{kind.code}` {kind.title_en}" for kind in more)]
    return {**response, "description": "; ".join(told), "content": content}


def component(status: str, response: Mapping[str, Any]) -> str:
    """The name under which a document keeps this response: what it says, so that equal names are equal answers."""
    return ".".join((status, *sorted(codes(response))))


def codes(response: Mapping[str, Any]) -> frozenset[str]:
    """The codes that a response object of `responses` names, under whatever media type."""
    return frozenset(
        code
        for content in response.get("content", {}).values()
        for part in content.get("schema", {}).get("allOf", ())
        for code in part.get("properties", {}).get("code", {}).get("enum", ())
    )
