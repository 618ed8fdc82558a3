"""Tables of rates, runs, their lines, notices and credit statements."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class RateRow(Base):
    """A monthly rate in NT$ (`billing.rates.Rate`), as it was known from `known_at` until `replaced_at`."""

    __tablename__ = "rate"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(Text)
    degree: Mapped[str] = mapped_column(Text)
    cohort_from: Mapped[int]
    effective_from: Mapped[date]
    amount: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    entered_by: Mapped[str] = mapped_column(Text)
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    known_on: Mapped[date]
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    replaced_on: Mapped[date | None]


class BillingRun(Base):
    """A run that bills `month` (its first day) in advance. What was known at `known_at`, by the day `as_of`, is in it.

    `regular` runs are previewed by one person and issued by another; a `recomputation` is only looked at.
    """

    __tablename__ = "billing_run"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date]
    kind: Mapped[str] = mapped_column(Text)
    reprice: Mapped[bool]
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    asked_by: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    asked_on: Mapped[date]
    checked_by: Mapped[str | None] = mapped_column(Text)
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    as_of: Mapped[date]
    computed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    line_count: Mapped[int | None]
    employer_count: Mapped[int | None]
    charges: Mapped[int | None] = mapped_column(BigInteger)
    credits: Mapped[int | None] = mapped_column(BigInteger)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    manifest: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    issued_by: Mapped[str | None] = mapped_column(Text)
    issued_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    issued_on: Mapped[date | None]
    dropped_by: Mapped[str | None] = mapped_column(Text)
    dropped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LineRow(Base):
    """A line of a run (`billing.rules.Line`); it counts as billed once its run is issued. `event_id`: what became known
    last of what it rests on.
    """

    __tablename__ = "line"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    employer_code: Mapped[str] = mapped_column(Text, primary_key=True)
    serviceman_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    days: Mapped[int]
    category: Mapped[str | None] = mapped_column(Text)
    degree: Mapped[str | None] = mapped_column(Text)
    cohort: Mapped[int | None]
    rate: Mapped[int | None]
    entitled: Mapped[int]
    billed: Mapped[int]
    amount: Mapped[int]
    event_id: Mapped[UUID | None]


class NoticeRow(Base):
    """繳費通知單: what an employer is asked for a month, the number it is paid to, and by when."""

    __tablename__ = "notice"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("billing_run.id"))
    employer_code: Mapped[str] = mapped_column(ForeignKey("employer.code"))
    month: Mapped[date]
    amount: Mapped[int] = mapped_column(BigInteger)
    virtual_account: Mapped[str] = mapped_column(Text)
    scheme_id: Mapped[UUID] = mapped_column(ForeignKey("collection_scheme.id"))
    issued_on: Mapped[date]
    due_on: Mapped[date]
    due_provisional: Mapped[bool]


class CreditStatement(Base):
    """應退: what an employer may claim back of a run, beside the notice or without one (FE-12, FE-16)."""

    __tablename__ = "credit_statement"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("billing_run.id"))
    employer_code: Mapped[str] = mapped_column(ForeignKey("employer.code"))
    month: Mapped[date]
    amount: Mapped[int] = mapped_column(BigInteger)
    issued_on: Mapped[date]
