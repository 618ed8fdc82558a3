"""What a decision does to the man's deferment and to his annotation in the conscription registry (RO-49, 50, 30).

SOURCE: 在學緩徵作業系統操作說明, step 15, 已版更項目 (1) and (16), 未來預計更新項目 (1);
免役禁役緩徵緩召實施辦法 Art. 14, 16, 16-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Final

from roster.hints.labels import label
from roster.hints.model import RegistryStatus
from roster.intake.rules import CessationReason, RosterKind
from roster.review.rules import Decision
from shared.law import rule
from shared.roc import roc_long


class AnnotationAction(StrEnum):
    """What the registry is told."""

    CREATE = "create"
    MODIFY = "modify"
    NONE = "none"


class DefermentAction(StrEnum):
    """What happens to the deferment in our own books. `correct`: what a decision in error did is put right (RO-52)."""

    GRANT = "grant"
    EXTEND = "extend"
    REVOKE = "revoke"
    CORRECT = "correct"
    NONE = "none"


class Why(StrEnum):
    """Why the annotation is not what the kind of roster alone would make it; shown in the preview (RO-53)."""

    REJECTED = "rejected"
    NOT_LIABLE = "not_liable"
    NOTHING_TO_REVOKE = "nothing_to_revoke"
    NOTHING_TO_EXTEND = "nothing_to_extend"
    OTHER_DEFERMENT_RUNS = "other_deferment_runs"
    LEFT_BEFORE_DEFERMENT = "left_before_deferment"
    CONFIRMS_CERTIFICATE = "confirms_certificate"
    TOWNSHIP_ANNOTATES = "township_annotates"


@dataclass(frozen=True, slots=True)
class Annotation:
    """緩徵註記. `revoked_on` and `revoked_for` are both set or both None. `summary` grows and is never cut (RO-50).

    `revoked_for` is a reason of Art. 16 or 16-1, or says that another deferment took its place or that it was granted
    in error (RO-52).
    """

    decision_number: str
    issued_on: date
    deferment_from: date
    deferment_until: date
    summary: str
    revoked_on: date | None = None
    revoked_for: str | None = None
    filed_on: date | None = None

    @property
    def concerns_from(self) -> date:
        """The first day on which leaving school can end this deferment: who left earlier left an earlier enrolment.

        That is the day it was filed. Of one that only the registry knows, the day it starts.
        """
        return self.filed_on or self.deferment_from


# What the registry holds of it; when it was filed is our books' own.
ANNOTATION_FIELDS: Final = tuple(item.name for item in fields(Annotation) if item.name != "filed_on")


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was fixed. `deferment_until`: of an approval that grants; the last two: of a cessation.

    `annotation_text` is the officer's own line for the summary; None or blank for `summary_line`'s. `corrects_number`
    is the number of the decision that this one corrects (RO-52).
    """

    decision: Decision
    decided_on: date
    issued_on: date
    decision_number: str
    deferment_until: date | None = None
    cessation_reason: CessationReason | None = None
    left_on: date | None = None
    annotation_text: str | None = None
    corrects_number: str | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """All that a decision causes.

    `before` and `after` are the annotation's. `books`: the deferment in our own books afterwards, which differs from
    `after` where the annotation is left alone; None where `deferment` is none. `supersedes`: the deferment granted
    takes the place of the one before it. `liable_for_induction`: the man can be called from now on, and the event says
    so.
    """

    annotation: AnnotationAction
    deferment: DefermentAction
    before: Annotation | None
    after: Annotation | None
    books: Annotation | None = None
    supersedes: bool = False
    liable_for_induction: bool = False
    why: Why | None = None


# Art. 16-1: he has been trained and is in the reserve or a replacement soldier; nothing is left to call him to.
TRAINED: Final = frozenset({CessationReason.TRAINED_TO_RESERVE, CessationReason.TRAINED_REPLACEMENT})


@rule("RO-49", "RO-30")
def effects(
    kind: RosterKind,
    decided: Decided,
    latest: Annotation | None,
    registry_status: RegistryStatus | None = None,
    others: Sequence[Annotation] = (),
    since: date | None = None,
    *,
    confirms: bool = False,
) -> Effects:
    """What a decision causes; docs/adr/0044 and 0048 have the reasons for the corners.

    `latest`: the annotation of the man's deferment at the filing school, else the one the registry holds of him, else
    None. `registry_status` None: not known, treated as liable. `others`: his other deferments that nothing has ended
    and that this decision does not end. `since`: the first day of a deferment granted, by default the day of the
    decision. `confirms`: `latest` was granted by a certificate ahead of this very application (Art. 12), which goes on
    under its number and date. Raises ValueError when `decided` lacks what its kind needs (the end of a deferment
    granted, the reason and day of a cessation) or would grant a deferment that ends before it starts.
    """
    if decided.decision is Decision.REJECTED:
        return Effects(AnnotationAction.NONE, DefermentAction.NONE, latest, latest, why=Why.REJECTED)
    if kind is RosterKind.CESSATION:
        return _cease(decided, latest, registry_status, others)
    if decided.deferment_until is None:
        raise ValueError("an approval that grants a deferment needs its end")
    if kind is RosterKind.EXTENSION and latest is not None:
        return _extend(kind, decided, decided.deferment_until, latest, others)
    if confirms and latest is not None:
        extended = _extend(kind, decided, decided.deferment_until, latest, others)
        return extended if extended.why is not None else replace(extended, why=Why.CONFIRMS_CERTIFICATE)
    first_day = since or decided.decided_on
    if decided.deferment_until < first_day:
        raise ValueError("a deferment cannot end before it starts")
    created = Annotation(
        decision_number=decided.decision_number,
        issued_on=decided.issued_on,
        deferment_from=first_day,
        deferment_until=decided.deferment_until,
        summary=line_of(kind, decided),
    )
    if kind is RosterKind.EXTENSION and _outrun(created, others):
        return _books_only(DefermentAction.GRANT, None, created, Why.OTHER_DEFERMENT_RUNS)
    return Effects(
        AnnotationAction.CREATE,
        DefermentAction.GRANT,
        latest,
        created,
        books=created,
        supersedes=kind is not RosterKind.EXTENSION
        and (latest is not None or (kind is RosterKind.REAPPLICATION and bool(others))),
        why=Why.NOTHING_TO_EXTEND if kind is RosterKind.EXTENSION else None,
    )


def _extend(
    kind: RosterKind, decided: Decided, until: date, latest: Annotation, others: Sequence[Annotation]
) -> Effects:
    # Art. 14: an extension continues a deferment, so it never shortens one.
    until = max(latest.deferment_until, until)
    after = replace(
        latest,
        deferment_until=until,
        summary=append_summary(latest.summary, line_of(kind, replace(decided, deferment_until=until))),
        # An extension approved after a cessation by mistake makes the deferment run again.
        revoked_on=None,
        revoked_for=None,
    )
    newer = [other for other in others if other.deferment_from >= latest.deferment_from]
    if _outrun(after, newer):
        return _books_only(DefermentAction.EXTEND, latest, after, Why.OTHER_DEFERMENT_RUNS)
    return _modified(DefermentAction.EXTEND, latest, after)


def _cease(
    decided: Decided, latest: Annotation | None, status: RegistryStatus | None, others: Sequence[Annotation]
) -> Effects:
    if decided.cessation_reason is None or decided.left_on is None:
        raise ValueError("a cessation needs its reason and the day")
    trained = decided.cessation_reason in TRAINED
    why = _why_no_annotation(decided.decided_on, decided.left_on, latest, status, others)
    # Training ends whatever deferment he has; only who left a school may have left an earlier enrolment.
    earlier = latest is not None and decided.left_on < latest.concerns_from and not trained
    if latest is None or latest.revoked_on is not None or earlier:
        return Effects(AnnotationAction.NONE, DefermentAction.NONE, latest, latest, why=why)
    after = replace(
        latest,
        deferment_until=ended_by_leaving(latest.deferment_from, latest.deferment_until, decided.left_on),
        summary=append_summary(latest.summary, line_of(RosterKind.CESSATION, decided)),
        revoked_on=decided.left_on,
        revoked_for=decided.cessation_reason,
    )
    if trained:
        # Art. 16-1: the county revokes, and the township makes the annotation; one of the two writes it.
        why = Why.TOWNSHIP_ANNOTATES
    if why is not None:
        return _books_only(DefermentAction.REVOKE, latest, after, why)
    return _modified(DefermentAction.REVOKE, latest, after, liable=True)


@rule("RO-49")
def ended_by_leaving(first_day: date, until: date, left_on: date) -> date:
    """The last day of a deferment that leaving ends: never later than it was, never before it starts.

    Who left between filing and decision was never deferred for a day.
    """
    return max(min(until, left_on), first_day)


def _why_no_annotation(
    decided_on: date,
    left_on: date,
    latest: Annotation | None,
    status: RegistryStatus | None,
    others: Sequence[Annotation],
) -> Why | None:
    """Why an approved cessation leaves the annotation alone; None where it is to be modified."""
    if status is not None and status is not RegistryStatus.NONE:
        return Why.NOT_LIABLE
    if latest is not None and left_on < latest.concerns_from:
        return Why.LEFT_BEFORE_DEFERMENT
    if any(other.deferment_until >= decided_on for other in others):
        return Why.OTHER_DEFERMENT_RUNS
    return Why.NOTHING_TO_REVOKE if latest is None or latest.revoked_on is not None else None


def _outrun(after: Annotation, others: Sequence[Annotation]) -> bool:
    """Whether one of `others` defers the man as long as `after` would."""
    return any(other.deferment_until >= after.deferment_until for other in others)


def _books_only(action: DefermentAction, latest: Annotation | None, books: Annotation, why: Why) -> Effects:
    return Effects(AnnotationAction.NONE, action, latest, latest, books=books, why=why)


def _modified(deferment: DefermentAction, before: Annotation, after: Annotation, *, liable: bool = False) -> Effects:
    return Effects(AnnotationAction.MODIFY, deferment, before, after, books=after, liable_for_induction=liable)


def line_of(kind: RosterKind, decided: Decided) -> str:
    """The line that a decision adds to the summary: the officer's own, or `summary_line`."""
    written = (decided.annotation_text or "").strip()
    return written or summary_line(kind, decided)


def summary_line(kind: RosterKind, decided: Decided) -> str:
    """The line an approval adds to the summary when the officer wrote none: Chinese, ROC dates, its own number.

    A correction says which decision it corrects, and adds a line where it rejects as well.
    """
    corrected = "" if decided.corrects_number is None else f"更正「{decided.corrects_number}」之處分，"
    rejected = decided.decision is Decision.REJECTED
    act = f"{roc_long(decided.decided_on)}{corrected}{'不予核准' if rejected else '核准'}{label(kind)}"
    if rejected:
        return f"{act}（{decided.decision_number}）"
    if kind is RosterKind.CESSATION and decided.cessation_reason is not None and decided.left_on is not None:
        act += f"（{label(decided.cessation_reason)}，{roc_long(decided.left_on)}），廢止緩徵"
    elif decided.deferment_until is not None:
        act += f"，緩徵至{roc_long(decided.deferment_until)}"
    return f"{act}（{decided.decision_number}）"


@rule("RO-50")
def append_summary(summary: str, line: str) -> str:
    """The summary with one more line. There is no limit: a man may be extended many times."""
    if not line:
        return summary
    return f"{summary}\n{line}" if summary else line
