"""What the conscription registry said of a man on an entry, and when (RO-18); how our calls to it fare."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class RegistryFact(Base):
    """The registry's answer for one entry as of an instant; `known` is false when it has no such man.

    Seen by the deciding county only, never by schools.
    """

    __tablename__ = "registry_fact"

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    county_code: Mapped[str] = mapped_column(Text)
    as_of: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    known: Mapped[bool]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())


# A view of the jobs that speak with the registry. It shows a county its own, the ministry all, others none.
registry_event = Table(
    "registry_event",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text),
    Column("state", Text),
    Column("attempts", Integer),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("run_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("county_code", Text),
    Column("decision_id", Uuid),
)
