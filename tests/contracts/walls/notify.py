"""notify's fixtures: A is one approver of Taipei; a colleague and an approver of New Taipei have messages too."""

from tests.contracts.walls import people
from tests.contracts.walls.rows import Row, World
from tests.notify.support import DATA, account, batch, event, known, messages, sql, told
from tests.support.services import Service

OVERSEERS = frozenset({"admin", "auditor"})
# The sender is the roster service, and tells of its own things only.
_EVENT = event("recalled", batch(**DATA["recalled"]))
_UNREAD = "/notify/v1/inbox/unread-count"
_ITEM = {"item_id": "{item}"}
ROWS: dict[str, Row] = {
    "list_messages": Row("list", "approver", shows=("message", "second"), overseers=OVERSEERS),
    "get_message": Row("item", "approver", path={"message_id": "{message}"}, overseers=OVERSEERS),
    "replay_message": Row(
        "national", "admin", 202, path={"message_id": "{failed}"}, why="the dead-letter list is the administrator's"
    ),
    # One's own inbox: neither a colleague nor the administrator looks into it.
    "list_inbox": Row("list", "approver", people=True, shows=("item", "second_item")),
    "count_unread": Row("own", "approver", people=True, witness=_UNREAD),
    "mark_all_read": Row("own", "approver", people=True, witness=_UNREAD, body={"up_to": "{item}"}),
    "get_inbox_item": Row("item", "approver", path=_ITEM, people=True),
    "mark_read": Row("item", "approver", path=_ITEM, people=True),
    "mark_unread": Row("item", "approver", path=_ITEM, people=True),
    "take_event": Row(
        "national", "service", 202, body=_EVENT, media="application/cloudevents+json",
        why="services speak to each other for no organisation",
    ),
}  # fmt: skip


async def furnish(service: Service) -> World:
    """Two mails and two notices for each of three approvers; one mail that failed."""
    await known(service, account("approver-1"), account("approver-2"), account("approver-of-65000", org="county:65000"))
    for _ in range(2):
        await told(service, "submitted")
        await told(service, "submitted", county_code="65000")
    made = await messages(service)
    mine = [message["id"] for message in made if message["recipient"] == "approver-1"]
    failed = next(message["id"] for message in made if message["recipient"] == "approver-of-65000")
    await sql(service, "UPDATE message SET state = 'failed', failure = 'refused' WHERE id = :id", id=failed)
    listed = await service.http.get("/notify/v1/inbox", headers=people.of_a()["approver"])
    items = [item["id"] for item in listed.json()["items"]]
    others = people.elsewhere()
    colleague = people.holder("approver", "63000", sub="approver-2")
    return World(
        service,
        {"message": mine[0], "second": mine[1], "failed": failed, "item": items[0], "second_item": items[1]},
        people.of_a(),
        others | {"": [("approver of the same county", colleague), *others["approver"]]},
        people.bad_tokens(people.everybody()),
        people.newcomer(),
        [*mine, *items, "approver-1"],
        people.MACHINES,
    )
