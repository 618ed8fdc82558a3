"""Tables of posting files, bank transactions, and of what becomes of money in suspense."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class BankFileRow(Base):
    """A posting file that was taken whole; `content` is its bytes, sealed. `complete_through`: the last value date of
    which the bank has told everything.
    """

    __tablename__ = "bank_file"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    layout: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    line_count: Mapped[int]
    total: Mapped[int] = mapped_column(BigInteger)
    complete_through: Mapped[date]
    fresh_count: Mapped[int]
    bad_number_count: Mapped[int]
    no_notice_count: Mapped[int]
    nothing_to_reverse_count: Mapped[int]
    taken_by: Mapped[str] = mapped_column(Text)
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    taken_on: Mapped[date]


class BankTransaction(Base):
    """One posting of the bank's: a payment, or (below zero) a reversal. It belongs to a notice, or is in suspense and
    says `why`; `key` is the same in whatever file it stands.
    """

    __tablename__ = "bank_transaction"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    file_id: Mapped[UUID]
    line: Mapped[int]
    key: Mapped[str] = mapped_column(Text)
    account: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    posted_on: Mapped[date]
    value_on: Mapped[date]
    serial: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    payer: Mapped[str] = mapped_column(Text)
    notice_id: Mapped[UUID | None]
    employer_code: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(Text)


class SuspenseAssignment(Base):
    """What one person proposes to become of money in suspense, and another confirms: given to a notice (`assign`),
    taken back from it (`undo`), or counted as repayment of a refund (`repay`).
    """

    __tablename__ = "suspense_assignment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bank_transaction.id"))
    act: Mapped[str] = mapped_column(Text)
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice.id"))
    employer_code: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    proposed_on: Mapped[date]
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_on: Mapped[date | None]
