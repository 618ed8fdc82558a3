"""The table of the ledger's postings."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class PostingRow(Base):
    """`amount` NT$ from the account `credit` to the account `debit` (`ledger.rules.Posting`); never changed."""

    __tablename__ = "posting"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    debit: Mapped[str] = mapped_column(Text)
    credit: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    notice_id: Mapped[UUID | None]
    employer_code: Mapped[str | None] = mapped_column(Text)
    transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    claim_id: Mapped[UUID | None]
    booked_on: Mapped[date]
    booked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    booked_by: Mapped[str] = mapped_column(Text)
