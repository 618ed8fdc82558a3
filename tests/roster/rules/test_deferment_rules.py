"""RO-49, RO-50, RO-30: what a decision does to the deferment and its annotation."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from roster.deferments.rules import (
    ANNOTATION_FIELDS,
    Annotation,
    AnnotationAction,
    Decided,
    DefermentAction,
    Effects,
    Why,
    append_summary,
    effects,
    ended_by_leaving,
    summary_line,
)
from roster.hints.model import RegistryStatus
from roster.intake.rules import CessationReason, RosterKind
from roster.review.rules import Decision

APPLICATION, EXTENSION = RosterKind.APPLICATION, RosterKind.EXTENSION
REAPPLICATION, CESSATION = RosterKind.REAPPLICATION, RosterKind.CESSATION
CREATE, MODIFY, NONE = AnnotationAction.CREATE, AnnotationAction.MODIFY, AnnotationAction.NONE

BEFORE = Annotation(
    decision_number="府兵徵字第1110000001號",
    issued_on=date(2022, 10, 20),
    deferment_from=date(2022, 10, 19),
    deferment_until=date(2026, 6, 30),
    summary="111年10月19日核准申請緩徵",
)
GRANTED = Decided(
    Decision.APPROVED,
    decided_on=date(2026, 10, 20),
    issued_on=date(2026, 10, 21),
    decision_number="府兵徵字第1150000009號",
    deferment_until=date(2027, 1, 31),
)
CEASED = replace(GRANTED, deferment_until=None, cessation_reason=CessationReason.WITHDREW, left_on=date(2026, 3, 15))
SERVED = [status for status in RegistryStatus if status is not RegistryStatus.NONE]


def decided(kind: RosterKind) -> Decided:
    return CEASED if kind is CESSATION else GRANTED


def changed(found: Effects) -> tuple[str, ...]:
    """The fields of the annotation that are not what they were."""
    return tuple(n for n in ANNOTATION_FIELDS if getattr(found.before, n, None) != getattr(found.after, n, None))


def after(found: Effects) -> Annotation:
    assert found.after is not None
    return found.after


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize("kind", list(RosterKind))
@pytest.mark.parametrize("latest", [None, BEFORE])
@pytest.mark.parametrize("status", [None, *RegistryStatus])
def test_a_rejected_entry_touches_no_annotation(kind, latest, status):
    found = effects(kind, replace(decided(kind), decision=Decision.REJECTED), latest, status)
    assert (found.annotation, found.deferment, changed(found)) == (NONE, DefermentAction.NONE, ())
    assert found.after is latest
    assert not found.liable_for_induction
    assert found.why is Why.REJECTED


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize("kind", [APPLICATION, REAPPLICATION])
@pytest.mark.parametrize("latest", [None, BEFORE])
def test_an_application_creates_an_annotation_with_its_own_number_and_date(kind, latest):
    found = effects(kind, GRANTED, latest)
    assert (found.annotation, found.deferment) == (CREATE, DefermentAction.GRANT)
    assert after(found).decision_number == GRANTED.decision_number
    assert after(found).issued_on == GRANTED.issued_on
    assert after(found).deferment_from == GRANTED.decided_on
    assert after(found).deferment_until == GRANTED.deferment_until
    assert found.supersedes is (latest is not None)
    assert found.books == found.after
    assert found.why is None


@pytest.mark.rule("RO-49")
def test_an_extension_modifies_and_keeps_the_first_number_and_date():
    """已版更項目(1): 系統於修改緩徵註記時，不再同步修正原註記之「發文日期」及「核定文號」."""
    found = effects(EXTENSION, GRANTED, BEFORE)
    assert (found.annotation, found.deferment) == (MODIFY, DefermentAction.EXTEND)
    assert changed(found) == ("deferment_until", "summary")
    assert after(found).issued_on == BEFORE.issued_on
    assert after(found).decision_number == BEFORE.decision_number
    assert after(found).deferment_until == date(2027, 1, 31)
    assert GRANTED.decision_number in after(found).summary
    assert not found.liable_for_induction


@pytest.mark.rule("RO-49")
def test_a_cessation_modifies_keeps_the_first_number_and_revokes_as_of_leaving():
    found = effects(CESSATION, CEASED, BEFORE, RegistryStatus.NONE)
    assert (found.annotation, found.deferment) == (MODIFY, DefermentAction.REVOKE)
    assert changed(found) == ("deferment_until", "summary", "revoked_on", "revoked_for")
    assert after(found).issued_on == BEFORE.issued_on
    assert after(found).decision_number == BEFORE.decision_number
    assert (after(found).revoked_on, after(found).revoked_for) == (date(2026, 3, 15), CessationReason.WITHDREW)
    assert after(found).deferment_until == date(2026, 3, 15)
    assert found.liable_for_induction


@pytest.mark.rule("RO-49")
def test_leaving_after_the_deferment_ran_out_does_not_lengthen_it():
    found = effects(CESSATION, replace(CEASED, left_on=date(2026, 7, 31)), BEFORE)
    assert after(found).deferment_until == BEFORE.deferment_until
    assert after(found).revoked_on == date(2026, 7, 31)


@pytest.mark.rule("RO-30", "RO-49")
@pytest.mark.parametrize("status", SERVED)
@pytest.mark.parametrize("latest", [None, BEFORE])
def test_a_cessation_of_one_who_served_changes_no_annotation(status, latest):
    """未來預計更新項目(1): 可勾選核准(惟系統不會修改註記)."""
    found = effects(CESSATION, CEASED, latest, status)
    assert (found.annotation, found.after, changed(found)) == (NONE, latest, ())
    assert found.deferment is (DefermentAction.REVOKE if latest else DefermentAction.NONE)
    assert not found.liable_for_induction
    assert found.why is Why.NOT_LIABLE
    # Our books end it all the same.
    if latest is None:
        assert found.books is None
    else:
        assert found.books is not None
        assert (found.books.revoked_on, found.books.deferment_until) == (CEASED.left_on, CEASED.left_on)


@pytest.mark.rule("RO-49")
def test_an_extension_without_an_annotation_creates_one():
    """The approver saw RO-27's warning; an approval without effect would leave the man to be called."""
    found = effects(EXTENSION, GRANTED, None)
    assert (found.annotation, found.deferment, found.why) == (CREATE, DefermentAction.GRANT, Why.NOTHING_TO_EXTEND)
    assert after(found).decision_number == GRANTED.decision_number


@pytest.mark.rule("RO-49")
def test_a_cessation_without_an_annotation_changes_nothing():
    found = effects(CESSATION, CEASED, None)
    assert (found.annotation, found.deferment, found.why) == (NONE, DefermentAction.NONE, Why.NOTHING_TO_REVOKE)
    assert not found.liable_for_induction


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize("reason", list(CessationReason))
def test_who_was_trained_in_the_vacation_is_not_called_again(reason):
    """Art. 16-1: 後備役 or 已訓補充兵, 轉知……公所註記: the township annotates; Art. 16: 依法徵集服役."""
    found = effects(CESSATION, replace(CEASED, cessation_reason=reason), BEFORE)
    trained = reason.startswith("trained")
    assert found.deferment is DefermentAction.REVOKE
    assert found.liable_for_induction is not trained
    assert (found.annotation, found.why) == ((NONE, Why.TOWNSHIP_ANNOTATES) if trained else (MODIFY, None))


@pytest.mark.rule("RO-72")
def test_training_ends_a_deferment_that_was_filed_after_it():
    """同時廢止已核准之緩徵, whenever it was filed; who left a school before may have left an earlier enrolment."""
    early = replace(CEASED, left_on=BEFORE.concerns_from - timedelta(days=1))
    assert effects(CESSATION, early, BEFORE).deferment is DefermentAction.NONE
    trained = effects(CESSATION, replace(early, cessation_reason=CessationReason.TRAINED_TO_RESERVE), BEFORE)
    assert trained.deferment is DefermentAction.REVOKE
    assert trained.books is not None
    assert trained.books.deferment_until >= trained.books.deferment_from


@pytest.mark.rule("RO-71")
@pytest.mark.parametrize("days", [-30, 0, 30])
def test_a_roster_confirms_what_its_certificate_granted(days):
    """Art. 12: one annotation, under the certificate's number and day; its end is never made earlier."""
    until = BEFORE.deferment_until + timedelta(days=days)
    found = effects(APPLICATION, replace(GRANTED, deferment_until=until), BEFORE, confirms=True)
    assert (found.annotation, found.deferment) == (MODIFY, DefermentAction.EXTEND)
    assert (found.why, found.supersedes) == (Why.CONFIRMS_CERTIFICATE, False)
    assert found.after is not None
    assert (found.after.decision_number, found.after.issued_on) == (BEFORE.decision_number, BEFORE.issued_on)
    assert found.after.deferment_until == max(until, BEFORE.deferment_until)
    assert len(found.after.summary) > len(BEFORE.summary)
    # The control: without a certificate the application takes its place.
    early = replace(GRANTED, decided_on=BEFORE.deferment_from, deferment_until=until)
    assert effects(APPLICATION, early, BEFORE).annotation is CREATE


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(
    ("kind", "incomplete"),
    [
        (APPLICATION, replace(GRANTED, deferment_until=None)),
        (EXTENSION, replace(GRANTED, deferment_until=None)),
        (CESSATION, replace(CEASED, left_on=None)),
        (CESSATION, replace(CEASED, cessation_reason=None)),
    ],
)
def test_a_decision_that_lacks_what_its_kind_needs_is_a_fault_of_the_caller(kind, incomplete):
    with pytest.raises(ValueError, match="needs"):
        effects(kind, incomplete, BEFORE)


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(
    ("first_day", "until", "left_on", "ends"),
    [
        (date(2024, 10, 1), date(2028, 6, 30), date(2026, 3, 15), date(2026, 3, 15)),
        (date(2024, 10, 1), date(2026, 1, 31), date(2026, 3, 15), date(2026, 1, 31)),
        (date(2024, 10, 1), date(2028, 6, 30), date(2024, 9, 20), date(2024, 10, 1)),
        (date(2024, 10, 1), date(2028, 6, 30), date(2024, 10, 1), date(2024, 10, 1)),
    ],
)
def test_leaving_ends_a_deferment_no_later_than_it_was_and_not_before_it_starts(first_day, until, left_on, ends):
    assert ended_by_leaving(first_day, until, left_on) == ends


OTHER = replace(
    BEFORE,
    decision_number="府兵徵字第1140000002號",
    issued_on=date(2025, 10, 2),
    deferment_from=date(2025, 10, 1),
    deferment_until=date(2028, 6, 30),
)


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(
    ("until", "runs"), [(date(2026, 10, 19), False), (date(2026, 10, 20), True), (date(2028, 6, 30), True)]
)
def test_whom_another_deferment_covers_is_not_announced_when_one_ends(until, runs):
    """Art. 14(3): transferred; the old school's late 退學 must not have him called (decided on 2026-10-20)."""
    found = effects(CESSATION, CEASED, BEFORE, RegistryStatus.NONE, [replace(OTHER, deferment_until=until)])
    assert found.deferment is DefermentAction.REVOKE
    assert found.books is not None
    assert (found.books.revoked_on, found.books.deferment_until) == (CEASED.left_on, CEASED.left_on)
    assert found.liable_for_induction is not runs
    if runs:
        assert (found.annotation, found.after, changed(found)) == (NONE, BEFORE, ())
        assert found.why is Why.OTHER_DEFERMENT_RUNS
    else:
        assert (found.annotation, found.after, found.why) == (MODIFY, found.books, None)


@pytest.mark.rule("RO-49")
def test_a_cessation_of_what_has_ended_already_announces_nobody():
    found = effects(CESSATION, CEASED, None, RegistryStatus.NONE, [OTHER])
    assert (found.annotation, found.deferment, found.books) == (NONE, DefermentAction.NONE, None)
    assert (found.why, found.liable_for_induction) == (Why.OTHER_DEFERMENT_RUNS, False)
    ended = replace(BEFORE, revoked_on=CEASED.left_on, revoked_for=CessationReason.WITHDREW)
    again = effects(CESSATION, CEASED, ended, RegistryStatus.NONE)
    assert (again.annotation, again.deferment, again.after) == (NONE, DefermentAction.NONE, ended)
    assert (again.why, again.liable_for_induction) == (Why.NOTHING_TO_REVOKE, False)


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(("left_on", "ends"), [(date(2022, 10, 18), False), (date(2022, 10, 19), True)])
def test_a_cessation_of_before_the_deferment_began_ends_nothing(left_on, ends):
    found = effects(CESSATION, replace(CEASED, left_on=left_on), BEFORE, RegistryStatus.NONE)
    assert found.liable_for_induction is ends
    if ends:
        assert (found.annotation, found.deferment) == (MODIFY, DefermentAction.REVOKE)
        assert after(found).deferment_until >= after(found).deferment_from
    else:
        assert (found.annotation, found.deferment, found.after) == (NONE, DefermentAction.NONE, BEFORE)
        assert found.why is Why.LEFT_BEFORE_DEFERMENT


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(("filed_on", "ends"), [(date(2022, 10, 1), True), (date(2022, 10, 10), False)])
def test_who_left_between_filing_and_decision_is_revoked(filed_on, ends):
    """Art. 16(2): the deferment decided meanwhile is revoked as of the day he left, and ends on the day it starts."""
    left_on = date(2022, 10, 9)
    found = effects(CESSATION, replace(CEASED, left_on=left_on), replace(BEFORE, filed_on=filed_on))
    assert found.liable_for_induction is ends
    if ends:
        assert after(found).revoked_on == left_on
        assert after(found).deferment_until == after(found).deferment_from
    else:
        assert found.why is Why.LEFT_BEFORE_DEFERMENT


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(
    ("asked", "end"),
    [
        (date(2026, 6, 29), date(2026, 6, 30)),
        (date(2026, 6, 30), date(2026, 6, 30)),
        (date(2026, 7, 1), date(2026, 7, 1)),
    ],
)
def test_an_extension_never_shortens(asked, end):
    """Art. 14(1): 繼續緩徵."""
    found = effects(EXTENSION, replace(GRANTED, deferment_until=asked), BEFORE)
    assert after(found).deferment_until == end
    assert found.books == found.after
    assert f"緩徵至115年{end.month}月{end.day}日" in after(found).summary


@pytest.mark.rule("RO-49")
def test_an_extension_after_a_cessation_makes_the_deferment_run_again():
    ended = replace(
        BEFORE,
        revoked_on=date(2026, 3, 15),
        revoked_for=CessationReason.WITHDREW,
        deferment_until=date(2026, 3, 15),
    )
    found = effects(EXTENSION, GRANTED, ended)
    assert (found.annotation, found.deferment) == (MODIFY, DefermentAction.EXTEND)
    assert (after(found).revoked_on, after(found).revoked_for) == (None, None)
    assert after(found).deferment_until == GRANTED.deferment_until


# The end asked for is 2027-01-31; BEFORE began on 2022-10-19.
BESIDE = [
    (replace(OTHER, deferment_until=date(2027, 1, 30)), MODIFY),
    (replace(OTHER, deferment_until=date(2027, 1, 31)), NONE),
    (replace(OTHER, deferment_from=date(2022, 10, 19)), NONE),
    (replace(OTHER, deferment_from=date(2022, 10, 18)), MODIFY),
]


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(("other", "annotation"), BESIDE)
def test_an_extension_leaves_a_newer_annotation_that_reaches_as_far(other, annotation):
    found = effects(EXTENSION, GRANTED, BEFORE, RegistryStatus.NONE, [other])
    assert (found.annotation, found.deferment) == (annotation, DefermentAction.EXTEND)
    assert found.books is not None
    assert found.books.deferment_until == GRANTED.deferment_until
    assert found.why is (Why.OTHER_DEFERMENT_RUNS if annotation is NONE else None)


@pytest.mark.rule("RO-49")
def test_an_extension_of_nothing_beside_another_deferment_stays_in_our_books():
    found = effects(EXTENSION, GRANTED, None, RegistryStatus.NONE, [OTHER])
    assert (found.annotation, found.deferment, found.after) == (NONE, DefermentAction.GRANT, None)
    assert found.why is Why.OTHER_DEFERMENT_RUNS
    shorter = replace(OTHER, deferment_until=date(2027, 1, 30))
    assert effects(EXTENSION, GRANTED, None, RegistryStatus.NONE, [shorter]).annotation is CREATE


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize(("kind", "supersedes"), [(APPLICATION, False), (REAPPLICATION, True), (EXTENSION, False)])
def test_only_a_reapplication_takes_the_place_of_a_deferment_elsewhere(kind, supersedes):
    assert effects(kind, replace(GRANTED, deferment_until=date(2030, 6, 30)), None, None, [OTHER]).supersedes is (
        supersedes
    )


@pytest.mark.rule("RO-49")
@pytest.mark.parametrize("kind", [APPLICATION, REAPPLICATION, EXTENSION])
def test_a_deferment_that_would_end_before_it_starts_is_refused(kind):
    past = replace(GRANTED, deferment_until=date(2026, 10, 19))
    with pytest.raises(ValueError, match="before it starts"):
        effects(kind, past, None)
    assert effects(kind, replace(GRANTED, deferment_until=GRANTED.decided_on), None).annotation is CREATE


@pytest.mark.rule("RO-50")
def test_twenty_extensions_in_a_row_fit():
    """已版更項目(16): 擴增役政註記內容摘要欄位最大字數，避免…無法將核定時之資訊寫入多次延修者之註記內."""
    annotation = BEFORE
    for number in range(1, 21):
        until = BEFORE.deferment_until + timedelta(days=184 * number)
        text = "延長修業年限，" * 200
        extended = replace(GRANTED, deferment_until=until, annotation_text=text)
        annotation = after(effects(EXTENSION, extended, annotation))
    assert annotation.summary.count("\n") == 20
    assert annotation.summary.startswith(BEFORE.summary)
    assert len(annotation.summary) > 20 * 1400
    assert (annotation.decision_number, annotation.issued_on) == (BEFORE.decision_number, BEFORE.issued_on)


@pytest.mark.rule("RO-50")
@pytest.mark.parametrize(
    ("old", "line", "new"), [("", "甲", "甲"), ("甲", "乙", "甲\n乙"), ("甲", "", "甲"), ("", "", "")]
)
def test_a_summary_grows_line_by_line(old, line, new):
    assert append_summary(old, line) == new


def test_the_line_an_approval_writes_by_itself():
    assert summary_line(APPLICATION, GRANTED) == (
        "115年10月20日核准申請緩徵，緩徵至116年1月31日（府兵徵字第1150000009號）"
    )
    assert summary_line(CESSATION, CEASED) == (
        "115年10月20日核准緩徵原因消滅（退學，115年3月15日），廢止緩徵（府兵徵字第1150000009號）"
    )
    assert after(effects(APPLICATION, replace(GRANTED, annotation_text="自行填寫"), None)).summary == "自行填寫"
    assert after(effects(APPLICATION, replace(GRANTED, annotation_text=" "), None)).summary.startswith("115年")
