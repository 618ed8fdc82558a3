"""Both ways without buffering, and what happens when one of the three stays silent, dies or walks away."""

import asyncio
import resource
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from tests.gateway.support import (
    BIG,
    CHUNK,
    MB,
    Seen,
    Upstream,
    World,
    chunks,
    count,
    parts,
    post,
    read,
    until,
)


async def pour(_upstream: Upstream, seen: Seen, receive: Any, send: Any) -> None:
    await read(seen, receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(BIG // len(CHUNK)):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def peak_of(before: int) -> int:
    _now, peak = tracemalloc.get_traced_memory()
    return peak - before


async def standing(count: Callable[[], int]) -> int:
    """The number that a count stays at for a while, once it has begun; fails when it does not stop."""
    async with asyncio.timeout(20):
        while True:
            before = count()
            await asyncio.sleep(0.3)
            if before == count() > 0:
                return before


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

    posting = asyncio.create_task(
        post(here, "/roster/v1/things", counted(), {**here.bearer(), "Content-Length": str(BIG)})
    )
    assert 0 < await standing(lambda: sent) < BIG // 3
    go_on.set()
    assert await posting == (200, str(BIG))


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
        assert 0 < await standing(lambda: sent) < BIG // 3
        assert len(await response.read()) == BIG


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
            await asyncio.wait_for(got.wait(), 20)
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
    await asyncio.wait_for(ended.wait(), 20)


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
    await asyncio.wait_for(ended.wait(), 20)
    assert here.roster.seen[0].gone
    assert here.roster.seen[0].complete == (sent == 0), "a body cut short is never handed on as a whole one"
