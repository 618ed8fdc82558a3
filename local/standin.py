"""What the two stand-ins for outside systems share: reading and answering JSON, and serving on loopback."""

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

T = TypeVar("T")

LARGEST_BODY = 64 * 1024 * 1024


class Refusal(Exception):
    """A request that gets an error answer: a status, a stable code and a sentence without its content."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title


def answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refuse(_request: Request, error: Exception) -> Response:
    """Any `Refusal` as an RFC 9457 problem."""
    assert isinstance(error, Refusal)
    problem = {"type": "about:blank", "title": error.title, "status": error.status, "code": error.code}
    return Response(msgspec.json.encode(problem), error.status, media_type="application/problem+json")


async def body(request: Request) -> bytes:
    """The whole body, at most 64 MiB."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise Refusal(413, "too_large", "The body is over 64 MiB.")
        parts.append(part)
    return b"".join(parts)


def read(data: bytes, kind: type[T]) -> T:
    """`data` as a `kind`; what does not fit is told by its place, not by its content."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise Refusal(422, "invalid_content", str(error)) from None
    except msgspec.DecodeError as error:
        raise Refusal(400, "bad_syntax", str(error)) from None


def application(routes: Sequence[Route]) -> Starlette:
    async def healthz(_request: Request) -> Response:
        return answer({"status": "ok"})

    health = [Route("/healthz", healthz), Route("/readyz", healthz)]
    return Starlette(routes=[*routes, *health], exception_handlers={Refusal: refuse})


def arguments(description: str, *ports: str) -> argparse.Namespace:
    """`--port` (and further port options) and `--file`, the stand-in's store."""
    parser = argparse.ArgumentParser(description=description)
    for name in ("port", *ports):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    return parser.parse_args()


async def serve(app: Starlette, port: int, *others: asyncio.Server) -> None:
    """Serve until SIGINT or SIGTERM, on loopback only."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    try:
        await uvicorn.Server(config).serve()
    finally:
        for other in others:
            other.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(other.wait_closed(), 2)
