"""No order in which periods are told of breaks what is known of them, today or as of any day (FE-05, FE-13, ID-07).

The planted faults are such that a single test of one act could miss; the machine must find each.
"""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import and_, or_

from rdss_fee.periods import queries
from rdss_fee.periods.service import report
from rdss_fee.periods.states import EventState
from tests.rdss_fee.machines import campaign, made_of, played
from tests.rdss_fee.periods_machine import Periods
from tests.rdss_fee.support import A, B, Fee
from tests.support.soak import examples, soak

pytestmark = [pytest.mark.rule("FE-05", "FE-13", "ID-07"), pytest.mark.timeout(0 if soak() else 600)]
# Many short rounds meet more than one long one, which goes over to copying pieces of earlier examples.
ROUNDS = examples(3, 100)
CAMPAIGN = campaign(10, 30)


# All that can come of the acts; and what has to come of them in any order, or a run proves little.
EVERYTHING = {
    "announced 201", "announced 422", "corrected 200", "corrected 412", "corrected 422", "withdrawn", "facts",
    "reported 201", "reported 201 and waits", "reported 409", "reported 422", "refused", "confirmed 200",
    "confirmed report_outdated", "confirmed period_withdrawn", "confirmed invalid_content",
}  # fmt: skip
COMMON = {"announced 201", "announced 422", "corrected 200", "withdrawn", "facts", "reported 201"}


async def run(fee: Fee) -> Counter[str]:
    """Run the machine beside the loop that the service runs on; what came of its acts."""
    reached: Counter[str] = Counter()
    for turn in range(ROUNDS):
        await played(Periods, turn, CAMPAIGN, fee=fee, reached=reached)
    return reached


@pytest.mark.soak
async def test_no_order_of_acts_breaks_what_is_known(fee: Fee):
    reached = await run(fee)
    print(dict(reached))
    assert set(reached) >= (EVERYTHING if soak() else COMMON)


def _story(made: Periods) -> None:
    made.announce(0, A, 0, 10)
    made.announce(0, B, 10, 5)
    made.announce(0, B, 9, 5)
    made.announce(1, A, 3, None)
    made.days_pass(1)
    made.correct(2, 4, None, stale=False)
    made.correct(2, 5, None, stale=True)
    # A may not come to have a day of B's, by whoever tells.
    made.correct(0, 0, 11, stale=False)
    made.report(0, department=True, end=True, day=11, then="confirm")
    made.facts(0, 20, "doctoral")
    made.days_pass(2)
    made.answer(0, yes=False)
    made.report(0, department=False, end=True, day=0, then="wait")
    made.report(0, department=False, end=True, day=9, then="wait")
    for then in ("confirm", "outdate"):
        made.report(0, department=True, end=True, day=7 if then == "confirm" else 4, then=then)
    made.report(0, department=True, end=True, day=3, then="wait")
    made.answer(0, yes=False)
    made.report(0, department=True, end=True, day=5, then="wait")
    made.report(0, department=True, end=True, day=6, then="wait")
    made.withdraw(0)
    made.answer(0, yes=True)
    made.touch_a_withdrawn_one(0)
    made.days_pass(1)
    for back in range(5):
        for man in range(2):
            made.look_back(back, man)
    made.teardown()


async def test_every_act_meets_every_answer_it_can_have(fee: Fee):
    """In one order, which is written down; the test above finds others."""
    reached: Counter[str] = Counter()
    await asyncio.to_thread(_story, made_of(Periods, fee=fee, reached=reached)())
    assert EVERYTHING - set(reached) == set()


def _one_day_longer(table: Any, day: Any) -> Any:
    return and_(table.known_on <= day, or_(table.replaced_on.is_(None), table.replaced_on >= day))


def _from_tomorrow(table: Any, day: Any) -> Any:
    return and_(table.known_on < day, or_(table.replaced_on.is_(None), table.replaced_on > day))


FAULTS: list[tuple[Any, str, Any]] = [
    # As-of answers that are a day off.
    (queries, "as_known_on", _one_day_longer),
    (queries, "as_known_on", _from_tomorrow),
    # What a department enters is known at once.
    (report, "enters_as", lambda roles: EventState.CONFIRMED),
    # A report is applied to what it was not made of.
    (report, "_wanted", lambda known, told: known),
]


@pytest.mark.parametrize(("module", "name", "fault"), FAULTS, ids=["longer", "later", "unconfirmed", "unapplied"])
async def test_control_a_planted_fault_is_found(fee: Fee, monkeypatch: pytest.MonkeyPatch, module, name, fault):
    monkeypatch.setattr(module, name, fault)
    with pytest.raises((AssertionError, KeyError)):
        await run(fee)
