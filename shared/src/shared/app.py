"""What every service is made of: health, metrics, problems, request ids, OpenAPI; `create_service` puts it together."""

import asyncio
import gc
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.resources.abc import Traversable

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import audit_gauges, crypto, http, logs, metrics, problems, validation
from shared.db import Context, Database, check_clock, is_away
from shared.openapi import describe
from shared.problems import ProblemError
from shared.settings import Settings
from shared.tokens import HttpKeys, KeySource, Verifier

log = logs.get(__name__)
RETRY_AFTER = {"Retry-After": "2"}
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_UUID = re.compile(rb"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Telemetry:
    """Outermost: gives each request an id, counts and times it by route template, logs it without personal data, and
    answers what nobody else has answered: 503 when the database is away, else 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        # In this form only, as at the gateway: free text could carry a person's number into every log.
        request_id = given.decode() if _UUID.fullmatch(given) else str(uuid.uuid4())
        logs.begin(request_id=request_id)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            problem = _unanswered(error)
            if status:
                # Half an answer is out: only breaking the connection tells that the rest is missing.
                raise
            await problem_response(problem, Request(scope))(scope, receive, answer)
        finally:
            # Whatever a client calls its method or path, the labels stay few.
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", "unmatched")
            elapsed = time.perf_counter() - started
            count, seconds = metrics.of_request(method, route, status)
            count.inc()
            seconds.observe(elapsed)
            if route not in ("/healthz", "/readyz", "/metrics"):
                log.info("request", method=method, route=route, status=status, ms=int(elapsed * 1000))


def _unanswered(error: Exception) -> ProblemError:
    if isinstance(error, ClientDisconnect):
        # Nobody is there to read it; it is counted as the client's doing.
        return problems.BAD_SYNTAX()
    if is_away(error):
        log.warning("database_unavailable", error=type(error).__name__)
        return problems.UNAVAILABLE(headers=RETRY_AFTER)
    log.error("internal_error", exc_info=error)
    return problems.INTERNAL()


def problem_response(error: ProblemError, request: Request) -> Response:
    """The HTTP form of a refusal."""
    if error.file is not None:
        content, media_type, name = error.file
        kept_as = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept"}
        return Response(content, error.type.status, {**error.headers, **kept_as}, media_type=media_type)
    return Response(
        error.encode(request.scope["path"]),
        error.type.status,
        error.headers,
        media_type=problems.MEDIA_TYPE,
    )


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error, request)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(validation.problem(error), request)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(problems.NOT_FOUND(), request)
    if error.status_code == 405:
        return problem_response(problems.METHOD_NOT_ALLOWED(headers={"Allow": _allowed(request)}), request)
    return problem_response(problems.BAD_SYNTAX(), request)


def _allowed(request: Request) -> str:
    """The methods of all routes on this path; Starlette names those of the first only."""
    routes = request.app.router.routes
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    found = (m for m, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes))
    return ", ".join(found)


def create_service(
    settings: Settings,
    routers: Sequence[APIRouter],
    *,
    title: str,
    description: str,
    keys: KeySource | None = None,
    lifespan: Lifespan | None = None,
    interface: Traversable | None = None,
) -> FastAPI:
    """The FastAPI application of one service, with everything that is the same in all of them.

    `keys` is given by identity (its own) and by tests; others fetch identity's JWKS. `lifespan` adds what the
    service itself opens and closes. `interface` is the file of the service's OpenAPI document (`make openapi`); where
    there is none it is made of the routes when somebody asks.
    """
    logs.configure(settings.service, settings.log_level)
    crypto.install(crypto.load(settings.field_keys.get_secret_value(), settings.field_keys_dir))
    database = Database(
        settings.database_url.get_secret_value(), pool_size=settings.pool_size, application=settings.service
    )
    client = http.client()
    jwks = f"{settings.identity_url}/identity/v1/.well-known/jwks.json"
    source = keys if keys is not None else HttpKeys(lambda: http.fetch(client, jwks))

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            stack.push_async_callback(client.aclose)
            await database.when_reachable(Context.system(settings.service), crypto.check_keys)
            await database.when_reachable(Context.system(settings.service), check_clock)
            if isinstance(source, HttpKeys):
                fresh = asyncio.create_task(source.keep_fresh())
                stack.callback(fresh.cancel)
            if lifespan is not None:
                await stack.enter_async_context(lifespan(app))
            _keep_for_good()
            yield

    app = FastAPI(
        title=title,
        description=description,
        version="0.1.0",
        lifespan=run,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect would be made of the Host header, which the client wrote.
        redirect_slashes=False,
        # What is told of requests we tell ourselves, without personal data; no variable of the environment sends more.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.state.database = database
    app.state.keys = source
    app.state.verifier = Verifier(source, settings.issuer)
    app.add_middleware(Telemetry)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for router in (_operations(settings.service, database, source, interface), *routers):
        # `include_router` would build every route a second time, 50 ms for 30 of them, to add nothing to it.
        app.router.routes.extend(router.routes)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


@cache
def _keep_for_good() -> None:
    """Take what is loaded by now out of the collector's rounds, once: it stays as long as the process.

    A round over modules, routes and models takes 100 ms, and a request that makes objects for 2,000 rows pays for one.
    """
    gc.collect()
    gc.freeze()


def _operations(service: str, database: Database, keys: KeySource, interface: Traversable | None) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        """The process can do its work: database reached, keys at hand."""
        checks: dict[str, Callable[[], Awaitable[None]]] = {"database": database.ping, "keys": _loaded(keys)}
        state: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await check()
                state[name] = "ok"
            except Exception as error:
                state[name] = type(error).__name__
                response.status_code = 503
        return state

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        """What the service offers. To make it of the routes takes half a second and 8 MB that are never given back."""
        document = json.dumps(request.app.openapi()).encode() if interface is None else interface.read_bytes()
        return Response(document, media_type="application/json")

    @router.get("/metrics")
    async def exposition() -> Response:
        """Prometheus metrics."""
        await audit_gauges.measure(database, service)
        body, media_type = metrics.exposition()
        return Response(body, media_type=media_type)

    return router


def _loaded(keys: KeySource) -> Callable[[], Awaitable[None]]:
    async def loaded() -> None:
        if not keys.loaded:
            raise LookupError

    return loaded
