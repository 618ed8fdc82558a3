"""A service of three dozen lines on a real database: what `shared` promises, seen from outside.

`effect` is its table: one row for each thing done. `secret` is encrypted. `twin` is unique only at commit, so that a
transaction can be made to fail after the handler has answered.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx
import uvicorn
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from local.databases import Urls, plain
from shared import audit
from shared.app import create_service
from shared.auth import Requires
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once, Reply
from shared.if_match import IfMatch
from shared.preconditions import etag, require
from shared.principals import Principal
from shared.schemas import Bool, In, Instant, Int, LocalDate, Out, Text
from shared.sessions import Session
from tests.support.services import Service, settings_for
from tests.support.tokens import KEYS

# Well formed, right checksum, nobody's.
PLANTED = "A123456789"
Officer = Annotated[Principal, Depends(Requires("case_officer"))]
CREATE = """
    CREATE TABLE effect (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        what text NOT NULL,
        secret bytea,
        twin text,
        CONSTRAINT uq_effect_twin UNIQUE (twin) DEFERRABLE INITIALLY DEFERRED
    );
    GRANT SELECT, INSERT, UPDATE, DELETE ON effect TO "{app}";
"""


class Colour(StrEnum):
    """Two codes."""

    RED = "red"
    BLUE = "blue"


class ThingIn(In):
    """One of each scalar."""

    what: Text
    twin: Text | None = None
    count: Annotated[Int, Field(ge=0, le=1_000)] | None = None
    flag: Bool | None = None
    day: LocalDate | None = None
    at: Instant | None = None
    colour: Colour | None = None
    many: Annotated[list[Annotated[Int, Field(ge=0, le=9)]], Field(max_length=3)] | None = None


class ThingOut(Out):
    """What was done."""

    what: str
    day: date | None = None
    at: datetime | None = None


class Behaviour:
    """What the next requests meet: a pause inside the work, how many are inside."""

    def __init__(self) -> None:
        self.calm()

    def calm(self) -> None:
        """As at the start."""
        self.pause = 0.0
        self.inside = asyncio.Event()


def router(behaviour: Behaviour) -> APIRouter:
    """The probe's routes."""
    routes = APIRouter(prefix="/probe/v1", route_class=GuardedRoute)

    async def work(session: Session, body: ThingIn) -> Reply:
        behaviour.inside.set()
        await session.execute(
            text("INSERT INTO effect (what, twin) VALUES (:what, :twin)"), {"what": body.what, "twin": body.twin}
        )
        await audit.record(session, "thing.done", "thing", 1)
        await asyncio.sleep(behaviour.pause)
        return Reply(ThingOut(what=body.what, day=body.day, at=body.at), 201, {"Location": "/probe/v1/things/1"})

    @routes.post("/things", status_code=201, operation_id="make_thing")
    async def make(once: Once, session: Session, _who: Officer, body: ThingIn) -> Response:
        return await once.run(lambda: work(session, body))

    @routes.post("/things/{number}/again", operation_id="make_again")
    async def again(number: UUID, once: Once, session: Session, _who: Officer, body: ThingIn) -> Response:
        return await once.run(lambda: work(session, body))

    @routes.post("/refused", operation_id="refuse_thing")
    async def refused(once: Once, session: Session, _who: Officer, body: ThingIn) -> Response:
        async def refuse() -> Reply:
            await work(session, body)
            require(1, 2)
            raise AssertionError

        return await once.run(refuse)

    @routes.put("/things/{number}", operation_id="change_thing")
    async def change(number: UUID, seen: IfMatch, session: Session, _who: Officer, body: ThingIn) -> Response:
        require(seen, 3)
        return Response(status_code=204, headers=etag(4))

    @routes.get("/things/{number}", operation_id="read_thing")
    async def read(number: UUID, session: Session, _who: Officer) -> ThingOut:
        return ThingOut(what=str(number))

    @routes.get("/things", operation_id="list_things")
    async def listed(
        session: Session,
        _who: Officer,
        name: Annotated[str, Query(max_length=40)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[str]:
        return list(await session.scalars(text("SELECT what FROM effect WHERE what LIKE :n"), {"n": f"%{name}%"}))

    @routes.post("/files", operation_id="take_file", openapi_extra={TYPES_KEY: ("text/csv",), LIMIT_KEY: 1_000})
    async def take_file(request: Request, _who: Officer) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @routes.post("/free", operation_id="take_anything")
    async def free(_who: Officer, body: dict[str, Any]) -> dict[str, Any]:
        return body

    @routes.get("/sql", operation_id="run_statement")
    async def sql(session: Session, _who: Officer, statement: str) -> str:
        return str(await session.scalar(text(statement)))

    @routes.get("/boom", operation_id="break_down")
    async def boom(_who: Officer) -> str:
        try:
            raise DBAPIError(f"SELECT '{PLANTED}'", {"id": PLANTED}, ValueError(PLANTED))
        except DBAPIError as error:
            raise RuntimeError(f"王小明 {PLANTED}") from error

    @routes.get("/half", operation_id="break_half_way")
    async def half(request: Request) -> Response:
        class Half(Response):
            async def __call__(self, scope, receive, send) -> None:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise RuntimeError(PLANTED)

        return Half()

    return routes


async def owner(urls: Urls, *statements: str) -> list[Any]:
    """Statements as the database's owner; the rows of the last."""
    connection = await asyncpg.connect(plain(urls.owner))
    try:
        rows: list[Any] = []
        for statement in statements:
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


async def furnish(urls: Urls) -> Urls:
    """Add the probe's table."""
    connection = await asyncpg.connect(plain(urls.owner))
    app = await connection.fetchval("SELECT current_user::text")
    await connection.execute(CREATE.format(app=app.removesuffix("_owner") + "_app"))
    await connection.close()
    return urls


class Probe(Service):
    """The probe, running; see the module."""

    behaviour: Behaviour

    async def effects(self) -> list[str]:
        """What was done, in order."""
        return [row["what"] for row in await owner(self.urls, "SELECT what FROM effect ORDER BY id")]


@asynccontextmanager
async def probing(urls: Urls, **changes) -> AsyncIterator[Probe]:
    """The probe on a furnished database, called over ASGI."""
    settings = settings_for("notify", urls, **changes)
    behaviour = Behaviour()
    app = create_service(settings, [router(behaviour)], title="Probe", description="", keys=KEYS)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        probe = Probe(app, client, urls, settings)
        probe.behaviour = behaviour
        yield probe


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """`app` behind a real server on a free port; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()
