"""Tables of refund claims and their papers."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class RefundClaim(Base):
    """退費: what an employer claims of what is refundable to it; `round` is the month in whose round it is worked.
    `entered_as`: the role in which it was entered. `bounced_…`: the bank could not deliver what was paid.
    """

    __tablename__ = "refund_claim"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    employer_code: Mapped[str] = mapped_column(ForeignKey("employer.code"))
    letter_no: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    entered_by: Mapped[str] = mapped_column(Text)
    entered_as: Mapped[str] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    entered_on: Mapped[date]
    submitted_by: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    posted_on: Mapped[date | None]
    received_on: Mapped[date | None]
    round: Mapped[date | None]
    round_provisional: Mapped[bool | None]
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_on: Mapped[date | None]
    return_reason: Mapped[str | None] = mapped_column(Text)
    paid_by: Mapped[str | None] = mapped_column(Text)
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    paid_on: Mapped[date | None]
    payment_reference: Mapped[str | None] = mapped_column(Text)
    bounced_by: Mapped[str | None] = mapped_column(Text)
    bounced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    bounced_on: Mapped[date | None]
    bounce_reason: Mapped[str | None] = mapped_column(Text)


class ClaimPaper(Base):
    """A claim's letter (退費函文) or signed receipt (已簽妥退款收據), its bytes sealed."""

    __tablename__ = "claim_paper"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[UUID] = mapped_column(ForeignKey("refund_claim.id"))
    employer_code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    added_by: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
