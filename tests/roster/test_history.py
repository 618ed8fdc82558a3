"""RO-55: "with who changed what"; and that the database keeps it whoever writes, and whatever he forgets."""

import json
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from local.databases import plain
from tests.roster.corrections import corrected
from tests.roster.intake_corpus.files import cessation
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, DEPUTY, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-55")

PLACE = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}
SCHOOL_BY = {"org_type": "school", "org_code": "0003"}


async def history(county: County, path: str, who: dict[str, str] = OFFICER) -> list[dict[str, Any]]:
    """All lines of a history, in pages of three."""
    lines: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await county.get(f"{path}/history?limit=3{cursor}", who)
        lines += page["items"]
        if page["next_cursor"] is None:
            return lines
        cursor = f"&cursor={page['next_cursor']}"


def story(lines: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """What was done, and by which account."""
    return [(line["action"], line["by"] and line["by"]["sub"]) for line in lines]


def change(line: dict[str, Any], field: str) -> tuple[Any, Any]:
    """From what to what a member went."""
    (found,) = [c for c in line["changes"] if c["field"] == field]
    return found["from"], found["to"]


@pytest.fixture
async def told(county: County) -> tuple[County, str, list[dict[str, Any]]]:
    """A roster that was reviewed, returned and decided; its entries as they were when it was opened."""
    roster_id, entries = await county.opened(men(1, 2))
    assert (await county.patch(entries[0], {"on_hold": True})).status_code == 200
    entry = (await county.entries(roster_id))[0]
    assert (await county.patch(entry, {"on_hold": False})).status_code == 200
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/return", APPROVER, {"reason": "請補"}, seen=batch["version"])
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/recall", DEPUTY, seen=batch["version"])
    batch = await county.submit(roster_id)
    entry = (await county.entries(roster_id))[0]
    assert (await county.patch(entry, {"decision_number": "府兵徵字第7號"}, APPROVER)).status_code == 200
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=version)
    return county, roster_id, entries


async def test_who_did_what_to_an_entry(told):
    county, _, entries = told
    lines = await history(county, f"/entries/{entries[0]['id']}")
    assert story(lines) == [
        ("received", None),
        ("judged", "registry"),
        ("opened", "officer-1"),
        ("held", "officer-1"),
        ("released", "officer-1"),
        ("reviewed", "officer-1"),
        ("submitted", "officer-1"),
        ("returned", "approver-1"),
        ("submitted", "officer-1"),
        ("recalled", "deputy"),
        ("submitted", "officer-1"),
        ("reviewed", "approver-1"),
        ("decided", "approver-1"),
    ]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert lines[0]["by"] == SCHOOL_BY | {"sub": None}
    assert change(lines[1], "hints") == (["registry_pending"], [])
    assert change(lines[2], "state") == ("received", "in_review")
    assert change(lines[5], "draft.decision") == (None, "approved")
    assert change(lines[11], "approver_draft.decision_number") == (None, "府兵徵字第7號")
    assert change(lines[12], "decision.decision_number") == (None, "府兵徵字第7號")
    # What one act changed is in its line and in no other.
    assert {c["field"] for c in lines[3]["changes"]} == {"state"}


async def test_a_school_reads_what_it_may_see_of_it(told):
    """0041: neither drafts nor the registry, nor whether an approver returned or an officer recalled, nor who."""
    county, roster_id, entries = told
    lines = await history(county, f"/entries/{entries[0]['id']}", NTU)
    assert [line["action"] for line in lines] == [
        "received", "opened", "held", "released", "submitted", "back_in_review", "submitted", "back_in_review",
        "submitted", "decided",
    ]  # fmt: skip
    assert {json.dumps(line["by"]["org_type"]) for line in lines} == {'"school"', '"county"'}
    assert [line["by"]["sub"] is None for line in lines] == [False] + [True] * 9
    assert {c["field"].partition(".")[0] for line in lines for c in line["changes"]} == {"state", "decision"}
    roster = await history(county, f"/rosters/{roster_id}", NTU)
    fields = {c["field"].partition(".")[0] for line in roster for c in line["changes"]}
    assert fields == {"counts", "opened_at", "state"}
    assert "proposed_number" in json.dumps(await history(county, f"/rosters/{roster_id}"))


async def test_no_draft_is_shown_to_a_school_or_to_a_county_that_lost_the_man(county: County):
    """0041, and the control: the deciding county reads both."""
    roster_id, batch = await county.up(1)
    (entry,) = await county.entries(roster_id)
    assert (await county.patch(entry, {"annotation_text": "乙"}, APPROVER)).status_code == 200
    path = f"/entries/{entry['id']}"
    assert (await county.get(path))["approver_draft"]["annotation_text"] == "乙"
    shown = await county.get(path, NTU)
    assert {
        name for name in ("draft", "approver_draft", "registry", "latest_deferment", "batch_id") if shown[name]
    } == set()
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    await county.do(f"/batches/{batch['id']}/return", APPROVER, {"reason": "請移轉"}, seen=version)
    entry = await county.get(path)
    assert entry["approver_draft"]
    await county.do(f"{path}/transfer", body=PLACE, seen=entry["version"])
    gone = await county.get(path)
    assert (gone["approver_draft"], gone["draft"], gone["returned"]) == (None, None, None)


async def test_who_did_what_to_a_roster(told):
    county, roster_id, _ = told
    lines = await history(county, f"/rosters/{roster_id}")
    assert story(lines) == [
        ("received", None),
        ("opened", "officer-1"),
        ("held", "officer-1"),
        ("released", "officer-1"),
        ("submitted", "officer-1"),
        ("back_in_review", "approver-1"),
        ("submitted", "officer-1"),
        ("back_in_review", "deputy"),
        ("submitted", "officer-1"),
        ("decided", "approver-1"),
    ]
    assert (change(lines[1], "counts.received"), change(lines[1], "counts.in_review")) == ((2, None), (None, 2))
    assert change(lines[-1], "state") == ("pending", "decided")
    await corrected(county, roster_id, men(1, 3))
    last = (await history(county, f"/rosters/{roster_id}", NTU))[-1]
    assert (last["action"], last["by"]["org_type"], change(last, "version"), change(last, "headcount")) == (
        "corrected", "school", (1, 2), (2, 3),
    )  # fmt: skip


@pytest.mark.rule("RO-09")
async def test_what_a_correction_changed_of_a_man(county: County):
    rows = men(1, 3)
    roster_id, entries = await county.opened(rows)
    await corrected(county, roster_id, [rows[0] | {"name": "陳大文", "class_year": "4"}, rows[2]])
    old = await history(county, f"/entries/{entries[0]['id']}")
    assert (old[-1]["action"], change(old[-1], "state")) == ("superseded", ("in_review", "superseded"))
    gone = await history(county, f"/entries/{entries[1]['id']}")
    assert (gone[-1]["action"], gone[-1]["by"]["org_code"]) == ("withdrawn", "0003")
    kept = await history(county, f"/entries/{entries[2]['id']}")
    assert (kept[-1]["action"], kept[-1]["changes"]) == (
        "renumbered", [{"field": "row_no", "from": 4, "to": 3}],
    )  # fmt: skip
    (new,) = [e for e in await county.entries(roster_id) if e["name"] == "陳大文"]
    (line, *_) = await history(county, f"/entries/{new['id']}", NTU)
    assert (line["action"], line["by"]["org_type"]) == ("corrected", "school")
    assert line["changes"] == [
        {"field": "name", "from": "王小明", "to": "陳大文"},
        {"field": "class_year", "from": 3, "to": 4},
    ]


@pytest.mark.rule("RO-29")
async def test_a_man_who_was_handed_on_has_a_history_on_either_side(county: County):
    _, entries = await county.opened(men(1, 2))
    moved = await county.do(f"/entries/{entries[0]['id']}/transfer", body=PLACE, seen=entries[0]["version"])
    here = await history(county, f"/entries/{entries[0]['id']}")
    assert (here[-1]["action"], here[-1]["by"]["sub"]) == ("transferred", "officer-1")
    assert not any(c["field"].startswith(("draft", "registry")) for line in here for c in line["changes"])
    there = await history(county, f"/entries/{moved['new_entry_id']}", ELSEWHERE)
    assert there[0]["action"] == "transferred"
    roster = (await county.get(f"/entries/{moved['new_entry_id']}", ELSEWHERE))["roster_id"]
    assert (await history(county, f"/rosters/{roster}", ELSEWHERE))[0]["action"] == "transferred"


@pytest.mark.rule("RO-49")
async def test_who_did_what_to_a_deferment(county: County):
    _, batch = await county.up(1)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    left = cessation(1, birth_date="2006-03-04", left_on="2026-10-01")
    roster_id, entries = await county.opened([left], kind="cessation")
    deferment = entries[0]["latest_deferment"]["id"]
    assert (await county.patch(entries[0], {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", DEPUTY if batch["submitted_by"] != "deputy" else APPROVER,
                    seen=batch["version"])  # fmt: skip
    lines = await history(county, f"/deferments/{deferment}")
    assert story(lines) == [("granted", "approver-1"), ("ended", "deputy")]
    assert change(lines[1], "revoked_on") == (None, "2026-10-01")
    assert change(lines[1], "ended_reason") == (None, "on_leave")
    # Another county that gets the man on a roster of its own sees that it was changed, and not by whom.
    there = {"county_code": "65000", "township_code": "65000010"}
    await county.post(men(1, 1, **there), who=OTHER_SCHOOL)
    theirs = await history(county, f"/deferments/{deferment}", ELSEWHERE)
    assert story(theirs) == [("granted", None), ("ended", None)]


# What follows is the database's own: it keeps history whoever writes.

KEPT = {
    "entry": "UPDATE entry SET remarks = 'x'",
    "roster": "UPDATE roster SET proposed_number = 'x'",
    "deferment": "UPDATE deferment SET summary = 'x'",
    "registry_fact": "UPDATE registry_fact SET known = false",
}
UNKEPT = """
SELECT c.relname FROM pg_class c WHERE c.relname = ANY($1) AND (SELECT count(*) FROM pg_trigger t
    JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = c.oid AND t.tgenabled = 'O' AND p.proname = 'keep_history'
    AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2 AND (t.tgtype & 16 = 16 OR t.tgtype & 8 = 8)) < 2
"""
# Columns that a change of makes no history: none but the day of the last judging.
OVERLOOKED = """
SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = c.relname || '_keeps_history'
WHERE c.relname = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
    AND t.tgattr <> ''::int2vector AND a.attnum <> ALL (t.tgattr::int2[])
"""


async def weaknesses(connection: asyncpg.Connection) -> list[str]:
    """Tables whose changes are not kept, and columns whose changes are overlooked."""
    tables = list(KEPT)
    return [row[0] for query in (UNKEPT, OVERLOOKED) for row in await connection.fetch(query, tables)]


async def test_every_table_keeps_every_column(roster_urls):
    connection = await asyncpg.connect(plain(roster_urls.owner))
    assert await weaknesses(connection) == ["entry.judged_at"]
    for planted, found in (
        ("DROP TRIGGER entry_keeps_history ON entry", "entry"),
        ("ALTER TABLE roster DISABLE TRIGGER roster_keeps_history", "roster"),
        ("DROP TRIGGER registry_fact_keeps_deleted ON registry_fact", "registry_fact"),
        ("ALTER TABLE entry ADD COLUMN planted text", "entry.planted"),
    ):
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(planted)
        assert found in await weaknesses(connection), planted
        await transaction.rollback()
    await connection.close()


@pytest.mark.parametrize("table", KEPT)
async def test_whoever_writes_is_kept_by_the_database(told, table: str):
    """An UPDATE that no code of ours makes; and the control: without the trigger nothing tells of it."""
    county, _, _ = told
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    of_table = "SELECT count(*) FROM history WHERE table_name = $1"
    rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
    before = await connection.fetchval(of_table, table)
    for trigger in (f"{table}_keeps_history", f"{table}_keeps_deleted"):
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        await connection.execute(KEPT[table])
        kept = await connection.fetchval(of_table, table) - before
        assert kept == (0 if (trigger.endswith("deleted")) == KEPT[table].startswith("DELETE") else rows)
        await transaction.rollback()
    await connection.execute(KEPT[table])
    assert await connection.fetchval(of_table, table) == before + rows
    await connection.close()


async def test_history_is_only_read(told):
    county, _, _ = told
    app = await asyncpg.connect(plain(county.service.urls.app))
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    for statement in (
        "INSERT INTO history (table_name, row_id, valid_from, valid_until, changed_by, changed_org_type,"
        " changed_org_code, county_code, visible_to_school, body) SELECT table_name, row_id, valid_from, valid_until,"
        " 'x', 'county', '63000', county_code, true, body FROM history LIMIT 1",
        "UPDATE history SET changed_by = 'x'",
        "DELETE FROM history",
        "TRUNCATE history",
        "SELECT keep_history()",
    ):
        with pytest.raises(asyncpg.PostgresError, match=r"permission denied|can only be called as"):
            await app.execute(statement)
    for statement in ("UPDATE history SET changed_by = 'x'", "DELETE FROM roster_version", "TRUNCATE history"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
            await connection.execute(statement)
    await app.close()
    await connection.close()


async def test_history_holds_no_plain_number(told):
    county, _, _ = told
    numbers = {man["national_id"] for man in men(1, 2)}
    bodies = await owner(county, "SELECT body::text AS body FROM history")
    assert len(bodies) > 10
    assert not any(number in row["body"] for row in bodies for number in numbers)


async def test_who_waited_for_a_lock_wrote_later(county: County):
    """A transaction that began first and got the lock second is dated after the one that it waited for."""
    roster_id, _ = await county.opened(men(1, 1))
    first, second = [await asyncpg.connect(plain(county.service.urls.owner)) for _ in range(2)]
    one, two = first.transaction(), second.transaction()
    await one.start()
    await two.start()
    await first.execute("SELECT moment()")
    await second.execute("UPDATE roster SET revision = revision + 1 WHERE id = $1", roster_id)
    await two.commit()
    await first.execute("UPDATE roster SET revision = revision + 1 WHERE id = $1", roster_id)
    await first.execute("UPDATE entry SET remarks = 'x' WHERE roster_id = $1", roster_id)
    await one.commit()
    found = await owner(county, "SELECT valid_from, valid_until FROM history WHERE table_name = 'roster' ORDER BY 1")
    assert all(a["valid_until"] == b["valid_from"] for a, b in pairwise(found))
    assert (await owner(county, "SELECT r.changed_at = e.changed_at AS one FROM roster r JOIN entry e ON true"))[0][
        "one"
    ]
    await first.close()
    await second.close()
