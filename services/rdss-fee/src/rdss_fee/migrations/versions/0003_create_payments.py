"""Create what the bank tells (FE-32 to FE-35): posting files, transactions, money in suspense and who is given it."""

from alembic import op
from sqlalchemy import text

from shared.migrations import app_role, append_only, org, protect, purpose

revision = "0003_create_payments"
down_revision = "0002_create_billing"
branch_labels = None
depends_on = None

BANK = """
CREATE TABLE bank_file (
    id uuid CONSTRAINT pk_bank_file PRIMARY KEY,
    digest bytea NOT NULL CONSTRAINT uq_bank_file_digest UNIQUE,
    layout text NOT NULL,
    source text NOT NULL,
    name text NOT NULL,
    size integer NOT NULL,
    content bytea NOT NULL,
    line_count integer NOT NULL,
    total bigint NOT NULL,
    -- Of all value dates up to this day the bank has told everything.
    complete_through date NOT NULL,
    fresh_count integer NOT NULL,
    -- Of the fresh ones, those in suspense, by why.
    bad_number_count integer NOT NULL,
    no_notice_count integer NOT NULL,
    nothing_to_reverse_count integer NOT NULL,
    taken_by text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_on date NOT NULL,
    CONSTRAINT ck_bank_file_source CHECK (source IN ('upload', 'drop_folder')),
    CONSTRAINT ck_bank_file_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_bank_file_counts CHECK
        (line_count >= fresh_count AND least(bad_number_count, no_notice_count, nothing_to_reverse_count) >= 0
            AND fresh_count >= bad_number_count + no_notice_count + nothing_to_reverse_count)
);
CREATE INDEX ix_bank_file_taken_at ON bank_file (taken_at, id);
CREATE TABLE bank_transaction (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_bank_transaction PRIMARY KEY,
    -- A file's many lines are looked up at once, by a trigger, where a key would look for each.
    file_id uuid NOT NULL,
    line integer NOT NULL,
    -- The same transaction in whatever file it stands: taken once (FE-32).
    key text COLLATE "C" NOT NULL CONSTRAINT uq_bank_transaction_key UNIQUE,
    account text NOT NULL,
    amount bigint NOT NULL,
    posted_on date NOT NULL,
    value_on date NOT NULL,
    serial text NOT NULL,
    channel text NOT NULL,
    payer text NOT NULL,
    notice_id uuid,
    employer_code text,
    why text,
    CONSTRAINT ck_bank_transaction_amount CHECK (amount <> 0),
    -- It belongs to a notice, or is in suspense and says why.
    CONSTRAINT ck_bank_transaction_place CHECK
        ((notice_id IS NULL) = (why IS NOT NULL) AND (notice_id IS NULL) = (employer_code IS NULL)),
    CONSTRAINT ck_bank_transaction_why CHECK (why IN ('bad_number', 'no_notice', 'nothing_to_reverse'))
);
CREATE INDEX ix_bank_transaction_employer_code ON bank_transaction (employer_code, posted_on, id)
    WHERE employer_code IS NOT NULL;
CREATE INDEX ix_bank_transaction_posted_on ON bank_transaction (posted_on, id);
CREATE INDEX ix_bank_transaction_suspense ON bank_transaction (account, id) WHERE why IS NOT NULL;
CREATE TABLE suspense_assignment (
    id uuid CONSTRAINT pk_suspense_assignment PRIMARY KEY,
    transaction_id bigint NOT NULL CONSTRAINT fk_suspense_assignment_transaction_id REFERENCES bank_transaction (id),
    act text NOT NULL,
    notice_id uuid CONSTRAINT fk_suspense_assignment_notice_id REFERENCES notice (id),
    employer_code text NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    proposed_on date NOT NULL,
    decided_by text,
    decided_at timestamptz,
    decided_on date,
    CONSTRAINT ck_suspense_assignment_act CHECK (act IN ('assign', 'undo', 'repay')),
    CONSTRAINT ck_suspense_assignment_notice CHECK ((act = 'repay') = (notice_id IS NULL)),
    CONSTRAINT ck_suspense_assignment_state CHECK (state IN ('proposed', 'confirmed', 'refused')),
    CONSTRAINT ck_suspense_assignment_decided CHECK
        ((state = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)
            AND (decided_at IS NULL) = (decided_on IS NULL)),
    CONSTRAINT ck_suspense_assignment_amount CHECK (amount > 0),
    -- Two people: who proposes what becomes of the money does not confirm it.
    CONSTRAINT ck_suspense_assignment_two CHECK (state <> 'confirmed' OR decided_by <> proposed_by)
);
CREATE UNIQUE INDEX uq_suspense_assignment_proposed ON suspense_assignment (transaction_id) WHERE state = 'proposed'
"""
DECIDED_ONCE = """
CREATE FUNCTION keep_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'proposed' OR (NEW.transaction_id, NEW.act, NEW.notice_id, NEW.employer_code, NEW.amount,
        NEW.proposed_by, NEW.reason) IS DISTINCT FROM (OLD.transaction_id, OLD.act, OLD.notice_id, OLD.employer_code,
        OLD.amount, OLD.proposed_by, OLD.reason)
    THEN
        RAISE EXCEPTION 'an assignment is decided once, as it was proposed' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""

# What foreign keys would say, once for all rows of a statement: nothing of what they lead to is ever taken away.
OF_A_FILE = """
CREATE FUNCTION transactions_of_a_file() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT file_id FROM made) AS m LEFT JOIN bank_file AS f ON f.id = m.file_id
        WHERE f.id IS NULL
    ) OR EXISTS (
        SELECT 1 FROM made AS m LEFT JOIN notice AS n ON n.id = m.notice_id
        WHERE m.notice_id IS NOT NULL AND n.employer_code IS DISTINCT FROM m.employer_code
    ) THEN
        RAISE EXCEPTION 'a transaction stands in a file, and its notice is its employer''s' USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$
"""
OF_WHAT_IS_THERE = """
CREATE FUNCTION postings_of_what_is_there() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM made AS m LEFT JOIN bank_transaction AS b ON b.id = m.transaction_id
        WHERE m.transaction_id IS NOT NULL AND (b.id IS NULL OR (m.kind IN ('payment_posted', 'payment_reversed')
            AND (m.notice_id, m.employer_code) IS DISTINCT FROM (b.notice_id, b.employer_code)))
    ) OR EXISTS (
        SELECT 1 FROM made AS m LEFT JOIN notice AS n ON n.id = m.notice_id
        WHERE m.notice_id IS NOT NULL AND m.kind NOT IN ('payment_posted', 'payment_reversed')
            AND n.employer_code IS DISTINCT FROM m.employer_code
    ) THEN
        RAISE EXCEPTION 'a posting is of its employer''s notice, and a payment of the one that it was made to'
            USING ERRCODE = '23503';
    END IF;
    RETURN NULL;
END $$
"""

KIND = "(SELECT current_setting('app.org_type', true))"
WATCHERS = f"{KIND} IN ('programme_office', 'authority', 'moi')"
AUTHORITY = f"{KIND} = 'authority'"


def upgrade() -> None:
    """Create the tables and their walls."""
    for statement in BANK.split(";\n"):
        op.execute(statement)
    op.execute(DECIDED_ONCE)
    op.execute(
        "CREATE TRIGGER suspense_assignment_keeps BEFORE UPDATE ON suspense_assignment FOR EACH ROW"
        " EXECUTE FUNCTION keep_assignment()"
    )
    for function in (OF_A_FILE, OF_WHAT_IS_THERE):
        op.execute(function)
    for table, function in (("bank_transaction", "transactions_of_a_file"), ("posting", "postings_of_what_is_there")):
        op.execute(
            f"CREATE TRIGGER {table}_of_what_is_there AFTER INSERT ON {table} REFERENCING NEW TABLE AS made"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    for table in ("bank_file", "bank_transaction"):
        append_only(table)
    # It is sealed, and so cannot be pressed.
    op.execute("ALTER TABLE bank_file ALTER COLUMN content SET STORAGE EXTERNAL")
    # A file's lines go into a temporary table first: COPY into one under row-level security is refused.
    database = op.get_bind().scalar(text("SELECT current_database()"))
    op.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO "{app_role()}"')
    bank = purpose("bank")
    # The file is the authority's, whole; what of it is an employer's own it sees as payments.
    protect(
        "bank_file",
        "SELECT, INSERT",
        {"select_watcher": WATCHERS, "insert_authority": AUTHORITY, "select_job": purpose("daily"), "bank": bank},
    )
    protect(
        "bank_transaction",
        "SELECT, INSERT",
        {
            "select_own": org("employer", "employer_code"),
            # Money that was in suspense and was given to it.
            "select_assigned": f"{KIND} = 'employer' AND EXISTS (SELECT 1 FROM posting AS p"
            " WHERE p.transaction_id = bank_transaction.id AND p.kind IN ('suspense_assigned', 'refund_repaid'))",
            "select_watcher": WATCHERS,
            "insert_authority": AUTHORITY,
            "select_job": purpose("daily", "verify"),
            "bank": bank,
        },
    )
    protect(
        "suspense_assignment",
        "SELECT, INSERT, UPDATE (state, version, decided_by, decided_at, decided_on)",
        {
            "select_watcher": WATCHERS,
            "insert_authority": AUTHORITY,
            "update_authority": AUTHORITY,
            "select_verify": purpose("verify"),
        },
    )
