"""Rates by degree, cohort and day (FE-02)."""

from datetime import date

import pytest

from rdss_fee.billing.rates import KNOWN_RATES, Category, Degree, MissingRateError, Rate, Rates
from rdss_fee.months import Month

pytestmark = pytest.mark.rule("FE-02")

MASTER, DOCTORAL = Degree.MASTER, Degree.DOCTORAL


def row(amount: int, *, cohort: int = 0, since: date = date(2010, 1, 1), degree: Degree = MASTER) -> Rate:
    return Rate(Category.RDSS, degree, cohort, since, amount, "planted")


@pytest.mark.parametrize(
    ("degree", "cohort", "month", "amount"),
    [
        (MASTER, 2009, "2010-09", 30_100),  # the seed's
        (DOCTORAL, 2009, "2010-09", 35_010),
        (MASTER, 2020, "2022-09", 30_100),
        (MASTER, 2020, "2022-10", 40_000),
        (DOCTORAL, 2020, "2022-10", 46_000),
        # Selected in 2025, a man keeps that rate in 2026; selected in 2026 or later, he has the new one.
        (MASTER, 2025, "2026-10", 40_000),
        (DOCTORAL, 2025, "2026-10", 46_000),
        (MASTER, 2026, "2026-10", 46_700),
        (DOCTORAL, 2027, "2027-01", 52_500),
    ],
)
def test_the_rates_that_are_known(degree, cohort, month, amount):
    year, number = map(int, month.split("-"))
    found = Rates(KNOWN_RATES).on(Category.RDSS, degree, cohort, Month(year, number))
    assert found.amount == amount
    assert found.document


@pytest.mark.parametrize(("since", "amount"), [(date(2026, 10, 1), 2), (date(2026, 10, 2), 1)])
def test_a_month_is_priced_by_the_rate_in_force_on_its_first_day(since, amount):
    rates = Rates([row(1), row(2, since=since)])
    assert rates.on(Category.RDSS, MASTER, 2020, Month(2026, 10)).amount == amount


def test_a_cohorts_own_rate_stands_before_a_later_one_for_all():
    rates = Rates([row(3, since=date(2027, 1, 1)), row(1), row(2, cohort=2026, since=date(2026, 1, 1))])
    found = {cohort: rates.on(Category.RDSS, MASTER, cohort, Month(2027, 6)).amount for cohort in (2025, 2026, 2030)}
    assert found == {2025: 3, 2026: 2, 2030: 2}


@pytest.mark.parametrize(("degree", "month"), [(MASTER, Month(2009, 12)), (DOCTORAL, Month(2026, 10))])
def test_what_has_no_rate_is_named(degree, month):
    with pytest.raises(MissingRateError) as caught:
        Rates([row(1)]).on(Category.RDSS, degree, 2020, month)
    assert (caught.value.degree, caught.value.cohort, caught.value.month) == (degree, 2020, month)


@pytest.mark.parametrize("rows", [[row(1), row(2)], [row(0)], [row(-1)]])
def test_rates_that_cannot_be(rows):
    with pytest.raises(ValueError, match=r"two rates|positive"):
        Rates(rows)
