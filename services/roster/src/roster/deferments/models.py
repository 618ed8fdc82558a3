"""The deferments that decisions made: one row per annotation in the registry, and every change of it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.crypto import Encrypted
from shared.db import Base


class Deferment(Base):
    """A deferment and its annotation. `decision_number` and `issued_on` are the first decision's, for ever (RO-49);
    only the correction of that very decision puts its own in their place (RO-52).

    `filed_on` is the day on which its man arrived on a roster. In force on a day: not revoked, and the day is within
    `deferred_from`–`deferred_until`, both counted. For the legal tests one that nothing has ended stays "active" after
    its last day: the extension comes in the next term (Art. 14). `school_code` is empty for experimental education
    without enrolment (Art. 11-2). `awaits_roster`: granted by a certificate (Art. 12), its roster not yet decided.
    """

    __tablename__ = "deferment"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    national_id: Mapped[str] = mapped_column(Encrypted("deferment.national_id"))
    national_id_index: Mapped[bytes] = mapped_column(LargeBinary)
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    township_code: Mapped[str] = mapped_column(Text)
    level: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    decision_number: Mapped[str] = mapped_column(Text)
    issued_on: Mapped[date]
    filed_on: Mapped[date]
    deferred_from: Mapped[date]
    deferred_until: Mapped[date]
    summary: Mapped[str] = mapped_column(Text)
    revoked_on: Mapped[date | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)
    awaits_roster: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())


class DefermentChange(Base):
    """One decision's effect on one deferment: append-only history (RO-49, RO-55).

    A decision has a row for the deferment it is about (`decision.deferment_id`) and one for each that it ended or
    restored beside. The registry is told the first, not the deferment as it stands at delivery: `deferment_version`
    lets it put two changes of one deferment in order, whichever arrives first. `decision_number`, `issued_on`: those
    of the deferment after it; null where a release before migration 0007 wrote the row.
    """

    __tablename__ = "deferment_change"

    decision_id: Mapped[UUID] = mapped_column(ForeignKey("decision.id"), primary_key=True)
    deferment_id: Mapped[UUID] = mapped_column(ForeignKey("deferment.id"), primary_key=True)
    county_code: Mapped[str] = mapped_column(Text)
    deferment_version: Mapped[int]
    annotation_action: Mapped[str] = mapped_column(Text)
    until_before: Mapped[date | None]
    until_after: Mapped[date]
    revoked_on: Mapped[date | None]
    ended_reason: Mapped[str | None] = mapped_column(Text)
    decision_number: Mapped[str | None] = mapped_column(Text)
    issued_on: Mapped[date | None]
    summary: Mapped[str] = mapped_column(Text)
    liable_for_induction: Mapped[bool]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
