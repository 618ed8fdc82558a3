"""Let results be read newest first, and a man's decision be found, without reading all there are (RO-60)."""

from alembic import op

revision = "0010_search_results"
down_revision = "0009_national_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes. Writers of a table wait while its index is built: about a second for a million decisions."""
    op.execute("CREATE INDEX ix_roster_county_received ON roster (county_code, received_at, id)")
    op.execute("CREATE INDEX ix_roster_school_received ON roster (school_code, received_at, id)")
    op.execute("CREATE INDEX ix_decision_school_number ON decision (school_code, decision_number)")
    # The one there was holds first decisions only, and no question about an entry says that it asks for those.
    op.execute("CREATE INDEX ix_decision_entry_id ON decision (entry_id)")
