"""Create refund claims with their papers, receipts, violations and reminders (FE-37 to FE-40)."""

from alembic import op

from shared.migrations import append_only, org, protect, purpose

revision = "0004_create_refunds"
down_revision = "0003_create_payments"
branch_labels = None
depends_on = None

CLAIMS = """
CREATE TABLE refund_claim (
    id uuid CONSTRAINT pk_refund_claim PRIMARY KEY,
    employer_code text NOT NULL CONSTRAINT fk_refund_claim_employer_code REFERENCES employer (code),
    letter_no text NOT NULL,
    amount bigint NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    entered_by text NOT NULL,
    entered_as text NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    entered_on date NOT NULL,
    submitted_by text,
    submitted_at timestamptz,
    -- The postmark counts (FE-38).
    posted_on date,
    received_on date,
    round date,
    round_provisional boolean,
    decided_by text,
    decided_at timestamptz,
    decided_on date,
    return_reason text,
    paid_by text,
    paid_at timestamptz,
    paid_on date,
    payment_reference text,
    -- The bank could not deliver it.
    bounced_by text,
    bounced_at timestamptz,
    bounced_on date,
    bounce_reason text,
    CONSTRAINT ck_refund_claim_amount CHECK (amount > 0),
    CONSTRAINT ck_refund_claim_state CHECK
        (state IN ('entered', 'submitted', 'received', 'approved', 'returned', 'paid', 'bank_returned', 'withdrawn')),
    CONSTRAINT ck_refund_claim_entered_as CHECK (entered_as IN ('employer', 'employer_department')),
    -- The postmark may be known when a claim is entered; once it is submitted it must be.
    CONSTRAINT ck_refund_claim_submitted CHECK
        ((submitted_at IS NULL) = (submitted_by IS NULL) AND (submitted_at IS NULL OR posted_on IS NOT NULL)
            AND (submitted_at IS NULL) = (round IS NULL) AND (round IS NULL) = (round_provisional IS NULL)
            AND (state IN ('entered', 'withdrawn') OR submitted_at IS NOT NULL)
            AND (state <> 'entered' OR submitted_at IS NULL)),
    -- Two people: what a department entered another of the head office submits (ID-07).
    CONSTRAINT ck_refund_claim_confirmed CHECK (entered_as = 'employer' OR submitted_by <> entered_by),
    CONSTRAINT ck_refund_claim_received CHECK
        (state NOT IN ('received', 'approved', 'returned', 'paid', 'bank_returned') OR received_on IS NOT NULL),
    CONSTRAINT ck_refund_claim_decided CHECK
        ((decided_at IS NULL) = (decided_by IS NULL) AND (decided_at IS NULL) = (decided_on IS NULL)
            AND (state NOT IN ('approved', 'returned', 'paid', 'bank_returned') OR decided_at IS NOT NULL)
            AND (state = 'returned') = (return_reason IS NOT NULL)),
    CONSTRAINT ck_refund_claim_paid CHECK
        ((state IN ('paid', 'bank_returned')) = (paid_at IS NOT NULL) AND (paid_at IS NULL) = (paid_by IS NULL)
            AND (paid_at IS NULL) = (paid_on IS NULL) AND (paid_at IS NULL) = (payment_reference IS NULL)),
    CONSTRAINT ck_refund_claim_bounced CHECK
        ((state = 'bank_returned') = (bounced_at IS NOT NULL) AND (bounced_at IS NULL) = (bounced_by IS NULL)
            AND (bounced_at IS NULL) = (bounced_on IS NULL) AND (bounced_at IS NULL) = (bounce_reason IS NULL)),
    -- Two people: who approved a refund does not pay it.
    CONSTRAINT ck_refund_claim_two CHECK (paid_by <> decided_by)
);
-- A letter is claimed on once, unless nothing came of it.
CREATE UNIQUE INDEX uq_refund_claim_letter ON refund_claim (employer_code, letter_no)
    WHERE state NOT IN ('returned', 'bank_returned', 'withdrawn');
CREATE INDEX ix_refund_claim_employer_code ON refund_claim (employer_code, entered_at);
CREATE INDEX ix_refund_claim_state ON refund_claim (state, round, entered_at);
CREATE TABLE claim_paper (
    id uuid CONSTRAINT pk_claim_paper PRIMARY KEY,
    claim_id uuid NOT NULL CONSTRAINT fk_claim_paper_claim_id REFERENCES refund_claim (id),
    employer_code text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    size integer NOT NULL,
    digest bytea NOT NULL,
    content bytea NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ck_claim_paper_kind CHECK (kind IN ('letter', 'signed_receipt')),
    CONSTRAINT ck_claim_paper_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT uq_claim_paper_content UNIQUE (claim_id, kind, digest)
)
"""
RECEIPTS = """
CREATE TABLE receipt_counter (
    year integer CONSTRAINT pk_receipt_counter PRIMARY KEY,
    last integer NOT NULL,
    CONSTRAINT ck_receipt_counter_last CHECK (last > 0)
);
CREATE TABLE receipt (
    id uuid CONSTRAINT pk_receipt PRIMARY KEY,
    -- ROC year and number within it, without gaps (FE-37).
    year integer NOT NULL,
    number integer NOT NULL,
    transaction_id bigint NOT NULL CONSTRAINT fk_receipt_transaction_id REFERENCES bank_transaction (id),
    notice_id uuid NOT NULL CONSTRAINT fk_receipt_notice_id REFERENCES notice (id),
    employer_code text NOT NULL CONSTRAINT fk_receipt_employer_code REFERENCES employer (code),
    amount bigint NOT NULL,
    posted_on date NOT NULL,
    due_on date NOT NULL,
    due_provisional boolean NOT NULL,
    addressee text NOT NULL,
    address text NOT NULL,
    version integer NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    issued_on date NOT NULL,
    mailed_by text,
    mailed_on date,
    mail_number text,
    voided_by text,
    voided_on date,
    void_reason text,
    CONSTRAINT uq_receipt_number UNIQUE (year, number),
    CONSTRAINT ck_receipt_number CHECK (number > 0),
    CONSTRAINT ck_receipt_amount CHECK (amount > 0),
    CONSTRAINT ck_receipt_mailed CHECK ((mailed_on IS NULL) = (mailed_by IS NULL) AND mailed_on >= posted_on),
    CONSTRAINT ck_receipt_voided CHECK
        ((voided_on IS NULL) = (voided_by IS NULL) AND (voided_on IS NULL) = (void_reason IS NULL))
);
-- One receipt that stands for each posted payment; money of the suspense may have been given to two notices.
CREATE UNIQUE INDEX uq_receipt_transaction ON receipt (transaction_id, notice_id) WHERE voided_on IS NULL;
CREATE INDEX ix_receipt_employer_code ON receipt (employer_code, issued_on, id)
"""
VIOLATIONS = """
CREATE TABLE violation (
    id uuid CONSTRAINT pk_violation PRIMARY KEY,
    notice_id uuid NOT NULL CONSTRAINT uq_violation_notice_id UNIQUE
        CONSTRAINT fk_violation_notice_id REFERENCES notice (id),
    employer_code text NOT NULL,
    month date NOT NULL,
    reference_on date NOT NULL,
    evidence jsonb NOT NULL,
    version integer NOT NULL,
    found_on date NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    annulled_by text,
    annulled_at timestamptz,
    annulled_on date,
    annul_reason text,
    CONSTRAINT ck_violation_reference_on CHECK (extract(day FROM reference_on) = 5),
    CONSTRAINT ck_violation_annulled CHECK
        ((annulled_at IS NULL) = (annulled_by IS NULL) AND (annulled_at IS NULL) = (annulled_on IS NULL)
            AND (annulled_at IS NULL) = (annul_reason IS NULL))
);
CREATE INDEX ix_violation_employer_code ON violation (employer_code, month);
CREATE TABLE reminder (
    notice_id uuid NOT NULL CONSTRAINT fk_reminder_notice_id REFERENCES notice (id),
    kind text NOT NULL,
    told_on date NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Told once, however often the daily job runs (FE-40).
    CONSTRAINT pk_reminder PRIMARY KEY (notice_id, kind),
    CONSTRAINT ck_reminder_kind CHECK (kind IN ('issued', 'before_due', 'overdue'))
)
"""
VIOLATION_STAYS = """
CREATE FUNCTION keep_violation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.annulled_at IS NOT NULL OR NEW.annulled_at IS NULL OR (NEW.notice_id, NEW.employer_code, NEW.month,
        NEW.reference_on, NEW.evidence, NEW.found_on) IS DISTINCT FROM (OLD.notice_id, OLD.employer_code, OLD.month,
        OLD.reference_on, OLD.evidence, OLD.found_on)
    THEN
        RAISE EXCEPTION 'a violation is annulled once and its evidence stays' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
CLAIM_STAYS = """
CREATE FUNCTION keep_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('returned', 'bank_returned', 'withdrawn') OR (NEW.id, NEW.employer_code, NEW.letter_no, NEW.amount,
        NEW.entered_by, NEW.entered_as, NEW.entered_on) IS DISTINCT FROM (OLD.id, OLD.employer_code, OLD.letter_no,
        OLD.amount, OLD.entered_by, OLD.entered_as, OLD.entered_on)
        OR (OLD.submitted_at IS NOT NULL AND (NEW.submitted_by, NEW.submitted_at, NEW.posted_on, NEW.round)
            IS DISTINCT FROM (OLD.submitted_by, OLD.submitted_at, OLD.posted_on, OLD.round))
        OR (OLD.paid_at IS NOT NULL AND (NEW.paid_by, NEW.paid_at, NEW.paid_on, NEW.payment_reference, NEW.decided_by)
            IS DISTINCT FROM (OLD.paid_by, OLD.paid_at, OLD.paid_on, OLD.payment_reference, OLD.decided_by))
    THEN
        RAISE EXCEPTION 'a claim stays as it was entered, submitted and paid' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
RECEIPT_STAYS = """
CREATE FUNCTION keep_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.voided_on IS NOT NULL OR (OLD.mailed_on IS NOT NULL AND (NEW.mailed_on, NEW.mail_number)
        IS DISTINCT FROM (OLD.mailed_on, OLD.mail_number)) OR (NEW.year, NEW.number, NEW.transaction_id, NEW.notice_id,
        NEW.employer_code, NEW.amount, NEW.posted_on, NEW.issued_on, NEW.addressee, NEW.address) IS DISTINCT FROM
        (OLD.year, OLD.number, OLD.transaction_id, OLD.notice_id, OLD.employer_code, OLD.amount, OLD.posted_on,
        OLD.issued_on, OLD.addressee, OLD.address)
    THEN
        RAISE EXCEPTION 'a receipt stays as it was issued' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
# Numbers follow each other: a receipt takes the one that its counter has just given, and no counter goes back.
NO_GAPS = """
CREATE FUNCTION receipt_numbers_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT year FROM made) AS y JOIN receipt_counter AS c USING (year)
        WHERE c.last <> (SELECT count(*) FROM receipt AS r WHERE r.year = y.year)
            OR c.last <> (SELECT max(number) FROM receipt AS r WHERE r.year = y.year)
    ) OR EXISTS (SELECT 1 FROM made WHERE year NOT IN (SELECT year FROM receipt_counter)) THEN
        RAISE EXCEPTION 'receipt numbers follow each other' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""

KIND = "(SELECT current_setting('app.org_type', true))"
WATCHERS = f"{KIND} IN ('programme_office', 'authority', 'moi')"
AUTHORITY = f"{KIND} = 'authority'"


def upgrade() -> None:
    """Create the tables and their walls."""
    for group in (CLAIMS, RECEIPTS, VIOLATIONS):
        for statement in group.split(";\n"):
            op.execute(statement)
    for function in (CLAIM_STAYS, VIOLATION_STAYS, RECEIPT_STAYS, NO_GAPS):
        op.execute(function)
    for table, function in (
        ("refund_claim", "keep_claim"), ("violation", "keep_violation"), ("receipt", "keep_receipt"),
    ):  # fmt: skip
        op.execute(f"CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
    op.execute(
        "CREATE TRIGGER receipt_follows AFTER INSERT ON receipt REFERENCING NEW TABLE AS made FOR EACH STATEMENT"
        " EXECUTE FUNCTION receipt_numbers_follow()"
    )
    op.execute(
        "ALTER TABLE posting ADD CONSTRAINT fk_posting_claim_id FOREIGN KEY (claim_id) REFERENCES refund_claim (id)"
    )
    for table in ("claim_paper", "reminder"):
        append_only(table)

    mine = org("employer", "employer_code")
    daily = purpose("daily")
    protect(
        "refund_claim",
        "SELECT, INSERT, UPDATE",
        {
            "select_own": mine,
            "insert_own": mine,
            "update_own": mine,
            "select_watcher": WATCHERS,
            "update_authority": AUTHORITY,
            "select_verify": purpose("verify"),
        },
    )
    protect("claim_paper", "SELECT, INSERT", {"select_own": mine, "insert_own": mine, "select_watcher": WATCHERS})
    protect("receipt_counter", "SELECT, INSERT, UPDATE", {"authority": AUTHORITY})
    protect(
        "receipt",
        "SELECT, INSERT, UPDATE",
        {
            "select_own": mine,
            "select_watcher": WATCHERS,
            "insert_authority": AUTHORITY,
            "update_authority": AUTHORITY,
            "select_job": daily,
        },
    )
    protect(
        "violation",
        "SELECT, INSERT, UPDATE",
        {
            "select_own": mine,
            "select_watcher": WATCHERS,
            "update_authority": AUTHORITY,
            "daily": daily,
        },
    )
    protect("reminder", "SELECT, INSERT", {"select_watcher": WATCHERS, "daily": purpose("daily", "billing")})
