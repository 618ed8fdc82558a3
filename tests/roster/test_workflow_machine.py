"""The review workflow as a whole: no order of acts by several people breaks what must hold (RO-09, 40 to 49, 57).

Each planted fault is one that single tests of the use cases could miss; the machine must find it, else it proves
nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from local.databases import Urls
from roster.deferments import correcting
from roster.deferments import rules as deferment_rules
from roster.deferments import service as deferments
from roster.intake.rules import RosterKind
from roster.registry import delivery
from roster.review import queries, undone
from roster.review.rules import Decision
from roster.review.service import close_batch, decide_batch, review_entry
from roster.review.states import (
    APPROVER,
    BATCH_TRANSITIONS,
    EDITORS,
    TRANSITIONS,
    BatchAction,
    BatchState,
    EntryAction,
    EntryState,
    Step,
)
from roster.versions import rules as version_rules
from roster.versions.service import correct_roster
from tests.roster.workflow.desk import ACTS
from tests.roster.workflow.machine import Workflow
from tests.roster.workflow.world import World
from tests.support.soak import examples, soak

STEPS = 30
EXAMPLES = examples(50, 3_000)
# After ten examples Hypothesis goes over to copying pieces of earlier ones into others: two of three it makes so, and
# most of them are alike and end early. Many short rounds meet more.
ROUND = 10
CAMPAIGN = settings(
    max_examples=ROUND,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
# What moves an entry; a transfer takes two counties and is another test's.
MOVES = {f"{state}: {action}" for state, action in TRANSITIONS if action is not EntryAction.TRANSFER}
EVERYTHING = MOVES | {
    "application: create",
    "application: its own number told",
    "application: modify",
    "application: the first number told",
    "cessation: modify",
    "cessation: the first number told",
    "corrected",
    "corrected from approved to approved",
    "corrected from approved to rejected",
    "corrected from rejected to approved",
    "corrected from rejected to rejected",
    "correction refused",
    "correction refused, built upon",
    "extension: modify",
    "extension: the first number told",
    "own decision refused",
    "posted again after withdrawal",
    "reapplication: create",
    "recalled",
    "rejected",
    "returned",
    "returned in part",
    "withdrawal refused",
    "withdrawn",
}

# What fifty examples meet twenty times and more. Of the rest they meet most; all of it a campaign does, and one order
# that is written down.
COMMON = {
    "received: open",
    "received: withdraw",
    "in_review: submit",
    "for_approval: decide",
    "for_approval: return",
    "decided: reopen",
    "application: create",
    "rejected",
    "corrected",
    "correction refused",
    "withdrawal refused",
}
MISSING = 0 if soak() else len(EVERYTHING) // 4


def lacking(machine: type[Workflow], count: int, missing: int) -> list[str]:
    """What is missing of a run of so many examples: what never happened was not proven.

    `missing`: how many of the less common things need not have happened.
    """
    steps = machine.ran.total()
    told = [f"{steps} steps of {count} x {STEPS}"] if steps < count * STEPS else []
    told += [f"rule: {name}" for name in sorted(ACTS - set(machine.ran))]
    never = EVERYTHING - set(machine.reached)
    return told + [f"never: {name}" for name in sorted(never if len(never) > missing else never & COMMON)]


@pytest.fixture
def world(roster_urls: Urls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """The service on a clean database, two schools, several people."""
    monkeypatch.setenv("MUSTER_CLOCK_FILE", str(tmp_path / "clock"))
    made = World(roster_urls, tmp_path)
    monkeypatch.setattr(Workflow, "world", made, raising=False)
    monkeypatch.setattr(Workflow, "reached", Counter())
    monkeypatch.setattr(Workflow, "ran", Counter())
    yield made
    made.close()


@pytest.mark.soak
@pytest.mark.timeout(0 if soak() else 600)
@pytest.mark.rule(
    "RO-09", "RO-40", "RO-42", "RO-44", "RO-45", "RO-46", "RO-47", "RO-48", "RO-49", "RO-50", "RO-52", "RO-57"
)
def test_no_order_of_acts_breaks_the_workflow(world: World) -> None:
    """And most of what can come of an act came of one, in as many steps as were asked for."""
    for turn in range(EXAMPLES // ROUND):
        machine = type("Workflow", (Workflow,), {})
        # The same examples on every machine, others in each round, new ones in every campaign.
        run_state_machine_as_test(machine if soak() else seed(turn)(machine), settings=CAMPAIGN)
    print(f"{Workflow.ran.total()} steps: {dict(Workflow.ran)}; {dict(Workflow.reached)}")
    assert lacking(Workflow, EXAMPLES, MISSING) == []


@pytest.mark.rule("RO-09", "RO-45", "RO-46", "RO-48", "RO-49", "RO-71")
def test_every_act_meets_every_answer_it_can_have(world: World) -> None:
    """In one order, which is written down; the test above finds others."""
    yes, no = ("approved",) * 4, ("rejected",) * 4
    machine = Workflow()
    machine.whole_story({0, 1}, "application", "officer-1", yes, "approver-1")
    machine.whole_story({0}, "extension", "officer-1", yes, "approver-1")
    machine.whole_story({1}, "reapplication", "officer-1", yes, "approver-1")
    machine.whole_story({0}, "cessation", "officer-2", yes, "approver-2")
    machine.whole_story({3}, "application", "officer-1", no, "approver-1")
    certify_and_apply(machine)
    machine.hand_in(1, 0)
    machine.post_again(0)
    machine.work_through(0, "officer-1", yes, up=True)
    machine.decide(0, "approver-1", own=False)
    machine.whole_story({2}, "application", "deputy", yes, None)
    machine.decide(0, "deputy", own=True)
    machine.send_back(0, "approver-1", one=False)
    machine.correct(0, ("add", "keep", "change", "keep"))
    machine.work_through(0, "officer-1", yes, up=True)
    machine.correct(0, ("change", "keep", "keep", "keep"))
    machine.send_back(0, "approver-1", one=True)
    machine.recall(0, "officer-2")
    machine.withdraw(0, again=False)
    machine.post({1}, "application", 0)
    machine.withdraw(0, again=True)
    machine.correct(0, ("add", "change", "keep", "keep"))
    machine.open(0, "officer-1")
    machine.hold(0, 0, "officer-2", held=True)
    machine.hold(0, 0, "officer-1", held=False)
    machine.hold(0, 0, "officer-1", held=True)
    machine.correct(0, ("change", "keep", "add", "keep"))
    machine.open(0, "officer-1")
    machine.hold(0, 0, "officer-1", held=True)
    machine.correct(0, ("leave out", "keep", "keep", "keep"))
    machine.correct(0, ("keep", "leave out", "keep", "keep"))
    # What was decided in error (RO-52), of a man who is on no other roster.
    machine.whole_story({2}, "application", "officer-1", no, "approver-1")
    for decision in ("rejected", "approved", "approved"):
        machine.put_right(0, 0, "officer-1", "approver-1", decision)
    machine.reopen(0, 0, "officer-1")
    machine.drop(0, 0, "officer-2")
    machine.reopen(0, 0, "officer-1")
    machine.hold(0, 0, "officer-1", held=True)
    machine.drop(0, 0, "officer-2")
    machine.drop(0, 0, "officer-2")
    machine.put_right(0, 0, "officer-1", "approver-1", "rejected")
    machine.put_right(0, 0, "officer-1", "approver-1", "approved")
    machine.whole_story({2}, "extension", "officer-1", yes, "approver-1")
    machine.reopen(1, 0, "officer-1")
    for holds in (
        machine.the_books_say_what_the_model_says,
        machine.the_decisions_of_an_entry_are_a_chain_and_none_is_its_maker_s,
        machine.the_first_number_and_day_stay,
    ):
        holds()
    assert set(Workflow.reached) >= EVERYTHING


@pytest.mark.parametrize(
    "fault", ["a step too few", "a rule that never ran", "a common answer that never came", "too few answers"]
)
def test_a_run_that_proves_too_little_is_found(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """The control of `lacking`."""
    ran, reached = Counter(dict.fromkeys(ACTS, 10)), Counter(EVERYTHING)
    ran["post"] += 2 * STEPS - ran.total() % STEPS
    count = ran.total() // STEPS
    monkeypatch.setattr(Workflow, "ran", ran)
    monkeypatch.setattr(Workflow, "reached", reached)
    assert lacking(Workflow, count, 0) == []
    if fault == "a step too few":
        ran["post"] -= 1
    elif fault == "a rule that never ran":
        ran["post"] += ran.pop("recall")
    elif fault == "a common answer that never came":
        del reached["for_approval: return"]
    else:
        for name in ("recalled", "returned"):
            del reached[name]
        assert lacking(Workflow, count, 2) == []
        assert len(lacking(Workflow, count, 1)) == 2
        return
    assert len(lacking(Workflow, count, 1)) == 1


def nobody_is_the_maker(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide_batch, "may_decide", lambda submitted_by, decider: True)
    patch.setattr(review_entry, "may_decide", lambda submitted_by, decider: True)


def a_batch_is_decided_again(patch: pytest.MonkeyPatch) -> None:
    again = {(BatchState.DECIDED, BatchAction.DECIDE): Step(BatchState.DECIDED, APPROVER)}
    patch.setattr(close_batch, "BATCH_TRANSITIONS", BATCH_TRANSITIONS | again)


def a_rejection_is_carried_out(patch: pytest.MonkeyPatch) -> None:
    def approved(kind: RosterKind, decided: Any, *others: Any, **named: Any) -> Any:
        if decided.decision is Decision.REJECTED and kind is not RosterKind.CESSATION:
            decided = replace(decided, decision=Decision.APPROVED, deferment_until=decided.decided_on)
        return right(kind, decided, *others, **named)

    right = deferment_rules.effects
    patch.setattr(deferments, "effects", approved)


def an_extension_makes_a_new_deferment(patch: pytest.MonkeyPatch) -> None:
    def anew(kind: RosterKind, *others: Any, **named: Any) -> Any:
        return right(RosterKind.APPLICATION if kind is RosterKind.EXTENSION else kind, *others, **named)

    right = deferment_rules.effects
    patch.setattr(deferments, "effects", anew)


def a_roster_replaces_what_its_certificate_granted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deferments, "_granted_ahead", lambda man, here: None)


def the_registry_is_told_the_newest_number(patch: pytest.MonkeyPatch) -> None:
    async def newest(*how: Any) -> dict[str, Any]:
        event = await right(*how)
        event["data"] |= {name: event["data"]["decision"][name] for name in ("decision_number", "issued_on")}
        return event

    right = delivery.annotation_event
    patch.setattr(delivery, "annotation_event", newest)


def what_is_on_hold_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queries, "_PENDING", tuple(state for state in queries._PENDING if state is not EntryState.ON_HOLD))


def the_officer_writes_what_is_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(review_entry, "EDITORS", EDITORS | {EntryState.FOR_APPROVAL: "case_officer"})


def a_changed_man_keeps_his_review(patch: pytest.MonkeyPatch) -> None:
    def kept(*known: Any) -> Any:
        found = right(*known)
        return replace(found, kept=(*found.kept, *found.changed), changed=())

    right = version_rules.plan
    patch.setattr(correct_roster, "plan", kept)


def a_correction_puts_nothing_right(patch: pytest.MonkeyPatch) -> None:
    async def nothing(session: Any, entry_ids: Any, deferments: Any) -> Any:
        return {entry_id: correcting.Undo({}, told=False) for entry_id in entry_ids}

    patch.setattr(undone, "undos", nothing)


def submitted(machine: Workflow, who: str) -> None:
    """A roster of one man, up for approval."""
    machine.post({0}, "application", 0)
    machine.work_through(0, who, ("approved",) * 4, up=True)


def decide_own(machine: Workflow) -> None:
    submitted(machine, "deputy")
    machine.decide(0, "deputy", own=True)


def decide_twice(machine: Workflow) -> None:
    submitted(machine, "officer-1")
    machine.decide(0, "approver-1", own=False)
    machine.decide(0, "approver-2", own=False)


def reject(machine: Workflow) -> None:
    machine.whole_story({0}, "application", "officer-1", ("rejected",) * 4, "approver-1")


def grant_and_extend(machine: Workflow) -> None:
    machine.whole_story({0}, "application", "officer-1", ("approved",) * 4, "approver-1")
    machine.whole_story({0}, "extension", "officer-1", ("approved",) * 4, "approver-1")


def certify_and_apply(machine: Workflow) -> None:
    machine.hand_in(0, 0)
    machine.work_through(0, "officer-1", ("approved",) * 4, up=True)
    machine.decide(0, "approver-1", own=False)
    machine.whole_story({0}, "application", "officer-1", ("approved",) * 4, "approver-1")


def put_right(machine: Workflow) -> None:
    machine.whole_story({0}, "application", "officer-1", ("approved",) * 4, "approver-1")
    machine.put_right(0, 0, "officer-1", "approver-1", "rejected")
    machine.the_decisions_of_an_entry_are_a_chain_and_none_is_its_maker_s()


def hold_one(machine: Workflow) -> None:
    machine.post({0}, "application", 0)
    machine.open(0, "officer-1")
    machine.hold(0, 0, "officer-2", held=True)
    machine.the_books_say_what_the_model_says()


def write_after_submission(machine: Workflow) -> None:
    submitted(machine, "officer-1")
    machine.review(0, 0, "officer-1", "rejected")


def change_one(machine: Workflow) -> None:
    machine.post({0, 1}, "application", 0)
    machine.work_through(0, "officer-1", ("approved",) * 4, up=False)
    machine.correct(0, ("change", "keep", "keep", "keep"))
    machine.the_books_say_what_the_model_says()


@pytest.mark.rule("RO-09", "RO-48", "RO-49", "RO-50", "RO-40", "RO-44")
@pytest.mark.parametrize(
    ("fault", "acts"),
    [
        (nobody_is_the_maker, decide_own),
        (a_batch_is_decided_again, decide_twice),
        (a_rejection_is_carried_out, reject),
        (an_extension_makes_a_new_deferment, grant_and_extend),
        (the_registry_is_told_the_newest_number, grant_and_extend),
        (a_roster_replaces_what_its_certificate_granted, certify_and_apply),
        (what_is_on_hold_is_forgotten, hold_one),
        (the_officer_writes_what_is_up, write_after_submission),
        (a_changed_man_keeps_his_review, change_one),
        (a_correction_puts_nothing_right, put_right),
    ],
)
def test_a_planted_fault_is_found(world: World, fault: Any, acts: Callable[[Workflow], None]) -> None:
    """The machine's own acts, in an order that meets the fault; that it finds such orders is the test above's."""
    acts(Workflow())
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(AssertionError):
            acts(Workflow())
