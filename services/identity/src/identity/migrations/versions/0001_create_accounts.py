"""Create organisations, accounts, sessions, clients and signing keys, with the walls between them."""

from alembic import op

from shared.migrations import append_only, create_platform_tables, grant, protect, purpose

revision = "0001_create_accounts"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE organisation (
    type text NOT NULL,
    code text COLLATE "C" NOT NULL,
    name text NOT NULL,
    name_en text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_organisation PRIMARY KEY (type, code)
);
CREATE TABLE account (
    id uuid CONSTRAINT pk_account PRIMARY KEY,
    username text COLLATE "C" NOT NULL CONSTRAINT uq_account_username UNIQUE,
    org_type text NOT NULL,
    org_code text COLLATE "C" NOT NULL,
    roles text[] NOT NULL,
    display_name bytea NOT NULL,
    email bytea NOT NULL,
    phone bytea,
    system_mail boolean NOT NULL,
    active boolean NOT NULL,
    password_hash text NOT NULL,
    must_change_password boolean NOT NULL,
    sessions_since timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_account_org FOREIGN KEY (org_type, org_code) REFERENCES organisation (type, code),
    CONSTRAINT ck_account_roles CHECK (cardinality(roles) BETWEEN 1 AND 20),
    CONSTRAINT ck_account_username CHECK (username ~ '^[a-z0-9][a-z0-9._-]{2,63}$'),
    -- Only hashes are ever stored: a plain password cannot get in by mistake.
    CONSTRAINT ck_account_password_hash CHECK (password_hash LIKE '$argon2id$%')
);
CREATE INDEX ix_account_org ON account (org_type, org_code, username);
CREATE TABLE account_holder (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_account_holder PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_account_holder_account_id REFERENCES account (id),
    display_name bytea NOT NULL,
    since timestamptz NOT NULL,
    reason text NOT NULL CONSTRAINT ck_account_holder_reason CHECK (reason IN ('created', 'corrected', 'handed_over')),
    by_sub text NOT NULL
);
CREATE INDEX ix_account_holder_account_id ON account_holder (account_id, id);
CREATE TABLE log_in_failure (
    name_index bytea CONSTRAINT pk_log_in_failure PRIMARY KEY,
    failures integer NOT NULL CONSTRAINT ck_log_in_failure_failures CHECK (failures > 0),
    last_failed_at timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX ix_log_in_failure_last_failed_at ON log_in_failure (last_failed_at);
CREATE TABLE log_in_session (
    id uuid CONSTRAINT pk_log_in_session PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT fk_log_in_session_account_id REFERENCES account (id),
    user_agent text NOT NULL,
    started_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text CONSTRAINT ck_log_in_session_end_reason CHECK (end_reason IN ('logged_out', 'refresh_reuse')),
    CONSTRAINT ck_log_in_session_period CHECK (ends_at > started_at),
    CONSTRAINT ck_log_in_session_end CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX ix_log_in_session_account_id ON log_in_session (account_id, started_at);
CREATE TABLE refresh_token (
    digest bytea CONSTRAINT pk_refresh_token PRIMARY KEY CONSTRAINT ck_refresh_token_digest CHECK (length(digest) = 32),
    session_id uuid NOT NULL CONSTRAINT fk_refresh_token_session_id REFERENCES log_in_session (id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX ix_refresh_token_session_id ON refresh_token (session_id);
-- The family has one living end: two unused tokens of one session cannot be.
CREATE UNIQUE INDEX uq_refresh_token_unused ON refresh_token (session_id) WHERE used_at IS NULL;
CREATE TABLE client (
    client_id text COLLATE "C" CONSTRAINT pk_client PRIMARY KEY,
    name text NOT NULL,
    org_type text NOT NULL,
    org_code text COLLATE "C" NOT NULL,
    roles text[] NOT NULL,
    active boolean NOT NULL,
    secret_digest bytea NOT NULL CONSTRAINT ck_client_secret_digest CHECK (length(secret_digest) = 32),
    previous_digest bytea,
    previous_until timestamptz,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_client_org FOREIGN KEY (org_type, org_code) REFERENCES organisation (type, code),
    CONSTRAINT ck_client_roles CHECK (cardinality(roles) BETWEEN 1 AND 20),
    -- No hyphen: a client's name is a `sub` like an account's UUID, and must never read like one.
    CONSTRAINT ck_client_client_id CHECK (client_id ~ '^[a-z][a-z0-9_]{2,39}$'),
    CONSTRAINT ck_client_previous CHECK ((previous_digest IS NULL) = (previous_until IS NULL))
);
CREATE TABLE signing_key (
    kid text COLLATE "C" CONSTRAINT pk_signing_key PRIMARY KEY,
    public_jwk jsonb NOT NULL,
    private_pem bytea,
    created_at timestamptz NOT NULL,
    active_from timestamptz,
    retired_at timestamptz,
    -- What no longer signs keeps no private half.
    CONSTRAINT ck_signing_key_private_pem CHECK ((retired_at IS NULL) = (private_pem IS NOT NULL)),
    CONSTRAINT ck_signing_key_order CHECK (retired_at IS NULL OR retired_at >= active_from)
);
CREATE UNIQUE INDEX uq_signing_key_active ON signing_key ((true)) WHERE active_from IS NOT NULL AND retired_at IS NULL;
CREATE UNIQUE INDEX uq_signing_key_standby ON signing_key ((true)) WHERE active_from IS NULL;
"""

# The Ministry keeps everybody's accounts; which of its people may is the roles' affair (the first two walls).
MINISTRY = "(SELECT current_setting('app.org_type', true)) = 'moi'"
SUB = "(SELECT current_setting('app.sub', true))"
LOG_IN = purpose("log_in")


def upgrade() -> None:
    """Create everything; nothing is ever taken away from a live database by a downgrade."""
    create_platform_tables()
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    protect(
        "organisation",
        "SELECT, INSERT, UPDATE",
        {
            "ministry": MINISTRY,
            "select_own": "type = (SELECT current_setting('app.org_type', true))"
            " AND code = (SELECT current_setting('app.org_code', true))",
        },
    )
    protect(
        "account",
        "SELECT, INSERT, UPDATE",
        {"ministry": MINISTRY, "own": f"id::text = {SUB}", "log_in": LOG_IN},
    )
    protect(
        "account_holder",
        "SELECT, INSERT",
        {
            "ministry": MINISTRY,
            "select_own": f"account_id::text = {SUB}",
            "insert_own": f"account_id::text = {SUB} AND by_sub = {SUB}",
        },
    )
    append_only("account_holder")
    protect("log_in_failure", "SELECT, INSERT, UPDATE, DELETE", {"log_in": LOG_IN, "select_ministry": MINISTRY})
    # A new password lifts the lock-out; nothing else of it is the administrators' to change.
    op.execute(f"CREATE POLICY delete_ministry ON log_in_failure FOR DELETE USING ({MINISTRY})")
    protect(
        "log_in_session",
        "SELECT, INSERT, UPDATE, DELETE",
        {"own": f"account_id::text = {SUB}", "log_in": LOG_IN},
    )
    protect("refresh_token", "SELECT, INSERT, UPDATE, DELETE", {"log_in": LOG_IN})
    protect(
        "client",
        "SELECT, INSERT, UPDATE",
        {"ministry": MINISTRY, "select_own": f"client_id = {SUB}", "select_log_in": LOG_IN},
    )
    # No tenant's rows: private halves are sealed with the field keys.
    grant("signing_key", "SELECT, INSERT, UPDATE, DELETE")
