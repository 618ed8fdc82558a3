"""The table of collection schemes."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class CollectionScheme(Base):
    """How virtual accounts are made of notices for months from `effective_from` on, and whom they pay (FE-21, FE-30).

    `check_name` is one of `accounts.checks.CHECKS`; `atm_most`: NT$ that an ATM takes at most (FE-31).
    """

    __tablename__ = "collection_scheme"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    effective_from: Mapped[date]
    check_name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    employer_digits: Mapped[int]
    bank_code: Mapped[str] = mapped_column(Text)
    payee_bank: Mapped[str] = mapped_column(Text)
    payee_name: Mapped[str] = mapped_column(Text)
    atm_most: Mapped[int] = mapped_column(BigInteger)
    entered_by: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
