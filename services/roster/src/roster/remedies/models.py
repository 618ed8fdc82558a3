"""What is recorded of a refusal: that it was handed over, that review was asked for, what was answered (RO-75)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class RefusalService(Base):
    """That a refusal was handed over, by whom, how and when; never changed. A wrong record is followed by a right one:
    of several the last, by `no`, counts.

    `request_until` is the last day to ask for review, by the calendar known when it was recorded.
    """

    __tablename__ = "refusal_service"

    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(Text)
    school_code: Mapped[str | None] = mapped_column(Text)
    township_code: Mapped[str] = mapped_column(Text)
    handed_over_by: Mapped[str] = mapped_column(Text)
    manner: Mapped[str] = mapped_column(Text)
    served_on: Mapped[date]
    request_until: Mapped[date]
    provisional: Mapped[bool]
    recorded_by: Mapped[str] = mapped_column(Text)
    recorded_org_type: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())


class ReviewRequest(Base):
    """The man's one request for review of a refusal, and the county's answer."""

    __tablename__ = "review_request"

    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"), primary_key=True)
    county_code: Mapped[str] = mapped_column(Text)
    school_code: Mapped[str | None] = mapped_column(Text)
    township_code: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    received_on: Mapped[date]
    received_by: Mapped[str] = mapped_column(Text)
    recorded_by: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
    request_until: Mapped[date]
    days_late: Mapped[int]
    answer: Mapped[str | None] = mapped_column(Text)
    answer_number: Mapped[str | None] = mapped_column(Text)
    answer_reason: Mapped[str | None] = mapped_column(Text)
    answered_on: Mapped[date | None]
    answered_by: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
