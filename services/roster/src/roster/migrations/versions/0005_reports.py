"""Reports that are made after the answer, and what a household township may read of what was decided (RO-61)."""

from alembic import op

from shared.migrations import org, protect

revision = "0005_reports"
down_revision = "0004_share_hints"
branch_labels = None
depends_on = None

REPORT = """
CREATE TABLE report (
    id uuid CONSTRAINT pk_report PRIMARY KEY,
    report text NOT NULL,
    form text NOT NULL,
    org_type text NOT NULL,
    org_code text NOT NULL,
    asked_by text NOT NULL,
    roles text[] NOT NULL,
    about jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempt uuid,
    rows_done integer NOT NULL DEFAULT 0,
    rows_total integer,
    size bigint,
    problem jsonb,
    asked_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    expires_at timestamptz NOT NULL,
    CONSTRAINT ck_report_state CHECK (state IN ('queued', 'running', 'ready', 'failed')),
    CONSTRAINT ck_report_ready CHECK ((state = 'ready') = (size IS NOT NULL)),
    CONSTRAINT ck_report_failed CHECK ((state = 'failed') = (problem IS NOT NULL)),
    CONSTRAINT ck_report_finished CHECK ((state IN ('ready', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_report_rows CHECK (rows_done >= 0 AND rows_total >= 0)
)
"""
PART = """
CREATE TABLE report_part (
    report_id uuid NOT NULL CONSTRAINT fk_report_part_report_id REFERENCES report (id),
    attempt uuid NOT NULL,
    number integer NOT NULL,
    org_type text NOT NULL,
    org_code text NOT NULL,
    asked_by text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT pk_report_part PRIMARY KEY (report_id, attempt, number)
)
"""
# The organisation and, in it, the account that asked; nobody else.
OWN = (
    "org_type = (SELECT current_setting('app.org_type', true))"
    " AND org_code = (SELECT current_setting('app.org_code', true))"
    " AND asked_by = (SELECT current_setting('app.sub', true))"
)
# Ends in the condition whose township it is.
THEIR_DEFERMENTS = """
CREATE POLICY select_township_decided ON deferment FOR SELECT USING (EXISTS (
    SELECT 1 FROM decision WHERE decision.deferment_id = deferment.id
"""


def upgrade() -> None:
    """The tables of reports, and three policies."""
    op.execute(REPORT)
    op.execute(PART)
    op.execute("CREATE INDEX ix_report_asked_by ON report (asked_by, asked_at)")
    protect("report", "SELECT, INSERT, UPDATE", {"own": OWN})
    protect("report_part", "SELECT, INSERT, DELETE", {"own": OWN})
    # RO-51: what was decided on the men of a township's households is reported to it; it reads nothing before that.
    op.execute(" AND ".join((THEIR_DEFERMENTS, f"{org('township', 'decision.township_code')}))")))
    op.execute("CREATE INDEX ix_decision_township_code ON decision (township_code, decided_at)")
