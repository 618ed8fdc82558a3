"""What belongs to a man filed by others than a school: who came, with which certificate, what the township did."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class CaseFile(Base):
    """Beside an entry that no school filed; its man, decision and deferment are the entry's (docs/adr/0047).

    `relation`: who came to the township (Art. 11-2), with the certificate of `issuer`; `plan_from` and `plan_until`:
    the period of an experimental-education plan, both counted; `order_no` and `order_on`: the induction order of
    Art. 12; `days_in_camp` is more than 30 (Art. 16-1). `annotated_at`: when the township confirmed that it made the
    annotation of Art. 16-1.
    """

    __tablename__ = "case_file"

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("entry.id"), primary_key=True)
    national_id_index: Mapped[bytes] = mapped_column(LargeBinary)
    county_code: Mapped[str] = mapped_column(Text)
    township_code: Mapped[str] = mapped_column(Text)
    filer_type: Mapped[str] = mapped_column(Text)
    filer_code: Mapped[str] = mapped_column(Text)
    case_kind: Mapped[str] = mapped_column(Text)
    relation: Mapped[str | None] = mapped_column(Text)
    issuer: Mapped[str | None] = mapped_column(Text)
    certificate_no: Mapped[str | None] = mapped_column(Text)
    certificate_on: Mapped[date | None]
    plan_from: Mapped[date | None]
    plan_until: Mapped[date | None]
    order_no: Mapped[str | None] = mapped_column(Text)
    order_on: Mapped[date | None]
    days_in_camp: Mapped[int | None]
    annotated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    annotated_by: Mapped[str | None] = mapped_column(Text)
