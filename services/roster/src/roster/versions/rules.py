"""What a corrected roster changes, man by man, and what it may not touch any more (RO-09).

SOURCE: roster.md RO-09, RO-07, RO-29, "Review workflow".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from roster.intake.faults import masked_id
from roster.intake.rows import FIELDS, Row
from roster.review.states import TRANSITIONS, EntryAction, EntryState
from shared.law import rule
from shared.places import COUNTIES
from shared.problems import Fault

COMPARED = tuple(name for name in FIELDS if name != "national_id")
"""What a man's row is compared by. His ID finds him; its row in the file says nothing about him (RO-08)."""


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the roster's current version that is neither withdrawn nor superseded.

    `corrected`: the county is correcting its decision (RO-52), which stands until then.
    """

    id: UUID
    man: bytes
    national_id: str
    row_no: int
    state: EntryState
    filed_on: date
    stated: Mapping[str, Any]
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each man. `kept` and `changed` pair the entry with his row of the new file."""

    kept: tuple[tuple[Known, Row], ...]
    changed: tuple[tuple[Known, Row], ...]
    added: tuple[Row, ...]
    dropped: tuple[Known, ...]

    @property
    def nothing(self) -> bool:
        """Whether the file says of the same men what is known of them."""
        return not (self.changed or self.added or self.dropped)


@rule("RO-09", "RO-17")
def plan(known: Iterable[Known], rows: Sequence[tuple[bytes, Row]]) -> Plan:
    """Match a file's rows (each with its man's blind index) with the roster's entries, by national ID alone."""
    of_man = {entry.man: entry for entry in known}
    kept: list[tuple[Known, Row]] = []
    changed: list[tuple[Known, Row]] = []
    added: list[Row] = []
    for man, row in rows:
        entry = of_man.pop(man, None)
        if entry is None:
            added.append(row)
        elif all(entry.stated[name] == getattr(row, name) for name in COMPARED):
            kept.append((entry, row))
        else:
            changed.append((entry, row))
    dropped = sorted(of_man.values(), key=lambda entry: entry.row_no)
    return Plan(tuple(kept), tuple(changed), tuple(added), tuple(dropped))


@rule("RO-09")
def beyond_correction(found: Plan) -> Iterable[Fault]:
    """The entries that the file would change or drop although they are up for approval or decided."""
    for entry, row in found.changed:
        if entry.corrected or (entry.state, EntryAction.SUPERSEDE) not in TRANSITIONS:
            yield _too_late(entry, row.number)
    for entry in found.dropped:
        if entry.corrected or (entry.state, EntryAction.WITHDRAW) not in TRANSITIONS:
            yield _too_late(entry, None)


def _too_late(entry: Known, row: int | None) -> Fault:
    what = "內容與已送資料不同" if row is not None else "檔案未列此人"
    what_en = "The row says something else of him" if row is not None else "The file no longer names him"
    if entry.corrected or entry.state is EntryState.DECIDED:
        return Fault(
            "entry_decided",
            f"{what}，惟此筆已核定，不得以更正名冊變更或刪除；請照原資料填列，離校者另送緩徵原因消滅名冊，"
            "核定有誤者請洽縣市政府另為處分。",
            f"{what_en}, but he has been decided on. State him as before; report a man who left on a cessation roster,"
            " and ask the county to correct a wrong decision by a new one.",
            row=row,
            column="national_id",
            value=masked_id(entry.national_id),
        )
    return Fault(
        "entry_for_approval",
        f"{what}，惟此筆已陳核，不得以更正名冊變更或刪除；請照原資料填列，或洽承辦人撤回陳核後再更正。",
        f"{what_en}, but he is up for approval. State him as before, or ask the county to recall him first.",
        row=row,
        column="national_id",
        value=masked_id(entry.national_id),
    )


@rule("RO-09", "RO-01")
def of_another_county(rows: Iterable[Row], county_code: str) -> Iterable[Fault]:
    """The rows whose household another county decides: a roster has one county."""
    for row in rows:
        if row.county_code != county_code:
            yield Fault(
                "county_not_this_roster",
                f"此名冊限戶籍在{COUNTIES[county_code].name}者；請將此列移至{COUNTIES[row.county_code].name}之名冊，"
                "或更正戶籍縣市。",
                f"This roster is {COUNTIES[county_code].name_en}'s. Put the row on the roster of"
                f" {COUNTIES[row.county_code].name_en}, or correct the county.",
                row=row.number,
                column="county_code",
                value=COUNTIES[row.county_code].name,
            )


@rule("RO-09", "RO-29")
def on_another_roster(rows: Iterable[tuple[bytes, Row]], elsewhere: Mapping[bytes, str]) -> Iterable[Fault]:
    """The men who stand on another county's roster of the same submission, as the school sent or an officer handed
    them on; `elsewhere` is that county by man."""
    for man, row in rows:
        if man in elsewhere:
            county = COUNTIES[elsewhere[man]]
            yield Fault(
                "on_another_roster",
                f"此人列於同次送件之{county.name}名冊（或經承辦人移轉至該縣市），請於該名冊更正，並自本檔刪除此列。",
                f"He stands on the roster of {county.name_en} of the same submission, where the school put him or an"
                " officer handed him on. Correct him there and remove this row.",
                row=row.number,
                column="national_id",
                value=masked_id(row.national_id),
            )


class Act(StrEnum):
    """What was done to an entry, a roster or a deferment, as its history tells it (RO-55)."""

    RECEIVED = "received"
    CORRECTED = "corrected"
    TRANSFERRED = "transferred"
    OPENED = "opened"
    HELD = "held"
    RELEASED = "released"
    SUBMITTED = "submitted"
    RECALLED = "recalled"
    RETURNED = "returned"
    BACK_IN_REVIEW = "back_in_review"
    DECIDED = "decided"
    REOPENED = "reopened"
    DROPPED = "correction_dropped"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    REVIEWED = "reviewed"
    JUDGED = "judged"
    RENUMBERED = "renumbered"
    GRANTED = "granted"
    CHANGED = "changed"
    ENDED = "ended"
    RESUMED = "resumed"


_STEPS = {
    EntryAction.OPEN: Act.OPENED,
    EntryAction.HOLD: Act.HELD,
    EntryAction.RELEASE: Act.RELEASED,
    EntryAction.SUBMIT: Act.SUBMITTED,
    EntryAction.DECIDE: Act.DECIDED,
    EntryAction.REOPEN: Act.REOPENED,
    EntryAction.DROP: Act.DROPPED,
    EntryAction.WITHDRAW: Act.WITHDRAWN,
}
_MOVES = {(before, step.to): _STEPS[action] for (before, action), step in TRANSITIONS.items() if action in _STEPS}
_WRITTEN = ("officer_draft", "approver_draft", "certificate_on", "enrolment_recognised")
Cells = Mapping[Any, Any]


@rule("RO-55")
def entry_act(before: Cells, after: Cells, left_as: str | None) -> Act:
    """What made an entry's row `after` of `before`. `left_as`: how it left its batch, where the caller may know."""
    states = (EntryState(before["state"]), EntryState(after["state"]))
    if states[0] is not states[1]:
        if states[1] is EntryState.SUPERSEDED:
            return Act.TRANSFERRED if after["until_version"] is None else Act.SUPERSEDED
        if states == (EntryState.FOR_APPROVAL, EntryState.IN_REVIEW):
            return Act.BACK_IN_REVIEW if left_as is None else Act(left_as)
        return _MOVES[states]
    if any(before[name] != after[name] for name in _WRITTEN):
        return Act.REVIEWED
    return Act.JUDGED if before["row_no"] == after["row_no"] else Act.RENUMBERED


@rule("RO-55")
def roster_act(before: Mapping[str, Any], after: Mapping[str, Any]) -> Act:
    """What made a roster's JSON `after` of `before`, told by its version and how many entries are in which state."""
    gained = {state: after["counts"].get(state, 0) - before["counts"].get(state, 0) for state in EntryState}
    if after["version"] != before["version"]:
        return Act.CORRECTED
    for state, act in (
        (EntryState.WITHDRAWN, Act.WITHDRAWN),
        (EntryState.DECIDED, Act.DECIDED),
        (EntryState.FOR_APPROVAL, Act.SUBMITTED),
        (EntryState.SUPERSEDED, Act.TRANSFERRED),
        (EntryState.RECEIVED, Act.TRANSFERRED),
        (EntryState.ON_HOLD, Act.HELD),
    ):
        if gained[state] > 0:
            return act
    for state, act in (
        (EntryState.FOR_APPROVAL, Act.BACK_IN_REVIEW),
        (EntryState.RECEIVED, Act.OPENED),
        (EntryState.ON_HOLD, Act.RELEASED),
    ):
        if gained[state] < 0:
            return act
    return Act.CHANGED


@rule("RO-55")
def deferment_act(before: Cells, after: Cells) -> Act:
    """What made a deferment `after` of `before`."""
    if (before["revoked_on"] is None) != (after["revoked_on"] is None):
        return Act.RESUMED if after["revoked_on"] is None else Act.ENDED
    return Act.CHANGED


def flat(document: Mapping[str, Any], hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A JSON document with its members' members beside them (`draft.decision`), hints by code, nulls left out."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name in hidden or value is None:
            continue
        if name == "hints":
            found[name] = [hint["code"] for hint in value]
        elif isinstance(value, Mapping):
            found |= {f"{name}.{inner}": v for inner, v in value.items() if v is not None and v != []}
        else:
            found[name] = value
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The members of two `flat` documents that differ: field, from, to; in the order of the document."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"field": name, "from": before.get(name), "to": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]
