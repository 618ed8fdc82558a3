"""Whether a run did enough to prove anything: how many examples were sent, by whom, and how often again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Importing Schemathesis takes a second, which every worker that collects the tests would pay.
    from tests.support.fuzz_run import Report

# Operations with fewer inputs than examples: how many there are, and why.
_NO_INPUT = (1, "it takes no input: one request, and nothing in it to be wrong")
FEW: Mapping[str, tuple[int, str]] = {
    "count_unread": _NO_INPUT,
    "get_county_settings": _NO_INPUT,
    "get_keys": _NO_INPUT,
    "get_me": _NO_INPUT,
    "list_sessions": _NO_INPUT,
    "verify_ledger": _NO_INPUT,
    "list_terms": (30, "it takes one yes or no: a campaign finds no more to be wrong with that"),
}
# Of a house's requests, this part may be told "come back" (503) and come: the machine does other things as well.
BUSY = 0.01
BUSY_AT_LEAST = 5


def lacking(report: Report, count: int, few: Mapping[str, tuple[int, str]] = FEW) -> list[str]:
    """What is missing of a run of `count` examples of an operation; nothing when it proves what it is for."""
    wanted, why = few.get(report.name, (count, ""))
    told = []
    if report.sent.total() < wanted:
        told.append(f"examples: {report.sent.total()} of {wanted} were sent: {dict(report.sent)}")
    if why and report.sent.total() >= count > wanted:
        told.append(f"examples: {report.sent.total()} could be sent, so the table is wrong: {why}")
    if not why:
        told += [f"examples: none that is {mode}" for mode in ("positive", "negative") if not report.sent[mode]]
    if never := sorted(set(report.roles) - set(report.asked)):
        told.append(f"roles: nobody asked as {', '.join(never)}")
    return told


def busy(reports: Iterable[Report]) -> tuple[int, int]:
    """How many of a house's requests were told to come back, and how many of them may be."""
    reports = list(reports)
    asked = sum(report.asked.total() for report in reports)
    return sum(report.busy for report in reports), max(BUSY_AT_LEAST, int(asked * BUSY))


def unreached(reports: Mapping[str, Report]) -> list[str]:
    """The operations that never answered their success."""
    return sorted(name for name, report in reports.items() if not report.reached)
