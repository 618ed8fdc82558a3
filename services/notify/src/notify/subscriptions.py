"""Who is told of what, by which channel, and who may decline.

One row per event type. A person declines system mail with one tick box (個人帳號維護, `me.system_mail`), on by
default; a message the law requires is sent regardless. The box is about mail: the inbox of the system itself is told
in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from shared.law import (
    DEFERMENT_REGULATION,
    DESIGN_POLICY,
    FEE_MANUAL,
    FEE_STANDARD,
    SYSTEM_MANUAL,
    Citation,
    cite,
    rule,
)


class Channel(StrEnum):
    """Ways to a person (NO-02)."""

    EMAIL = "email"
    IN_APP = "in_app"


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

    `templates` names the words for each channel it goes by. `required`: the law demands the notice, so it cannot be
    declined; `basis` is what it rests on. `opens` is the API's path to the thing concerned, as its reader may see it.
    """

    event_type: str
    templates: Mapping[Channel, str]
    role: str
    org_type: Literal["county", "school", "township", "education_authority", "employer"]
    required: bool
    basis: Citation
    opens: str


_BATCH: Final = "/roster/v1/batches/{batch_id}"
_ROSTER: Final = "/roster/v1/rosters/{roster_id}"
# A school sees its results, not the county's batches.
_CASES: Final = "/roster/v1/cases"
_RESULTS: Final = "/roster/v1/results/{roster_id}/entries"


def _both(name: str) -> Mapping[Channel, str]:
    return {Channel.EMAIL: name, Channel.IN_APP: f"{name}_inbox"}


def _employer(act: str, name: str, opens: str, basis: Citation, *, required: bool = False) -> Subscription:
    """An employer's head office is told of the fee by mail and inbox; of a receipt, which the post brings, by inbox."""
    inbox_only = name == "receipt_issued"
    return Subscription(
        f"muster.rdss-fee.{act}.v1",
        templates={Channel.IN_APP: f"{name}_inbox"} if inbox_only else _both(name),
        role="employer",
        org_type="employer",
        required=required,
        basis=basis,
        opens=f"/rdss-fee/v1/{opens}",
    )


_NOTICE: Final = "notices/{notice_id}"
_CLAIM: Final = "refund-claims/{claim_id}"
_VIOLATION: Final = "violations/{violation_id}"

SUBSCRIPTIONS: Final[Mapping[str, Subscription]] = {
    s.event_type: s
    for s in (
        Subscription(
            "muster.roster.batch.submitted.v1",
            templates=_both("batch_submitted"),
            role="approver",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "update-13"),
            opens=_BATCH,
        ),
        Subscription(
            "muster.roster.batch.recalled.v1",
            templates=_both("batch_recalled"),
            role="approver",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "update-15"),
            opens=_BATCH,
        ),
        Subscription(
            "muster.roster.batch.returned.v1",
            templates=_both("batch_returned"),
            role="case_officer",
            org_type="county",
            required=False,
            basis=cite(SYSTEM_MANUAL, "14"),
            opens=_BATCH,
        ),
        Subscription(
            "muster.roster.batch.decided.v1",
            templates=_both("batch_decided"),
            role="school",
            org_type="school",
            required=True,
            # One copy of the decided roster goes back to the school that sent it.
            basis=cite(DEFERMENT_REGULATION, "13-1"),
            opens=_RESULTS,
        ),
        # What others than schools file: who decides it, and who is to know what was decided (RO-70 to RO-72).
        Subscription(
            "muster.roster.case.filed.v1",
            templates={Channel.IN_APP: "case_filed_inbox"},
            role="case_officer",
            org_type="county",
            required=False,
            basis=cite(DEFERMENT_REGULATION, "12-1"),
            opens=_ROSTER,
        ),
        Subscription(
            "muster.roster.case.decided.v1",
            templates={Channel.IN_APP: "case_decided_inbox"},
            role="township",
            org_type="township",
            required=False,
            basis=cite(DEFERMENT_REGULATION, "13-2"),
            opens=_CASES,
        ),
        Subscription(
            "muster.roster.notice.decided.v1",
            templates={Channel.IN_APP: "notice_decided_inbox"},
            role="education_authority",
            org_type="education_authority",
            required=False,
            basis=cite(DEFERMENT_REGULATION, "16-1"),
            opens=_CASES,
        ),
        Subscription(
            "muster.roster.training_list.forwarded.v1",
            templates={Channel.IN_APP: "training_forwarded_inbox"},
            role="township",
            org_type="township",
            required=False,
            basis=cite(DEFERMENT_REGULATION, "16/1"),
            opens=f"{_CASES}?scope=to_annotate",
        ),
        # Of what a school does the paper procedure knows no letter to the county: the inbox will do.
        *(
            Subscription(
                f"muster.roster.roster.{act}.v1",
                templates={Channel.IN_APP: f"roster_{act}_inbox"},
                role="case_officer",
                org_type="county",
                required=False,
                basis=cite(DESIGN_POLICY, "RosterVersions"),
                opens=_ROSTER,
            )
            for act in ("corrected", "withdrawn")
        ),
        # The fee: what is asked and by when, what became of claims, what is held against an employer (FE-37 to FE-40).
        _employer("notice.issued", "notice_issued", _NOTICE, cite(FEE_STANDARD, "4"), required=True),
        _employer("notice.reminded", "notice_reminded", _NOTICE, cite(DESIGN_POLICY, "FeeReminders")),
        _employer("notice.overdue", "notice_overdue", _NOTICE, cite(FEE_MANUAL, "fee-5")),
        _employer("receipt.issued", "receipt_issued", "receipts/{receipt_id}", cite(FEE_MANUAL, "fee-2")),
        _employer("refund.decided", "refund_decided", _CLAIM, cite(FEE_MANUAL, "fee-5")),
        _employer("refund.paid", "refund_paid", _CLAIM, cite(FEE_MANUAL, "fee-5")),
        _employer("refund.bounced", "refund_bounced", _CLAIM, cite(FEE_MANUAL, "fee-5")),
        _employer("violation.found", "violation_found", _VIOLATION, cite(FEE_MANUAL, "fee-5"), required=True),
        _employer("violation.annulled", "violation_annulled", _VIOLATION, cite(FEE_MANUAL, "fee-5")),
    )
}


@rule("NO-02", "NO-03")
def withheld(subscription: Subscription, org_code: str, addressee: Addressee, channel: Channel) -> Withheld | None:
    """Why `addressee` gets no message under `subscription` about the organisation `org_code`; None: he gets it.

    Asked when the message is made and, of mail, again when it is handed over: who left, moved or declined meanwhile
    gets none. Declining mail, or having no address for it, is no reason against the inbox.
    """
    if not addressee.active:
        return Withheld.INACTIVE
    here = (addressee.org_type, addressee.org_code) == (subscription.org_type, org_code)
    if not here or subscription.role not in addressee.roles:
        return Withheld.NOT_ADDRESSEE
    if channel is Channel.IN_APP:
        return None
    if not (subscription.required or addressee.system_mail):
        return Withheld.OPTED_OUT
    return None if addressee.has_address else Withheld.NO_ADDRESS
