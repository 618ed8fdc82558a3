"""Handing e-mail to a mail server, and telling what its answer means.

One connection a message. A refusal is final only when the server says so (5xx) of this very message: trouble with the
connection, the greeting, the log-in or TLS is trouble with the server, and passes.
"""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from shared.law import rule
from shared.settings import Settings, SettingsError

# Well inside a job's lease, so that a slow server costs a retry and not the lease.
TOTAL_SECONDS = 25
STEP_SECONDS = 10
GOODBYE_SECONDS = 2
# RFC 4954, section 6: our log-in is at fault, not the message.
LOG_IN_CODES = (530, 534, 535, 538)


class HandOverError(Exception):
    """The message was not handed over, as far as we know. `code` is the server's, None when it gave none."""

    def __init__(self, detail: str, code: int | None = None) -> None:
        # What cannot be read as a reply comes out of the library as -1.
        code = code if code is not None and 100 <= code <= 999 else None
        super().__init__(detail if code is None else f"{detail} {code}")
        self.detail = detail
        self.code = code


class DeferredError(HandOverError):
    """Try again later."""


class RefusedError(HandOverError):
    """Never: the server refused this message or its recipient for good."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes: `tls` from the first byte, by STARTTLS (demanded, not just tried), or none."""

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    username: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "MailServer":
        """From `MUSTER_SMTP_URL`: `smtps://` or `smtp://[user:password@]host[:port]`; raises `SettingsError`.

        `smtp://` means STARTTLS everywhere but in local mode, where the mail sink has none.
        """
        try:
            url = urlsplit(settings.smtp_url)
            port = url.port
        except ValueError:
            raise SettingsError("MUSTER_SMTP_URL is not an address.") from None
        if url.scheme not in ("smtp", "smtps") or not url.hostname:
            raise SettingsError("MUSTER_SMTP_URL must be smtp://host:port or smtps://host:port.")
        if "@" not in settings.mail_from:
            raise SettingsError("MUSTER_MAIL_FROM must be an e-mail address.")
        implicit = url.scheme == "smtps"
        return cls(
            host=url.hostname,
            port=port or (465 if implicit else 587),
            tls="implicit" if implicit else "none" if settings.env == "local" else "starttls",
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
        )

    @rule("NO-06")
    async def hand_over(self, mail: EmailMessage, mail_from: str, to_address: str) -> int:
        """Give `mail` to the server; its code (250) once it has taken it. Raises `DeferredError` or `RefusedError`."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls == "implicit",
            start_tls=self.tls == "starttls",
            username=self.username,
            password=self.password,
            local_hostname=mail_from.rpartition("@")[2],
            timeout=STEP_SECONDS,
        )
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await _connect(client)
                await _send(client, mail, mail_from, to_address)
        except TimeoutError:
            raise DeferredError("timed_out") from None
        finally:
            await _goodbye(client)
        return 250


async def _connect(client: aiosmtplib.SMTP) -> None:
    try:
        await client.connect()
    except aiosmtplib.SMTPTimeoutError:
        raise DeferredError("timed_out") from None
    except aiosmtplib.SMTPResponseException as error:
        raise DeferredError("server_not_ready", error.code) from None
    except (aiosmtplib.SMTPException, ssl.SSLError, OSError, ValueError):
        raise DeferredError("not_connected") from None


async def _send(client: aiosmtplib.SMTP, mail: EmailMessage, mail_from: str, to_address: str) -> None:
    try:
        await client.sendmail(mail_from, [to_address], mail.as_bytes())
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _answer("recipient", error.recipients[0].code) from None
    except aiosmtplib.SMTPHeloError as error:
        raise DeferredError("server_not_ready", error.code) from None
    except aiosmtplib.SMTPSenderRefused as error:
        raise _answer("sender", error.code) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _answer("content", error.code) from None
    except aiosmtplib.SMTPTimeoutError:
        raise DeferredError("timed_out") from None
    except (aiosmtplib.SMTPException, OSError):
        raise DeferredError("connection_lost") from None


@rule("NO-06")
def _answer(of: str, code: int) -> HandOverError:
    # Below 500 the server asks for patience (RFC 5321, 4.2.1).
    if 500 <= code <= 599 and code not in LOG_IN_CODES:
        return RefusedError(f"{of}_refused", code)
    return DeferredError(f"{of}_deferred", code)


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    """QUIT if the server still listens. What it says, or does not say, no longer matters: the mail is its own."""
    try:
        if client.is_connected:
            await client.quit(timeout=GOODBYE_SECONDS)
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        client.close()
    else:
        client.close()
