"""Posting files as the bank writes them, and the API's answers to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from tests.rdss_fee.support import FINANCE, Fee
from tests.support.tokens import key

POSTED = date(2026, 9, 14)


@dataclass(frozen=True)
class Paid:
    """A line of a file; below zero: a reversal."""

    account: str
    amount: int
    serial: int = 1
    posted_on: date = POSTED
    value_on: date | None = None
    channel: str = "03"
    payer: str = "甲示範科技股份有限公司"

    def line(self) -> bytes:
        sign, payer = "-" if self.amount < 0 else "+", self.payer.encode("cp950")[:40].ljust(40)
        value_on = self.value_on or self.posted_on
        head = f"2{self.posted_on:%Y%m%d}{value_on:%Y%m%d}120000{self.serial:010d}{self.account:>16}{sign}"
        return f"{head}{abs(self.amount):012d}{self.channel}".encode() + payer + b" " * 16


def file_of(*paid: Paid, count: int | None = None, total: int | None = None) -> bytes:
    """A file of the default layout; its control totals unless told otherwise."""
    count = len(paid) if count is None else count
    total = sum(one.amount for one in paid) if total is None else total
    trailer = f"3{count:08d}{total:014d}".ljust(120).encode()
    return b"".join(line + b"\r\n" for line in (b"1".ljust(120), *(one.line() for one in paid), trailer))


async def post_file(
    fee: Fee,
    data: bytes,
    who: Mapping[str, str] = FINANCE,
    *,
    query: str = "",
    media: str = "text/plain",
    **headers: str,
) -> httpx.Response:
    """Upload a file."""
    told = {**key(), **who, "Content-Type": media, **headers}
    return await fee.http.post(f"/rdss-fee/v1/bank-files?layout=bank_of_taiwan{query}", headers=told, content=data)


async def taken(fee: Fee, *paid: Paid, query: str = "") -> dict[str, Any]:
    """A file that is taken."""
    answer = await post_file(fee, file_of(*paid), query=query)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def postings(fee: Fee) -> list[tuple[Any, ...]]:
    """What is booked for payments: kind, debit, credit, amount, the line of the transaction, in order."""
    rows = await fee.sql(
        "SELECT p.kind, p.debit, p.credit, p.amount, b.serial::int AS serial FROM posting AS p"
        " JOIN bank_transaction AS b ON b.id = p.transaction_id ORDER BY p.id"
    )
    return [tuple(row) for row in rows]


async def whole(fee: Fee) -> dict[str, Any]:
    """The ledger's verification, which finds nothing."""
    found: dict[str, Any] = (await fee.get("/ledger/verification", FINANCE)).json()
    assert found["findings"] == [], found
    return found


def listed(paid: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a list of payments says of each."""
    return [(one["amount"], one["status"], one["allocated"], one["overpaid"], one["suspended"]) for one in paid]
