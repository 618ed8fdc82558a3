"""Keep with each roster how its deadline came about, so that it can be explained as it was (RO-63)."""

from alembic import op

revision = "0008_deadline_chains"
down_revision = "0007_remedies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of rosters that are there already the chain is not known and stays null."""
    op.execute("ALTER TABLE roster ADD COLUMN deadline_chain jsonb")
