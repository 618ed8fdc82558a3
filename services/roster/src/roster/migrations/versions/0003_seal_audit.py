"""Seal audit rows in blocks: the chain's table, and the sealer's sight of all audit rows."""

from shared.migrations import create_audit_blocks

revision = "0003_seal_audit"
down_revision = "0002_roster_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what was written before is sealed by the worker's first blocks."""
    create_audit_blocks()
