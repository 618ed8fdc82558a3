"""The second part's own arithmetic: what it is told is what the rules say of its men, its files are the bank's."""

from dataclasses import replace
from datetime import date

import pytest

from local.demo.fee import bank
from local.demo.fee.cast import BEGINS, MANUAL_COHORT, REPORTS, A, B, C, make_cast
from local.demo.fee.told import TOLD, FeeTold
from rdss_fee.accounts.numbers import Account, AccountError, Scheme
from rdss_fee.bankfiles.layouts import LAYOUTS
from rdss_fee.bankfiles.reading import read
from rdss_fee.billing.rates import KNOWN_RATES, Category, Degree, Rate, Rates
from rdss_fee.billing.rules import Line, LineKind, Serviceman, billed_by, lines
from rdss_fee.months import Month
from rdss_fee.periods.rules import Beginning, Ending, Period, StageTwo
from shared.ids import IdKind, is_business_number, read_id

SCHEME = Scheme("700602", 4)
RATES = Rates([*KNOWN_RATES, Rate(Category.RDSS, Degree.MASTER, MANUAL_COHORT, date(2010, 1, 1), 30_100, "the manual")])
OCTOBER = Month(2026, 10)


def test_the_men_are_sixty_with_ids_of_their_own():
    cast = make_cast("any")
    assert len(cast.men) == TOLD.men == len({man.national_id for man in cast.men})
    assert len(cast.known_by_the_15th()) == TOLD.men - 1
    for man in cast.men:
        reading = read_id(man.national_id)
        assert (reading.kind, reading.valid, reading.sex) == (IdKind.national_id, True, "male")
        assert man.begins_on in (BEGINS, REPORTS)
    assert all(is_business_number(code) for code in (A, B, C))


def test_a_seed_makes_the_same_men_again():
    assert make_cast("7") == make_cast("7")
    assert not {man.national_id for man in make_cast("7").men} & {man.national_id for man in make_cast("8").men}


def _history() -> dict[str, list[Serviceman]]:
    """The men as each run knows them, by its month."""
    known: dict[str, Serviceman] = {}
    runs = {}
    cast = make_cast("any")

    def tell(man, *periods, stage=None):
        known[man.national_id] = Serviceman(
            man.national_id,
            Category.RDSS,
            Degree(man.degree),
            man.cohort,
            StageTwo(*stage) if stage else StageTwo(*(man.stage or (man.begins_on, None))),
            periods or (Period(man.employer, man.begins_on, Beginning(man.begun_by)),),
        )

    for man in cast.known_by_the_15th():
        tell(man)
    runs["2026-10"] = list(known.values())
    moved, ends = cast.of("announced"), cast.of("stage_ends")
    tell(cast.of("known_late"))
    tell(
        moved,
        Period(C, REPORTS, Beginning.REPORTED, date(2026, 10, 11), Ending.TRANSFERRED_OUT),
        Period(B, date(2026, 10, 11), Beginning.TRANSFERRED_IN),
    )
    tell(ends, stage=(date(2026, 3, 1), date(2026, 11, 16)))
    runs["2026-11"] = list(known.values())
    tell(
        cast.of("suspended"),
        Period(A, BEGINS, Beginning.REPORTED, date(2026, 10, 21), Ending.SUSPENDED),
        Period(A, date(2026, 11, 10), Beginning.RETURNED),
    )
    tell(cast.of("released"), Period(B, BEGINS, Beginning.REPORTED, date(2026, 10, 26), Ending.RELEASED_EARLY))
    runs["2026-12"] = runs["2027-01"] = list(known.values())
    return runs


def _found() -> dict[str, dict[tuple[str, LineKind], int]]:
    """What the rules bill in each run, by employer and kind."""
    issued: list[Line] = []
    found = {}
    for month, men in _history().items():
        of = Month.of(date.fromisoformat(f"{month}-01"))
        fresh = [line for man in men for line in lines(man, of, _of(billed_by(issued), man), RATES)]
        issued += fresh
        found[month] = {
            (code, kind): sum(one.amount for one in fresh if (one.share.employer, one.kind) == (code, kind))
            for code in (A, B, C)
            for kind in LineKind
        }
    return found


def _told(told: FeeTold) -> dict[str, dict[tuple[str, LineKind], int]]:
    december = ((told.december_a, told.december_a_credit), (told.december_b, told.december_b_credit))
    return {
        "2026-10": _sums((told.october_a, 0), (told.october_b, 0), (told.october_c, 0)),
        "2026-11": _sums((told.november_a, 0), (told.november_b, 0), (told.november_c, told.november_c_credit)),
        "2026-12": _sums(*december, (told.december_c, 0)),
        "2027-01": _sums((told.december_a, 0), (told.december_b, 0), (told.december_c, 0)),
    }


@pytest.mark.rule("FE-04", "FE-11", "FE-13")
def test_what_is_told_of_each_run_is_what_the_rules_say():
    found = _found()
    assert found == _told(TOLD)
    assert TOLD.refund_b == found["2026-12"][B, LineKind.CREDIT] + TOLD.over
    assert TOLD.partial + TOLD.second + TOLD.mistyped == found["2026-10"][A, LineKind.CHARGE]


@pytest.mark.parametrize("planted", [{"october_c": 33_111}, {"november_c_credit": 0}, {"december_a": 2_088_701}])
def test_control_a_number_told_wrongly_is_not_what_the_rules_say(planted):
    assert _found() != _told(replace(TOLD, **planted))


def _of(billed, man):
    return {share: what for share, what in billed.items() if share.serviceman == man.id}


def _sums(*pairs):
    return {
        (code, kind): amount
        for code, pair in zip((A, B, C), pairs, strict=True)
        for kind, amount in zip((LineKind.CHARGE, LineKind.CREDIT), pair, strict=True)
    }


@pytest.mark.parametrize("form", ["fixed", "csv"])
def test_the_files_are_read_as_they_are_meant(form):
    made = bank.Bank()
    number = SCHEME.number(Account(OCTOBER, 1))
    postings = [
        bank.Posting(number, 33_110, "甲示範科技股份有限公司"),
        bank.Posting(number, -50_000, "乙", bank.ATM, date(2026, 10, 3)),
    ]
    day = date(2026, 10, 5)
    layout = LAYOUTS["bank_of_taiwan" if form == "fixed" else "bank_of_taiwan_csv"]
    found = read(layout, getattr(made, form)(day, postings))
    assert (found.totals.count, found.totals.total) == (2, -16_890)
    assert [(one.account, one.amount, one.payer, one.channel, one.value_on) for one in found.postings] == [
        (number, 33_110, "甲示範科技股份有限公司", "counter", day),
        (number, -50_000, "乙", "atm", date(2026, 10, 3)),
    ]
    again = read(layout, getattr(made, form)(day, postings))
    assert not {one.key for one in found.postings} & {one.key for one in again.postings}


def test_the_numbers_are_wrong_and_right_as_they_are_meant():
    number = SCHEME.number(Account(OCTOBER, 3))
    assert bank.check_digit(number[:-1]) == number[-1]
    assert SCHEME.read(bank.nobodys(number)) == Account(OCTOBER, 99)
    with pytest.raises(AccountError, match="account_check"):
        SCHEME.read(bank.mistyped(number))
