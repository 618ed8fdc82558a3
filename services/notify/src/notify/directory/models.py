"""The directory's table."""

from datetime import datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from notify.subscriptions import Addressee
from shared.crypto import Encrypted
from shared.db import Base


class Account(Base):
    """An account as identity last told of it; `changed_at` is the time of that event."""

    __tablename__ = "account"

    sub: Mapped[str] = mapped_column(Text, primary_key=True)
    org_type: Mapped[str] = mapped_column(Text)
    org_code: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    email: Mapped[str | None] = mapped_column(Encrypted("account.email"))
    display_name: Mapped[str] = mapped_column(Encrypted("account.display_name"))
    system_mail: Mapped[bool]
    active: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    def addressee(self) -> Addressee:
        """What decides whether to write to this account."""
        return Addressee(
            roles=frozenset(self.roles),
            org_type=self.org_type,
            org_code=self.org_code,
            has_address=self.email is not None,
            system_mail=self.system_mail,
            active=self.active,
        )
