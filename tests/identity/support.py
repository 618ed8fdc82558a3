"""People, systems and short ways to act as them."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from local.databases import plain
from tests.support.services import Service
from tests.support.tokens import key

ORGANISATIONS: list[dict[str, Any]] = [
    {"type": "moi", "code": "moi", "name": "內政部", "name_en": "Ministry of the Interior"},
    {"type": "county", "code": "63000", "name": "臺北市政府", "name_en": "Taipei City Government"},
    {"type": "county", "code": "65000", "name": "新北市政府", "name_en": "New Taipei City Government"},
    {"type": "school", "code": "0003", "name": "國立臺灣大學", "name_en": "National Taiwan University"},
    {"type": "service", "code": "roster", "name": "名冊服務", "name_en": "Roster service"},
]


def _person(username: str, role: str, org: str, name: str, **more: Any) -> dict[str, Any]:
    kind, _, code = org.partition(":")
    return {
        "name": username,
        "username": username,
        "roles": [role],
        "org": {"type": kind, "code": code},
        "display_name": name,
        "email": f"{username}@example.test",
        "must_change_password": False,
        **more,
    }


ACCOUNTS: list[dict[str, Any]] = [
    _person("admin", "admin", "moi:moi", "系統管理員"),
    _person("admin_2", "admin", "moi:moi", "系統管理員二"),
    _person("auditor", "auditor", "moi:moi", "稽核人員"),
    _person("officer", "case_officer", "county:63000", "陳美玲"),
    _person("approver", "approver", "county:63000", "王志明", system_mail=False),
    _person("other_officer", "case_officer", "county:65000", "林志豪"),
    _person("newcomer", "school", "school:0003", "張新進", must_change_password=True),
]

CLIENTS: list[dict[str, Any]] = [
    {
        "name": "校務資訊系統",
        "client_id": "sis_ntu",
        "roles": ["school"],
        "org": {"type": "school", "code": "0003"},
    },
    {
        "name": "名冊服務",
        "client_id": "svc_roster",
        "roles": ["service"],
        "org": {"type": "service", "code": "roster"},
    },
]


# What an administrator sends to create an account.
NEW: dict[str, Any] = {
    "username": "taipei.lin",
    "org": {"type": "county", "code": "63000"},
    "roles": ["case_officer"],
    "display_name": "林志豪",
    "email": "lin@taipei.example",
    "phone": "(02)2720-8889#8520",
}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unchecked."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@dataclass
class House:
    """identity with people in it."""

    service: Service
    passwords: dict[str, str]
    secrets: dict[str, str]
    _tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def http(self) -> httpx.AsyncClient:
        return self.service.http

    async def try_log_in(self, username: str, password: str | None = None) -> httpx.Response:
        """The bare answer to a log-in."""
        body = {"username": username, "password": self.passwords.get(username, "") if password is None else password}
        return await self.http.post("/identity/v1/sessions", json=body)

    async def log_in(self, username: str) -> dict[str, Any]:
        """A session's tokens."""
        answer = await self.try_log_in(username)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def as_(self, username: str) -> dict[str, str]:
        """The `Authorization` header of somebody, logged in once a test."""
        if username not in self._tokens:
            self._tokens[username] = await self.log_in(username)
        return bearer(self._tokens[username]["access_token"])

    async def as_client(self, client_id: str) -> dict[str, str]:
        """The `Authorization` header of a system."""
        answer = await self.token(
            grant_type="client_credentials", client_id=client_id, client_secret=self.secrets[client_id]
        )
        assert answer.status_code == 200, answer.text
        return bearer(answer.json()["access_token"])

    async def token(self, **form: str) -> httpx.Response:
        """The answer to a token request."""
        return await self.http.post("/identity/v1/token", data=form)

    async def refresh(self, token: str) -> httpx.Response:
        """The answer to a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=token)

    async def account(self, username: str) -> dict[str, Any]:
        """An account as the administrator sees it."""
        answer = await self.http.get("/identity/v1/accounts?limit=200", headers=await self.as_("admin"))
        found: dict[str, Any] = next(item for item in answer.json()["items"] if item["username"] == username)
        return found

    async def admin_post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """A POST by the administrator under a fresh key."""
        return await self.http.post(
            f"/identity/v1{path}", json=body, headers={**await self.as_("admin"), **key(), **headers}
        )

    async def admin_patch(self, path: str, body: dict[str, Any], version: int) -> httpx.Response:
        """A PATCH by the administrator who saw `version`."""
        headers = {**await self.as_("admin"), "If-Match": f'"{version}"'}
        return await self.http.patch(f"/identity/v1{path}", json=body, headers=headers)

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What the owner of the database sees."""
        owner = await asyncpg.connect(plain(self.service.urls.owner))
        try:
            found: list[asyncpg.Record] = await owner.fetch(query, *values)
            return found
        finally:
            await owner.close()


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}
