"""Events as the senders make them, a mail server with moods, and the worker's step."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any

import httpx
from sqlalchemy import text

from notify.messages.deliver import Sender
from notify.messages.service import SEND
from shared import jobs
from shared.db import Context
from tests.support.services import Service
from tests.support.tokens import bearer

START = datetime(2026, 9, 1, 1, 0, tzinfo=UTC)
SYSTEM = Context.system("notify")

Answer = Callable[[], Awaitable[str | None]]


@dataclass
class MailHandler:
    """Takes mail, or answers as told: `rcpt` and `data` are SMTP replies, None means accepted."""

    mails: list[EmailMessage] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    rcpt: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    on_data: Answer | None = None
    quit_seconds: float = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        """One recipient."""
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        """The mail itself; what is answered 250 is kept."""
        if self.data:
            return self.data.pop(0)
        self.raws.append(envelope.content)
        self.mails.append(message_from_bytes(envelope.content, policy=SMTP_POLICY))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        if self.on_data is not None and (answer := await self.on_data()):
            return answer
        return "250 taken"

    async def handle_QUIT(self, server, session, envelope):
        """The goodbye."""
        await asyncio.sleep(self.quit_seconds)
        return "221 Bye"


@dataclass
class Postbox:
    """The mail server: where it is, what it took."""

    url: str
    handler: MailHandler
    server: asyncio.AbstractServer

    @property
    def mails(self) -> list[EmailMessage]:
        """What was accepted, oldest first."""
        return self.handler.mails

    def to(self) -> list[str]:
        """The recipients of what was accepted, sorted."""
        return sorted(address for _, recipients in self.handler.envelopes for address in recipients)


def text_of(mail: EmailMessage) -> str:
    """The body as a reader sees it, with plain line ends."""
    return str(mail.get_content()).replace("\r\n", "\n")


def account(sub: str, role: str = "approver", org: str = "county:63000", **changes) -> dict[str, Any]:
    """Data of an `account.changed` event."""
    org_type, _, org_code = org.partition(":")
    return {
        "sub": sub,
        "roles": [role],
        "org_type": org_type,
        "org_code": org_code,
        "email": f"{sub}@example.test",
        "display_name": f"職員{sub}",
        "system_mail": True,
        "active": True,
    } | changes


def batch(**changes) -> dict[str, Any]:
    """What every event about a batch tells."""
    return {
        "batch_id": str(uuid.uuid4()),
        "roster_id": str(uuid.uuid4()),
        "county_code": "63000",
        "school_code": "0003",
        "school_name": "國立臺灣大學",
        "kind": "application",
        "academic_year": 115,
        "term": 1,
    } | changes


DATA = {
    "submitted": {"headcount": 48, "submitted_by": "officer"},
    "recalled": {"headcount": 48, "recalled_by": "officer"},
    "returned": {"entry_count": 2, "whole": False, "reason": "請補附畢業證書", "returned_by": "approver"},
    "decided": {"approved": 45, "rejected": 3, "decided_on": "2026-10-02"},
}
OF_ROSTERS = {
    "corrected": {"version": 2, "opened": True, "kept": 40, "changed": 5, "added": 2, "dropped": 1},
    "withdrawn": {"version": 1, "headcount": 48},
}


OF_CASES = {
    "case.filed": {"case_kind": "school_certificate", "urgent": True, "headcount": 1},
    "case.decided": {**DATA["decided"], "case_kind": "school_certificate", "township_code": "63000030"},
    "notice.decided": {**DATA["decided"], "authority_code": "63000"},
    "training_list.forwarded": {"township_code": "63000030", "headcount": 3, "decided_on": "2026-10-02"},
}


def of_case(act: str) -> dict[str, Any]:
    """Data of an event about what no school filed."""
    data = batch(school_name="臺北市大安區公所", **OF_CASES[act])
    del data["school_code"]
    if act == "case.filed":
        del data["batch_id"]
    return data


def case_event(act: str) -> dict[str, Any]:
    """A CloudEvent about what no school filed."""
    data = of_case(act)
    made = event("submitted", data | {"batch_id": "x"})
    return made | {"type": f"muster.roster.{act}.v1", "subject": data["roster_id"], "data": data}


def roster_event(act: str, **changes) -> dict[str, Any]:
    """A CloudEvent about a roster as a whole."""
    data = batch(**OF_ROSTERS[act]) | changes
    del data["batch_id"]
    made = event("submitted", data | {"batch_id": ""})
    del made["data"]["batch_id"]
    return made | {"type": f"muster.roster.roster.{act}.v1", "subject": data["roster_id"]}


def event(kind: str, data: dict[str, Any], *, at: datetime = START, event_id: str | None = None) -> dict[str, Any]:
    """A CloudEvent: `kind` is `account.changed` or the third part of a batch event's name."""
    name = "identity.account.changed" if kind == "account" else f"roster.batch.{kind}"
    return {
        "specversion": "1.0",
        "id": event_id or str(uuid.uuid4()),
        "source": f"/{name.partition('.')[0]}",
        "type": f"muster.{name}.v1",
        "subject": data.get("sub") or data["batch_id"],
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }


async def send(service: Service, body: dict[str, Any], **headers) -> httpx.Response:
    """Deliver an event as another service does."""
    who = bearer("service", org=f"service:{body['source'].strip('/')}", client=True)
    return await service.http.post(
        "/internal/v1/events", json=body, headers={**who, "Content-Type": "application/cloudevents+json", **headers}
    )


async def told(service: Service, kind: str, /, **changes) -> dict[str, Any]:
    """Deliver a batch event and expect it to be taken; the event."""
    body = event(kind, batch(**DATA[kind]) | changes)
    answer = await send(service, body)
    assert answer.status_code == 202, answer.text
    return body


async def known(service: Service, *accounts: dict[str, Any], at: datetime = START - timedelta(days=1)) -> None:
    """Put accounts into the directory, by event."""
    for data in accounts:
        answer = await send(service, event("account", data, at=at))
        assert answer.status_code == 202, answer.text


def worker(service: Service, smtp_url: str, **changes) -> jobs.Worker:
    """A worker of the service that mails to `smtp_url`."""
    settings = service.settings.model_copy(update={"smtp_url": smtp_url, "mail_from": "muster@example.test", **changes})
    return jobs.Worker(service.database, "notify", {SEND: Sender(settings, service.database)}, idle_seconds=0.01)


async def work(service: Service, smtp: Postbox | str) -> int:
    """Run what is due; how many jobs."""
    runner, total = worker(service, smtp if isinstance(smtp, str) else smtp.url), 0
    while taken := await runner.run_once():
        total += taken
    return total


async def due(service: Service) -> None:
    """Let back-offs and leases be over."""
    await sql(service, "UPDATE job SET run_at = now(), lease_until = NULL, owner = NULL WHERE state = 'ready'")


async def sql(service: Service, statement: str, **values) -> list[Any]:
    """A statement in the worker's context, with the purpose that sees messages."""
    async with service.database.transaction(SYSTEM) as session:
        await session.execute(text("SELECT set_config('app.purpose', 'deliver', true)"))
        result: Any = await session.execute(text(statement), values)
        return list(result.all()) if result.returns_rows else []


async def messages(service: Service) -> list[dict[str, Any]]:
    """What the administrator sees of all mail, newest first."""
    answer = await service.http.get("/notify/v1/messages?channel=email", headers=bearer("admin", org="moi:moi"))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def detail(service: Service, message_id: str) -> dict[str, Any]:
    """What the administrator sees of one message."""
    answer = await service.http.get(f"/notify/v1/messages/{message_id}", headers=bearer("admin", org="moi:moi"))
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def headers_of(mail: EmailMessage) -> dict[str, str]:
    """Header names (lower case) with their values."""
    return {name.lower(): str(value) for name, value in mail.items()}
