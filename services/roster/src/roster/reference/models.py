"""Reference data: schools, their contacts and dated registration, terms, working days, unrecognised programmes."""

from datetime import date, datetime

from sqlalchemy import DateTime, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base

# The national default deadline of a term stands under this code; no school has it (the Ministry's have digits).
NATIONAL = "*"


class School(Base):
    """A school as the Ministry of Education lists it; `code` is the Ministry's, kept as text."""

    __tablename__ = "school"

    code: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    school_kind: Mapped[str] = mapped_column(Text)
    ownership: Mapped[str] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    website: Mapped[str] = mapped_column(Text)
    system: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class SchoolRegistration(Base):
    """Whether a school is registered with the education authority, from a day on (RO-20, Art. 15-1-1)."""

    __tablename__ = "school_registration"

    school_code: Mapped[str] = mapped_column(ForeignKey("school.code"), primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    registered: Mapped[bool]


class SchoolContact(Base):
    """Who answers a reviewer's questions at a school (RO-43, seed items 4 and 13)."""

    __tablename__ = "school_contact"

    school_code: Mapped[str] = mapped_column(ForeignKey("school.code"), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class UnrecognisedProgramme(Base):
    """A programme whose enrolment does not meet the authority's rules, from a day on (RO-21, Art. 15-1-2)."""

    __tablename__ = "unrecognised_programme"

    school_code: Mapped[str] = mapped_column(ForeignKey("school.code"), primary_key=True)
    department: Mapped[str] = mapped_column(Text, primary_key=True)
    level: Mapped[str] = mapped_column(Text, primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    effective_to: Mapped[date | None]


class Term(Base):
    """The registration deadline of (school, academic year, term); `NATIONAL` is the default of all (RO-36)."""

    __tablename__ = "term"

    school_code: Mapped[str] = mapped_column(Text, primary_key=True)
    academic_year: Mapped[int] = mapped_column(primary_key=True)
    term: Mapped[int] = mapped_column(primary_key=True)
    registration_deadline: Mapped[date]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CalendarDay(Base):
    """A day that is working or not, whatever the general calendar says; `county_code` `*` is everywhere (RO-36)."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(Text, primary_key=True)
    working: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
