"""Give rosters versions (RO-09), and keep what an entry, roster, deferment or hint was before it changed (RO-55)."""

import sqlalchemy as sa
from alembic import op

from shared.migrations import append_only, org, protect, purpose

revision = "0002_roster_versions"
down_revision = "0001_create_rosters"
branch_labels = None
depends_on = None

MOMENT = """
CREATE FUNCTION moment() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    told text := current_setting('app.moment', true);
BEGIN
    -- The instant of a transaction's first write: by then it holds the locks for which it may have waited, so that what
    -- was written later is also dated later. now() is the instant at which it began to wait.
    IF coalesce(told, '') = '' THEN
        told := clock_timestamp()::text;
        PERFORM set_config('app.moment', told, true);
    END IF;
    RETURN told::timestamptz;
END $$
"""

# The day that counts for a man's lateness is that of his own arrival. A release that does not know the column yet
# leaves it to the database.
ENTRY = """
ALTER TABLE entry
    ADD COLUMN from_version integer NOT NULL DEFAULT 1,
    ADD COLUMN until_version integer,
    ADD COLUMN filed_on date NOT NULL DEFAULT (now() AT TIME ZONE 'Asia/Taipei')::date,
    ADD CONSTRAINT ck_entry_versions CHECK (until_version > from_version)
"""
FILED = "UPDATE entry SET filed_on = roster.received_on FROM roster WHERE roster.id = entry.roster_id"

ROSTER_VERSION = """
CREATE TABLE roster_version (
    roster_id uuid NOT NULL CONSTRAINT fk_roster_version_roster_id REFERENCES roster (id),
    version integer NOT NULL,
    school_code text NOT NULL,
    county_code text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT moment(),
    received_by text NOT NULL,
    row_count integer NOT NULL,
    charset text NOT NULL,
    notes jsonb NOT NULL,
    content_digest bytea,
    kept integer NOT NULL,
    changed integer NOT NULL,
    added integer NOT NULL,
    dropped integer NOT NULL,
    CONSTRAINT pk_roster_version PRIMARY KEY (roster_id, version),
    CONSTRAINT ck_roster_version_version CHECK (version > 0),
    CONSTRAINT ck_roster_version_row_count CHECK (row_count = kept + changed + added)
)
"""
FIRST_VERSIONS = """
INSERT INTO roster_version (roster_id, version, school_code, county_code, received_at, received_by, row_count, charset,
    notes, kept, changed, added, dropped)
SELECT r.id, r.version, r.school_code, r.county_code, r.received_at, s.received_by, e.men, s.charset, s.notes, 0, 0,
    e.men, 0
FROM roster r JOIN submission s ON s.id = r.submission_id
    CROSS JOIN LATERAL (SELECT count(*) AS men FROM entry WHERE entry.roster_id = r.id) e
"""

HISTORY = """
CREATE TABLE history (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_history PRIMARY KEY,
    table_name text NOT NULL,
    row_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    changed_by text NOT NULL,
    changed_org_type text NOT NULL,
    changed_org_code text NOT NULL,
    school_code text,
    county_code text NOT NULL,
    visible_to_school boolean NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT ck_history_period CHECK (valid_from < valid_until)
)
"""
HISTORY_INDEX = "CREATE INDEX ix_history_row ON history (table_name, row_id, valid_until)"

# Arguments: the column that names the row, whether its school may see it where the row itself does not say so.
# It writes as its owner, so that the application can read history and never write any; it can be called as a trigger
# only, and finds nothing but what it names.
KEEP_HISTORY = """
CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    at timestamptz := public.moment();
    body jsonb;
BEGIN
    -- Another transaction wrote this row after our first write and before we had the row's lock: ours is the later.
    IF at < OLD.changed_at THEN
        at := OLD.changed_at + interval '1 microsecond';
        PERFORM set_config('app.moment', at::text, true);
    END IF;
    -- What this very transaction wrote before was nobody's to see.
    IF at > OLD.changed_at THEN
        body := to_jsonb(OLD);
        INSERT INTO public.history (table_name, row_id, valid_from, valid_until, changed_by, changed_org_type,
            changed_org_code, school_code, county_code, visible_to_school, body)
        VALUES (TG_TABLE_NAME, (body ->> TG_ARGV[0])::uuid, OLD.changed_at, at,
            coalesce(current_setting('app.sub', true), ''), coalesce(current_setting('app.org_type', true), ''),
            coalesce(current_setting('app.org_code', true), ''), body ->> 'school_code', body ->> 'county_code',
            coalesce((body ->> 'visible_to_school')::boolean, TG_ARGV[1]::boolean), body);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.changed_at := at;
    RETURN NEW;
END $$
"""

# Table: the column that names its rows; whether schools may see their own; columns whose change is none.
# That an entry was judged again and found the same is no change of it.
KEPT = {
    "entry": ("id", True, {"judged_at"}),
    "roster": ("id", True, set()),
    "deferment": ("id", False, set()),
    "entry_hint": ("entry_id", False, set()),
    "registry_fact": ("entry_id", False, set()),
}


def _keep(table: str, key: str, to_school: bool, ignored: set[str]) -> None:
    """From here on what a row of `table` was is kept when it is changed or deleted."""
    of = ""
    if ignored:
        # Columns that a statement writes, whether it changes them or not. A comparison of all of them in a WHEN would
        # be prepared anew for every statement, at twice the price of the trigger itself.
        found = op.get_bind().execute(
            sa.text(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0"
                " AND NOT attisdropped ORDER BY attnum"
            ),
            {"table": table},
        )
        of = "OF " + ", ".join(name for (name,) in found if name not in ignored)
    kept = f"keep_history('{key}', '{str(to_school).lower()}')"
    op.execute(
        f"CREATE TRIGGER {table}_keeps_history BEFORE UPDATE {of} ON {table} FOR EACH ROW EXECUTE FUNCTION {kept}"
    )
    op.execute(f"CREATE TRIGGER {table}_keeps_deleted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {kept}")


def upgrade() -> None:
    """Add the columns, the two tables, and the triggers that write history."""
    op.execute(MOMENT)
    op.execute(ENTRY)
    op.execute(FILED)
    op.execute(ROSTER_VERSION)
    op.execute(FIRST_VERSIONS)
    # What rows were before this day is not known; what they are holds from now on.
    op.execute("UPDATE entry SET changed_at = moment()")
    op.execute("ALTER TABLE entry ALTER COLUMN changed_at SET DEFAULT moment()")
    for table in [name for name in KEPT if name != "entry"]:
        op.execute(f"ALTER TABLE {table} ADD COLUMN changed_at timestamptz NOT NULL DEFAULT moment()")
    # What is written beside those rows tells the same instant.
    op.execute("ALTER TABLE decision ALTER COLUMN decided_at SET DEFAULT moment()")
    op.execute("ALTER TABLE deferment_change ALTER COLUMN at SET DEFAULT moment()")
    op.execute(HISTORY)
    op.execute(HISTORY_INDEX)
    op.execute(KEEP_HISTORY)
    op.execute("REVOKE ALL ON FUNCTION keep_history() FROM PUBLIC")
    for table, (key, to_school, ignored) in KEPT.items():
        _keep(table, key, to_school, ignored)

    own_school, own_county = org("school", "school_code"), org("county", "county_code")
    any_county = "(SELECT current_setting('app.org_type', true)) = 'county'"
    protect(
        "roster_version",
        "SELECT, INSERT",
        {"school": own_school, "select_county": own_county, "insert_transfer": purpose("transfer")},
    )
    append_only("roster_version")
    protect(
        "history",
        "SELECT",
        {
            "select_school": f"{own_school} AND visible_to_school",
            "select_county": own_county,
            # A deferment that another county granted, of a man whom this one is to decide on: as the table itself.
            "select_decide": f"{any_county} AND table_name = 'deferment'"
            " AND EXISTS (SELECT 1 FROM deferment WHERE deferment.id = history.row_id)",
        },
    )
    append_only("history")
