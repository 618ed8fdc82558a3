"""What is kept of the registry's answer, what is read of it (RO-18), and what a township is told (RO-51). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from roster.deferments.rules import Annotation
from roster.hints.model import RegistryFacts, RegistryStatus
from roster.intake.rules import CessationReason, RosterKind
from roster.remedies.rules import remedy_on
from roster.review.rules import Decision
from shared.law import rule

_STATUSES = frozenset(RegistryStatus)
_REASONS = frozenset(CessationReason)


class InductionOrder(msgspec.Struct):
    """徵集令."""

    number: str
    dated_on: date


class CurrentAnnotation(msgspec.Struct):
    """The annotation the registry holds of the man now."""

    decision_number: str | None = None
    issued_on: date | None = None
    deferment_from: date | None = None
    deferment_until: date | None = None
    summary: str | None = None
    revoked_on: date | None = None
    revoked_for: str | None = None


class Facts(msgspec.Struct):
    """What is kept of one man's answer: neither his ID nor his name. None: the registry did not say."""

    status: str | None = None
    birth_date: date | None = None
    household_county_code: str | None = None
    household_township_code: str | None = None
    household_since: date | None = None
    induction_order: InductionOrder | None = None
    overseas_compatriot: bool | None = None
    volunteer_training: bool | None = None
    annotation: CurrentAnnotation | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is stored, and shown to the deciding county."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept


def status_of(stored: Mapping[str, Any]) -> RegistryStatus | None:
    """The man's standing in a stored answer; None for one that this release does not know, as for one not given."""
    status = stored.get("status")
    return RegistryStatus(status) if status in _STATUSES else None


@rule("RO-18")
def for_judging(as_of: datetime, known: bool, stored: Mapping[str, Any]) -> RegistryFacts:
    """A stored answer as the legal tests read it."""
    if not known:
        return RegistryFacts(as_of, known=False)
    facts = msgspec.convert(stored, Facts)
    order, annotation = facts.induction_order, facts.annotation
    return RegistryFacts(
        as_of,
        status=status_of(stored),
        birth_date=facts.birth_date,
        county_code=facts.household_county_code,
        household_since=facts.household_since,
        induction_order_number=None if order is None else order.number,
        induction_order_on=None if order is None else order.dated_on,
        overseas_compatriot=facts.overseas_compatriot,
        volunteered_training=facts.volunteer_training,
        annotation_number=None if annotation is None else annotation.decision_number,
    )


def annotation_of(stored: Mapping[str, Any]) -> Annotation | None:
    """The annotation in a stored answer as the rules of RO-49 take it; None without one, or where it is not whole."""
    held = msgspec.convert(stored, Facts).annotation
    if held is None or held.decision_number is None:
        return None
    if held.issued_on is None or held.deferment_from is None or held.deferment_until is None:
        return None
    revoked = held.revoked_on is not None and held.revoked_for in _REASONS
    return Annotation(
        decision_number=held.decision_number,
        issued_on=held.issued_on,
        deferment_from=held.deferment_from,
        deferment_until=held.deferment_until,
        summary=held.summary or "",
        revoked_on=held.revoked_on if revoked else None,
        revoked_for=CessationReason(held.revoked_for) if revoked and held.revoked_for else None,
    )


@dataclass(frozen=True, slots=True)
class Period:
    """A deferment as our books have it after a decision."""

    first_day: date
    last_day: date
    revoked_on: date | None


@rule("RO-51")
def township_report(
    *,
    national_id: str,
    name: str,
    county_code: str,
    township_code: str,
    village: str | None,
    kind: RosterKind,
    decision: Decision,
    decision_number: str,
    issued_on: date,
    decided_on: date,
    period: Period | None,
    corrects_number: str | None = None,
) -> dict[str, str | None]:
    """The line that tells the household's township of one decision; days are ISO text.

    `period`: of the deferment that the decision changed. A rejection defers nobody, and tells none, unless it takes
    back what was approved in error: `corrects_number` is the number of the decision that it corrects (RO-52).
    """
    corrected = corrects_number is not None
    refused = decision is Decision.REJECTED and kind is not RosterKind.CESSATION
    told = period if corrected or decision is Decision.APPROVED else None
    return {
        "national_id": national_id,
        "name": name,
        "household_county_code": county_code,
        "household_township_code": township_code,
        "household_village": village,
        "kind": kind.value,
        "decision": decision.value,
        "decision_number": decision_number,
        "issued_on": issued_on.isoformat(),
        "decided_on": decided_on.isoformat(),
        "deferment_from": told.first_day.isoformat() if told else None,
        "deferment_until": told.last_day.isoformat() if told else None,
        "revoked_on": told.revoked_on.isoformat()
        if told and told.revoked_on and (corrected or kind is RosterKind.CESSATION)
        else None,
        "corrects_number": corrects_number,
        "remedy": remedy_on(decided_on).text if refused else None,
    }
