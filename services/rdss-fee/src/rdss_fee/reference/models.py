"""Tables of employers and of the official calendar."""

from datetime import date, datetime

from sqlalchemy import DateTime, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Employer(Base):
    """用人單位. `code`: its business number (統一編號), by which tokens name it; `number`: its own in virtual accounts.

    Receipts are mailed to `receipt_addressee` at `receipt_address` (FE-37).
    """

    __tablename__ = "employer"

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    receipt_addressee: Mapped[str | None] = mapped_column(Text)
    receipt_address: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    registered_on: Mapped[date]
    registered_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CalendarDay(Base):
    """A day of an official calendar: offices are open on it or not."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
