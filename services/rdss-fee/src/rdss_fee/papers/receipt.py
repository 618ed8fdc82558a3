"""繳費收據: one for each posted payment, mailed to the employer (FE-37)."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from rdss_fee.months import Month
from rdss_fee.papers.making import Paper, printed
from rdss_fee.papers.words import AUTHORITY, capitals, cut, figures, in_month, on_day
from shared.law import rule

NAME: Final = "研究發展費繳費收據"
ASCII_NAME: Final = "receipt"
_LABELS: Final = {
    "payer_name": "繳款人",
    "payer_code": "繳款人統一編號",
    "addressee": "收件人",
    "address": "收件地址",
    "authority": "主管機關",
    "void_reason": "作廢事由",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """All that a receipt says. `year` and `serial` make its number; a void one says since when and why, both or
    neither.
    """

    year: int
    serial: int
    payer_code: str
    payer_name: str
    addressee: str
    address: str
    month: Month
    virtual_account: str
    amount: int
    posted_on: date
    issued_on: date
    voided_on: date | None = None
    void_reason: str | None = None
    authority: str = AUTHORITY

    def __post_init__(self) -> None:
        if (self.voided_on is None) != (self.void_reason is None):
            raise ValueError("a void receipt says since when and why")

    @property
    def number(self) -> str:
        """``115-000001``."""
        return f"{self.year:03d}-{self.serial:06d}"


@rule("FE-37")
async def make(receipt: Receipt, font_dir: str) -> bytes:
    """The receipt as PDF/A, ready for the seals; a void one bears 作廢 across it. Raises as `papers.making.printed`."""
    fields = {
        "name": NAME,
        "number": receipt.number,
        "authority": cut(receipt.authority),
        "payer_code": receipt.payer_code,
        "payer_name": cut(receipt.payer_name),
        "addressee": cut(receipt.addressee),
        "address": cut(receipt.address),
        "month": in_month(receipt.month),
        "virtual_account": receipt.virtual_account,
        "amount": figures(receipt.amount),
        "capitals": capitals(receipt.amount),
        "posted_on": on_day(receipt.posted_on),
        "issued_on": on_day(receipt.issued_on),
        "voided_on": on_day(receipt.voided_on),
        "void_reason": cut(receipt.void_reason or ""),
    }
    return await printed(Paper(template="receipt", dated=receipt.issued_on, fields=fields, labels=_LABELS), font_dir)
