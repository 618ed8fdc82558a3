"""Drafts between JSON and `rules.Draft`, and which decision number a draft stands for (RO-41).

In the stored JSON a member that is absent was never touched; `decision_number: null` was cleared by hand and is
allocated when the batch is decided.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from roster.review.rules import EDITABLE_FIELDS, Decision, Draft, Ground

_DATES = ("issued_on", "deferment_until")


def read(stored: Mapping[str, Any]) -> Draft:
    """The draft that `stored` says."""
    values: dict[str, Any] = {name: stored[name] for name in EDITABLE_FIELDS if stored.get(name) is not None}
    for name in _DATES:
        if name in values:
            values[name] = date.fromisoformat(values[name])
    if "decision" in values:
        values["decision"] = Decision(values["decision"])
    if "ground" in values:
        values["ground"] = Ground(values["ground"])
    values["override_codes"] = frozenset(stored.get("override_codes", ()))
    return Draft(**values)


def merge(stored: Mapping[str, Any], changes: Mapping[str, Any], blocking: Iterable[str]) -> dict[str, Any]:
    """`stored` with `changes` (JSON values; null clears).

    A change of mind drops what belonged to the other decision. With a written override the hints are noted that block
    at that moment (`blocking`): the reason speaks of these and of none that comes later.
    """
    merged = {**stored, **changes}
    if "override_reason" in changes:
        merged["override_codes"] = sorted(blocking)
    if changes.get("decision") == Decision.APPROVED:
        drop: tuple[str, ...] = ("ground", "ground_unseen", "reason")
    elif changes.get("decision") == Decision.REJECTED:
        drop = ("override_reason", "override_codes", "deferment_until")
    else:
        drop = ()
    for name in drop:
        if changes.get(name) is None:
            merged.pop(name, None)
    return {k: v for k, v in merged.items() if v is not None or k == "decision_number"}


def current(officer: Mapping[str, Any], approver: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The draft that counts while a batch is up: the approver's where he wrote one, else the officer's (RO-44)."""
    return officer if approver is None else approver


def shown(stored: Mapping[str, Any], proposed_number: str | None) -> dict[str, Any]:
    """The draft as people see it: the proposed number stands in it until somebody types or clears one."""
    if "decision_number" in stored or proposed_number is None:
        return dict(stored)
    return {**stored, "decision_number": proposed_number}
