"""The directory, messages and attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from shared.migrations import create_platform_tables, protect, purpose

revision = "0001_create_messages"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create them, with the policies by which people see their own messages only."""
    create_platform_tables()
    op.create_table(
        "account",
        sa.Column("sub", sa.Text, primary_key=True),
        sa.Column("org_type", sa.Text, nullable=False),
        sa.Column("org_code", sa.Text, nullable=False),
        sa.Column("roles", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("email", sa.LargeBinary),
        sa.Column("display_name", sa.LargeBinary, nullable=False),
        sa.Column("system_mail", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_account_org", "account", ["org_type", "org_code"])
    protect(
        "account",
        "SELECT, INSERT, UPDATE",
        {
            "keep": purpose("directory"),
            "select_address": purpose("compose", "deliver"),
        },
    )

    op.create_table(
        "message",
        sa.Column("id", pg.UUID, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("event_at", _INSTANT, nullable=False),
        sa.Column("about", pg.UUID, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("template_version", sa.Integer, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("org_type", sa.Text, nullable=False),
        sa.Column("org_code", sa.Text, nullable=False),
        sa.Column("required", sa.Boolean, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.Column("sent_at", _INSTANT),
        sa.CheckConstraint("channel IN ('email')", name="ck_message_channel"),
        sa.CheckConstraint(
            "state IN ('created', 'sending', 'sent', 'delivered', 'failed', 'bounced')", name="ck_message_state"
        ),
        sa.CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="ck_message_failure"),
        sa.CheckConstraint(
            "(state IN ('sent', 'delivered', 'bounced')) = (sent_at IS NOT NULL)", name="ck_message_sent_at"
        ),
        sa.CheckConstraint("NOT (required AND failure = 'opted_out')", name="ck_message_required"),
        sa.CheckConstraint("subject !~ '[\\r\\n]'", name="ck_message_subject"),
    )
    op.create_index("ix_message_newest", "message", ["created_at", "id"])
    op.create_index("ix_message_recipient", "message", ["recipient", "created_at", "id"])
    op.create_index("ix_message_failed", "message", ["created_at", "id"], postgresql_where="state = 'failed'")
    protect(
        "message",
        "SELECT, INSERT, UPDATE",
        {
            "select_own": "recipient = (SELECT current_setting('app.sub', true))",
            "select_oversee": purpose("oversee"),
            "insert_compose": purpose("compose"),
            "work": purpose("deliver", "replay"),
        },
    )

    op.create_table(
        "attempt",
        sa.Column("message_id", pg.UUID, sa.ForeignKey("message.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("outcome", sa.Text),
        sa.Column("reply_code", sa.Integer),
        sa.Column("detail", sa.Text),
        sa.CheckConstraint("number >= 1", name="ck_attempt_number"),
        sa.CheckConstraint("outcome IN ('accepted', 'deferred', 'refused')", name="ck_attempt_outcome"),
        sa.CheckConstraint("reply_code BETWEEN 100 AND 999", name="ck_attempt_reply_code"),
        sa.CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name="ck_attempt_finished"),
    )
    protect(
        "attempt",
        "SELECT, INSERT, UPDATE",
        {
            # Whoever sees the message sees its attempts: the inner select obeys the policies of message.
            "select_seen": "EXISTS (SELECT FROM message m WHERE m.id = message_id)",
            "work": purpose("deliver"),
        },
    )
