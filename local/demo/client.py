"""How the story speaks: through the gateway as one of its people or systems, and to the two systems outside."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from local.demo.checks import NotAsTold, equal
from local.stack import Stack
from shared import http

T = TypeVar("T")

PATIENCE = 30.0


class Actor:
    """Somebody who is logged in; every POST carries an `Idempotency-Key` of its own unless one is given."""

    def __init__(self, gateway: http.AsyncClient, name: str, token: str | None) -> None:
        self._gateway = gateway
        self.name = name
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        seen: int | None = None,
        key: str | None = None,
        content: bytes | None = None,
        media_type: str = "application/json",
        accept: str = "application/json",
    ) -> http.Response:
        """One request, whatever comes of it; `seen` is the version for `If-Match`."""
        headers = self._headers | {"Accept": accept}
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            headers["Content-Type"] = media_type
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        return await self._gateway.request(method, path, headers=headers, content=content)

    async def get(self, path: str) -> Any:
        """The JSON of a GET that succeeds."""
        return _succeeded(self.name, await self.send("GET", path))

    async def text(self, path: str, media_type: str) -> str:
        """The body of a GET that asks for `media_type` and gets it."""
        answer = await self.send("GET", path, accept=media_type)
        equal(f"{self.name}: GET {path}", answer.headers.get("content-type", "").split(";")[0], media_type)
        return answer.text

    async def all(self, path: str, limit: int = 200) -> list[dict[str, Any]]:
        """Every item of a list, page after page."""
        items: list[dict[str, Any]] = []
        mark = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = await self.get(f"{path}{mark}limit={limit}{cursor}")
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def do(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """The JSON of a change that succeeds."""
        return _succeeded(self.name, await self.send(method, path, body, **how))

    async def refused(
        self, status: int, code: str, method: str, path: str, body: Any = None, **how: Any
    ) -> dict[str, Any]:
        """The problem of a request that is refused with `status` and `code`."""
        answer = await self.send(method, path, body, **how)
        equal(f"{self.name}: {method} {path}", (answer.status_code, _code(answer)), (status, code))
        problem: dict[str, Any] = answer.json()
        return problem


def _succeeded(name: str, answer: http.Response) -> Any:
    if answer.is_success:
        return answer.json()
    request = answer.request
    raise NotAsTold(
        f"{name}: {request.method} {request.url.path}\n  實際 found: {answer.status_code} {answer.text[:1000]}"
    )


def _code(answer: http.Response) -> str | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("code") if isinstance(body, dict) else None


class World:
    """A running suite as the story may reach it: the gateway, the mail sink, the registry stand-in."""

    def __init__(self, suite: Stack) -> None:
        self.accounts: Mapping[str, Any] = suite.accounts
        self._gateway = http.client(base_url=suite.url)
        self._mail = http.client(base_url=suite.mail_url)
        self._registry = http.client(base_url=suite.registry_url)
        self._present: dict[str, Actor] = {}

    async def close(self) -> None:
        for client in (self._gateway, self._mail, self._registry):
            await client.aclose()

    # -- through the gateway -------------------------------------------------------------------------------

    def nobody(self) -> Actor:
        """Somebody without a token."""
        return Actor(self._gateway, "nobody", None)

    def forger(self) -> Actor:
        """Somebody with a token that nobody issued."""
        return Actor(self._gateway, "forger", "eyJhbGciOiJub25lIn0.e30.")

    async def log_in(self, name: str) -> Actor:
        """A person, with his password; who is logged in stays so, for tokens outlive the story."""
        if name in self._present:
            return self._present[name]
        account = self.accounts[name]
        answer = await self._gateway.post(
            "/identity/v1/sessions", json={"username": account["username"], "password": account["password"]}
        )
        self._present[name] = Actor(self._gateway, name, _succeeded(name, answer)["access_token"])
        return self._present[name]

    async def connect(self, name: str) -> Actor:
        """A system, with its client credentials."""
        account = self.accounts[name]
        form = {"grant_type": "client_credentials"} | {n: account[n] for n in ("client_id", "client_secret")}
        answer = await self._gateway.post("/identity/v1/token", data=form)
        return Actor(self._gateway, name, _succeeded(name, answer)["access_token"])

    async def log_in_all(self, *names: str) -> Sequence[Actor]:
        """Several people at once."""
        return await asyncio.gather(*(self.log_in(name) for name in names))

    # -- the two systems outside ---------------------------------------------------------------------------

    async def mail(self, name: str, about: str) -> list[dict[str, Any]]:
        """The messages to an account that name `about`, oldest first."""
        answer = await self._mail.get("/messages", params={"to": self.accounts[name]["email"]})
        return [message for message in _succeeded("mail sink", answer) if about in message["text"]]

    async def put_draftees(self, men: Sequence[Mapping[str, Any]]) -> int:
        """Add to the registry's population; how many."""
        answer = await self._registry.put("/v1/draftees", content=json.dumps(men, ensure_ascii=False).encode())
        stored: int = _succeeded("registry", answer)["stored"]
        return stored

    async def registry(self, stream: str, since: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """What the registry was sent after `since` (`annotations` or `township-reports`), and where that ends."""
        answer = _succeeded("registry", await self._registry.get(f"/v1/{stream}", params={"since": since or "0"}))
        return answer["items"], answer["next_cursor"] or since


async def until(what: str, look: Callable[[], Awaitable[T | None]], patience: float = PATIENCE) -> T:
    """Look again and again until there is something; `NotAsTold` when it takes too long."""
    deadline = time.monotonic() + patience
    pause = 0.05
    while True:
        found = await look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise NotAsTold(f"{what}: 等候逾 {patience:.0f} 秒  not within {patience:.0f} s")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)
