"""What the machine-readable codes of a notice say: the account and the amount (FE-30).

Two lines of Code39, as on the Bank of Taiwan's own counter slips: the virtual account, and the amount without zeros
before it; no check character, for the bank's slips have none and the account has its own.

A QR code that says the same for whoever reads it with a telephone or a scanner. It is ours, no bank's: Taiwan Pay's
needs an agreement that is not public. ASCII, lines ended by LF, names in this order; a later version may add lines at
the end, and changes the number in the first when the meaning of one changes:

    RDSS-FEE/1
    bank=004
    account=7006021151000013
    amount=33110
"""

import re
from typing import Final

from shared.law import rule

QR_BEGINS: Final = "RDSS-FEE/1"
_DIGITS: Final = re.compile(r"[0-9]{1,24}")


@rule("FE-30")
def code39(account: str, amount: int) -> tuple[str, str]:
    """The two lines of a counter slip. Raises ValueError for an account that is not digits, and no amount."""
    _sound(account, amount)
    return account, str(amount)


@rule("FE-30")
def qr(bank_code: str, account: str, amount: int) -> str:
    """The text of the QR code. Raises as `code39`."""
    _sound(bank_code, amount)
    _sound(account, amount)
    return f"{QR_BEGINS}\nbank={bank_code}\naccount={account}\namount={amount}\n"


def _sound(digits: str, amount: int) -> None:
    if _DIGITS.fullmatch(digits) is None or amount <= 0:
        raise ValueError("a code is of an account of digits and an amount above zero")
