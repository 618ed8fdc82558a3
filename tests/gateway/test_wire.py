"""Raw bytes to a real server: smuggling, odd targets, odd headers. Nothing hidden may ever reach the service."""

import pytest

from tests.gateway.support import World, raw

HIDDEN = "GET /roster/v1/things/hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def request(here: World, *lines: str, target: str = "/roster/v1/things", body: str = "", method: str = "POST") -> bytes:
    bearer = here.bearer("case_officer")["Authorization"]
    head = [f"{method} {target} HTTP/1.1", "Host: a", f"Authorization: {bearer}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


SMUGGLING = [
    ("TE and CL", ["Transfer-Encoding: chunked", "Content-Length: 4"], "0\r\n\r\n" + HIDDEN),
    ("CL and TE", ["Content-Length: 4", "Transfer-Encoding: chunked"], "0\r\n\r\n" + HIDDEN),
    ("two lengths", ["Content-Length: 0", f"Content-Length: {len(HIDDEN)}"], HIDDEN),
    ("list of lengths", [f"Content-Length: 0, {len(HIDDEN)}"], HIDDEN),
    ("signed length", ["Content-Length: +0"], HIDDEN),
    ("length in hex", ["Content-Length: 0x0"], HIDDEN),
    ("length of 30 digits", ["Content-Length: " + "9" * 30], HIDDEN),
    ("space before colon", ["Content-Length : 0"], HIDDEN),
    ("coding xchunked", ["Transfer-Encoding: xchunked"], "0\r\n\r\n" + HIDDEN),
    ("coding identity", ["Transfer-Encoding: identity"], HIDDEN),
    ("gzip, chunked", ["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n" + HIDDEN),
    ("two codings", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], "0\r\n\r\n" + HIDDEN),
    ("coding with vertical tab", ["Transfer-Encoding: \x0bchunked"], "0\r\n\r\n" + HIDDEN),
    ("coding on a folded line", ["Transfer-Encoding:", " chunked, identity"], "0\r\n\r\n" + HIDDEN),
    ("chunk size with sign", ["Transfer-Encoding: chunked"], "+0\r\n\r\n" + HIDDEN),
    ("chunk size 0x", ["Transfer-Encoding: chunked"], "0x0\r\n\r\n" + HIDDEN),
    ("chunk without end", ["Transfer-Encoding: chunked"], "3\r\nabcd\r\n0\r\n\r\n" + HIDDEN),
    ("bare CR in a header", ["X: a\rTransfer-Encoding: chunked"], HIDDEN),
    ("NUL in a header", ["X: a\0b"], HIDDEN),
    ("header without a name", [": x"], HIDDEN),
    ("two hosts", ["Host: b"], HIDDEN),
]


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize("lines, body", [case[1:] for case in SMUGGLING], ids=[case[0] for case in SMUGGLING])
async def test_smuggling(here: World, lines: list[str], body: str) -> None:
    found = statuses(await raw(here.port, request(here, *lines, body=body)))
    assert found == [400]
    assert all(not seen.complete for seen in here.roster.seen)


@pytest.mark.rule("GW-08")
async def test_control_a_pipelined_request_is_a_request(here: World) -> None:
    """With one clear length the second request is no smuggling: it is judged like any other, and has no token."""
    found = statuses(await raw(here.port, request(here, "Content-Length: 2", body="{}" + HIDDEN)))
    assert found == [200, 401]
    assert [seen.path for seen in here.roster.seen] == ["/roster/v1/things"]


@pytest.mark.rule("GW-08")
async def test_one_length_said_twice_alike_is_one_length(here: World) -> None:
    """h11 joins equal lengths into one, as RFC 9110 8.6 allows; the service is sent exactly one."""
    sent = request(here, "Content-Length: 2", "Content-Length: 2", body="{}")
    assert statuses(await raw(here.port, sent)) == [200]
    assert here.roster.seen[0].header("content-length") == ["2"]


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize(
    "target",
    [
        "/roster/v1/things/../../../internal/v1/events",
        "/roster/v1/%2e%2e/internal/v1/events",
        "/roster/v1/things%2f..%2fx",
        "/roster/v1/things%00",
        "/roster//v1/things",
        "//roster/v1/things",
        "/roster/v1/things;x=1",
        "/roster/v1/things%3b",
        "/roster/v1/things\\x",
        "/roster/v1/things%252e",
        "http://127.0.0.1/roster/v1/things",
        "*",
        "/roster/v1/thi%ffngs",
    ],
)
async def test_odd_targets(here: World, target: str) -> None:
    assert statuses(await raw(here.port, request(here, target=target, method="GET"))) == [400]
    assert here.roster.seen == []


@pytest.mark.rule("GW-08")
async def test_policy_and_service_see_the_same_path(here: World) -> None:
    target = "/roster/v1/thing%73/%37?a=%2e%2e/b"
    assert statuses(await raw(here.port, request(here, target=target, method="GET"))) == [200]
    assert (here.roster.seen[0].path, here.roster.seen[0].query) == ("/roster/v1/things/7", "a=%2e%2e/b")


@pytest.mark.rule("GW-04")
@pytest.mark.parametrize(
    "lines, target, status",
    [
        ([f"X-{n}: 1" for n in range(120)], "/roster/v1/things", 431),
        (["X: " + "a" * 15_900], "/roster/v1/things", 431),
        (["X: " + "a" * 40_000], "/roster/v1/things", 431),
        (["X: " + "a" * 600_000], "/roster/v1/things", 400),
        ([], "/roster/v1/things?" + "a" * 8_200, 414),
        ([], "/" + "a" * 8_200, 414),
    ],
)
async def test_sizes(here: World, lines: list[str], target: str, status: int) -> None:
    assert statuses(await raw(here.port, request(here, *lines, target=target, method="GET"))) == [status]
    assert here.roster.seen == []


@pytest.mark.rule("GW-08")
async def test_an_upgrade_is_an_ordinary_request(here: World) -> None:
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="]
    assert statuses(await raw(here.port, request(here, *lines, target="/roster/v1/things/1", method="GET"))) == [200]
    names = {name for name, _value in here.roster.seen[0].headers}
    assert names.isdisjoint({"connection", "upgrade", "sec-websocket-key"})


async def test_http_1_0(here: World) -> None:
    old = request(here, target="/roster/v1/things/1", method="GET").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(await raw(here.port, old)) == [200]
    chunked = request(here, "Transfer-Encoding: chunked", body="0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(await raw(here.port, chunked)) == [400]
