"""Who is told of what, and who may decline.

One row per event type. A person declines system mail with one tick box (個人帳號維護, `me.system_mail`), on by
default; a message the law requires is sent regardless.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from shared.law import DEFERMENT_REGULATION, SYSTEM_MANUAL, Citation, cite, rule


class Withheld(StrEnum):
    """Why somebody is not written to."""

    INACTIVE = "inactive"
    NOT_ADDRESSEE = "not_addressee"
    OPTED_OUT = "opted_out"
    NO_ADDRESS = "no_address"


@dataclass(frozen=True, slots=True)
class Addressee:
    """What the directory knows of an account, as far as it decides whether to write."""

    roles: frozenset[str]
    org_type: str
    org_code: str
    has_address: bool
    system_mail: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events of `event_type` go to the accounts with `role` in the organisation of `org_type` the event names.

    `required`: the law demands the notice, so it cannot be declined; `basis` is what it rests on.
    """

    event_type: str
    template: str
    role: str
    org_type: Literal["county", "school"]
    required: bool
    basis: Citation


SUBSCRIPTIONS: Final[Mapping[str, Subscription]] = {
    s.event_type: s
    for s in (
        Subscription(
            "muster.roster.batch.submitted.v1",
            template="batch_submitted",
            role="approver",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "update-13"),
        ),
        Subscription(
            "muster.roster.batch.recalled.v1",
            template="batch_recalled",
            role="approver",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "update-15"),
        ),
        Subscription(
            "muster.roster.batch.returned.v1",
            template="batch_returned",
            role="case_officer",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "14"),
        ),
        Subscription(
            "muster.roster.batch.decided.v1",
            template="batch_decided",
            role="school",
            org_type="school",
            required=True,
            # One copy of the decided roster goes back to the school that sent it.
            basis=cite(DEFERMENT_REGULATION, "13-1"),
        ),
    )
}


@rule("NO-03")
def withheld(subscription: Subscription, org_code: str, addressee: Addressee) -> Withheld | None:
    """Why `addressee` gets no message under `subscription` about the organisation `org_code`; None: he gets it.

    Asked when the message is made and again when it is handed over: who left, moved or declined meanwhile gets none.
    """
    if not addressee.active:
        return Withheld.INACTIVE
    here = (addressee.org_type, addressee.org_code) == (subscription.org_type, org_code)
    if not here or subscription.role not in addressee.roles:
        return Withheld.NOT_ADDRESSEE
    if not (subscription.required or addressee.system_mail):
        return Withheld.OPTED_OUT
    return None if addressee.has_address else Withheld.NO_ADDRESS
