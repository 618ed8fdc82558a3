"""The tables of the inbox: what stands in it beside the messages themselves."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base


class Inbox(Base):
    """One account's inbox: the number that its newest item got.

    Whoever places an item holds this row until his transaction ends, so an item with a smaller number never appears
    after one with a greater number was seen. A moment would not do: transactions end in another order than they began.
    """

    __tablename__ = "inbox"

    recipient: Mapped[str] = mapped_column(Text, primary_key=True)
    last_number: Mapped[int] = mapped_column(BigInteger)


class InboxItem(Base):
    """A message in its recipient's inbox; all but `read_at` is written once, and only he writes that."""

    __tablename__ = "inbox_item"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("message.id"), primary_key=True)
    recipient: Mapped[str] = mapped_column(Text)
    number: Mapped[int] = mapped_column(BigInteger)
    concerns: Mapped[dict[str, Any]] = mapped_column(JSONB)
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
