"""Who passes the gateway: tokens, roles, rows, and what the service is sent."""

import asyncio
import time
from typing import Any

import pytest
from yarl import URL

from shared.tokens import SigningKey
from tests.gateway.support import Upstream, World, answer, read, until, world


async def ask(here: World, path: str, method: str = "GET", **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    async with here.client.request(method, here.url + path, **more) as response:
        return response.status, dict(response.headers), await response.json(content_type=None)


@pytest.mark.rule("GW-02")
async def test_without_a_token_401(here: World) -> None:
    status, headers, body = await ask(here, "/roster/v1/things")
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert headers["Content-Type"] == "application/problem+json"
    assert body["code"] == "unauthenticated"
    assert {"type", "title", "title_en", "status", "instance", "errors", "error_count"} <= body.keys()
    assert here.roster.seen == []


@pytest.mark.rule("GW-02")
async def test_with_a_bad_token_401(here: World) -> None:
    now = int(time.time())
    stranger = SigningKey.generate("ES256")
    bad = [
        "Bearer abc",
        "Basic dXNlcjpwYXNz",
        f"Bearer {here.token(exp=now)}",
        f"Bearer {here.token(aud='other')}",
        f"Bearer {here.token(iss='https://evil.example')}",
        f"Bearer {here.token(key=stranger)}",
        f"Bearer {here.token()[:-6]}AAAAAA",
        f"Bearer {'a' * 9000}",
        f"Bearer {here.token()} {here.token()}",
    ]
    for value in bad:
        status, headers, body = await ask(here, "/roster/v1/things", headers={"Authorization": value})
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert value[7:27] not in str(body)
    twice = [("Authorization", f"Bearer {here.token()}"), ("Authorization", f"Bearer {here.token()}")]
    assert (await ask(here, "/roster/v1/things", headers=twice))[0] == 401
    assert here.roster.seen == []


@pytest.mark.rule("GW-01", "GW-02")
@pytest.mark.parametrize(
    "role, path, status",
    [
        ("case_officer", "/roster/v1/things", 200),
        ("approver", "/roster/v1/things", 403),
        ("admin", "/roster/v1/things", 403),
        ("approver", "/roster/v1/things/7", 200),
        ("school", "/roster/v1/things/7", 403),
        ("school", "/roster/v1/things/mine", 200),
        ("case_officer", "/roster/v1/things/mine", 403),
        ("teacher", "/identity/v1/me", 200),
        ("admin", "/notify/v1/messages", 200),
        ("auditor", "/notify/v1/messages", 403),
    ],
)
async def test_roles(here: World, role: str, path: str, status: int) -> None:
    found, headers, _body = await ask(here, path, headers=here.bearer(role))
    assert found == status
    assert (headers.get("WWW-Authenticate") == 'Bearer error="insufficient_scope"') == (status == 403)


@pytest.mark.rule("GW-01")
async def test_scope_and_acr(here: World) -> None:
    for path, claims, status in [
        ("/roster/v1/scoped", {}, 403),
        ("/roster/v1/scoped", {"scope": "roster:exports"}, 403),
        ("/roster/v1/scoped", {"scope": "a roster:export"}, 200),
        ("/roster/v1/strong", {}, 403),
        ("/roster/v1/strong", {"acr": "client", "client_id": "sis"}, 200),
    ]:
        assert (await ask(here, path, headers=here.bearer("school", **claims)))[0] == status


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize(
    "method, path, status, allow",
    [
        ("GET", "/", 404, None),
        ("GET", "/roster/v1/unheard-of", 404, None),
        ("POST", "/internal/v1/events", 404, None),
        ("POST", "/roster/internal/v1/events", 404, None),
        ("GET", "/roster/healthz", 404, None),
        ("GET", "/roster/openapi.json", 404, None),
        ("GET", "/roster/v1/things/", 404, None),
        ("PATCH", "/roster/v1/things", 405, "DELETE, GET, POST, PUT"),
        ("OPTIONS", "/roster/v1/things", 405, "DELETE, GET, POST, PUT"),
        ("HEAD", "/roster/v1/things/7", 405, "GET"),
        ("TRACE", "/roster/v1/things/7", 405, "GET"),
        ("POST", "/healthz", 405, "GET"),
    ],
)
async def test_closed_routes(here: World, method: str, path: str, status: int, allow: str | None) -> None:
    """The token is a good one: it opens nothing that has no row."""
    async with here.client.request(method, here.url + path, headers=here.bearer("admin", "service")) as response:
        assert response.status == status
        assert response.headers.get("Allow") == allow
    assert not here.roster.seen


async def test_unrouted_paths_do_not_say_an_id_back(here: World) -> None:
    _status, _headers, body = await ask(here, "/roster/v1/people/A123456789")
    assert "A123456789" not in str(body)
    assert body["code"] == "not_found"


@pytest.mark.rule("GW-02", "GW-05", "GW-08")
async def test_what_the_service_is_sent(here: World) -> None:
    token = here.bearer()
    forged = {
        **token,
        "X-User": "admin",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=10.0.0.1",
        "X-Original-URL": "/internal/v1/events",
        "X_Roles": "admin",
        "Cookie": "a=b",
        "Connection": "keep-alive, Authorization",
        "TE": "trailers",
        "Idempotency-Key": "k-1",
        "Accept": "text/csv",
        "X-Request-ID": "0123456789abcdef0123456789abcdef",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    url = URL(here.url + "/roster/v1/things?kind=a%20b&x=%2F", encoded=True)
    async with here.client.post(url, headers=forged, data=b"{}") as response:
        assert response.status == 200
        assert response.headers["X-Request-Id"] == "0123456789abcdef0123456789abcdef"
    seen = here.roster.seen[-1]
    names = {name for name, _value in seen.headers}
    assert names == {
        "accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "idempotency-key",
        "traceparent", "user-agent", "x-request-id",
    }  # fmt: skip
    assert seen.header("authorization") == [token["Authorization"]], "the service checks the token itself"
    assert seen.header("x-request-id") == ["0123456789abcdef0123456789abcdef"]
    assert seen.header("traceparent")[0].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert (seen.path, seen.query, seen.body) == ("/roster/v1/things", "kind=a%20b&x=%2F", b"{}")


async def test_what_the_client_is_sent(here: World) -> None:
    async def made(_upstream: Upstream, seen: Any, receive: Any, send: Any) -> None:
        await read(seen, receive)
        extra = [
            (b"etag", b'"3"'),
            (b"x-secret", b"1"),
            (b"connection", b"x-secret"),
            (b"link", b"<a>"),
            (b"link", b"<b>"),
        ]
        await answer(send, 201, b'{"made": true}', extra)

    here.roster.handlers["/roster/v1/things"] = made
    async with here.client.post(here.url + "/roster/v1/things", headers=here.bearer(), data=b"{}") as response:
        assert (response.status, await response.json()) == (201, {"made": True})
        assert response.headers["ETag"] == '"3"'
        assert response.headers.getall("Link") == ["<a>", "<b>"]
        assert "X-Secret" not in response.headers


async def test_redirects_are_handed_on_and_compressed_bodies_left_alone(here: World) -> None:
    async def packed(_upstream: Upstream, seen: Any, receive: Any, send: Any) -> None:
        await read(seen, receive)
        await answer(send, 307, b"\x1f\x8bnot really", [(b"location", b"/elsewhere"), (b"content-encoding", b"gzip")])

    here.roster.handlers["/roster/v1/things"] = packed
    async with here.client.get(
        here.url + "/roster/v1/things", headers=here.bearer(), allow_redirects=False, auto_decompress=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (307, "/elsewhere")
        assert await response.read() == b"\x1f\x8bnot really"


@pytest.mark.rule("ID-05", "GW-02")
async def test_a_new_key_is_found_and_a_withdrawn_one_is_not() -> None:
    async with world() as here:
        new = SigningKey.generate("ES256")
        here.identity.jwks = {"keys": [here.key.public_jwk(), new.public_jwk()]}
        here.gateway.keys._tried_at = None  # type: ignore[attr-defined]  # five seconds have passed
        assert (await ask(here, "/identity/v1/me", headers=here.bearer(key=new)))[0] == 200
        assert (await ask(here, "/identity/v1/me", headers=here.bearer()))[0] == 200
        here.identity.jwks = {"keys": [new.public_jwk()]}
        await here.gateway.keys.refresh()  # type: ignore[attr-defined]
        assert (await ask(here, "/identity/v1/me", headers=here.bearer()))[0] == 401


@pytest.mark.rule("GW-02", "GW-05")
async def test_without_keys_nobody_is_blamed(unused_tcp_port: int) -> None:
    async with world(identity_url=f"http://127.0.0.1:{unused_tcp_port}") as here:
        status, headers, _body = await ask(here, "/roster/v1/things", headers=here.bearer())
        assert (status, headers["Retry-After"]) == (503, "2")
        status, _headers, body = await ask(here, "/readyz")
        assert (status, body["keys"], body["upstreams"]["identity"]["was_ready"]) == (503, False, False)
        assert (await ask(here, "/openapi.json"))[0] == 503
        assert (await ask(here, "/healthz"))[0] == 200
        await until(lambda: here.gateway.upstreams.states["roster"].was_ready)
        await asyncio.sleep(0)
