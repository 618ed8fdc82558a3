"""The inbox under load: one notice an event, a count that is the number of unread rows, an order that holds (NO-02)."""

import asyncio
import random
from typing import Any

import asyncpg
import httpx
import pytest

from local.databases import plain
from tests.notify.support import DATA, account, batch, event, known, send, sql
from tests.notify.test_inbox import INBOX, ONE, person, post, read
from tests.support.services import Service

DEPUTY = person("deputy")
PEOPLE = {"approver1": ONE, "deputy": DEPUTY, "officer": person("officer", "case_officer")}


@pytest.fixture
async def owner(notify):
    """A connection past every wall, in which a test holds locks."""
    connection = await asyncpg.connect(plain(notify.urls.owner))
    yield connection
    await connection.close()


@pytest.fixture
async def staff(notify):
    """The audiences of submissions and of returns overlap in one person."""
    await known(
        notify,
        account("approver1"),
        account("deputy", roles=["approver", "case_officer"]),
        account("officer", "case_officer"),
    )


def submitted(**changes: Any) -> dict[str, Any]:
    return event("submitted", batch(**DATA["submitted"]) | changes)


async def disagreements(notify: Service, who: dict[str, str]) -> list[str]:
    """Where list and count of one answer say two things."""
    page = (await notify.http.get(INBOX, params={"limit": 200}, headers=who)).json()
    unread = sum(item["read_at"] is None for item in page["items"])
    return [] if unread == page["unread_count"] else [f"{unread} unread, counted {page['unread_count']}"]


async def busy(notify: Service, seed: int, steps: int) -> list[str]:
    """Somebody who does one thing after another; every answer that was not right."""
    dice, wrong, past = random.Random(seed), [], [submitted()]
    for _ in range(steps):
        name, who = dice.choice(list(PEOPLE.items()))
        act = dice.choice(["event", "event", "again", "look", "look", "read", "unread", "all"])
        if act == "event":
            past.append(event(kind := dice.choice(["submitted", "returned"]), batch(**DATA[kind])))
            answer = await send(notify, past[-1])
        elif act == "again":
            answers = await asyncio.gather(*(send(notify, past[-1]) for _ in range(2)))
            wrong += [f"again: {a.status_code}" for a in answers if a.status_code not in (200, 202)]
            continue
        elif act == "look":
            wrong += await disagreements(notify, who)
            continue
        else:
            items = (await read(notify, who=who, limit=20))["items"]
            if not items:
                continue
            chosen = dice.choice(items)["id"]
            if act == "all":
                answer = await post(notify, "/read-all", who, {"up_to": chosen})
            else:
                answer = await post(notify, f"/{chosen}/{act}", who)
        if not answer.is_success:
            wrong.append(f"{act} by {name}: {answer.status_code} {answer.text}")
    return wrong


@pytest.mark.rule("NO-01", "NO-02")
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_count_is_the_number_of_unread_rows_whatever_happens_at_once(notify, staff, seed):
    wrong = await asyncio.gather(*(busy(notify, seed * 100 + n, 15) for n in range(5)))
    assert [fault for faults in wrong for fault in faults] == []
    rows = await sql(notify, "SELECT recipient, about, event_type, count(*) FROM message WHERE channel = 'in_app'"
                             " GROUP BY 1, 2, 3 HAVING count(*) > 1")  # fmt: skip
    assert rows == [], "an event made two"
    for who in PEOPLE.values():
        assert await disagreements(notify, who) == []
        seen, cursor = [], None
        while True:
            page = await read(notify, who=who, limit=50, **({"cursor": cursor} if cursor else {}))
            seen += page["items"]
            if (cursor := page["next_cursor"]) is None:
                break
        assert [item["number"] for item in seen] == list(range(len(seen), 0, -1))
        unread = sum(item["read_at"] is None for item in seen)
        assert (await read(notify, "/unread-count", who))["unread_count"] == page["unread_count"] == unread


@pytest.mark.rule("NO-01")
@pytest.mark.parametrize("guarded", [True, False])
async def test_one_event_in_eight_deliveries_at_once_is_one_notice(notify, staff, owner, guarded):
    """The control: without the key of events taken, the same eight make more than one."""
    if not guarded:
        await owner.execute("ALTER TABLE inbox_event DROP CONSTRAINT inbox_event_pkey")
    body = submitted()
    answers = await asyncio.gather(*(send(notify, body) for _ in range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    page = await read(notify)
    if guarded:
        assert statuses == [200] * 7 + [202]
        assert (len(page["items"]), page["unread_count"]) == (1, 1)
    else:
        assert len(page["items"]) > 1


@pytest.fixture
async def overseer(admin_url):
    """The server's administrator, who sees what others wait for and may end them."""
    connection = await asyncpg.connect(admin_url)
    yield connection
    await connection.close()


async def _blocked(overseer: asyncpg.Connection, notify: Service) -> list[int]:
    """The server processes of the service that wait for a lock, once there are any."""
    database = plain(notify.urls.app).rpartition("/")[2]
    for _ in range(200):
        found = await overseer.fetch(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1", database
        )
        if found:
            return [row["pid"] for row in found]
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def _first(notify: Service) -> None:
    """An item for everybody, so that each inbox is there to be held."""
    assert (await send(notify, submitted())).status_code == 202


@pytest.mark.rule("NO-01", "NO-02")
async def test_killed_in_between_leaves_neither_none_nor_two(notify, staff, owner, overseer):
    await _first(notify)
    body = submitted()
    async with owner.transaction():
        await owner.execute("SELECT FROM inbox WHERE recipient = 'deputy' FOR UPDATE")
        sending = asyncio.create_task(send(notify, body))
        # The messages are written and the first inbox has its number: now it dies.
        (pid,) = await _blocked(overseer, notify)
        await overseer.execute("SELECT pg_terminate_backend($1)", pid)
        answer: httpx.Response = await sending
    assert answer.status_code == 503
    assert await sql(notify, "SELECT count(*) FROM message") == [(4,)], "the first event's, by both channels"
    assert (await read(notify))["unread_count"] == 1
    assert [(await send(notify, body)).status_code for _ in range(2)] == [202, 200]
    for who in (ONE, DEPUTY):
        page = await read(notify, who=who)
        assert [item["number"] for item in page["items"]] == [2, 1]
        assert page["unread_count"] == 2


@pytest.mark.rule("NO-02")
async def test_what_comes_later_does_not_show_before_what_came_earlier(notify, staff, owner, overseer):
    """Otherwise "read up to here" would cover one that its reader was never shown."""
    await _first(notify)
    async with owner.transaction():
        await owner.execute("SELECT FROM inbox WHERE recipient = 'deputy' FOR UPDATE")
        # Holds the number 2 of approver1 and waits for the deputy's inbox.
        earlier = asyncio.create_task(send(notify, submitted(school_name="先")))
        await _blocked(overseer, notify)
        later = asyncio.create_task(send(notify, submitted(school_name="後")))
        done, _ = await asyncio.wait([later], timeout=0.5)
        assert not done, "the later one waits for the earlier"
        assert [item["number"] for item in (await read(notify))["items"]] == [1]
    assert [answer.status_code for answer in await asyncio.gather(earlier, later)] == [202, 202]
    titles = [item["title"][:1] for item in (await read(notify))["items"]]
    assert titles == ["後", "先", "國"]


@pytest.mark.rule("NO-02")
async def test_counting_looks_at_no_item_that_was_read(notify, staff, owner):
    """Three unread among twenty thousand: a handful of pages, by the index of the unread."""
    await _first(notify)
    await owner.execute(
        "INSERT INTO message SELECT gen_random_uuid(), channel, event_type, event_at, about, template,"
        " template_version, recipient, org_type, org_code, required, subject, body, state, failure, created_at,"
        " changed_at, sent_at, subject_en FROM message, generate_series(1, 20000)"
        " WHERE channel = 'in_app' AND recipient = 'approver1'"
    )
    await owner.execute(
        "INSERT INTO inbox_item SELECT id, recipient, 1 + row_number() OVER (), '{}', now() FROM message m"
        " WHERE channel = 'in_app' AND NOT EXISTS (SELECT FROM inbox_item i WHERE i.message_id = m.id)"
    )
    await owner.execute("UPDATE inbox_item SET read_at = NULL WHERE recipient = 'approver1' AND number IN (7, 9000)")
    await owner.execute("VACUUM ANALYZE inbox_item")
    assert (await read(notify, "/unread-count")) == {"unread_count": 3}
    counting = "SELECT count(*) FROM inbox_item WHERE recipient = 'approver1' AND read_at IS NULL"
    ((told,),) = await _explained(notify, counting)
    plan = told[0]["Plan"]
    assert "ix_inbox_item_unread" in str(plan)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 12


async def _explained(notify: Service, statement: str) -> list[Any]:
    async with notify.database.engine.connect() as connection:
        await connection.exec_driver_sql("SELECT set_config('app.sub', 'approver1', false)")
        rows = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
        found = list(rows.all())
        await connection.exec_driver_sql("SELECT set_config('app.sub', '', false)")
        return found
