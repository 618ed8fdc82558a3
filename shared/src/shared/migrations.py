"""Alembic for every service: one history each, run as the database's owner; imported by no web process.

`run` upgrades to the newest revision. A database whose revision this code does not know was made by a newer release:
that stops with exit code 3 and says so. The helpers below make the tables every service has and the grants and
policies by which the application role is held.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from importlib.resources import files

import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import is_away

NEWER_DATABASE = 3
# How long a migration waits for a table that is in use; what comes after it would wait behind it.
LOCK_TIMEOUT = "5s"


def _owner_url(service: str) -> str:
    variable = f"MUSTER_{service.upper().replace('-', '_')}_OWNER_DATABASE_URL"
    url = os.environ.get(variable)
    if not url:
        sys.exit(f"{variable} is not set: migrations run as the owner of the {service} database.")
    return url


def config(service: str, url: str) -> Config:
    """The Alembic configuration of `service`, whose package has a `migrations` folder."""
    package = service.replace("-", "_")
    settings = Config()
    settings.set_main_option("script_location", str(files(package) / "migrations"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["url"] = url
    settings.attributes["role"] = service.replace("-", "_")
    return settings


def run(service: str) -> None:
    """Upgrade the database of `service`; the whole of `python -m <package>.migrate`.

    Exits with 1 and one line when the database is away or in use.
    """
    url = _owner_url(service)
    try:
        upgrade(service, url)
    except Exception as error:
        if not is_away(error):
            raise
        sys.exit(
            f"{service} 資料庫無法連線或正在使用中，資料未變更，請稍後再試。"
            f" The {service} database is away or in use ({type(error).__name__}); nothing was changed: try again."
        )


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Upgrade the database at `url`; exits with 3 when it is newer than this code."""
    settings = config(service, url)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    current = asyncio.run(_current(url))
    if current and current not in known:
        print(  # noqa: T201 - the supervisor and the operator read this line
            f"資料庫版本 {current} 較本程式新，請改用較新的版本啟動；資料未變更。\n"
            f"The {service} database is at revision {current}, which this release does not know: start a newer one."
            " Nothing was changed.",
            file=sys.stderr,
        )
        sys.exit(NEWER_DATABASE)
    command.upgrade(settings, revision)


async def _current(url: str) -> str | None:
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            if not await connection.scalar(sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")):
                return None
            found: str | None = await connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return found
    finally:
        await engine.dispose()


def run_env() -> None:
    """What each service's `migrations/env.py` calls: one transaction, with lock and statement time-outs."""
    settings = context.config

    def migrate(connection: sa.Connection) -> None:
        connection.execute(sa.text("SET statement_timeout = '10min'"))
        # Two starters at once: the second waits here and then finds nothing left to do.
        connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('muster.migrations'))"))
        # Only now, for it would end that waiting too.
        connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            context.run_migrations()

    async def main() -> None:
        engine = create_async_engine(settings.attributes["url"], poolclass=NullPool, hide_parameters=True)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(migrate)
                await connection.commit()
        finally:
            await engine.dispose()

    try:
        asyncio.run(main())
    except CommandError as error:
        sys.exit(str(error))


def app_role() -> str:
    """The application role of the database being migrated: `<prefix>_<service>_app`, beside its `…_owner`."""
    owner = str(op.get_bind().scalar(sa.text("SELECT current_user")))
    return owner.removesuffix("_owner") + "_app"


def grant(table: str, privileges: str) -> None:
    """Grant the application role `privileges` (such as `SELECT, INSERT`) on `table`, and nothing else."""
    op.execute(f'GRANT {privileges} ON {table} TO "{app_role()}"')


def protect(table: str, privileges: str, policies: Mapping[str, str]) -> None:
    """Switch on row-level security for `table`: `policies` maps a name to the condition under which a row is seen.

    A policy named `select_…`, `insert_…` or `update_…` applies to that command only, any other to all commands.
    A row that one of them lets through is let through. Without a policy no row is seen.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for name, condition in policies.items():
        if name.startswith("insert_"):
            op.execute(f"CREATE POLICY {name} ON {table} FOR INSERT WITH CHECK ({condition})")
        elif name.startswith("select_"):
            op.execute(f"CREATE POLICY {name} ON {table} FOR SELECT USING ({condition})")
        elif name.startswith("update_"):
            op.execute(f"CREATE POLICY {name} ON {table} FOR UPDATE USING ({condition}) WITH CHECK ({condition})")
        else:
            op.execute(f"CREATE POLICY {name} ON {table} USING ({condition}) WITH CHECK ({condition})")
    grant(table, privileges)


def org(org_type: str, column: str) -> str:
    """The condition: the caller's organisation is of `org_type` and its code stands in `column`."""
    # A scalar subquery is evaluated once a statement, not once a row.
    return (
        f"(SELECT current_setting('app.org_type', true)) = '{org_type}'"
        f" AND {column} = (SELECT current_setting('app.org_code', true))"
    )


def own(org_type: str, column: str) -> str:
    """As `org`, which released migrations say, in one subquery instead of two: each costs every statement 3 µs to begin
    with, whoever asks. For walls to come."""
    mine = f"CASE WHEN current_setting('app.org_type', true) = '{org_type}'"
    return f"{column} = (SELECT {mine} THEN current_setting('app.org_code', true) END)"


def purpose(*names: str) -> str:
    """The condition: one of the purposes `names` was assumed (`shared.purposes`)."""
    listed = ", ".join(f"'{n}'" for n in names)
    return f"(SELECT current_setting('app.purpose', true)) IN ({listed})"


def create_platform_tables() -> None:
    """The tables every service has: jobs, inbox, idempotency keys, audit rows, key probes."""
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("payload", pg.JSONB, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="ready"),
        sa.Column("owner", pg.UUID),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('ready', 'done', 'dead')", name="ck_job_state"),
        sa.CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="ck_job_lease"),
    )
    op.create_index("ix_job_ready", "job", ["priority", "run_at", "id"], postgresql_where="state = 'ready'")
    op.create_index("uq_job_kind_key", "job", ["kind", "key"], unique=True, postgresql_where="state = 'ready'")
    grant("job", "SELECT, INSERT, UPDATE")

    op.create_table(
        "inbox_event",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    grant("inbox_event", "SELECT, INSERT")

    op.create_table(
        "idempotency_key",
        sa.Column("sub", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("headers", pg.JSONB, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("status BETWEEN 200 AND 299", name="ck_idempotency_key_status"),
    )
    protect(
        "idempotency_key",
        "SELECT, INSERT",
        {"own": "sub = (SELECT current_setting('app.sub', true))"},
    )

    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("org_type", sa.Text, nullable=False),
        sa.Column("org_code", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("data", pg.JSONB, nullable=False),
        sa.Column("request_id", sa.Text),
    )
    op.create_index("ix_audit_entry_entity", "audit_entry", ["entity", "entity_id", "id"])
    protect(
        "audit_entry",
        "SELECT, INSERT",
        {
            "insert_any": "true",
            "select_own": "org_type = (SELECT current_setting('app.org_type', true))"
            " AND org_code = (SELECT current_setting('app.org_code', true))",
        },
    )
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = '42501'; END $$"
    )
    append_only("audit_entry")

    op.create_table(
        "field_key_probe",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("probe", sa.LargeBinary, nullable=False),
    )
    grant("field_key_probe", "SELECT, INSERT")


def create_audit_blocks() -> None:
    """The chain of sealed blocks of audit rows (`shared.audit_blocks`), and the sealer's sight of all audit rows."""
    op.execute(
        """
        CREATE TABLE audit_block (
            number bigint CONSTRAINT pk_audit_block PRIMARY KEY CONSTRAINT ck_audit_block_number CHECK (number > 0),
            previous bytea NOT NULL CONSTRAINT uq_audit_block_previous UNIQUE,
            upto_id bigint NOT NULL,
            row_count integer NOT NULL CONSTRAINT ck_audit_block_row_count CHECK (row_count >= 0),
            ids int8multirange NOT NULL,
            first_id bigint GENERATED ALWAYS AS (lower(ids)) STORED,
            last_id bigint GENERATED ALWAYS AS (upper(ids) - 1) STORED,
            awaited int8multirange NOT NULL,
            rows_digest bytea NOT NULL,
            row_marks bytea NOT NULL,
            digest bytea NOT NULL,
            sealed_at timestamptz NOT NULL,
            CONSTRAINT ck_audit_block_digests CHECK (
                octet_length(previous) = 32 AND octet_length(rows_digest) = 32 AND octet_length(digest) = 32
                AND octet_length(row_marks) = 8 * row_count
            ),
            CONSTRAINT ck_audit_block_ids CHECK (NOT ids && awaited AND upto_id >= upper(ids) - 1)
        )
        """
    )
    protect("audit_block", "SELECT, INSERT", {"seal": purpose("seal")})
    append_only("audit_block")
    op.execute(f"CREATE POLICY select_seal ON audit_entry FOR SELECT USING ({purpose('seal')})")


def append_only(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE on `table`, whoever asks."""
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
