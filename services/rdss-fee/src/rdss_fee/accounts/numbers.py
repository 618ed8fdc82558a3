"""Virtual account numbers: company prefix, ROC year and month, employer's number, check digits (FE-20 to FE-23, FE-42).

From month and employer's number to the account number and back; so two notices never have one number, and which of them
a payment is for can be read from it without asking anybody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rdss_fee.accounts.checks import BANK_OF_TAIWAN, Check
from rdss_fee.months import Month
from shared.law import rule
from shared.roc import EPOCH, LAST_YEAR

_MONTH_DIGITS: Final = 5


class SchemeError(ValueError):
    """A scheme that cannot be, or that a month or an employer does not fit into."""


class AccountError(ValueError):
    """A number that is none of this scheme's."""

    def __init__(self, code: Literal["account_length", "account_check", "account_prefix", "account_month"]) -> None:
        super().__init__(code)
        self.code: Final = code


@dataclass(frozen=True, slots=True)
class Account:
    """What a number says."""

    month: Month
    employer_number: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """How numbers are put together: `prefix` is what the bank assigned to the company, ROC year and month take five
    digits, the employer's number `employer_digits`, zeros before it, and then come the check digits.

    Raises SchemeError when the parts are not as long as the check's body.
    """

    prefix: str
    employer_digits: int
    check: Check = BANK_OF_TAIWAN

    def __post_init__(self) -> None:
        if not (self.prefix.isascii() and self.prefix.isdigit()) or self.employer_digits < 1:
            raise SchemeError("a prefix is digits, and an employer's number has at least one")
        if self._body not in self.check.bodies:
            wanted = " or ".join(map(str, self.check.bodies))
            raise SchemeError(f"{self.check.name} takes {wanted} digits before its own; these parts make {self._body}")

    @property
    def _body(self) -> int:
        return len(self.prefix) + _MONTH_DIGITS + self.employer_digits

    @property
    def length(self) -> int:
        """How many digits a number has."""
        return self._body + self.check.digits

    @rule("FE-20", "FE-23")
    def number(self, account: Account, amount: int | None = None) -> str:
        """The number of a month's notice to an employer. Raises SchemeError for an employer's number that is too wide
        and a year that three digits of the ROC calendar do not hold; ValueError for an amount that the check refuses.
        """
        if not 0 < account.employer_number < 10**self.employer_digits:
            raise SchemeError(f"an employer's number lies between 1 and {10**self.employer_digits - 1}")
        if not EPOCH < account.month.year <= LAST_YEAR:
            raise SchemeError(f"a year lies between {EPOCH + 1} and {LAST_YEAR}")
        year_month = f"{account.month.year - EPOCH:03d}{account.month.month:02d}"
        body = f"{self.prefix}{year_month}{account.employer_number:0{self.employer_digits}d}"
        return body + self.check.of(body, amount)

    @rule("FE-22")
    def read(self, number: str, amount: int | None = None) -> Account:
        """What a number says. Raises AccountError for one that `number` makes for nobody."""
        if len(number) != self.length or not (number.isascii() and number.isdigit()):
            raise AccountError("account_length")
        body = number[: self._body]
        if self.check.of(body, amount) != number[self._body :]:
            raise AccountError("account_check")
        if not body.startswith(self.prefix):
            raise AccountError("account_prefix")
        year_month, employer = body[len(self.prefix) :][:_MONTH_DIGITS], body[len(self.prefix) + _MONTH_DIGITS :]
        year, month = int(year_month[:3]), int(year_month[3:])
        if not (year and 1 <= month <= 12 and int(employer)):
            raise AccountError("account_month")
        return Account(Month(year + EPOCH, month), int(employer))


@dataclass(frozen=True, slots=True)
class Open:
    """An account that waits for money: its number, what is still to be paid, what it is for."""

    number: str
    amount: int
    account: Account


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An account that a payment may have been meant for, and why it is thought so."""

    open: Open
    reason: Literal["one_digit", "neighbours_swapped", "last_months_number"]


@rule("FE-42")
def near_misses(number: str, amount: int, paid: Account | None, waiting: Iterable[Open]) -> Iterator[NearMiss]:
    """Open accounts of the very amount that a payment to `number` may have been meant for: suggested, never applied.

    A number one digit or one swap of neighbours away; or, where `paid` says that `number` was last month's, this
    month's of the same employer.
    """
    for one in waiting:
        if one.amount != amount or one.number == number:
            continue
        if (slip := _slip(number, one.number)) is not None:
            yield NearMiss(one, slip)
        elif paid is not None and one.account == Account(paid.month.plus(1), paid.employer_number):
            yield NearMiss(one, "last_months_number")


@rule("FE-42")
def slips(number: str) -> set[str]:
    """Every number that is one digit or one swap of neighbours away from `number`."""
    found = {f"{number[:at]}{digit}{number[at + 1 :]}" for at in range(len(number)) for digit in "0123456789"}
    found |= {f"{number[:at]}{number[at + 1]}{number[at]}{number[at + 2 :]}" for at in range(len(number) - 1)}
    return found - {number}


def _slip(typed: str, meant: str) -> Literal["one_digit", "neighbours_swapped"] | None:
    if len(typed) != len(meant):
        return None
    wrong = [at for at, (one, other) in enumerate(zip(typed, meant, strict=True)) if one != other]
    if len(wrong) == 1:
        return "one_digit"
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        if (typed[first], typed[second]) == (meant[second], meant[first]):
            return "neighbours_swapped"
    return None
