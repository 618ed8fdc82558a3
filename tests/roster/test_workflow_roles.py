"""The table of transitions and the routes name the same roles: a change of the one without the other is found."""

import pytest

from roster.review.rules import TRANSITIONS, EntryAction
from tests.support.service_documents import document

pytestmark = pytest.mark.xdist_group("documents")

OPERATIONS = {
    EntryAction.OPEN: "open_roster",
    EntryAction.HOLD: "review_entry",
    EntryAction.RELEASE: "review_entry",
    EntryAction.TRANSFER: "transfer_entry",
    EntryAction.SUBMIT: "submit_batch",
    EntryAction.RECALL: "recall_batch",
    EntryAction.RETURN: "return_batch",
    EntryAction.DECIDE: "decide_batch",
    EntryAction.WITHDRAW: "withdraw_roster",
    EntryAction.SUPERSEDE: "correct_roster",
    EntryAction.REOPEN: "take_up_correction",
    EntryAction.DROP: "drop_correction",
}


def test_every_action_has_an_operation():
    assert set(OPERATIONS) == set(EntryAction)


@pytest.mark.rule("RO-09", "RO-42", "RO-45", "RO-46", "RO-48")
@pytest.mark.parametrize("action", OPERATIONS)
def test_the_route_of_an_action_takes_the_role_of_its_step(action):
    operations = {
        operation["operationId"]: operation["x-roles"]
        for path in document("roster")["paths"].values()
        for operation in path.values()
    }
    roles = {step.role for (_, taken), step in TRANSITIONS.items() if taken is action}
    assert roles <= set(operations[OPERATIONS[action]])
    if action is not EntryAction.HOLD and action is not EntryAction.RELEASE:
        assert roles == set(operations[OPERATIONS[action]])
