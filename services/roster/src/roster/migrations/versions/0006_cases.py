"""Let others than schools file rosters: townships, education authorities, counties (RO-70, RO-71, RO-72).

`school_code` stays what it was: the school that filed a thing and may see it. It is empty where no school filed it, so
that the walls of schools stand as they stood; who filed it instead has walls of its own.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrations import org, protect, purpose

revision = "0006_cases"
down_revision = "0005_reports"
branch_labels = None
depends_on = None

SUBMISSION = """
ALTER TABLE submission
    ALTER COLUMN school_code DROP NOT NULL,
    ADD COLUMN filer_type text,
    ADD COLUMN filer_code text,
    ADD CONSTRAINT ck_submission_filer CHECK
        ((filer_type IS NULL) = (school_code IS NOT NULL) AND (filer_type IS NULL) = (filer_code IS NULL)
            AND filer_type IN ('township', 'education_authority', 'county'))
"""
SUBMISSION_INDEX = """
CREATE UNIQUE INDEX uq_submission_filed
    ON submission (filer_type, filer_code, received_by, kind, academic_year, term, content_digest)
    WHERE withdrawn_at IS NULL AND filer_type IS NOT NULL
"""
ROSTER = """
ALTER TABLE roster
    ALTER COLUMN school_code DROP NOT NULL,
    ADD COLUMN filer_type text,
    ADD COLUMN filer_code text,
    ADD COLUMN filer_name text,
    ADD COLUMN case_kind text,
    ADD CONSTRAINT ck_roster_filer CHECK
        ((filer_type IS NULL) = (school_code IS NOT NULL) AND (filer_type IS NULL) = (filer_code IS NULL)
            AND (filer_type IS NULL) = (filer_name IS NULL) AND (filer_type IS NULL) = (case_kind IS NULL)),
    -- Who may file what: Art. 11-2, 14-2, 14-3 and 12 the township, 16-3 the education authority, 16-1 the county.
    ADD CONSTRAINT ck_roster_case CHECK (case_kind IS NULL OR CASE case_kind
        WHEN 'experimental_education' THEN (filer_type = 'township' AND kind <> 'cessation')
            OR (filer_type = 'education_authority' AND kind = 'cessation')
        WHEN 'school_certificate' THEN filer_type = 'township' AND kind = 'application'
        WHEN 'experimental_certificate' THEN filer_type = 'township' AND kind = 'application'
        WHEN 'vacation_training' THEN filer_type = 'county' AND kind = 'cessation'
        ELSE false END)
"""
ROSTER_INDEX = (
    "CREATE INDEX ix_roster_filer ON roster (filer_type, filer_code, received_on, id) WHERE filer_type IS NOT NULL"
)
ENTRY = """
ALTER TABLE entry
    ALTER COLUMN school_code DROP NOT NULL,
    ADD COLUMN filer_type text,
    ADD COLUMN filer_code text,
    ADD COLUMN certified_school text CONSTRAINT fk_entry_certified_school REFERENCES school (code),
    ADD CONSTRAINT ck_entry_filer CHECK
        ((filer_type IS NULL) = (school_code IS NOT NULL) AND (filer_type IS NULL) = (filer_code IS NULL)),
    ADD CONSTRAINT ck_entry_certified CHECK (certified_school IS NULL OR filer_type = 'township')
"""
# The keepers of history name the columns whose change is one, as migrations 0002 and 0004 made them.
COLUMNS = sa.text(
    "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'entry'::regclass"
    " AND attnum > 0 AND NOT attisdropped AND attname <> 'judged_at'"
)
ENTRY_INDEXES = (
    "CREATE INDEX ix_entry_filer ON entry (filer_type, filer_code, id) WHERE filer_type IS NOT NULL",
    "CREATE INDEX ix_entry_township ON entry (township_code, id) WHERE state = 'decided'",
)
NO_COUNTY = "filer_type <> 'county' AND "
OF_NO_SCHOOL = ("batch", "decision", "deferment", "hint", "roster_version")

# As migration 0004 has it, with the rule that tells of an induction order by way of a certificate.
SECRECY = (
    "ALTER TABLE hint DROP CONSTRAINT ck_hint_secrecy",
    "ALTER TABLE hint ADD CONSTRAINT ck_hint_secrecy CHECK"
    " (NOT (visible_to_school AND rule IN ('RO-22', 'RO-27', 'RO-29', 'RO-30', 'RO-32', 'RO-71')))",
)
CASE_FILE = """
CREATE TABLE case_file (
    entry_id uuid CONSTRAINT pk_case_file PRIMARY KEY CONSTRAINT fk_case_file_entry_id REFERENCES entry (id),
    national_id_index bytea NOT NULL,
    county_code text NOT NULL,
    township_code text NOT NULL,
    filer_type text NOT NULL,
    filer_code text NOT NULL,
    case_kind text NOT NULL,
    relation text,
    issuer text,
    certificate_no text,
    certificate_on date,
    plan_from date,
    plan_until date,
    order_no text,
    order_on date,
    days_in_camp integer,
    annotated_at timestamptz,
    annotated_by text,
    CONSTRAINT ck_case_file_case_kind CHECK
        (case_kind IN
            ('experimental_education', 'school_certificate', 'experimental_certificate', 'vacation_training')),
    -- Art. 11-2: 學生本人、戶長或其家屬檢附……證明文件. Whoever comes to the township brings the certificate.
    CONSTRAINT ck_case_file_relation CHECK (relation IN ('student', 'householder', 'family')),
    CONSTRAINT ck_case_file_certificate CHECK
        ((filer_type = 'township') = (relation IS NOT NULL) AND (relation IS NULL) = (issuer IS NULL)
            AND (relation IS NULL) = (certificate_no IS NULL) AND (relation IS NULL) = (certificate_on IS NULL)),
    CONSTRAINT ck_case_file_plan CHECK
        ((plan_from IS NULL) = (plan_until IS NULL) AND plan_from <= plan_until
            AND (plan_from IS NOT NULL) = (filer_type = 'township' AND case_kind <> 'school_certificate')),
    -- Art. 12: 學生收受徵集令時.
    CONSTRAINT ck_case_file_order CHECK
        ((order_on IS NOT NULL) = (case_kind IN ('school_certificate', 'experimental_certificate'))
            AND (order_no IS NULL OR order_on IS NOT NULL)),
    -- Art. 16-1: 停止訓練時在營時間逾三十日.
    CONSTRAINT ck_case_file_days CHECK
        (days_in_camp IS NULL OR (days_in_camp > 30 AND case_kind = 'vacation_training')),
    CONSTRAINT ck_case_file_annotated CHECK
        ((annotated_at IS NULL) = (annotated_by IS NULL)
            AND (annotated_at IS NULL OR case_kind = 'vacation_training'))
);
CREATE INDEX ix_case_file_national_id_index ON case_file (national_id_index);
CREATE INDEX ix_case_file_county_code ON case_file (county_code, entry_id)
"""
CONFIRMED_ONCE = """
CREATE FUNCTION keep_annotated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What the township confirmed stays confirmed, by whom and when.
    IF OLD.annotated_at IS NOT NULL THEN
        RAISE EXCEPTION 'an annotation is confirmed once' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
CONFIRMED_ONCE_TRIGGER = (
    "CREATE TRIGGER case_file_keeps_annotated BEFORE UPDATE ON case_file FOR EACH ROW EXECUTE FUNCTION keep_annotated()"
)


def _policy(table: str, name: str, command: str, condition: str) -> None:
    clause = "USING" if command == "SELECT" else "WITH CHECK"
    op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {clause} ({condition})")


def _update(table: str, which: str, becomes: str) -> None:
    op.execute(f"CREATE POLICY update_filer ON {table} FOR UPDATE USING ({which}) WITH CHECK ({becomes})")


def upgrade() -> None:
    """Add the columns, the table of case files and the walls of those who file."""
    for statement in (SUBMISSION, SUBMISSION_INDEX, ROSTER, ROSTER_INDEX, ENTRY, *ENTRY_INDEXES, *SECRECY):
        op.execute(statement)
    op.execute("DROP TRIGGER entry_keeps_history ON entry")
    columns = op.get_bind().scalar(COLUMNS)
    op.execute(
        f"CREATE TRIGGER entry_keeps_history BEFORE UPDATE OF {columns} ON entry FOR EACH ROW"
        " EXECUTE FUNCTION keep_history('id', 'true')"
    )
    for table in OF_NO_SCHOOL:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN school_code DROP NOT NULL")
    op.execute("ALTER TABLE deferment ADD COLUMN awaits_roster boolean NOT NULL DEFAULT false")
    for statement in CASE_FILE.split(";"):
        op.execute(statement)
    op.execute(CONFIRMED_ONCE)
    op.execute(CONFIRMED_ONCE_TRIGGER)

    caller = (
        "filer_type = (SELECT current_setting('app.org_type', true))"
        " AND filer_code = (SELECT current_setting('app.org_code', true))"
    )
    # What a county lists it makes as the county whose it is, by the walls that it has.
    for table, others in (("submission", caller), ("roster", NO_COUNTY + caller), ("entry", NO_COUNTY + caller)):
        _policy(table, "insert_filer", "INSERT", others)
        _policy(table, "select_filer", "SELECT", others)
    # Who filed takes back what nobody has opened (RO-09), and can write nothing else of it.
    _update("submission", caller, caller)
    _update("roster", NO_COUNTY + caller, NO_COUNTY + caller)
    _update(
        "entry",
        f"{NO_COUNTY}{caller} AND state = 'received'",
        f"{NO_COUNTY}{caller} AND state IN ('received', 'withdrawn')",
    )
    mine = f"EXISTS (SELECT 1 FROM roster WHERE roster.id = roster_version.roster_id AND {caller})"
    _policy("roster_version", "insert_filer", "INSERT", mine)
    # A township receives the county's decisions on the men of its households (RO-51), whoever filed for them.
    household = org("township", "township_code")
    _policy("entry", "select_township", "SELECT", f"{household} AND state = 'decided'")
    _policy("decision", "select_township", "SELECT", household)
    # Who the caller is comes first: for schools and counties no entry is looked up beside a decision.
    outside = "(SELECT current_setting('app.org_type', true)) IN ('township', 'education_authority')"
    filed = f"{outside} AND EXISTS (SELECT 1 FROM entry WHERE entry.id = decision.entry_id AND {caller})"
    _policy("decision", "select_filer", "SELECT", filed)
    decided = f"{household} AND filer_type = 'county' AND EXISTS (SELECT 1 FROM entry WHERE entry.id = entry_id)"
    protect(
        "case_file",
        "SELECT, INSERT, UPDATE (annotated_at, annotated_by)",
        {
            "select_county": org("county", "county_code"),
            "insert_county": f"{org('county', 'county_code')} AND {caller}",
            "insert_filer": NO_COUNTY + caller,
            "select_filer": NO_COUNTY + caller,
            "select_township": decided,
            "update_township": decided,
            "select_judge": purpose("judge"),
            "insert_transfer": purpose("transfer"),
        },
    )
