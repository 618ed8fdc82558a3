"""Accounts: one's own, and everybody's for administrators (ID-01, ID-02, ID-03)."""

import base64
import json
from typing import Any

import pytest

from shared import crypto
from tests.identity.support import NEW, House, bearer
from tests.support.tokens import key


async def told(house: House) -> list[dict[str, Any]]:
    """The data of every event in the outbox, in order."""
    rows = await house.rows("SELECT payload FROM job WHERE kind = 'event.deliver' ORDER BY id")
    events = [json.loads(row["payload"]) for row in rows]
    assert {(e["to"], e["event"]["type"]) for e in events} == {("notify", "muster.identity.account.changed.v1")}
    return [json.loads(crypto.ring().decrypt(base64.b64decode(e["sealed"]), "job.payload")) for e in events]


class TestMe:
    """個人帳號維護: everybody keeps his or her own account."""

    @pytest.mark.rule("ID-02")
    async def test_one_sees_oneself(self, quiet_house):
        answer = await quiet_house.http.get("/identity/v1/me", headers=await quiet_house.as_("approver"))
        assert answer.headers["etag"] == '"1"'
        me = answer.json()
        assert me["org"] == {
            "type": "county",
            "code": "63000",
            "name": "臺北市政府",
            "name_en": "Taipei City Government",
            "version": 1,
        }
        assert (me["username"], me["display_name"], me["roles"]) == ("approver", "王志明", ["approver"])
        assert (me["email"], me["phone"], me["system_mail"]) == ("approver@example.test", None, False)

    @pytest.mark.rule("ID-02")
    async def test_one_changes_oneself_and_notify_is_told(self, house):
        headers = await house.as_("officer")
        before = len(await told(house))
        change = {"phone": "02-27208889", "email": "meiling@taipei.example", "system_mail": False}
        answer = await house.http.patch("/identity/v1/me", json=change, headers={**headers, "If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == '"2"'
        assert {k: answer.json()[k] for k in change} == change
        [event] = (await told(house))[before:]
        assert event == {
            "sub": answer.json()["sub"],
            "roles": ["case_officer"],
            "org_type": "county",
            "org_code": "63000",
            "email": "meiling@taipei.example",
            "display_name": "陳美玲",
            "system_mail": False,
            "active": True,
        }

    @pytest.mark.rule("ID-02")
    async def test_a_corrected_name_stands_in_the_history(self, house):
        headers = {**await house.as_("officer"), "If-Match": '"1"'}
        assert (
            await house.http.patch("/identity/v1/me", json={"display_name": "陳美伶"}, headers=headers)
        ).status_code == 200
        account = await house.account("officer")
        holders = await house.http.get(
            f"/identity/v1/accounts/{account['id']}/holders", headers=await house.as_("auditor")
        )
        assert [(h["display_name"], h["reason"], h["by_sub"]) for h in holders.json()["items"]] == [
            ("陳美玲", "created", "identity.seed"),
            ("陳美伶", "corrected", account["id"]),
        ]

    @pytest.mark.rule("ID-02")
    async def test_a_phone_can_be_taken_back_a_name_cannot(self, house):
        headers = await house.as_("officer")
        await house.http.patch("/identity/v1/me", json={"phone": "02-27208889"}, headers={**headers, "If-Match": '"1"'})
        gone = await house.http.patch("/identity/v1/me", json={"phone": None}, headers={**headers, "If-Match": '"2"'})
        assert (gone.status_code, gone.json()["phone"]) == (200, None)
        kept = await house.http.patch(
            "/identity/v1/me", json={"display_name": None}, headers={**headers, "If-Match": '"3"'}
        )
        assert (kept.status_code, kept.json()["errors"][0]["pointer"]) == (422, "/display_name")

    @pytest.mark.rule("ID-02", "ID-03")
    @pytest.mark.parametrize("member", ["roles", "org", "username", "active", "must_change_password", "password"])
    async def test_nobody_gives_himself_more(self, quiet_house, member):
        headers = {**await quiet_house.as_("officer"), "If-Match": '"1"'}
        answer = await quiet_house.http.patch("/identity/v1/me", json={member: ["admin"]}, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "extra_forbidden"

    @pytest.mark.rule("ID-02")
    @pytest.mark.parametrize(
        ("seen", "status"), [(None, 428), ('"7"', 412), ("x", 400), ('"99999999999999999999"', 400)]
    )
    async def test_the_version_seen_must_be_told(self, quiet_house, seen, status):
        headers = await quiet_house.as_("officer") | ({} if seen is None else {"If-Match": seen})
        answer = await quiet_house.http.patch("/identity/v1/me", json={"system_mail": False}, headers=headers)
        assert answer.status_code == status

    @pytest.mark.rule("ID-02")
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"email": "not-an-address"}, "/email"),
            ({"email": "a@b.example\r\nBcc: everybody@example.test"}, "/email"),
            ({"email": "兵役@taipei.example"}, "/email"),
            ({"email": "a" * 250 + "@b.example"}, "/email"),
            ({"phone": "=cmd|' /C calc'!A0"}, "/phone"),
            ({"display_name": ""}, "/display_name"),
            ({"display_name": "陳\n美玲"}, "/display_name"),
            ({"display_name": " 陳美玲"}, "/display_name"),
            ({"display_name": "陳" * 10_000}, "/display_name"),
            ({"display_name": 5}, "/display_name"),
            ({"system_mail": "yes"}, "/system_mail"),
            ({"system_mail": 1}, "/system_mail"),
        ],
    )
    async def test_hostile_changes(self, quiet_house, change, pointer):
        headers = {**await quiet_house.as_("officer"), "If-Match": '"1"'}
        answer = await quiet_house.http.patch("/identity/v1/me", json=change, headers=headers)
        assert answer.status_code == 422, answer.text
        assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
        [value] = change.values()
        assert not isinstance(value, str) or not value or value not in answer.text
        assert (await quiet_house.account("officer"))["version"] == 1

    async def test_names_are_kept_as_received(self, house):
        headers = {**await house.as_("officer"), "If-Match": '"1"'}
        for version, name in enumerate(["堃喆峯", "𠮷田", "é", "é", "Mayaw Biho", "=1+1"], 1):
            headers["If-Match"] = f'"{version}"'
            answer = await house.http.patch("/identity/v1/me", json={"display_name": name}, headers=headers)
            assert answer.json()["display_name"] == name


class TestCreate:
    """An administrator creates accounts and hands out their first password."""

    @pytest.mark.rule("ID-01", "ID-03")
    async def test_from_creation_to_work(self, house):
        made = await house.admin_post("/accounts", NEW)
        assert made.status_code == 201, made.text
        account = made.json()
        assert made.headers["location"] == f"/identity/v1/accounts/{account['id']}"
        assert account["must_change_password"] is True
        password = account["initial_password"]
        assert len(password) == 20
        found = await house.http.get(made.headers["location"], headers=await house.as_("admin"))
        assert found.json() == {k: v for k, v in account.items() if k != "initial_password"}
        tokens = (await house.try_log_in("taipei.lin", password)).json()
        assert tokens["must_change_password"] is True
        changed = await house.http.put(
            "/identity/v1/me/password",
            json={"current_password": password, "new_password": "a-better-one-2026"},
            headers=bearer(tokens["access_token"]),
        )
        assert changed.status_code == 200
        assert (await told(house))[-1]["sub"] == account["id"]

    @pytest.mark.rule("ID-03")
    @pytest.mark.parametrize(
        ("change", "pointer", "code"),
        [
            ({"roles": ["school"]}, "/roles", "role_not_of_organisation"),
            ({"roles": ["service"]}, "/roles", "role_not_of_organisation"),
            ({"roles": []}, "/roles", "too_short"),
            ({"roles": ["root"]}, "/roles/0", "literal_error"),
            ({"org": {"type": "county", "code": "64000"}}, "/org", "organisation_unknown"),
            ({"org": {"type": "planet", "code": "63000"}}, "/org/type", "literal_error"),
            ({"username": "Taipei Lin"}, "/username", "string_pattern_mismatch"),
            ({"username": "ab"}, "/username", "string_pattern_mismatch"),
            ({"password": "chosen-by-the-administrator"}, "/password", "extra_forbidden"),
        ],
    )
    async def test_what_cannot_be(self, quiet_house, change, pointer, code):
        answer = await quiet_house.admin_post("/accounts", {**NEW, **change})
        assert answer.status_code == 422, answer.text
        assert (pointer, code) in {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
        assert await quiet_house.rows("SELECT 1 FROM account WHERE username = 'taipei.lin'") == []

    async def test_a_name_that_is_taken(self, quiet_house):
        answer = await quiet_house.admin_post("/accounts", {**NEW, "username": "officer"})
        assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")

    async def test_sent_twice_is_done_once(self, house):
        headers = {**await house.as_("admin"), **key()}
        first = await house.http.post("/identity/v1/accounts", json=NEW, headers=headers)
        again = await house.http.post("/identity/v1/accounts", json=NEW, headers=headers)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
        assert again.content == first.content
        other = await house.http.post("/identity/v1/accounts", json={**NEW, "phone": None}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        without = await house.http.post("/identity/v1/accounts", json=NEW, headers=await house.as_("admin"))
        assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")


class TestChange:
    """What an administrator does to accounts that exist."""

    @pytest.mark.rule("ID-01", "ID-03")
    async def test_a_disabled_account_is_out_at_once_and_comes_back(self, house):
        tokens = await house.log_in("officer")
        account = await house.account("officer")
        path = f"/accounts/{account['id']}"
        answer = await house.admin_patch(path, {"active": False}, account["version"])
        assert (answer.status_code, answer.json()["active"], answer.headers["etag"]) == (200, False, '"2"')
        assert (await house.http.get("/identity/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401
        assert (await house.refresh(tokens["refresh_token"])).status_code == 400
        assert (await house.try_log_in("officer")).status_code == 401
        assert (await told(house))[-1]["active"] is False
        assert (await house.admin_patch(path, {"active": True}, 2)).status_code == 200
        assert (await house.try_log_in("officer")).status_code == 200
        # What was over stays over.
        assert (await house.refresh(tokens["refresh_token"])).status_code == 400

    @pytest.mark.rule("ID-03")
    async def test_other_roles_ask_for_another_log_in(self, house):
        tokens = await house.log_in("officer")
        account = await house.account("officer")
        answer = await house.admin_patch(f"/accounts/{account['id']}", {"roles": ["case_officer", "approver"]}, 1)
        assert answer.json()["roles"] == ["case_officer", "approver"]
        assert (await house.refresh(tokens["refresh_token"])).status_code == 400
        assert (await told(house))[-1]["roles"] == ["case_officer", "approver"]

    @pytest.mark.rule("ID-03")
    async def test_roles_must_fit(self, quiet_house):
        account = await quiet_house.account("officer")
        answer = await quiet_house.admin_patch(f"/accounts/{account['id']}", {"roles": ["admin"]}, 1)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "role_not_of_organisation")

    async def test_a_change_of_address_ends_no_session(self, house):
        tokens = await house.log_in("officer")
        account = await house.account("officer")
        answer = await house.admin_patch(f"/accounts/{account['id']}", {"email": "new@taipei.example"}, 1)
        assert answer.status_code == 200
        assert (await house.refresh(tokens["refresh_token"])).status_code == 200

    @pytest.mark.rule("ID-02")
    async def test_hand_over(self, house):
        before = await house.log_in("officer")
        account = await house.account("officer")
        successor = {"display_name": "林志豪", "email": "lin@taipei.example", "phone": "02-27208889"}
        answer = await house.admin_post(f"/accounts/{account['id']}/hand-overs", successor, **{"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        post = answer.json()
        # The post stays the post; its holder, address and password do not.
        assert (post["id"], post["username"], post["roles"]) == (account["id"], "officer", ["case_officer"])
        assert {k: post[k] for k in successor} == successor
        assert (await house.refresh(before["refresh_token"])).status_code == 400
        assert (await house.try_log_in("officer")).status_code == 401
        assert (await house.try_log_in("officer", post["initial_password"])).json()["must_change_password"] is True
        assert (await told(house))[-1]["display_name"] == "林志豪"
        holders = await house.http.get(
            f"/identity/v1/accounts/{account['id']}/holders", headers=await house.as_("auditor")
        )
        first, second = holders.json()["items"]
        assert (first["display_name"], first["reason"], first["until"]) == ("陳美玲", "created", second["since"])
        assert (second["display_name"], second["reason"], second["until"]) == ("林志豪", "handed_over", None)
        assert second["by_sub"] == (await house.account("admin"))["id"]

    @pytest.mark.rule("ID-02")
    async def test_the_history_cannot_be_rewritten(self, house):
        for statement in ("UPDATE account_holder SET by_sub = 'x'", "DELETE FROM account_holder"):
            with pytest.raises(Exception, match="never changed"):
                await house.rows(statement)

    @pytest.mark.rule("ID-01")
    async def test_reset_password(self, house):
        before = await house.log_in("officer")
        account = await house.account("officer")
        answer = await house.admin_post(f"/accounts/{account['id']}/password-resets")
        assert answer.status_code == 200, answer.text
        assert (await house.refresh(before["refresh_token"])).status_code == 400
        assert (await house.try_log_in("officer")).status_code == 401
        fresh = await house.try_log_in("officer", answer.json()["initial_password"])
        assert fresh.json()["must_change_password"] is True

    @pytest.mark.rule("ID-01")
    @pytest.mark.parametrize("act", ["hand-overs", "password-resets"])
    async def test_a_new_password_lifts_the_lock_out(self, house, act):
        for _ in range(5):
            await house.try_log_in("officer", "not-the-password")
            await house.try_log_in("approver", "not-the-password")
        assert (await house.try_log_in("officer")).status_code == 429
        account = await house.account("officer")
        body = {"display_name": "林志豪", "email": "lin@taipei.example"} if act == "hand-overs" else None
        answer = await house.admin_post(f"/accounts/{account['id']}/{act}", body, **{"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        assert (await house.try_log_in("officer", answer.json()["initial_password"])).status_code == 200
        # Nobody else's.
        assert (await house.try_log_in("approver")).status_code == 429

    @pytest.mark.rule("ID-01")
    @pytest.mark.parametrize("act", ["accounts", "hand-overs", "password-resets"])
    async def test_while_a_password_is_hashed_no_connection_is_held(self, house, monkeypatch, act):
        account = await house.account("officer")
        await house.as_("admin")
        hasher = house.service.app.state.hasher
        held = []
        hash_ = hasher.hash

        async def noted(password):
            held.append(house.service.database.engine.pool.checkedout())
            return await hash_(password)

        monkeypatch.setattr(hasher, "hash", noted)
        path = "/accounts" if act == "accounts" else f"/accounts/{account['id']}/{act}"
        successor = {"display_name": "林志豪", "email": "lin@taipei.example"}
        body = {"accounts": NEW, "hand-overs": successor}.get(act)
        answer = await house.admin_post(path, body, **{"If-Match": '"1"'})
        assert answer.is_success, answer.text
        assert held == [0]

    @pytest.mark.rule("ID-03")
    async def test_administrators_do_not_administer_themselves(self, quiet_house):
        account = await quiet_house.account("admin")
        path = f"/accounts/{account['id']}"
        successor = {"display_name": "林志豪", "email": "lin@taipei.example"}
        refused = [
            await quiet_house.admin_patch(path, {"active": False}, 1),
            await quiet_house.admin_post(f"{path}/hand-overs", successor, **{"If-Match": '"1"'}),
            await quiet_house.admin_post(f"{path}/password-resets"),
        ]
        assert [(a.status_code, a.json()["code"]) for a in refused] == [(409, "own_account")] * 3

    @pytest.mark.rule("ID-03")
    async def test_a_disabled_administrator_cannot_go_on_with_his_token(self, house):
        second = await house.as_("admin_2")
        account = await house.account("admin_2")
        assert (await house.admin_patch(f"/accounts/{account['id']}", {"active": False}, 1)).status_code == 200
        answer = await house.http.post("/identity/v1/accounts", json=NEW, headers={**second, **key()})
        assert answer.status_code == 401

    async def test_two_administrators_at_once_do_not_overwrite_each_other(self, house):
        account = await house.account("officer")
        path = f"/accounts/{account['id']}"
        assert (await house.admin_patch(path, {"phone": "02-11111111"}, 1)).status_code == 200
        late = await house.admin_patch(path, {"phone": "02-22222222"}, 1)
        assert (late.status_code, late.headers["etag"]) == (412, '"2"')


class TestList:
    """Lists of accounts, for administrators and auditors."""

    async def test_pages_follow_each_other(self, quiet_house):
        headers = await quiet_house.as_("auditor")
        names: list[str] = []
        path: str | None = "/identity/v1/accounts?limit=3"
        while path:
            answer = await quiet_house.http.get(path, headers=headers)
            names += [item["username"] for item in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else None
            assert (path is None) == (answer.json()["next_cursor"] is None)
        assert names == ["admin", "admin_2", "approver", "auditor", "newcomer", "officer", "other_officer"]

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("org_type=county", ["approver", "officer", "other_officer"]),
            ("org_type=county&org_code=63000", ["approver", "officer"]),
            ("role=case_officer", ["officer", "other_officer"]),
            ("role=approver&org_code=65000", []),
            ("active=false", []),
        ],
    )
    async def test_filters(self, quiet_house, query, names):
        answer = await quiet_house.http.get(f"/identity/v1/accounts?{query}", headers=await quiet_house.as_("auditor"))
        assert [item["username"] for item in answer.json()["items"]] == names

    async def test_a_cursor_belongs_to_its_list(self, quiet_house):
        headers = await quiet_house.as_("auditor")
        page = (await quiet_house.http.get("/identity/v1/accounts?limit=1", headers=headers)).json()
        for path in (
            f"/identity/v1/accounts?cursor={page['next_cursor']}&org_type=county",
            f"/identity/v1/clients?cursor={page['next_cursor']}",
            f"/identity/v1/accounts?cursor={page['next_cursor'][:-4]}",
            "/identity/v1/accounts?cursor=",
            "/identity/v1/accounts?cursor=AAAAAAAAAAAAAAAA",
            "/identity/v1/accounts?cursor=%E5%85%B5",
        ):
            answer = await quiet_house.http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), path

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "role=root", "org_type=planet", "active=7"])
    async def test_hostile_queries(self, quiet_house, query):
        answer = await quiet_house.http.get(f"/identity/v1/accounts?{query}", headers=await quiet_house.as_("auditor"))
        assert answer.status_code == 422
