"""A message as an e-mail: text in two languages, headers that nothing can be added to, one Message-ID for ever."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

from shared.ids import mask_ids_in
from shared.law import rule


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into the envelope and onto the paper."""

    message_id: UUID
    template: str
    template_version: int
    written_at: datetime
    to_address: str
    to_name: str
    subject: str
    body: str


@rule("NO-05", "NO-06")
def compose(letter: Letter, mail_from: str) -> EmailMessage:
    """The e-mail of `letter` from `mail_from`; the same letter gives the same Message-ID and Date each time.

    Raises ValueError for a subject or name with a line break and for an address that is none.
    """
    domain = mail_from.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Message-ID"] = f"<{letter.message_id}@{domain}>"
    mail["Date"] = format_datetime(letter.written_at)
    mail["From"] = Address("緩徵作業系統 Muster", addr_spec=mail_from)
    mail["To"] = Address(mask_ids_in(letter.to_name), addr_spec=letter.to_address)
    mail["Subject"] = mask_ids_in(letter.subject)
    mail["List-Id"] = f"Muster notices <{letter.template.replace('_', '-')}.notices.{domain}>"
    # RFC 3834: no holiday replies, please.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Muster-Template"] = f"{letter.template}/{letter.template_version}"
    mail.set_content(mask_ids_in(letter.body), charset="utf-8", cte="base64")
    mail["Content-Language"] = "zh-TW, en"
    return mail
