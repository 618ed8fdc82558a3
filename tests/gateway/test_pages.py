"""The gateway's own pages, its log and its metrics."""

import json
from typing import Any

import pytest
import structlog

from gateway.main import create_app
from gateway.settings import GatewaySettings, load
from shared import logs
from shared.settings import SettingsError
from tests.gateway.support import World, read, until, world


async def page(here: World, path: str) -> tuple[int, dict[str, str], str]:
    async with here.client.get(here.url + path) as response:
        return response.status, dict(response.headers), await response.text()


@pytest.mark.rule("GW-05")
async def test_ready_once_then_always_but_the_body_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstreams.AFTERWARDS", 0.05)
    async with world() as here:
        status, _headers, text = await page(here, "/readyz")
        assert (status, json.loads(text)["status"]) == (200, "ready")
        here.roster.ready = False
        await until(lambda: not here.gateway.upstreams.states["roster"].ready)
        status, _headers, text = await page(here, "/readyz")
        assert status == 200
        assert json.loads(text)["upstreams"]["roster"] == {"ready": False, "was_ready": True}
        assert json.loads(text)["upstreams"]["notify"] == {"ready": True, "was_ready": True}


@pytest.mark.rule("GW-05")
async def test_not_ready_before_every_service_was() -> None:
    async with world(notify_url="http://127.0.0.1:9") as here:
        await until(lambda: here.gateway.upstreams.states["roster"].was_ready and here.gateway.keys.loaded)
        status, _headers, text = await page(here, "/readyz")
        assert (status, json.loads(text)["status"]) == (503, "starting")
        assert (await page(here, "/healthz"))[0] == 200
        status, headers, _text = await page(here, "/openapi.json")
        assert (status, headers["Retry-After"]) == (503, "2")


@pytest.mark.rule("GW-07")
async def test_documents_are_fetched_again_when_a_service_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstreams.AFTERWARDS", 0.05)
    async with world() as here:
        status, headers, text = await page(here, "/openapi.json")
        assert (status, headers["Content-Type"], json.loads(text)["paths"]) == (200, "application/json", {})
        here.roster.ready = False
        await until(lambda: not here.gateway.upstreams.states["roster"].ready)
        described = {"summary": "一覽", "x-roles": ["case_officer"], "responses": {}}
        here.roster.document["paths"] = {"/roster/v1/things": {"get": described}}
        here.roster.ready = True
        await until(lambda: here.gateway.upstreams.states["roster"].ready)
        assert "/roster/v1/things" in json.loads((await page(here, "/openapi.json"))[2])["paths"]
        status, headers, text = await page(here, "/docs")
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "一覽" in text
        assert "case_officer" in text


@pytest.mark.rule("GW-05")
async def test_metrics_name_templates_never_addresses() -> None:
    # The numbers are the process's: a gateway of its own has looked at its upstreams just now.
    async with world() as here:
        for path in ("/roster/v1/things/A123456789", "/roster/v1/nothing/A123456789"):
            async with here.client.get(here.url + path, headers=here.bearer("approver")) as response:
                await response.read()
        async with here.client.request("FANCY", here.url + "/healthz") as response:
            assert response.status == 405
        status, headers, text = await page(here, "/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain")
        template = 'route="/roster/v1/things/{thing_id}",status="200",upstream="roster"'
        assert f'muster_gateway_requests_total{{method="GET",rate="read",{template}}}' in text
        assert 'route="unmatched",status="404",upstream="gateway"' in text
        assert (
            'muster_gateway_request_seconds_bucket{le="0.1",route="/roster/v1/things/{thing_id}",upstream="roster"}'
            in text
        )
        assert 'muster_gateway_upstream_ready{upstream="roster"} 1.0' in text
        for never in ("A123456789", "FANCY"):
            assert never not in text


@pytest.mark.rule("GW-05")
async def test_the_access_log_holds_no_personal_data(here: World) -> None:
    planted = "A123456789"
    logs.configure("gateway")
    with structlog.testing.capture_logs() as lines:
        for path in (f"/roster/v1/things/{planted}?q={planted}", f"/{planted}", f"/roster/v1/%2f{planted}"):
            async with here.client.get(
                here.url + path,
                headers={**here.bearer("approver"), "X-Request-Id": planted, "User-Agent": planted},
            ) as response:
                await response.read()
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["route"] for line in requests] == ["/roster/v1/things/{thing_id}", "unmatched", "unmatched"]
    assert [line["status"] for line in requests] == [200, 404, 400]
    for line in requests:
        assert {"method", "route", "status", "ms", "request_id"} <= line.keys()
        assert isinstance(line["ms"], int)
        assert "person-1" not in str(line)
        assert "127.0.0.1" not in str(line)
        assert planted not in str(line)


async def test_the_log_tells_why_an_exchange_ended(here: World) -> None:
    async def silent(_upstream: Any, seen: Any, receive: Any, _send: Any) -> None:
        await read(seen, receive)
        await receive()

    here.roster.handlers["/roster/v1/slow"] = silent
    logs.configure("gateway")
    with structlog.testing.capture_logs() as lines:
        async with here.client.get(here.url + "/roster/v1/slow", headers=here.bearer()) as response:
            assert response.status == 504
    assert [line["ending"] for line in lines if line["event"] == "request"] == ["upstream_slow"]


async def test_a_fault_of_our_own_is_a_500_without_details(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(here.gateway.proxy, "forward", broken)
    async with here.client.get(here.url + "/roster/v1/things", headers=here.bearer()) as response:
        assert response.status == 500
        assert "secret" not in await response.text()


async def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "ISSUER": "http://a/identity",
        "IDENTITY_URL": "http://b/",
        "NOTIFY_URL": "http://c",
        "RDSS_FEE_URL": "http://e",
        "ROSTER_URL": "http://d",
    }
    for name, value in names.items():
        monkeypatch.setenv(f"MUSTER_{name}", value)
    settings = load()
    assert settings.upstreams == {
        "identity": "http://b",
        "notify": "http://c",
        "rdss-fee": "http://e",
        "roster": "http://d",
    }
    assert settings.jwks_url == "http://b/identity/v1/.well-known/jwks.json"
    monkeypatch.delenv("MUSTER_ROSTER_URL")
    with pytest.raises(SettingsError, match="MUSTER_ROSTER_URL"):
        load()


async def test_the_real_application_is_made_from_the_real_table() -> None:
    gateway = create_app(
        GatewaySettings(issuer="a", identity_url="b", notify_url="c", rdss_fee_url="e", roster_url="d")
    )
    assert ("POST", "/roster/v1/submissions") in gateway.policy.operations
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await gateway({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
