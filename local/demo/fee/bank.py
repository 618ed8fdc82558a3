"""The bank's side: posting files of fixed width and as CSV, and account numbers as a payer mistypes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

HEADINGS = ("入帳日", "起息日", "交易序號", "銷帳編號", "正負", "金額", "通路", "繳款人")
COUNTER, REMITTANCE, ATM = "01", "02", "03"
_WEIGHTS = (1, 3, 7)


@dataclass(frozen=True)
class Posting:
    """One line of a file; `amount` below zero is a reversal. `value_on` is the day of posting unless stated."""

    account: str
    amount: int
    payer: str
    channel: str = COUNTER
    value_on: date | None = None


class Bank:
    """Numbers its transactions, each once."""

    def __init__(self) -> None:
        self._serial = 0

    def _next(self) -> str:
        self._serial += 1
        return f"{self._serial:010d}"

    def fixed(self, posted_on: date, postings: Sequence[Posting]) -> bytes:
        """Header, a line of 120 bytes each in CP950, and a trailer with their count and sum."""
        lines = ["1".ljust(120)]
        for one in postings:
            value_on = one.value_on or posted_on
            head = f"2{posted_on:%Y%m%d}{value_on:%Y%m%d}120000{self._next()}{one.account:>16}"
            lines.append(f"{head}{'-' if one.amount < 0 else '+'}{abs(one.amount):012d}{one.channel}")
        rows = [line.encode("cp950") for line in lines]
        for at, one in enumerate(postings, 1):
            rows[at] = (rows[at] + one.payer.encode("cp950").ljust(40)).ljust(120)
        total = sum(one.amount for one in postings)
        sign = "-" if total < 0 else ""
        rows.append(f"3{len(postings):08d}{sign}{abs(total):0{14 - len(sign)}d}".ljust(120).encode("cp950"))
        return b"".join(row + b"\r\n" for row in rows)

    def csv(self, posted_on: date, postings: Sequence[Posting]) -> bytes:
        """The same as columns, in UTF-8, with a row of sums."""
        rows = [",".join(HEADINGS)]
        for one in postings:
            value_on = one.value_on or posted_on
            sign = "-" if one.amount < 0 else "+"
            cells = (f"{posted_on:%Y%m%d}", f"{value_on:%Y%m%d}", self._next(), one.account, sign)
            rows.append(",".join((*cells, str(abs(one.amount)), one.channel, one.payer)))
        rows.append(f"合計,{len(postings)},{sum(one.amount for one in postings)}")
        return "".join(row + "\r\n" for row in rows).encode()


def check_digit(body: str) -> str:
    """The Bank of Taiwan's: weights 1, 3, 7 from the left, the remainder of ten. The demonstration counts it itself."""
    return str(sum(int(digit) * _WEIGHTS[at % 3] for at, digit in enumerate(body)) % 10)


def mistyped(account: str) -> str:
    """The number with another check digit."""
    return account[:-1] + str((int(account[-1]) + 1) % 10)


def nobodys(account: str) -> str:
    """A number of the same month, with a check digit that is right, of an employer that there is not."""
    body = account[:-5] + "0099"
    return body + check_digit(body)
