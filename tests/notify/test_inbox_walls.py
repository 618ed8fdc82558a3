"""Nobody looks into another's inbox, and nobody changes more of his own than the marks (NO-02)."""

import uuid
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from local.databases import plain
from notify.inbox import queries
from notify.inbox.models import InboxItem
from notify.messages.models import Message
from shared.db import Context
from tests.notify.support import sql
from tests.notify.test_inbox import INBOX, ONE, PLANTED, TWO, person, post, read
from tests.notify.test_inbox import three as three
from tests.support.tokens import bearer


@pytest.mark.parametrize("path", ["/nonsense", f"/{PLANTED}", "/6371eaf1-9d2e-4458-88cc-6051772d6550"])
async def test_an_id_that_is_none_is_not_there(notify, path):
    assert (await notify.http.get(INBOX + path, headers=ONE)).status_code == 404
    for mark in ("read", "unread"):
        answer = await post(notify, f"{path}/{mark}")
        assert answer.status_code == 404
        assert PLANTED not in answer.json()["title"]


@pytest.mark.parametrize(
    "who", [person("approver2"), person("adm", "admin", "moi:moi"), person("x", "auditor", "moi:moi")]
)
async def test_another_s_notice_is_not_there_not_even_for_the_administrator(notify, three, who):
    path = f"/{three[0]['id']}"
    for answer in [
        await notify.http.get(INBOX + path, headers=who),
        await post(notify, f"{path}/read", who),
        await post(notify, f"{path}/unread", who),
    ]:
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await read(notify, path))["read_at"] is None


async def test_a_school_s_system_has_no_inbox(notify):
    """An empty one would read as "nothing was decided"."""
    machine = bearer("school", org="school:0003", client=True)
    for path in ("", "/unread-count", f"/{uuid.uuid4()}"):
        answer = await notify.http.get(INBOX + path, headers=machine)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


# The walls behind the filter.


@pytest.mark.parametrize("table", ["inbox", "inbox_item"])
async def test_without_context_a_table_gives_no_row(notify, three, table):
    async with notify.database.sessions() as session:
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0
    for purpose in ("", "deliver", "oversee", "directory", "replay"):
        async with notify.database.transaction(Context.system("notify")) as session:
            await session.execute(text("SELECT set_config('app.purpose', :p, true)"), {"p": purpose})
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0


MINE = Context("approver1", "county", "63000")


async def test_the_database_shows_and_marks_one_s_own_only(notify, three):
    async with notify.database.transaction(MINE) as session:
        shown = await session.execute(text("SELECT DISTINCT recipient FROM inbox_item"))
        assert list(shown.scalars()) == ["approver1"]
        changed = await session.execute(text("UPDATE inbox_item SET read_at = now()"))
        assert changed.rowcount == 3
    assert (await read(notify, "/unread-count", TWO))["unread_count"] == 3


REFUSED = "row-level security|permission denied"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inbox_item SET number = 9",
        "UPDATE inbox_item SET concerns = '{}'",
        "UPDATE inbox_item SET recipient = 'approver2'",
        "DELETE FROM inbox_item",
        "DELETE FROM inbox",
        "INSERT INTO inbox VALUES ('approver1', 9)",
        "INSERT INTO inbox_item SELECT id, recipient, 9, '{}', NULL FROM message WHERE channel = 'email'",
    ],
)
async def test_writes_nobody_may_do(notify, three, statement):
    with pytest.raises(DBAPIError, match=REFUSED):
        async with notify.database.transaction(MINE) as session:
            await session.execute(text(statement))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'created', sent_at = NULL",
        "state = 'failed', failure = 'opted_out', sent_at = NULL",
        "subject_en = NULL",
        "subject_en = E'a\\nb'",
        "channel = 'email'",
        "channel = 'pigeon'",
    ],
)
async def test_the_table_refuses_what_the_rules_do_not_know(notify, three, change):
    with pytest.raises(DBAPIError, match="ck_message"):
        await sql(notify, f"UPDATE message SET {change} WHERE channel = 'in_app'")


@pytest.mark.parametrize("walled", [True, False])
async def test_with_the_filter_patched_away_the_database_shows_one_s_own_only(notify, three, walled, monkeypatch):
    """The control: without the policies the same request shows the colleague's as well."""

    def everybody(_recipient: str) -> Any:
        return select(Message.id, InboxItem.number, InboxItem.recipient).join(
            InboxItem, Message.id == InboxItem.message_id
        )

    if not walled:
        owner = await asyncpg.connect(plain(notify.urls.owner))
        for table in ("message", "inbox_item"):
            await owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        await owner.close()
    monkeypatch.setattr(queries, "_items", everybody)
    async with notify.database.transaction(MINE) as session:
        _, rows = await queries.newest(session, "nobody", unread=False, before=None, limit=100)
    assert {row.recipient for row in rows} == ({"approver1"} if walled else {"approver1", "approver2"})
