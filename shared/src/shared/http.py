"""Calls to other systems: the one import site of httpx, and the tokens that services show each other."""

import asyncio
import ssl
import time
from functools import cache

from shared.lean import without_terminal
from shared.settings import Settings

with without_terminal():
    import httpx

TIMEOUT = httpx.Timeout(10.0, connect=2.0)


@cache
def tls() -> ssl.SSLContext:
    """The trusted authorities, read once a process: each reading takes 30 to 60 ms."""
    return httpx.create_ssl_context(trust_env=False)


# Believes nobody; without one httpx would read its own authorities at once.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=16)


class _Transport(httpx.AsyncBaseTransport):
    """Plain calls, which is how services talk; for the first over TLS the authorities are read, 3.5 MB of them."""

    def __init__(self) -> None:
        self._plain = httpx.AsyncHTTPTransport(verify=_NO_AUTHORITIES, trust_env=False, limits=_LIMITS)
        self._over_tls: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; raises httpx's errors."""
        if request.url.scheme == "http":
            return await self._plain.handle_async_request(request)
        if self._over_tls is None:
            # In a thread: it takes a moment, and others are answered meanwhile.
            authorities = await asyncio.to_thread(tls)
            self._over_tls = self._over_tls or httpx.AsyncHTTPTransport(
                verify=authorities, trust_env=False, limits=_LIMITS
            )
        return await self._over_tls.handle_async_request(request)

    async def aclose(self) -> None:
        """Close both."""
        await self._plain.aclose()
        if self._over_tls is not None:
            await self._over_tls.aclose()


def client(*, base_url: str = "", headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """A client with our time-outs and no redirects; environment proxies are not believed."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=TIMEOUT,
        follow_redirects=False,
        transport=_Transport(),
        trust_env=False,
    )


HTTPError = httpx.HTTPError
Response = httpx.Response
AsyncClient = httpx.AsyncClient


class ServiceTokens:
    """This service's own access token (OAuth 2 client credentials), renewed before it ends."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """The `Authorization` header to send; raises `HTTPError` while identity gives none."""
        async with self._asking:
            if time.monotonic() >= self._until:
                await self._ask()
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """The token was refused: ask for another at the next call."""
        self._until = 0.0

    async def _ask(self) -> None:
        response = await self._http.post(
            f"{self._settings.identity_url}/identity/v1/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value(),
            },
        )
        response.raise_for_status()
        answer = response.json()
        self._token = answer["access_token"]
        self._until = time.monotonic() + max(answer["expires_in"] - 60, 1)


async def fetch(http: httpx.AsyncClient, url: str) -> bytes:
    """The body of a GET; raises `HTTPError` on any other answer than 2xx."""
    response = await http.get(url)
    response.raise_for_status()
    return response.content
