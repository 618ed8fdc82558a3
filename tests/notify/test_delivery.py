"""Handing over: retries, refusals, deaths, and one Message-ID for ever (NO-06)."""

import asyncio
import os
import signal
import sys
from collections import Counter

import pytest

from notify.channels import smtp as channel
from notify.channels.smtp import MailServer
from notify.messages.deliver import Sender
from shared.settings import SettingsError
from tests.notify.support import (
    START,
    account,
    detail,
    due,
    known,
    messages,
    sql,
    told,
    work,
    worker,
)
from tests.support.services import settings_for
from tests.support.tokens import bearer, key


async def _one(notify, smtp) -> None:
    """One message that waits for its first attempt."""
    await known(notify, account("approver1"))
    await told(notify, "submitted")


async def _attempts(notify) -> list[tuple[str | None, int | None, str | None]]:
    shown = await detail(notify, (await messages(notify))[0]["id"])
    return [(a["outcome"], a["reply_code"], a["detail"]) for a in shown["attempts"]]


async def _state(notify) -> tuple[str, str | None]:
    shown = (await messages(notify))[0]
    return shown["state"], shown["failure"] and shown["failure"]["code"]


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize(
    "mood, attempt",
    [
        ({"rcpt": {"approver1@example.test": "451 greylisted"}}, ("deferred", 451, "recipient_deferred")),
        ({"rcpt": {"approver1@example.test": "450 busy"}}, ("deferred", 450, "recipient_deferred")),
        ({"data": ["452 full"]}, ("deferred", 452, "content_deferred")),
        ({"rcpt": {"approver1@example.test": "530 log in"}}, ("deferred", 530, "recipient_deferred")),
    ],
)
async def test_patience_asked_for_is_patience_given(notify, smtp, mood, attempt):
    await _one(notify, smtp)
    for name, value in mood.items():
        setattr(smtp.handler, name, value)
    assert await work(notify, smtp) == 1
    assert await _state(notify) == ("sending", None)
    smtp.handler.rcpt = {}
    assert await work(notify, smtp) == 0, "back-off: not at once"
    await due(notify)
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)
    assert await _attempts(notify) == [attempt, ("accepted", 250, "accepted")]
    assert len(smtp.mails) == 1


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize(
    "mood, attempt",
    [
        ({"rcpt": {"approver1@example.test": "550 unknown"}}, ("refused", 550, "recipient_refused")),
        ({"data": ["554 spam"]}, ("refused", 554, "content_refused")),
    ],
)
async def test_a_final_refusal_is_final_and_shows(notify, smtp, mood, attempt):
    await _one(notify, smtp)
    for name, value in mood.items():
        setattr(smtp.handler, name, value)
    await work(notify, smtp)
    assert await _state(notify) == ("failed", "refused")
    assert await _attempts(notify) == [attempt]
    assert [(r.state, r.last_error) for r in await sql(notify, "SELECT state, last_error FROM job")] == [
        ("dead", f"GiveUp: {attempt[2]} {attempt[1]}")
    ]
    await due(notify)
    assert await work(notify, smtp) == 0


@pytest.mark.rule("NO-06")
async def test_one_refused_recipient_holds_nobody_up(notify, smtp):
    await known(notify, account("approver1"), account("approver2"))
    smtp.handler.rcpt = {"approver1@example.test": "550 unknown"}
    await told(notify, "submitted")
    await work(notify, smtp)
    assert {m["recipient"]: m["state"] for m in await messages(notify)} == {"approver1": "failed", "approver2": "sent"}


@pytest.mark.rule("NO-06")
async def test_a_mail_server_that_is_away_is_waited_for(notify, smtp):
    await _one(notify, smtp)
    for _ in range(3):
        assert await work(notify, "smtp://127.0.0.1:1") == 1
        await due(notify)
    assert await _state(notify) == ("sending", None)
    assert await _attempts(notify) == [("deferred", None, "not_connected")] * 3
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize(
    "spoken, attempt",
    [
        (b"554 no service\r\n", ("deferred", 554, "server_not_ready")),
        (b"421 too busy\r\n", ("deferred", 421, "server_not_ready")),
        (b"HTTP/1.1 200 OK\r\n\r\n", ("deferred", None, "server_not_ready")),
        (b"\xff\xfe\x00\r\n", ("deferred", None, "server_not_ready")),
        (b"", ("deferred", None, "not_connected")),
        (b"220 hello\r\n", ("deferred", None, "connection_lost")),
    ],
)
async def test_trouble_with_the_server_is_no_refusal_of_the_message(notify, smtp, spoken, attempt):
    async def greet(reader, writer):
        writer.write(spoken)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    await _one(notify, smtp)
    try:
        await work(notify, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    finally:
        server.close()
    assert await _state(notify) == ("sending", None)
    assert await _attempts(notify) == [attempt]
    await due(notify)
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)


@pytest.mark.rule("NO-06")
async def test_a_server_that_never_answers_costs_a_try_not_the_lease(notify, smtp, monkeypatch):
    monkeypatch.setattr(channel, "TOTAL_SECONDS", 0.3)

    async def slow():
        await asyncio.sleep(1)

    smtp.handler.on_data = slow
    await _one(notify, smtp)
    await work(notify, smtp)
    assert await _attempts(notify) == [("deferred", None, "timed_out")]
    smtp.handler.on_data = None
    await due(notify)
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)
    # The slow server had taken it after all: the second copy bears the same Message-ID.
    assert len({m["message-id"] for m in smtp.mails}) == 1


@pytest.mark.rule("NO-06")
async def test_what_the_server_took_is_sent_however_it_says_goodbye(notify, smtp, monkeypatch):
    monkeypatch.setattr(channel, "GOODBYE_SECONDS", 0.1)
    smtp.handler.quit_seconds = 1
    await _one(notify, smtp)
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)
    assert len(smtp.mails) == 1


async def _replay(notify, message_id: str, **headers):
    who = bearer("admin", org="moi:moi")
    return await notify.http.post(f"/notify/v1/messages/{message_id}/replay", headers=who | (headers or key()))


@pytest.mark.rule("NO-06")
async def test_the_last_try_ends_in_the_dead_letter_list_and_can_be_replayed(notify, smtp):
    await _one(notify, smtp)
    await sql(notify, "UPDATE job SET max_attempts = 2")
    for _ in range(2):
        await work(notify, "smtp://127.0.0.1:1")
        await due(notify)
    assert await _state(notify) == ("failed", "exhausted")
    dead = await notify.http.get("/notify/v1/messages?state=failed", headers=bearer("admin", org="moi:moi"))
    (shown,) = dead.json()["items"]
    assert shown["failure"]["label"] == "多次重試仍無法交付"
    answer = await _replay(notify, shown["id"])
    assert (answer.status_code, answer.json()["state"]) == (202, "created")
    assert await work(notify, smtp) == 1
    assert await _state(notify) == ("sent", None)
    assert smtp.mails[0]["message-id"] == f"<{shown['id']}@example.test>"
    assert [a[0] for a in await _attempts(notify)] == ["deferred", "deferred", "accepted"]


@pytest.mark.rule("NO-06")
async def test_only_what_failed_or_lies_abandoned_is_replayed(notify, smtp):
    await _one(notify, smtp)
    message_id = (await messages(notify))[0]["id"]
    assert (await _replay(notify, message_id)).status_code == 409, "still queued"
    await sql(notify, "UPDATE job SET state = 'dead'")
    assert (await _replay(notify, message_id)).status_code == 202, "nobody works on it any more"
    await work(notify, smtp)
    refused = await _replay(notify, message_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await due(notify)
    await work(notify, smtp)
    assert len(smtp.mails) == 1


@pytest.mark.rule("NO-06")
async def test_a_replay_sent_twice_is_one_replay(notify, smtp):
    await _one(notify, smtp)
    message_id = (await messages(notify))[0]["id"]
    smtp.handler.rcpt = {"approver1@example.test": "550 unknown"}
    await work(notify, smtp)
    smtp.handler.rcpt = {}
    the_key = key()
    first, second = await _replay(notify, message_id, **the_key), await _replay(notify, message_id, **the_key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["idempotent-replayed"] == "true"
    await work(notify, smtp)
    assert len(smtp.mails) == 1


@pytest.mark.rule("NO-03", "NO-06")
async def test_a_replay_does_not_write_to_who_declined_meanwhile(notify, smtp):
    await _one(notify, smtp)
    message_id = (await messages(notify))[0]["id"]
    smtp.handler.rcpt = {"approver1@example.test": "550 unknown"}
    await work(notify, smtp)
    smtp.handler.rcpt = {}
    await known(notify, account("approver1", system_mail=False), at=START)
    assert (await _replay(notify, message_id)).status_code == 202
    await work(notify, smtp)
    assert await _state(notify) == ("failed", "opted_out")
    assert smtp.mails == []


@pytest.mark.rule("NO-06")
async def test_two_workers_send_each_message_once(notify, smtp):
    await known(notify, *(account(f"approver{n}") for n in range(20)))
    await told(notify, "submitted")
    await asyncio.gather(work(notify, smtp), work(notify, smtp))
    assert len(smtp.mails) == 20
    assert len({m["message-id"] for m in smtp.mails}) == 20


@pytest.mark.rule("NO-06")
async def test_who_lost_the_lease_still_notes_that_it_was_sent(notify, smtp):
    """A second worker took the job over while the first spoke to the server: it finds the message sent."""

    async def lose_the_lease():
        await sql(notify, "UPDATE job SET owner = gen_random_uuid(), lease_until = now() - interval '1 second'")

    smtp.handler.on_data = lose_the_lease
    await _one(notify, smtp)
    await worker(notify, smtp.url).run_once()
    assert await _state(notify) == ("sent", None)
    smtp.handler.on_data = None
    assert await work(notify, smtp) == 1
    assert len(smtp.mails) == 1


def _environment(notify, smtp) -> dict[str, str]:
    settings = notify.settings
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")},
        "MUSTER_ENV": "local",
        "MUSTER_NOTIFY_DATABASE_URL": settings.database_url.get_secret_value(),
        "MUSTER_FIELD_KEYS": settings.field_keys.get_secret_value(),
        "MUSTER_ISSUER": settings.issuer,
        "MUSTER_IDENTITY_URL": settings.identity_url,
        "MUSTER_SMTP_URL": smtp.url,
        "MUSTER_MAIL_FROM": "muster@example.test",
        "MUSTER_LOG_LEVEL": "WARNING",
    }


async def _process(notify, smtp) -> asyncio.subprocess.Process:
    """A worker process of its own, as the supervisor starts it."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notify.worker", env=_environment(notify, smtp), stdout=asyncio.subprocess.DEVNULL
    )


@pytest.mark.rule("NO-06")
async def test_a_worker_killed_between_acceptance_and_commit_sends_the_same_message_again(notify, smtp):
    await _one(notify, smtp)
    process = await _process(notify, smtp)

    async def kill():
        process.kill()
        await process.wait()

    smtp.handler.on_data = kill
    await asyncio.wait_for(process.wait(), 30)
    assert process.returncode == -signal.SIGKILL
    assert len(smtp.mails) == 1
    assert await _state(notify) == ("sending", None)
    assert await work(notify, smtp) == 0, "the dead worker's lease still runs"
    await due(notify)
    smtp.handler.on_data = None
    await work(notify, smtp)
    assert await _state(notify) == ("sent", None)
    first, second = smtp.mails
    assert first["message-id"] == second["message-id"]
    assert smtp.handler.raws[0] == smtp.handler.raws[1]
    assert await _attempts(notify) == [(None, None, None), ("accepted", 250, "accepted")]


@pytest.mark.rule("NO-06")
async def test_kills_lose_no_message_and_repeat_only_by_the_same_id(notify, smtp):
    """Two workers in a row are killed in the middle of two dozen messages."""
    await known(notify, *(account(f"approver{n:02}") for n in range(24)))
    await told(notify, "submitted")
    for _ in range(2):
        process = await _process(notify, smtp)
        before = len(smtp.mails)

        async def kill_later(process=process, before=before):
            if len(smtp.mails) >= before + 5 and process.returncode is None:
                process.kill()

        smtp.handler.on_data = kill_later
        await asyncio.wait_for(process.wait(), 30)
        await due(notify)
    smtp.handler.on_data = None
    await work(notify, smtp)
    counts = Counter(m["message-id"] for m in smtp.mails)
    assert len(counts) == 24
    assert {m["state"] for m in await messages(notify)} == {"sent"}
    assert max(counts.values()) <= 3


@pytest.mark.rule("NO-06")
async def test_a_worker_told_to_stop_finishes_what_it_has_in_hand(notify, smtp):
    await _one(notify, smtp)
    process = await _process(notify, smtp)

    async def stop():
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)

    smtp.handler.on_data = stop
    assert await asyncio.wait_for(process.wait(), 30) == 0
    assert await _state(notify) == ("sent", None)
    assert len(smtp.mails) == 1


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1:25", "smtp://", "127.0.0.1:25", "smtp://127.0.0.1:notaport", "smtp://127.0.0.1:99999"]
)
def test_an_unusable_mail_server_stops_the_start_and_is_named(url, notify_urls):
    with pytest.raises(SettingsError, match="MUSTER_SMTP_URL"):
        MailServer.of(settings_for("notify", notify_urls, smtp_url=url))


def test_a_sender_address_that_is_none_stops_the_start(notify_urls):
    with pytest.raises(SettingsError, match="MUSTER_MAIL_FROM"):
        MailServer.of(settings_for("notify", notify_urls, mail_from="nobody"))


def test_the_sender_is_made_from_the_settings(notify):
    sender = Sender(notify.settings, notify.database)
    assert (sender.server.host, sender.server.port, sender.server.tls) == ("127.0.0.1", 1, "none")
