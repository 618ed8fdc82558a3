"""The smallest thing that can lose something: a PostgreSQL, one service process, callers that never give up.

What the callers do is one POST: an account is created, and the same transaction is to hold its row, its audit row and
the event that tells of it. Used to show that the kill test's questions find a loss where there is one.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import asyncpg
import httpx

from local.children import spawn
from local.databases import Urls, plain, prepare
from local.errors import StartError
from local.layout import REPO
from local.postgres import Postgres, free_port
from shared import migrations
from shared.http import tls
from tests.local.checkout import apart
from tests.support.aftermath import differ
from tests.support.databases import in_thread
from tests.support.services import FIELD_KEYS
from tests.support.suite import ENVIRONMENT, ask

Manner = Literal["together", "apart"]
CALLERS = 16
_ADMIN = {"username": "admin", "password": "a password of this test only"}
_SEED: dict[str, Any] = {
    "organisations": [{"type": "moi", "code": "moi", "name": "內政部", "name_en": "Ministry of the Interior"}],
    "accounts": [
        {
            **_ADMIN,
            "name": "admin",
            "roles": ["admin"],
            "org": {"type": "moi", "code": "moi"},
            "display_name": "系統管理員",
            "email": "admin@example.test",
            "must_change_password": False,
        }
    ],
    "clients": [],
}


class Small:
    """The server, the service and its callers. Start it from a thread that lives as long as it should."""

    def __init__(self, folder: Path) -> None:
        self.server = Postgres(folder / "data", free_port())
        self._settings = self.server.settings
        self.manner: Manner = "together"
        self.port = free_port()
        self.acknowledged: set[str] = set()
        self._log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._token = ""

    @contextmanager
    def at_work(self) -> Iterator["Small"]:
        """All of it, with callers who create accounts meanwhile."""
        self.server.start()
        try:
            self.urls: Urls = in_thread(prepare(self.server.admin_url, ["identity"], "small", {}))["identity"]
            in_thread(asyncio.to_thread(migrations.upgrade, "identity", self.urls.owner))
            seeded = subprocess.run(
                [sys.executable, "-m", "identity.seed"],
                input=json.dumps(_SEED).encode(), env=self._environment(), capture_output=True, check=False,
            )  # fmt: skip
            assert seeded.returncode == 0, seeded.stderr
            self.start_service()
            answer = httpx.post(self._url("/sessions"), json=_ADMIN, timeout=20, trust_env=False)
            self._token = answer.json()["access_token"]
            callers = threading.Thread(target=lambda: asyncio.run(self._call()))
            callers.start()
            try:
                yield self
            finally:
                self._stop.set()
                callers.join()
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            self.server.stop()

    def arrange(self, manner: Manner, **settings: str) -> None:
        """From now on so: the service started in that manner, the server under these settings; what was before is on
        disk and asked for no more."""
        self.manner = manner
        self.server.stop()
        self.server.settings = self._settings | settings
        self.server.start()
        self.kill_service()
        # By then nobody waits for an answer to what he began before.
        self.wait_for_work(4 * CALLERS)
        apart(ask(self.server.admin_url, "CHECKPOINT"))
        self.acknowledged.clear()

    def wait_for_work(self, count: int, patience: float = 60) -> None:
        """Until so many more accounts were acknowledged."""
        wanted, deadline = len(self.acknowledged) + count, time.monotonic() + patience
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {wanted}: {self._log.read_text()[-2000:]}"
            time.sleep(0.01)

    def kill_service(self) -> None:
        """SIGKILL, at any moment of its work, and start it again."""
        assert self._process is not None
        time.sleep(random.uniform(0, 0.05))
        self._process.kill()
        self._process.wait()
        self.start_service()

    def kill_postmaster(self) -> None:
        """SIGKILL, and start it again as soon as those it left behind are gone."""
        self.server.kill()
        deadline = time.monotonic() + 30
        while self.server.pid is None:
            try:
                self.server.start()
            except StartError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def start_service(self) -> None:
        """Returns at once; the callers are patient."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "tests.support.faults_child", str(self.port), self.manner]
            self._process = spawn(command, env=self._environment(), output=log, cwd=REPO)
        deadline = time.monotonic() + 60
        with httpx.Client(timeout=2, trust_env=False, verify=tls()) as client:
            while time.monotonic() < deadline:
                try:
                    client.get(f"http://127.0.0.1:{self.port}/readyz").raise_for_status()
                    return
                except httpx.HTTPError:
                    time.sleep(0.05)
        raise AssertionError(self._log.read_text()[-2000:])

    def losses(self) -> list[str]:
        """What was acknowledged and is not there, or is there twice: rows, audit rows, events."""
        return apart(self._look(set(self.acknowledged)))

    async def _look(self, acknowledged: set[str]) -> list[str]:
        connection = await asyncpg.connect(plain(self.urls.owner))
        try:
            rows = await connection.fetch("SELECT id::text FROM account")
            audits = await connection.fetch("SELECT entity_id AS id FROM audit_entry WHERE action = 'account.created'")
            events = await connection.fetch(
                "SELECT payload -> 'event' ->> 'subject' AS id FROM job WHERE kind = 'event.deliver'"
            )
        finally:
            await connection.close()
        found: list[str] = []
        for what, kept in (("account", rows), ("audit row", audits), ("event", events)):
            # What was created without anybody having been told yet is nobody's loss.
            found += differ(what, acknowledged, (row["id"] for row in kept if row["id"] in acknowledged))
        return found

    async def _call(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(headers=headers, timeout=10, trust_env=False) as client:
            await asyncio.gather(*(self._caller(client) for _ in range(CALLERS)))

    async def _caller(self, client: httpx.AsyncClient) -> None:
        while not self._stop.is_set():
            name = f"a{uuid.uuid4().hex}"
            body = {
                "username": name,
                "org": {"type": "moi", "code": "moi"},
                "roles": ["auditor"],
                "display_name": "稽核人員",
                "email": f"{name}@example.test",
            }
            key = {"Idempotency-Key": uuid.uuid4().hex}
            while not self._stop.is_set():
                try:
                    answer = await client.post(self._url("/accounts"), json=body, headers=key)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 201:
                    self.acknowledged.add(answer.json()["id"])
                    break
                assert answer.status_code >= 500 or answer.status_code == 409, answer.text
                await asyncio.sleep(0.05)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/identity/v1{path}"

    def _environment(self) -> dict[str, str]:
        nowhere = "http://127.0.0.1:1"
        return os.environ | ENVIRONMENT | {
            "MUSTER_ENV": "local",
            "MUSTER_IDENTITY_DATABASE_URL": self.urls.app,
            "MUSTER_FIELD_KEYS": FIELD_KEYS,
            "MUSTER_ISSUER": f"{nowhere}/identity",
            "MUSTER_IDENTITY_URL": nowhere,
            "MUSTER_ROSTER_URL": nowhere,
            "MUSTER_NOTIFY_URL": nowhere,
            "MUSTER_GATEWAY_URL": nowhere,
            "MUSTER_LOG_LEVEL": "WARNING",
        }  # fmt: skip
