"""Keep the hints that many men of a roster have alike once, and let each entry name its set of them (RO-54).

The table that it replaces goes at once, so the roster service must not run meanwhile (docs/adr/0046): entries that the
first release judged beside it would stand there without a hint.
"""

from alembic import op

from shared.migrations import append_only, org, protect, purpose

revision = "0002_share_hints"
down_revision = "0001_create_rosters"
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
# What was kept entry by entry stays so: each entry's own set, under the entry's id.
MOVE = """
INSERT INTO hint (set_id, position, roster_id, school_code, county_code, rule, code, severity, visible_to_school,
    law_version, body)
SELECT h.entry_id, h.position, e.roster_id, h.school_code, h.county_code, h.rule, h.code, h.severity,
    h.visible_to_school, h.law_version, h.body
FROM entry_hint h JOIN entry e ON e.id = h.entry_id
"""
NAME = "UPDATE entry SET hint_set = id WHERE EXISTS (SELECT 1 FROM entry_hint WHERE entry_hint.entry_id = entry.id)"


def upgrade() -> None:
    """Move the hints; none is lost."""
    op.execute(HINT)
    op.execute("ALTER TABLE entry ADD COLUMN hint_set uuid")
    op.execute(MOVE)
    op.execute(NAME)
    op.execute("DROP TABLE entry_hint")
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
