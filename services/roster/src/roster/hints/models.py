"""The findings on an entry, one row each: counties see all, schools only what may be told them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class EntryHint(Base):
    """One hint on one entry, with the rule and law version it was judged under (RO-54); `body` is the whole of it.

    Row-level security keeps rows with `visible_to_school` false from schools: RO-22, 27, 29, 30 and 32 may reveal
    a conviction.
    """

    __tablename__ = "entry_hint"

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    school_code: Mapped[str] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    visible_to_school: Mapped[bool]
    law_version: Mapped[date | None]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
