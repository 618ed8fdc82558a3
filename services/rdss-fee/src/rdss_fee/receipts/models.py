"""Tables of receipts and of their numbers."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class ReceiptCounter(Base):
    """The last number of an ROC year; who issues receipts holds its row until they stand."""

    __tablename__ = "receipt_counter"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Receipt(Base):
    """繳費收據 of one posted payment, to be mailed by `due_on` (FE-37). One that is void keeps its number."""

    __tablename__ = "receipt"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    year: Mapped[int]
    number: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bank_transaction.id"))
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.id"))
    employer_code: Mapped[str] = mapped_column(ForeignKey("employer.code"))
    amount: Mapped[int] = mapped_column(BigInteger)
    posted_on: Mapped[date]
    due_on: Mapped[date]
    due_provisional: Mapped[bool]
    addressee: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    issued_by: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    issued_on: Mapped[date]
    mailed_by: Mapped[str | None] = mapped_column(Text)
    mailed_on: Mapped[date | None]
    mail_number: Mapped[str | None] = mapped_column(Text)
    voided_by: Mapped[str | None] = mapped_column(Text)
    voided_on: Mapped[date | None]
    void_reason: Mapped[str | None] = mapped_column(Text)
