"""identity's fixtures: A is the Ministry for what it keeps of everybody, and one officer for what is one's own."""

import os
import secrets
from typing import Any

from identity.organisations.rules import HOMES
from identity.passwords import Hasher
from identity.seed import Seed, plant
from shared.tokens import ROLES
from tests.contracts.walls import people
from tests.contracts.walls.rows import Row, World
from tests.identity.support import bearer, claims_of
from tests.support.services import Service

# Before the application starts: the full cost would make a log-in a tenth of a second.
os.environ["MUSTER_ARGON2_COST"] = "low"

_MINISTRY = "the Ministry keeps everybody's accounts, organisations and clients; no other organisation has the role"
_NOBODY = "who logs in is nobody yet"
_ACCOUNT = {"account_id": "{account}"}
_COUNTY = {"org_type": "county", "code": "65000"}
_CLIENT = {"client_id": "sis_other"}
_PERSON = {"display_name": "林志豪", "email": "lin@taipei.example"}
_OWN: dict[str, Any] = {"wall": "own", "who": "case_officer", "people": True, "witness": "/identity/v1/me"}

ROWS: dict[str, Row] = {
    "log_in": Row("open", body={"username": "admin", "password": "{password}"}, why=_NOBODY),
    "issue_token": Row(
        "open", content="{form}", media="application/x-www-form-urlencoded", why="a system logs in"
    ),
    "get_keys": Row("open", why="public keys"),
    "list_sessions": Row("list", "case_officer", people=True, newcomers=True, shows=("session",)),
    "end_session": Row(
        "item", "case_officer", 204, path={"session_id": "{second_session}"}, people=True, newcomers=True
    ),
    "change_password": Row(
        **_OWN | {"who": "leaver"}, newcomers=True,
        body={"current_password": "{password}", "new_password": "{new_password}"}
    ),
    "get_me": Row("list", "case_officer", people=True, newcomers=True, shows=("officer",)),
    "change_me": Row(**_OWN, seen="{officer_version}", body={"phone": "(02)2720-8889"}),
    "list_accounts": Row("national", "auditor", why=_MINISTRY),
    "create_account": Row(
        "national", "admin", 201, why=_MINISTRY,
        body={"username": "taipei.lin", "org": {"type": "county", "code": "63000"}, "roles": ["approver"], **_PERSON},
    ),
    "get_account": Row("national", "admin", path=_ACCOUNT, why=_MINISTRY),
    "change_account": Row(
        "national", "admin", path=_ACCOUNT, seen="{account_version}", body={"active": True}, why=_MINISTRY
    ),
    "list_account_holders": Row("national", "admin", path=_ACCOUNT, why=_MINISTRY),
    "hand_over_account": Row(
        "national", "admin", path={"account_id": "{post}"}, seen="{post_version}", body=_PERSON, why=_MINISTRY
    ),
    "reset_password": Row("national", "admin", path={"account_id": "{forgetful}"}, why=_MINISTRY),
    "list_organisations": Row("national", "auditor", why=_MINISTRY),
    "create_organisation": Row(
        "national", "admin", 201, why=_MINISTRY,
        body={"type": "county", "code": "66000", "name": "臺中市政府", "name_en": "Taichung City Government"},
    ),
    "get_organisation": Row("national", "admin", path=_COUNTY, why=_MINISTRY),
    "change_organisation": Row(
        "national", "admin", path=_COUNTY, seen="1", body={"name": "新北市政府"}, why=_MINISTRY
    ),
    "list_clients": Row("national", "auditor", why=_MINISTRY),
    "create_client": Row(
        "national", "admin", 201, why=_MINISTRY,
        body={"client_id": "sis_new", "name": "系統", "org": {"type": "school", "code": "0025"}, "roles": ["school"]},
    ),
    "get_client": Row("national", "admin", path=_CLIENT, why=_MINISTRY),
    "change_client": Row("national", "admin", path=_CLIENT, seen="1", body={"name": "校務資訊系統"}, why=_MINISTRY),
    "rotate_client_secret": Row("national", "admin", path=_CLIENT, why=_MINISTRY),
}  # fmt: skip


def _person(username: str, role: str, code: str, password: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": username, "username": username, "roles": [role], "org": f"{HOMES[role]}:{code}", "password": password,
        "display_name": "陳美玲", "email": f"{username}@example.test", "must_change_password": False, **changes,
    }  # fmt: skip


def _client(name: str, role: str, code: str, secret: str) -> dict[str, Any]:
    org = f"{HOMES[role]}:{code}"
    return {"name": name, "client_id": name, "roles": [role], "org": org, "client_secret": secret}


async def furnish(service: Service) -> World:
    """Somebody for each role, with a session; spare accounts and a spare client for what changes them."""
    password, others, secret = (secrets.token_urlsafe(32) for _ in range(3))
    homes = {HOMES[role]: people.HOME[HOMES[role]] for role in ROLES}
    places = [*homes.items(), ("county", "65000"), ("county", "64000"), ("school", "0025")]
    staff = {role: _person(role, role, people.HOME[HOMES[role]], password) for role in ROLES - people.MACHINES}
    more = [
        _person("account", "case_officer", "65000", password),
        _person("post", "case_officer", "65000", password),
        _person("forgetful", "case_officer", "65000", password),
        _person("elsewhere", "case_officer", "65000", others),
        _person("colleague", "case_officer", "63000", others),
        _person("leaver", "case_officer", "63000", password),
        _person("newcomer", "school", "0003", password, must_change_password=True),
    ]
    machines = [_client(role, role, people.HOME[HOMES[role]], secret) for role in sorted(people.MACHINES)]
    seed = {
        "organisations": [{"type": kind, "code": code, "name": code, "name_en": code} for kind, code in places],
        "accounts": [*staff.values(), *more],
        "clients": [*machines, _client("sis_other", "school", "0025", secret)],
    }
    await plant(service.database, Hasher("low"), Seed.model_validate(seed))

    async def log_in(username: str, word: str = password) -> str:
        body = {"username": username, "password": word}
        answer = await service.http.post("/identity/v1/sessions", json=body)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def system(client_id: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        token: str = (await service.http.post("/identity/v1/token", data=form)).json()["access_token"]
        return token

    admin = await log_in("admin")
    a = {role: bearer(await (system(role) if role in people.MACHINES else log_in(role))) for role in sorted(ROLES)}
    a["leaver"] = bearer(await log_in("leaver"))
    listed = await service.http.get("/identity/v1/accounts?limit=200", headers=bearer(admin))
    accounts = {item["username"]: item for item in listed.json()["items"]}
    officer = claims_of(a["case_officer"]["Authorization"].removeprefix("Bearer "))
    second = claims_of(await log_in("case_officer"))
    things = {
        "password": password, "new_password": secrets.token_urlsafe(15),
        "form": f"grant_type=client_credentials&client_id=service&client_secret={secret}",
        "officer": accounts["case_officer"]["id"], "officer_version": accounts["case_officer"]["version"],
        "session": officer["jti"].partition(".")[0], "second_session": second["jti"].partition(".")[0],
        **{name: accounts[name]["id"] for name in ("account", "post", "forgetful")},
        "account_version": accounts["account"]["version"], "post_version": accounts["post"]["version"],
    }  # fmt: skip
    elsewhere = [(name, bearer(await log_in(name, others))) for name in ("elsewhere", "colleague")]
    return World(
        service,
        things,
        a,
        {"": elsewhere, "case_officer": elsewhere},
        people.bad_tokens(claims_of(admin), service.app.state.minter.keys.signer),
        bearer(await log_in("newcomer")),
        [things["officer"], things["session"], things["second_session"], "case_officer@example.test"],
        people.MACHINES,
    )
