"""RO-49: which of a man's deferments a decision is about, which it ends and which run on beside it."""

import uuid
from dataclasses import replace
from datetime import date

import pytest

from roster.deferments.models import Deferment
from roster.deferments.rules import AnnotationAction, Decided, DefermentAction, Effects, Why
from roster.deferments.service import SUPERSEDED, Man, foresee, standing_of
from roster.intake.rules import CessationReason, RosterKind
from roster.review.rules import Decision

HERE, THERE = "0003", "0025"
GRANT = Decided(
    Decision.APPROVED,
    decided_on=date(2026, 10, 20),
    issued_on=date(2026, 10, 21),
    decision_number="府兵徵字第1150000009號",
    deferment_until=date(2027, 1, 31),
)
LEFT = replace(GRANT, deferment_until=None, cessation_reason=CessationReason.WITHDREW, left_on=date(2026, 10, 15))
HELD = {
    "decision_number": "府兵徵字第1130000042號",
    "issued_on": "2024-10-02",
    "deferment_from": "2024-10-02",
    "deferment_until": "2028-06-30",
    "summary": "113年10月2日核准申請緩徵",
}


def deferment(number: str, begun: date, *, school: str = HERE, ended: str | None = None, on: date | None = None):
    return Deferment(
        id=uuid.uuid4(),
        school_code=school,
        kind="application",
        decision_number=number,
        issued_on=begun,
        filed_on=begun,
        deferred_from=begun,
        deferred_until=date(2028, 6, 30),
        summary=number,
        revoked_on=None if ended is None else on or date(2026, 3, 15),
        ended_reason=ended,
        version=1,
    )


def man(kind: RosterKind, annotation: dict[str, str] | None = None, decided: Decided | None = None) -> Man:
    if decided is None:
        decided = LEFT if kind is RosterKind.CESSATION else GRANT
    facts = {"status": "none", "annotation": annotation}
    return Man(uuid.uuid4(), {"school_code": HERE, "certified_school": None}, kind, decided.decided_on, decided, facts)


def foreseen(
    kind: RosterKind, his: list[Deferment], annotation: dict[str, str] | None = None, decided: Decided | None = None
) -> Effects:
    return foresee(man(kind, annotation, decided), his).effects


def as_held(one: Deferment) -> dict[str, str]:
    """The registry's answer of the time when it held this one, before anything ended it."""
    return HELD | {
        "decision_number": one.decision_number,
        "issued_on": one.issued_on.isoformat(),
        "deferment_from": one.deferred_from.isoformat(),
    }


OLD, NEW = date(2024, 10, 1), date(2026, 9, 1)


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(
    ("kind", "ended"),
    [
        (RosterKind.APPLICATION, ["newer", "older"]),
        (RosterKind.REAPPLICATION, ["there", "newer", "older"]),
        (RosterKind.CESSATION, ["newer", "older"]),
        (RosterKind.EXTENSION, []),
    ],
)
def test_which_deferments_a_decision_ends(kind, ended):
    """Art. 14(3): 重新辦理 takes the place of all he had; a second enrolment leaves the other school's alone."""
    newer, older = deferment("newer", NEW), deferment("older", OLD)
    his = [deferment("there", NEW, school=THERE), newer, older, deferment("gone", OLD, ended="withdrew")]
    standing = standing_of(man(kind), his)
    assert standing.ours is newer
    assert [one.decision_number for one in standing.ends] == ended
    assert "gone" not in {other.decision_number for other in standing.others}
    if kind is not RosterKind.REAPPLICATION:
        assert "there" in {other.decision_number for other in standing.others}


@pytest.mark.rule("RO-49")
def test_a_late_cessation_ends_the_older_deferment_and_not_the_newer():
    newer, older = deferment("newer", date(2026, 10, 16)), deferment("older", OLD)
    standing = standing_of(man(RosterKind.CESSATION), [newer, older])
    assert (standing.ours, standing.ends) == (older, (older,))
    found = foreseen(RosterKind.CESSATION, [newer, older])
    assert (found.annotation, found.deferment) == (AnnotationAction.NONE, DefermentAction.REVOKE)
    assert (found.why, found.liable_for_induction) == (Why.OTHER_DEFERMENT_RUNS, False)
    alone = foreseen(RosterKind.CESSATION, [newer])
    assert (alone.deferment, alone.why) == (DefermentAction.NONE, Why.LEFT_BEFORE_DEFERMENT)


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize("kind", [RosterKind.CESSATION, RosterKind.EXTENSION])
@pytest.mark.parametrize("ended", [None, "withdrew", SUPERSEDED])
def test_the_registrys_word_of_another_schools_deferment_is_not_ours_to_change(kind, ended):
    """Known in our books, as ended or not: an answer of the registry that is older than that gives nothing back."""
    elsewhere = deferment("there", OLD, school=THERE, ended=ended)
    standing = standing_of(man(kind, as_held(elsewhere)), [elsewhere])
    assert (standing.ours, standing.latest) == (None, None)
    found = foreseen(kind, [elsewhere], as_held(elsewhere))
    assert found.before is None
    if kind is RosterKind.CESSATION:
        assert (found.annotation, found.deferment) == (AnnotationAction.NONE, DefermentAction.NONE)
        assert not found.liable_for_induction


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(("issued_on", "counts"), [("2024-09-30", False), ("2024-10-01", False), ("2024-10-02", True)])
def test_an_annotation_older_than_our_last_one_was_overwritten(issued_on, counts):
    """The registry holds one annotation a man."""
    ours = [deferment("there", OLD, school=THERE, ended="withdrew")]
    latest = standing_of(man(RosterKind.EXTENSION, HELD | {"issued_on": issued_on}), ours).latest
    assert (latest is not None) is counts
    assert standing_of(man(RosterKind.EXTENSION, HELD | {"issued_on": issued_on}), []).latest is not None


@pytest.mark.rule("RO-49")
def test_an_annotation_that_is_revoked_or_back_to_front_is_none():
    revoked = HELD | {"revoked_on": "2026-03-15", "revoked_for": "withdrew"}
    for wrong in (revoked, HELD | {"deferment_until": "2024-10-01"}):
        assert standing_of(man(RosterKind.EXTENSION, wrong), []).latest is None


@pytest.mark.rule("RO-49")
def test_a_second_cessation_of_one_school_announces_nobody():
    ended = deferment("one", OLD, ended="on_leave")
    found = foreseen(RosterKind.CESSATION, [ended], as_held(ended))
    assert (found.annotation, found.deferment, found.why) == (
        AnnotationAction.NONE,
        DefermentAction.NONE,
        Why.NOTHING_TO_REVOKE,
    )
    assert not found.liable_for_induction


@pytest.mark.rule("RO-49")
def test_an_extension_revives_what_a_cessation_ended_by_mistake_and_only_that():
    ceased = deferment("one", OLD, ended="withdrew")
    revived = foresee(man(RosterKind.EXTENSION, as_held(ceased)), [ceased])
    ours, found = revived.standing.ours, revived.effects
    assert ours is not None
    assert ours.decision_number == "one"
    assert (found.annotation, found.deferment) == (AnnotationAction.MODIFY, DefermentAction.EXTEND)
    assert found.after is not None
    assert (found.after.decision_number, found.after.revoked_on) == ("one", None)
    # The school's newest counts, and one that was superseded stays ended.
    superseded = deferment("two", NEW, ended=SUPERSEDED)
    for his in ([superseded, ceased], [superseded]):
        anew = foresee(man(RosterKind.EXTENSION, as_held(superseded)), his)
        assert (anew.standing.ours, anew.effects.deferment, anew.effects.why) == (
            None,
            DefermentAction.GRANT,
            Why.NOTHING_TO_EXTEND,
        )
    # One that runs goes before one that was ended later.
    running = deferment("three", OLD)
    assert foresee(man(RosterKind.EXTENSION), [ceased, running]).standing.ours is running
