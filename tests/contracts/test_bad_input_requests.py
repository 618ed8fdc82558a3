"""What bad addresses, headers and parameters get at every operation: a refusal in our form, never a 500."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contracts.walls.hostile import PLANTED_ID, PLANTED_NAME, Case, described, refused, tried
from tests.contracts.walls.houses import ROWS
from tests.contracts.walls.operations import SERVICES, Operation, application, operations
from tests.contracts.walls.rows import Row, World

pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.rule("RO-07")]

APPS = {service: application(service) for service in SERVICES}
DOCUMENTS = {service: app.openapi() for service, app in APPS.items()}
ALL = [operation for service, app in APPS.items() for operation in operations(service, app)]
WITH_PATH = [operation for operation in ALL if operation.parameters]
WITH_QUERY = [operation for operation in ALL if operation.query]
WITH_HEADERS = [operation for operation in ALL if operation.headers]

# In a path, percent-encoded: what each is, and how it may be refused.
IDS: list[tuple[str, int]] = [
    ("x", 404),
    ("null", 404),
    (PLANTED_ID, 404),
    (quote(PLANTED_NAME), 404),
    ("-1", 404),
    ("9" * 40, 404),
    ("x" * 5_000, 404),
    (quote("١٢"), 404),
    ("%ED%A0%80", 404),
    ("%FF%FE", 404),
    ("%0A", 404),
    (quote("' OR '1'='1"), 404),
    (quote("{0}$(id)"), 404),
    ("00000000-0000-0000-0000-00000000000g", 404),
    ("%00", 400),
    ("a%00b", 400),
]
IF_MATCH: list[str | bytes] = [
    "", " ", "x", "-1", "+1", "1.0", "1e0", "0x1", "*", 'W/"1"', '"', '"1","2"', "1, 2", "9" * 10,
    '"' + "9" * 400 + '"', "１".encode(), b"\xff", PLANTED_ID, "'1'",
]  # fmt: skip
KEYS: list[str | bytes] = [
    "",
    "x" * 201,
    "x" * 60_000,
    PLANTED_NAME.encode(),
    b"\xff\xfe",
    b"a\tb",
    "é".encode("latin-1"),
]
CURSORS = [
    "x", "A", "A" * 100, "A" * 1_999, "====", "%FF", "%ED%A0%80", quote("中"), "null", "..%2F..", PLANTED_ID,
    base64.urlsafe_b64encode(json.dumps({"after": "0000", "v": "2026-01-01", "id": "0"}).encode()).decode().rstrip("="),
    base64.urlsafe_b64encode(bytes(40)).decode(), base64.urlsafe_b64encode(bytes(12)).decode(),
]  # fmt: skip
SORTS = [
    "x",
    "-",
    "--received_on",
    "received_on;--",
    "received_on,kind",
    "__class__",
    "national_id_index",
    quote(PLANTED_NAME),
]
NUMBERS = ["x", "1.5", "9" * 40, "-9", quote("١"), "0x10", "1e3", "NaN", "true", "null", PLANTED_ID, "%20"]
CODES = ["x", "", "APPROVED", "null", PLANTED_ID, quote(PLANTED_NAME), "%FF", "true "]


@pytest.mark.parametrize("operation", WITH_PATH, ids=str)
async def test_an_id_that_is_none_is_not_there(house, operation: Operation) -> None:
    world, _, row = house
    sound = world.path(row)
    cases = [
        Case(f"{name}={value[:40]}", frozenset({status}), path={**sound, name: value})
        for name in operation.parameters
        for value, status in IDS
    ]
    assert await tried(world, operation, row, cases) == ""


@pytest.mark.parametrize("operation", WITH_HEADERS, ids=str)
async def test_a_header_that_cannot_be_read_is_refused(house, operation: Operation) -> None:
    world, _, row = house
    cases = []
    if "if-match" in operation.headers:
        cases += [Case(f"If-Match {v[:30]!r}", frozenset({400}), headers={"If-Match": v}) for v in IF_MATCH]
        cases.append(Case("no If-Match", frozenset({428}), headers={"If-Match": None}))
    if "idempotency-key" in operation.headers:
        cases += [Case(f"key {v[:30]!r}", frozenset({400}), headers={"Idempotency-Key": v}) for v in KEYS]
        cases.append(Case("no key", frozenset({400}), headers={"Idempotency-Key": None}))
    assert cases
    assert await tried(world, operation, row, cases) == ""


def _queries(operation: Operation, row: Row) -> Iterator[Case]:
    for parameter in described(DOCUMENTS[operation.service], operation).parameters:
        if parameter["in"] == "query":
            name, schema = parameter["name"], parameter["schema"]
            kept = "&".join(p for p in row.query.removeprefix("?").split("&") if p and p.partition("=")[0] != name)
            for value, statuses in _values(name, schema):
                yield Case(f"{name}={value[:40]}", frozenset(statuses), query=f"?{kept}&{name}={value}")
            if parameter.get("required"):
                yield Case(f"no {name}", frozenset({422}), query=f"?{kept}")


def _values(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, set[int]]]:
    yield "%00", {400}
    yield "a%00b", {400}
    options = schema.get("anyOf", [schema])
    kinds = {option.get("type") for option in options}
    if name in ("cursor", "search"):
        yield from ((value, {400}) for value in CURSORS)
        yield "A" * 2_001, {422}
    elif name == "sort":
        yield from ((value, {422}) for value in SORTS)
    elif "integer" in kinds:
        yield from ((value, {422}) for value in NUMBERS)
    elif "boolean" in kinds or any("enum" in option or option.get("format") == "uuid" for option in options):
        yield from ((value, {422}) for value in CODES)
    else:
        longest = next(option["maxLength"] for option in options if option.get("type") == "string")
        yield "x" * (longest + 1), {422}
        # Whatever is looked for, it is looked for as a text.
        yield from (
            (quote(value), {200, 422}) for value in ("%", "_", "\\", "'; DROP TABLE entry; --", PLANTED_ID, "\u202e")
        )
        yield "%FF", {200, 422}


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
async def test_a_parameter_that_cannot_be_is_refused(house, operation: Operation) -> None:
    world, _, row = house
    cases = list(_queries(operation, row))
    assert len(cases) >= 10
    assert await tried(world, operation, row, cases) == ""


def _leads_to(operation: Operation, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path) is not None


@pytest.mark.parametrize("operation", ALL, ids=str)
async def test_a_method_that_is_none_is_a_problem_too(house, operation: Operation) -> None:
    world, _, row = house
    path = operation.path.format(**world.path(row))
    known = {other.method for other in ALL if other.service == operation.service and _leads_to(other, path)}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - known:
        answer = await world.service.http.request(method, path, headers=world.a.get(row.who, {}))
        assert refused(answer, f"{method} {operation.path}", frozenset({405})) is None
        assert set(answer.headers["allow"].split(", ")) == known


ADDRESSES = [
    "/", "/{service}", "/{service}/v1", "/{service}/v2/me", "/{service}/v1/nothing", "/{service}/v1//", "/%2e%2e/etc",
    "/{service}/v1/" + quote(PLANTED_NAME), "/{service}/v1/x/" + PLANTED_ID, "/%FF", "/" + "a" * 9_000, "/%00",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES, ids=range(len(ADDRESSES)))
@pytest.mark.parametrize("service", SERVICES)
async def test_an_address_that_is_none_is_a_problem_too(service: str, address: str) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(APPS[service], raise_app_exceptions=False), base_url="http://service"
    ) as client:
        answer = await client.get(address.format(service=service))
    assert refused(answer, address[:60], frozenset({404})) is None


FORMS = [
    ("", 400),
    ("grant_type", 400),
    ("grant_type=", 400),
    ("grant_type=password&username=a&password=b", 400),
    ("grant_type=client_credentials&grant_type=refresh_token", 400),
    ("grant_type=client_credentials&client_id=a&client_id=b&client_secret=c", 400),
    (f"grant_type=refresh_token&refresh_token={'x' * 1_001}", 400),
    (f"grant_type=refresh_token&refresh_token={PLANTED_ID}", 400),
    ("grant_type=refresh_token", 400),
    ("grant_type=client_credentials&scope=admin", 400),
    ("grant_type=client_credentials&client_id=%00&client_secret=x", 400),
    ("grant_type=refresh_token&refresh_token=%FF%FE", 400),
    ("grant_type=refresh_token&refresh_token=%ED%A0%80", 400),
    ("&".join(f"a{n}=1" for n in range(21)), 400),
    (";;;===&&&", 400),
    ('{"grant_type": "client_credentials"}', 400),
    (f"grant_type={PLANTED_ID}", 400),
    ("grant_type=client_credentials", 401),
    (f"grant_type=client_credentials&client_id={PLANTED_ID}&client_secret={PLANTED_ID}", 401),
    ("x" * 8_193, 413),
]


@pytest.mark.parametrize("form, status", FORMS, ids=[form[:60] for form, _ in FORMS])
async def test_a_form_that_is_none_gets_no_token(identity_world: World, form: str, status: int) -> None:
    (operation,) = (operation for operation in ALL if operation.name == "issue_token")
    answer = await identity_world.call(operation, ROWS["identity"]["issue_token"], {}, content=form.encode())
    assert refused(answer, form[:60], frozenset({status})) is None
    if status != 413:
        # RFC 6749 5.2
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"] == answer.json()["code"]


@pytest.mark.parametrize("content", [b"\xff", "grant_type=王".encode(), "grant_type=王".encode("utf-16"), b"a\x00=b"])
async def test_bytes_that_are_no_form_get_no_token(identity_world: World, content: bytes) -> None:
    (operation,) = (operation for operation in ALL if operation.name == "issue_token")
    answer = await identity_world.call(operation, ROWS["identity"]["issue_token"], {}, content=content)
    assert refused(answer, "bytes", frozenset({400})) is None


BASIC = [
    "Basic", "Basic ", "Basic !!!!", "Basic é", "Bearer x",
    *("Basic " + base64.b64encode(pair).decode() for pair in (b"no colon", b"a\x00:b", b"\xff:\xfe")),
]  # fmt: skip


@pytest.mark.parametrize("value", BASIC)
async def test_credentials_that_are_none_get_no_token(identity_world: World, value: str) -> None:
    (operation,) = (operation for operation in ALL if operation.name == "issue_token")
    answer = await identity_world.call(
        operation,
        ROWS["identity"]["issue_token"],
        {},
        content="grant_type=client_credentials",
        headers={"Authorization": value},
    )
    assert refused(answer, value, frozenset({400, 401})) is None
