"""The three processes start as the supervisor starts them."""

import asyncio
import os
import socket
import sys

import asyncpg
import httpx

from local.databases import plain, prepare
from shared import migrations
from tests.notify.test_delivery import _environment
from tests.support.databases import Template, in_thread


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


async def test_an_older_database_keeps_its_mail_and_gets_empty_inboxes(admin_url):
    """What was mailed before there was an inbox stays as it was, and nobody finds old news unread."""
    prefix = f"old_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    urls = in_thread(prepare(admin_url, ["notify"], prefix, {}))["notify"]
    await asyncio.to_thread(migrations.upgrade, "notify", urls.owner, "0001_create_messages")
    owner = await asyncpg.connect(plain(urls.owner))
    try:
        await owner.execute(
            "INSERT INTO message VALUES (gen_random_uuid(), 'email', 'muster.roster.batch.submitted.v1', now(),"
            " gen_random_uuid(), 'batch_submitted', 1, 'approver1', 'county', '63000', false, 's', '\\x00', 'sent',"
            " NULL, now(), now(), now())"
        )
        before = await owner.fetchrow("SELECT * FROM message")
        await asyncio.to_thread(migrations.upgrade, "notify", urls.owner)
        after = await owner.fetchrow("SELECT * FROM message")
        assert dict(after) == dict(before) | {"subject_en": None}
        assert await owner.fetchval("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM inbox_item)") == 0
    finally:
        await owner.close()
        await Template("notify", admin_url, urls).drop(urls)


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
