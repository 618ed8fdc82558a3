"""Refusals: one form, two languages, no input."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from shared import validation
from shared.problems import CONFLICT, INVALID_CONTENT, MAX_LISTED, Fault, ProblemError, ProblemType
from shared.schemas import In, Line, Text
from tests.shared.probe import PLANTED, ThingIn
from tests.support.tokens import bearer, key

OFFICER = bearer("case_officer")
THING = "/probe/v1/things/00000000-0000-4000-8000-000000000001"


def is_problem(answer, status: int, code: str) -> dict[str, Any]:
    """The document, after everything that holds for each of them has been looked at."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    document: dict[str, Any] = answer.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:muster:problem:{code}"
    assert any("\u4e00" <= char <= "\u9fff" for char in document["title"])
    assert document["title_en"].isascii()
    assert document["instance"].startswith("/")
    assert document["error_count"] >= len(document["errors"])
    for fault in document["errors"]:
        assert fault["message"]
        assert fault["message_en"]
    assert PLANTED not in answer.text
    return document


async def ask(probe, method: str, path: str, body=None, **headers):
    return await probe.http.request(method, path, json=body, headers={**OFFICER, **headers})


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/nowhere", None, {}, 404, "not_found"),
        ("GET", "/probe/v1/things/", None, {}, 404, "not_found"),
        ("GET", f"/probe/v1/{PLANTED}", None, {}, 404, "not_found"),
        ("GET", "/probe/v1/things/no-uuid", None, {}, 404, "not_found"),
        ("DELETE", THING, None, {}, 405, "method_not_allowed"),
        ("HEAD", "/healthz", None, {}, 405, ""),
        ("OPTIONS", THING, None, {}, 405, "method_not_allowed"),
        ("BREW", THING, None, {}, 405, "method_not_allowed"),
        ("GET", THING, None, {"Authorization": ""}, 401, "unauthenticated"),
        ("GET", THING, None, {"Authorization": "Bearer x"}, 401, "unauthenticated"),
        ("GET", THING, None, bearer("auditor", org="moi:moi"), 403, "forbidden"),
        ("PUT", THING, {"what": "x"}, {}, 428, "if_match_required"),
        ("PUT", THING, {"what": "x"}, {"If-Match": "x"}, 400, "bad_syntax"),
        ("PUT", THING, {"what": "x"}, {"If-Match": '"2"'}, 412, "version_mismatch"),
        ("POST", "/probe/v1/things", {"what": "x"}, {}, 400, "idempotency_key_missing"),
        ("POST", "/probe/v1/things", None, key(), 422, "invalid_content"),
        ("POST", "/probe/v1/things", [], key(), 422, "invalid_content"),
        ("POST", "/probe/v1/things", {}, key(), 422, "invalid_content"),
        ("GET", "/probe/v1/things?limit=0", None, {}, 422, "invalid_content"),
        ("GET", "/probe/v1/things?limit=9999999999999999999999", None, {}, 422, "invalid_content"),
        ("GET", f"/probe/v1/things?limit={PLANTED}", None, {}, 422, "invalid_content"),
        ("GET", f"/probe/v1/things?name={'x' * 41}", None, {}, 422, "invalid_content"),
        ("GET", "/probe/v1/boom", None, {}, 500, "internal_error"),
    ],
    # Headers hold tokens and keys, which differ from process to process.
    ids=lambda v: "" if isinstance(v, dict) else str(v),
)
async def test_every_refusal_is_a_problem(quiet, method, path, body, headers, status, code):
    answer = await ask(quiet, method, path, body, **headers)
    if method == "HEAD":
        assert answer.status_code == status
        return
    is_problem(answer, status, code)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("what", 5),
        ("what", [PLANTED]),
        ("what", PLANTED * 300),
        ("twin", {"a": PLANTED}),
        ("count", PLANTED),
        ("count", True),
        ("count", 2**63),
        ("count", 10**300),
        ("count", -1),
        ("count", 1.5),
        ("count", 1e300),
        ("flag", PLANTED),
        ("flag", 1),
        ("day", PLANTED),
        ("day", "2026-02-30"),
        ("day", 86400),
        ("at", PLANTED),
        ("at", f"2026-02-30T00:00:00Z{PLANTED}"),
        ("at", "2026-09-18T00:00:00"),
        ("at", "0001-01-01T00:00:00+08:00"),
        ("colour", PLANTED),
        ("many", PLANTED),
        ("many", [1, 2, 3, 4]),
        ("many", [1, PLANTED]),
        (PLANTED, 1),
    ],
    ids=lambda v: str(v)[:30],
)
async def test_a_wrong_member_is_named_and_not_quoted(quiet, member, value):
    body = {"what": "x"} | {member: value}
    document = is_problem(await ask(quiet, "POST", "/probe/v1/things", body, **key()), 422, "invalid_content")
    shown = member if member != PLANTED else "A12****789"
    assert all(fault["pointer"].split("/")[1] == shown for fault in document["errors"])
    assert all(fault.get("value") is None for fault in document["errors"])


async def test_the_framework_alone_would_quote_it():
    """Negative control: FastAPI's own 422 gives the input back."""
    app = FastAPI()

    @app.post("/things")
    async def make(body: ThingIn) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        answer = await client.post("/things", json={"what": "x", "count": PLANTED})
    assert answer.status_code == 422
    assert PLANTED in answer.text


async def test_all_that_is_wrong_is_named_at_once(quiet):
    body = {"what": 1, "count": -1, "day": "x", "at": "x", "colour": "x", "many": [0, 10, "x"], "other": 1}
    document = is_problem(await ask(quiet, "POST", "/probe/v1/things", body, **key()), 422, "invalid_content")
    pointers = {fault["pointer"] for fault in document["errors"]}
    assert pointers == {"/what", "/count", "/day", "/at", "/colour", "/many/1", "/many/2", "/other"}
    assert document["error_count"] == 8
    assert next(f for f in document["errors"] if f["pointer"] == "/colour")["suggestion"] == "'red' or 'blue'"
    day = next(f for f in document["errors"] if f["pointer"] == "/day")
    assert "日期" in day["message"]
    assert "date" in day["message_en"]


async def test_the_methods_of_all_routes_on_a_path_are_named(quiet):
    answer = await ask(quiet, "DELETE", THING)
    assert answer.headers["allow"] == "GET, PUT"
    assert (await ask(quiet, "PATCH", "/probe/v1/things")).headers["allow"] == "GET, POST"


async def test_another_hosts_name_is_not_believed(quiet):
    """No redirect to where the Host header says."""
    answer = await ask(quiet, "GET", "/probe/v1/things/", Host="evil.example")
    assert answer.status_code == 404
    assert "evil" not in answer.text + str(answer.headers)


async def test_refusals_keep_their_headers(quiet):
    assert (await ask(quiet, "PUT", THING, {"what": "x"}, **{"If-Match": '"2"'})).headers["etag"] == '"3"'
    assert (await quiet.http.get(THING)).headers["www-authenticate"] == "Bearer"
    assert 'error="invalid_token"' in (await ask(quiet, "GET", THING, Authorization="x")).headers["www-authenticate"]


def test_a_code_stands_for_one_thing():
    with pytest.raises(ValueError, match="conflict"):
        ProblemType("conflict", 400, "別的", "Something else")
    assert ProblemType("conflict", CONFLICT.status, CONFLICT.title, CONFLICT.title_en) == CONFLICT
    for code, kind in ProblemType.catalogue.items():
        assert kind.code == code
        assert 400 <= kind.status < 600


def test_at_most_a_thousand_faults_are_listed_and_all_are_counted():
    error = INVALID_CONTENT(errors=[Fault("x", "錯", "wrong", row=n) for n in range(MAX_LISTED + 5)])
    document = error.document("/x")
    assert (len(document["errors"]), document["error_count"]) == (MAX_LISTED, MAX_LISTED + 5)
    assert document["errors"][0] == {"code": "x", "message": "錯", "message_en": "wrong", "row": 0}


def test_the_address_is_told_without_anybodys_number_and_not_for_ever():
    assert CONFLICT().document(f"/x/{PLANTED}")["instance"] == "/x/A12****789"
    assert len(CONFLICT().document("/" + "x" * 9_000)["instance"]) == 2_000


def test_a_problem_is_an_exception_like_others():
    """Hashable, as exception groups and context managers want it; its text says neither detail nor fault."""
    error = CONFLICT(detail=PLANTED, errors=[Fault("x", PLANTED, PLANTED)])
    assert isinstance(error, ProblemError)
    assert {error: 1}[error] == 1
    assert PLANTED not in str(error)
    assert ExceptionGroup("several", [error]).subgroup(ProblemError) is not None


class _Long(In):
    """A text whose length is measured after a validator of ours, and a list."""

    text: Text
    line: Line
    some: list[int] = Field(max_length=1)


def test_a_text_that_is_too_long_is_not_called_too_many_items() -> None:
    with pytest.raises(ValidationError) as caught:
        _Long.model_validate({"text": "字" * 2_001, "line": "", "some": [1, 2]})
    found = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    told = {
        fault.pointer: (fault.code, fault.message) for fault in validation.problem(RequestValidationError(found)).errors
    }
    assert told == {
        "/text": ("string_too_long", "文字過長"),
        "/line": ("string_too_short", "文字過短或空白"),
        "/some": ("too_long", "項目過多"),
    }
