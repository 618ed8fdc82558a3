"""Requests made to break an operation, derived from its OpenAPI description and from A's sound request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from local.databases import plain
from tests.contracts.walls.operations import Operation
from tests.contracts.walls.rows import World
from tests.roster.intake_corpus.files import national_id
from tests.support.services import Service

# Nobody's, with a right check digit; a name no fixture has. Neither may come back in an answer.
PLANTED_ID = national_id(7_654_321)
PLANTED_NAME = "趙錢孫李"
PLANTED = f"{PLANTED_NAME} {PLANTED_ID}"
REFUSALS = frozenset({400, 404, 413, 415, 422, 428})
_MEMBERS = ("type", "title", "title_en", "status", "code", "instance", "errors", "error_count")


@dataclass(frozen=True)
class Case:
    """One hostile request: what differs from A's sound one, and how it may be refused."""

    label: str
    statuses: frozenset[int]
    content: bytes | None = None
    headers: Mapping[str, str | bytes | None] | None = None
    query: str | None = None
    path: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Described:
    """An operation's part of the document: schema of its body with references resolved, parameters, body limit."""

    body: dict[str, Any] | None
    parameters: tuple[dict[str, Any], ...]
    limit: int


def described(document: dict[str, Any], operation: Operation) -> Described:
    """What the document says of `operation`; of one that it leaves out, nothing but the usual limit."""
    said = document["paths"].get(operation.path, {}).get(operation.method.lower(), {})
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    schemas = document["components"]["schemas"]
    body = _resolved(content["schema"], schemas) if "schema" in content else None
    parameters = tuple(p | {"schema": _resolved(p["schema"], schemas)} for p in said.get("parameters", ()))
    return Described(body, parameters, said.get("x-body-limit", 1_048_576))


def _resolved(schema: Any, schemas: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
        return {name: _resolved(inner, schemas) for name, inner in schema.items()}
    return [_resolved(inner, schemas) for inner in schema] if isinstance(schema, list) else schema


def case(label: str, content: bytes, *statuses: int, **headers: str | None) -> Case:
    """A hostile body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(label, frozenset(statuses), content, named)


def unreadable(sound: bytes, limit: int) -> Iterator[Case]:
    """Bodies that are no JSON, or mean more than one thing, whatever the operation takes."""
    text = sound.decode()
    document = json.loads(text)
    name = next(iter(document[0] if isinstance(document, list) else document), "x")
    for label, content in {
        "a brace": b"{",
        "cut off": sound[:-1],
        "followed by more": sound + sound,
        "trailing comma": sound[:-1] + b",}",
        "single quotes": text.replace('"', "'").encode() if '"' in text else b"'",
        "a comment": b"/* */" + sound,
        "a member twice": sound[:-1] + f', "{name}": 1, "{name}": 1}}'.encode(),
        "a member twice, escaped": f'{{"\\u{ord(name[0]):04x}{name[1:]}": 1, "{name}": 1}}'.encode(),
        "a member twice, deep down": b'{"x": [{"y": 1, "y": 2}]}',
        "NaN": f'{{"{name}": NaN}}'.encode(),
        "minus infinity": f'{{"{name}": -Infinity}}'.encode(),
        "a float past all bounds": f'{{"{name}": 1e999}}'.encode(),
        "an integer of 5,000 digits": f'{{"{name}": {"9" * 5_000}}}'.encode(),
        "nested 33 deep": f'{{"{name}": {"[" * 33}{"]" * 33}}}'.encode(),
        "nested 100,000 deep": b"[" * 100_000,
        "objects nested 50,000 deep": b'{"a":' * 50_000,
        "half a surrogate pair": f'{{"{name}": "\\ud800{PLANTED_ID}"}}'.encode(),
        "half a surrogate pair as a name": b'{"\\udfff": 1}',
        "an escaped NUL": f'{{"{name}": "{PLANTED_NAME}\\u0000"}}'.encode(),
        "an escaped NUL in a name": b'{"a\\u0000": 1}',
        "NUL itself": f'{{"{name}": "{PLANTED_ID}\x00"}}'.encode(),
        "a line break in a text": f'{{"{name}": "{PLANTED_ID}\n"}}'.encode(),
        "UTF-16 with a mark": text.encode("utf-16"),
        "UTF-16 without one": text.encode("utf-16-be"),
        "UTF-32": text.encode("utf-32"),
        "CP950": f'{{"{name}": "{PLANTED_NAME}"}}'.encode("cp950"),
        "bytes that are no text": sound[:-1] + b', "x": "\xff\xfe\xfa"}',
        "an overlong slash": f'{{"{name}": "'.encode() + b'\xc0\xaf"}',
        "a program": b"\x7fELF" + bytes(range(256)) * 8,
        "CSV": f"national_id,name\r\n{PLANTED_ID},{PLANTED_NAME}\r\n".encode(),
        "a form": b"a=b&c=d",
    }.items():
        yield case(label, content, 413 if len(content) > limit else 400)
    for label, content in {
        "empty": b"",
        "blank": b"  ",
        "null": b"null",
        "an array": b"[]",
        "a text": f'"{PLANTED_ID}"'.encode(),
        "a number": b"5",
        "true": b"true",
    }.items():
        yield case(label, content, 400, 422)
    for media in ("text/plain", "text/csv", "application/xml", "multipart/form-data; boundary=x", "json", "", "é"):
        yield case(f"sent as {media!r}", sound, 415, Content_Type=media)
    yield case("sent without a type", sound, 415, Content_Type=None)
    for charset in ("utf-16", "big5", "klingon", PLANTED_ID):
        yield case(f"said to be {charset}", sound, 415, Content_Type=f"application/json; charset={charset}")
    yield case("said to be compressed", sound, 415, Content_Encoding="gzip")
    yield case("one byte too long", b" " * (limit + 1 - len(sound)) + sound, 413)
    yield case("said to be huge", sound, 413, Content_Length="99999999999999999999")


# What stands in a member's place → the JSON types that would take it.
_WRONG: tuple[tuple[str, Any, frozenset[str]], ...] = (
    ("a number", 5, frozenset({"integer", "number"})),
    ("a fraction", 1.5, frozenset({"number"})),
    ("true", True, frozenset({"boolean"})),
    ("null", None, frozenset({"null"})),
    ("an object", {PLANTED_ID: PLANTED}, frozenset({"object"})),
    ("an array", [PLANTED], frozenset({"array"})),
    ("an array of arrays", [[[PLANTED]]], frozenset()),
    ("an array of 30,000", [0] * 30_000, frozenset()),
    ("a text of 100,001 characters", PLANTED_ID + "王" * 99_991, frozenset()),
    ("a number of 400 digits", 10**400, frozenset()),
    ("a number below all bounds", -(10**30), frozenset()),
    ("digits in a text", "5", frozenset({"string"})),
    ("a word that is no boolean", "true", frozenset({"string"})),
    ("an empty object", {}, frozenset({"object"})),
)
_DATES = ("2026-02-31", "000/01/01", "115/13/01", "20260101T00", "yesterday", "", PLANTED, "９９９９", "0")


def misshapen(schema: dict[str, Any], sound: Any, limit: int) -> Iterator[Case]:
    """JSON that is well formed but not what the operation takes: each member wrong, missing, or one too many; of a list
    those of its first item.
    """
    found: Iterator[tuple[str, Any]]
    if isinstance(sound, list):
        found = ((label, [value]) for label, value in _misshapen(schema["items"], sound[0], "/0"))
    else:
        found = _misshapen(schema, sound, "")
    for label, value in found:
        content = json.dumps(value, ensure_ascii=False).encode()
        yield case(label, content, 413 if len(content) > limit else 422)


def _misshapen(schema: dict[str, Any], sound: dict[str, Any], at: str) -> Iterator[tuple[str, Any]]:
    yield f"{at}: a member too many", {**sound, "unasked": PLANTED}
    yield f"{at}: a member named by an ID", {**sound, PLANTED_ID: PLANTED_NAME}
    yield f"{at}: a member without a name", {**sound, "": 1}
    yield f"{at}: a member with a name of 10,000 characters", {**sound, "王" * 10_000: 1}
    yield f"{at}: a prototype", {**sound, "__proto__": {"admin": True}}
    for name in schema.get("required", ()):
        yield f"{at}/{name} missing", {other: value for other, value in sound.items() if other != name}
    for name, member in schema.get("properties", {}).items():
        options = member.get("anyOf", [member])
        for label, value, takers in _WRONG:
            if not takers & _types(options):
                yield f"{at}/{name}: {label}", {**sound, name: value}
        for value in _unlike(options):
            yield f"{at}/{name}: {value[:20]!r}", {**sound, name: value}
        inner = next((option for option in options if "properties" in option), None)
        if inner is not None and isinstance(sound.get(name), dict):
            for label, value in _misshapen(inner, sound[name], f"{at}/{name}"):
                yield label, {**sound, name: value}


def _types(options: list[dict[str, Any]]) -> set[str]:
    found = set()
    for option in options:
        if "const" in option:
            found.add({bool: "boolean", int: "integer", str: "string"}[type(option["const"])])
        else:
            found.add(option.get("type", "string"))
    return found


def _unlike(options: list[dict[str, Any]]) -> Iterator[str]:
    """Texts that a member of these shapes cannot take."""
    for option in options:
        if option.get("format") == "date":
            yield from _DATES
        elif "enum" in option or "const" in option or option.get("format") == "uuid":
            yield from (PLANTED, PLANTED_ID, "", "APPROVED ", "\u202e")


def refused(answer: httpx.Response, label: str, statuses: frozenset[int]) -> str | None:
    """What is wrong with the refusal; None when it is one, says so in our form, and gives nothing back."""
    if answer.status_code not in statuses:
        return f"{label}: {answer.status_code} {answer.text[:200]}"
    if answer.headers["content-type"] != "application/problem+json" and "error" not in answer.json():
        return f"{label}: sent as {answer.headers['content-type']}"
    body = answer.json()
    if missing := [member for member in _MEMBERS if member not in body]:
        return f"{label}: without {missing}"
    if body["status"] != answer.status_code or not 0 <= len(body["errors"]) <= 1_000:
        return f"{label}: says {body['status']}"
    return echo(answer, label)


def echo(answer: httpx.Response, label: str) -> str | None:
    """What of the planted person came back in the answer or its headers; None when nothing did."""
    told = answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    told += json.dumps(answer.json(), ensure_ascii=False) if answer.content else ""
    if found := [
        planted for planted in (PLANTED_ID, PLANTED_NAME, "Traceback", "asyncpg", "sqlalchemy") if planted in told
    ]:
        return f"{label}: gives back {found}"
    return None


async def stored(service: Service) -> dict[str, tuple[int, int]]:
    """Every table of the service: how many rows, and a sum over what they hold. As the owner sees it."""
    owner = await asyncpg.connect(plain(service.urls.owner))
    try:
        names = await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        query = " UNION ALL ".join(
            f"SELECT '{n['relname']}', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
            f" FROM {n['relname']} t"
            for n in names
        )
        return {row[0]: (row[1], row[2]) for row in await owner.fetch(query)}
    finally:
        await owner.close()


async def chunked(content: bytes) -> Any:
    """The same bytes without a length announced."""
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


async def tried(world: World, operation: Operation, row: Any, cases: list[Case]) -> str:
    """Send every case as A; what is wrong with the answers or was stored, one line each, nothing when all is well."""
    before = await stored(world.service)
    told = []
    for hostile in cases:
        answer = await world.call(
            operation,
            row,
            world.a[row.who] if row.wall != "open" else {},
            path=hostile.path,
            query=hostile.query,
            content=hostile.content,
            headers=hostile.headers,
        )
        if answer.is_success and answer.status_code in hostile.statuses:
            told.append(echo(answer, hostile.label))
        else:
            told.append(refused(answer, hostile.label, hostile.statuses))
    after = await stored(world.service)
    changed = sorted(table for table in after if after[table] != before[table])
    return "\n".join([fault for fault in told if fault] + ([f"stored in {changed}"] if changed else []))
