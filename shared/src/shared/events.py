"""Events between services: CloudEvents 1.0 out of the job table, in through one idempotent door.

`EventType` declares a type once, with the schema of its data and the services that receive it; `docs/events.md` is
made from all of them. `publish` writes one delivery job per receiver in the business transaction. A receiver keeps
(`source`, `id`) of what it has taken and applies each event once, whatever the number of deliveries. Data holds ids
and facts, never personal data; where an official's address has to be told all the same, the type is `sealed`, and the
job row holds its data under the field keys only.
"""

import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, crypto, http, jobs
from shared.law import rule
from shared.problems import INVALID_CONTENT, Fault
from shared.schemas import In, Instant
from shared.settings import Settings

MEDIA_TYPE = "application/cloudevents+json"
DELIVER = "event.deliver"
# A receiver may be away over a long weekend: a try every five minutes for a good week.
PATIENCE = 2_000
_CONTEXT = "job.payload"


@dataclass(frozen=True)
class EventType:
    """A type of event: its full name, what its data holds, who receives it, one sentence on when it is sent.

    The data of a `sealed` type stand encrypted in the sender's job table, before delivery and after.
    """

    name: str
    data: type[In]
    to: tuple[Literal["identity", "notify", "roster"], ...]
    summary: str
    sealed: bool = False

    catalogue: ClassVar[dict[str, "EventType"]] = {}

    def __post_init__(self) -> None:
        if self.catalogue.setdefault(self.name, self) is not self:
            raise ValueError(f"The event type {self.name} is declared twice.")

    @property
    def source(self) -> str:
        """The `source` attribute: the service that the name tells."""
        return f"/{self.name.split('.')[1]}"


class CloudEvent(In):
    """A CloudEvents 1.0 envelope in structured JSON, as our services send it."""

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=100)]
    source: Annotated[str, Field(min_length=1, max_length=100)]
    type: Annotated[str, Field(pattern=r"^muster\.[a-z_-]+\.[a-z_]+\.[a-z_]+\.v\d+$", max_length=100)]
    subject: Annotated[str, Field(max_length=200)]
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]


async def publish(
    session: AsyncSession, kind: EventType, subject: object, data: In, *, priority: int = jobs.NORMAL
) -> str:
    """Queue the event for its receivers in this transaction; the event's id."""
    return (await publish_many(session, kind, [(subject, data)], priority=priority))[0]


async def publish_many(
    session: AsyncSession, kind: EventType, about: Sequence[tuple[object, In]], *, priority: int = jobs.NORMAL
) -> list[str]:
    """Queue one event of a kind for each subject with its data, in one statement; their ids."""
    ids = [str(uuid.uuid4()) for _ in about]
    items: list[tuple[str | None, Mapping[str, Any]]] = []
    for event_id, (subject, data) in zip(ids, about, strict=True):
        payload = _payload(kind, event_id, subject, data)
        items += [(f"{event_id}:{receiver}", {"to": receiver, **payload}) for receiver in kind.to]
    await jobs.enqueue_many(session, DELIVER, items, priority=priority, max_attempts=PATIENCE)
    return ids


def _payload(kind: EventType, event_id: str, subject: object, data: In) -> dict[str, Any]:
    """What a delivery job holds, beside its receiver."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": kind.source,
        "type": kind.name,
        "subject": str(subject),
        "time": clock.now().isoformat(),
        "datacontenttype": "application/json",
    }
    if kind.sealed:
        sealed = crypto.ring().encrypt(data.model_dump_json().encode(), _CONTEXT)
        return {"event": event, "sealed": base64.b64encode(sealed).decode()}
    return {"event": event | {"data": data.model_dump(mode="json")}}


def deliverer(settings: Settings, client: http.AsyncClient, tokens: http.ServiceTokens) -> jobs.Handler:
    """The handler of delivery jobs: posts the event to its receiver's `/internal/v1/events`."""
    addresses: Mapping[str, str] = {
        "identity": settings.identity_url,
        "notify": settings.notify_url,
        "roster": settings.roster_url,
    }

    async def deliver(job: jobs.Job) -> None:
        event = _opened(job.payload)
        try:
            response = await client.post(
                f"{addresses[job.payload['to']]}/internal/v1/events",
                json=event,
                headers={**await tokens.headers(), "Content-Type": MEDIA_TYPE},
            )
        except http.HTTPError as error:
            raise jobs.RetryLater(type(error).__name__) from None
        if response.status_code in (408, 409, 425, 429) or response.status_code >= 500:
            raise jobs.RetryLater(f"answered {response.status_code}")
        if response.status_code in (401, 403):
            tokens.forget()
            raise jobs.RetryLater(f"answered {response.status_code}: check this service's client")
        if response.status_code >= 300:
            raise jobs.GiveUp(f"refused with {response.status_code}")

    return deliver


def _opened(payload: Mapping[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = payload["event"]
    if "sealed" not in payload:
        return event
    data = crypto.ring().decrypt(base64.b64decode(payload["sealed"]), _CONTEXT)
    return {**event, "data": json.loads(data)}


Receive = Callable[[AsyncSession, datetime, Any], Awaitable[None]]


@rule("NO-01")
async def take(session: AsyncSession, event: CloudEvent, handlers: Mapping[str, tuple[type[In], Receive]]) -> bool:
    """Apply `event` once; False when it was taken before. Types nobody handles are kept as seen and dropped."""
    fresh = await session.scalar(
        text(
            "INSERT INTO inbox_event (source, id, type) VALUES (:source, :id, :type)"
            " ON CONFLICT DO NOTHING RETURNING true"
        ),
        {"source": event.source, "id": event.id, "type": event.type},
    )
    if not fresh:
        return False
    if event.type in handlers:
        schema, receive = handlers[event.type]
        try:
            data = schema.model_validate(event.data)
        except ValidationError as error:
            raise INVALID_CONTENT(
                errors=[
                    Fault(
                        "event_data",
                        "事件內容不符其結構",
                        "The data does not fit the event's schema",
                        pointer=p,
                    )
                    for p in ("/data/" + "/".join(map(str, e["loc"])) for e in error.errors())
                ]
            ) from None
        await receive(session, event.time, data)
    return True
