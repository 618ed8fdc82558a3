"""Virtual accounts: the published examples, what a slip of the pen does, and back again (FE-20 to FE-23, FE-42)."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdss_fee.accounts.checks import CHECKS, Check, check_named
from rdss_fee.accounts.numbers import Account, AccountError, NearMiss, Open, Scheme, SchemeError, near_misses
from rdss_fee.months import Month

SCHEME = Scheme("700602", 4)
accounts = st.builds(Account, st.builds(Month, st.integers(1912, 2910), st.integers(1, 12)), st.integers(1, 9_999))


@pytest.mark.rule("FE-20", "FE-21")
@pytest.mark.parametrize(
    ("name", "body", "amount", "digits"),
    [
        ("bank_of_taiwan_amount", "700602000046271", 14_520, "1"),
        ("ctbc", "9810290010303", 50_943, "1"),
        ("esun_single", "991233939889", None, "3"),
        ("esun_single_amount", "991233939889", 1_500, "2"),
        ("esun_single_amount", "991230119001", 1_500, "5"),
        ("esun_double", "99551000001", None, "86"),
        ("esun_double_amount", "99551000001", 1_500, "44"),
        ("taishin", "9567860922089", 3_900, "8"),
        # By hand, the amount left out: 7·1+0·3+0·7+6·1+0·3+2·7 + 1·1+1·3+5·7+1·1+0·3+0·7+0·1+0·3+1·7 = 74.
        ("bank_of_taiwan", "700602115100001", None, "4"),
    ],
)
def test_published_examples(name, body, amount, digits):
    assert check_named(name).of(body, amount) == digits


# Of each: how many digits a neighbour's may differ by for a swap to go unseen, and whether one wrong digit may.
POWER = {
    "bank_of_taiwan": ({5}, False), "bank_of_taiwan_amount": ({5}, False), "ctbc": ({5}, False),
    "esun_double": ({5}, False), "esun_double_amount": ({5}, False), "taishin": ({5}, False),
    "esun_single": ({5}, True), "esun_single_amount": ({5}, True),
}  # fmt: skip


def bodies(check: Check) -> list[str]:
    rng = random.Random(check.name)
    return ["".join(rng.choices("0123456789", k=length)) for length in check.bodies for _ in range(30)]


@pytest.mark.rule("FE-21", "FE-22")
@pytest.mark.parametrize("name", list(CHECKS))
def test_what_a_check_finds_is_what_it_says(name):
    """Every wrong digit in every place of many numbers, and every swap of neighbours in them."""
    check, (unseen_swaps, unseen_digits) = CHECKS[name], POWER[name]
    amount = 14_520 if check.uses_amount else None
    missed, apart = set(), set()
    for body in bodies(check):
        right = check.of(body, amount)
        for at, digit in product(range(len(body)), "0123456789"):
            if digit != body[at] and check.of(body[:at] + digit + body[at + 1 :], amount) == right:
                missed.add((len(body) - at, abs(int(digit) - int(body[at]))))
        for at in range(len(body) - 1):
            one, other = body[at], body[at + 1]
            if one != other and check.of(body[:at] + other + one + body[at + 2 :], amount) == right:
                apart.add(abs(int(one) - int(other)))
    assert apart == unseen_swaps
    if not unseen_digits:
        assert missed == set()
        return
    # Weights 1 to 9 from the right: five off under an even one, an even number off under 5.
    assert all((off == 5 and ((place - 1) % 9 + 1) % 2 == 0) or (off % 2 == 0 and (place - 1) % 9 + 1 == 5)
               for place, off in missed)  # fmt: skip
    assert {off for _, off in missed} == {2, 4, 5, 6, 8}


@pytest.mark.rule("FE-21")
@pytest.mark.parametrize("name", ["bank_of_taiwan_amount", "ctbc", "taishin"])
def test_a_wrong_digit_of_the_amount_is_found_where_it_takes_part(name):
    check = CHECKS[name]
    for body in bodies(check)[:5]:
        right = check.of(body, 14_520)
        for place, digit in product(range(5), "0123456789"):
            wrong = int("14520"[:place] + digit + "14520"[place + 1 :])
            # Taishin's code gives units and millions one weight, which is even in places.
            if wrong and wrong != 14_520 and name != "taishin":
                assert check.of(body, wrong) != right
    assert CHECKS[name].of(bodies(check)[0], 14_521) != CHECKS[name].of(bodies(check)[0], 14_520)


@pytest.mark.rule("FE-21")
@pytest.mark.parametrize(
    ("name", "body", "amount"),
    [
        ("bank_of_taiwan", "70060211510000", None), ("bank_of_taiwan", "7006021151000012", None),
        ("bank_of_taiwan", "70060211510000x", None), ("bank_of_taiwan", "７00602115100001", None),
        ("bank_of_taiwan_amount", "700602115100001", None), ("bank_of_taiwan_amount", "700602115100001", 0),
        ("bank_of_taiwan_amount", "700602115100001", 10**10), ("taishin", "9567860922089", 10**7),
    ],
)  # fmt: skip
def test_what_has_no_check_digits_is_refused(name, body, amount):
    with pytest.raises(ValueError, match=name):
        CHECKS[name].of(body, amount)


@pytest.mark.rule("FE-21")
def test_a_check_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="one of bank_of_taiwan, "):
        check_named("first_bank")


@pytest.mark.rule("FE-20")
def test_a_number_is_prefix_month_employer_and_check():
    assert SCHEME.number(Account(Month(2026, 10), 1)) == "700602" + "11510" + "0001" + "4"
    assert SCHEME.length == 16


@pytest.mark.rule("FE-20", "FE-22")
@given(accounts, accounts)
def test_a_number_is_one_notices_and_is_read_back(one, other):
    number = SCHEME.number(one)
    assert SCHEME.read(number) == one
    assert (SCHEME.number(other) == number) == (other == one)


@pytest.mark.rule("FE-22")
@given(accounts, st.data())
def test_a_wrong_digit_is_never_read_as_a_number(account, data):
    number = SCHEME.number(account)
    at = data.draw(st.integers(0, 15))
    digit = data.draw(st.sampled_from([one for one in "0123456789" if one != number[at]]))
    with pytest.raises(AccountError, match="account_check"):
        SCHEME.read(number[:at] + digit + number[at + 1 :])


@pytest.mark.rule("FE-22")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("", "account_length"), ("70060211510000", "account_length"), ("70060211510000144", "account_length"),
        ("7006021151000O14", "account_length"), ("7006021151000015", "account_check"),
        (Scheme("700603", 4).number(Account(Month(2026, 10), 1)), "account_prefix"),
        ("700602" + "11513" + "0001" + CHECKS["bank_of_taiwan"].of("700602115130001"), "account_month"),
        ("700602" + "11500" + "0001" + CHECKS["bank_of_taiwan"].of("700602115000001"), "account_month"),
        ("700602" + "00010" + "0001" + CHECKS["bank_of_taiwan"].of("700602000100001"), "account_month"),
        ("700602" + "11510" + "0000" + CHECKS["bank_of_taiwan"].of("700602115100000"), "account_month"),
    ],
)  # fmt: skip
def test_what_is_no_number_of_ours(number, code):
    with pytest.raises(AccountError) as caught:
        SCHEME.read(number)
    assert caught.value.code == code


@pytest.mark.rule("FE-21", "FE-22")
@pytest.mark.parametrize(
    ("check", "prefix", "width"),
    [("esun_double", "99", 4), ("ctbc", "98102", 3), ("esun_single", "99123", 3), ("taishin", "95678", 3)],
)
def test_other_schemes_read_back_too(check, prefix, width):
    scheme = Scheme(prefix, width, CHECKS[check])
    amount = 33_110 if scheme.check.uses_amount else None
    for employer in (1, 10**width - 1):
        account = Account(Month(2027, 1), employer)
        assert scheme.read(scheme.number(account, amount), amount) == account


@pytest.mark.rule("FE-23")
@pytest.mark.parametrize(
    ("account", "told"),
    [
        (Account(Month(2026, 10), 10_000), "between 1 and 9999"), (Account(Month(2026, 10), 0), "between 1 and 9999"),
        (Account(Month(1911, 12), 1), "between 1912 and 2910"), (Account(Month(2911, 1), 1), "between 1912 and 2910"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_never_wrapped(account, told):
    with pytest.raises(SchemeError, match=told):
        SCHEME.number(account)


@pytest.mark.rule("FE-21", "FE-23")
@pytest.mark.parametrize(("prefix", "width"), [("700602", 5), ("70060", 4), ("70060x", 4), ("", 10), ("7006020000", 0)])
def test_a_scheme_whose_parts_do_not_fit_cannot_be_set_up(prefix, width):
    with pytest.raises(SchemeError):
        Scheme(prefix, width)


def waiting(month: Month, employer: int, amount: int) -> Open:
    account = Account(month, employer)
    return Open(SCHEME.number(account), amount, account)


@pytest.mark.rule("FE-42")
def test_near_misses_are_told_with_their_reason():
    october, september = Month(2026, 10), Month(2026, 9)
    ours = [waiting(october, 12, 33_110), waiting(october, 21, 33_110), waiting(october, 13, 5)]
    number = ours[0].number
    digit = number[:-1] + str((int(number[-1]) + 1) % 10)
    swapped = number[:3] + number[4] + number[3] + number[5:]
    assert list(near_misses(digit, 33_110, None, ours)) == [NearMiss(ours[0], "one_digit")]
    assert list(near_misses(swapped, 33_110, None, ours)) == [NearMiss(ours[0], "neighbours_swapped")]
    last = Account(september, 12)
    assert list(near_misses(SCHEME.number(last), 33_110, last, ours)) == [NearMiss(ours[0], "last_months_number")]
    # Of another amount, two slips away, of another length, or paid rightly: nothing is suggested.
    assert not list(near_misses(digit, 33_111, None, ours))
    assert not list(near_misses("99" + number[2:], 33_110, None, ours))
    assert not list(near_misses(number[:-1], 33_110, None, ours))
    assert not list(near_misses(number, 33_110, ours[0].account, ours[:1]))
    assert not list(near_misses(SCHEME.number(Account(Month(2026, 8), 12)), 33_110, Account(Month(2026, 8), 12), ours))
