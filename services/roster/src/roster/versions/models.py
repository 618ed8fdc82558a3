"""The versions of a roster, and what its rows were before they changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class RosterVersion(Base):
    """What a school handed in as a roster, the first time and with each correction (RO-09); append-only.

    Of its `row_count` rows `kept` were the same in the version before, `changed` said something else of a man, `added`
    named a new one; `dropped` men of the version before it names no more. `content_digest` is that of its rows; null
    for rosters from before versions were kept, and for one that a transfer made (RO-29). `received_by` is the school's
    account; of one that a transfer made the county that handed the man on ("county:63000").
    """

    __tablename__ = "roster_version"

    roster_id: Mapped[UUID] = mapped_column(ForeignKey("roster.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
    received_by: Mapped[str] = mapped_column(Text)
    row_count: Mapped[int]
    charset: Mapped[str] = mapped_column(Text)
    notes: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    content_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    kept: Mapped[int]
    changed: Mapped[int]
    added: Mapped[int]
    dropped: Mapped[int]


class History(Base):
    """What a row of another table was from `valid_from` until `valid_until`, and who changed it then (RO-55).

    Written by the database itself when the row is changed or deleted; the application may only read it, and of it what
    it may read of the row. `body` is the row as JSON, encrypted columns still encrypted. All changes of one transaction
    carry one instant, and what a row was in the midst of one is not kept.
    """

    __tablename__ = "history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    table_name: Mapped[str] = mapped_column(Text)
    row_id: Mapped[UUID]
    valid_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_by: Mapped[str] = mapped_column(Text)
    changed_org_type: Mapped[str] = mapped_column(Text)
    changed_org_code: Mapped[str] = mapped_column(Text)
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    visible_to_school: Mapped[bool]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
