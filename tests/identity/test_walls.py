"""Who gets in, and who does not: roles, other people's things, row-level security, secrets (GW-02, ID-01, ID-03)."""

import io
import logging
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from identity.access import logging_in
from shared import logs
from shared.db import Context
from shared.openapi import roles_of
from tests.identity.support import NEW, House, bearer
from tests.support import tokens as foreign
from tests.support.tokens import key

ID = str(uuid4())
# Every route with a token: (method, path, roles that pass, body). A new route without a row fails the first test.
ANYONE = frozenset({"admin", "auditor", "officer", "newcomer"})
ADMIN = frozenset({"admin"})
OVERSEERS = frozenset({"admin", "auditor"})
ROUTES: list[tuple[str, str, frozenset[str], dict[str, Any] | None]] = [
    ("GET", "/identity/v1/me", ANYONE, None),
    ("PATCH", "/identity/v1/me", ANYONE - {"newcomer"}, {}),
    ("PUT", "/identity/v1/me/password", ANYONE, {}),
    ("GET", "/identity/v1/sessions", ANYONE, None),
    ("DELETE", "/identity/v1/sessions/{session_id}", ANYONE, None),
    ("GET", "/identity/v1/accounts", OVERSEERS, None),
    ("POST", "/identity/v1/accounts", ADMIN, {}),
    ("GET", "/identity/v1/accounts/{account_id}", OVERSEERS, None),
    ("PATCH", "/identity/v1/accounts/{account_id}", ADMIN, {}),
    ("GET", "/identity/v1/accounts/{account_id}/holders", OVERSEERS, None),
    ("POST", "/identity/v1/accounts/{account_id}/hand-overs", ADMIN, {}),
    ("POST", "/identity/v1/accounts/{account_id}/password-resets", ADMIN, None),
    ("GET", "/identity/v1/organisations", OVERSEERS, None),
    ("POST", "/identity/v1/organisations", ADMIN, {}),
    ("GET", "/identity/v1/organisations/{org_type}/{code}", OVERSEERS, None),
    ("PATCH", "/identity/v1/organisations/{org_type}/{code}", ADMIN, {}),
    ("GET", "/identity/v1/clients", OVERSEERS, None),
    ("POST", "/identity/v1/clients", ADMIN, {}),
    ("GET", "/identity/v1/clients/{client_id}", OVERSEERS, None),
    ("PATCH", "/identity/v1/clients/{client_id}", ADMIN, {}),
    ("POST", "/identity/v1/clients/{client_id}/secrets", ADMIN, None),
]
OPEN = {
    ("POST", "/identity/v1/sessions"),
    ("POST", "/identity/v1/token"),
    ("GET", "/identity/v1/.well-known/jwks.json"),
}
IDS = {"session_id": ID, "account_id": ID, "org_type": "county", "code": "99999", "client_id": "nobody_here"}


async def call(
    house: House, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
) -> httpx.Response:
    """A request to the route, for a thing that does not exist."""
    return await house.http.request(
        method, path.format(**IDS), json=body, headers={**headers, **key(), "If-Match": '"1"'}
    )


def test_every_route_is_in_the_table(quiet_house):
    found = {
        (method, route.path_format): roles_of(route)
        for route in iter_route_contexts(quiet_house.service.app.routes)
        if str(route.path_format).startswith("/identity")
        for method in route.methods or ()
    }
    assert {route for route, roles in found.items() if roles is None} == OPEN
    assert {route for route, roles in found.items() if roles is not None} == {(m, p) for m, p, *_ in ROUTES}


@pytest.mark.rule("ID-03", "GW-02")
@pytest.mark.parametrize(("method", "path", "_roles", "body"), ROUTES)
async def test_no_or_bad_token_is_401(quiet_house, method, path, _roles, body):
    stolen = (await quiet_house.as_("admin"))["Authorization"].removeprefix("Bearer ")
    for headers in (
        {},
        bearer("nonsense"),
        bearer(stolen[:-4] + "AAAA"),
        # Well made and signed, by a key that is not identity's.
        foreign.bearer("admin", org="moi:moi"),
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
    ):
        answer = await call(quiet_house, method, path, body, headers)
        assert answer.status_code == 401, (headers, answer.text)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthenticated"


@pytest.mark.rule("ID-03", "GW-02")
@pytest.mark.parametrize(("method", "path", "allowed", "body"), ROUTES)
async def test_each_role_gets_as_far_as_the_table_says(quiet_house, method, path, allowed, body):
    for username in sorted(ANYONE):
        answer = await call(quiet_house, method, path, body, await quiet_house.as_(username))
        assert (answer.status_code != 403) == (username in allowed), (username, answer.text)
        assert answer.status_code in (200, 403, 404, 422), (username, answer.text)
        if answer.status_code == 403:
            assert "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.rule("ID-03")
@pytest.mark.parametrize(("method", "path", "_roles", "body"), ROUTES)
async def test_systems_are_let_in_nowhere(quiet_house, method, path, _roles, body):
    answer = await call(quiet_house, method, path, body, await quiet_house.as_client("sis_ntu"))
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(("method", "path", "_roles", "body"), [row for row in ROUTES if "{" in row[1]])
async def test_what_does_not_exist_is_404(quiet_house, method, path, _roles, body):
    bodies = {"hand-overs": {"display_name": "林志豪", "email": "lin@taipei.example"}}
    body = bodies.get(path.rsplit("/", 1)[1], body)
    answer = await call(quiet_house, method, path, body, await quiet_house.as_("admin"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text


TENANT_TABLES = [
    "account",
    "account_holder",
    "client",
    "idempotency_key",
    "log_in_failure",
    "log_in_session",
    "organisation",
    "refresh_token",
]


class TestRowLevelSecurity:
    """The second wall: with no filter in the query at all, nobody sees what is not his."""

    async def seen(self, house: House, context: Context) -> dict[str, int]:
        """Rows of each tenant table that an unfiltered select gives in `context`."""
        async with house.service.database.transaction(context) as session:
            return {t: await session.scalar(text(f"SELECT count(*) FROM {t}")) or 0 for t in TENANT_TABLES}

    async def furnish(self, house: House) -> Context:
        """Something in every table; the officer's context."""
        await house.log_in("officer")
        await house.log_in("approver")
        await house.try_log_in("nobody", "x")
        newcomer = await house.account("newcomer")
        assert (await house.admin_post(f"/accounts/{newcomer['id']}/password-resets")).is_success
        owners = {t: (await house.rows(f"SELECT count(*) AS n FROM {t}"))[0]["n"] for t in TENANT_TABLES}
        assert all(owners.values()), owners
        return Context((await house.account("officer"))["id"], "county", "63000")

    @pytest.mark.rule("ID-03")
    async def test_people_see_their_own(self, house):
        officer = await self.furnish(house)
        assert await self.seen(house, officer) == {
            "account": 1,
            "account_holder": 1,
            "client": 0,
            "idempotency_key": 0,
            "log_in_failure": 0,
            "log_in_session": 1,
            "organisation": 1,
            "refresh_token": 0,
        }

    @pytest.mark.rule("ID-03")
    @pytest.mark.parametrize(
        "context",
        [Context("anonymous", "none", "none"), Context.system("identity"), Context("", "", ""), Context("%", "%", "%")],
    )
    async def test_nobody_sees_nothing(self, house, context):
        await self.furnish(house)
        seen = await self.seen(house, context)
        assert set(seen.values()) == {0}, seen

    @pytest.mark.rule("ID-03")
    async def test_another_county_sees_nothing_of_this_one(self, house):
        await self.furnish(house)
        seen = await self.seen(house, Context(ID, "county", "65000"))
        assert {table for table, rows in seen.items() if rows} == {"organisation"}

    @pytest.mark.rule("ID-03")
    async def test_an_officer_cannot_touch_others_by_a_forgotten_filter(self, house):
        officer = await self.furnish(house)
        async with house.service.database.transaction(officer) as session:
            changed = await session.execute(text("UPDATE account SET active = false"))
            assert changed.rowcount == 1
            ended = await session.execute(text("DELETE FROM log_in_session"))
            assert ended.rowcount == 1
            await session.rollback()

    @pytest.mark.rule("ID-01")
    async def test_lock_outs_are_lifted_by_the_ministry_and_changed_by_nobody(self, house):
        officer = await self.furnish(house)
        for context, lifted in ((officer, 0), (Context(ID, "moi", "moi"), 1)):
            async with house.service.database.transaction(context) as session:
                changed = await session.execute(text("UPDATE log_in_failure SET failures = 1, locked_until = NULL"))
                assert changed.rowcount == 0
                gone = await session.execute(text("DELETE FROM log_in_failure"))
                assert gone.rowcount == lifted

    @pytest.mark.rule("ID-01")
    async def test_the_purpose_of_logging_in_is_audited_and_ends_with_its_transaction(self, house):
        await self.furnish(house)
        before = len(await house.rows("SELECT 1 FROM audit_entry WHERE action = 'purpose.log_in'"))
        async with logging_in(house.service.database) as session:
            assert await session.scalar(text("SELECT count(*) FROM account")) == 7
        assert len(await house.rows("SELECT 1 FROM audit_entry WHERE action = 'purpose.log_in'")) == before + 1
        assert (await self.seen(house, Context("anonymous", "none", "none")))["account"] == 0

    async def test_the_application_role_owns_nothing(self, house):
        async with house.service.database.transaction(Context("", "", "")) as session:
            flags = (
                await session.execute(
                    text(
                        "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = r.oid)"
                        " FROM pg_roles r WHERE rolname = current_user"
                    )
                )
            ).one()
        assert tuple(flags) == (False, False, 0)


@pytest.mark.rule("ID-01", "ID-04")
async def test_passwords_and_secrets_are_found_nowhere(house, monkeypatch):
    """Not in a log line, a table or an answer, on the happy path and off it; what is planted is found."""
    output = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)
        logs.configure("identity", "DEBUG")
    try:
        tokens = await house.log_in("officer")
        typed = ["wrong-Pa55word-logged", "typed-into-the-wrong-field", "the-next-Pa55word-2026", "wr0ng-secret"]
        change = {"current_password": house.passwords["officer"], "new_password": typed[2]}
        changed = await house.http.put("/identity/v1/me/password", json=change, headers=bearer(tokens["access_token"]))
        assert changed.status_code == 200
        refreshed = (await house.refresh(changed.json()["refresh_token"])).json()
        wrong_client = {"grant_type": "client_credentials", "client_id": "sis_ntu", "client_secret": typed[3]}
        malformed = {"username": "officer", "password": [typed[0]]}
        refusals = [
            await house.try_log_in("officer", typed[0]),
            await house.try_log_in(typed[1], "x"),
            await house.token(**wrong_client),
            await house.refresh(changed.json()["refresh_token"]),
            await house.http.post("/identity/v1/sessions", json=malformed),
        ]
        assert [a.status_code for a in refusals] == [401, 401, 401, 400, 422]
        answers = "".join(a.text for a in refusals)
        await house.as_client("sis_ntu")
        made = (await house.admin_post("/accounts", NEW)).json()
        rotated = (await house.admin_post("/clients/sis_ntu/secrets")).json()
        logging.getLogger("planted").warning("a leak: %s", typed[0])
        logs.get("planted").warning("a leak", of=typed[0])
    finally:
        logs.configure("identity", "WARNING")
    lines = output.getvalue().splitlines()
    needles = [*typed, house.passwords["officer"], house.secrets["sis_ntu"], made["initial_password"]]
    needles += [rotated["client_secret"], tokens["access_token"], tokens["refresh_token"], refreshed["refresh_token"]]
    planted = [line for line in lines if typed[0] in line]
    assert len(planted) == 2, "the planted leaks must be found, a library's and ours, and no other"
    logged = "\n".join(line for line in lines if line not in planted)
    assert "request" in logged
    tables = await house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    stored = ""
    for table in tables:
        rows = await house.rows(f'SELECT t::text AS row FROM "{table["tablename"]}" t')
        stored += "\n".join(row["row"] for row in rows)
    assert "taipei.lin" in stored
    for needle in needles:
        assert needle not in logged
        assert needle not in stored
        assert needle.encode().hex() not in stored
        assert needle not in answers
