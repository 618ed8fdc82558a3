"""Keep the hints that many men of a roster have alike once, and let each entry name its set of them (RO-54).

What an entry's hints were is told by its own history from now on, so what history kept of them is brought there:
nothing that could be read as of an instant reads otherwise afterwards (RO-55).

The table that it replaces goes at once, so the roster service must not run meanwhile (docs/adr/0046): entries that the
release before judged beside it would stand there without a hint.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrations import append_only, org, protect, purpose

revision = "0004_share_hints"
down_revision = "0003_seal_audit"
branch_labels = None
depends_on = None

HINT = """
CREATE TABLE hint (
    set_id uuid NOT NULL,
    position integer NOT NULL,
    roster_id uuid NOT NULL CONSTRAINT fk_hint_roster_id REFERENCES roster (id),
    school_code text NOT NULL,
    county_code text NOT NULL,
    rule text NOT NULL,
    code text NOT NULL,
    severity text NOT NULL,
    visible_to_school boolean NOT NULL,
    law_version date,
    body jsonb NOT NULL,
    CONSTRAINT pk_hint PRIMARY KEY (set_id, position),
    CONSTRAINT ck_hint_severity CHECK (severity IN ('blocking', 'warning', 'info')),
    -- What may reveal a conviction is never a school's to see (roster.md, "Legal tests").
    CONSTRAINT ck_hint_secrecy CHECK
        (NOT (visible_to_school AND rule IN ('RO-22', 'RO-27', 'RO-29', 'RO-30', 'RO-32')))
)
"""
# Every state of an entry and every state of its hints, until null: now.
STATES = """
CREATE TEMPORARY TABLE state ON COMMIT DROP AS
SELECT table_name, row_id AS entry_id, valid_from AS since, valid_until AS until, body, changed_by, changed_org_type,
    changed_org_code
FROM history WHERE table_name IN ('entry', 'entry_hint')
UNION ALL SELECT 'entry', id, changed_at, NULL, to_jsonb(entry), NULL, NULL, NULL FROM entry
UNION ALL SELECT 'entry_hint', entry_id, changed_at, NULL, to_jsonb(entry_hint), NULL, NULL, NULL FROM entry_hint
"""
# The stretches in which neither an entry nor any of its hints changed, each with a set of its own.
STRETCHES = """
CREATE TEMPORARY TABLE stretch ON COMMIT DROP AS
SELECT t.entry_id, t.since, t.until, s.body,
    CASE WHEN t.until IS NULL THEN t.entry_id ELSE gen_random_uuid() END AS set_id
FROM (
    SELECT entry_id, since, lead(since) OVER (PARTITION BY entry_id ORDER BY since) AS until
    FROM (SELECT entry_id, since FROM state UNION SELECT entry_id, until FROM state WHERE until IS NOT NULL) AS instant
) AS t JOIN state AS s ON s.entry_id = t.entry_id AND s.table_name = 'entry'
    AND s.since <= t.since AND (s.until IS NULL OR s.until > t.since)
"""
SETS = """
INSERT INTO hint
SELECT t.set_id, h.position, (t.body ->> 'roster_id')::uuid, h.school_code, h.county_code, h.rule, h.code, h.severity,
    h.visible_to_school, h.law_version, h.body
FROM stretch AS t JOIN state AS s ON s.entry_id = t.entry_id AND s.table_name = 'entry_hint'
        AND s.since <= t.since AND (s.until IS NULL OR s.until > t.since)
    CROSS JOIN LATERAL jsonb_populate_record(NULL::entry_hint, s.body) AS h
"""
EMPTY = "UPDATE stretch SET set_id = NULL WHERE NOT EXISTS (SELECT 1 FROM hint WHERE hint.set_id = stretch.set_id)"
# Told in stretches instead of rows of two tables; who ended one is who ended one of these.
PAST = """
INSERT INTO history (table_name, row_id, valid_from, valid_until, changed_by, changed_org_type, changed_org_code,
    school_code, county_code, visible_to_school, body)
SELECT 'entry', t.entry_id, t.since, t.until, coalesce(s.changed_by, ''), coalesce(s.changed_org_type, ''),
    coalesce(s.changed_org_code, ''), t.body ->> 'school_code', t.body ->> 'county_code', true,
    t.body || jsonb_build_object('hint_set', t.set_id, 'changed_at', t.since)
FROM stretch AS t LEFT JOIN LATERAL (
    SELECT * FROM state WHERE state.entry_id = t.entry_id AND state.until = t.until ORDER BY table_name LIMIT 1
) AS s ON true
WHERE t.until IS NOT NULL
"""
PRESENT = """
UPDATE entry SET hint_set = t.set_id, changed_at = t.since
FROM stretch AS t WHERE t.entry_id = entry.id AND t.until IS NULL
"""
COLUMNS = sa.text(
    "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'entry'::regclass"
    " AND attnum > 0 AND NOT attisdropped AND attname <> 'judged_at'"
)


def upgrade() -> None:
    """Move the hints and their past; none is lost."""
    op.execute(HINT)
    op.execute("DROP TRIGGER entry_keeps_history ON entry")
    for statement in (STATES, STRETCHES, SETS, EMPTY):
        op.execute(statement)
    op.execute("ALTER TABLE entry ADD COLUMN hint_set uuid")
    # The owner's only; the application can neither switch a trigger off nor delete.
    op.execute("ALTER TABLE history DISABLE TRIGGER USER")
    op.execute("DELETE FROM history WHERE table_name IN ('entry', 'entry_hint')")
    op.execute("ALTER TABLE history ENABLE TRIGGER USER")
    op.execute(PAST)
    op.execute(PRESENT)
    op.execute("DROP TABLE entry_hint")
    # As migration 0002 made it, with the new column among those that it keeps.
    columns = op.get_bind().scalar(COLUMNS)
    op.execute(
        f"CREATE TRIGGER entry_keeps_history BEFORE UPDATE OF {columns} ON entry FOR EACH ROW"
        " EXECUTE FUNCTION keep_history('id', 'true')"
    )
    op.execute("CREATE INDEX ix_hint_roster_id ON hint (roster_id, code)")
    protect(
        "hint",
        "SELECT, INSERT",
        {
            "select_school": f"{org('school', 'school_code')} AND visible_to_school",
            "select_county": org("county", "county_code"),
            "judge": purpose("judge"),
        },
    )
    append_only("hint")
