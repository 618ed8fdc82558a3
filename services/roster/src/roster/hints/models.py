"""The findings on entries, kept in sets: counties see all of a set, schools only what may be told them."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class HintRow(Base):
    """One hint of a set, with the rule and law version it was judged under (RO-54); `body` is the whole of it.

    Most men of a roster have the same few hints: `entry.hint_set` names what is kept once. A set is of one roster and
    is never changed; an entry that is judged otherwise gets another, so that its past still names the old one (RO-55).
    Row-level security keeps rows with `visible_to_school` false from schools: RO-22, 27, 29, 30 and 32 may reveal
    a conviction.
    """

    __tablename__ = "hint"

    set_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    roster_id: Mapped[UUID] = mapped_column(ForeignKey("roster.id"))
    school_code: Mapped[str | None] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    visible_to_school: Mapped[bool]
    law_version: Mapped[date | None]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
