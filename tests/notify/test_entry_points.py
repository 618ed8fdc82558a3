"""The three processes start as the supervisor starts them."""

import asyncio
import os
import socket
import sys

import asyncpg
import httpx

from local.databases import plain
from tests.notify.test_delivery import _environment


async def _run(*arguments: str, env: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def test_migrate_twice_and_never_back(notify_urls):
    env = dict(os.environ) | {"MUSTER_NOTIFY_OWNER_DATABASE_URL": notify_urls.owner}
    assert (await _run("-m", "notify.migrate", env=env))[0] == 0
    owner = await asyncpg.connect(plain(notify_urls.owner))
    await owner.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    await owner.close()
    code, said = await _run("-m", "notify.migrate", env=env)
    assert code == 3
    assert "9999_from_the_future" in said


async def test_the_web_process_answers(notify, smtp):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "uvicorn", "--factory", "notify.main:create_app", "--port", str(port)),
        env=_environment(notify, smtp),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(200):
                try:
                    answer = await client.get("/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
            assert answer.status_code == 200
            ready = await client.get("/readyz")
            # Identity is not there, so there are no keys to check a token with.
            assert (ready.status_code, ready.json()["database"]) == (503, "ok")
            assert (await client.get("/notify/v1/messages")).status_code == 401
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def test_a_worker_without_a_mail_server_says_what_to_set(notify, smtp):
    code, said = await _run("-m", "notify.worker", env=_environment(notify, smtp) | {"MUSTER_SMTP_URL": ""})
    assert code == 1
    assert "MUSTER_SMTP_URL must be smtp://host:port" in said
