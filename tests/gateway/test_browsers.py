"""GW-06: pages of listed origins may call, no other page may read an answer, and no answer may be used as a page."""

import pytest

from gateway import browsers
from gateway.main import Gateway
from gateway.settings import load
from shared.settings import SettingsError
from tests.gateway.support import World, world

pytestmark = pytest.mark.rule("GW-06")

SPA, OTHER = "https://muster.example.gov.tw", "https://evil.example"
GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}


def elsewhere_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ISSUER", "IDENTITY_URL", "NOTIFY_URL", "RDSS_FEE_URL", "ROSTER_URL"):
        monkeypatch.setenv(f"MUSTER_{name}", "http://127.0.0.1:1")


def opened(here: World, monkeypatch: pytest.MonkeyPatch, *origins: str) -> None:
    monkeypatch.setattr(here.gateway, "_origins", browsers.read_origins(",".join(origins)))


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example",
        "https://a.example:8443",
        "http://localhost:5173",
        "http://127.0.0.1",
        " https://a.tw , https://b.tw ",
        "",
    ],
)
def test_origins_that_may_be_listed(text: str) -> None:
    assert len(browsers.read_origins(text)) == len([part for part in text.split(",") if part.strip()])


@pytest.mark.parametrize(
    "text",
    ["*", "null", "http://a.example", "https://a.example/", "https://A.example", "https://*.example", "a.example",
     "https://a.example:0", "https://a b", "https://localhost.\n"],
)  # fmt: skip
def test_origins_that_may_not(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="an origin is"):
        browsers.read_origins(text)
    elsewhere_nowhere(monkeypatch)
    monkeypatch.setenv("MUSTER_SPA_ORIGINS", text)
    with pytest.raises(SettingsError, match="MUSTER_SPA_ORIGINS"):
        load()


def test_the_setting_reaches_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere_nowhere(monkeypatch)
    monkeypatch.setenv("MUSTER_SPA_ORIGINS", f"{SPA}, http://localhost:5173")
    settings = load()
    assert Gateway(settings)._origins == {SPA.encode(), b"http://localhost:5173"}


@pytest.mark.parametrize(
    "path", ["/healthz", "/openapi.json", "/roster/v1/things/1", "/roster/v1/nothing", "/identity/v1/open"]
)
async def test_every_answer_guards_itself(here: World, path: str) -> None:
    """Pages, documents, a service's answer, a refusal for want of a token, what does not exist."""
    for headers in ({}, here.bearer("approver")):
        async with here.client.get(here.url + path, headers=headers) as response:
            assert {name: response.headers.get(name) for name in GUARDS} == GUARDS
            assert len(response.headers.getall("X-Content-Type-Options")) == 1
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_documentation_page_keeps_its_own_policy(here: World) -> None:
    async with here.client.get(here.url + "/docs") as response:
        assert "style-src" in response.headers["Content-Security-Policy"]
        assert len(response.headers.getall("Content-Security-Policy")) == 1


async def test_a_listed_page_asks_sends_and_reads(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(here, monkeypatch, SPA)
    asks = {"Origin": SPA, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with here.client.options(here.url + "/roster/v1/things/1", headers=asks) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == SPA
        assert response.headers["Access-Control-Allow-Methods"] == "GET"
        assert {"authorization", "idempotency-key", "if-match"} <= set(
            response.headers["Access-Control-Allow-Headers"].split(", ")
        )
        assert "Access-Control-Allow-Credentials" not in response.headers
    assert here.roster.seen == [], "a preflight goes no further"
    for headers, status in ((here.bearer("approver"), 200), ({}, 401)):
        async with here.client.get(here.url + "/roster/v1/things/1", headers={**headers, "Origin": SPA}) as response:
            assert response.status == status, "a refusal is the page's to read as well"
            assert response.headers["Access-Control-Allow-Origin"] == SPA
            assert "etag" in response.headers["Access-Control-Expose-Headers"]
            assert response.headers["Vary"] == "origin"


@pytest.mark.parametrize("origin", [OTHER, "null", SPA + ".evil.example", SPA.upper(), SPA + ":443"])
async def test_another_page_is_told_nothing(here: World, monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    opened(here, monkeypatch, SPA)
    asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    async with here.client.options(here.url + "/roster/v1/things/1", headers=asks) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
    async with here.client.get(
        here.url + "/roster/v1/things/1", headers={**here.bearer("approver"), "Origin": origin}
    ) as response:
        assert response.status == 200, "what is no browser is answered as ever"
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
        assert response.headers["Vary"] == "origin", "a cache must not give this answer to the listed page"


async def test_control_a_gateway_that_echoes_any_origin_is_seen(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(here, monkeypatch, SPA)
    monkeypatch.setattr(browsers, "origin_of", lambda headers, _allowed: dict(headers).get(b"origin"))
    headers = {**here.bearer("approver"), "Origin": OTHER}
    async with here.client.get(here.url + "/roster/v1/things/1", headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == OTHER


async def test_a_preflight_for_what_is_closed(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(here, monkeypatch, SPA)
    for path, method, status in (("/roster/v1/nothing", "GET", 404), ("/roster/v1/things/1", "TRACE", 405)):
        asks = {"Origin": SPA, "Access-Control-Request-Method": method}
        async with here.client.options(here.url + path, headers=asks) as response:
            assert response.status == status
            assert "Access-Control-Allow-Methods" not in response.headers


async def test_without_a_list_no_page_may_call() -> None:
    async with world() as here, here.client.get(here.url + "/healthz", headers={"Origin": SPA}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Vary" not in response.headers
