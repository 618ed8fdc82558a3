"""What identity tells notify: an official's name and address, and nowhere in the clear but there."""

import json
from typing import Any

import pytest

from identity.events import ACCOUNT_CHANGED
from shared import events, http
from shared.jobs import Worker
from shared.tokens import mint
from tests.shared.probe import served
from tests.support.services import settings_for
from tests.support.tokens import KEY, claims

HOLDER = {"display_name": "歐陽承翰", "email": "ouyang.chenghan@taipei.example"}


class Notify:
    """Stands where notify would, and gives tokens too; `away` answers 503."""

    def __init__(self) -> None:
        self.took: list[dict[str, Any]] = []
        self.away = True

    async def __call__(self, scope, receive, send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        answer, status = b"", 202
        if scope["path"] == "/identity/v1/token":
            token = mint(claims("service", org="service:identity", client=True), KEY)
            answer, status = json.dumps({"access_token": token, "expires_in": 600}).encode(), 200
        elif self.away:
            status = 503
        else:
            self.took.append(json.loads(body))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@pytest.mark.rule("ID-02", "NO-01")
async def test_names_and_addresses_are_told_and_stand_in_no_job(house):
    async def jobs() -> str:
        rows = await house.rows("SELECT job::text AS row FROM job ORDER BY id")
        return "\n".join(row["row"] for row in rows)

    async def hidden() -> None:
        stored = await jobs()
        assert account["id"] in stored
        for value in HOLDER.values():
            assert value not in stored
            assert json.dumps(value)[1:-1] not in stored

    account = await house.account("officer")
    answer = await house.admin_post(f"/accounts/{account['id']}/hand-overs", HOLDER, **{"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    await house.rows("UPDATE job SET state = 'done' WHERE id < (SELECT max(id) FROM job)")
    await hidden()
    notify = Notify()
    client = http.client()
    async with served(notify) as url:
        settings = settings_for("identity", house.service.urls, identity_url=url, notify_url=url)
        deliver = events.deliverer(settings, client, http.ServiceTokens(settings, client))
        worker = Worker(house.service.database, "identity", {events.DELIVER: deliver})
        assert await worker.run_once() == 1
        # What failed tells no more than what waits.
        await hidden()
        notify.away = False
        await house.rows("UPDATE job SET run_at = now()")
        assert await worker.run_once() == 1
    await client.aclose()
    await hidden()
    assert [r["state"] for r in await house.rows("SELECT DISTINCT state FROM job")] == ["done"]
    [event] = notify.took
    assert event["type"] == ACCOUNT_CHANGED.name
    assert "sealed" not in event
    told = ACCOUNT_CHANGED.data.model_validate(event["data"])
    assert told.model_dump(include=set(HOLDER)) == HOLDER
    assert event["subject"] == account["id"]
