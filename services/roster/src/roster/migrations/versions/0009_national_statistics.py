"""Let the Ministry's statistics count every county's entries (RO-62): sums, under a purpose of their own."""

from alembic import op

from shared.migrations import purpose

revision = "0009_national_statistics"
down_revision = "0008_deadline_chains"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the policies. Nothing is written under the purpose, and only `roster.statistics` assumes it."""
    for table in ("roster", "entry", "decision"):
        op.execute(f"CREATE POLICY select_statistics ON {table} FOR SELECT USING ({purpose('statistics')})")
