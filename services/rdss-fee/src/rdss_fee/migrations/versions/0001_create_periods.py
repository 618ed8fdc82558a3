"""Create employers, servicemen with the periods they served, rates, collection schemes, the official calendar.

What is known of a man is kept for both times: when it held, and from when until when it was known (`known_…`,
`replaced_…`), so that any run can be computed again as of any day (FE-13). A correction ends a row and adds another.
"""

from alembic import op

from shared.migrations import append_only, create_audit_blocks, create_platform_tables, org, protect, purpose

revision = "0001_create_periods"
down_revision = None
branch_labels = None
depends_on = None

EMPLOYERS = """
CREATE TABLE employer (
    code text CONSTRAINT pk_employer PRIMARY KEY,
    number integer NOT NULL CONSTRAINT uq_employer_number UNIQUE,
    name text NOT NULL,
    receipt_addressee text,
    receipt_address text,
    version integer NOT NULL,
    registered_on date NOT NULL,
    registered_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_employer_number CHECK (number > 0),
    CONSTRAINT ck_employer_receipt CHECK ((receipt_addressee IS NULL) = (receipt_address IS NULL))
)
"""

SERVICEMEN = """
CREATE TABLE serviceman (
    id uuid CONSTRAINT pk_serviceman PRIMARY KEY,
    no bigint GENERATED ALWAYS AS IDENTITY,
    national_id bytea NOT NULL,
    national_id_index bytea NOT NULL CONSTRAINT uq_serviceman_national_id_index UNIQUE,
    name text NOT NULL,
    version integer NOT NULL,
    registered_by text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT uq_serviceman_no UNIQUE (id, no)
);
CREATE TABLE service_event (
    id uuid CONSTRAINT pk_service_event PRIMARY KEY,
    serviceman_id uuid NOT NULL CONSTRAINT fk_service_event_serviceman_id REFERENCES serviceman (id),
    employer_code text CONSTRAINT fk_service_event_employer_code REFERENCES employer (code),
    kind text NOT NULL,
    period_id uuid,
    data jsonb NOT NULL,
    state text NOT NULL,
    needs_confirmation boolean NOT NULL DEFAULT false,
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    entered_on date NOT NULL,
    confirmed_by text,
    confirmed_at timestamptz,
    confirmed_on date,
    refused_reason text,
    CONSTRAINT ck_service_event_kind CHECK (kind IN
        ('registered', 'facts_corrected', 'period_announced', 'period_corrected', 'period_ended', 'period_withdrawn')),
    CONSTRAINT ck_service_event_state CHECK (state IN ('entered', 'confirmed', 'refused')),
    CONSTRAINT ck_service_event_confirmed CHECK
        ((state = 'entered') = (confirmed_at IS NULL) AND (confirmed_at IS NULL) = (confirmed_by IS NULL)
            AND (confirmed_at IS NULL) = (confirmed_on IS NULL)),
    CONSTRAINT ck_service_event_refused CHECK ((state = 'refused') = (refused_reason IS NOT NULL)),
    CONSTRAINT ck_service_event_period CHECK ((period_id IS NULL) = (kind IN ('registered', 'facts_corrected'))),
    -- What a department entered waits, and somebody else answers it (ID-07).
    CONSTRAINT ck_service_event_waits CHECK (state = 'confirmed' OR needs_confirmation),
    CONSTRAINT ck_service_event_two CHECK (NOT needs_confirmation OR confirmed_by <> entered_by)
);
-- One report of a period waits at a time.
CREATE UNIQUE INDEX uq_service_event_waiting ON service_event (period_id) WHERE state = 'entered';
CREATE INDEX ix_service_event_serviceman_id ON service_event (serviceman_id, entered_at);
CREATE INDEX ix_service_event_employer_code ON service_event (employer_code, entered_at);
CREATE TABLE serviceman_facts (
    serviceman_id uuid NOT NULL CONSTRAINT fk_serviceman_facts_serviceman_id REFERENCES serviceman (id),
    version integer NOT NULL,
    category text NOT NULL,
    degree text NOT NULL,
    cohort integer NOT NULL,
    stage_begins_on date NOT NULL,
    stage_ends_before date,
    event_id uuid NOT NULL CONSTRAINT fk_serviceman_facts_event_id REFERENCES service_event (id),
    known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    known_on date NOT NULL,
    replaced_at timestamptz,
    replaced_on date,
    CONSTRAINT pk_serviceman_facts PRIMARY KEY (serviceman_id, version),
    CONSTRAINT ck_serviceman_facts_category CHECK (category IN ('rdss')),
    CONSTRAINT ck_serviceman_facts_degree CHECK (degree IN ('master', 'doctoral')),
    CONSTRAINT ck_serviceman_facts_cohort CHECK (cohort BETWEEN 1990 AND 2910),
    CONSTRAINT ck_serviceman_facts_stage CHECK (stage_ends_before > stage_begins_on),
    CONSTRAINT ck_serviceman_facts_replaced CHECK
        ((replaced_at IS NULL) = (replaced_on IS NULL) AND replaced_at >= known_at)
);
-- One row of a man is what is known now.
CREATE UNIQUE INDEX uq_serviceman_facts_known ON serviceman_facts (serviceman_id) WHERE replaced_at IS NULL;
CREATE TABLE service_period (
    id uuid NOT NULL,
    version integer NOT NULL,
    serviceman_id uuid NOT NULL,
    serviceman_no bigint NOT NULL,
    employer_code text NOT NULL CONSTRAINT fk_service_period_employer_code REFERENCES employer (code),
    begins_on date NOT NULL,
    begun_by text NOT NULL,
    ends_before date,
    ended_by text,
    event_id uuid NOT NULL CONSTRAINT fk_service_period_event_id REFERENCES service_event (id),
    known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    known_on date NOT NULL,
    replaced_at timestamptz,
    replaced_on date,
    CONSTRAINT pk_service_period PRIMARY KEY (id, version),
    CONSTRAINT fk_service_period_serviceman FOREIGN KEY (serviceman_id, serviceman_no) REFERENCES serviceman (id, no),
    CONSTRAINT ck_service_period_begun_by CHECK (begun_by IN ('reported', 'transferred_in', 'returned')),
    CONSTRAINT ck_service_period_ended_by CHECK
        (ended_by IN ('transferred_out', 'suspended', 'released_early', 'converted', 'service_ended')),
    CONSTRAINT ck_service_period_days CHECK (ends_before > begins_on),
    CONSTRAINT ck_service_period_end CHECK ((ends_before IS NULL) = (ended_by IS NULL)),
    CONSTRAINT ck_service_period_replaced CHECK
        ((replaced_at IS NULL) = (replaced_on IS NULL) AND replaced_at >= known_at),
    -- No day of a man's is known to be served twice. A range of one number, for a number itself has no such operator
    -- without an extension.
    CONSTRAINT ex_service_period_overlap EXCLUDE USING gist
        (int8range(serviceman_no, serviceman_no, '[]') WITH &&, daterange(begins_on, ends_before) WITH &&)
        WHERE (replaced_at IS NULL) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE UNIQUE INDEX uq_service_period_known ON service_period (id) WHERE replaced_at IS NULL;
CREATE INDEX ix_service_period_serviceman_id ON service_period (serviceman_id);
CREATE INDEX ix_service_period_employer_code ON service_period (employer_code, begins_on)
"""

TERMS = """
CREATE TABLE rate (
    id uuid CONSTRAINT pk_rate PRIMARY KEY,
    category text NOT NULL,
    degree text NOT NULL,
    cohort_from integer NOT NULL,
    effective_from date NOT NULL,
    amount integer NOT NULL,
    document text NOT NULL,
    entered_by text NOT NULL,
    known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    known_on date NOT NULL,
    replaced_at timestamptz,
    replaced_on date,
    CONSTRAINT ck_rate_category CHECK (category IN ('rdss')),
    CONSTRAINT ck_rate_degree CHECK (degree IN ('master', 'doctoral')),
    CONSTRAINT ck_rate_amount CHECK (amount > 0),
    CONSTRAINT ck_rate_cohort_from CHECK (cohort_from >= 0),
    CONSTRAINT ck_rate_effective_from CHECK (extract(day FROM effective_from) = 1),
    CONSTRAINT ck_rate_replaced CHECK ((replaced_at IS NULL) = (replaced_on IS NULL) AND replaced_at >= known_at)
);
CREATE UNIQUE INDEX uq_rate_known ON rate (category, degree, cohort_from, effective_from) WHERE replaced_at IS NULL;
CREATE TABLE collection_scheme (
    id uuid CONSTRAINT pk_collection_scheme PRIMARY KEY,
    effective_from date NOT NULL CONSTRAINT uq_collection_scheme_effective_from UNIQUE,
    check_name text NOT NULL,
    prefix text NOT NULL,
    employer_digits integer NOT NULL,
    bank_code text NOT NULL,
    payee_bank text NOT NULL,
    payee_name text NOT NULL,
    atm_most bigint NOT NULL,
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ck_collection_scheme_effective_from CHECK (extract(day FROM effective_from) = 1),
    CONSTRAINT ck_collection_scheme_employer_digits CHECK (employer_digits BETWEEN 1 AND 12),
    CONSTRAINT ck_collection_scheme_prefix CHECK (prefix ~ '^[0-9]+$'),
    CONSTRAINT ck_collection_scheme_atm_most CHECK (atm_most > 0)
);
CREATE TABLE calendar_day (
    day date CONSTRAINT pk_calendar_day PRIMARY KEY,
    working boolean NOT NULL,
    reason text NOT NULL,
    source text NOT NULL
)
"""

# A row is known until it is replaced, once, and says what it said.
KNOWN_ONCE = """
CREATE FUNCTION keep_known() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.replaced_at IS NOT NULL OR NEW.replaced_at IS NULL
        OR to_jsonb(NEW) - '{replaced_at,replaced_on}'::text[] <> to_jsonb(OLD) - '{replaced_at,replaced_on}'::text[]
    THEN
        RAISE EXCEPTION 'what was known of % is replaced once and never changed', TG_TABLE_NAME
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
EVENT_ONCE = """
CREATE FUNCTION keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'entered' OR NEW.state = 'entered' OR (NEW.id, NEW.serviceman_id, NEW.employer_code, NEW.kind,
        NEW.period_id, NEW.data, NEW.needs_confirmation, NEW.entered_by, NEW.entered_at, NEW.entered_on)
        IS DISTINCT FROM (OLD.id, OLD.serviceman_id, OLD.employer_code, OLD.kind, OLD.period_id, OLD.data,
        OLD.needs_confirmation, OLD.entered_by, OLD.entered_at, OLD.entered_on)
    THEN
        RAISE EXCEPTION 'an event is confirmed or refused once, and says what it said' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
RATES = """
INSERT INTO rate (id, category, degree, cohort_from, effective_from, amount, document, entered_by, known_at, known_on)
VALUES
    (gen_random_uuid(), 'rdss', 'master', 0, '2010-01-01', 30100,
        '研發替代役制度管考獎懲作業說明，研究發展費繳納-1/5', 'migration', '2010-01-01', '2010-01-01'),
    (gen_random_uuid(), 'rdss', 'doctoral', 0, '2010-01-01', 35010,
        '研發替代役制度管考獎懲作業說明，研究發展費繳納-1/5', 'migration', '2010-01-01', '2010-01-01'),
    (gen_random_uuid(), 'rdss', 'master', 0, '2022-10-01', 40000,
        '國立臺灣大學轉知，自111年10月1日起', 'migration', '2022-10-01', '2022-10-01'),
    (gen_random_uuid(), 'rdss', 'doctoral', 0, '2022-10-01', 46000,
        '國立臺灣大學轉知，自111年10月1日起', 'migration', '2022-10-01', '2022-10-01'),
    (gen_random_uuid(), 'rdss', 'master', 2026, '2026-01-01', 46700,
        '內政部114年5月2日台內訓字第1141204269號', 'migration', '2025-05-02', '2025-05-02'),
    (gen_random_uuid(), 'rdss', 'doctoral', 2026, '2026-01-01', 52500,
        '內政部114年5月2日台內訓字第1141204269號', 'migration', '2025-05-02', '2025-05-02')
"""

KIND = "(SELECT current_setting('app.org_type', true))"
OFFICES = f"{KIND} IN ('programme_office', 'authority')"
WATCHERS = f"{KIND} IN ('programme_office', 'authority', 'moi')"
AUTHORITY = f"{KIND} = 'authority'"


def _replaceable(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_keeps_known BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_known()"
    )


def upgrade() -> None:
    """Create the tables and their walls."""
    create_platform_tables()
    create_audit_blocks()
    for group in (EMPLOYERS, SERVICEMEN, TERMS):
        for statement in group.split(";\n"):
            op.execute(statement)
    op.execute(KNOWN_ONCE)
    op.execute(EVENT_ONCE)
    op.execute(RATES)
    for table in ("serviceman_facts", "service_period", "rate"):
        _replaceable(table)
    op.execute(
        "CREATE TRIGGER service_event_keeps BEFORE UPDATE ON service_event FOR EACH ROW EXECUTE FUNCTION keep_event()"
    )
    append_only("collection_scheme")

    mine = org("employer", "employer_code")
    jobs = purpose("billing", "daily")
    protect(
        "employer",
        # Its code and its number stand in virtual accounts that were given out.
        "SELECT, INSERT, UPDATE (name, receipt_addressee, receipt_address, version, changed_at)",
        {
            "select_own": org("employer", "code"),
            "update_own": org("employer", "code"),
            "select_watcher": WATCHERS,
            "insert_office": OFFICES,
            "update_office": OFFICES,
            "select_job": jobs,
        },
    )
    # A man is his employers', present and past, and the offices'.
    of_mine = f"{KIND} = 'employer' AND EXISTS (SELECT 1 FROM service_period AS p WHERE p.serviceman_id"
    protect(
        "serviceman",
        "SELECT, INSERT, UPDATE (name, version)",
        {
            "select_own": f"{of_mine} = serviceman.id)",
            "update_own": f"{of_mine} = serviceman.id)",
            "select_watcher": WATCHERS,
            "insert_office": OFFICES,
            "update_office": OFFICES,
            "select_job": jobs,
        },
    )
    protect(
        "serviceman_facts",
        "SELECT, INSERT, UPDATE (replaced_at, replaced_on)",
        {
            "select_own": f"{of_mine} = serviceman_facts.serviceman_id)",
            "select_watcher": WATCHERS,
            "insert_office": OFFICES,
            "update_office": OFFICES,
            "select_job": jobs,
        },
    )
    for table in ("service_event", "service_period"):
        change = "state, confirmed_by, confirmed_at, confirmed_on, refused_reason"
        protect(
            table,
            f"SELECT, INSERT, UPDATE ({change if table == 'service_event' else 'replaced_at, replaced_on'})",
            {
                "select_own": mine,
                "insert_own": mine,
                "update_own": mine,
                "select_watcher": WATCHERS,
                "insert_office": OFFICES,
                "update_office": OFFICES,
                "select_job": jobs,
            },
        )
    # The terms are everybody's to read.
    protect(
        "rate",
        "SELECT, INSERT, UPDATE (replaced_at, replaced_on)",
        {"select_all": "true", "insert_authority": AUTHORITY, "update_authority": AUTHORITY},
    )
    protect("collection_scheme", "SELECT, INSERT", {"select_all": "true", "insert_authority": AUTHORITY})
    op.execute(f"CREATE POLICY delete_authority ON calendar_day FOR DELETE USING ({KIND} IN ('authority', 'moi'))")
    protect(
        "calendar_day",
        "SELECT, INSERT, DELETE",
        {"select_all": "true", "insert_authority": f"{KIND} IN ('authority', 'moi')"},
    )
