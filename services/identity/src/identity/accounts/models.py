"""Tables of accounts; constraints and policies: migrations/versions/0001_create_accounts.py."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from shared.crypto import Encrypted
from shared.db import Base


class Account(Base):
    """A post with a log-in. Its `id` is the `sub` of tokens; who holds the post may change, the id does not.

    Sessions started before `sessions_since` are over.
    """

    __tablename__ = "account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    username: Mapped[str] = mapped_column(Text, unique=True)
    org_type: Mapped[str] = mapped_column(Text)
    org_code: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    display_name: Mapped[str] = mapped_column(Encrypted("account.display_name"))
    email: Mapped[str] = mapped_column(Encrypted("account.email"))
    phone: Mapped[str | None] = mapped_column(Encrypted("account.phone"))
    system_mail: Mapped[bool]
    active: Mapped[bool]
    password_hash: Mapped[str] = mapped_column(Text)
    must_change_password: Mapped[bool]
    sessions_since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class AccountHolder(Base):
    """Who held an account from `since` on, until the next row; append-only."""

    __tablename__ = "account_holder"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account_id: Mapped[uuid.UUID]
    display_name: Mapped[str] = mapped_column(Encrypted("account_holder.display_name"))
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str] = mapped_column(Text)
    by_sub: Mapped[str] = mapped_column(Text)


class LogInFailure(Base):
    """Failed log-ins under a name, whether or not an account has it, and wrong secrets of a client.

    Neither name nor client id is kept, only its blind index.
    """

    __tablename__ = "log_in_failure"

    name_index: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
