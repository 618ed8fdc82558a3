"""The door: size, type, and JSON that means one thing only."""

import json
import time
from typing import Any

import httpx
import pytest

from shared.guard import DEFAULT_LIMIT, MAX_DEPTH, JsonError, strict_json
from tests.shared.probe import PLANTED, served
from tests.support.tokens import bearer

OFFICER = bearer("case_officer")
JSON = {**OFFICER, "Content-Type": "application/json"}
CSV = {**OFFICER, "Content-Type": "text/csv"}


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"0" + closing * depth


GOOD: list[tuple[bytes, Any]] = [
    (b"{}", {}),
    (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ('{"名": "堃喆峯𡘙"}'.encode(), {"名": "堃喆峯𡘙"}),
    (rb'"\ud842\udfb7"', "𠮷"),
    (rb'"a \\u0000 that is six characters"', "a \\u0000 that is six characters"),
    (rb'"\\ud800"', "\\ud800"),
    (rb'"\\\\u0000"', "\\\\u0000"),
    (nested(MAX_DEPTH + 1)[1:-1], json.loads(nested(MAX_DEPTH))),
    (b"[" + b'"[[{{",' * 100 + b"0]", ["[[{{"] * 100 + [0]),
    (b"[" + b"[]," * 100 + b"0]", [[]] * 100 + [0]),
    (b"1e308", 1e308),
    (b"9007199254740993", 9007199254740993),
    (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
]
BAD: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b" ", "not JSON"),
    (b"{", "not JSON"),
    (b"{'a': 1}", "not JSON"),
    (b"{} {}", "not JSON"),
    (b'{"a": 1,}', "not JSON"),
    (b"[01]", "not JSON"),
    (b'["a\nb"]', "not JSON"),
    (b'["\x00"]', "not JSON"),
    (b"// x\n{}", "not JSON"),
    (b"9" * 5_000, "not JSON"),
    (b'{"a": 1, "a": 2}', "repeats"),
    (rb'{"a": 1, "\u0061": 2}', "repeats"),
    (b'[[{"a": {"b": 1, "b": 1}}]]', "repeats"),
    (b"[NaN]", "NaN"),
    (b"[Infinity]", "NaN"),
    (b"[-Infinity]", "NaN"),
    (b"[1e999]", "too large"),
    (b"[-1e999]", "too large"),
    (b"\xff", "UTF-8"),
    ('{"a": "é"}'.encode("latin-1"), "UTF-8"),
    ('{"a": "王"}'.encode("cp950"), "UTF-8"),
    ('{"a": 1}'.encode("utf-16"), "UTF-8"),
    (b"\xed\xa0\x80", "UTF-8"),
    (rb'["\ud800"]', "surrogate"),
    (rb'["\udc00\ud800"]', "surrogate"),
    (rb'{"\ud800": 1}', "surrogate"),
    (rb'[{"a": ["\u0000"]}]', "NUL"),
    (rb'{"\u0000": 1}', "NUL"),
    (rb'["\\\u0000"]', "NUL"),
    (nested(MAX_DEPTH + 1), "deeply"),
    (nested(MAX_DEPTH + 1, b'{"a":', b"}"), "deeply"),
    (nested(500_000), "deeply"),
    (b"[" * 1_000_000, "deeply"),
]


@pytest.mark.parametrize(("body", "value"), GOOD, ids=lambda v: repr(v)[:40])
def test_json_that_means_one_thing(body, value):
    assert strict_json(body) == value


@pytest.mark.parametrize(("body", "reason"), BAD, ids=lambda v: repr(v)[:40])
def test_json_that_means_nothing_or_two_things(body, reason):
    with pytest.raises(JsonError, match=reason) as refused:
        strict_json(body)
    assert refused.value.reason


def test_the_library_alone_would_take_most_of_it():
    """Negative control: what is refused above as ambiguous is JSON to `json.loads`."""
    reasons = ("repeats", "NaN", "too large", "surrogate", "NUL")
    taken = [json.loads(body) for body, reason in BAD if reason in reasons]
    assert len(taken) == sum(reason in reasons for _, reason in BAD) > 12


@pytest.mark.parametrize("place", ["[%s]", '{"a": [%s]}'])
def test_a_body_of_the_full_size_is_read_in_good_time(place):
    """Bounds the work, not the machine: at most ten times what the bare parser takes, plus a tenth of a second."""
    hostile = [b"[" + b"{}," * 330_000 + b"0]", b"[" + b'"\\u0041",' * 100_000 + b"0]", b"[" + b"0," * 500_000 + b"0]"]
    for body in hostile:
        text = (place % body.decode()).encode()
        started = time.process_time()
        json.loads(text)
        bare = time.process_time() - started
        started = time.process_time()
        strict_json(text)
        assert time.process_time() - started < bare * 20 + 0.2


async def post(probe, path: str, content: Any, headers: dict[str, str]):
    return await probe.http.post(f"/probe/v1/{path}", content=content, headers=headers)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413), (100_000, 413)])
async def test_a_body_over_the_limit_is_refused_however_it_is_framed(quiet, chunked, size, status):
    async def chunks():
        for start in range(0, size, 7):
            yield b"x" * min(7, size - start)

    answer = await post(quiet, "files", chunks() if chunked else b"x" * size, CSV)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["code"] == "too_large"
        assert "1,000" in answer.json()["detail_en"]
    else:
        assert answer.json() == {"bytes": size}


async def test_no_more_is_read_than_the_limit(quiet):
    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 100
            yield b"x" * 100

    assert (await post(quiet, "files", endless(), CSV)).status_code == 413
    assert taken <= 1_200


@pytest.mark.parametrize("length", [b"\xb2", b"-1", b"1e9", b"", b"x"])
async def test_a_nonsensical_length_is_no_accident(quiet, length):
    """The server refuses these; should one come through, the bytes are counted."""
    answer = await post(quiet, "files", b"x" * 10, CSV | {"Content-Length": length})
    assert answer.status_code == 200


async def test_without_a_limit_of_its_own_a_route_takes_a_mebibyte(quiet):
    whole = b'{"a":"' + b"x" * (DEFAULT_LIMIT - 8) + b'"}'
    assert (await post(quiet, "free", whole, JSON)).status_code == 200
    assert (await post(quiet, "free", whole + b" ", JSON)).status_code == 413


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("free", b"{}", {"Content-Type": "text/plain"}),
        ("free", b"{}", {}),
        ("free", b"{}", {"Content-Type": "application/jsonx"}),
        ("free", b"{}", {"Content-Type": "application/json; charset=big5"}),
        ("free", b"{}", {"Content-Type": 'application/json; charset="utf-16"'}),
        ("free", b"{}", {"Content-Type": "application/json; charset=utf-80"}),
        ("free", b"{}", {"Content-Type": 'application/json; charset=big5; x="charset=utf-8"'}),
        ("free", b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        ("files", b"x", {"Content-Type": "application/json"}),
        ("files", b"x", {"Content-Type": "text/csv", "Content-Encoding": "br"}),
    ],
    ids=str,
)
async def test_another_type_is_415(quiet, path, body, headers):
    answer = await post(quiet, path, body, {**OFFICER, **headers})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_the_same_type_written_otherwise(quiet, kind):
    assert (await post(quiet, "free", b"{}", {**OFFICER, "Content-Type": kind})).status_code == 200


@pytest.mark.parametrize("body", [b"{", b'{"a":1,"a":2}', b'{"a":NaN}', rb'{"a":"\u0000"}', nested(40), b"\xff"])
async def test_bad_json_is_400_in_both_languages_and_quotes_nothing(quiet, body):
    answer = await post(quiet, "free", body.replace(b"1", PLANTED.encode()), JSON)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "bad_syntax")
    assert problem["detail"].endswith("。")
    assert problem["detail_en"].endswith(".")
    assert PLANTED not in answer.text


async def test_what_passes_arrives_unchanged(quiet):
    body = {"a": "\\u0000", "b": [1, 2.5, None, True, {"堃": "𡘙"}]}
    assert (await post(quiet, "free", json.dumps(body).encode(), JSON)).json() == body


@pytest.mark.parametrize(
    "path", ["/probe/v1/things?name=%00", "/probe/v1/things?name=a&x%00=1", "/probe/v1/things/%00"]
)
async def test_nul_does_not_come_in_by_the_address(quiet, path):
    answer = await quiet.http.get(path, headers=OFFICER)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_syntax")
    assert "\x00" not in answer.text


async def test_over_a_real_server_too(quiet):
    """Chunked over the wire, cut off at the limit; the connection is closed, and the next request is answered."""

    async def endless():
        for _ in range(1_000_000):
            yield b"x" * 1_000

    async with served(quiet.app) as url, httpx.AsyncClient(base_url=url) as client:
        try:
            answer = await client.post("/probe/v1/files", content=endless(), headers=CSV)
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")
        except httpx.TransportError:
            # The server has answered and closed while the client was still writing: that is well too.
            pass
        assert (await client.post("/probe/v1/files", content=b"x", headers=CSV)).json() == {"bytes": 1}
