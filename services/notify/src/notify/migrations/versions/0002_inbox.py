"""The inbox: messages of a second channel, their place in it, and what was read.

Nothing is made up for what was mailed before: an inbox begins empty, with nothing unread.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from shared.migrations import protect, purpose

revision = "0002_inbox"
down_revision = "0001_create_messages"

_OWN = "recipient = (SELECT current_setting('app.sub', true))"


def upgrade() -> None:
    """Let messages go into the inbox, and make its tables, which show and change one's own only."""
    op.add_column("message", sa.Column("subject_en", sa.Text))
    op.drop_constraint("ck_message_channel", "message")
    op.create_check_constraint("ck_message_channel", "message", "channel IN ('email', 'in_app')")
    op.create_check_constraint("ck_message_in_app", "message", "channel <> 'in_app' OR state = 'delivered'")
    op.create_check_constraint(
        "ck_message_subject_en",
        "message",
        "(channel = 'in_app') = (subject_en IS NOT NULL) AND subject_en !~ '[\\r\\n]'",
    )

    op.create_table(
        "inbox",
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.CheckConstraint("last_number >= 1", name="ck_inbox_last_number"),
    )
    protect(
        "inbox",
        "SELECT, INSERT, UPDATE (last_number)",
        {"number": purpose("compose")},
    )

    op.create_table(
        "inbox_item",
        sa.Column("message_id", pg.UUID, sa.ForeignKey("message.id"), primary_key=True),
        sa.Column("recipient", sa.Text, sa.ForeignKey("inbox.recipient"), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("concerns", pg.JSONB, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("number >= 1", name="ck_inbox_item_number"),
        sa.UniqueConstraint("recipient", "number", name="uq_inbox_item_recipient_number"),
    )
    op.create_index("ix_inbox_item_unread", "inbox_item", ["recipient", "number"], postgresql_where="read_at IS NULL")
    # A person may change the mark and nothing else: what a notice says and where it stands is written once.
    protect(
        "inbox_item",
        "SELECT, INSERT, UPDATE (read_at)",
        {"select_own": _OWN, "update_own": _OWN, "insert_compose": purpose("compose")},
    )
