"""notify's fixtures: A is one approver of Taipei; a colleague and an approver of New Taipei have messages too."""

from tests.contracts.walls import people
from tests.contracts.walls.rows import Row, World
from tests.notify.support import DATA, account, batch, event, known, messages, sql, told
from tests.support.services import Service

OVERSEERS = frozenset({"admin", "auditor"})
# The sender is the roster service, and tells of its own things only.
_EVENT = event("recalled", batch(**DATA["recalled"]))
ROWS: dict[str, Row] = {
    "list_messages": Row("list", "approver", shows=("message", "second"), overseers=OVERSEERS),
    "get_message": Row("item", "approver", path={"message_id": "{message}"}, overseers=OVERSEERS),
    "replay_message": Row(
        "national", "admin", 202, path={"message_id": "{failed}"}, why="the dead-letter list is the administrator's"
    ),
    "take_event": Row(
        "national", "service", 202, body=_EVENT, media="application/cloudevents+json",
        why="services speak to each other for no organisation",
    ),
}  # fmt: skip


async def furnish(service: Service) -> World:
    """Two messages for each of three approvers; one that failed."""
    await known(service, account("approver-1"), account("approver-2"), account("approver-of-65000", org="county:65000"))
    for _ in range(2):
        await told(service, "submitted")
        await told(service, "submitted", county_code="65000")
    made = await messages(service)
    mine = [message["id"] for message in made if message["recipient"] == "approver-1"]
    failed = next(message["id"] for message in made if message["recipient"] == "approver-of-65000")
    await sql(service, "UPDATE message SET state = 'failed', failure = 'refused' WHERE id = :id", id=failed)
    others = people.elsewhere()
    colleague = people.holder("approver", "63000", sub="approver-2")
    return World(
        service,
        {"message": mine[0], "second": mine[1], "failed": failed},
        people.of_a(),
        others | {"": [("approver of the same county", colleague), *others["approver"]]},
        people.bad_tokens(people.everybody()),
        people.newcomer(),
        [*mine, "approver-1"],
        people.MACHINES,
    )
