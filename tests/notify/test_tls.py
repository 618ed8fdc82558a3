"""Mail leaves in the clear in local mode only (NO-02)."""

import asyncio

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from tests.notify.support import MailHandler, account, detail, known, messages, told, worker
from tests.support.certificates import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


async def _try(
    notify, *, scheme="smtp", log_in="", env="production", listen=None, **server
) -> tuple[MailHandler, tuple[str, int | None, str]]:
    """One attempt at a server made as told; what it took and how the attempt ended."""
    handler = MailHandler()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(handler, hostname="sink", loop=loop, **server), "127.0.0.1", 0, ssl=listen
    )
    await known(notify, account("approver1"))
    await told(notify, "submitted")
    url = f"{scheme}://{log_in}127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        await worker(notify, url, env=env).run_once()
    finally:
        listening.close()
    (attempt,) = (await detail(notify, (await messages(notify))[0]["id"]))["attempts"]
    return handler, (attempt["outcome"], attempt["reply_code"], attempt["detail"])


ACCEPTED = ("accepted", 250, "accepted")
NOT_CONNECTED = ("deferred", None, "not_connected")


@pytest.mark.rule("NO-06")
async def test_outside_local_mode_a_server_without_tls_gets_nothing(notify):
    handler, attempt = await _try(notify)
    assert (len(handler.mails), attempt) == (0, NOT_CONNECTED)


async def test_in_local_mode_it_does(notify):
    handler, attempt = await _try(notify, env="local")
    assert (len(handler.mails), attempt) == (1, ACCEPTED)


@pytest.mark.parametrize("way", ["starttls", "implicit"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_the_certificate_is_checked(notify, certificate, monkeypatch, way, trusted):
    path, context = certificate
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    options = {"tls_context": context} if way == "starttls" else {"scheme": "smtps", "listen": context}
    handler, attempt = await _try(notify, **options)
    assert (len(handler.mails), attempt) == ((1, ACCEPTED) if trusted else (0, NOT_CONNECTED))


@pytest.mark.rule("NO-06")
@pytest.mark.parametrize("good", [True, False])
async def test_a_log_in_that_fails_is_ours_to_mend(notify, certificate, monkeypatch, good):
    path, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    handler, attempt = await _try(
        notify,
        log_in="us%40er:pa%3Ass@",
        tls_context=context,
        auth_required=True,
        authenticator=lambda _s, _e, _x, _m, data: AuthResult(
            success=good and (data.login, data.password) == (b"us@er", b"pa:ss"), handled=False
        ),
    )
    expected = (1, ACCEPTED) if good else (0, ("deferred", 535, "server_not_ready"))
    assert (len(handler.mails), attempt) == expected
