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
    "county_setting", "decision", "deferment", "deferment_change", "school_contact",
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


async def test_hints_of_the_first_release_stay_with_their_entries(admin_url):
    """Migration 0002 moves them; each entry keeps the list that it had, and one without any has none."""
    made = in_thread(prepare(admin_url, ["roster"], f"old_{os.getpid()}", {}))["roster"]
    await asyncio.to_thread(migrations.upgrade, "roster", made.owner, "0001_create_rosters")
    connection = await asyncpg.connect(plain(made.owner))
    try:
        await _filled(connection)
        listed = "SELECT array_agg((code, body, school_code) ORDER BY position) FROM"
        before = {
            row["id"]: await connection.fetchval(f"{listed} entry_hint WHERE entry_id = $1", row["id"])
            for row in await connection.fetch("SELECT id FROM entry")
        }
        assert sorted(len(hints or ()) for hints in before.values()) == [0, 1, 2]
        await connection.close()
        await asyncio.to_thread(migrations.upgrade, "roster", made.owner)
        connection = await asyncpg.connect(plain(made.owner))
        after = {
            row["id"]: await connection.fetchval(f"{listed} hint WHERE set_id = $1", row["hint_set"])
            for row in await connection.fetch("SELECT id, hint_set FROM entry")
        }
        assert after == before
        assert await connection.fetchval("SELECT bool_and(roster_id IS NOT NULL) FROM hint")
    finally:
        await connection.close()


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
