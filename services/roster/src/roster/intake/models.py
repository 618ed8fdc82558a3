"""What schools hand in: submissions, the rosters they are split into, and the entries of those."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.crypto import Encrypted
from shared.db import Base


class Submission(Base):
    """One file of one school; all of its rows were taken, or there is no submission (RO-07).

    `school_code` is empty where another organisation filed: then it is named by its type and code (RO-70 to RO-72).
    """

    __tablename__ = "submission"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    school_code: Mapped[str | None] = mapped_column(Text)
    filer_type: Mapped[str | None] = mapped_column(Text)
    filer_code: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    academic_year: Mapped[int]
    term: Mapped[int]
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    charset: Mapped[str] = mapped_column(Text)
    row_count: Mapped[int]
    notes: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    received_by: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Roster(Base):
    """The entries of one submission whose households one county decides (Art. 11).

    Its state is what its entries say and is stored nowhere. `version` counts what its school handed in (RO-09),
    `revision` every change of the roster or any of its entries; `proposed_number` is the decision number offered for
    its next batch (RO-41). `filer_type`, `filer_code`, `filer_name` and `case_kind` are those of an organisation that
    filed in no school's name (docs/adr/0047); then `school_code` is empty. `deadline_chain` is how `deadline` came
    about (`shared.deadlines.DeadlineOut`); null where the law sets none, and for what came in before it was kept.
    """

    __tablename__ = "roster"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    school_code: Mapped[str | None] = mapped_column(ForeignKey("school.code"))
    filer_type: Mapped[str | None] = mapped_column(Text)
    filer_code: Mapped[str | None] = mapped_column(Text)
    filer_name: Mapped[str | None] = mapped_column(Text)
    case_kind: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    academic_year: Mapped[int]
    term: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    revision: Mapped[int] = mapped_column(default=1)
    received_on: Mapped[date]
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    deadline: Mapped[date | None]
    deadline_chain: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    opened_by: Mapped[str | None] = mapped_column(Text)
    proposed_number: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())


class Entry(Base):
    """One man on one roster, as the school stated him, and where his review stands.

    `version` counts the changes of this row. `certificate_on` (the school certificate of Art. 12) and
    `enrolment_recognised` (RO-21) are the officer's findings, which the legal tests read; theirs are `last_day`, the
    day a deferment may run to (RO-26), and `hint_set`, the set of its hints (`roster.hints.models`). `officer_draft`
    and `approver_draft` are what each has written so far (`review.rules.Draft` as JSON); both are kept (RO-44).

    It belongs to the roster's versions from `from_version` until before `until_version`; null: to the current one
    (RO-09). `filed_on` is the day on which its man arrived: a correction that only changes him leaves it. `changed_at`
    is kept by the database: since then the row is as it is (RO-55).

    `school_code` is the school that filed him and may see it; who else filed him is `filer_type` and `filer_code`.
    `certified_school` is the school whose certificate a township handed in (Art. 12): he is judged as its student.

    `corrects` names the entry's current decision while that is being corrected (RO-52), with why and by whom it was
    taken up.
    """

    __tablename__ = "entry"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    roster_id: Mapped[UUID] = mapped_column(ForeignKey("roster.id"))
    school_code: Mapped[str | None] = mapped_column(Text)
    filer_type: Mapped[str | None] = mapped_column(Text)
    filer_code: Mapped[str | None] = mapped_column(Text)
    certified_school: Mapped[str | None] = mapped_column(ForeignKey("school.code"))
    county_code: Mapped[str] = mapped_column(Text)
    row_no: Mapped[int]
    national_id: Mapped[str] = mapped_column(Encrypted("entry.national_id"))
    national_id_index: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[date]
    township_code: Mapped[str] = mapped_column(Text)
    village: Mapped[str | None] = mapped_column(Text)
    division: Mapped[str | None] = mapped_column(Text)
    level: Mapped[str | None] = mapped_column(Text)
    nominal_years: Mapped[int | None]
    department: Mapped[str | None] = mapped_column(Text)
    class_year: Mapped[int | None]
    student_no: Mapped[str | None] = mapped_column(Text)
    enrolled_on: Mapped[date | None]
    expected_graduation_on: Mapped[date | None]
    extended_until: Mapped[date | None]
    extension_reason: Mapped[str | None] = mapped_column(Text)
    cessation_reason: Mapped[str | None] = mapped_column(Text)
    left_on: Mapped[date | None]
    overseas_compatriot: Mapped[bool | None]
    experimental_education: Mapped[bool | None]
    status_recognised: Mapped[bool | None]
    prior_graduated_level: Mapped[str | None] = mapped_column(Text)
    prior_graduated_on: Mapped[date | None]
    moi_approval_no: Mapped[str | None] = mapped_column(Text)
    remarks: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="received")
    version: Mapped[int] = mapped_column(default=1)
    certificate_on: Mapped[date | None]
    enrolment_recognised: Mapped[bool | None]
    last_day: Mapped[date | None]
    hint_set: Mapped[UUID | None]
    officer_draft: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    approver_draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batch.id"))
    judged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    from_version: Mapped[int] = mapped_column(default=1)
    until_version: Mapped[int | None]
    corrects: Mapped[UUID | None] = mapped_column(ForeignKey("decision.id", use_alter=True, name="fk_entry_corrects"))
    correction_reason: Mapped[str | None] = mapped_column(Text)
    correction_by: Mapped[str | None] = mapped_column(Text)
    filed_on: Mapped[date]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.moment())
