"""What identity tells of an account."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from notify.reading import Reading, Told
from shared.schemas import Bool, Line

# What can be written to without SMTPUTF8: one @, printable ASCII, no quoting, nothing that could end a header.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?")


def usable(address: str | None) -> str | None:
    """`address` if mail can be sent to it, else None: an unusable one must not hold up the rest of the account."""
    return address if address is not None and _ADDRESS.fullmatch(address) else None


class AccountChanged(Reading):
    """`muster.identity.account.changed.v1`: the account as it now stands."""

    sub: Line
    roles: Annotated[tuple[Line, ...], Field(max_length=30)]
    org_type: Line
    org_code: Line
    email: Annotated[str | None, Field(max_length=320), AfterValidator(usable)] = None
    display_name: Told = ""
    system_mail: Bool
    active: Bool
