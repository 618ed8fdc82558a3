"""The worker process: starts as it is set up or says why not, and ends what is in hand when told to stop."""

import asyncio
import base64
import json
import os
import signal
import sys
import time
from dataclasses import dataclass

import pytest

from shared import audit, crypto
from shared.audit_check import verify
from shared.audit_heads import HEAD_KEY, FileHeads
from shared.db import Context
from tests.shared.doing import ask, states
from tests.shared.probe import Probe
from tests.support.services import FIELD_KEYS

# Seconds for a process to do what it does in one or two where it has a processor.
PATIENCE = 100
OTHER_KEYS = json.dumps(
    {
        "active": "t1",
        "keys": {"t1": base64.b64encode(b"x" * 32).decode()},
        "index": base64.b64encode(b"y" * 32).decode(),
    }
)


def environment(probe: Probe, **changes: str | None) -> dict[str, str]:
    told: dict[str, str | None] = {
        "MUSTER_ENV": "local",
        "MUSTER_NOTIFY_DATABASE_URL": probe.urls.app,
        "MUSTER_ISSUER": "http://127.0.0.1:1/identity",
        "MUSTER_IDENTITY_URL": "http://127.0.0.1:1",
        "MUSTER_FIELD_KEYS": FIELD_KEYS,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    return kept | {name: value for name, value in (told | changes).items() if value is not None}


async def started(env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.shared.worker_child", env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@dataclass
class Ended:
    code: int | None
    lines: list[str]
    stderr: str


async def told_to_stop(process: asyncio.subprocess.Process, signum: int, after: str) -> Ended:
    """Send the signal when the line `after` has come, and wait for the end."""
    assert process.stdout is not None
    lines: list[str] = []
    while line := (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode():
        lines.append(line)
        if after in line:
            process.send_signal(signum)
            break
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return Ended(process.returncode, lines + out.decode().splitlines(), err.decode())


@pytest.mark.parametrize(("signum", "dev"), [(signal.SIGTERM, "1"), (signal.SIGINT, None)])
async def test_told_to_stop_it_finishes_what_is_in_hand_and_leaves_nothing_open(probe, signum, dev):
    """In Python's development mode nothing is said of unclosed connections, unawaited coroutines or pending tasks."""
    await ask(probe, *map(str, range(20)))
    ended = await told_to_stop(await started(environment(probe, PYTHONDEVMODE=dev)), signum, "in hand")
    assert (ended.code, ended.stderr) == (0, "")
    assert len(await probe.effects()) == 16
    assert sorted(await states(probe)) == ["done"] * 16 + ["ready"] * 4
    assert all(json.loads(line) for line in ended.lines)
    assert "worker_started" in "".join(ended.lines)


async def test_beside_its_jobs_it_seals(probe, tmp_path):
    process = await started(environment(probe, MUSTER_ENV="production", MUSTER_AUDIT_HEAD_DIR=str(tmp_path / "audit")))
    async with probe.database.transaction(Context.system("notify")) as session:
        await audit.record(session, "thing.done", "thing", 1)
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "audit" / "notify.log").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    await told_to_stop(process, signal.SIGTERM, "worker_started")
    heads = FileHeads(tmp_path / "audit", "notify", crypto.KeyRing.parse(FIELD_KEYS).derive(HEAD_KEY))
    account = await verify(probe.database, "notify", heads)
    assert (account.findings, account.warnings, account.rows, account.blocks) == ({}, {}, 1, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"MUSTER_ISSUER": None}, "MUSTER_ISSUER"),
        ({"MUSTER_FIELD_KEYS": OTHER_KEYS}, "key"),
        # Rows that nobody seals must not go unnoticed.
        ({"MUSTER_ENV": "production"}, "MUSTER_AUDIT_HEAD_DIR"),
    ],
    ids=lambda v: str(v)[:40],
)
async def test_what_it_cannot_start_with_is_one_line(probe, changes, said):
    started_at = time.monotonic()
    process = await started(environment(probe, **changes))
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 1
    assert said in err.decode()
    assert "Traceback" not in err.decode()
    assert len(err.decode().splitlines()) == 1
    assert time.monotonic() - started_at < 30
    assert b"worker_started" not in out
