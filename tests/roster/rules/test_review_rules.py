"""Who moves an entry, and what a decision needs: RO-13, 40 to 48, 56, 57."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.hints.findings import FINDINGS
from roster.hints.hint import Severity
from roster.hints.model import RegistryStatus
from roster.intake.rules import RosterKind
from roster.review.rules import (
    BATCH_TRANSITIONS,
    EDITABLE_FIELDS,
    EDITORS,
    GROUND_OF_HINT,
    TRANSITIONS,
    BatchAction,
    BatchState,
    Decision,
    Draft,
    EntryAction,
    EntryState,
    Ground,
    HintRef,
    Limits,
    Refusal,
    RosterState,
    StoredHint,
    blocking_codes,
    check_draft,
    decision_defaults,
    is_clean,
    may_decide,
    not_ready,
    roster_state,
    tells_nothing,
)
from tests.roster.rules.hint_cases import facts, find, student

BLOCKED = StoredHint("age_limit", Severity.BLOCKING)
WARNED = StoredHint("late", Severity.WARNING)
PENDING = StoredHint("registry_pending", Severity.WARNING)
TOLD = StoredHint("overseas_compatriot", Severity.INFO)
APPROVED, REJECTED = Decision.APPROVED, Decision.REJECTED
S, A = EntryState, EntryAction

# The whole workflow of roster.md: state, action, next state, role.
STEPS = [
    (S.RECEIVED, A.OPEN, S.IN_REVIEW, "case_officer"),
    (S.IN_REVIEW, A.HOLD, S.ON_HOLD, "case_officer"),
    (S.ON_HOLD, A.RELEASE, S.IN_REVIEW, "case_officer"),
    (S.IN_REVIEW, A.TRANSFER, S.SUPERSEDED, "case_officer"),
    (S.ON_HOLD, A.TRANSFER, S.SUPERSEDED, "case_officer"),
    (S.IN_REVIEW, A.SUBMIT, S.FOR_APPROVAL, "case_officer"),
    (S.FOR_APPROVAL, A.RECALL, S.IN_REVIEW, "case_officer"),
    (S.FOR_APPROVAL, A.RETURN, S.IN_REVIEW, "approver"),
    (S.FOR_APPROVAL, A.DECIDE, S.DECIDED, "approver"),
    (S.RECEIVED, A.WITHDRAW, S.WITHDRAWN, "school"),
    (S.IN_REVIEW, A.WITHDRAW, S.WITHDRAWN, "school"),
    (S.ON_HOLD, A.WITHDRAW, S.WITHDRAWN, "school"),
    (S.RECEIVED, A.SUPERSEDE, S.SUPERSEDED, "school"),
    (S.IN_REVIEW, A.SUPERSEDE, S.SUPERSEDED, "school"),
    (S.ON_HOLD, A.SUPERSEDE, S.SUPERSEDED, "school"),
    # RO-52: its decision is to be corrected, or is left as it is after all.
    (S.DECIDED, A.REOPEN, S.IN_REVIEW, "case_officer"),
    (S.IN_REVIEW, A.DROP, S.DECIDED, "case_officer"),
    (S.ON_HOLD, A.DROP, S.DECIDED, "case_officer"),
]


@pytest.mark.rule("RO-40", "RO-42", "RO-45", "RO-46", "RO-48", "RO-52")
def test_the_workflow_of_an_entry_has_these_steps_and_no_others():
    told = {(state, action): (to, role) for state, action, to, role in STEPS}
    for move in product(EntryState, EntryAction):
        step = TRANSITIONS.get(move)
        assert (None if step is None else (step.to, step.role)) == told.get(move), move


@pytest.mark.rule("RO-48")
def test_what_is_decided_stays_decided():
    """核定 is final; withdrawn and superseded too. Only to correct the decision is an entry taken up again (RO-52)."""
    for end in (S.DECIDED, S.WITHDRAWN, S.SUPERSEDED):
        assert {move[1] for move in TRANSITIONS if move[0] is end} == ({A.REOPEN} if end is S.DECIDED else set())
        assert end not in EDITORS


@pytest.mark.rule("RO-46", "RO-45", "RO-48")
def test_a_batch_is_recalled_returned_or_decided_once():
    assert {(state, action): (step.to, step.role) for (state, action), step in BATCH_TRANSITIONS.items()} == {
        (BatchState.FOR_APPROVAL, BatchAction.RECALL): (BatchState.RECALLED, "case_officer"),
        (BatchState.FOR_APPROVAL, BatchAction.RETURN): (BatchState.RETURNED, "approver"),
        (BatchState.FOR_APPROVAL, BatchAction.DECIDE): (BatchState.DECIDED, "approver"),
    }


@pytest.mark.rule("RO-41", "RO-44")
def test_who_writes_the_draft():
    """Manual, steps 3 and 12: the officer in review, then the approver, who may change any of it."""
    assert EDITORS == {S.IN_REVIEW: "case_officer", S.ON_HOLD: "case_officer", S.FOR_APPROVAL: "approver"}
    seed = {"decision", "decision_number", "issued_on", "deferment_until", "annotation_text", "review_remarks"}
    assert seed | {"ground", "reason", "ground_unseen", "override_reason"} == EDITABLE_FIELDS
    assert {field.name for field in fields(Draft)} - EDITABLE_FIELDS == {"override_codes"}


ROSTERS = [
    ((), RosterState.WITHDRAWN),
    ((S.RECEIVED,), RosterState.PENDING),
    ((S.DECIDED, S.IN_REVIEW), RosterState.PENDING),
    ((S.DECIDED, S.ON_HOLD), RosterState.PENDING),
    ((S.DECIDED, S.FOR_APPROVAL), RosterState.PENDING),
    ((S.DECIDED, S.DECIDED), RosterState.DECIDED),
    ((S.DECIDED, S.WITHDRAWN, S.SUPERSEDED), RosterState.DECIDED),
    ((S.WITHDRAWN, S.SUPERSEDED), RosterState.WITHDRAWN),
    ((S.WITHDRAWN, S.RECEIVED), RosterState.PENDING),
]


@pytest.mark.rule("RO-40", "RO-42")
@pytest.mark.parametrize(("states", "expected"), ROSTERS)
def test_the_rosters_state_is_derived(states, expected):
    assert roster_state(iter(states)) is expected


@pytest.mark.rule("RO-56")
@pytest.mark.parametrize(
    ("hints", "clean"),
    [
        ((), True),
        ((TOLD,), True),
        ((WARNED,), False),
        ((PENDING,), False),
        ((BLOCKED,), False),
        ((TOLD, PENDING), False),
    ],
)
def test_clean_is_without_a_block_and_without_a_warning(hints, clean):
    assert is_clean(hints) is clean


@pytest.mark.rule("RO-18", "RO-56")
def test_who_is_not_checked_yet_is_not_clean():
    assert is_clean(find())
    assert not is_clean(find(registry=None))
    assert not is_clean(find(registry=facts(known=False)))


def refused(draft: Draft, hints: Sequence[HintRef] = (), last_day: date | None = None) -> list[str]:
    return [refusal.code for refusal in check_draft(draft, hints, limits=limits(last_day))]


def limits(last_day: date | None) -> Limits | None:
    return None if last_day is None else Limits(last_day, any_school=date(2035, 12, 31), service_age=date(2038, 12, 31))


@pytest.mark.rule("RO-57")
@pytest.mark.parametrize(
    ("ground", "reason", "hints", "expected"),
    [
        (None, None, (), ["ground_missing", "reason_missing"]),
        (None, "年齡已逾", (BLOCKED,), ["ground_missing"]),
        (Ground.AGE_LIMIT, None, (BLOCKED,), ["reason_missing"]),
        (Ground.AGE_LIMIT, "  ", (BLOCKED,), ["reason_missing"]),
        (Ground.AGE_LIMIT, "年齡已逾", (BLOCKED,), []),
        (Ground.AGE_LIMIT, "年齡已逾", (), ["ground_unfounded"]),
        (Ground.REPEATED_LEVEL, "再就讀", (BLOCKED,), ["ground_unfounded"]),
        (Ground.NOT_CONSCRIPTABLE, "尚未及齡", (StoredHint("not_yet_draftee", Severity.WARNING),), []),
        (Ground.WRONG_COUNTY, "已遷出", (StoredHint("household_elsewhere", Severity.BLOCKING),), []),
        (Ground.NOT_CONSCRIPTABLE, "已除役", (StoredHint("past_draftee_age", Severity.INFO),), ["ground_unfounded"]),
    ],
)
def test_rejecting_needs_a_legal_ground_and_a_reason(ground, reason, hints, expected):
    """Art. 13: 經查無第十五條所定情形，應予核准."""
    assert refused(Draft(REJECTED, ground=ground, reason=reason), hints) == expected


@pytest.mark.rule("RO-57")
@pytest.mark.parametrize("ground", list(Ground))
def test_a_ground_the_system_cannot_see_is_still_one_of_the_law(ground):
    unseen = Draft(REJECTED, ground=ground, ground_unseen=True, reason="學籍經查不實")
    assert refused(unseen) == []
    assert refused(replace(unseen, reason="")) == ["reason_missing"]
    assert refused(replace(unseen, ground=None)) == ["ground_missing"]


@pytest.mark.rule("RO-57")
def test_a_school_reads_no_ground_that_is_kept_from_it():
    """roster.md: schools never see RO-22, 27, 29, 30 and 32."""
    secret = {"RO-22", "RO-27", "RO-29", "RO-30", "RO-32"}
    for code, ground in GROUND_OF_HINT.items():
        if FINDINGS[code].rule in secret:
            assert not tells_nothing(ground, False)
    assert tells_nothing(Ground.AGE_LIMIT, False)
    assert not tells_nothing(Ground.AGE_LIMIT, True)


@pytest.mark.rule("RO-57")
def test_every_ground_of_article_15_is_borne_out_by_its_hint_and_by_no_other():
    assert set(GROUND_OF_HINT) <= set(FINDINGS)
    by_ground: dict[Ground, set[str]] = {}
    for code, ground in GROUND_OF_HINT.items():
        by_ground.setdefault(ground, set()).add(FINDINGS[code].rule)
    assert by_ground == {
        Ground.SCHOOL_NOT_REGISTERED: {"RO-20"},
        Ground.ENROLMENT_NOT_RECOGNISED: {"RO-21"},
        Ground.REPEATED_LEVEL: {"RO-22"},
        Ground.CONTINUING_SCHOOL_AGE: {"RO-23"},
        Ground.AGE_LIMIT: {"RO-24"},
        Ground.EXPERIMENTAL_AGE: {"RO-25"},
        Ground.NOT_CONSCRIPTABLE: {"RO-14", "RO-30", "RO-33"},
        Ground.WRONG_COUNTY: {"RO-29"},
    }


@pytest.mark.rule("RO-57")
def test_the_real_hints_found_the_grounds():
    hints = find(student(birth_date=date(1990, 1, 1)), registry=facts(status=RegistryStatus.RESERVIST))
    for ground in (Ground.AGE_LIMIT, Ground.NOT_CONSCRIPTABLE):
        assert refused(Draft(REJECTED, ground=ground, reason="如提示"), hints) == []


ELSEWHERE = StoredHint("household_elsewhere", Severity.BLOCKING)


@pytest.mark.rule("RO-13")
@pytest.mark.parametrize(
    ("hints", "reason", "covers", "expected"),
    [
        ((), None, (), []),
        ((WARNED, TOLD), None, (), []),
        ((BLOCKED,), None, (), ["override_reason_missing"]),
        ((BLOCKED,), " \n", ("age_limit",), ["override_reason_missing"]),
        ((BLOCKED,), "出生日期已更正", ("age_limit",), []),
        # A reason speaks of the hints that stood when it was written, and of none that came later.
        ((BLOCKED, ELSEWHERE), "出生日期已更正", ("age_limit",), ["override_reason_missing"]),
        ((BLOCKED,), "戶籍已更正", ("household_elsewhere",), ["override_reason_missing"]),
        ((BLOCKED, ELSEWHERE), "均已查明", ("age_limit", "household_elsewhere"), []),
    ],
)
def test_approving_in_spite_of_a_block_needs_a_written_reason(hints, reason, covers, expected):
    draft = Draft(APPROVED, override_reason=reason, override_codes=frozenset(covers))
    assert refused(draft, hints) == expected
    assert blocking_codes(hints) == {hint.code for hint in hints if hint in (BLOCKED, ELSEWHERE)}


def test_a_draft_without_a_decision_is_not_refused_but_not_ready():
    assert refused(Draft(review_remarks="待查"), (BLOCKED,)) == []
    assert [r.code for r in ready(Draft())] == ["decision_missing"]


def ready(
    draft: Draft,
    state: EntryState = EntryState.IN_REVIEW,
    kind: RosterKind = RosterKind.APPLICATION,
    asked: date | None = date(2029, 6, 30),
) -> tuple[Refusal, ...]:
    return not_ready(state, kind, draft, (), asked_until=asked, limits=None, today=DECIDED_ON)


@pytest.mark.rule("RO-42")
@pytest.mark.parametrize("state", list(EntryState))
def test_only_what_is_in_review_goes_up(state):
    """Manual, step 3-1: 其中一筆有待查明，仍可先點「陳核」將其他筆資料傳送."""
    refusals = ready(Draft(APPROVED), state=state)
    assert [refusal.code for refusal in refusals] == ([] if state is S.IN_REVIEW else ["not_in_review"])


@pytest.mark.rule("RO-42")
def test_a_grant_without_an_end_is_not_ready():
    assert [r.code for r in ready(Draft(APPROVED), asked=None)] == ["deferment_until_missing"]
    assert ready(Draft(APPROVED, deferment_until=date(2029, 6, 30)), asked=None) == ()
    assert ready(Draft(APPROVED), asked=None, kind=RosterKind.CESSATION) == ()
    rejected = Draft(REJECTED, ground=Ground.ENROLMENT_NOT_RECOGNISED, ground_unseen=True, reason="學籍不實")
    assert ready(rejected, asked=None) == ()


@pytest.mark.rule("RO-42", "RO-48")
@pytest.mark.parametrize(
    ("asked", "typed", "expected"),
    [
        (date(2026, 10, 19), None, ["deferment_over_already"]),
        (date(2026, 10, 20), None, []),
        (date(2029, 6, 30), date(2026, 10, 19), ["deferment_over_already"]),
        (date(2026, 6, 30), date(2027, 6, 30), []),
    ],
)
def test_no_deferment_ends_before_it_begins(asked, typed, expected):
    assert [r.code for r in ready(Draft(APPROVED, deferment_until=typed), asked=asked)] == expected


def test_all_that_is_wrong_is_said_in_two_languages():
    refusals = check_draft(Draft(REJECTED), (), limits=None)
    assert [refusal.field for refusal in refusals] == ["ground", "reason"]
    assert all(refusal.message_en.isascii() and not refusal.message.isascii() for refusal in refusals)


LAST = date(2029, 12, 31)


@pytest.mark.rule("RO-26", "RO-48")
@pytest.mark.parametrize(
    ("until", "expected"),
    [(date(2029, 12, 30), []), (LAST, []), (date(2030, 1, 1), ["deferment_past_age_limit"])],
)
def test_no_one_types_an_end_past_the_age_limit(until, expected):
    assert refused(Draft(APPROVED, deferment_until=until), last_day=LAST) == expected
    assert refused(Draft(deferment_until=until), last_day=LAST) == expected
    assert refused(Draft(APPROVED, deferment_until=until), last_day=None) == []


@pytest.mark.rule("RO-26", "RO-48", "RO-13")
@pytest.mark.parametrize(
    ("covers", "typed", "until"),
    [
        # 24 overridden: 33 still stands. 33 overridden: the end of conscription age does. Another hint lifts nothing.
        ({"experimental_age"}, date(2090, 1, 1), date(2035, 12, 31)),
        ({"continuing_school_age"}, date(2034, 6, 30), date(2034, 6, 30)),
        ({"age_limit"}, date(2090, 1, 1), date(2038, 12, 31)),
        ({"age_limit", "experimental_age"}, date(2036, 6, 30), date(2036, 6, 30)),
        ({"household_elsewhere"}, date(2029, 6, 30), date(2025, 12, 31)),
        # Whoever holds an age ground wrong states the end himself.
        ({"age_limit"}, None, None),
        ({"household_elsewhere"}, None, date(2025, 12, 31)),
    ],
)
def test_overriding_an_age_ground_lifts_its_own_limit_and_no_other(covers, typed, until):
    draft = Draft(APPROVED, deferment_until=typed, override_reason="已更正", override_codes=frozenset(covers))
    found = decision_defaults(
        RosterKind.APPLICATION,
        draft,
        decided_on=DECIDED_ON,
        asked_until=date(2029, 6, 30),
        limits=limits(date(2025, 12, 31)),
    )
    assert found.deferment_until == until


DECIDED_ON = date(2026, 10, 20)


@pytest.mark.rule("RO-48")
@pytest.mark.parametrize(
    ("kind", "draft", "issued", "until"),
    [
        (RosterKind.APPLICATION, Draft(APPROVED), DECIDED_ON, date(2029, 6, 30)),
        (RosterKind.EXTENSION, Draft(APPROVED), DECIDED_ON, date(2029, 6, 30)),
        (RosterKind.APPLICATION, Draft(APPROVED, issued_on=date(2026, 10, 21)), date(2026, 10, 21), date(2029, 6, 30)),
        (RosterKind.APPLICATION, Draft(APPROVED, deferment_until=date(2028, 1, 31)), DECIDED_ON, date(2028, 1, 31)),
        (RosterKind.APPLICATION, Draft(REJECTED), DECIDED_ON, None),
        (RosterKind.CESSATION, Draft(APPROVED), DECIDED_ON, None),
    ],
)
def test_what_the_decision_fixes(kind, draft, issued, until):
    found = decision_defaults(
        kind, draft, decided_on=DECIDED_ON, asked_until=date(2029, 6, 30), limits=limits(date(2040, 12, 31))
    )
    assert (found.decided_on, found.issued_on, found.deferment_until) == (DECIDED_ON, issued, until)


@pytest.mark.rule("RO-48", "RO-26")
@given(st.none() | st.dates(), st.none() | st.dates(), st.dates())
def test_no_end_ever_passes_the_last_day(typed, asked, last):
    found = decision_defaults(
        RosterKind.APPLICATION,
        Draft(APPROVED, deferment_until=typed),
        decided_on=DECIDED_ON,
        asked_until=asked,
        limits=limits(last),
    )
    assert found.deferment_until is None or found.deferment_until <= last


@pytest.mark.rule("RO-48")
def test_nobody_decides_what_he_submitted():
    assert may_decide(("u-1",), "u-2")
    assert not may_decide(("u-1",), "u-1")
    # RO-52: nor the correction that he took up, whoever submitted it.
    assert may_decide(("u-1", None), "u-2")
    assert not may_decide(("u-1", "u-2"), "u-2")
