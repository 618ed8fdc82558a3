"""Logging in, being locked out, the first password (ID-01, ID-03, ID-04)."""

import asyncio
import dataclasses
from collections import Counter
from datetime import timedelta

import asyncpg
import pytest
import time_machine
from fastapi import Request

from identity.passwords import Hasher
from local.databases import plain
from shared import clock
from shared.auth import Requires
from shared.principals import Org, Principal
from shared.problems import ProblemError
from shared.tokens import ROLES
from tests.identity.support import bearer, claims_of
from tests.support.services import running
from tests.support.tokens import ISSUER

WRONG = "not-the-password"


@pytest.mark.rule("ID-03", "ID-04")
async def test_a_log_in_gives_tokens_that_say_who_it_is(house):
    answer = await house.try_log_in("officer")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["must_change_password"]) == ("Bearer", 600, False)
    claims = claims_of(tokens["access_token"])
    assert claims["roles"] == ["case_officer"]
    assert claims["org"] == {"type": "county", "code": "63000"}
    assert (claims["iss"], claims["aud"], claims["acr"], claims["scope"]) == (ISSUER, "muster", "pwd", "")
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"].startswith(tokens["session_id"])
    assert "client_id" not in claims


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize("typed", ["OFFICER", "  officer  ", "Officer"])
async def test_a_user_name_is_read_as_people_type_it(house, typed):
    answer = await house.try_log_in(typed, house.passwords["officer"])
    assert answer.status_code == 200


@pytest.mark.rule("ID-01")
async def test_wrong_password_unknown_name_and_disabled_account_are_answered_alike(house):
    version = (await house.account("approver"))["version"]
    account = await house.account("approver")
    assert (await house.admin_patch(f"/accounts/{account['id']}", {"active": False}, version)).status_code == 200
    answers = [
        await house.try_log_in("officer", WRONG),
        await house.try_log_in("nobody", WRONG),
        await house.try_log_in("approver"),  # the right password
    ]
    assert {a.status_code for a in answers} == {401}
    assert answers[0].content == answers[1].content == answers[2].content
    assert [a.headers["www-authenticate"] for a in answers] == ["Bearer"] * 3


@pytest.mark.rule("ID-01")
async def test_an_unknown_name_costs_the_same_work(house, monkeypatch):
    hasher = house.service.app.state.hasher
    checked = []
    verify = hasher.verify

    async def noted(stored, typed):
        checked.append(stored)
        return await verify(stored, typed)

    monkeypatch.setattr(hasher, "verify", noted)
    await house.try_log_in("officer", WRONG)
    await house.try_log_in("nobody", WRONG)
    known, decoy = checked
    assert decoy == hasher.decoy != known
    # The same algorithm at the same cost: everything before the salt.
    assert known.split("$")[:4] == decoy.split("$")[:4]


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize("username", ["officer", "nobody"])
async def test_five_failures_lock_a_name_whether_or_not_it_exists(house, username):
    refused = [(await house.try_log_in(username, WRONG)).status_code for _ in range(5)]
    assert refused == [401] * 5
    locked = await house.try_log_in(username, house.passwords.get(username, WRONG))
    assert locked.status_code == 429
    assert locked.json()["code"] == "log_in_locked"
    assert 890 <= int(locked.headers["retry-after"]) <= 900


@pytest.mark.rule("ID-01")
async def test_a_lock_holds_across_a_restart_ends_by_itself_and_doubles(house):
    for _ in range(5):
        await house.try_log_in("officer", WRONG)
    body = {"username": "officer", "password": house.passwords["officer"]}
    async with running("identity", house.service.urls, keys=None) as other:
        assert (await other.http.post("/identity/v1/sessions", json=body)).status_code == 429
    with time_machine.travel(clock.now() + timedelta(minutes=15, seconds=1)):
        assert (await house.try_log_in("officer", WRONG)).status_code == 401
        again = await house.try_log_in("officer")
        assert again.status_code == 429
        assert 1_700 < int(again.headers["retry-after"]) <= 1_800
    with time_machine.travel(clock.now() + timedelta(minutes=46)):
        assert (await house.try_log_in("officer")).status_code == 200
        # A success forgets the failures: five more are allowed.
        assert (await house.try_log_in("officer", WRONG)).status_code == 401
        assert (await house.try_log_in("officer")).status_code == 200


@pytest.mark.rule("ID-01")
async def test_a_burst_of_guesses_gets_no_more_answers_than_the_limit(house):
    guesses = [house.try_log_in("officer", f"{WRONG}-{n}") for n in range(14)]
    answers = await asyncio.gather(*guesses, house.try_log_in("officer"))
    told = Counter(a.status_code for a in answers)
    # The holder's own log-in, if it came among the first, forgets the up to four failures before it.
    assert 5 <= told[401] <= (9 if told[200] else 5)
    assert told[401] + told[429] + told[200] == 15
    failures = await house.rows("SELECT failures FROM log_in_failure")
    assert [r["failures"] for r in failures] in ([5], [])


@pytest.mark.rule("ID-01")
async def test_many_log_ins_at_once_with_the_right_password_all_succeed(house):
    answers = await asyncio.gather(*(house.try_log_in("officer") for _ in range(8)))
    assert {a.status_code for a in answers} == {200}


@pytest.mark.rule("ID-01")
async def test_a_full_line_of_hashing_is_answered_at_once(house, monkeypatch):
    monkeypatch.setattr(house.service.app.state.hasher, "_queue", 0)
    answer = await house.try_log_in("officer")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


@pytest.mark.rule("ID-01")
async def test_forgotten_failures_are_removed(house):
    await house.try_log_in("nobody", WRONG)
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        await house.try_log_in("nobody_else", WRONG)
    assert len(await house.rows("SELECT 1 FROM log_in_failure")) == 1


@pytest.mark.rule("ID-01")
async def test_a_failure_tidies_up_a_little_and_waits_for_nobody(house):
    await house.rows(
        "INSERT INTO log_in_failure SELECT sha256(n::text::bytea), 1, now() - interval '25 hours', NULL"
        " FROM generate_series(1, 250) n"
    )
    other = await asyncpg.connect(plain(house.service.urls.owner))
    try:
        # Somebody else is at work on 200 of them.
        locking = other.transaction()
        await locking.start()
        await other.execute("SELECT 1 FROM log_in_failure ORDER BY last_failed_at, name_index LIMIT 200 FOR UPDATE")
        async with asyncio.timeout(20):
            assert (await house.try_log_in("nobody", WRONG)).status_code == 401
        await locking.rollback()
    finally:
        await other.close()
    left = [201]
    for n in range(3):
        await house.try_log_in(f"nobody_{n}", WRONG)
        left.append((await house.rows("SELECT count(*) AS n FROM log_in_failure"))[0]["n"])
    # 100 at a time, and each failure adds its own.
    assert left == [201, 102, 3, 4]


@pytest.mark.rule("ID-01")
async def test_made_up_names_leave_no_audit_row_real_ones_do(house):
    before = await house.rows("SELECT 1 FROM audit_entry")
    for n in range(3):
        assert (await house.try_log_in(f"nobody_{n}", WRONG)).status_code == 401
    assert len(await house.rows("SELECT 1 FROM log_in_failure")) == 3
    assert len(await house.rows("SELECT 1 FROM audit_entry")) == len(before)
    await house.try_log_in("officer", WRONG)
    rows = await house.rows("SELECT action, entity_id FROM audit_entry ORDER BY id")
    officer = (await house.account("officer"))["id"]
    assert [tuple(r) for r in rows[len(before) :]] == [("purpose.log_in", "log_in"), ("log_in.refused", officer)]


@pytest.mark.rule("ID-01")
async def test_a_hash_of_older_cost_is_renewed_at_log_in(house):
    async with running("identity", house.service.urls, keys=None) as other:
        other.app.state.hasher = Hasher("full")
        body = {"username": "officer", "password": house.passwords["officer"]}
        assert (await other.http.post("/identity/v1/sessions", json=body)).status_code == 200
    [row] = await house.rows("SELECT password_hash FROM account WHERE username = 'officer'")
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, 64 MiB
    assert (await house.try_log_in("officer")).status_code == 200


@pytest.mark.rule("ID-01")
def asked_by(principal: Principal) -> Request:
    """A request whose token was verified already."""
    return Request({"type": "http", "headers": [], "state": {"principal": principal}})


class TestFirstPassword:
    """Who was handed a password changes it before anything else."""

    async def test_the_token_opens_nothing_else(self, house):
        tokens = await house.log_in("newcomer")
        assert tokens["must_change_password"] is True
        assert claims_of(tokens["access_token"])["scope"] == "password_change"
        headers = bearer(tokens["access_token"])
        refused = await house.http.patch(
            "/identity/v1/me", json={"phone": "02-12345678"}, headers={**headers, "If-Match": '"1"'}
        )
        assert refused.status_code == 403
        assert refused.json()["code"] == "password_change_required"
        # What he needs to know and to leave stays open.
        me = await house.http.get("/identity/v1/me", headers=headers)
        assert me.json()["must_change_password"] is True
        assert (await house.http.get("/identity/v1/sessions", headers=headers)).status_code == 200

    @pytest.mark.parametrize("role", sorted(ROLES))
    async def test_no_service_takes_it_whatever_the_role(self, role):
        org = Org("school", "0003")
        somebody = Principal("somebody", frozenset({role}), org, frozenset({"password_change"}), "pwd", "j", False)
        for gate in (Requires(role), Requires()):
            with pytest.raises(ProblemError, match="403 password_change_required"):
                await gate(asked_by(somebody))
        assert await Requires(role, before_password_change=True)(asked_by(somebody)) is somebody
        grown = dataclasses.replace(somebody, scope=frozenset())
        assert await Requires(role)(asked_by(grown)) is grown

    async def test_refreshing_does_not_lift_it(self, house):
        tokens = await house.log_in("newcomer")
        again = (await house.refresh(tokens["refresh_token"])).json()
        assert again["must_change_password"] is True
        assert claims_of(again["access_token"])["scope"] == "password_change"

    async def test_changing_it_opens_everything(self, house):
        tokens = await house.log_in("newcomer")
        changed = await house.http.put(
            "/identity/v1/me/password",
            json={"current_password": house.passwords["newcomer"], "new_password": "a-better-one-2026"},
            headers=bearer(tokens["access_token"]),
        )
        assert changed.status_code == 200, changed.text
        assert changed.json()["must_change_password"] is False
        fresh = bearer(changed.json()["access_token"])
        me = await house.http.get("/identity/v1/me", headers=fresh)
        patched = await house.http.patch(
            "/identity/v1/me", json={"phone": "02-12345678"}, headers={**fresh, "If-Match": me.headers["etag"]}
        )
        assert patched.status_code == 200
        assert (await house.try_log_in("newcomer")).status_code == 401
        assert (await house.try_log_in("newcomer", "a-better-one-2026")).json()["must_change_password"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b'{"username": "officer"}', 422),
        (b'{"username": "officer", "password": ""}', 422),
        (b'{"username": "officer", "password": 12345678901234}', 422),
        (b'{"username": ["officer"], "password": "x"}', 422),
        (b'{"username": "officer", "password": "x", "admin": true}', 422),
        (b'{"username": "officer", "username": "admin", "password": "x"}', 400),
        (b'{"username": "officer\\u0000", "password": "x"}', 400),
        (b'{"username": "\\ud800", "password": "x"}', 400),
        (b'{"username": "\xff", "password": "x"}', 400),
        (b'{"username": "' + b"x" * 201 + b'", "password": "x"}', 422),
        (b'{"username": "officer", "password": "' + b"x" * 129 + b'"}', 422),
        (b'{"username": "officer", "password": "' + b"x" * 10_000 + b'"}', 413),
        (b'{"username": "x\' OR 1=1 --", "password": "x"}', 401),
        ('{"username": "ｏｆｆｉｃｅｒ", "password": "x"}'.encode(), 401),
    ],
)
async def test_hostile_log_ins(quiet_house, body, status):
    sessions = await quiet_house.rows("SELECT id FROM log_in_session ORDER BY id")
    answer = await quiet_house.http.post(
        "/identity/v1/sessions", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    assert "officer" not in answer.text
    assert await quiet_house.rows("SELECT id FROM log_in_session ORDER BY id") == sessions


async def test_a_log_in_takes_json_only(quiet_house):
    answer = await quiet_house.http.post("/identity/v1/sessions", data={"username": "officer", "password": "x"})
    assert answer.status_code == 415
