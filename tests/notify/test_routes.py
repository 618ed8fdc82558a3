"""Who may see and do what (401, 403, 404), paging, and the walls behind the filter."""

import uuid

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from notify.messages import service
from notify.messages.routes import router
from shared.db import Context
from shared.openapi import roles_of
from tests.notify.support import account, batch, event, known, messages, send, sql, told, work
from tests.support.tokens import bearer, key

ADMIN = ("admin", "moi:moi")
AUDITOR = ("auditor", "moi:moi")
APPROVER = ("approver", "county:63000")


def _as(who: tuple[str, str], sub: str | None = None) -> dict[str, str]:
    return bearer(who[0], org=who[1], sub=sub)


@pytest.fixture
async def two(notify):
    """A mail to each of two approvers; their ids by recipient. Each has the same in the inbox, too."""
    await known(notify, account("approver1"), account("approver2"))
    await told(notify, "submitted")
    return {m["recipient"]: m["id"] for m in await messages(notify)}


ROUTES = [
    ("GET", "/notify/v1/messages"),
    ("GET", "/notify/v1/messages/{id}"),
    ("POST", "/notify/v1/messages/{id}/replay"),
    ("POST", "/internal/v1/events"),
]


async def _call(notify, method: str, path: str, headers: dict[str, str], **body):
    return await notify.http.request(method, path, headers=key() | headers, **body)


@pytest.mark.parametrize("method, path", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer x"}, bearer("admin", "service", org="moi:moi", iat=1, nbf=1, exp=2)],
    ids=["none", "broken", "expired"],
)
async def test_without_a_valid_token_nothing(notify, two, method, path, headers):
    body = {"json": event("submitted", batch())} if path.startswith("/internal") else {}
    answer = await _call(notify, method, path.format(id=two["approver1"]), headers, **body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("who", [APPROVER, AUDITOR, ("case_officer", "county:63000"), ("service", "service:roster")])
async def test_only_the_administrator_replays(notify, two, who):
    answer = await _call(notify, "POST", f"/notify/v1/messages/{two['approver1']}/replay", _as(who, "approver1"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("who", [ADMIN, APPROVER, ("school", "school:0003"), ("feed", "moi:moi")])
async def test_only_services_hand_events_in(notify, who):
    answer = await send(notify, event("submitted", batch()), **_as(who))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_one_sees_one_s_own_messages(notify, two):
    listed = await notify.http.get("/notify/v1/messages", headers=_as(APPROVER, "approver1"))
    assert {m["channel"]: m["recipient"] for m in listed.json()["items"]} == dict.fromkeys(
        ("email", "in_app"), "approver1"
    )
    assert two["approver1"] in [m["id"] for m in listed.json()["items"]]
    own = await notify.http.get(f"/notify/v1/messages/{two['approver1']}", headers=_as(APPROVER, "approver1"))
    assert own.status_code == 200
    assert "陳核人數：48 人" in own.json()["body"]


@pytest.mark.parametrize(
    "who, sub",
    [
        (APPROVER, "approver2"),
        (("approver", "county:65000"), "approver3"),
        (("school", "school:0003"), "s"),
        (("feed", "moi:moi"), "feed"),
        (("service", "service:roster"), "svc_roster"),
    ],
)
async def test_another_s_message_is_not_there(notify, two, who, sub):
    path = f"/notify/v1/messages/{two['approver1']}"
    seen = await notify.http.get(path, headers=_as(who, sub))
    absent = await notify.http.get(f"/notify/v1/messages/{uuid.uuid4()}", headers=_as(who, sub))
    assert (seen.status_code, absent.status_code) == (404, 404)
    assert {**seen.json(), "instance": ""} == {**absent.json(), "instance": ""}
    listed = await notify.http.get("/notify/v1/messages", headers=_as(who, sub))
    assert two["approver1"] not in [m["id"] for m in listed.json()["items"]]


@pytest.mark.parametrize("who", [ADMIN, AUDITOR])
async def test_overseers_see_all_but_not_the_text_and_it_is_noted(notify, two, who):
    listed = await notify.http.get("/notify/v1/messages?channel=email", headers=_as(who))
    assert {m["id"] for m in listed.json()["items"]} == set(two.values())
    shown = await notify.http.get(f"/notify/v1/messages/{two['approver1']}", headers=_as(who))
    assert shown.status_code == 200
    assert shown.json()["body"] is None
    async with notify.database.transaction(Context("x", "moi", "moi")) as session:
        noted = (
            await session.execute(
                text("SELECT entity_id FROM audit_entry WHERE action = 'purpose.oversee' ORDER BY id DESC LIMIT 2")
            )
        ).scalars()
        assert list(noted) == [two["approver1"], "messages"]


@pytest.mark.parametrize("path", ["/notify/v1/messages/nonsense", "/notify/v1/messages/A123456789"])
async def test_an_id_that_is_none_is_not_there(notify, path):
    assert (await notify.http.get(path, headers=_as(ADMIN))).status_code == 404


async def test_replaying_what_is_not_there(notify):
    answer = await _call(notify, "POST", f"/notify/v1/messages/{uuid.uuid4()}/replay", _as(ADMIN))
    assert answer.status_code == 404


async def test_a_replay_needs_its_key(notify, two):
    answer = await notify.http.post(f"/notify/v1/messages/{two['approver1']}/replay", headers=_as(ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_paging_shows_each_once_newest_first(notify):
    await known(notify, *(account(f"approver{n}") for n in range(3)))
    for _ in range(3):
        await told(notify, "submitted")
    seen, cursor = [], None
    while True:
        params = {"limit": 2, "channel": "email"} | ({"cursor": cursor} if cursor else {})
        page = (await notify.http.get("/notify/v1/messages", params=params, headers=_as(ADMIN))).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len({m["id"] for m in seen}) == len(seen) == 9
    assert [m["created_at"] for m in seen] == sorted((m["created_at"] for m in seen), reverse=True)


async def test_a_cursor_is_good_for_its_own_list_only(notify, two):
    page = (await notify.http.get("/notify/v1/messages?limit=1", headers=_as(ADMIN, "a1"))).json()
    for params, who in [
        ({"cursor": page["next_cursor"]}, _as(APPROVER, "approver1")),
        ({"cursor": page["next_cursor"]}, _as(ADMIN, "a2")),
        ({"cursor": page["next_cursor"], "state": "failed"}, _as(ADMIN, "a1")),
        ({"cursor": page["next_cursor"], "channel": "email"}, _as(ADMIN, "a1")),
        ({"cursor": "nonsense"}, _as(ADMIN, "a1")),
    ]:
        answer = await notify.http.get("/notify/v1/messages", params=params, headers=who)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    "query", ["state=lost", "channel=pigeon", "limit=0", "limit=201", "limit=x", f"cursor={'x' * 2001}"]
)
async def test_odd_parameters_are_named(notify, query):
    answer = await notify.http.get(f"/notify/v1/messages?{query}", headers=_as(ADMIN))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["column"] == query.partition("=")[0]


async def test_failed_is_the_dead_letter_list(notify, smtp, two):
    smtp.handler.rcpt = {"approver1@example.test": "550 unknown"}
    await work(notify, smtp)
    failed = (await notify.http.get("/notify/v1/messages?state=failed", headers=_as(ADMIN))).json()["items"]
    assert [m["recipient"] for m in failed] == ["approver1"]


# The walls behind the filter.

TABLES = ("account", "message", "attempt")


@pytest.mark.parametrize("table", TABLES)
async def test_without_context_a_table_gives_no_row(notify, smtp, two, table):
    await work(notify, smtp)
    async with notify.database.sessions() as session:
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0
    async with notify.database.transaction(Context.system("notify")) as session:
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0
    assert (await sql(notify, f"SELECT count(*) FROM {table}"))[0].count == (4 if table == "message" else 2)


@pytest.mark.parametrize("who", [APPROVER, ("feed", "moi:moi")])
async def test_with_the_filter_patched_away_the_database_shows_one_s_own_only(notify, two, who, monkeypatch):
    async def everybody(*_):
        return None

    monkeypatch.setattr(service, "_scope", everybody)
    listed = await notify.http.get("/notify/v1/messages", headers=_as(who, "approver1"))
    assert [m["recipient"] for m in listed.json()["items"]] == ["approver1"] * 2
    other = await notify.http.get(f"/notify/v1/messages/{two['approver2']}", headers=_as(who, "approver1"))
    assert other.status_code == 404


REFUSED = "row-level security|permission denied"
WRITES = [
    ("", "INSERT INTO account VALUES ('x', 'county', '63000', '{}', NULL, '', true, true, now())", REFUSED),
    ("deliver", "INSERT INTO account VALUES ('x', 'county', '63000', '{}', NULL, '', true, true, now())", REFUSED),
    ("oversee", "DELETE FROM message", REFUSED),
    ("deliver", "DELETE FROM attempt", REFUSED),
    ("deliver", "UPDATE audit_entry SET sub = 'x'", REFUSED),
]


@pytest.mark.parametrize("purpose, statement, refusal", WRITES)
async def test_writes_nobody_may_do(notify, purpose, statement, refusal):
    async with notify.database.transaction(Context.system("notify")) as session:
        await session.execute(text("SELECT set_config('app.purpose', :p, true)"), {"p": purpose})
        with pytest.raises(DBAPIError, match=refusal):
            await session.execute(text(statement))


@pytest.mark.parametrize("purpose", ["", "oversee", "directory"])
async def test_reading_is_not_changing(notify, two, purpose):
    async with notify.database.transaction(Context("approver1", "county", "63000")) as session:
        await session.execute(text("SELECT set_config('app.purpose', :p, true)"), {"p": purpose})
        changed = await session.execute(text("UPDATE message SET state = 'delivered', sent_at = now()"))
        assert changed.rowcount == 0


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "state = 'failed'",
        "failure = 'refused'",
        "state = 'sent'",
        "subject = E'a\\nBcc: b'",
        "required = true, state = 'failed', failure = 'opted_out'",
    ],
)
async def test_the_table_refuses_what_the_rules_do_not_know(notify, two, change):
    with pytest.raises(Exception, match="ck_message"):
        await sql(notify, f"UPDATE message SET {change}")


def test_the_roles_a_route_takes():
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    roles = {(m, route.path): roles_of(route) for route in routes for m in route.methods or ()}
    assert roles == {
        ("GET", "/notify/v1/messages"): (),
        ("GET", "/notify/v1/messages/{message_id}"): (),
        ("POST", "/notify/v1/messages/{message_id}/replay"): ("admin",),
    }
