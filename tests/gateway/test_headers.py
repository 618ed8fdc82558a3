"""Which headers pass, each way, and how a trace goes on."""

import re

import pytest

from gateway.headers import Trace, to_client, to_upstream, trace_of
from gateway.limits import Framing
from shared.problems import ProblemError

TRACE = Trace("11111111-1111-4111-8111-111111111111", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", None)
OUR_OWN = {"x-request-id": TRACE.request_id, "traceparent": TRACE.traceparent}

FORGED = [
    "X-User", "X-User-Id", "X-Roles", "X-Role", "X-Org", "X-Tenant", "X-Remote-User", "Remote-User",
    "X-Auth-Request-User",
    "X-Authenticated-User", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix",
    "X-Forwarded-User", "X-Forwarded-Client-Cert", "Forwarded", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL",
    "X-HTTP-Method-Override", "X-Method-Override", "X-Muster-Principal", "X-Client-Cert", "Via", "Host", "Cookie",
    "Proxy", "Proxy-Authorization", "X_User", "X-Request-ID", "Traceparent", "Content-Length", "Expect", "Origin",
]  # fmt: skip
HOP_BY_HOP = ["Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection"]


@pytest.mark.rule("GW-02", "GW-08")
@pytest.mark.parametrize("name", FORGED + HOP_BY_HOP)
def test_headers_from_outside_that_do_not_pass(name: str) -> None:
    sent = to_upstream([(name.lower().encode(), b"admin")], Framing(0), TRACE)
    assert dict(sent) == OUR_OWN


@pytest.mark.parametrize(
    "name",
    ["Accept", "Accept-Language", "Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "If-Match",
     "If-None-Match", "Last-Event-ID", "Range", "User-Agent", "Prefer"],
)  # fmt: skip
def test_headers_that_pass(name: str) -> None:
    sent = to_upstream([(name.lower().encode(), "值".encode())], Framing(0), TRACE)
    assert dict(sent) == {name.lower(): "值", **OUR_OWN}


@pytest.mark.rule("GW-08")
def test_repeated_headers() -> None:
    lists = [(b"accept", b"a/b"), (b"accept", b"c/d")]
    assert [value for name, value in to_upstream(lists, Framing(0), TRACE) if name == "accept"] == ["a/b", "c/d"]
    for name in (b"authorization", b"content-type", b"idempotency-key", b"range"):
        with pytest.raises(ProblemError, match="400"):
            to_upstream([(name, b"a"), (name, b"b")], Framing(0), TRACE)
    with pytest.raises(ProblemError, match="400"):
        to_upstream([(b"user-agent", b"\xff")], Framing(0), TRACE)


@pytest.mark.parametrize("length, expected", [(0, None), (7, "7"), (None, None)])
def test_the_length_is_the_one_that_was_checked(length: int | None, expected: str | None) -> None:
    assert dict(to_upstream([], Framing(length), TRACE)).get("content-length") == expected


@pytest.mark.rule("GW-08")
def test_answers_lose_hop_by_hop_headers_and_those_that_connection_names() -> None:
    answered = [
        (b"Content-Type", b"text/csv"),
        (b"Connection", b"close, X-Secret"),
        (b"X-Secret", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Upgrade", b"h2c"),
        (b"Server", b"uvicorn"),
        (b"Date", b"today"),
        (b"X-Request-Id", b"theirs"),
        (b"Link", b"<a>"),
        (b"Link", b"<b>"),
        (b"ETag", b'"3"'),
    ]
    assert to_client(answered, TRACE) == [
        (b"content-type", b"text/csv"),
        (b"link", b"<a>"),
        (b"link", b"<b>"),
        (b"etag", b'"3"'),
        (b"x-request-id", TRACE.request_id.encode()),
    ]


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.rule("GW-05")
def test_a_trace_goes_on() -> None:
    trace = trace_of([(b"traceparent", PARENT.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b@c=x y")])
    version, trace_id, span, flags = trace.traceparent.split("-")
    assert (version, trace_id, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    assert span != "b7ad6b7169203331"
    assert trace.tracestate == "a=1,b@c=x y"
    assert dict(to_upstream([], Framing(0), trace))["tracestate"] == "a=1,b@c=x y"


@pytest.mark.rule("GW-05")
@pytest.mark.parametrize(
    "parents",
    [
        [],
        [PARENT, PARENT],
        ["00-" + "0" * 32 + "-b7ad6b7169203331-01"],
        ["00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01"],
        [PARENT.upper()],
        [PARENT[:-1]],
        [PARENT + "-x"],
        ["ff" + PARENT[2:]],
        ["A123456789"],
    ],
)
def test_a_malformed_trace_begins_anew(parents: list[str]) -> None:
    trace = trace_of([*((b"traceparent", p.encode()) for p in parents), (b"tracestate", b"a=1")])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace.traceparent)
    assert "0af7651916cd43dd8448eb211c80319c" not in trace.traceparent
    assert trace.tracestate is None


@pytest.mark.parametrize("state", [b"", b"novalue", b"a=1,b", b"A=1=", b"a=" + b"1" * 600, b"a=\x01", b"\xff=1"])
def test_a_malformed_tracestate_is_dropped(state: bytes) -> None:
    trace = trace_of([(b"traceparent", PARENT.encode()), (b"tracestate", state)])
    assert trace.tracestate is None
    assert trace.traceparent[3:35] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.rule("GW-05")
@pytest.mark.parametrize(
    "given, kept",
    [
        ([b"11111111-1111-4111-8111-111111111111"], True),
        ([b"1111111111114111811111111111111f"], True),
        ([], False),
        ([b"11111111-1111-4111-8111-111111111111"] * 2, False),
        ([b"A123456789"], False),
        ([b"ticket-A123456789-again-and-again"], False),
        ([b"11111111-1111-4111-8111-11111111111\n"], False),
        ([b""], False),
        ([b"f" * 5000], False),
    ],
)
def test_request_ids_are_taken_over_as_uuids_only(given: list[bytes], kept: bool) -> None:
    """Free text could be a national ID, and would stand in every log."""
    made = trace_of([(b"x-request-id", value) for value in given]).request_id
    assert (made.encode() in given) is kept
    assert kept or UUID.fullmatch(made)
