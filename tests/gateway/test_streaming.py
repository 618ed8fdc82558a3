"""Both ways without buffering, and what happens when one of the three stays silent, dies or walks away."""

import asyncio
import resource
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.gateway.support import MB, Seen, Upstream, World, answer, parts, raw, read, served, until, world

CHUNK = bytes(64 * 1024)
BIG = 64 * MB


async def chunks(size: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK
        if pause:
            await asyncio.sleep(pause)


async def count(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
    size = 0
    async for part in parts(seen, receive):
        size += len(part)
    if seen.complete:
        await answer(send, 200, str(size).encode())


async def pour(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
    await read(seen, receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(BIG // len(CHUNK)):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def peak_of(before: int) -> int:
    _now, peak = tracemalloc.get_traced_memory()
    return peak - before


@pytest.mark.rule("GW-03")
@pytest.mark.parametrize("declared", [True, False], ids=["Content-Length", "chunked"])
async def test_a_large_upload_passes_with_flat_memory(here: World, declared: bool) -> None:
    """64 MB through client, gateway and service in this one process: a copy kept anywhere would show."""
    here.roster.handlers["/roster/v1/things"] = count
    headers = {**here.bearer(), **({"Content-Length": str(BIG)} if declared else {})}
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with here.client.post(here.url + "/roster/v1/things", headers=headers, data=chunks(BIG)) as response:
            assert (response.status, int(await response.text())) == (200, BIG)
        assert peak_of(before) < 6 * MB
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss < 24 * 1024  # kilobytes
    finally:
        tracemalloc.stop()
    sent = here.roster.seen[-1]
    assert sent.header("content-length") == ([str(BIG)] if declared else [])


@pytest.mark.rule("GW-03")
async def test_a_large_answer_passes_with_flat_memory(here: World) -> None:
    here.roster.handlers["/roster/v1/things"] = pour
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        async with here.client.get(here.url + "/roster/v1/things", headers=here.bearer()) as response:
            size = 0
            async for part in response.content.iter_any():
                size += len(part)
        assert size == BIG
        assert peak_of(before) < 6 * MB
    finally:
        tracemalloc.stop()


@pytest.mark.rule("GW-03")
async def test_a_service_that_does_not_read_stops_the_client(here: World) -> None:
    """Upload back-pressure reaches the client: it can send some socket buffers full, not the whole body."""
    go_on = asyncio.Event()

    async def hesitant(upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await go_on.wait()
        await count(upstream, seen, receive, send)

    here.roster.handlers["/roster/v1/things"] = hesitant
    sent = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal sent
        async for part in chunks(BIG):
            sent += len(part)
            yield part

    post = asyncio.create_task(
        _post(here, "/roster/v1/things", counted(), {**here.bearer(), "Content-Length": str(BIG)})
    )
    await asyncio.sleep(0.5)
    stopped_at = sent
    await asyncio.sleep(0.2)
    assert sent == stopped_at
    assert stopped_at < BIG // 3
    go_on.set()
    assert await post == (200, str(BIG))


@pytest.mark.rule("GW-03")
async def test_a_client_that_does_not_read_stops_the_service(here: World) -> None:
    sent = 0

    async def counted(upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            nonlocal sent
            await send(message)
            sent += len(message.get("body", b""))

        await pour(upstream, seen, receive, noted)

    here.roster.handlers["/roster/v1/things"] = counted
    async with here.client.get(here.url + "/roster/v1/things", headers=here.bearer()) as response:
        await asyncio.sleep(0.5)
        stopped_at = sent
        await asyncio.sleep(0.2)
        assert sent == stopped_at
        assert stopped_at < BIG // 3
        assert len(await response.read()) == BIG


async def _post(here: World, path: str, data: Any, headers: dict[str, str]) -> tuple[int, str]:
    async with here.client.post(here.url + path, data=data, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.rule("GW-03")
async def test_events_pass_one_by_one(here: World) -> None:
    """Each event is here before the service makes the next: nothing on the way waits for more."""
    got = asyncio.Event()

    async def events(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        head = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for number in range(3):
            await send({"type": "http.response.body", "body": f"data: {number}\n\n".encode(), "more_body": True})
            await asyncio.wait_for(got.wait(), 2)
            got.clear()
        await send({"type": "http.response.body", "body": b""})

    here.notify.handlers["/notify/v1/inbox/events"] = events
    async with here.client.get(here.url + "/notify/v1/inbox/events", headers=here.bearer()) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        for number in range(3):
            assert await response.content.readuntil(b"\n\n") == f"data: {number}\n\n".encode()
            got.set()
        assert await response.content.read() == b""


@pytest.mark.rule("GW-03")
async def test_a_client_that_leaves_ends_the_stream(here: World) -> None:
    ended = asyncio.Event()

    async def endless(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
        await read(seen, receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        ended.set()

    here.notify.handlers["/notify/v1/inbox/events"] = endless
    async with aiohttp.ClientSession() as client:
        response = await client.get(here.url + "/notify/v1/inbox/events", headers=here.bearer())
        await response.content.readuntil(b"\n\n")
        response.close()
    await asyncio.wait_for(ended.wait(), 2)


@pytest.mark.rule("GW-03")
@pytest.mark.parametrize("sent", [0, 100_000], ids=["while the service thinks", "while uploading"])
async def test_a_client_that_leaves_ends_the_request(here: World, sent: int) -> None:
    ended = asyncio.Event()

    async def pondering(_upstream: Upstream, seen: Seen, receive: Any, _send: Any) -> None:
        async for _part in parts(seen, receive):
            pass
        if not seen.gone:
            seen.gone = (await receive())["type"] == "http.disconnect"
        ended.set()

    here.roster.handlers["/roster/v1/things"] = pondering
    length = 2 * sent
    head = (
        f"POST /roster/v1/things HTTP/1.1\r\nHost: a\r\nAuthorization: {here.bearer()['Authorization']}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    _reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(head.encode() + bytes(sent))
    await writer.drain()
    await until(lambda: len(here.roster.seen) == 1)
    assert not ended.is_set()
    writer.transport.abort()
    await asyncio.wait_for(ended.wait(), 2)
    assert here.roster.seen[0].gone
    assert here.roster.seen[0].complete == (sent == 0), "a body cut short is never handed on as a whole one"


@pytest.mark.rule("GW-04")
@pytest.mark.parametrize("declared", [True, False], ids=["Content-Length", "chunked"])
async def test_bodies_over_the_limit(here: World, declared: bool) -> None:
    here.roster.handlers["/roster/v1/small"] = count
    for size, status in ((100_000, 200), (100_001, 413)):
        headers = {**here.bearer("school"), **({"Content-Length": str(size)} if declared else {})}

        async def body(size: int = size) -> AsyncIterator[bytes]:
            for at in range(0, size, 10_000):
                yield bytes(min(10_000, size - at))

        found, text = await _post(here, "/roster/v1/small", body(), headers)
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
    began = time.monotonic()
    data = b"{}" if method == "POST" else None
    async with here.client.request(method, here.url + "/roster/v1/slow", headers=here.bearer(), data=data) as response:
        assert response.status == 504
        assert (await response.json())["code"] == "upstream_timeout"
    assert 0.3 < time.monotonic() - began < 1.5
    await until(lambda: here.roster.seen[-1].gone)


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
async def test_a_service_that_is_down_503(unused_tcp_port: int) -> None:
    async with world(roster_url=f"http://127.0.0.1:{unused_tcp_port}") as here:
        await until(lambda: here.gateway.keys.loaded)
        for method, data in (("GET", None), ("POST", b"{}"), ("POST", chunks(MB))):
            began = time.monotonic()
            async with here.client.request(
                method, here.url + "/roster/v1/things", headers=here.bearer(), data=data
            ) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "2")
                assert (await response.json())["code"] == "unavailable"
            assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    "said, status",
    [
        (b"", 502),
        (b"not HTTP at all\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 502),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    ],
    ids=["hangs up", "no HTTP", "two lengths", "huge header", "control: a proper answer"],
)
async def test_a_service_that_answers_nonsense_502(said: bytes, status: int) -> None:
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
            if status == 502:
                assert (await response.json())["code"] == "upstream_failed"
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
