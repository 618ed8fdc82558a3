"""Create monthly runs with their lines, notices, credit statements, and the ledger (FE-10 to FE-16, FE-36, FE-43).

The lines of a preview are those that are issued: they count as billed once their run is issued, and nothing is written
again. The ledger's postings each move an amount from one account to another, so that it balances whatever is written.
"""

from alembic import op

from shared.migrations import append_only, org, protect, purpose

revision = "0002_create_billing"
down_revision = "0001_create_periods"
branch_labels = None
depends_on = None

RUNS = """
CREATE TABLE billing_run (
    id uuid CONSTRAINT pk_billing_run PRIMARY KEY,
    month date NOT NULL,
    kind text NOT NULL,
    reprice boolean NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_on date NOT NULL,
    -- Who looked at the preview: whoever asked for it, or of one that came by itself on the 15th, somebody since.
    checked_by text,
    -- What had become known by then is in the run: at this instant, and by this day where one was asked for.
    known_at timestamptz NOT NULL,
    as_of date NOT NULL,
    computed_at timestamptz,
    line_count integer,
    employer_count integer,
    charges bigint,
    credits bigint,
    faults jsonb NOT NULL DEFAULT '[]',
    manifest jsonb,
    issued_by text,
    issued_at timestamptz,
    issued_on date,
    dropped_by text,
    dropped_at timestamptz,
    CONSTRAINT ck_billing_run_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT ck_billing_run_kind CHECK (kind IN ('regular', 'recomputation')),
    CONSTRAINT ck_billing_run_state CHECK (state IN ('computing', 'previewed', 'issued', 'dropped', 'failed')),
    CONSTRAINT ck_billing_run_previewed CHECK
        (state NOT IN ('previewed', 'issued') OR (computed_at IS NOT NULL AND line_count IS NOT NULL
            AND employer_count IS NOT NULL AND charges IS NOT NULL AND credits IS NOT NULL AND manifest IS NOT NULL)),
    CONSTRAINT ck_billing_run_issued CHECK
        ((state = 'issued') = (issued_at IS NOT NULL) AND (issued_at IS NULL) = (issued_by IS NULL)
            AND (issued_at IS NULL) = (issued_on IS NULL)),
    CONSTRAINT ck_billing_run_dropped CHECK
        ((state = 'dropped') = (dropped_at IS NOT NULL) AND (dropped_at IS NULL) = (dropped_by IS NULL)),
    -- Two people: who looked at a preview does not issue it.
    CONSTRAINT ck_billing_run_two CHECK (state <> 'issued' OR (checked_by IS NOT NULL AND issued_by <> checked_by)),
    -- What is computed again as of a day is looked at, never issued.
    CONSTRAINT ck_billing_run_recomputation CHECK (kind = 'regular' OR state <> 'issued')
);
-- One regular run at a time is between its beginning and its end.
CREATE UNIQUE INDEX uq_billing_run_open ON billing_run ((true))
    WHERE kind = 'regular' AND state IN ('computing', 'previewed');
CREATE INDEX ix_billing_run_month ON billing_run (month, asked_at);
CREATE TABLE line (
    -- Of a run that is being computed: a trigger looks once for all lines, where a key would look for each.
    run_id uuid NOT NULL,
    serviceman_id uuid NOT NULL,
    employer_code text NOT NULL,
    month date NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    days integer NOT NULL,
    category text,
    degree text,
    cohort integer,
    rate integer,
    entitled integer NOT NULL,
    billed integer NOT NULL,
    amount integer NOT NULL,
    event_id uuid,
    CONSTRAINT pk_line PRIMARY KEY (run_id, employer_code, serviceman_id, month),
    -- A line is a charge or a credit, and as much as what is entitled and what was billed differ by (FE-12, FE-13).
    CONSTRAINT ck_line_kind CHECK (kind = CASE WHEN entitled > billed THEN 'charge' ELSE 'credit' END),
    CONSTRAINT ck_line_amount CHECK (amount = abs(entitled - billed) AND amount > 0 AND entitled >= 0 AND billed >= 0),
    CONSTRAINT ck_line_reason CHECK
        ((reason = 'billed_too_much') = (kind = 'credit')
            AND reason IN ('advance', 'not_yet_billed', 'billed_too_much')),
    CONSTRAINT ck_line_price CHECK
        ((rate IS NULL) = (days = 0) AND (rate IS NULL) = (category IS NULL) AND (rate IS NULL) = (degree IS NULL)
            AND (rate IS NULL) = (cohort IS NULL) AND (days > 0 OR entitled = 0)),
    -- Rounded half up, once (FE-03).
    CONSTRAINT ck_line_entitled CHECK
        (rate IS NULL OR entitled =
            (2 * rate::bigint * days + extract(day FROM month + interval '1 month - 1 day')::bigint)
            / (2 * extract(day FROM month + interval '1 month - 1 day')::bigint))
);
CREATE INDEX ix_line_share ON line (serviceman_id, month)
"""

NOTICES = """
CREATE TABLE notice (
    id uuid CONSTRAINT pk_notice PRIMARY KEY,
    run_id uuid NOT NULL CONSTRAINT fk_notice_run_id REFERENCES billing_run (id),
    employer_code text NOT NULL CONSTRAINT fk_notice_employer_code REFERENCES employer (code),
    month date NOT NULL,
    amount bigint NOT NULL,
    virtual_account text NOT NULL CONSTRAINT uq_notice_virtual_account UNIQUE,
    scheme_id uuid NOT NULL CONSTRAINT fk_notice_scheme_id REFERENCES collection_scheme (id),
    issued_on date NOT NULL,
    due_on date NOT NULL,
    due_provisional boolean NOT NULL,
    -- One notice a month and employer (FE-11: no supplementary notices).
    CONSTRAINT uq_notice_month UNIQUE (employer_code, month),
    CONSTRAINT ck_notice_amount CHECK (amount > 0)
);
CREATE INDEX ix_notice_run_id ON notice (run_id);
CREATE INDEX ix_notice_month ON notice (month, employer_code);
CREATE TABLE credit_statement (
    id uuid CONSTRAINT pk_credit_statement PRIMARY KEY,
    run_id uuid NOT NULL CONSTRAINT fk_credit_statement_run_id REFERENCES billing_run (id),
    employer_code text NOT NULL CONSTRAINT fk_credit_statement_employer_code REFERENCES employer (code),
    month date NOT NULL,
    amount bigint NOT NULL,
    issued_on date NOT NULL,
    CONSTRAINT uq_credit_statement_month UNIQUE (employer_code, month),
    CONSTRAINT ck_credit_statement_amount CHECK (amount > 0)
);
CREATE INDEX ix_credit_statement_run_id ON credit_statement (run_id)
"""

LEDGER = """
CREATE TABLE posting (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_posting PRIMARY KEY,
    kind text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    amount bigint NOT NULL,
    notice_id uuid,
    employer_code text,
    transaction_id bigint,
    claim_id uuid,
    booked_on date NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by text NOT NULL,
    CONSTRAINT ck_posting_amount CHECK (amount > 0),
    -- Which accounts each kind of booking moves: in none does a credit pay a notice (FE-12).
    CONSTRAINT ck_posting_pair CHECK (CASE kind
        WHEN 'notice_issued' THEN debit = 'receivable' AND credit = 'revenue'
        WHEN 'credit_granted' THEN debit = 'revenue' AND credit = 'refundable'
        WHEN 'payment_posted' THEN debit = 'bank' AND credit IN ('receivable', 'refundable')
        WHEN 'payment_reversed' THEN debit IN ('receivable', 'refundable', 'reclaimable') AND credit = 'bank'
        WHEN 'money_suspended' THEN debit = 'bank' AND credit = 'suspense'
        WHEN 'suspended_reversed' THEN debit = 'suspense' AND credit = 'bank'
        WHEN 'suspense_assigned' THEN debit = 'suspense' AND credit IN ('receivable', 'refundable')
        WHEN 'assignment_undone' THEN debit IN ('receivable', 'refundable', 'reclaimable') AND credit = 'suspense'
        WHEN 'refund_paid' THEN debit = 'refundable' AND credit = 'bank'
        WHEN 'refund_returned' THEN debit = 'bank' AND credit = 'refundable'
        WHEN 'refund_repaid' THEN debit = 'suspense' AND credit = 'reclaimable'
        ELSE false END),
    CONSTRAINT ck_posting_whose CHECK
        ((notice_id IS NOT NULL OR 'receivable' NOT IN (debit, credit))
            AND (transaction_id IS NOT NULL OR 'suspense' NOT IN (debit, credit))
            AND (employer_code IS NOT NULL
                OR ('refundable' NOT IN (debit, credit) AND 'reclaimable' NOT IN (debit, credit)))
            AND (claim_id IS NOT NULL) = (kind IN ('refund_paid', 'refund_returned')))
);
CREATE INDEX ix_posting_notice_id ON posting (notice_id) WHERE notice_id IS NOT NULL;
CREATE INDEX ix_posting_employer_code ON posting (employer_code)
    WHERE 'refundable' IN (debit, credit) OR 'reclaimable' IN (debit, credit);
CREATE INDEX ix_posting_given ON posting (employer_code, transaction_id)
    WHERE kind IN ('suspense_assigned', 'refund_repaid');
CREATE INDEX ix_posting_transaction_id ON posting (transaction_id) WHERE transaction_id IS NOT NULL;
-- A claim is paid once, and comes back from the bank once.
CREATE UNIQUE INDEX uq_posting_claim ON posting (claim_id, kind) WHERE claim_id IS NOT NULL
"""

# What a notice and a statement ask and give is what their lines say, each kind by itself. As the owner, who sees all.
# Counted, not EXISTS, and without nested loops: for a first row that never comes, or with statistics from before the
# lines were written, the planner would read all of them once for each of 30,000 notices.
ADDS_UP = """
CREATE FUNCTION document_adds_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    IF (
        SELECT count(*) FROM made LEFT JOIN (
            SELECT l.run_id, l.employer_code, sum(l.amount) AS amount FROM line AS l
            WHERE l.run_id IN (SELECT run_id FROM made) AND l.kind = TG_ARGV[0] GROUP BY 1, 2
        ) AS told USING (run_id, employer_code)
        WHERE told.amount IS DISTINCT FROM made.amount
    ) > 0 THEN
        RAISE EXCEPTION '% differs from its lines: charges and credits are never netted', TG_TABLE_NAME
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""
RUN_MOVES = """
CREATE FUNCTION keep_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('issued', 'dropped', 'failed') OR NEW.month <> OLD.month OR NEW.kind <> OLD.kind
        OR NEW.asked_by <> OLD.asked_by
        OR (OLD.state = 'previewed' AND (NEW.state NOT IN ('previewed', 'issued', 'dropped')
            OR (NEW.manifest, NEW.charges, NEW.credits, NEW.line_count, NEW.known_at)
                IS DISTINCT FROM (OLD.manifest, OLD.charges, OLD.credits, OLD.line_count, OLD.known_at)))
    THEN
        RAISE EXCEPTION 'a run that has ended stays as it is, and what was previewed is what is issued'
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
# A line is written while its run is computed, and never after.
LINES_BEFORE = """
CREATE FUNCTION lines_while_computing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT run_id FROM made) AS m LEFT JOIN billing_run AS r ON r.id = m.run_id
        WHERE r.state IS DISTINCT FROM 'computing'
    ) THEN
        RAISE EXCEPTION 'lines are written while their run is computed' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""
# No more is refunded than is refundable (FE-38); whoever books a refund has locked its employer.
NOT_OVERDRAWN = """
CREATE FUNCTION refund_not_overdrawn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (
        SELECT coalesce(sum(CASE WHEN credit = 'refundable' THEN amount ELSE -amount END), 0) FROM posting
        WHERE employer_code = NEW.employer_code AND 'refundable' IN (debit, credit)
    ) < 0 THEN
        RAISE EXCEPTION 'more is refunded than is refundable' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""

KIND = "(SELECT current_setting('app.org_type', true))"
WATCHERS = f"{KIND} IN ('programme_office', 'authority', 'moi')"
AUTHORITY = f"{KIND} = 'authority'"


def upgrade() -> None:
    """Create the tables and their walls."""
    for group in (RUNS, NOTICES, LEDGER):
        for statement in group.split(";\n"):
            op.execute(statement)
    for function in (ADDS_UP, RUN_MOVES, LINES_BEFORE, NOT_OVERDRAWN):
        op.execute(function)
    for table, kind in (("notice", "charge"), ("credit_statement", "credit")):
        op.execute(
            f"CREATE TRIGGER {table}_adds_up AFTER INSERT ON {table} REFERENCING NEW TABLE AS made FOR EACH STATEMENT"
            f" EXECUTE FUNCTION document_adds_up('{kind}')"
        )
    op.execute("CREATE TRIGGER run_moves BEFORE UPDATE ON billing_run FOR EACH ROW EXECUTE FUNCTION keep_run()")
    op.execute(
        "CREATE TRIGGER line_while_computing AFTER INSERT ON line REFERENCING NEW TABLE AS made FOR EACH STATEMENT"
        " EXECUTE FUNCTION lines_while_computing()"
    )
    op.execute(
        "CREATE TRIGGER posting_not_overdrawn AFTER INSERT ON posting FOR EACH ROW WHEN (NEW.kind = 'refund_paid')"
        " EXECUTE FUNCTION refund_not_overdrawn()"
    )
    for table in ("line", "notice", "credit_statement", "posting"):
        append_only(table)

    mine = org("employer", "employer_code")
    run = purpose("billing")
    protect(
        "billing_run",
        "SELECT, INSERT, UPDATE",
        {
            "select_watcher": WATCHERS,
            # An employer sees which run brought it its notice: what was known then explains its lines.
            "select_sent": f"{KIND} = 'employer' AND ("
            "EXISTS (SELECT 1 FROM notice AS n WHERE n.run_id = billing_run.id)"
            " OR EXISTS (SELECT 1 FROM credit_statement AS s WHERE s.run_id = billing_run.id))",
            "insert_authority": AUTHORITY,
            "update_authority": AUTHORITY,
            "billing": run,
        },
    )
    # An employer sees the lines of what it was sent.
    sent = " OR ".join(
        f"EXISTS (SELECT 1 FROM {paper} AS d WHERE d.run_id = line.run_id AND d.employer_code = line.employer_code)"
        for paper in ("notice", "credit_statement")
    )
    protect(
        "line",
        "SELECT, INSERT",
        {
            "select_own": f"{mine} AND ({sent})",
            "select_watcher": WATCHERS,
            "select_verify": purpose("verify"),
            "billing": run,
        },
    )
    for table in ("notice", "credit_statement"):
        protect(
            table,
            "SELECT, INSERT",
            {
                "select_own": mine,
                "select_watcher": WATCHERS,
                "insert_authority": AUTHORITY,
                "select_job": purpose("billing", "daily", "bank", "verify"),
                "insert_job": run,
            },
        )
    protect(
        "posting",
        "SELECT, INSERT",
        {
            "select_own": mine,
            "select_watcher": WATCHERS,
            "insert_authority": AUTHORITY,
            "select_job": purpose("billing", "daily", "bank", "verify"),
            "insert_job": purpose("billing", "bank"),
        },
    )
