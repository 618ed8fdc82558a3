"""Reports that are made after the answer: what was asked, by whom, how far it is; and the file, sealed, in parts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class ReportRow(Base):
    """One report. `about` names things by their ids; a search only sealed. `attempt` is the try that made the file."""

    __tablename__ = "report"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    report: Mapped[str] = mapped_column(Text)
    form: Mapped[str] = mapped_column(Text)
    org_type: Mapped[str] = mapped_column(Text)
    org_code: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    about: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, default="queued")
    attempt: Mapped[UUID | None]
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_total: Mapped[int | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    problem: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ReportPart(Base):
    """A part of a report's file, encrypted (`shared.crypto`), in the order of `number`."""

    __tablename__ = "report_part"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("report.id"), primary_key=True)
    attempt: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    org_type: Mapped[str] = mapped_column(Text)
    org_code: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
