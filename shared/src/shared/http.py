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


def client(*, base_url: str = "", headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """A client with our time-outs and no redirects; environment proxies are not believed."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=TIMEOUT,
        follow_redirects=False,
        verify=tls(),
        trust_env=False,
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
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
