"""The life of a message as a table."""

import itertools

import pytest

from notify.messages.rules import LABELS, TRANSITIONS, Action, Failure, NotPossibleError, State, advance
from notify.subscriptions import Withheld

STEPS = [
    (State.CREATED, Action.BEGIN, State.SENDING),
    (State.SENDING, Action.BEGIN, State.SENDING),
    (State.SENDING, Action.ACCEPT, State.SENT),
    (State.SENDING, Action.FAIL, State.FAILED),
    (State.CREATED, Action.FAIL, State.FAILED),
    (State.FAILED, Action.REPLAY, State.CREATED),
    (State.CREATED, Action.PLACE, State.DELIVERED),
]


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize("state, action, to", STEPS)
def test_the_steps_there_are(state, action, to):
    assert advance(state, action) is to


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize(
    "state, action", [s for s in itertools.product(State, Action) if s not in {(a, b) for a, b, _ in STEPS}]
)
def test_no_other_step(state, action):
    with pytest.raises(NotPossibleError):
        advance(state, action)


def test_the_table_holds_nothing_else():
    assert dict(TRANSITIONS) == {(a, b): c for a, b, c in STEPS}


def test_every_failure_has_words_and_every_reason_to_withhold_is_a_failure():
    assert set(LABELS) == set(Failure)
    assert {w.value for w in Withheld} <= {f.value for f in Failure}
