"""Batches that go up for approval, the decisions that come of them, and a county's numbering."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, ForeignKeyConstraint, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Batch(Base):
    """One 陳核: entries of one roster handed to the approvers together."""

    __tablename__ = "batch"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    roster_id: Mapped[UUID] = mapped_column(ForeignKey("roster.id"))
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="for_approval")
    version: Mapped[int] = mapped_column(default=1)
    proposed_number: Mapped[str | None] = mapped_column(Text)
    submitted_by: Mapped[str] = mapped_column(Text)
    submitted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    closed_by: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    return_reason: Mapped[str | None] = mapped_column(Text)


class BatchEntry(Base):
    """An entry in a batch, with the drafts as they stood when it left again (RO-44, RO-45)."""

    __tablename__ = "batch_entry"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    county_code: Mapped[str] = mapped_column(Text)
    officer_draft: Mapped[dict[str, Any]] = mapped_column(JSONB)
    approver_draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    left_as: Mapped[str | None] = mapped_column(Text)
    left_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    left_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class DecisionRecord(Base):
    """The decision on one man: final, never changed (RO-48).

    `corrects` refers to one made in error (RO-52), of the same entry; each is corrected once at the most, so that the
    decisions of an entry are a chain. The one that nothing corrects is its current one. `corrects_number` is the number
    of the decision corrected, `correction_by` who took the correction up.
    """

    __tablename__ = "decision"
    __table_args__ = (
        ForeignKeyConstraint(
            ["corrects", "entry_id"], ["decision.id", "decision.entry_id"], name="fk_decision_corrects_same_man"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"))
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batch.id"))
    roster_id: Mapped[UUID] = mapped_column(ForeignKey("roster.id"))
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    township_code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    decision: Mapped[str] = mapped_column(Text)
    decision_number: Mapped[str] = mapped_column(Text)
    issued_on: Mapped[date]
    decided_on: Mapped[date]
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
    submitted_by: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(Text)
    deferment_until: Mapped[date | None]
    annotation_text: Mapped[str | None] = mapped_column(Text)
    review_remarks: Mapped[str | None] = mapped_column(Text)
    ground: Mapped[str | None] = mapped_column(Text)
    ground_unseen: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(Text)
    override_reason: Mapped[str | None] = mapped_column(Text)
    annotation_action: Mapped[str] = mapped_column(Text)
    deferment_id: Mapped[UUID | None] = mapped_column(ForeignKey("deferment.id"))
    law_version: Mapped[date]
    corrects: Mapped[UUID | None] = mapped_column(ForeignKey("decision.id"))
    corrects_number: Mapped[str | None] = mapped_column(Text)
    correction_reason: Mapped[str | None] = mapped_column(Text)
    correction_by: Mapped[str | None] = mapped_column(Text)


class CountySetting(Base):
    """How a county numbers its decisions (RO-41): the form, and the next serial of the ROC year."""

    __tablename__ = "county_setting"

    county_code: Mapped[str] = mapped_column(Text, primary_key=True)
    decision_number_format: Mapped[str] = mapped_column(Text)
    serial_year: Mapped[int]
    next_serial: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
