"""What a violation rests on, and what it says of itself (FE-39)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from rdss_fee.billing.dates import violation_on
from rdss_fee.months import Month
from rdss_fee.payments.rules import Payment
from shared.law import FEE_MANUAL, FEE_STANDARD, SUBSTITUTE_SERVICE_ACT, Citation, cite, rule

ARTICLES: Final[tuple[Citation, ...]] = (
    cite(SUBSTITUTE_SERVICE_ACT, "60/1-1"),
    cite(FEE_STANDARD, "4"),
    cite(FEE_MANUAL, "fee-1"),
    cite(FEE_MANUAL, "fee-5"),
)
"""Monthly; in advance, by the 5th; the 5th is the day that counts; what comes later is evidence."""
COUNT_LABEL: Final = ("僅計研究發展費項目，未含其他管考項目", "fee items only")
"""What a count shown here says of itself: how severe it is hangs on all items of the category (rdss-assessment)."""


@dataclass(frozen=True, slots=True)
class Money:
    """What a bank transaction brought a notice; below zero: a reversal."""

    transaction_id: int
    value_on: date
    amount: int

    @property
    def payment(self) -> Payment:
        """As the rules on payments take it."""
        return Payment(self.value_on, self.amount)


@rule("FE-39")
def evidence(month: Month, due_on: date, amount: int, moneys: Iterable[Money], known_through: date) -> dict[str, Any]:
    """What was known when a notice was found unpaid: what it asks, by when, what had come by the 5th and since, how far
    the bank had told everything, the articles. JSON values only.
    """
    reference = violation_on(month)
    known = sorted(moneys, key=lambda one: (one.value_on, one.transaction_id))
    return {
        "amount": amount,
        "due_on": due_on.isoformat(),
        "reference_on": reference.isoformat(),
        "known_through": known_through.isoformat(),
        "paid_by_reference": sum(one.amount for one in known if one.value_on <= reference),
        "payments": [
            {"transaction_id": one.transaction_id, "value_on": one.value_on.isoformat(), "amount": one.amount}
            for one in known
        ],
        "articles": [article.as_dict() for article in ARTICLES],
    }
