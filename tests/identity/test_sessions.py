"""Staying logged in, being logged out, changing the password (ID-01, ID-02, ID-04)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine

from shared import clock
from tests.identity.support import House, bearer, claims_of


async def is_open(house: House, tokens: dict[str, Any]) -> bool:
    """Whether identity still takes the access token."""
    answer = await house.http.get("/identity/v1/me", headers=bearer(tokens["access_token"]))
    assert answer.status_code in (200, 401)
    return bool(answer.status_code == 200)


@pytest.mark.rule("ID-04")
async def test_a_refresh_token_is_used_once_for_the_next(house):
    first = await house.log_in("officer")
    answer = await house.refresh(first["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["session_id"] == first["session_id"]
    assert claims_of(second["access_token"])["sub"] == claims_of(first["access_token"])["sub"]
    assert (await house.refresh(second["refresh_token"])).status_code == 200


@pytest.mark.rule("ID-04")
async def test_reuse_of_an_old_one_revokes_the_family(house):
    first = await house.log_in("officer")
    bystander = await house.log_in("officer")
    second = (await house.refresh(first["refresh_token"])).json()
    third = (await house.refresh(second["refresh_token"])).json()
    reused = await house.refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    # The thief's or the owner's, nobody can tell: the newest of the family is dead too, and its access token here.
    assert (await house.refresh(third["refresh_token"])).json()["error"] == "invalid_grant"
    assert not await is_open(house, third)
    # Another log-in of the same person is another family.
    assert await is_open(house, bystander)
    assert (await house.refresh(bystander["refresh_token"])).status_code == 200
    [row] = await house.rows("SELECT * FROM log_in_session WHERE ended_at IS NOT NULL")
    assert row["end_reason"] == "refresh_reuse"


@pytest.mark.rule("ID-04")
async def test_the_same_token_fired_twice_at_once_wins_at_most_once_and_ends_the_session(house):
    tokens = await house.log_in("officer")
    answers = await asyncio.gather(*(house.refresh(tokens["refresh_token"]) for _ in range(6)))
    won = [a.json() for a in answers if a.status_code == 200]
    assert len(won) == 1
    assert {a.json()["error"] for a in answers if a.status_code != 200} == {"invalid_grant"}
    assert (await house.refresh(won[0]["refresh_token"])).status_code == 400


@pytest.mark.rule("ID-04")
async def test_idle_and_old_sessions_end(house):
    tokens = await house.log_in("officer")
    start = clock.now()
    with time_machine.travel(start + timedelta(hours=2, seconds=1)):
        assert (await house.refresh(tokens["refresh_token"])).status_code == 400
    token = tokens["refresh_token"]
    for minutes in range(110, 720, 110):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            token = (await house.refresh(token)).json()["refresh_token"]
    with time_machine.travel(start + timedelta(hours=12, seconds=1)):
        assert (await house.refresh(token)).status_code == 400


@pytest.mark.rule("ID-01")
async def test_sessions_are_listed_and_revoked(house):
    here, there = await house.log_in("officer"), await house.log_in("officer")
    await house.log_in("approver")
    headers = bearer(here["access_token"])
    listed = (await house.http.get("/identity/v1/sessions", headers=headers)).json()["items"]
    assert [(s["id"], s["current"]) for s in listed] == [(there["session_id"], False), (here["session_id"], True)]
    assert all(s["user_agent"].startswith("python-httpx") for s in listed)
    ended = await house.http.delete(f"/identity/v1/sessions/{there['session_id']}", headers=headers)
    assert (ended.status_code, ended.content) == (204, b"")
    assert not await is_open(house, there)
    assert (await house.refresh(there["refresh_token"])).status_code == 400
    assert await is_open(house, here)
    again = await house.http.delete(f"/identity/v1/sessions/{there['session_id']}", headers=headers)
    assert again.status_code == 204


@pytest.mark.rule("ID-01")
async def test_logging_out_is_ending_ones_own(house):
    tokens = await house.log_in("officer")
    path = f"/identity/v1/sessions/{tokens['session_id']}"
    assert (await house.http.delete(path, headers=bearer(tokens["access_token"]))).status_code == 204
    after = await house.http.get("/identity/v1/me", headers=bearer(tokens["access_token"]))
    assert after.status_code == 401
    assert after.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.rule("ID-01")
async def test_another_persons_session_is_not_there(house):
    theirs = await house.log_in("approver")
    headers = await house.as_("officer")
    missing = [
        await house.http.delete(f"/identity/v1/sessions/{session_id}", headers=headers)
        for session_id in (theirs["session_id"], uuid4(), "not-an-id")
    ]
    assert {a.status_code for a in missing} == {404}
    assert len({a.text.replace(a.json()["instance"], "") for a in missing}) == 1
    assert await is_open(house, theirs)


@pytest.mark.rule("ID-01")
async def test_sessions_long_over_are_forgotten(house):
    tokens = await house.log_in("officer")
    with time_machine.travel(clock.now() + timedelta(days=31)):
        await house.log_in("officer")
    assert await house.rows("SELECT 1 FROM log_in_session WHERE id = $1", tokens["session_id"]) == []
    assert len(await house.rows("SELECT 1 FROM refresh_token")) == 1


@pytest.mark.rule("ID-01")
async def test_what_a_browser_calls_itself_cannot_do_harm(house):
    body = {"username": "officer", "password": house.passwords["officer"]}
    agent = ("Mozilla \x1b[31m\x7f" + "x" * 500).encode()
    tokens = await house.http.post("/identity/v1/sessions", json=body, headers={"User-Agent": agent})
    headers = bearer(tokens.json()["access_token"])
    [listed] = (await house.http.get("/identity/v1/sessions", headers=headers)).json()["items"]
    assert listed["user_agent"].startswith("Mozilla [31mxxx")
    assert len(listed["user_agent"]) == 200


class TestPassword:
    """Changing one's own password."""

    async def change(self, house: House, tokens: dict[str, Any], old: str, new: str) -> httpx.Response:
        return await house.http.put(
            "/identity/v1/me/password",
            json={"current_password": old, "new_password": new},
            headers=bearer(tokens["access_token"]),
        )

    @pytest.mark.rule("ID-01", "ID-02")
    async def test_it_ends_every_session_and_opens_a_new_one(self, house):
        here, there = await house.log_in("officer"), await house.log_in("officer")
        answer = await self.change(house, here, house.passwords["officer"], "another-good-one")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        for old in (here, there):
            assert not await is_open(house, old)
            assert (await house.refresh(old["refresh_token"])).status_code == 400
        assert await is_open(house, answer.json())
        assert (await house.try_log_in("officer")).status_code == 401
        assert (await house.try_log_in("officer", "another-good-one")).status_code == 200

    @pytest.mark.rule("ID-01")
    @pytest.mark.parametrize(
        ("new", "code"),
        [
            ("Kq7!z", "password_too_short"),
            ("x" * 200, "password_too_long"),
            ("officer-officer", "password_holds_username"),
        ],
    )
    async def test_weak_ones_are_refused_without_being_repeated(self, house, new, code):
        tokens = await house.log_in("officer")
        answer = await self.change(house, tokens, house.passwords["officer"], new)
        assert answer.status_code == 422
        assert code in {e["code"] for e in answer.json()["errors"]}
        assert {e["pointer"] for e in answer.json()["errors"]} == {"/new_password"}
        assert new not in answer.text
        assert await is_open(house, tokens)

    @pytest.mark.rule("ID-01")
    async def test_the_same_one_again_is_refused(self, house):
        tokens = await house.log_in("officer")
        old = house.passwords["officer"]
        answer = await self.change(house, tokens, old, old)
        assert [e["code"] for e in answer.json()["errors"]] == ["password_unchanged"]

    @pytest.mark.rule("ID-01")
    async def test_a_stolen_token_cannot_be_used_to_guess_the_password(self, house):
        tokens = await house.log_in("officer")
        for n in range(5):
            answer = await self.change(house, tokens, f"guess-{n}", "another-good-one")
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "password_wrong")
        answer = await self.change(house, tokens, house.passwords["officer"], "another-good-one")
        assert answer.status_code == 429
        # The same count as at the door.
        assert (await house.try_log_in("officer")).status_code == 429

    @pytest.mark.rule("ID-02")
    async def test_systems_have_none(self, house):
        headers = await house.as_client("sis_ntu")
        body = {"current_password": "x", "new_password": "another-good-one"}
        answer = await house.http.put("/identity/v1/me/password", json=body, headers=headers)
        assert answer.status_code == 403
