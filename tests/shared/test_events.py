"""Events: out of the transaction, over real HTTP, at least once; applied once."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import http
from shared.app import create_service
from shared.event_door import receiver
from shared.events import DELIVER, MEDIA_TYPE, CloudEvent, EventType, deliverer, publish
from shared.jobs import Worker
from shared.schemas import In, Int
from shared.tokens import mint
from tests.shared.doing import SYSTEM, now, states, table
from tests.shared.probe import PLANTED, Probe, owner, served
from tests.shared.test_problems import is_problem
from tests.support.services import settings_for
from tests.support.tokens import KEY, KEYS, bearer, claims

SERVICE = bearer("service", org="service:roster", client=True)


class Made(In):
    """The data of the tests' event."""

    number: Annotated[Int, Field(ge=0, le=99)]


MADE = EventType("muster.roster.probe.made.v1", Made, ("notify",), "Something was made.")
BOTH = EventType("muster.roster.probe.shared.v1", Made, ("identity", "notify"), "Something was shared.")


def event(**changes: Any) -> dict[str, Any]:
    """A well-formed envelope; None leaves a member out."""
    whole = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/roster",
        "type": MADE.name,
        "subject": "7",
        "time": "2026-09-18T08:00:00Z",
        "datacontenttype": "application/json",
        "data": {"number": 7},
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


class Receiving:
    """A receiver, and the network before it: `script` says what becomes of the next deliveries."""

    def __init__(self, app: FastAPI, probe: Probe) -> None:
        self.app = app
        self.probe = probe
        self.calm()

    def calm(self) -> None:
        """As at the start."""
        self.script: list[int | str] = []
        self.tokens = 0
        self.refuse_token = False

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/identity/v1/token":
            self.tokens += 1
            token = mint(claims("service", org="service:roster", client=True), KEY)
            answer = json.dumps({"access_token": token, "expires_in": 600}).encode()
            return await _answer(send, 503 if self.refuse_token else 200, answer)
        step = self.script.pop(0) if self.script else "pass"
        if isinstance(step, int):
            return await _answer(send, step, b"")
        if step == "pass":
            return await self.app(scope, receive, send)

        async def nowhere(_message) -> None:
            """The answer is lost on its way."""

        await self.app(scope, receive, nowhere)
        raise ConnectionError

    async def applied(self) -> list[str]:
        return await self.probe.effects()


async def _answer(send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
async def wire(quiet: Probe) -> AsyncIterator[tuple[Receiving, str, http.AsyncClient]]:
    """A service that applies `MADE` by writing a row, behind a real server; the server's address, and a client."""

    async def apply(session: AsyncSession, at: datetime, data: Made) -> None:
        await session.execute(text("INSERT INTO effect (what) VALUES (:w)"), {"w": f"{data.number} {at.isoformat()}"})
        await asyncio.sleep(quiet.behaviour.pause)

    app = create_service(
        settings_for("notify", quiet.urls), [receiver({MADE.name: (Made, apply)})], title="R", description="", keys=KEYS
    )
    made = Receiving(app, quiet)
    async with served(made) as url, http.client() as client:
        yield made, url, client
    await app.state.database.close()


@pytest.fixture
def receiving(probe: Probe, wire: tuple[Receiving, str, http.AsyncClient]) -> Receiving:
    """The receiver on empty tables, with nothing wrong on the line."""
    made = wire[0]
    made.calm()
    return made


async def send(receiving: Receiving, body: Any, headers=SERVICE, kind: str = MEDIA_TYPE):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with _client(receiving.app) as client:
        return await client.post("/internal/v1/events", content=content, headers={**headers, "Content-Type": kind})


@asynccontextmanager
async def _client(app) -> AsyncIterator[http.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


class TestTaking:
    async def test_an_event_is_applied_once_however_often_it_comes(self, receiving):
        body = event()
        assert [(await send(receiving, body)).status_code for _ in range(3)] == [202, 200, 200]
        assert await receiving.applied() == ["7 2026-09-18T08:00:00+00:00"]

    async def test_at_once_as_well(self, receiving):
        body = event()
        receiving.probe.behaviour.pause = 0.1
        answers = await asyncio.gather(*(send(receiving, body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
        assert len(await receiving.applied()) == 1

    async def test_without_the_row_that_remembers_it_would_be_applied_again(self, receiving):
        """Negative control."""
        body = event()
        for _ in range(2):
            assert (await send(receiving, body)).status_code == 202
            await owner(receiving.probe.urls, "DELETE FROM inbox_event")
        assert len(await receiving.applied()) == 2

    async def test_the_same_id_of_another_source_is_another_event(self, receiving):
        body = event()
        await send(receiving, body)
        other = body | {"source": "/identity", "type": "muster.identity.probe.made.v1"}
        assert (await send(receiving, other, bearer("service", org="service:identity"))).status_code == 202

    @pytest.mark.parametrize(
        "changes", [{"source": "/identity"}, {"type": "muster.identity.account.changed.v1"}, {"source": "roster"}]
    )
    async def test_a_service_tells_its_own_events_only(self, receiving, changes):
        """Who holds roster's secret cannot rename identity's accounts."""
        is_problem(await send(receiving, event(**changes)), 403, "forbidden")
        assert await owner(receiving.probe.urls, "SELECT 1 FROM inbox_event") == []

    async def test_a_type_nobody_handles_is_remembered_and_dropped(self, receiving):
        body = event(type="muster.roster.probe.unheard_of.v1")
        assert [(await send(receiving, body)).status_code for _ in range(2)] == [202, 200]
        assert await receiving.applied() == []

    async def test_data_that_does_not_fit_is_refused_and_may_be_mended(self, receiving):
        body = event(data={"number": PLANTED, "other": 1})
        document = is_problem(await send(receiving, body), 422, "invalid_content")
        assert [fault["pointer"] for fault in document["errors"]] == ["/data/number", "/data/other"]
        assert (await send(receiving, body | {"data": {"number": 1}})).status_code == 202

    async def test_what_the_receiver_fails_at_is_not_taken(self, receiving, monkeypatch):
        await owner(receiving.probe.urls, "ALTER TABLE effect ADD CONSTRAINT ck_no CHECK (what = '') NOT VALID")
        body = event()
        assert (await send(receiving, body)).status_code == 500
        await owner(receiving.probe.urls, "ALTER TABLE effect DROP CONSTRAINT ck_no")
        assert (await send(receiving, body)).status_code == 202

    @pytest.mark.parametrize(
        "changes",
        [
            {"specversion": "0.3"},
            {"specversion": None},
            {"id": ""},
            {"id": None},
            {"id": "x" * 101},
            {"source": ""},
            {"source": None},
            {"type": "muster.roster.made"},
            {"type": "org.example.thing"},
            {"type": None},
            {"time": "yesterday"},
            {"time": "2026-09-18T08:00:00"},
            {"time": PLANTED},
            {"time": None},
            {"data": None},
            {"data": []},
            {"data": PLANTED},
            {"datacontenttype": "text/plain"},
            {"other": 1},
        ],
        ids=str,
    )
    async def test_what_is_no_envelope_of_ours_is_422(self, receiving, changes):
        is_problem(await send(receiving, event(**changes)), 422, "invalid_content")
        assert await owner(receiving.probe.urls, "SELECT 1 FROM inbox_event") == []

    async def test_who_may_send_and_how(self, receiving):
        is_problem(await send(receiving, event(), headers={}), 401, "unauthenticated")
        for roles in (("admin",), ("case_officer",)):
            is_problem(await send(receiving, event(), headers=bearer(*roles, org="moi:moi")), 403, "forbidden")
        is_problem(await send(receiving, event(), kind="text/plain"), 415, "unsupported_media_type")
        is_problem(await send(receiving, b"{"), 400, "bad_syntax")


@pytest.fixture
def line(receiving: Receiving, wire: tuple[Receiving, str, http.AsyncClient]) -> tuple[Receiving, Worker]:
    """The receiver, and the sender's worker with no token yet."""
    _, url, client = wire
    settings = settings_for("roster", receiving.probe.urls, identity_url=url, notify_url=url)
    tokens = http.ServiceTokens(settings, client)
    return receiving, Worker(receiving.probe.database, "roster", {DELIVER: deliverer(settings, client, tokens)})


async def tell(probe: Probe, count: int = 1, kind: EventType = MADE) -> list[str]:
    async with probe.database.transaction(SYSTEM) as session:
        return [await publish(session, kind, n, Made(number=n)) for n in range(count)]


class TestPublishing:
    async def test_an_event_is_there_when_the_transaction_is(self, probe):
        async def fail() -> None:
            async with probe.database.transaction(SYSTEM) as session:
                await publish(session, MADE, 1, Made(number=1))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await table(probe) == []

    async def test_each_receiver_gets_a_delivery_of_the_same_event(self, probe):
        (event_id,) = await tell(probe, kind=BOTH)
        rows = [json.loads(row["payload"]) for row in await table(probe)]
        assert {row["to"] for row in rows} == {"identity", "notify"}
        assert {row["event"]["id"] for row in rows} == {event_id}

    async def test_what_is_sent_is_a_cloudevent_of_version_1(self, probe):
        """The required attributes and their forms: https://github.com/cloudevents/spec, version 1.0.2."""
        await tell(probe)
        (row,) = await table(probe)
        sent = json.loads(row["payload"])["event"]
        assert sent.keys() == {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
        assert (sent["specversion"], sent["source"], sent["datacontenttype"]) == ("1.0", "/roster", "application/json")
        assert all(isinstance(sent[name], str) and sent[name] for name in sent.keys() - {"data"})
        assert all(name.isalnum() and name == name.lower() for name in sent)
        assert CloudEvent.model_validate(sent).time.tzinfo is not None

    def test_a_type_is_declared_once(self):
        with pytest.raises(ValueError, match="declared twice"):
            EventType(MADE.name, Made, ("notify",), "Again.")


class TestDelivering:
    async def test_a_delivered_event_is_applied_and_its_job_done(self, probe, line):
        receiving, worker = line
        await tell(probe, 5)
        await worker.run_once()
        assert await states(probe) == ["done"] * 5
        assert sorted(what[0] for what in await receiving.applied()) == ["0", "1", "2", "3", "4"]
        assert receiving.tokens == 1

    @pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 401, 403])
    async def test_what_may_pass_is_tried_again(self, probe, line, status):
        receiving, worker = line
        receiving.script = [status]
        await tell(probe)
        await worker.run_once()
        (row,) = await table(probe)
        assert (row["state"], row["attempts"]) == ("ready", 1)
        assert f"answered {status}" in row["last_error"]
        await now(probe)
        await worker.run_once()
        assert (await states(probe), len(await receiving.applied())) == (["done"], 1)

    @pytest.mark.parametrize("status", [301, 400, 404, 413, 415, 422])
    async def test_what_is_refused_is_parked(self, probe, line, status):
        receiving, worker = line
        receiving.script = [status]
        await tell(probe)
        await worker.run_once()
        (row,) = await table(probe)
        assert (row["state"], row["last_error"]) == ("dead", f"GiveUp: refused with {status}")

    async def test_a_refused_token_is_asked_for_anew(self, probe, line):
        receiving, worker = line
        receiving.script = [401]
        await tell(probe)
        for _ in range(2):
            await worker.run_once()
            await now(probe)
        assert (receiving.tokens, await states(probe)) == (2, ["done"])

    async def test_identity_away_is_waited_for(self, probe, line):
        receiving, worker = line
        receiving.refuse_token = True
        await tell(probe)
        await worker.run_once()
        assert (await table(probe))[0]["last_error"] == "RetryLater: HTTPStatusError"
        receiving.refuse_token = False
        await now(probe)
        await worker.run_once()
        assert await states(probe) == ["done"]

    async def test_nobody_there_is_waited_for(self, probe):
        settings = settings_for("roster", probe.urls)
        async with http.client() as client:
            tokens = http.ServiceTokens(settings, client)
            worker = Worker(probe.database, "roster", {DELIVER: deliverer(settings, client, tokens)})
            await tell(probe)
            await worker.run_once()
        (row,) = await table(probe)
        assert (row["state"], row["last_error"]) == ("ready", "RetryLater: ConnectError")

    async def test_lost_answers_make_deliveries_twice_and_effects_once(self, probe, line):
        """At least once, applied once: over a line that loses answers, refuses, and is cut."""
        receiving, worker = line
        receiving.script = ["lose", 503, "lose", "pass", 500, "lose"] * 5
        await tell(probe, 12)
        for _ in range(40):
            await worker.run_once()
            if set(await states(probe)) == {"done"}:
                break
            await now(probe)
        assert await states(probe) == ["done"] * 12
        assert sorted(int(what.split()[0]) for what in await receiving.applied()) == list(range(12))
        assert sum(row["attempts"] for row in await table(probe)) > 12 + 10
