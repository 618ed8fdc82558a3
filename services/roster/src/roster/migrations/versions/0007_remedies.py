"""Let a decision be corrected by one that refers to it (RO-52), and keep what becomes of a refusal (RO-75).

A correction goes through review and approval as its entry did the first time: the entry says meanwhile which decision
it corrects, why, and who took it up. What a decision did to each deferment is kept from here on, so that it can be put
right; of decisions before, what history shows of it is brought in.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrations import append_only, org, protect

revision = "0007_remedies"
down_revision = "0006_cases"
branch_labels = None
depends_on = None

DECISION = """
ALTER TABLE decision
    ADD COLUMN corrects_number text,
    ADD COLUMN correction_reason text,
    ADD COLUMN correction_by text,
    ADD CONSTRAINT uq_decision_corrects UNIQUE (corrects),
    ADD CONSTRAINT uq_decision_of_entry UNIQUE (id, entry_id),
    ADD CONSTRAINT fk_decision_corrects_same_man FOREIGN KEY (corrects, entry_id) REFERENCES decision (id, entry_id),
    ADD CONSTRAINT ck_decision_correction CHECK ((corrects IS NULL) = (correction_reason IS NULL)
        AND (corrects IS NULL) = (correction_by IS NULL) AND (corrects IS NULL) = (corrects_number IS NULL)),
    -- Four eyes: who took the correction up does not decide it either (RO-52).
    ADD CONSTRAINT ck_decision_correction_four_eyes CHECK (decided_by <> correction_by),
    DROP CONSTRAINT ck_decision_annotation,
    -- A rejection touches no annotation (RO-49), except one that takes back what was approved in error (RO-52).
    ADD CONSTRAINT ck_decision_annotation CHECK (annotation_action IN ('create', 'modify', 'none')
        AND (decision = 'approved' OR annotation_action = 'none'
            OR (corrects IS NOT NULL AND annotation_action = 'modify'))),
    DROP CONSTRAINT ck_decision_deferment,
    ADD CONSTRAINT ck_decision_deferment CHECK (CASE WHEN decision = 'rejected' AND corrects IS NULL
        THEN deferment_id IS NULL ELSE annotation_action = 'none' OR deferment_id IS NOT NULL END)
"""

ENTRY = """
ALTER TABLE entry
    ADD COLUMN corrects uuid CONSTRAINT fk_entry_corrects REFERENCES decision (id),
    ADD COLUMN correction_reason text,
    ADD COLUMN correction_by text,
    ADD CONSTRAINT ck_entry_correction CHECK
        ((corrects IS NULL) = (correction_reason IS NULL) AND (corrects IS NULL) = (correction_by IS NULL)),
    -- While its decision is being corrected an entry is in the county's hands: no school withdraws or replaces it.
    ADD CONSTRAINT ck_entry_correcting CHECK (corrects IS NULL OR state IN ('in_review', 'on_hold', 'for_approval'))
"""
COLUMNS = sa.text(
    "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'entry'::regclass"
    " AND attnum > 0 AND NOT attisdropped AND attname <> 'judged_at'"
)

# One row for each deferment that a decision changed, also those that it ended beside the one it was about.
CHANGE = """
ALTER TABLE deferment_change
    DROP CONSTRAINT pk_deferment_change,
    ADD CONSTRAINT pk_deferment_change PRIMARY KEY (decision_id, deferment_id),
    ADD COLUMN ended_reason text,
    ADD COLUMN decision_number text,
    ADD COLUMN issued_on date
"""
# What decisions before ended beside: the state of a man's deferment that ended at the instant of a decision on him.
ENDED = """
INSERT INTO deferment_change (decision_id, deferment_id, county_code, deferment_version, annotation_action,
    until_before, until_after, revoked_on, ended_reason, summary, liable_for_induction, at)
SELECT d.id, f.id, d.county_code, (h.body ->> 'version')::integer + 1, 'none', (h.body ->> 'deferred_until')::date,
    (a.body ->> 'deferred_until')::date, (a.body ->> 'revoked_on')::date, a.body ->> 'ended_reason',
    a.body ->> 'summary', false, h.valid_until
FROM history h
    JOIN deferment f ON h.table_name = 'deferment' AND f.id = h.row_id
    JOIN decision d ON d.decided_at = h.valid_until
    JOIN entry e ON e.id = d.entry_id AND e.national_id_index = f.national_id_index
    CROSS JOIN LATERAL (
        SELECT body FROM history n WHERE n.table_name = 'deferment' AND n.row_id = f.id AND n.valid_from = h.valid_until
        UNION ALL SELECT to_jsonb(f) WHERE f.changed_at = h.valid_until
    ) AS a
WHERE NOT EXISTS (SELECT 1 FROM deferment_change c WHERE c.decision_id = d.id AND c.deferment_id = f.id)
"""

KEEP_FIRST = """
CREATE OR REPLACE FUNCTION keep_first_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Seed item (1): an extension or cessation never rewrites the number and date of the first decision. Whose it is
    -- stays as well.
    IF (OLD.national_id, OLD.national_id_index, OLD.kind, OLD.deferred_from, OLD.county_code, OLD.school_code)
       IS DISTINCT FROM (NEW.national_id, NEW.national_id_index, NEW.kind, NEW.deferred_from, NEW.county_code,
        NEW.school_code) THEN
        RAISE EXCEPTION 'the first decision of a deferment is never rewritten' USING ERRCODE = '23514';
    END IF;
    -- Only the decision that corrects the granting one gives the deferment its own number and date (RO-52).
    IF (OLD.decision_number, OLD.issued_on) IS DISTINCT FROM (NEW.decision_number, NEW.issued_on) AND NOT EXISTS (
        SELECT 1 FROM decision d WHERE d.deferment_id = NEW.id AND d.corrects IS NOT NULL AND d.decision = 'approved'
            AND d.kind = NEW.kind AND d.decision_number = NEW.decision_number AND d.issued_on = NEW.issued_on) THEN
        RAISE EXCEPTION 'the first decision of a deferment is never rewritten' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""

SERVICE = """
CREATE TABLE refusal_service (
    decision_id uuid NOT NULL CONSTRAINT fk_refusal_service_decision_id REFERENCES decision (id),
    no integer NOT NULL,
    county_code text NOT NULL,
    school_code text,
    township_code text NOT NULL,
    handed_over_by text NOT NULL,
    manner text NOT NULL,
    served_on date NOT NULL,
    request_until date NOT NULL,
    provisional boolean NOT NULL,
    recorded_by text NOT NULL,
    recorded_org_type text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT moment(),
    CONSTRAINT pk_refusal_service PRIMARY KEY (decision_id, no),
    CONSTRAINT ck_refusal_service_no CHECK (no > 0),
    -- Through township or school (RO-75); the county may note what they told it.
    CONSTRAINT ck_refusal_service_handed_over_by CHECK (handed_over_by IN ('township', 'school')),
    CONSTRAINT ck_refusal_service_manner CHECK (manner IN ('in_person', 'by_post', 'to_household', 'deposited')),
    CONSTRAINT ck_refusal_service_recorder CHECK
        (recorded_org_type = 'county' OR recorded_org_type = handed_over_by),
    CONSTRAINT ck_refusal_service_period CHECK (request_until > served_on)
)
"""

REQUEST = """
CREATE TABLE review_request (
    -- Once: a refusal has one request (RO-75).
    decision_id uuid CONSTRAINT pk_review_request PRIMARY KEY
        CONSTRAINT fk_review_request_decision_id REFERENCES decision (id),
    county_code text NOT NULL,
    school_code text,
    township_code text NOT NULL,
    version integer NOT NULL,
    received_on date NOT NULL,
    received_by text NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT moment(),
    request_until date NOT NULL,
    days_late integer NOT NULL,
    answer text,
    answer_number text,
    answer_reason text,
    answered_on date,
    answered_by text,
    changed_at timestamptz NOT NULL DEFAULT moment(),
    CONSTRAINT ck_review_request_received_by CHECK (received_by IN ('township', 'school', 'county')),
    CONSTRAINT ck_review_request_late CHECK (days_late = greatest(received_on - request_until, 0)),
    CONSTRAINT ck_review_request_answer CHECK (answer IN ('dismissed', 'inadmissible', 'granted')),
    CONSTRAINT ck_review_request_answered CHECK ((answer IS NULL) = (answered_on IS NULL)
        AND (answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answer_reason IS NULL)),
    -- What came too late can only be inadmissible (RO-75).
    CONSTRAINT ck_review_request_inadmissible CHECK (days_late = 0 OR answer = 'inadmissible'),
    -- Four eyes: who noted the request does not answer it.
    CONSTRAINT ck_review_request_four_eyes CHECK (answered_by <> recorded_by)
)
"""


def upgrade() -> None:
    """Add the columns, the two tables and their walls; bring in what earlier decisions ended."""
    op.execute(DECISION)
    op.execute("CREATE INDEX ix_decision_refused ON decision (county_code, decided_on, id) WHERE decision = 'rejected'")
    op.execute("DROP TRIGGER entry_keeps_history ON entry")
    op.execute(ENTRY)
    # As migration 0002 made it, with the new columns among those that it keeps.
    columns = op.get_bind().scalar(COLUMNS)
    op.execute(
        f"CREATE TRIGGER entry_keeps_history BEFORE UPDATE OF {columns} ON entry FOR EACH ROW"
        " EXECUTE FUNCTION keep_history('id', 'true')"
    )
    op.execute(CHANGE)
    op.execute(ENDED)
    op.execute(KEEP_FIRST)

    own_school, own_county = org("school", "school_code"), org("county", "county_code")
    own_township = org("township", "township_code")
    # The township is told of each decision on the men of its households (RO-51): of one that is being corrected too,
    # for it stands until it is.
    op.execute("DROP POLICY select_township ON entry")
    op.execute(
        "CREATE POLICY select_township ON entry FOR SELECT USING"
        f" ({own_township} AND (state = 'decided' OR corrects IS NOT NULL))"
    )
    op.execute(SERVICE)
    protect(
        "refusal_service",
        "SELECT, INSERT",
        {"county": own_county, "school": own_school, "township": own_township},
    )
    append_only("refusal_service")
    op.execute(REQUEST)
    protect(
        "review_request",
        "SELECT, INSERT, UPDATE (version, answer, answer_number, answer_reason, answered_on, answered_by, changed_at)",
        {
            "county": own_county,
            "select_school": own_school,
            "insert_school": f"{own_school} AND answer IS NULL",
            "select_township": own_township,
            "insert_township": f"{own_township} AND answer IS NULL",
        },
    )
