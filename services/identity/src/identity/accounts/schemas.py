"""Accounts as JSON. No answer holds a password, but the one that hands out an initial one."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from identity.organisations.schemas import OrganisationOut
from identity.schemas import Change, Email, OneLine, OrgKey, OrgKeyIn, Phone, RoleName, Roles
from shared.schemas import Bool, In, Instant, Out


class NewAccount(In):
    """An account to create; its initial password is made here and handed out in the answer."""

    username: str = Field(
        description="登入帳號，小寫英數字，不得變更",
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9._-]{2,63}$",
        examples=["taipei.chen"],
    )
    org: OrgKeyIn
    roles: Roles
    display_name: OneLine = Field(description="姓名", examples=["陳美玲"])
    email: Email = Field(description="電子郵件")
    phone: Phone | None = Field(default=None, description="聯絡電話")
    system_mail: Bool = Field(default=True, description="是否接收系統通知信")


class AccountChange(Change):
    """What an administrator may change of an account; a new holder is a hand-over."""

    nullable: ClassVar[frozenset[str]] = frozenset({"phone"})

    roles: Roles | None = None
    email: Email | None = Field(default=None, description="電子郵件")
    phone: Phone | None = Field(default=None, description="聯絡電話")
    system_mail: Bool | None = Field(default=None, description="是否接收系統通知信")
    active: Bool | None = Field(default=None, description="停用後立即登出")


class MeChange(Change):
    """What everybody may change of his or her own account (個人帳號維護)."""

    nullable: ClassVar[frozenset[str]] = frozenset({"phone"})

    display_name: OneLine | None = Field(default=None, description="姓名（更名或更正）", examples=["陳美玲"])
    email: Email | None = Field(default=None, description="電子郵件")
    phone: Phone | None = Field(default=None, description="聯絡電話")
    system_mail: Bool | None = Field(default=None, description="是否接收系統通知信")


class HandOver(In):
    """The next holder of a post."""

    display_name: OneLine = Field(description="新任承辦人姓名", examples=["林志豪"])
    email: Email = Field(description="電子郵件")
    phone: Phone | None = Field(default=None, description="聯絡電話")


class AccountOut(Out):
    """An account as administrators and auditors see it."""

    id: UUID
    username: str = Field(max_length=64)
    org: OrgKey
    roles: list[RoleName] = Field(max_length=20)
    display_name: str = Field(max_length=200)
    email: str = Field(max_length=254)
    phone: str | None = Field(max_length=40)
    system_mail: bool
    active: bool
    must_change_password: bool
    version: int = Field(ge=1, le=2_147_483_647)
    created_at: Instant


class AccountWithPassword(AccountOut):
    """An account whose initial password is handed out, this once."""

    initial_password: str = Field(max_length=128, description="初始密碼，僅顯示一次，首次登入須變更")


class HolderOut(Out):
    """Who held an account, from when to when; what was done under it meanwhile, this person did."""

    display_name: str = Field(max_length=200)
    since: Instant
    until: Instant | None = Field(description="null: to this day")
    reason: str = Field(max_length=20, examples=["handed_over"])
    by_sub: str = Field(max_length=128, description="who entered it")


class HoldersOut(Out):
    """Everybody who held an account, the first one first."""

    items: list[HolderOut] = Field(max_length=10_000)


class MeOut(Out):
    """One's own account."""

    sub: UUID
    username: str = Field(max_length=64)
    org: OrganisationOut
    roles: list[RoleName] = Field(max_length=20)
    display_name: str = Field(max_length=200)
    email: str = Field(max_length=254)
    phone: str | None = Field(max_length=40)
    system_mail: bool = Field(description="the master switch for mail")
    must_change_password: bool
    version: int = Field(ge=1, le=2_147_483_647)
