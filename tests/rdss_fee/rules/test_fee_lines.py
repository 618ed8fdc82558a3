"""What is owed, and a run's lines: the seed's example, months cut short, news in any order (FE-02 to FE-16)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdss_fee.billing import rules
from rdss_fee.billing.rates import KNOWN_RATES, Category, Degree, MissingRateError, Rate, Rates
from rdss_fee.billing.rules import (
    Billed,
    Line,
    LineKind,
    Price,
    Reason,
    Serviceman,
    Share,
    Sums,
    billed_by,
    prorated,
    sums,
)
from rdss_fee.months import Month
from rdss_fee.periods.rules import Beginning, Ending, Period, Served, StageTwo, served

# The seed's rates alone, so that its example can stand in any year.
RATES = Rates(rate for rate in KNOWN_RATES if rate.effective_from.year == 2010)
A, B = "99000002", "99000018"
ALWAYS = StageTwo(date(2010, 1, 1))


def day(text: str) -> date:
    return date.fromisoformat(text)


def month(text: str) -> Month:
    return Month.of(day(f"{text}-01"))


def period(employer: str, begins_on: str, ends_before: str | None = None, ended_by: Ending = Ending.SERVICE_ENDED):
    end = None if ends_before is None else day(ends_before)
    return Period(employer, day(begins_on), Beginning.REPORTED, end, None if end is None else ended_by)


def man(*periods: Period, degree: Degree = Degree.MASTER, stage: StageTwo = ALWAYS, name: str = "m") -> Serviceman:
    return Serviceman(name, Category.RDSS, degree, 2009, stage, periods)


PRICE = Price(Category.RDSS, Degree.MASTER, 2009, 30_100)


def whole(*months: str) -> dict[Share, Billed]:
    """Months of which A was billed the whole."""
    return {Share("m", A, month(of)): Billed(30_100, PRICE) for of in months}


def run(who: Serviceman, of: str, billed: Mapping[Share, Billed] | None = None) -> list[Line]:
    return list(rules.lines(who, month(of), billed or {}, RATES))


def told(found: Sequence[Line]) -> list[tuple[str, str, str, int]]:
    return [(line.share.employer, str(line.share.month), line.kind.value, line.amount) for line in found]


@pytest.mark.rule("FE-03")
@pytest.mark.parametrize(
    ("rate", "days", "of", "amount"),
    [
        (30_100, 3, "2026-09", 3_010),  # the seed's
        (30_100, 31, "2026-10", 30_100),
        (35_010, 10, "2026-10", 11_294),  # 11,293.548
        (30_100, 15, "2026-02", 16_125),
        (46_700, 1, "2026-10", 1_506),  # 1,506.45
        (35_010, 7, "2026-02", 8_753),  # 8,752.5, which Python's round() makes 8,752
        (35_010, 21, "2026-02", 26_258),  # 26,257.5
        (30_100, 29, "2028-02", 30_100),
        (30_100, 0, "2026-09", 0),
    ],
)
def test_a_month_not_fully_served_is_rounded_half_up(rate, days, of, amount):
    assert prorated(rate, days, month(of)) == amount


@pytest.mark.rule("FE-03")
@given(st.integers(1, 1_000_000), st.dates(date(1990, 1, 1), date(2090, 12, 31)), st.data())
def test_rounding_is_that_of_exact_fractions(rate, on, data):
    of = Month.of(on)
    days = data.draw(st.integers(0, of.days))
    exact = Fraction(rate * days, of.days)
    assert -Fraction(1, 2) < prorated(rate, days, of) - exact <= Fraction(1, 2)


@pytest.mark.rule("FE-03")
@pytest.mark.parametrize("days", [-1, 31])
def test_a_month_has_no_more_days_than_it_has(days):
    with pytest.raises(ValueError, match="2026-09 has no"):
        prorated(30_100, days, month("2026-09"))


@pytest.mark.rule("FE-04", "FE-11", "FE-13")
def test_the_seeds_example_known_in_time():
    """Who reports on 28 September and is known by the 15th: October's notice says 33,110."""
    found = run(man(period(A, "2026-09-28")), "2026-10")
    assert told(found) == [(A, "2026-09", "charge", 3_010), (A, "2026-10", "charge", 30_100)]
    assert sums(found) == {A: Sums(33_110, 0, 2)}
    assert [line.reason for line in found] == [Reason.NOT_YET_BILLED, Reason.ADVANCE]
    assert [(line.days, line.price and line.price.rate) for line in found] == [(3, 30_100), (31, 30_100)]


@pytest.mark.rule("FE-04", "FE-11")
def test_the_seeds_example_known_later():
    """Known after the 15th of September: November's notice says 63,210."""
    found = run(man(period(A, "2026-09-28")), "2026-11")
    assert [line.amount for line in found] == [3_010, 30_100, 30_100]
    assert sums(found)[A].charges == 63_210


@pytest.mark.rule("FE-11")
@pytest.mark.parametrize(
    ("begins_on", "ends_before", "billed"),
    [
        ("2026-10-01", None, [30_100]),  # an announced start up to the 1st counts
        ("2026-10-02", None, []),  # later: a line of the next run
        ("2026-08-01", "2026-10-01", [30_100, 30_100]),  # ended before the 1st: only the months he served
        ("2026-08-01", "2026-10-02", [30_100, 30_100, 971]),  # served on the 1st alone: 30,100 × 1/31
        ("2026-08-01", "2026-10-16", [30_100, 30_100, 14_565]),  # an end inside the month that is known already
    ],
)
def test_who_is_in_a_months_run(begins_on, ends_before, billed):
    assert [line.amount for line in run(man(period(A, begins_on, ends_before)), "2026-10")] == billed


@pytest.mark.rule("FE-11")
def test_who_starts_after_the_first_is_a_line_of_the_next_run():
    who = man(period(A, "2026-10-02"))
    assert told(run(who, "2026-11")) == [(A, "2026-10", "charge", 29_129), (A, "2026-11", "charge", 30_100)]


@pytest.mark.rule("FE-05", "FE-12", "FE-13")
def test_an_early_release_gives_a_credit_that_is_never_netted():
    """Billed for September and October, released on 21 September: October's whole and a part of September's back."""
    who = man(period(A, "2026-08-01"))
    billed = billed_by([line for of in ("2026-08", "2026-09", "2026-10") for line in run(who, of) if line.share.month
                        == month(of)])  # fmt: skip
    assert {share: what.amount for share, what in billed.items()} == {
        Share("m", A, month(of)): 30_100 for of in ("2026-08", "2026-09", "2026-10")
    }
    released = man(period(A, "2026-08-01", "2026-09-21", Ending.RELEASED_EARLY))
    found = run(released, "2026-11", billed)
    assert told(found) == [(A, "2026-09", "credit", 10_033), (A, "2026-10", "credit", 30_100)]
    assert [(line.entitled, line.billed, line.reason) for line in found] == [
        (20_067, 30_100, Reason.BILLED_TOO_MUCH), (0, 30_100, Reason.BILLED_TOO_MUCH),
    ]  # fmt: skip
    other = run(man(period(A, "2026-10-05"), name="n"), "2026-11")
    assert sums([*found, *other]) == {A: Sums(sum(line.amount for line in other), 40_133, 4)}


@pytest.mark.rule("FE-05")
def test_a_transfer_on_the_eleventh_is_shared_by_the_day():
    """The day of the transfer is the first that A is not billed for and the first that B is."""
    out = replace(period(A, "2026-08-01", "2026-10-11"), ended_by=Ending.TRANSFERRED_OUT)
    into = replace(period(B, "2026-10-11"), begun_by=Beginning.TRANSFERRED_IN)
    found = run(man(out, into), "2026-11", whole("2026-08", "2026-09", "2026-10"))
    assert told(found) == [
        (A, "2026-10", "credit", 30_100 - prorated(30_100, 10, month("2026-10"))),
        (B, "2026-10", "charge", prorated(30_100, 21, month("2026-10"))),
        (B, "2026-11", "charge", 30_100),
    ]


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize("rate", [30_100, 35_010, 40_000, 46_000, 46_700, 52_500])
def test_two_parts_of_a_month_exceed_the_rate_by_a_dollar_at_most(rate):
    for of in (month("2026-02"), month("2026-09"), month("2026-10"), month("2028-02")):
        parts = [prorated(rate, days, of) + prorated(rate, of.days - days, of) for days in range(of.days + 1)]
        assert {part - rate for part in parts} <= {0, 1}
    assert prorated(35_010, 7, month("2026-02")) + prorated(35_010, 21, month("2026-02")) == 35_011


@pytest.mark.rule("FE-03", "FE-05")
def test_disjoint_days_of_a_month_are_summed_and_rounded_once():
    """Suspended on the 8th of October, back on the 23rd: 7 + 9 days. In parts it would be a dollar less."""
    suspended = replace(period(A, "2026-10-01", "2026-10-08"), ended_by=Ending.SUSPENDED)
    who = man(suspended, replace(period(A, "2026-10-23"), begun_by=Beginning.RETURNED), degree=Degree.DOCTORAL)
    (line, _) = run(who, "2026-11")
    assert (line.days, line.amount) == (16, 18_070)
    assert prorated(35_010, 7, month("2026-10")) + prorated(35_010, 9, month("2026-10")) == 18_069


@pytest.mark.rule("FE-05")
def test_only_stage_two_is_billed():
    stage = StageTwo(day("2026-09-16"), day("2026-11-01"))
    who = man(period(A, "2026-08-01"), stage=stage)
    assert told(run(who, "2027-01")) == [(A, "2026-09", "charge", 15_050), (A, "2026-10", "charge", 30_100)]


@pytest.mark.rule("FE-02")
def test_a_month_without_a_rate_is_told_and_nothing_guessed():
    with pytest.raises(MissingRateError, match="no rate of rdss master, cohort 2009, for 2009-12"):
        run(man(period(A, "2009-12-01"), stage=StageTwo(day("2009-12-01"))), "2010-01")


DEARER = Rate(Category.RDSS, Degree.MASTER, 0, day("2026-10-01"), 31_000, "planted")


@pytest.mark.rule("FE-02", "FE-13")
def test_a_rate_that_is_announced_late_leaves_billed_months_alone():
    """October was billed at 30,100; in its course 31,000 is announced from the 1st of October on."""
    who, rates = man(period(A, "2026-10-01")), Rates([*RATES, DEARER])
    billed = whole("2026-10")
    assert told(list(rules.lines(who, month("2026-11"), billed, rates))) == [(A, "2026-11", "charge", 31_000)]
    # Nor does it when he turns out to have left in the middle of it: what is given back is of the same price.
    left = man(period(A, "2026-10-01", "2026-10-16", Ending.SUSPENDED))
    (line,) = rules.lines(left, month("2026-11"), billed, rates)
    assert (line.kind, line.amount, line.entitled) == (LineKind.CREDIT, 30_100 - 14_565, 14_565)
    # A run that corrects prices says so.
    corrected = list(rules.lines(who, month("2026-11"), billed, rates, reprice=True))
    assert told(corrected) == [(A, "2026-10", "charge", 900), (A, "2026-11", "charge", 31_000)]
    assert corrected[0].price == replace(PRICE, rate=31_000)


@pytest.mark.rule("FE-02", "FE-13")
def test_a_man_who_is_known_otherwise_is_priced_anew():
    """His degree was wrong: that is news of him, not of the rate."""
    doctor = man(period(A, "2026-10-01"), degree=Degree.DOCTORAL)
    found = run(doctor, "2026-11", whole("2026-10"))
    assert told(found) == [(A, "2026-10", "charge", 4_910), (A, "2026-11", "charge", 35_010)]


@pytest.mark.rule("FE-02", "FE-05")
def test_the_second_employer_of_a_billed_month_has_its_price():
    out = replace(period(A, "2026-08-01", "2026-10-11"), ended_by=Ending.TRANSFERRED_OUT)
    into = replace(period(B, "2026-10-11"), begun_by=Beginning.TRANSFERRED_IN)
    rates = Rates([*RATES, DEARER])
    billed = whole("2026-08", "2026-09", "2026-10")
    found = [one for one in rules.lines(man(out, into), month("2026-11"), billed, rates) if one.share.employer == B]
    assert [one.amount for one in found] == [prorated(30_100, 21, month("2026-10")), 31_000]


@pytest.mark.rule("FE-13")
def test_another_mans_shares_are_no_business_of_his():
    with pytest.raises(ValueError, match="another man"):
        run(man(period(A, "2026-10-01"), name="n"), "2026-11", whole("2026-10"))


# -- histories ---------------------------------------------------------------------------------------------------------

FIRST = date(2026, 1, 1)
spans = st.tuples(st.sampled_from([A, B]), st.integers(0, 300), st.integers(1, 200) | st.none())


@st.composite
def men(draw: st.DrawFn) -> Serviceman:
    """A man with periods that do not overlap, in a stage two that may cut them."""
    at, found = FIRST, []
    for employer, gap, length in draw(st.lists(spans, min_size=1, max_size=5)):
        begins = at + timedelta(days=gap)
        end = None if length is None else begins + timedelta(days=length)
        found.append(Period(employer, begins, Beginning.REPORTED, end, None if end is None else Ending.SUSPENDED))
        if end is None:
            break
        at = end
    begins = FIRST + timedelta(days=draw(st.integers(0, 60)))
    stage = StageTwo(begins, begins + timedelta(days=draw(st.integers(1, 500))))
    return Serviceman("m", Category.RDSS, draw(st.sampled_from(Degree)), 2009, stage, tuple(found))


@cache
def by_the_day(who: Serviceman, employer: str, of: Month) -> int:
    """The days of a month that are billed, counted one by one."""
    return sum(
        any(one.employer == employer and one.begins_on <= on and (one.ends_before is None or on < one.ends_before)
            for one in who.periods)
        and who.stage.begins_on <= on < (who.stage.ends_before or date.max)
        for on in (of.day(number) for number in range(1, of.days + 1))
    )  # fmt: skip


def only(day: date) -> StageTwo:
    return StageTwo(day, day + timedelta(days=1))


@pytest.mark.rule("FE-11", "FE-12", "FE-13")
@settings(max_examples=50, deadline=None)
@given(st.lists(men(), min_size=1, max_size=4), st.data())
def test_whatever_the_news_all_that_is_billed_is_all_that_is_owed(histories, data):
    """Month after month a run, some of them missed, before each of which something else may be known of the man."""
    issued: list[Line] = []
    runs = [month("2026-01").plus(number) for number in range(14)]
    for of in runs:
        who = data.draw(st.sampled_from(histories))
        if data.draw(st.booleans()):
            continue
        found = list(rules.lines(who, of, billed_by(issued), RATES))
        assert all(line.amount == abs(line.entitled - line.billed) > 0 for line in found)
        assert all((line.kind is LineKind.CHARGE) == (line.entitled > line.billed) for line in found)
        assert len({line.share for line in found}) == len(found)
        issued += found
        billed = billed_by(issued)
        # Run again with no news, it issues nothing.
        assert not list(rules.lines(who, of, billed, RATES))
        rate = RATES.on(who.category, who.degree, who.cohort, of).amount
        for before in runs:
            for employer in (A, B):
                share = Share("m", employer, before)
                days = by_the_day(who, employer, before)
                owed = int(Fraction(rate * days, before.days) + Fraction(1, 2))
                serves = by_the_day(replace(who, stage=only(before.first)), employer, before)
                first = serves and who.stage.begins_on <= before.first < (who.stage.ends_before or date.max)
                if before < of or (before == of and first):
                    assert billed.get(share, Billed(0)).amount == owed, (share, days)


@pytest.mark.rule("FE-13")
def test_control_a_month_that_is_forgotten_is_found(monkeypatch):
    """Where the months before the billed one were left out, what is owed and what is billed would part."""
    monkeypatch.setattr(rules, "first_billed", lambda _periods, _stage: None)
    with pytest.raises(AssertionError):
        test_the_seeds_example_known_in_time()
    monkeypatch.undo()
    test_the_seeds_example_known_in_time()


@pytest.mark.rule("FE-03")
def test_control_rounding_each_part_is_found(monkeypatch):
    def in_parts(periods: Sequence[Period], stage: StageTwo, of: Month) -> tuple[Served, ...]:
        return tuple(Served(one.employer, of, (span,)) for one in served(periods, stage, of) for span in one.spans)

    monkeypatch.setattr(rules, "served", in_parts)
    with pytest.raises(AssertionError):
        test_disjoint_days_of_a_month_are_summed_and_rounded_once()
    monkeypatch.undo()
    test_disjoint_days_of_a_month_are_summed_and_rounded_once()


@pytest.mark.rule("FE-03")
def test_control_another_rounding_is_found(monkeypatch):
    monkeypatch.setattr(rules, "prorated", lambda rate, days, of: round(rate * days / of.days))
    who = man(period(A, "2026-02-22"), degree=Degree.DOCTORAL)
    assert run(who, "2026-03")[0].amount != 8_753
    monkeypatch.undo()
    assert run(who, "2026-03")[0].amount == 8_753


@pytest.mark.rule("FE-12")
def test_charges_and_credits_stand_side_by_side():
    share = Share("m", A, month("2026-10"))
    pair = [
        Line(LineKind.CHARGE, Reason.ADVANCE, share, 31, PRICE, 30_100, 0, 30_100),
        Line(LineKind.CREDIT, Reason.BILLED_TOO_MUCH, replace(share, employer=A, month=month("2026-09")), 0, None, 0,
             10_000, 10_000),
    ]  # fmt: skip
    assert sums(pair)[A] == Sums(30_100, 10_000, 2)
    assert sums(pair[1:])[A] == Sums(0, 10_000, 1)
    assert sums([]) == {}
