"""One logical database and two roles per service, made with an administrator's URL (CREATEDB, CREATEROLE).

`<prefix>_<service>` belongs to `<prefix>_<service>_owner`, which migrates; the service itself logs in as
`<prefix>_<service>_app`, which owns nothing, is no superuser and cannot pass row-level security. The app role
gets CONNECT and USAGE on `public`; what it may do with a table is granted by that table's migration.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import secrets as random
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from local.errors import StartError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


@dataclass(frozen=True)
class Urls:
    """A service's two database URLs, `postgresql+asyncpg://…`, and whether this call made its database."""

    app: str
    owner: str
    created: bool = False


def plain(url: str) -> str:
    """The same address for asyncpg itself, which knows no `+driver`."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


def scram_verifier(password: str, salt: bytes, iterations: int) -> str:
    """What PostgreSQL stores for a password (RFC 5803), computed here so that no statement carries it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    salt_text, stored, server = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored}:{server}"


async def prepare(
    admin_url: str,
    services: Iterable[str],
    prefix: str,
    secrets: MutableMapping[str, str],
    *,
    adopt: bool = True,
) -> dict[str, Urls]:
    """Create what is missing and return each service's URLs. Run it as often as you like.

    `secrets` maps role name → password; missing ones are made and added (the caller keeps them). A role that
    exists while its password is not in `secrets` gets a new password with `adopt`; without it that is an
    error, since another checkout may be using the same server under the same prefix.
    Raises `StartError` when the server cannot be reached or the administrator lacks a right.
    """
    names = list(services)
    for name in (prefix, *names):
        if not _NAME.fullmatch(name):
            raise StartError(
                f"資料庫名稱不合規定：{name}（僅限小寫英文字母、數字與底線）。",
                f"Not usable as a database name: {name} (lower-case letters, digits, underscore only).",
            )
    try:
        admin = await asyncpg.connect(plain(admin_url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise StartError(
            f"無法以管理者帳號連線至資料庫伺服器（{type(error).__name__}），請檢查 DATABASE_URL。",
            f"The database server refuses the administrator ({type(error).__name__}): check DATABASE_URL.",
        ) from None
    try:
        # Two checkouts or two test workers may prepare at the same moment: one at a time.
        await admin.execute("SELECT pg_advisory_lock(hashtext('muster.local.databases'))")
        urls = {name: await _prepare_one(admin, admin_url, name, prefix, secrets, adopt) for name in names}
        await asyncio.gather(
            *(_grant_schema(admin_url, f"{prefix}_{name}") for name, made in urls.items() if made.created)
        )
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartError(
            f"DATABASE_URL 的帳號權限不足（需要 CREATEDB 與 CREATEROLE）：{error}",
            f"The role of DATABASE_URL lacks a right (CREATEDB and CREATEROLE are needed): {error}",
        ) from None
    finally:
        await admin.close()
    return urls


def addresses(admin_url: str, service: str, prefix: str, secrets: Mapping[str, str]) -> Urls | None:
    """The URLs of a database that `prepare` has made, without asking the server; None when its password is unknown."""
    database = f"{prefix}_{service}"
    owner, app = f"{database}_owner", f"{database}_app"
    if owner not in secrets or app not in secrets:
        return None
    return Urls(
        app=_url(admin_url, app, secrets[app], database),
        owner=_url(admin_url, owner, secrets[owner], database),
    )


async def drop(admin_url: str, services: Iterable[str], prefix: str) -> None:
    """Remove databases and roles made by `prepare`; what does not exist is passed over."""
    admin = await asyncpg.connect(plain(admin_url))
    try:
        for service in services:
            database = f"{prefix}_{service}"
            await admin.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            for role in (f"{database}_app", f"{database}_owner"):
                await admin.execute(f'DROP ROLE IF EXISTS "{role}"')
    finally:
        await admin.close()


async def _prepare_one(
    admin: asyncpg.Connection,
    admin_url: str,
    service: str,
    prefix: str,
    secrets: MutableMapping[str, str],
    adopt: bool,
) -> Urls:
    database = f"{prefix}_{service}"
    owner, app = f"{database}_owner", f"{database}_app"
    for role in (owner, app):
        await _ensure_role(admin, role, secrets, adopt)
    urls = addresses(admin_url, service, prefix, secrets)
    assert urls is not None
    if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        # A start killed between CREATE DATABASE and its grants left the grants undone: the marker tells.
        if await _marked(admin, app, database):
            return urls
    else:
        if not await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            # Only a member of a role may make it the owner of something.
            await admin.execute(f'GRANT "{owner}" TO CURRENT_USER')
        await admin.execute(f'CREATE DATABASE "{database}" OWNER "{owner}" TEMPLATE template0 ENCODING \'UTF8\'')
    await admin.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')
    return replace(urls, created=True)


async def _ensure_role(admin: asyncpg.Connection, role: str, secrets: MutableMapping[str, str], adopt: bool) -> None:
    exists = bool(await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role))
    known = role in secrets
    if exists and known:
        return
    if exists and not adopt:
        raise StartError(
            f"資料庫伺服器上已有角色 {role}，但本目錄的 .local/secrets.json 沒有其密碼。"
            "若為另一份程式目錄所建立，請以 MUSTER_DB_PREFIX 指定不同前綴；若密碼檔遺失，請還原該檔。",
            f"The server has a role {role}, but .local/secrets.json here has no password for it. If another "
            "checkout made it, set MUSTER_DB_PREFIX to something else; if the file was lost, restore it.",
        )
    password = secrets.setdefault(role, random.token_urlsafe(24))
    # As costly as the server makes its own (a setting since PostgreSQL 16).
    iterations = await admin.fetchval("SELECT coalesce(current_setting('scram_iterations', true), '4096')::int")
    verifier = scram_verifier(password, os.urandom(16), iterations)
    await admin.execute(f"{'ALTER' if exists else 'CREATE'} ROLE \"{role}\" {_ROLE} PASSWORD '{verifier}'")


async def _marked(admin: asyncpg.Connection, app: str, database: str) -> bool:
    # A grant to the role itself: asking has_database_privilege would also count what PUBLIC may do.
    return bool(
        await admin.fetchval(
            "SELECT 1 FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a "
            "JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE d.datname = $1 AND r.rolname = $2 AND a.privilege_type = 'CONNECT'",
            database,
            app,
        )
    )


async def _grant_schema(admin_url: str, database: str) -> None:
    # Inside the database: the schema's grants first, CONNECT last, because CONNECT marks the work as done.
    connection = await asyncpg.connect(_at(plain(admin_url), database))
    try:
        async with connection.transaction():
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await connection.execute(f'GRANT USAGE ON SCHEMA public TO "{database}_app"')
            await connection.execute(f'GRANT CONNECT ON DATABASE "{database}" TO "{database}_app"')
    finally:
        await connection.close()


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _url(admin_url: str, role: str, password: str, database: str) -> str:
    parts = urlsplit(plain(admin_url))
    host = parts.netloc.rpartition("@")[2]
    login = f"{quote(role, safe='')}:{quote(password, safe='')}"
    return urlunsplit(("postgresql+asyncpg", f"{login}@{host}", f"/{database}", parts.query, ""))
