"""Create schools, rosters, reviews, decisions and deferments, with the walls between organisations."""

from alembic import op

from shared.migrations import append_only, create_platform_tables, grant, org, protect, purpose

revision = "0001_create_rosters"
down_revision = None
branch_labels = None
depends_on = None

SCHOOLS = """
CREATE TABLE school (
    code text CONSTRAINT pk_school PRIMARY KEY,
    name text NOT NULL,
    school_kind text NOT NULL,
    ownership text NOT NULL,
    county_code text NOT NULL,
    address text NOT NULL,
    phone text NOT NULL,
    website text NOT NULL,
    system text NOT NULL,
    version integer NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE school_registration (
    school_code text NOT NULL CONSTRAINT fk_school_registration_school_code REFERENCES school (code),
    effective_from date NOT NULL,
    registered boolean NOT NULL,
    CONSTRAINT pk_school_registration PRIMARY KEY (school_code, effective_from)
);
CREATE TABLE school_contact (
    school_code text CONSTRAINT pk_school_contact PRIMARY KEY
        CONSTRAINT fk_school_contact_school_code REFERENCES school (code),
    name text NOT NULL,
    phone text NOT NULL,
    email text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE unrecognised_programme (
    school_code text NOT NULL CONSTRAINT fk_unrecognised_programme_school_code REFERENCES school (code),
    department text NOT NULL,
    level text NOT NULL,
    effective_from date NOT NULL,
    effective_to date,
    CONSTRAINT pk_unrecognised_programme PRIMARY KEY (school_code, department, level, effective_from),
    CONSTRAINT ck_unrecognised_programme_period CHECK (effective_to > effective_from)
);
CREATE TABLE term (
    school_code text NOT NULL,
    academic_year integer NOT NULL,
    term integer NOT NULL,
    registration_deadline date NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_term PRIMARY KEY (school_code, academic_year, term),
    CONSTRAINT ck_term_term CHECK (term IN (1, 2)),
    CONSTRAINT ck_term_academic_year CHECK (academic_year BETWEEN 1 AND 999)
);
CREATE TABLE calendar_day (
    day date NOT NULL,
    county_code text NOT NULL,
    working boolean NOT NULL,
    reason text NOT NULL,
    source text NOT NULL,
    CONSTRAINT pk_calendar_day PRIMARY KEY (day, county_code)
)
"""

INTAKE = """
CREATE TABLE submission (
    id uuid CONSTRAINT pk_submission PRIMARY KEY,
    school_code text NOT NULL,
    kind text NOT NULL,
    academic_year integer NOT NULL,
    term integer NOT NULL,
    content_digest bytea NOT NULL,
    charset text NOT NULL,
    row_count integer NOT NULL,
    notes jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    received_by text NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT ck_submission_kind CHECK (kind IN ('application', 'extension', 'reapplication', 'cessation')),
    CONSTRAINT ck_submission_row_count CHECK (row_count > 0)
);
CREATE UNIQUE INDEX uq_submission_content
    ON submission (school_code, received_by, kind, academic_year, term, content_digest) WHERE withdrawn_at IS NULL;
CREATE TABLE roster (
    id uuid CONSTRAINT pk_roster PRIMARY KEY,
    submission_id uuid NOT NULL CONSTRAINT fk_roster_submission_id REFERENCES submission (id),
    school_code text NOT NULL CONSTRAINT fk_roster_school_code REFERENCES school (code),
    county_code text NOT NULL,
    kind text NOT NULL,
    academic_year integer NOT NULL,
    term integer NOT NULL,
    version integer NOT NULL,
    revision integer NOT NULL,
    received_on date NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    deadline date,
    opened_at timestamptz,
    opened_by text,
    proposed_number text,
    -- One roster a county; a transfer (RO-29) adds its entry to the one that is there, or makes it.
    CONSTRAINT uq_roster_submission_id UNIQUE (submission_id, county_code),
    CONSTRAINT ck_roster_kind CHECK (kind IN ('application', 'extension', 'reapplication', 'cessation')),
    CONSTRAINT ck_roster_opened CHECK ((opened_at IS NULL) = (opened_by IS NULL))
);
CREATE INDEX ix_roster_county_code ON roster (county_code, received_on, id);
CREATE INDEX ix_roster_school_code ON roster (school_code, received_on, id)
"""

REVIEW = """
CREATE TABLE batch (
    id uuid CONSTRAINT pk_batch PRIMARY KEY,
    roster_id uuid NOT NULL CONSTRAINT fk_batch_roster_id REFERENCES roster (id),
    school_code text NOT NULL,
    county_code text NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    proposed_number text,
    submitted_by text NOT NULL,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    closed_by text,
    closed_at timestamptz,
    return_reason text,
    CONSTRAINT ck_batch_state CHECK (state IN ('for_approval', 'recalled', 'returned', 'decided')),
    CONSTRAINT ck_batch_closed CHECK ((state = 'for_approval') = (closed_at IS NULL)),
    CONSTRAINT ck_batch_closer CHECK ((closed_by IS NULL) = (closed_at IS NULL)),
    -- Four eyes: nobody decides what he himself submitted (RO-48).
    CONSTRAINT ck_batch_four_eyes CHECK (state <> 'decided' OR closed_by <> submitted_by)
);
CREATE INDEX ix_batch_county_code ON batch (county_code, submitted_at, id);
CREATE INDEX ix_batch_roster_id ON batch (roster_id);
CREATE TABLE entry (
    id uuid CONSTRAINT pk_entry PRIMARY KEY,
    roster_id uuid NOT NULL CONSTRAINT fk_entry_roster_id REFERENCES roster (id),
    school_code text NOT NULL,
    county_code text NOT NULL,
    row_no integer NOT NULL,
    national_id bytea NOT NULL,
    national_id_index bytea NOT NULL,
    name text NOT NULL,
    birth_date date NOT NULL,
    township_code text NOT NULL,
    village text,
    division text,
    level text,
    nominal_years integer,
    department text,
    class_year integer,
    student_no text,
    enrolled_on date,
    expected_graduation_on date,
    extended_until date,
    extension_reason text,
    cessation_reason text,
    left_on date,
    overseas_compatriot boolean,
    experimental_education boolean,
    status_recognised boolean,
    prior_graduated_level text,
    prior_graduated_on date,
    moi_approval_no text,
    remarks text,
    state text NOT NULL,
    version integer NOT NULL,
    certificate_on date,
    enrolment_recognised boolean,
    last_day date,
    officer_draft jsonb NOT NULL,
    approver_draft jsonb,
    batch_id uuid CONSTRAINT fk_entry_batch_id REFERENCES batch (id),
    judged_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_entry_state CHECK (state IN
        ('received', 'in_review', 'on_hold', 'for_approval', 'decided', 'withdrawn', 'superseded')),
    CONSTRAINT ck_entry_batch CHECK ((state IN ('for_approval', 'decided')) = (batch_id IS NOT NULL)),
    CONSTRAINT ck_entry_cessation CHECK ((cessation_reason IS NULL) = (left_on IS NULL)),
    CONSTRAINT ck_entry_study CHECK (enrolled_on <= expected_graduation_on),
    CONSTRAINT ck_entry_national_id_index CHECK (length(national_id_index) = 16)
);
CREATE UNIQUE INDEX uq_entry_man ON entry (roster_id, national_id_index)
    WHERE state NOT IN ('withdrawn', 'superseded');
CREATE INDEX ix_entry_roster_id ON entry (roster_id, row_no, id);
CREATE INDEX ix_entry_national_id_index ON entry (national_id_index);
CREATE INDEX ix_entry_batch_id ON entry (batch_id) WHERE batch_id IS NOT NULL;
CREATE TABLE entry_hint (
    entry_id uuid NOT NULL CONSTRAINT fk_entry_hint_entry_id REFERENCES entry (id),
    position integer NOT NULL,
    school_code text NOT NULL,
    county_code text NOT NULL,
    rule text NOT NULL,
    code text NOT NULL,
    severity text NOT NULL,
    visible_to_school boolean NOT NULL,
    law_version date,
    body jsonb NOT NULL,
    CONSTRAINT pk_entry_hint PRIMARY KEY (entry_id, position),
    CONSTRAINT ck_entry_hint_severity CHECK (severity IN ('blocking', 'warning', 'info')),
    -- What may reveal a conviction is never a school's to see (roster.md, "Legal tests").
    CONSTRAINT ck_entry_hint_secrecy CHECK
        (NOT (visible_to_school AND rule IN ('RO-22', 'RO-27', 'RO-29', 'RO-30', 'RO-32')))
);
CREATE TABLE registry_fact (
    entry_id uuid CONSTRAINT pk_registry_fact PRIMARY KEY
        CONSTRAINT fk_registry_fact_entry_id REFERENCES entry (id),
    county_code text NOT NULL,
    as_of timestamptz NOT NULL,
    known boolean NOT NULL,
    facts jsonb NOT NULL
);
CREATE TABLE batch_entry (
    batch_id uuid NOT NULL CONSTRAINT fk_batch_entry_batch_id REFERENCES batch (id),
    entry_id uuid NOT NULL CONSTRAINT fk_batch_entry_entry_id REFERENCES entry (id),
    county_code text NOT NULL,
    officer_draft jsonb NOT NULL,
    approver_draft jsonb,
    left_as text,
    left_at timestamptz,
    left_by text,
    reason text,
    CONSTRAINT pk_batch_entry PRIMARY KEY (batch_id, entry_id),
    CONSTRAINT ck_batch_entry_left_as CHECK (left_as IN ('recalled', 'returned', 'decided')),
    CONSTRAINT ck_batch_entry_left CHECK
        ((left_as IS NULL) = (left_at IS NULL) AND (left_at IS NULL) = (left_by IS NULL))
);
CREATE TABLE county_setting (
    county_code text CONSTRAINT pk_county_setting PRIMARY KEY,
    decision_number_format text NOT NULL,
    serial_year integer NOT NULL,
    next_serial integer NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_county_setting_next_serial CHECK (next_serial > 0)
)
"""

DECISIONS = """
CREATE TABLE deferment (
    id uuid CONSTRAINT pk_deferment PRIMARY KEY,
    national_id bytea NOT NULL,
    national_id_index bytea NOT NULL,
    school_code text NOT NULL,
    county_code text NOT NULL,
    township_code text NOT NULL,
    level text,
    kind text NOT NULL,
    decision_number text NOT NULL,
    issued_on date NOT NULL,
    filed_on date NOT NULL,
    deferred_from date NOT NULL,
    deferred_until date NOT NULL,
    summary text NOT NULL,
    revoked_on date,
    ended_reason text,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- A cessation never creates an annotation; an extension does when none is known (docs/adr/0044).
    CONSTRAINT ck_deferment_kind CHECK (kind IN ('application', 'reapplication', 'extension')),
    CONSTRAINT ck_deferment_revoked CHECK ((revoked_on IS NULL) = (ended_reason IS NULL)),
    -- A cessation keeps to this as well: it ends no deferment that began after the man had left.
    CONSTRAINT ck_deferment_period CHECK (deferred_until >= deferred_from)
);
CREATE INDEX ix_deferment_national_id_index ON deferment (national_id_index, created_at);
CREATE FUNCTION keep_first_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Seed item (1): an extension or cessation never rewrites the number and date of the first decision. Whose it is
    -- stays as well.
    IF (OLD.decision_number, OLD.issued_on, OLD.national_id, OLD.national_id_index, OLD.kind, OLD.deferred_from,
        OLD.county_code, OLD.school_code)
       IS DISTINCT FROM (NEW.decision_number, NEW.issued_on, NEW.national_id, NEW.national_id_index, NEW.kind,
        NEW.deferred_from, NEW.county_code, NEW.school_code) THEN
        RAISE EXCEPTION 'the first decision of a deferment is never rewritten' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deferment_keeps_first_decision BEFORE UPDATE ON deferment
    FOR EACH ROW EXECUTE FUNCTION keep_first_decision();
CREATE TABLE decision (
    id uuid CONSTRAINT pk_decision PRIMARY KEY,
    entry_id uuid NOT NULL CONSTRAINT fk_decision_entry_id REFERENCES entry (id),
    batch_id uuid NOT NULL CONSTRAINT fk_decision_batch_id REFERENCES batch (id),
    roster_id uuid NOT NULL CONSTRAINT fk_decision_roster_id REFERENCES roster (id),
    school_code text NOT NULL,
    county_code text NOT NULL,
    township_code text NOT NULL,
    kind text NOT NULL,
    decision text NOT NULL,
    decision_number text NOT NULL,
    issued_on date NOT NULL,
    decided_on date NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    submitted_by text NOT NULL,
    decided_by text NOT NULL,
    deferment_until date,
    annotation_text text,
    review_remarks text,
    ground text,
    ground_unseen boolean NOT NULL,
    reason text,
    override_reason text,
    annotation_action text NOT NULL,
    deferment_id uuid CONSTRAINT fk_decision_deferment_id REFERENCES deferment (id),
    law_version date NOT NULL,
    corrects uuid CONSTRAINT fk_decision_corrects REFERENCES decision (id),
    CONSTRAINT ck_decision_decision CHECK (decision IN ('approved', 'rejected')),
    CONSTRAINT ck_decision_four_eyes CHECK (decided_by <> submitted_by),
    -- A rejection states its legal ground and its reason (RO-57) and touches no annotation (RO-49).
    CONSTRAINT ck_decision_ground CHECK (decision = 'approved' OR (ground IS NOT NULL AND reason IS NOT NULL)),
    CONSTRAINT ck_decision_annotation CHECK
        (annotation_action IN ('create', 'modify', 'none') AND (decision = 'approved' OR annotation_action = 'none')),
    CONSTRAINT ck_decision_deferment CHECK (CASE WHEN decision = 'rejected' THEN deferment_id IS NULL
        ELSE annotation_action = 'none' OR deferment_id IS NOT NULL END)
);
CREATE UNIQUE INDEX uq_decision_entry_id ON decision (entry_id) WHERE corrects IS NULL;
CREATE INDEX ix_decision_roster_id ON decision (roster_id);
CREATE INDEX ix_decision_number ON decision (county_code, decision_number);
CREATE INDEX ix_decision_batch_id ON decision (batch_id);
CREATE TABLE deferment_change (
    decision_id uuid CONSTRAINT pk_deferment_change PRIMARY KEY
        CONSTRAINT fk_deferment_change_decision_id REFERENCES decision (id),
    deferment_id uuid NOT NULL CONSTRAINT fk_deferment_change_deferment_id REFERENCES deferment (id),
    county_code text NOT NULL,
    deferment_version integer NOT NULL,
    annotation_action text NOT NULL,
    until_before date,
    until_after date NOT NULL,
    revoked_on date,
    summary text NOT NULL,
    liable_for_induction boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_deferment_change_deferment_id ON deferment_change (deferment_id, at)
"""

REGISTRY_EVENT = """
CREATE VIEW registry_event WITH (security_barrier) AS
SELECT id, kind, state, attempts, last_error, created_at, run_at, finished_at,
    payload ->> 'county_code' AS county_code, (payload ->> 'decision_id')::uuid AS decision_id
FROM job
WHERE kind IN ('registry.lookup', 'registry.annotate', 'registry.township_report')
"""


def _run(script: str) -> None:
    """asyncpg takes one statement at a time; a function body is the only place where `;` does not end one."""
    body: list[str] = []
    for line in script.splitlines():
        body.append(line)
        if line.rstrip().endswith(";") and "\n".join(body).count("$$") % 2 == 0:
            op.execute("\n".join(body).rstrip().removesuffix(";"))
            body = []
    if "".join(body).strip():
        op.execute("\n".join(body))


def upgrade() -> None:
    """Create everything."""
    create_platform_tables()
    for script in (SCHOOLS, INTAKE, REVIEW, DECISIONS):
        _run(script)

    own_school, own_county = org("school", "school_code"), org("county", "county_code")
    ministry = "(SELECT current_setting('app.org_type', true)) = 'moi'"
    any_county = "(SELECT current_setting('app.org_type', true)) = 'county'"

    grant("school", "SELECT, INSERT, UPDATE")
    grant("school_registration", "SELECT, INSERT, UPDATE")
    grant("unrecognised_programme", "SELECT, INSERT, UPDATE, DELETE")
    grant("calendar_day", "SELECT, INSERT, UPDATE, DELETE")
    protect(
        "school_contact",
        "SELECT, INSERT, UPDATE",
        {"school": own_school, "ministry": ministry, "select_county": any_county},
    )
    protect(
        "term",
        "SELECT, INSERT, UPDATE",
        {"select_national": "school_code = '*'", "school": own_school, "ministry": f"{ministry} AND school_code = '*'"},
    )

    judge, deliver, transfer = purpose("judge"), purpose("deliver"), purpose("transfer")
    protect(
        "submission", "SELECT, INSERT, UPDATE", {"school": own_school, "select_judge": purpose("judge", "transfer")}
    )
    protect(
        "roster",
        "SELECT, INSERT, UPDATE",
        {"school": own_school, "county": own_county, "judge": judge, "select_deliver": deliver, "transfer": transfer},
    )
    protect(
        "entry",
        "SELECT, INSERT, UPDATE",
        {"school": own_school, "county": own_county, "judge": judge, "select_deliver": deliver, "transfer": transfer},
    )
    protect(
        "entry_hint",
        "SELECT, INSERT, DELETE",
        {"select_school": f"{own_school} AND visible_to_school", "county": own_county, "judge": judge},
    )
    protect("registry_fact", "SELECT, INSERT, UPDATE", {"county": own_county, "judge": judge})
    protect("batch", "SELECT, INSERT, UPDATE", {"county": own_county})
    protect("batch_entry", "SELECT, INSERT, UPDATE", {"county": own_county})
    protect("county_setting", "SELECT, INSERT, UPDATE", {"county": own_county})
    protect(
        "decision",
        "SELECT, INSERT",
        {"county": own_county, "select_school": own_school, "select_purpose": purpose("judge", "deliver")},
    )
    # A county that is to decide on a man may see and extend or end what deferment he has, wherever it was decided
    # (RO-40, RO-50); whose it is stays as it was, and one of its own it makes in its own name only.
    on_its_rosters = (
        f"{any_county} AND EXISTS (SELECT 1 FROM entry WHERE entry.national_id_index = deferment.national_id_index"
        f" AND entry.state NOT IN ('withdrawn', 'superseded') AND {org('county', 'entry.county_code')})"
    )
    protect(
        "deferment",
        "SELECT, INSERT, UPDATE",
        {
            "county": own_county,
            "select_school": own_school,
            "select_purpose": purpose("judge", "deliver"),
            "select_decide": on_its_rosters,
            "update_decide": on_its_rosters,
        },
    )
    protect("deferment_change", "SELECT, INSERT", {"county": own_county, "select_purpose": deliver})
    append_only("decision")
    append_only("deferment_change")
    # The table of jobs has no tenant and is the whole role's, which works them off. What a county is shown of those
    # that speak with the registry, and may send again, goes through this view: a guard of that path, not of the table.
    of_county = org("county", "payload ->> 'county_code'")
    op.execute(" AND ".join((REGISTRY_EVENT, f"({of_county} OR {ministry})")))
    op.execute(
        "CREATE INDEX ix_job_registry ON job ((payload ->> 'county_code'), id) WHERE kind IN"
        " ('registry.lookup', 'registry.annotate', 'registry.township_report')"
    )
    grant("registry_event", "SELECT, UPDATE (state, attempts, run_at, finished_at)")
