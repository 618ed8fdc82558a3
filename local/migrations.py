"""Bringing every database to the revision of this checkout, and not asking twice.

`python -m <package>.migrate` costs a second of start-up each. When a service's migration files are the ones that were
applied last time and its database still says that revision, there is nothing to ask.
"""

import asyncio
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from local.databases import Urls, plain
from local.errors import StartError
from local.layout import read_json, write_json
from local.processes import run_once, tail
from local.suite import Suite, package, source

NEWER_DATABASE = 3  # shared.migrations: the exit code for a revision this code does not know


@dataclass(frozen=True)
class State:
    """What a database says: its revision, None while it is empty."""

    service: str
    revision: str | None


async def state(service: str, urls: Urls) -> State:
    """Ask a database for its revision."""
    connection = await asyncpg.connect(plain(urls.owner))
    try:
        if not await connection.fetchval("SELECT to_regclass('public.alembic_version') IS NOT NULL"):
            return State(service, None)
        return State(service, await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()


async def migrate(suite: Suite, states: Iterable[State]) -> list[str]:
    """Upgrade what is behind, all at the same time; returns the services that were upgraded.

    Raises `StartError` when a database is newer than the code or a migration fails; nothing is half done, since
    each service migrates in one transaction.
    """
    file = suite.layout.root / "migrations.json"
    applied = read_json(file)
    behind = [s for s in states if applied.get(s.service) != {"files": digest(s.service), "revision": s.revision}]
    codes = await asyncio.gather(*(_run(suite, s.service) for s in behind))
    for found, code in zip(behind, codes, strict=True):
        if code:
            raise _failed(suite, found, code)
    if behind:
        after = await asyncio.gather(*(state(s.service, suite.urls[s.service]) for s in behind))
        applied |= {s.service: {"files": digest(s.service), "revision": s.revision} for s in after}
        write_json(file, applied)
    return [s.service for s in behind]


def digest(service: str) -> str:
    """A fingerprint of a service's migration files."""
    hasher = hashlib.sha256()
    for path in sorted((source(service) / "migrations").rglob("*.py")):
        content = path.read_bytes()
        hasher.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return hasher.hexdigest()


async def _run(suite: Suite, service: str) -> int:
    return await run_once(
        [sys.executable, "-m", f"{package(service)}.migrate"],
        env=suite.common() | suite.environment(service, owner=True),
        log=suite.layout.log(f"{service}-migrate"),
    )


def _failed(suite: Suite, found: State, code: int) -> StartError:
    log = suite.layout.log(f"{found.service}-migrate")
    if code == NEWER_DATABASE:
        return StartError(
            f"{found.service} 資料庫的版本（{found.revision}）比本程式新，資料未變更。"
            "請更新程式（git pull）後再啟動，或改用另一份 .local/ 資料。",
            f"The {found.service} database is at revision {found.revision}, newer than this code; nothing was changed. "
            "Update the checkout (git pull) and start again, or use another .local/ folder.",
        )
    return StartError(
        f"{found.service} 資料庫移轉失敗（結束代碼 {code}），原有資料維持不變。紀錄檔：{log}\n{tail(log)}",
        f"Migrating the {found.service} database failed (exit code {code}); it is as it was before. Its log: {log}",
    )
