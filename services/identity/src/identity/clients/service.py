"""Keep clients, and tell whether a secret is one's own."""

import hashlib
import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.clients.models import Client
from identity.clients.rules import PREVIOUS_WORKS_FOR, SECRET_BYTES, worth_a_row
from identity.clients.schemas import ClientChange, ClientOut, ClientWithSecret, NewClient
from identity.failures import count_failure
from identity.organisations.rules import Holder, misfits
from identity.organisations.service import refuse, require_organisation
from identity.schemas import OrgKey
from shared import audit, clock, crypto, cursors
from shared.db import context_of
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag, require
from shared.problems import NOT_FOUND, ProblemType
from shared.schemas import Page

CLIENT_EXISTS = ProblemType("client_exists", 409, "此介接系統代號已被使用", "That client id is taken")


async def list_clients(session: AsyncSession, *, limit: int, cursor: str | None) -> Page[ClientOut]:
    """Clients by id, `limit` at a time."""
    bound = cursors.bound_to(context_of(session), "clients")
    query = select(Client).order_by(Client.client_id).limit(limit + 1)
    if cursor is not None:
        query = query.where(Client.client_id > cursors.unseal(cursor, bound)["after"])
    found = list(await session.scalars(query))
    items = [_client_out(client) for client in found[:limit]]
    more = cursors.seal({"after": items[-1].client_id}, bound) if len(found) > limit else None
    return Page(items=items, next_cursor=more)


async def get_client(session: AsyncSession, client_id: str) -> ClientOut:
    """One client; raises 404."""
    return _client_out(await _find(session, client_id))


@rule("ID-03", "ID-04")
async def create_client(session: AsyncSession, new: NewClient) -> Reply:
    """Create a client and answer its secret, this once.

    Raises 422 for an unknown organisation or roles that do not fit it, 409 for an id that is taken.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    client = await add_client(session, new, secret)
    if client is None:
        raise CLIENT_EXISTS()
    return _with_secret(client, secret, 201, {"Location": f"/identity/v1/clients/{client.client_id}"})


async def add_client(session: AsyncSession, new: NewClient, secret: str) -> Client | None:
    """Add a client with this secret; None when its id is taken. Raises 422 as `create_client`."""
    refuse(misfits(new.roles, new.org.type, Holder.MACHINE))
    await require_organisation(session, new.org.type, new.org.code)
    values = new.model_dump(exclude={"org"}) | {
        "org_type": new.org.type,
        "org_code": new.org.code,
        "active": True,
        "secret_digest": _digest(secret),
    }
    added = await session.scalar(insert(Client).values(values).on_conflict_do_nothing().returning(Client.client_id))
    if added is None:
        return None
    facts = {"roles": new.roles, "org": f"{new.org.type}:{new.org.code}"}
    await audit.record(session, "client.created", "client", new.client_id, facts)
    return await _find(session, new.client_id)


@rule("ID-04")
async def rotate_secret(session: AsyncSession, client_id: str) -> Reply:
    """Hand out another secret. The one before works for 24 hours more; doing this twice ends it at once."""
    client = await _find(session, client_id, lock=True)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    client.previous_digest = client.secret_digest
    client.previous_until = clock.now() + PREVIOUS_WORKS_FOR
    client.secret_digest = _digest(secret)
    client.version += 1
    await session.flush()
    await audit.record(session, "client.secret_rotated", "client", client_id)
    return _with_secret(client, secret, 200, {})


async def adopt_secret(session: AsyncSession, client_id: str, secret: str) -> bool:
    """Make `secret` the client's only one unless it is already one; whether anything changed."""
    client = await _find(session, client_id, lock=True)
    if _is_own(client, secret):
        return False
    client.secret_digest = _digest(secret)
    client.previous_digest = client.previous_until = None
    client.version += 1
    await session.flush()
    await audit.record(session, "client.secret_adopted", "client", client_id)
    return True


@rule("ID-03")
async def change_client(session: AsyncSession, client_id: str, seen: int, change: ClientChange) -> ClientOut:
    """Rename, disable or enable a client, or change its roles; raises 404, 412, 422."""
    client = await _find(session, client_id, lock=True)
    require(seen, client.version)
    given = change.given()
    refuse(misfits(given.get("roles", client.roles), client.org_type, Holder.MACHINE))
    for name, value in given.items():
        setattr(client, name, value)
    client.version += 1
    await session.flush()
    await audit.record(session, "client.changed", "client", client_id, {"changed": sorted(given)})
    return _client_out(client)


@rule("ID-04")
async def authenticate(session: AsyncSession, client_id: str, secret: str) -> Client | None:
    """The active client whose secret this is. An unknown id costs the same comparison, and leaves no row.

    A wrong secret of a client that exists is counted, so the caller lets the transaction commit. Needs the purpose
    `log_in`.
    """
    client = await session.get(Client, client_id)
    if client is None:
        hmac.compare_digest(_digest(secret), bytes(32))
        return None
    if _is_own(client, secret):
        return client if client.active else None
    failures = await count_failure(session, crypto.ring().blind_index(client_id, "client_secret"))
    if worth_a_row(failures):
        await audit.record(session, "client.refused", "client", client_id, {"failures": failures})
    return None


async def is_active(session: AsyncSession, client_id: str) -> bool:
    """Whether the client may still act."""
    client = await session.get(Client, client_id)
    return client is not None and client.active


def _is_own(client: Client, secret: str) -> bool:
    given = _digest(secret)
    now = hmac.compare_digest(given, client.secret_digest)
    if client.previous_digest is None or client.previous_until is None:
        return now
    before = hmac.compare_digest(given, client.previous_digest) and clock.now() < client.previous_until
    return now or before


def _digest(secret: str) -> bytes:
    # 256 random bits cannot be guessed, so a fast digest will do; the key keeps a stolen table useless for checking.
    return hmac.digest(crypto.ring().derive("client_secret"), secret.encode(), hashlib.sha256)


async def _find(session: AsyncSession, client_id: str, *, lock: bool = False) -> Client:
    found = await session.get(Client, client_id, with_for_update=lock or None)
    if found is None:
        raise NOT_FOUND()
    return found


def _client_out(client: Client) -> ClientOut:
    return ClientOut(
        client_id=client.client_id,
        name=client.name,
        org=OrgKey(type=client.org_type, code=client.org_code),
        roles=client.roles,
        active=client.active,
        previous_secret_until=client.previous_until,
        version=client.version,
        created_at=client.created_at,
    )


def _with_secret(client: Client, secret: str, status: int, headers: dict[str, str]) -> Reply:
    answer = ClientWithSecret(**_client_out(client).model_dump(), client_secret=secret)
    return Reply(answer, status, {**etag(client.version), **headers})
