"""What identity tells the other services."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from shared.events import EventType
from shared.ids import mask_ids_in
from shared.schemas import Bool, In


class AccountChanged(In):
    """An account as it now stands; `display_name` and `email` are an official's, for writing to him or her.

    Some sign with their national ID: it is masked here, and no address may hold one (`identity.schemas.Email`).
    """

    sub: UUID = Field(description="the account's id, the `sub` of its tokens")
    roles: Annotated[list[str], Field(max_length=20)]
    org_type: Annotated[str, Field(max_length=40)]
    org_code: Annotated[str, Field(max_length=64)]
    email: Annotated[str, Field(max_length=254)]
    display_name: Annotated[str, AfterValidator(mask_ids_in), Field(max_length=200)]
    system_mail: Bool = Field(description="the master switch for mail")
    active: Bool


ACCOUNT_CHANGED = EventType(
    "muster.identity.account.changed.v1",
    AccountChanged,
    ("notify",),
    "An account was created, or its holder, address, roles, mail switch or state changed.",
    # An official's name and address: encrypted in the table of accounts, and no less so in the outbox.
    sealed=True,
)
