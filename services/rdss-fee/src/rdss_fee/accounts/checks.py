"""Check digits of virtual accounts, by bank (FE-20, FE-21): each takes the body, and the amount where it takes part.

None of these is published by its bank. Each follows one open implementation, named with it, whose own examples are the
vectors in the tests. Which errors each finds is stated beside it and proved there over every place and digit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.law import rule

_AMOUNT_DIGITS: Final = 10


def _from_left(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weights[at % len(weights)] for at, digit in enumerate(digits))


def _from_right(digits: str, weights: Sequence[int]) -> int:
    return _from_left(digits[::-1], weights)


@dataclass(frozen=True, slots=True)
class Check:
    """A bank's check digits: `digits` of them behind a body of one of `bodies` lengths. `compute` takes the body and,
    where `uses_amount`, the amount in NT$ (else 0).

    With the amount in it an under-payment cannot be topped up on the same number, which FE-34 asks for.
    """

    name: str
    bank_code: str
    bodies: tuple[int, ...]
    digits: int
    uses_amount: bool
    most: int
    compute: Callable[[str, int], str]

    def of(self, body: str, amount: int | None = None) -> str:
        """The check digits of `body`. Raises ValueError for a body of another length or not of digits, and for an
        amount that is missing, not positive or above `most`.
        """
        if len(body) not in self.bodies or not (body.isascii() and body.isdigit()):
            raise ValueError(f"{self.name}: a body has {' or '.join(map(str, self.bodies))} digits")
        if not self.uses_amount:
            return self.compute(body, 0)
        if amount is None or not 0 < amount <= self.most:
            raise ValueError(f"{self.name}: the amount takes part, between 1 and {self.most}")
        return self.compute(body, amount)


def _bank_of_taiwan(body: str, amount: int) -> str:
    return str(_from_left(body, (1, 3, 7)) % 10)


def _bank_of_taiwan_amount(body: str, amount: int) -> str:
    return str(_from_left(body + str(amount).zfill(_AMOUNT_DIGITS), (1, 3, 7)) % 10)


def _esun_single(body: str, amount: int) -> str:
    weighted = _from_right(body, range(1, 10)) + _from_right(str(amount), range(1, 9))
    return str(weighted % 10)


def _esun_double(body: str, amount: int) -> str:
    return "".join(
        str((_from_right(body, weights) + _from_right(str(amount), weights)) % 10) for weights in ((1, 3, 7), (3, 7, 9))
    )


def _taishin(body: str, amount: int) -> str:
    units = [int(digit) for digit in str(amount).zfill(7)[::-1]]
    code = sum((units[at] + units[6 - at]) * (5 - at) for at in range(3)) + units[3] * 2
    return str(-(_from_left(body, (3, 1)) + code) % 10)


def _ctbc(body: str, amount: int) -> str:
    # A true modulo: the published package's own goes below zero.
    weights = (3, 7, 1)
    return str(-(_from_left(body, weights) + _from_left(str(amount).zfill(_AMOUNT_DIGITS), weights)) % 10)


_WIDEST: Final = 10**_AMOUNT_DIGITS - 1

BANK_OF_TAIWAN: Final = Check("bank_of_taiwan", "004", (15,), 1, False, 0, _bank_of_taiwan)
"""Weights 1, 3, 7 from the left; the plain remainder of 10. SOURCE: bot_ebill 0.1.0, with the amount left out.

Finds any one wrong digit. Of swapped neighbours it misses those whose digits are five apart.
"""
BANK_OF_TAIWAN_AMOUNT: Final = Check("bank_of_taiwan_amount", "004", (15,), 1, True, _WIDEST, _bank_of_taiwan_amount)
"""The same over body and amount (ten digits). SOURCE: bot_ebill 0.1.0. Finds and misses the same; and any one wrong
digit of the amount.
"""
ESUN_SINGLE: Final = Check("esun_single", "808", (12, 13), 1, False, 0, _esun_single)
"""Weights 1 to 9 from the right. SOURCE: esunbank-vaccount. Finds every swap of neighbours in the body, except of the
places where 9 and 1 meet when the digits are five apart, and of its last digit with the check digit, likewise; misses
a wrong digit five off under an even weight, and one an even number off under 5.
"""
ESUN_SINGLE_AMOUNT: Final = Check("esun_single_amount", "808", (12, 13), 1, True, _WIDEST, _esun_single)
"""The same, with the amount under weights 1 to 8 from its right."""
ESUN_DOUBLE: Final = Check("esun_double", "808", (11, 12), 2, False, 0, _esun_double)
"""Two digits: weights 1, 3, 7 and 3, 7, 9 from the right. SOURCE: esunbank-vaccount. Finds any one wrong digit; misses
swapped neighbours whose digits are five apart, because all weights are odd.
"""
ESUN_DOUBLE_AMOUNT: Final = Check("esun_double_amount", "808", (11, 12), 2, True, _WIDEST, _esun_double)
"""The same, with the amount under the same weights."""
TAISHIN: Final = Check("taishin", "812", (13,), 1, True, 9_999_999, _taishin)
"""Odd places three times, even ones once, and a code of the amount (seven digits); the ten's complement. SOURCE:
Business::TW::TSIB::VirtualAccount 0.04. Finds any one wrong digit; misses swapped neighbours five apart.
"""
CTBC: Final = Check("ctbc", "822", (13,), 1, True, _WIDEST, _ctbc)
"""Weights 3, 7, 1 from the left over body and amount (ten digits); the ten's complement. SOURCE: chinatrust-vaccount.
Finds any one wrong digit; misses swapped neighbours five apart.
"""

CHECKS: Final = {
    check.name: check
    for check in (
        BANK_OF_TAIWAN, BANK_OF_TAIWAN_AMOUNT, ESUN_SINGLE, ESUN_SINGLE_AMOUNT, ESUN_DOUBLE, ESUN_DOUBLE_AMOUNT,
        TAISHIN, CTBC,
    )
}  # fmt: skip


@rule("FE-21")
def check_named(name: str) -> Check:
    """The check of that name. Raises ValueError, naming those there are."""
    if name not in CHECKS:
        raise ValueError(f"there is no check {name!r}: one of {', '.join(CHECKS)}")
    return CHECKS[name]
