"""Limits, and what happens when client or service stays silent, dies or talks nonsense."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.gateway.support import (
    CHUNK,
    MB,
    Seen,
    Upstream,
    World,
    answer,
    chunks,
    count,
    post,
    raw,
    read,
    served,
    until,
    world,
)
from tests.support.starvation import Stopwatch


@pytest.mark.rule("GW-04")
@pytest.mark.parametrize("declared", [True, False], ids=["Content-Length", "chunked"])
async def test_bodies_over_the_limit(here: World, declared: bool) -> None:
    here.roster.handlers["/roster/v1/small"] = count
    for size, status in ((100_000, 200), (100_001, 413)):
        headers = {**here.bearer("school"), **({"Content-Length": str(size)} if declared else {})}

        async def body(size: int = size) -> AsyncIterator[bytes]:
            for at in range(0, size, 10_000):
                yield bytes(min(10_000, size - at))

        found, text = await post(here, "/roster/v1/small", body(), headers)
        assert found == status
        assert ("payload" in text or "too_large" in text) == (status == 413)
    assert all(not seen.complete for seen in here.roster.seen[1:])


async def test_bodies_where_none_belongs(here: World) -> None:
    async with here.client.request("GET", here.url + "/roster/v1/things", headers=here.bearer(), data=b"x") as response:
        assert response.status == 413
    assert here.roster.seen == []


@pytest.mark.rule("GW-03")
async def test_an_early_answer_reaches_a_client_that_still_sends(here: World) -> None:
    """The service refuses after the first bytes; the client gets that answer and not a broken connection."""

    async def refuse(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await receive()
        await answer(send, 422, b'{"code": "no"}')

    here.roster.handlers["/roster/v1/things"] = refuse
    headers = {**here.bearer(), "Content-Length": str(8 * MB)}
    async with here.client.post(here.url + "/roster/v1/things", data=chunks(8 * MB), headers=headers) as response:
        assert (response.status, await response.json()) == (422, {"code": "no"})
        assert response.headers["Connection"] == "close"


async def test_refusals_leave_small_posts_their_connection(here: World) -> None:
    head = "POST /roster/v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    answers = await raw(here.port, (head + head).encode())
    assert answers.count(b"HTTP/1.1 401") == 2
    assert b"connection: close" not in answers.lower()


@pytest.mark.rule("GW-04")
async def test_expect_continue_is_answered_by_the_gateway(here: World) -> None:
    here.roster.handlers["/roster/v1/things"] = count
    bearer = here.bearer()["Authorization"]
    head = "POST /roster/v1/things HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"
    _reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    reader = _reader
    writer.write(f"{head}Authorization: {bearer}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 100")
    writer.write(b"12345")
    await reader.readline()
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert here.roster.seen[-1].header("expect") == []
    refused = await raw(here.port, f"{head}\r\n".encode())
    assert refused.startswith(b"HTTP/1.1 401")
    assert b"100 Continue" not in refused


@pytest.mark.rule("GW-04")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_silent_service_504(here: World, method: str) -> None:
    async def silent(_upstream: Upstream, seen: Seen, receive: Any, _send: Any) -> None:
        await read(seen, receive)
        seen.gone = (await receive())["type"] == "http.disconnect"

    here.roster.handlers["/roster/v1/slow"] = silent
    began, watch = time.monotonic(), Stopwatch()
    data = b"{}" if method == "POST" else None
    async with here.client.request(method, here.url + "/roster/v1/slow", headers=here.bearer(), data=data) as response:
        assert response.status == 504
        assert (await response.json())["code"] == "upstream_timeout"
    assert time.monotonic() - began > 0.3
    assert watch.seconds < 1.5
    await until(lambda: here.roster.seen[-1].gone)


@pytest.mark.rule("GW-04")
async def test_a_service_that_stands_still_503_and_one_that_only_takes_long_is_waited_for(here: World) -> None:
    """Who waits is told within two seconds, who comes then at once; and all is well as soon as it goes on."""

    async def waiting(upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        # Longer than it takes to find out that a service is silent, and shorter than the row's two seconds.
        await asyncio.sleep(1.7)
        await upstream.at_work.wait()
        await answer(send, 200, b"{}")

    async def ask(method: str) -> tuple[int, str | None, float]:
        watch = Stopwatch()
        data = b"{}" if method == "POST" else None
        url = here.url + "/roster/v1/things"
        async with here.client.request(method, url, headers=here.bearer(), data=data) as response:
            await response.read()
            return response.status, response.headers.get("Retry-After"), watch.seconds

    here.roster.handlers["/roster/v1/things"] = waiting
    assert (await ask("GET"))[0] == 200, "control: long as it takes, it is at work"
    here.roster.at_work.clear()
    for status, retry_after, seconds in await asyncio.gather(*(ask(method) for method in ("GET", "POST", "PUT"))):
        assert (status, retry_after) == (503, "2")
        assert seconds < 2
    status, retry_after, seconds = await ask("POST")
    assert (status, retry_after) == (503, "2")
    assert seconds < 0.2
    here.roster.at_work.set()
    await until(lambda: not here.gateway.proxy._pulses.is_silent("roster"))
    assert (await ask("GET"))[0] == 200
    here.roster.ready = False
    assert (await ask("GET"))[:2] == (503, "2"), "it answers, but cannot do its work"
    here.roster.ready = True
    del here.roster.handlers["/roster/v1/things"]
    await until(lambda: not here.gateway.proxy._pulses.is_silent("roster"))
    assert (await ask("GET"))[0] == 200


async def test_a_service_that_falls_silent_in_its_answer_cuts_it(here: World) -> None:
    async def halting(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await receive()

    here.roster.handlers["/roster/v1/slow"] = halting
    async with here.client.get(here.url + "/roster/v1/slow", headers=here.bearer()) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.rule("GW-04")
@pytest.mark.parametrize("declared", [10, 100_000], ids=["small", "streamed"])
async def test_a_client_that_sends_too_slowly_408(here: World, declared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.proxy.CLIENT_SILENCE", 0.3)
    monkeypatch.setattr("gateway.exchange.LINGER", 0.1)
    bearer = here.bearer()["Authorization"]
    head = (
        f"POST /roster/v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: {declared}\r\nAuthorization: {bearer}\r\n\r\n12"
    )
    said = await raw(here.port, head.encode())
    assert said.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in said
    assert all(not seen.complete for seen in here.roster.seen)


@pytest.mark.rule("GW-04")
async def test_a_client_that_never_reads_is_left(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.proxy.CLIENT_SILENCE", 0.3)
    ended = asyncio.Event()

    async def gushing(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        gone = asyncio.create_task(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    here.roster.handlers["/roster/v1/things"] = gushing
    response = await here.client.get(here.url + "/roster/v1/things", headers=here.bearer())
    await asyncio.wait_for(ended.wait(), 5)
    response.close()


@pytest.mark.rule("GW-04")
async def test_a_service_that_is_down_503(unused_tcp_port: int) -> None:
    async with world(roster_url=f"http://127.0.0.1:{unused_tcp_port}") as here:
        await until(lambda: here.gateway.keys.loaded)
        for method, data in (("GET", None), ("POST", b"{}"), ("POST", chunks(MB))):
            watch = Stopwatch()
            async with here.client.request(
                method, here.url + "/roster/v1/things", headers=here.bearer(), data=data
            ) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "2")
                assert (await response.json())["code"] == "unavailable"
            assert watch.seconds < 2.5


@pytest.mark.parametrize(
    "said, status",
    [
        (b"", 503),
        (b"not HTTP at all\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 502),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    ],
    ids=["hangs up", "no HTTP", "two lengths", "huge header", "control: a proper answer"],
)
async def test_a_service_that_answers_nonsense_502_or_nothing_503(said: bytes, status: int) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with world(roster_url=f"http://127.0.0.1:{port}") as here:
        await until(lambda: here.gateway.keys.loaded)
        async with here.client.get(here.url + "/roster/v1/things", headers=here.bearer()) as response:
            assert response.status == status
            if status != 200:
                told = {502: "upstream_failed", 503: "unavailable"}[status]
                assert ((await response.json())["code"], response.headers["Retry-After"]) == (told, "2")
    server.close()


async def test_connections_to_services_are_used_again(here: World) -> None:
    before = len({id(c) for c in here.gateway.proxy.session.connector._conns.values()})  # type: ignore[union-attr]
    ports: set[int] = set()

    async def whose(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        await answer(send, 200, b"{}")

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            ports.add(scope["client"][1])
        await here.roster(scope, receive, send)

    here.roster.handlers["/roster/v1/things"] = whose
    async with served(spy) as url:
        here.gateway.proxy._bases["roster"], old = url, here.gateway.proxy._bases["roster"]
        try:
            for _ in range(10):
                async with here.client.get(here.url + "/roster/v1/things", headers=here.bearer()) as response:
                    assert response.status == 200
        finally:
            here.gateway.proxy._bases["roster"] = old
    assert len(ports) == 1
    assert before >= 0
