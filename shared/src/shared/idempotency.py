"""A request that is sent twice is done once.

Every POST that creates or moves something takes `Idempotency-Key`. Key, business rows and outbox rows are one
transaction. Before the work an advisory lock on (caller, route, key) is tried; who does not get it is told 409. Only
2xx answers are kept (encrypted): a refused request may be mended and sent under the same key. Of the key and the
request only keyed digests are kept: what a client chose to write into them cannot be read, nor guessed, from a row.

    async def open_roster(once: Once, …) -> Response:
        return await once.run(lambda: service.open_roster(session, …))
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from shared import crypto
from shared.auth import current_principal
from shared.principals import Principal
from shared.problems import BAD_SYNTAX, IDEMPOTENCY_BUSY, IDEMPOTENCY_KEY_MISSING, IDEMPOTENCY_KEY_REUSED
from shared.sessions import Session

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_CONTEXT = "idempotency.response"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a use case answers: a body, a status, headers."""

    body: BaseModel | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="1–200 printable ASCII characters that identify this request; the same key with the same"
            " request answers what it answered first.",
            # Told, not enforced by FastAPI: an unusable key is 400, not 422.
            json_schema_extra={"minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]{0,198}[!-~])?$"},
        ),
    ] = None,
) -> str:
    """The key of the request; raises 400 when it is missing or unusable."""
    if key is None:
        raise IDEMPOTENCY_KEY_MISSING()
    if not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise BAD_SYNTAX(
            detail="Idempotency-Key 須為 1 至 200 個可列印 ASCII 字元。",
            detail_en="Idempotency-Key must be 1 to 200 printable ASCII characters.",
        )
    return key


class OnceRunner:
    """Runs the work of one request at most once per key."""

    def __init__(self, request: Request, session: Session, principal: Principal, key: str) -> None:
        self._request = request
        self._session = session
        self._sub = principal.sub
        self._key = key
        route = request.scope["route"]
        self._route = f"{request.method} {route.path}"

    async def _fingerprint(self) -> bytes:
        request = self._request
        head = msgspec.json.encode(
            [
                request.scope["path"],
                request.scope["query_string"],
                request.headers.get("if-match"),
                request.headers.get("content-type"),
            ]
        )
        # A list's text ends where it ends: nothing of the head can be taken for the body.
        return _digest(head + await request.body())

    async def run(
        self,
        work: Callable[[], Awaitable[Reply | BaseModel]],
        *,
        status: int = 200,
    ) -> Response:
        """Do `work` and keep its answer, or give the kept one, marked `Idempotent-Replayed: true`.

        Raises 409 while the same key is being worked on, 422 when it stands for another request.
        """
        fingerprint = await self._fingerprint()
        owner = {"sub": self._sub, "route": self._route, "key": _digest(self._key.encode()).hex()}
        locked = await self._session.scalar(
            text("SELECT pg_try_advisory_xact_lock(hashtextextended(:all, 0))"),
            {"all": "\x1f".join(("idempotency", *owner.values()))},
        )
        if not locked:
            raise IDEMPOTENCY_BUSY(headers={"Retry-After": "1"})
        kept = (
            await self._session.execute(
                text(
                    "SELECT request_hash, status, headers, response FROM idempotency_key"
                    " WHERE sub = :sub AND route = :route AND key = :key"
                ),
                owner,
            )
        ).one_or_none()
        if kept is not None:
            if kept.request_hash != fingerprint:
                raise IDEMPOTENCY_KEY_REUSED()
            body = crypto.ring().decrypt(kept.response, _CONTEXT)
            return _response(body, kept.status, {**kept.headers, REPLAYED: "true"})
        answer = await work()
        reply = answer if isinstance(answer, Reply) else Reply(answer, status)
        body = b"" if reply.body is None else reply.body.model_dump_json().encode()
        if 200 <= reply.status < 300:
            await self._session.execute(
                text(
                    "INSERT INTO idempotency_key (sub, route, key, request_hash, status, headers, response)"
                    " VALUES (:sub, :route, :key, :hash, :status, CAST(:headers AS jsonb), :response)"
                ),
                {
                    **owner,
                    "hash": fingerprint,
                    "status": reply.status,
                    "headers": msgspec.json.encode(reply.headers).decode(),
                    "response": crypto.ring().encrypt(body, _CONTEXT),
                },
            )
        return _response(body, reply.status, reply.headers)


def _digest(value: bytes) -> bytes:
    return hmac.digest(crypto.ring().derive("idempotency"), value, hashlib.sha256)


def _response(body: bytes, status: int, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, media_type="application/json" if body else None)


async def get_once(
    request: Request,
    session: Session,
    principal: Annotated[Principal, Depends(current_principal)],
    key: Annotated[str, Depends(idempotency_key)],
) -> OnceRunner:
    """The runner of this request."""
    return OnceRunner(request, session, principal, key)


Once = Annotated[OnceRunner, Depends(get_once)]
