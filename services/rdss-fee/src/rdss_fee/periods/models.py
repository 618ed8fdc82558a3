"""Tables of servicemen and of what is known of them, with from when until when it was known (FE-05, FE-13)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, ForeignKeyConstraint, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.crypto import Encrypted
from shared.db import Base


class Serviceman(Base):
    """研發替代役役男. `no` counts them, for the constraint that no day of his is served twice; `version` counts what
    became known of him.
    """

    __tablename__ = "serviceman"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[int] = mapped_column(BigInteger, server_default=FetchedValue())
    national_id: Mapped[str] = mapped_column(Encrypted("serviceman.national_id"))
    national_id_index: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    registered_by: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())


class ServiceEvent(Base):
    """What was told of a man or of a period of his, by whom and when; `data` is what it says, without ids.

    What an employer's department entered (`needs_confirmation`) becomes known once its head office has confirmed it
    (ID-07).
    """

    __tablename__ = "service_event"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    serviceman_id: Mapped[UUID] = mapped_column(ForeignKey("serviceman.id"))
    employer_code: Mapped[str | None] = mapped_column(ForeignKey("employer.code"))
    kind: Mapped[str] = mapped_column(Text)
    period_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    needs_confirmation: Mapped[bool] = mapped_column(default=False)
    entered_by: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    entered_on: Mapped[date]
    confirmed_by: Mapped[str | None] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    confirmed_on: Mapped[date | None]
    refused_reason: Mapped[str | None] = mapped_column(Text)


class ServicemanFacts(Base):
    """What prices a man and bounds his second stage, as it was known from `known_at` until `replaced_at`."""

    __tablename__ = "serviceman_facts"

    serviceman_id: Mapped[UUID] = mapped_column(ForeignKey("serviceman.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(Text)
    degree: Mapped[str] = mapped_column(Text)
    cohort: Mapped[int]
    stage_begins_on: Mapped[date]
    stage_ends_before: Mapped[date | None]
    event_id: Mapped[UUID] = mapped_column(ForeignKey("service_event.id"))
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    known_on: Mapped[date]
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    replaced_on: Mapped[date | None]


class ServicePeriod(Base):
    """Days served at an employer, half open, as they were known from `known_at` until `replaced_at`; a correction is
    the next `version` of the same `id`.
    """

    __tablename__ = "service_period"
    __table_args__ = (ForeignKeyConstraint(["serviceman_id", "serviceman_no"], ["serviceman.id", "serviceman.no"]),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    serviceman_id: Mapped[UUID]
    serviceman_no: Mapped[int] = mapped_column(BigInteger)
    employer_code: Mapped[str] = mapped_column(ForeignKey("employer.code"))
    begins_on: Mapped[date]
    begun_by: Mapped[str] = mapped_column(Text)
    ends_before: Mapped[date | None]
    ended_by: Mapped[str | None] = mapped_column(Text)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("service_event.id"))
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    known_on: Mapped[date]
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    replaced_on: Mapped[date | None]
