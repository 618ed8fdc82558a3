"""Tables of violations and reminders."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Violation(Base):
    """未遵循定期繳納研究發展費事證: a notice that was not paid whole by the 5th, with its evidence (FE-39). It may be
    annulled with a reason, never deleted.
    """

    __tablename__ = "violation"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.id"))
    employer_code: Mapped[str] = mapped_column(Text)
    month: Mapped[date]
    reference_on: Mapped[date]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(default=1)
    found_on: Mapped[date]
    found_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    annulled_by: Mapped[str | None] = mapped_column(Text)
    annulled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    annulled_on: Mapped[date | None]
    annul_reason: Mapped[str | None] = mapped_column(Text)


class Reminder(Base):
    """What an employer was told of a notice, once each (FE-40)."""

    __tablename__ = "reminder"

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    told_on: Mapped[date]
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
