"""The migrated database is the one the models describe, and its walls stand."""

import asyncio
import json
import os
import uuid
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

import roster.main  # noqa: F401 - all tables stand in the metadata then
from local.databases import plain, prepare
from roster.reference.models import School
from shared import migrations
from tests.support.databases import in_thread

PLATFORM = {
    "job", "inbox_event", "idempotency_key", "audit_entry", "audit_block", "field_key_probe", "alembic_version",
}  # fmt: skip
TENANT = {
    "submission", "roster", "roster_version", "history", "entry", "hint", "registry_fact", "batch", "batch_entry",
    "county_setting", "decision", "deferment", "deferment_change", "school_contact", "case_file", "refusal_service",
    "review_request",
}  # fmt: skip


async def test_models_and_migrations_agree(roster_urls):
    engine = create_async_engine(roster_urls.owner)
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), School.metadata))
    await engine.dispose()
    differences = [
        d
        for d in found
        if not (d[0] == "remove_table" and d[1].name in PLATFORM)
        # Indexes and partial uniqueness are written in the migration alone.
        and d[0] not in ("remove_index", "remove_constraint")
    ]
    assert differences == []


async def test_application_role_is_held(roster_urls):
    connection = await asyncpg.connect(plain(roster_urls.app))
    role = await connection.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    owned = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
    )
    await connection.close()
    assert not any(role.values())
    assert owned == 0


@pytest.mark.parametrize("table", sorted(TENANT))
async def test_every_tenant_table_has_row_level_security(roster_urls, table):
    connection = await asyncpg.connect(plain(roster_urls.app))
    enabled = await connection.fetchval("SELECT relrowsecurity FROM pg_class WHERE relname = $1", table)
    rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
    await connection.close()
    assert enabled
    assert rows == 0


# What an entry said at an instant: a word of its own, and the codes of its hints.
THEN = """
SELECT (SELECT remarks FROM entry WHERE id = $1 AND changed_at <= $2 UNION ALL
        SELECT body ->> 'remarks' FROM history
        WHERE table_name = 'entry' AND row_id = $1 AND valid_from <= $2 AND valid_until > $2),
    (SELECT array_agg(code ORDER BY position) FROM ({hints}) AS hints)
"""
HINTS_BEFORE = """
SELECT position, code FROM entry_hint WHERE entry_id = $1 AND changed_at <= $2 UNION ALL
SELECT (body ->> 'position')::integer, body ->> 'code' FROM history
WHERE table_name = 'entry_hint' AND row_id = $1 AND valid_from <= $2 AND valid_until > $2
"""
HINTS_AFTER = """
SELECT position, code FROM hint WHERE set_id = (
    SELECT hint_set FROM entry WHERE id = $1 AND changed_at <= $2 UNION ALL
    SELECT (body ->> 'hint_set')::uuid FROM history
    WHERE table_name = 'entry' AND row_id = $1 AND valid_from <= $2 AND valid_until > $2)
"""


@pytest.mark.parametrize("landed", ["0001_create_rosters", "0003_seal_audit"])
async def test_hints_and_their_past_stay_with_their_entries(admin_url, landed: str):
    """Migration 0004 moves them: whatever could be read of an entry as of an instant reads the same afterwards."""
    made = in_thread(prepare(admin_url, ["roster"], f"old_{landed[:4]}_{os.getpid()}", {}))["roster"]
    await asyncio.to_thread(migrations.upgrade, "roster", made.owner, landed)
    connection = await asyncpg.connect(plain(made.owner))
    try:
        await _filled(connection)
        if landed == "0001_create_rosters":
            # It kept no past; what is there then holds from that migration on.
            await connection.close()
            await asyncio.to_thread(migrations.upgrade, "roster", made.owner, "0003_seal_audit")
            connection = await asyncpg.connect(plain(made.owner))
        else:
            await _lived(connection)
        before = await _told(connection, HINTS_BEFORE)
        assert len({said for _, said in before.values()}) >= (3 if landed == "0001_create_rosters" else 5)
        await connection.close()
        await asyncio.to_thread(migrations.upgrade, "roster", made.owner)
        connection = await asyncpg.connect(plain(made.owner))
        for (entry, at), (remarks, codes) in before.items():
            said = await connection.fetchrow(THEN.format(hints=HINTS_AFTER), entry, at)
            assert (said[0], tuple(said[1] or ())) == (remarks, codes), (entry, at)
        whose = "SELECT count(*) FROM entry JOIN hint ON set_id = hint_set WHERE hint.roster_id = entry.roster_id"
        assert await connection.fetchval(whose) == 3
        # Who added hints where there were none, history never knew.
        by = await connection.fetch("SELECT DISTINCT changed_by FROM history WHERE table_name = 'entry'")
        assert {row[0] for row in by} == (set() if landed == "0001_create_rosters" else {"", "worker", "officer"})
        assert not await connection.fetchval("SELECT count(*) FROM history WHERE table_name = 'entry_hint'")
    finally:
        await connection.close()


async def _told(
    connection: asyncpg.Connection, hints: str
) -> dict[tuple[Any, Any], tuple[str | None, tuple[str, ...]]]:
    """What each entry said at every instant at which anything changed, and since then."""
    instants = await connection.fetch(
        "SELECT valid_from AS at FROM history UNION SELECT valid_until FROM history UNION SELECT changed_at FROM entry"
        " UNION SELECT changed_at FROM entry_hint UNION SELECT now()"
    )
    told = {}
    for entry in await connection.fetch("SELECT id FROM entry"):
        for instant in instants:
            said = await connection.fetchrow(THEN.format(hints=hints), entry["id"], instant["at"])
            told[entry["id"], instant["at"]] = (said[0], tuple(said[1] or ()))
    return told


async def _lived(connection: asyncpg.Connection) -> None:
    """Changes of hints alone, of the entry alone, of both at once; each in a transaction of its own."""
    forget = "DELETE FROM entry_hint WHERE position = 0 AND code = 'code_0'"
    renew = "UPDATE entry_hint SET code = 'renewed' WHERE position = 1"
    write = "UPDATE entry SET remarks = coalesce(remarks, '') || 'x'"
    again = (
        "INSERT INTO entry_hint (entry_id, position, school_code, county_code, rule, code, severity, visible_to_school,"
        " body) SELECT id, 0, school_code, county_code, 'RO-28', 'late', 'warning', true, '{}' FROM entry"
        " WHERE row_no < 3"
    )
    for who, statements in (
        ("worker", (renew,)), ("officer", (write,)), ("worker", (forget, write)), ("officer", (write,)),
        ("worker", (again,)),
    ):  # fmt: skip
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.sub', $1, true)", who)
            for statement in statements:
                await connection.execute(statement)


async def _filled(connection: asyncpg.Connection) -> None:
    """Three entries of one roster, as the first release kept them: with two hints, with one, with none."""
    given = {
        "school": {"code": "0003", "name": "國立臺灣大學", "school_kind": "university", "version": 1,
                   **dict.fromkeys(("ownership", "county_code", "address", "phone", "website", "system"), "")},
        "submission": {"school_code": "0003", "kind": "application", "academic_year": 115, "term": 1,
                       "content_digest": "\\x00", "charset": "utf-8", "row_count": 3, "notes": [], "received_by": "x"},
        "roster": {"school_code": "0003", "county_code": "63000", "kind": "application", "academic_year": 115,
                   "term": 1, "version": 1, "revision": 1, "received_on": "2026-10-01"},
    }  # fmt: skip
    ids = {table: str(uuid.uuid4()) for table in ("submission", "roster")}
    given["submission"]["id"] = ids["submission"]
    given["roster"] |= {"id": ids["roster"], "submission_id": ids["submission"]}
    for table, row in given.items():
        await _insert(connection, table, row)
    for hints in (2, 1, 0):
        entry = str(uuid.uuid4())
        row = {
            "id": entry, "roster_id": ids["roster"], "school_code": "0003", "county_code": "63000", "row_no": hints + 1,
            "national_id": "\\x00", "national_id_index": f"\\x{hints:032x}", "name": "王小明",
            "birth_date": "2006-01-31", "township_code": "63000010", "state": "received", "version": 1,
            "officer_draft": {},
        }  # fmt: skip
        await _insert(connection, "entry", row)
        for position in range(hints):
            hint = {
                "entry_id": entry, "position": position, "school_code": "0003", "county_code": "63000",
                "rule": "RO-18", "code": f"code_{position}", "severity": "warning", "visible_to_school": False,
                "body": {"code": f"code_{position}", "of": entry},
            }  # fmt: skip
            await _insert(connection, "entry_hint", hint)


async def _insert(connection: asyncpg.Connection, table: str, row: Mapping[str, Any]) -> None:
    """A row whose columns that are not named take their defaults."""
    names = ", ".join(row)
    await connection.execute(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1::text::jsonb)",
        json.dumps(row),
    )


async def test_append_only_tables_refuse_change(roster_urls):
    connection = await asyncpg.connect(plain(roster_urls.owner))
    for table in ("audit_entry", "decision", "deferment_change", "roster_version", "history", "hint"):
        for act in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
                await connection.execute(act)
    await connection.close()


@pytest.mark.rule("RO-52")
async def test_what_earlier_decisions_ended_beside_can_be_put_right(admin_url):
    """Migration 0007 brings in, from history, the deferments that a decision before it superseded."""
    made = in_thread(prepare(admin_url, ["roster"], f"old_ended_{os.getpid()}", {}))["roster"]
    await asyncio.to_thread(migrations.upgrade, "roster", made.owner, "0004_share_hints")
    connection = await asyncpg.connect(plain(made.owner))
    try:
        await _filled_by_0004(connection)
        ids = {name: str(uuid.uuid4()) for name in ("batch", "decision", "old", "new")}
        entry = await connection.fetchrow("SELECT id::text, roster_id::text, national_id_index FROM entry LIMIT 1")
        man = {"national_id": "\\x00", "national_id_index": "\\x" + entry["national_id_index"].hex()}
        place = {"school_code": "0003", "county_code": "63000", "township_code": "63000010"}
        deferment = man | place | {
            "kind": "application", "decision_number": "甲1", "issued_on": "2026-10-01", "filed_on": "2026-09-20",
            "deferred_from": "2026-10-01", "deferred_until": "2028-06-30", "summary": "甲", "version": 1,
        }  # fmt: skip
        await _insert(connection, "deferment", deferment | {"id": ids["old"]})
        of_decision = {k: place[k] for k in place} | {
            "id": ids["decision"], "entry_id": entry["id"], "batch_id": ids["batch"], "roster_id": entry["roster_id"],
            "kind": "reapplication", "decision": "approved", "decision_number": "甲2", "issued_on": "2026-10-02",
            "decided_on": "2026-10-02", "submitted_by": "o", "decided_by": "a", "ground_unseen": False,
            "annotation_action": "create", "deferment_id": ids["new"], "law_version": "2019-07-26",
        }  # fmt: skip
        async with connection.transaction():
            await connection.execute(
                "UPDATE deferment SET revoked_on = '2026-10-02', ended_reason = 'superseded', version = 2"
            )
            await _insert(connection, "deferment", deferment | {"id": ids["new"], "kind": "reapplication"})
            batch = {"id": ids["batch"], "roster_id": entry["roster_id"], "school_code": "0003", "version": 1,
                     "county_code": "63000", "state": "for_approval", "submitted_by": "o"}  # fmt: skip
            await _insert(connection, "batch", batch)
            await _insert(connection, "decision", of_decision)
            told = {"decision_id": ids["decision"], "deferment_id": ids["new"], "county_code": "63000",
                    "deferment_version": 1, "annotation_action": "create", "until_after": "2028-06-30", "summary": "甲",
                    "liable_for_induction": False}  # fmt: skip
            await _insert(connection, "deferment_change", told)
        await connection.close()
        await asyncio.to_thread(migrations.upgrade, "roster", made.owner)
        connection = await asyncpg.connect(plain(made.owner))
        found = await connection.fetch(
            "SELECT deferment_id::text, deferment_version, annotation_action, until_before::text, ended_reason"
            " FROM deferment_change ORDER BY deferment_version DESC"
        )
        assert [tuple(row) for row in found] == [
            (ids["old"], 2, "none", "2028-06-30", "superseded"),
            (ids["new"], 1, "create", None, None),
        ]
    finally:
        await connection.close()


async def _filled_by_0004(connection: asyncpg.Connection) -> None:
    """A roster with one entry, as the release of migration 0004 kept it."""
    ids = {table: str(uuid.uuid4()) for table in ("submission", "roster", "entry")}
    school = {"code": "0003", "name": "國立臺灣大學", "school_kind": "university", "version": 1,
              **dict.fromkeys(("ownership", "county_code", "address", "phone", "website", "system"), "")}  # fmt: skip
    submission = {"id": ids["submission"], "school_code": "0003", "kind": "reapplication", "academic_year": 115,
                  "term": 1, "content_digest": "\\x00", "charset": "utf-8", "row_count": 1, "notes": [],
                  "received_by": "x"}  # fmt: skip
    roster_ = {"id": ids["roster"], "submission_id": ids["submission"], "school_code": "0003", "county_code": "63000",
               "kind": "reapplication", "academic_year": 115, "term": 1, "version": 1, "revision": 1,
               "received_on": "2026-10-01"}  # fmt: skip
    entry = {"id": ids["entry"], "roster_id": ids["roster"], "school_code": "0003", "county_code": "63000", "row_no": 2,
             "national_id": "\\x00", "national_id_index": f"\\x{7:032x}", "name": "王小明",
             "birth_date": "2006-01-31", "township_code": "63000010", "state": "received", "version": 1,
             "officer_draft": {}}  # fmt: skip
    for table, row in (("school", school), ("submission", submission), ("roster", roster_), ("entry", entry)):
        await _insert(connection, table, row)
