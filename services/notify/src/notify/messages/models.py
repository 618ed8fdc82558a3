"""The tables of messages and of the attempts to hand them over."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from notify.messages.rules import Failure, Outcome, State
from shared.crypto import Encrypted
from shared.db import Base


class Message(Base):
    """One message to one account by one channel; of a mail, `id` is also its Message-ID.

    The words are kept as they were sent, with the template and version they were made from. `about` is the thing the
    event told of (a batch, a roster). `subject_en` is for the inbox; a mail's subject speaks both languages.
    """

    __tablename__ = "message"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    event_type: Mapped[str] = mapped_column(Text)
    event_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    about: Mapped[UUID]
    template: Mapped[str] = mapped_column(Text)
    template_version: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[str] = mapped_column(Text)
    org_type: Mapped[str] = mapped_column(Text)
    org_code: Mapped[str] = mapped_column(Text)
    required: Mapped[bool]
    subject: Mapped[str] = mapped_column(Text)
    subject_en: Mapped[str | None] = mapped_column(Text)
    # Somebody's reason may be quoted in it.
    body: Mapped[str] = mapped_column(Encrypted("message.body"))
    state: Mapped[str] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    def move(self, state: State, at: datetime, failure: Failure | None = None) -> None:
        """Enter `state`, for the reason `failure` if it is one of failing."""
        self.state = state
        self.failure = failure
        self.changed_at = at
        self.sent_at = at if state in (State.SENT, State.DELIVERED) else None


class Attempt(Base):
    """One try to hand a message over. The server's words are not kept: they often repeat the address."""

    __tablename__ = "attempt"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(Text)
    reply_code: Mapped[int | None] = mapped_column(Integer)
    detail: Mapped[str | None] = mapped_column(Text)

    def finish(self, outcome: Outcome, at: datetime, code: int | None, detail: str) -> None:
        """State how it ended: `code` is the server's, if it answered; `detail` one of our own words."""
        self.outcome = outcome
        self.finished_at = at
        self.reply_code = code
        self.detail = detail
