"""The mail sink: a mail server that delivers nowhere and shows over HTTP what it was given.

`GET /messages?to=` lists what one address (or everybody) received, oldest first; `DELETE /messages` empties it;
`PUT /faults {"fail_next": n, "delay_ms": n}` makes the next n messages bounce with 451, for tests; `GET /faults`
tells how many are left. A message is on disk before the SMTP client hears 250, so that a kill loses nothing that
was accepted.
"""

import asyncio
import email.policy
import json
import os
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local import standin
from shared import clock

LARGEST_MESSAGE = 20 * 1024 * 1024
# aiosmtpd calls its handler's method by this name.
ACCEPTED, TRY_LATER = "250 2.0.0 Message accepted", "451 4.3.0 Told to fail by PUT /faults"


@dataclass(frozen=True)
class Message:
    """One accepted message; `to` holds the envelope's recipients."""

    id: int
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    received_at: str

    def shown(self) -> dict[str, Any]:
        return {"from" if name == "sender" else name: value for name, value in asdict(self).items()}


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /faults` sets; both go back to nothing at a restart."""

    fail_next: int = 0
    delay_ms: int = 0


class Mailbox:
    """The accepted messages, in memory and in a file of one JSON object a line."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.messages: list[Message] = []
        self.faults = Faults()
        self.next_id = 1
        if file.exists():
            for line in file.read_bytes().split(b"\n"):
                # A kill in the middle of a line leaves a tail that was never acknowledged.
                if line.endswith(b"}"):
                    self.messages.append(Message(**json.loads(line)))
            self._rewrite()
        if self.messages:
            self.next_id = self.messages[-1].id + 1

    def add(self, sender: str, to: list[str], content: bytes) -> None:
        """Keep a message; it is on disk when this returns."""
        parsed = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(content)
        message = Message(
            id=self.next_id,
            sender=sender,
            to=to,
            subject=str(parsed.get("Subject", "")),
            text=_part(parsed, "plain") or "",
            html=_part(parsed, "html"),
            headers={name: str(value) for name, value in parsed.items()},
            received_at=clock.now().isoformat(),
        )
        self._append(json.dumps(asdict(message), ensure_ascii=False).encode() + b"\n")
        self.messages.append(message)
        self.next_id += 1

    def to(self, address: str | None) -> list[Message]:
        """What `address` received (case does not matter), or everything."""
        if address is None:
            return list(self.messages)
        wanted = address.casefold()
        return [m for m in self.messages if wanted in (a.casefold() for a in m.to)]

    def clear(self) -> None:
        self.messages.clear()
        self._rewrite()

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _rewrite(self) -> None:
        draft = self.file.with_name(self.file.name + ".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            for message in self.messages:
                handle.write(json.dumps(asdict(message), ensure_ascii=False).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(self.file)


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        # Mail travels with CRLF; a reader compares lines.
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


class Handler:
    """aiosmtpd's side: every envelope goes into the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        faults = self.mailbox.faults
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        if faults.fail_next > 0:
            faults.fail_next -= 1
            return TRY_LATER
        content = envelope.content
        data = content.encode() if isinstance(content, str) else content or b""
        self.mailbox.add(envelope.mail_from or "", list(envelope.rcpt_tos), data)
        return ACCEPTED


def create_app(mailbox: Mailbox) -> Starlette:
    """The sink's HTTP side."""

    async def messages(request: Request) -> Response:
        if request.method == "DELETE":
            mailbox.clear()
            return Response(status_code=204)
        return standin.answer([m.shown() for m in mailbox.to(request.query_params.get("to"))])

    async def faults(request: Request) -> Response:
        if request.method == "PUT":
            mailbox.faults = standin.read(await standin.body(request), Faults)
        return standin.answer(mailbox.faults)

    return standin.application(
        [
            Route("/messages", messages, methods=["GET", "DELETE"]),
            Route("/faults", faults, methods=["GET", "PUT"]),
        ]
    )


async def run(port: int, smtp_port: int, file: Path) -> None:
    """Serve SMTP and HTTP until told to stop."""
    mailbox = Mailbox(file)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            Handler(mailbox), hostname="mail-sink.localhost", data_size_limit=LARGEST_MESSAGE, enable_SMTPUTF8=True
        ),
        "127.0.0.1",
        smtp_port,
    )
    await standin.serve(create_app(mailbox), port, server)


if __name__ == "__main__":
    options = standin.arguments("A mail server that keeps what it gets.", "smtp-port")
    asyncio.run(run(options.port, options.smtp_port, options.file))
