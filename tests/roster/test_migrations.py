"""The migrated database is the one the models describe, and its walls stand."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

import roster.main  # noqa: F401 - all tables stand in the metadata then
from local.databases import plain
from roster.reference.models import School

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


async def test_append_only_tables_refuse_change(roster_urls):
    connection = await asyncpg.connect(plain(roster_urls.owner))
    for table in ("audit_entry", "decision", "deferment_change", "roster_version", "history"):
        for act in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed"):
                await connection.execute(act)
    await connection.close()
