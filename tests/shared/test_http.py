"""Calls to other systems: our time-outs, no redirects, no proxies; and the token that services show each other."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from local.databases import Urls
from shared import http
from tests.shared.probe import served
from tests.support.certificates import self_signed
from tests.support.services import settings_for


class Peer:
    """Identity's token endpoint, and a page that redirects."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.status = 200
        self.answer: object = {"access_token": "t", "expires_in": 600}

    async def __call__(self, scope, receive, send) -> None:
        body = (await receive()).get("body", b"")
        headers = [(b"content-type", b"application/json")]
        status, content = 200, b"{}"
        if scope["path"] == "/identity/v1/token":
            self.asked.append(body)
            await asyncio.sleep(0.02)
            status, content = self.status, json.dumps(self.answer).encode()
        elif scope["path"] == "/away":
            status, headers = 302, [(b"location", b"http://127.0.0.1:1/")]
        elif scope["path"] == "/missing":
            status = 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


@pytest.fixture
async def peer() -> AsyncIterator[tuple[Peer, str]]:
    made = Peer()
    async with served(made) as url:
        yield made, url


@pytest.fixture
async def tokens(peer, monkeypatch) -> AsyncIterator[http.ServiceTokens]:
    # Should the environment's proxies be believed, nothing here would arrive.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    _, url = peer
    settings = settings_for("roster", Urls(app="x", owner="x"), identity_url=url)
    async with http.client() as client:
        yield http.ServiceTokens(settings, client)


async def test_many_at_once_ask_for_one_token(peer, tokens):
    shown = await asyncio.gather(*(tokens.headers() for _ in range(20)))
    assert shown == [{"Authorization": "Bearer t"}] * 20
    assert peer[0].asked == [b"grant_type=client_credentials&client_id=svc_roster&client_secret=unused"]


@pytest.mark.parametrize("lifetime", [600, 61, 60, 1])
async def test_a_token_is_kept_until_a_minute_before_its_end(peer, tokens, monkeypatch, lifetime):
    now = 1000.0
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: now))
    peer[0].answer = {"access_token": "t", "expires_in": lifetime}
    await tokens.headers()
    now += max(lifetime - 60, 1) - 0.01
    await tokens.headers()
    assert len(peer[0].asked) == 1
    now += 0.02
    await tokens.headers()
    assert len(peer[0].asked) == 2


async def test_a_forgotten_token_is_asked_for_again(peer, tokens):
    await tokens.headers()
    tokens.forget()
    await tokens.headers()
    assert len(peer[0].asked) == 2


@pytest.mark.parametrize("status", [400, 401, 500, 503])
async def test_who_gets_none_is_told_and_may_ask_again(peer, tokens, status):
    peer[0].status = status
    for _ in range(2):
        with pytest.raises(http.HTTPError):
            await tokens.headers()
    peer[0].status = 200
    assert await tokens.headers() == {"Authorization": "Bearer t"}


async def test_nobody_there_is_an_http_error(tokens):
    async with http.client(base_url="http://127.0.0.1:1") as client:
        with pytest.raises(http.HTTPError):
            await http.fetch(client, "/x")


async def test_a_page_is_fetched_and_a_redirect_is_not_followed(peer):
    async with http.client(base_url=peer[1]) as client:
        assert await http.fetch(client, "/page") == b"{}"
        for path in ("/away", "/missing"):
            with pytest.raises(http.HTTPError):
                await http.fetch(client, path)


# -- over TLS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
async def test_over_tls_a_server_is_believed_only_if_an_authority_vouches_for_it(tmp_path, monkeypatch, trusted):
    path, context = self_signed(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    if trusted:
        monkeypatch.setattr(http, "tls", lambda: ssl.create_default_context(cafile=str(path)))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, http.client() as client:
        if trusted:
            assert [(await client.get(url)).text for _ in range(2)] == ["ok", "ok"]
        else:
            with pytest.raises(http.HTTPError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(url)


async def test_the_authorities_are_read_for_the_first_call_over_tls(peer, monkeypatch):
    read: list[str] = []

    def tls() -> ssl.SSLContext:
        read.append("once")
        return ssl.create_default_context()

    monkeypatch.setattr(http, "tls", tls)
    async with http.client() as client:
        await client.get(f"{peer[1]}/missing")
        assert read == []
        for _ in range(2):
            with pytest.raises(http.HTTPError):
                await client.get("https://127.0.0.1:1/")
        assert read == ["once"]
