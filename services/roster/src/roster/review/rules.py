"""What a decision needs and what it fixes (RO-13, 41, 42, 48, 56, 57). `states.py` has the states, named here too.

Pure: takes the state, the draft and the hints; says yes, or every reason why not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from roster.hints.hint import Severity
from roster.intake.rules import EXPERIMENTAL, CaseKind, RosterKind
from roster.review.states import (
    APPROVER,
    BATCH_TRANSITIONS,
    CASE_OFFICER,
    EDITORS,
    SCHOOL,
    TRANSITIONS,
    BatchAction,
    BatchState,
    Decision,
    EntryAction,
    EntryState,
    RosterState,
    Step,
    roster_state,
)
from shared.law import rule

__all__ = [
    "APPROVER",
    "BATCH_TRANSITIONS",
    "CASE_OFFICER",
    "EDITABLE_FIELDS",
    "EDITORS",
    "GROUND_OF_HINT",
    "PUBLIC_GROUNDS",
    "SCHOOL",
    "TRANSITIONS",
    "BatchAction",
    "BatchState",
    "Decision",
    "Draft",
    "EntryAction",
    "EntryState",
    "Fixed",
    "Ground",
    "HintRef",
    "Limits",
    "Refusal",
    "RosterState",
    "Step",
    "StoredHint",
    "blocking_codes",
    "built_upon",
    "check_draft",
    "decision_defaults",
    "deferment_cap",
    "founded_grounds",
    "granted_until",
    "grounds_open",
    "is_clean",
    "may_decide",
    "not_ready",
    "overridden",
    "roster_state",
    "tells_nothing",
]


class Ground(StrEnum):
    """Why a deferment is refused: Art. 15's grounds, not a draftee, not this county (RO-57). There is no other."""

    SCHOOL_NOT_REGISTERED = "school_not_registered"
    ENROLMENT_NOT_RECOGNISED = "enrolment_not_recognised"
    REPEATED_LEVEL = "repeated_level"
    CONTINUING_SCHOOL_AGE = "continuing_school_age"
    AGE_LIMIT = "age_limit"
    EXPERIMENTAL_AGE = "experimental_age"
    NOT_CONSCRIPTABLE = "not_conscriptable"
    WRONG_COUNTY = "wrong_county"


GROUND_OF_HINT: Final[dict[str, Ground]] = {
    "school_not_registered": Ground.SCHOOL_NOT_REGISTERED,
    "enrolment_not_recognised": Ground.ENROLMENT_NOT_RECOGNISED,
    "repeated_level": Ground.REPEATED_LEVEL,
    "continuing_school_age": Ground.CONTINUING_SCHOOL_AGE,
    "age_limit": Ground.AGE_LIMIT,
    "experimental_age": Ground.EXPERIMENTAL_AGE,
    "past_draftee_age": Ground.NOT_CONSCRIPTABLE,
    "not_yet_draftee": Ground.NOT_CONSCRIPTABLE,
    "not_liable": Ground.NOT_CONSCRIPTABLE,
    "household_elsewhere": Ground.WRONG_COUNTY,
}
"""The code of a hint → the ground it founds. No other hint founds one."""

PUBLIC_GROUNDS: Final = frozenset(
    {
        Ground.SCHOOL_NOT_REGISTERED,
        Ground.ENROLMENT_NOT_RECOGNISED,
        Ground.CONTINUING_SCHOOL_AGE,
        Ground.AGE_LIMIT,
        Ground.EXPERIMENTAL_AGE,
    }
)
"""Grounds a school may read of a rejection: they say nothing that RO-22, 29 or 30 keeps from it (docs/adr/0041)."""


_WITHOUT_ENROLMENT: Final = frozenset({Ground.EXPERIMENTAL_AGE, Ground.NOT_CONSCRIPTABLE, Ground.WRONG_COUNTY})
_AFTER_TRAINING: Final = frozenset({Ground.NOT_CONSCRIPTABLE, Ground.WRONG_COUNTY})


@rule("RO-57", "RO-70", "RO-72")
def grounds_open(case: CaseKind | None) -> frozenset[Ground]:
    """The grounds on which an entry may be rejected, by what it is.

    13(2) 未入學高級中等學校取得學籍之實驗教育學生緩徵申請，經查無第十五條第二項所定情形，應予核准: no ground of
    Art. 15-1 is one there. After vacation training (Art. 16-1) nothing is asked for that Art. 15 could refuse.
    """
    if case in EXPERIMENTAL:
        return _WITHOUT_ENROLMENT
    return _AFTER_TRAINING if case is CaseKind.VACATION_TRAINING else frozenset(Ground)


def tells_nothing(ground: str | None, unseen: bool) -> bool:
    """Whether a school may read a rejection's ground and reason: they rest on nothing that is kept from it."""
    return ground in PUBLIC_GROUNDS and not unseen


_AGE_HINTS: Final = frozenset({"continuing_school_age", "age_limit", "experimental_age"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The days that a man's age sets to a deferment (RO-26): by the limit that applies to him (`last_day`), by the one
    of any school (Art. 15-1-5), and by the end of conscription age (Military Service Act Art. 3)."""

    last_day: date
    any_school: date
    service_age: date


class HintRef(Protocol):
    """What deciding needs to know of a hint; `roster.hints.hint.Hint` is one, `StoredHint` another."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> Severity: ...


@dataclass(frozen=True, slots=True)
class StoredHint:
    """A hint as far as it is read back from where it was stored."""

    code: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Draft:
    """What officer or approver wrote about an entry: RO-41's fields, and what RO-13 and RO-57 ask for in writing.

    `deferment_until` and `issued_on` None mean "by default" (`decision_defaults`). `reason` is why it is rejected;
    `ground_unseen` says that the system cannot see its ground. `override_reason` is why it is approved in spite of
    the blocking hints `override_codes`: those that stood when it was written, and no later one.
    """

    decision: Decision | None = None
    decision_number: str | None = None
    issued_on: date | None = None
    deferment_until: date | None = None
    annotation_text: str | None = None
    review_remarks: str | None = None
    ground: Ground | None = None
    ground_unseen: bool = False
    reason: str | None = None
    override_reason: str | None = None
    override_codes: frozenset[str] = frozenset()


EDITABLE_FIELDS: Final = frozenset(item.name for item in fields(Draft)) - {"override_codes"}
"""RO-41: what a review may change; the school's own data are not among them, nor what the system notes itself."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a draft cannot stand, and the field to mend."""

    code: str
    field: str
    message: str
    message_en: str


_DECISION_MISSING = Refusal("decision_missing", "decision", "尚未填寫准駁。", "No decision has been entered.")
_NOT_IN_REVIEW = Refusal(
    "not_in_review", "state", "非審查中之資料不得陳核。", "Only entries in review can be submitted for approval."
)
_GROUND_MISSING = Refusal(
    "ground_missing",
    "ground",
    "不予核准應敘明法定事由；經查無實施辦法第15條所定情形者，應予核准（第13條）。",
    "A rejection needs a legal ground; without one of Article 15 the deferment must be approved (Article 13).",
)
_REASON_MISSING = Refusal("reason_missing", "reason", "不予核准應敘明理由。", "A rejection needs a written reason.")
_GROUND_UNFOUNDED = Refusal(
    "ground_unfounded",
    "ground",
    "系統查無所選事由之情形；如屬系統無法查知者，請註明系統未能查知（ground_unseen）並敘明理由。",
    "No hint bears out this ground; if the system cannot see it, say so with `ground_unseen` and give the reason.",
)
_GROUND_NOT_OPEN = Refusal(
    "ground_not_open",
    "ground",
    "未入學高級中等學校之實驗教育學生，僅得以第15條第2項、非應受徵集之役男或非本縣市戶籍為由不予核准（第13條第2項）；"
    "寒暑假軍事訓練名冊僅得以後二者為由。",
    "Of a student without enrolment only Article 15-2, not being a draftee and the wrong county are grounds (Article "
    "13-2); of a list after vacation training only the latter two.",
)
_OVERRIDE_MISSING = Refusal(
    "override_reason_missing",
    "override_reason",
    "具不得緩徵之提示仍予核准者，應敘明理由；提示於敘明理由後新增者，應重新敘明。",
    "Approving in spite of a blocking hint needs a written reason, and again when a hint has come since.",
)
_PAST_LIMIT = Refusal(
    "deferment_past_age_limit",
    "deferment_until",
    "緩徵期間不得逾年齡限制之當年12月31日。",
    "A deferment never runs past the last day his age allows.",
)
_UNTIL_MISSING = Refusal(
    "deferment_until_missing",
    "deferment_until",
    "名冊未載預訂畢業日期或延長期限，或年齡之提示業經敘明理由排除者，應填寫緩徵截止日期。",
    "The roster states no expected graduation or extension, or an age limit is overridden: enter the deferment's end.",
)
_OVER_ALREADY = Refusal(
    "deferment_over_already",
    "deferment_until",
    "緩徵截止日期已過，無從核准；請查明後更正截止日期，或改為不予核准。",
    "The deferment would end before it begins: correct its end, or reject.",
)


_PAST_NOT_KEPT = Refusal(
    "past_not_kept",
    "decision",
    "此處分作成時本系統尚未保存緩徵歷程，無從回復原狀；請另送名冊辦理。",
    "The decision is older than the past that is kept: what it changed cannot be restored. A new roster is needed.",
)


@rule("RO-56")
def is_clean(hints: Iterable[HintRef]) -> bool:
    """Whether "approve all clean" takes the entry: nothing blocking, no warning; `registry_pending` is a warning."""
    return all(hint.severity == Severity.INFO for hint in hints)


@rule("RO-13")
def blocking_codes(hints: Iterable[HintRef]) -> frozenset[str]:
    """The blocking hints: approving needs a written reason for every one of them."""
    return frozenset(hint.code for hint in hints if hint.severity == Severity.BLOCKING)


def overridden(draft: Draft) -> frozenset[str]:
    """The blocking hints that the draft's written reason covers."""
    return draft.override_codes if _written(draft.override_reason) else frozenset()


@rule("RO-57")
def founded_grounds(hints: Iterable[HintRef]) -> frozenset[Ground]:
    """The grounds the hints bear out; a hint of information founds none."""
    return frozenset(
        GROUND_OF_HINT[hint.code] for hint in hints if hint.severity != Severity.INFO and hint.code in GROUND_OF_HINT
    )


@rule("RO-26", "RO-48")
def deferment_cap(draft: Draft, limits: Limits | None) -> date | None:
    """The day the deferment may not pass; None for a cessation, which has no limits.

    An age ground that is overridden in writing is held wrong, and its day with it; the next limit stands: that of any
    school, and if this is overridden the end of conscription age (docs/adr/0044).
    """
    if limits is None:
        return None
    lifted = overridden(draft) & _AGE_HINTS
    if "age_limit" in lifted:
        return limits.service_age
    return limits.any_school if lifted else limits.last_day


def granted_until(draft: Draft, asked_until: date | None, limits: Limits | None) -> date | None:
    """The end of the deferment that the draft grants: as typed, else as asked for; never past the cap.

    None when neither says, and where an age ground is overridden: then the officer states the end himself.
    """
    until = draft.deferment_until
    if until is None and not overridden(draft) & _AGE_HINTS:
        until = asked_until
    cap = deferment_cap(draft, limits)
    return until if until is None or cap is None else min(until, cap)


@rule("RO-57", "RO-13", "RO-48")
def check_draft(
    draft: Draft,
    hints: Sequence[HintRef],
    *,
    limits: Limits | None = None,
    open_to: frozenset[Ground] = frozenset(Ground),
) -> tuple[Refusal, ...]:
    """Every reason why the draft's decision cannot be recorded; none for a draft without a decision yet.

    `limits` None: a cessation. `open_to`: `grounds_open` of the entry.
    """
    refusals: list[Refusal] = []
    if draft.decision is Decision.REJECTED:
        if draft.ground is None:
            refusals.append(_GROUND_MISSING)
        elif draft.ground not in open_to:
            refusals.append(_GROUND_NOT_OPEN)
        elif not draft.ground_unseen and draft.ground not in founded_grounds(hints):
            refusals.append(_GROUND_UNFOUNDED)
        if not _written(draft.reason):
            refusals.append(_REASON_MISSING)
    if draft.decision is Decision.APPROVED and blocking_codes(hints) - overridden(draft):
        refusals.append(_OVERRIDE_MISSING)
    if draft.decision is not Decision.REJECTED and draft.deferment_until is not None:
        cap = deferment_cap(draft, limits)
        if cap is not None and draft.deferment_until > cap:
            refusals.append(_PAST_LIMIT)
    return tuple(refusals)


@rule("RO-42")
def not_ready(
    state: EntryState,
    kind: RosterKind,
    draft: Draft,
    hints: Sequence[HintRef],
    *,
    asked_until: date | None,
    limits: Limits | None,
    today: date,
    open_to: frozenset[Ground] = frozenset(Ground),
) -> tuple[Refusal, ...]:
    """Every reason why the entry cannot go up in a batch now; none means ready. One on hold stays behind, others go."""
    if state is not EntryState.IN_REVIEW:
        return (_NOT_IN_REVIEW,)
    if draft.decision is None:
        return (_DECISION_MISSING,)
    refusals = check_draft(draft, hints, limits=limits, open_to=open_to)
    if draft.decision is Decision.APPROVED and kind is not RosterKind.CESSATION:
        until = granted_until(draft, asked_until, limits)
        if until is None:
            refusals += (_UNTIL_MISSING,)
        elif until < today and not refusals:
            refusals += (_OVER_ALREADY,)
    return refusals


@dataclass(frozen=True, slots=True)
class Fixed:
    """What the decision fixes of dates. `deferment_until` None: a rejection or a cessation grants nothing."""

    decided_on: date
    issued_on: date
    deferment_until: date | None


@rule("RO-48")
def decision_defaults(
    kind: RosterKind,
    draft: Draft,
    *,
    decided_on: date,
    asked_until: date | None,
    limits: Limits | None,
) -> Fixed:
    """The dates of a decision made on `decided_on`: what the draft says, else the defaults.

    `issued_on` defaults to `decided_on`; the end to `asked_until` (`expected_graduation_on` or `extended_until`),
    never past RO-26's last day.
    """
    issued_on = draft.issued_on or decided_on
    if draft.decision is not Decision.APPROVED or kind is RosterKind.CESSATION:
        return Fixed(decided_on, issued_on, None)
    return Fixed(decided_on, issued_on, granted_until(draft, asked_until, limits))


@rule("RO-48", "RO-52")
def may_decide(makers: Iterable[str | None], decider: str) -> bool:
    """Nobody decides what he himself submitted, nor a correction that he took up. All are token subjects."""
    return decider not in makers


@rule("RO-52")
def built_upon(later: Sequence[str | None], *, kept: bool = True) -> tuple[Refusal, ...]:
    """Why a decision cannot be corrected (yet): others were built on it. `later`: their numbers, the newest first; None
    for one of another county. They are corrected first, the newest before the others. `kept` False: it is older than
    the past that the system keeps, so that what it did cannot be told.
    """
    if not kept:
        return (_PAST_NOT_KEPT,)
    if not later:
        return ()
    told = "、".join(number or "其他縣市政府之處分" for number in later)
    told_en = ", ".join(number or "another county's decision" for number in later)
    return (
        Refusal(
            "decision_built_upon",
            "decision",
            f"其後之處分以此處分為基礎，應由新至舊先行更正：{told}。",
            f"Later decisions rest on this one. Correct them first, the newest first: {told_en}.",
        ),
    )


def _written(text: str | None) -> bool:
    return text is not None and bool(text.strip())
