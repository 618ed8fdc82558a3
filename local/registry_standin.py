"""The stand-in for the conscription registry (役政資訊系統).

Its outside face, under a bearer token as the real one would be: `POST /v1/draftees/lookup` (RO-18), and two
receivers of CloudEvents, `POST /v1/annotations` (RO-49) and `POST /v1/township-reports` (RO-51), idempotent by
(`source`, `id`). Its inside face, open on loopback, for demonstration and tests: `PUT /v1/draftees` fills the
population, `GET /v1/annotations` and `GET /v1/township-reports` show what was sent, `PUT /v1/faults` makes it fail and
`GET` tells what is left of that.
"""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local import standin
from local.registry_store import Store
from local.standin import Refusal
from shared import clock

LARGEST_LOOKUP = 1000
TOKEN = "MUSTER_REGISTRY_TOKEN"  # noqa: S105 - the variable's name, not its content

Status = Literal[
    "none",
    "reservist",
    "replacement_soldier",
    "substitute_reservist",
    "exempted",
    "disqualified",
    "service_age_ended",
]
NationalId = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class InductionOrder(msgspec.Struct, forbid_unknown_fields=True):
    """徵集令: its number and the day it bears."""

    number: Text
    dated_on: date


class Draftee(msgspec.Struct, forbid_unknown_fields=True):
    """What the registry knows of one man; `annotation` plants one made before the suite's time."""

    national_id: NationalId
    name: Text
    birth_date: date
    household_county_code: Text
    household_township_code: Text
    status: Status = "none"
    household_since: date | None = None
    induction_order: InductionOrder | None = None
    overseas_compatriot: bool = False
    volunteer_training: bool = False
    annotation: dict[str, Any] | None = None


class Lookup(msgspec.Struct, forbid_unknown_fields=True):
    national_ids: list[NationalId]


class EventData(msgspec.Struct):
    """The two members every event's data must have; the others are kept as they come."""

    national_id: NationalId
    action: Literal["create", "modify", "none"] | None = None


class Event(msgspec.Struct):
    """A CloudEvent in structured JSON; extension attributes are allowed."""

    specversion: Literal["1.0"]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    data: EventData
    time: datetime | None = None


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """Refuse the next `fail_next` calls with `status`; do, but break off instead of answering, `lose_answers`."""

    fail_next: int = 0
    lose_answers: int = 0
    delay_ms: int = 0
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503


Handler = Callable[[Request], Awaitable[Response]]


class Registry:
    """The routes, over one store."""

    def __init__(self, store: Store, token: str) -> None:
        self.store = store
        self.token = token.encode()
        self.faults = Faults()

    def routes(self) -> list[Route]:
        return [
            Route("/v1/draftees", self.put_draftees, methods=["PUT"]),
            Route("/v1/draftees/lookup", self._outside(self.lookup), methods=["POST"]),
            Route("/v1/annotations", self._outside(self.receive("annotation")), methods=["POST"]),
            Route("/v1/annotations", self.annotations, methods=["GET"]),
            Route("/v1/annotations/search", self.search, methods=["POST"]),
            Route("/v1/township-reports", self._outside(self.receive("township_report")), methods=["POST"]),
            Route("/v1/township-reports", self.township_reports, methods=["GET"]),
            Route("/v1/faults", self.set_faults, methods=["GET", "PUT"]),
        ]

    def _outside(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, b"Bearer " + self.token):
                raise Refusal(401, "unauthenticated", "The registry wants its bearer token.")
            if self.faults.delay_ms:
                await asyncio.sleep(self.faults.delay_ms / 1000)
            if self.faults.fail_next > 0:
                self.faults.fail_next -= 1
                raise Refusal(self.faults.status, "told_to_fail", "Told to fail by PUT /v1/faults.")
            reply = await handler(request)
            if self.faults.lose_answers > 0:
                self.faults.lose_answers -= 1
                raise Refusal(504, "answer_lost", "Done, but told to lose the answer by PUT /v1/faults.")
            return reply

        return guarded

    # -- the outside face ----------------------------------------------------------------------------------

    async def lookup(self, request: Request) -> Response:
        """RO-18: facts of up to 1,000 men; those it does not know come back under `unknown`."""
        wanted = standin.read(await standin.body(request), Lookup).national_ids
        if len(wanted) > LARGEST_LOOKUP:
            raise Refusal(422, "too_many", f"At most {LARGEST_LOOKUP} national IDs in one look-up.")
        found = self.store.draftees(wanted)
        annotations = self.store.annotations_of(wanted)
        return standin.answer(
            {
                "as_of": clock.now().isoformat(),
                "draftees": [
                    {**found[i], "annotation": annotations.get(i)} for i in dict.fromkeys(wanted) if i in found
                ],
                "unknown": [i for i in dict.fromkeys(wanted) if i not in found],
            }
        )

    def receive(self, stream: Literal["annotation", "township_report"]) -> Handler:
        """A receiver of CloudEvents: 201 the first time, 200 when the same event comes again."""

        async def received(request: Request) -> Response:
            content = await standin.body(request)
            event = standin.read(content, Event)
            if stream == "annotation" and event.data.action is None:
                raise Refusal(422, "invalid_content", "data.action must be create, modify or none.")
            whole = standin.read(content, dict[str, Any])
            new = self.store.keep(stream, event.data.national_id, whole, clock.now().isoformat())
            return standin.answer({"id": event.id, "stored": new}, 201 if new else 200)

        return received

    # -- the inside face -----------------------------------------------------------------------------------

    async def put_draftees(self, request: Request) -> Response:
        """Add men to the population, or replace those with the same national ID; a JSON list or NDJSON."""
        content = (await standin.body(request)).strip()
        if content.startswith(b"["):
            men = standin.read(content, list[Draftee])
        else:
            men = [standin.read(line, Draftee) for line in content.splitlines() if line.strip()]
        rows = [msgspec.to_builtins(man) for man in men]
        planted = {row["national_id"]: note for row in rows if (note := row.pop("annotation")) is not None}
        self.store.put_draftees(rows, planted, clock.now().isoformat())
        return standin.answer({"stored": len(rows)})

    async def annotations(self, request: Request) -> Response:
        """Every man's current annotation with the events that made it; `?since=` takes `next_cursor`."""
        return standin.answer(self.store.annotations(_since(request)))

    async def search(self, request: Request) -> Response:
        """The same for given men; the IDs stand in the body, never in a URL."""
        wanted = standin.read(await standin.body(request), Lookup).national_ids
        return standin.answer(self.store.annotations(0, wanted))

    async def township_reports(self, request: Request) -> Response:
        """The reports in the order they came; `?since=` takes `next_cursor`."""
        return standin.answer(self.store.township_reports(_since(request)))

    async def set_faults(self, request: Request) -> Response:
        if request.method == "PUT":
            self.faults = standin.read(await standin.body(request), Faults)
        return standin.answer(self.faults)


def _since(request: Request) -> int:
    text = request.query_params.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refusal(400, "bad_syntax", "since takes the next_cursor of an earlier answer.")
    return int(text)


def create_app(file: Path, token: str) -> Starlette:
    """The stand-in over the store in `file`; callers of the outside face must present `token`."""
    return standin.application(Registry(Store(file), token).routes())


if __name__ == "__main__":
    options = standin.arguments("A stand-in for the conscription registry.")
    asyncio.run(standin.serve(create_app(options.file, os.environ[TOKEN]), options.port))
