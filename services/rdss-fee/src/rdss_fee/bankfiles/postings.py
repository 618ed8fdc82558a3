"""What a posting file says: its postings and their totals."""

from dataclasses import dataclass
from datetime import date

import msgspec


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One payment as the bank posted it; `amount` in NT$, below zero for a reversal. `key` is the same for the same
    transaction in whatever file it stands.
    """

    line: int
    key: str
    account: str
    amount: int
    posted_on: date
    value_on: date
    serial: str
    channel: str
    payer: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What a file is said to hold: how many postings, and their sum with reversals subtracted."""

    count: int
    total: int
