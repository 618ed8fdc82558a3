"""Employers, collection schemes, rates and the official calendar: dated, and each fits the others (FE-02, FE-21)."""

import asyncio
from datetime import date
from typing import Any

import pytest

from rdss_fee.accounts import service as accounts
from rdss_fee.billing.dates import due_on
from rdss_fee.billing.rates import KNOWN_RATES
from rdss_fee.months import Month
from rdss_fee.reference import queries
from rdss_fee.reference.service import working_calendar
from shared.db import Context
from tests.rdss_fee.desk import codes, put
from tests.rdss_fee.support import (
    ADMIN,
    AUDITOR,
    DEPARTMENT_A,
    EMPLOYER_A,
    EMPLOYER_B,
    FINANCE,
    OFFICE,
    TODAY,
    A,
    B,
    Fee,
)

C = {"code": "12345670", "number": 3, "name": "丙示範股份有限公司"}
SCHEME = {
    "effective_from": "2027-01-01",
    "check_name": "bank_of_taiwan",
    "prefix": "700602",
    "employer_digits": 4,
    "payee_bank": "臺灣銀行",
    "payee_name": "內政部役政署",
    "atm_most": 2_000_000,
}
RATE = {"degree": "master", "cohort_from": 2027, "effective_from": "2027-01-01", "amount": 47_000, "document": "公告"}


async def add(fee: Fee, **changes: Any) -> Any:
    return await fee.post("/employers", OFFICE, C | changes)


@pytest.mark.rule("FE-23")
async def test_an_employer_is_registered_and_read(fee: Fee):
    made = await add(fee)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in C} == C
    assert (made.json()["registered_on"], made.json()["receipt_address"]) == (TODAY.isoformat(), None)
    one = await fee.get(f"/employers/{C['code']}", AUDITOR)
    assert (one.status_code, one.headers["etag"]) == (200, '"1"')
    listed = (await fee.get("/employers", FINANCE, params={"name": "示範", "sort": "-number"})).json()["items"]
    assert [item["code"] for item in listed] == [C["code"], B, A]


@pytest.mark.parametrize(
    ("code", "taken"),
    [
        # facts.md 2.2: the rule since 2023 is modulo 5.
        ("12345676", True),
        ("12345671", True),
        ("12345678", False),
        ("12345672", False),
        ("04595253", False),
    ],
)
async def test_a_business_number_adds_up(fee: Fee, code: str, taken: bool):
    answer = await add(fee, code=code)
    assert answer.status_code == (201 if taken else 422), answer.text
    if not taken:
        assert codes(answer) == [("business_number_invalid", "/code")]


@pytest.mark.parametrize("changes", [{"code": A}, {"number": 1}])
async def test_neither_number_is_given_twice(fee: Fee, changes: dict[str, Any]):
    answer = await add(fee, **changes)
    assert (answer.status_code, answer.json()["code"]) == (409, "employer_exists")


@pytest.mark.rule("FE-23")
@pytest.mark.parametrize(("number", "taken"), [(9_999, True), (10_000, False)])
async def test_a_number_that_the_scheme_does_not_hold_is_refused(fee: Fee, number: int, taken: bool):
    answer = await add(fee, number=number)
    assert answer.status_code == (201 if taken else 422)
    if not taken:
        assert codes(answer) == [("number_too_wide", "/number")]
        assert "9999" in answer.json()["errors"][0]["message"]


@pytest.mark.rule("FE-23")
async def test_a_number_has_to_fit_every_later_scheme_too(fee: Fee):
    """The scheme of today holds 9,999; the one of 2027, with a longer prefix, 99 only."""
    narrow = SCHEME | {"prefix": "70060200", "employer_digits": 2}
    assert (await fee.post("/collection-schemes", FINANCE, narrow)).status_code == 201
    refused = await add(fee, number=100)
    assert codes(refused) == [("number_too_wide", "/number")]
    assert "2027-01-01" in refused.json()["errors"][0]["message"]
    assert (await add(fee, number=99)).status_code == 201


@pytest.mark.rule("FE-23")
async def test_a_scheme_that_is_too_narrow_for_employers_says_for_how_many(fee: Fee):
    for code, number in (("12345670", 100), ("12345671", 2_000)):
        assert (await add(fee, code=code, number=number)).status_code == 201
    narrow = SCHEME | {"prefix": "70060200", "employer_digits": 2}
    answer = await fee.post("/collection-schemes", FINANCE, narrow)
    assert (answer.status_code, answer.json()["code"], answer.json()["count"]) == (422, "employers_too_wide", 2)
    assert "2 employers" in answer.json()["detail_en"]


async def _race(fee: Fee) -> tuple[int, int]:
    narrow = SCHEME | {"prefix": "70060200", "employer_digits": 2}
    answers = await asyncio.gather(add(fee, number=500), fee.post("/collection-schemes", FINANCE, narrow))
    return answers[0].status_code, answers[1].status_code


@pytest.mark.rule("FE-23")
async def test_an_employer_and_a_scheme_at_once_cannot_both_be_taken(fee: Fee):
    assert sorted(await _race(fee)) == [201, 422]


async def test_control_without_holding_numbers_both_are_taken(fee: Fee, monkeypatch: pytest.MonkeyPatch):
    """Planted: nothing is held, and each waits for the other to have looked."""
    both = asyncio.Barrier(2)

    async def meet(_session: Any) -> None:
        await both.wait()

    monkeypatch.setattr("rdss_fee.accounts.service.hold_numbers", meet)
    monkeypatch.setattr("rdss_fee.reference.service.hold_numbers", meet)
    slowly = accounts.schemes_from

    async def look(*what: Any) -> Any:
        found = await slowly(*what)
        await asyncio.sleep(0.5)
        return found

    counted = queries.count_above

    async def count(session: Any, number: int) -> int:
        found = await counted(session, number)
        await asyncio.sleep(0.5)
        return found

    monkeypatch.setattr("rdss_fee.reference.service.schemes_from", look)
    monkeypatch.setattr(queries, "count_above", count)
    assert await _race(fee) == (201, 201)


@pytest.mark.rule("FE-21", "FE-34")
async def test_check_digits_with_the_amount_are_taken_with_a_warning(fee: Fee):
    plain = await fee.post("/collection-schemes", FINANCE, SCHEME)
    assert (plain.status_code, plain.json()["warnings"], plain.json()["length"]) == (201, [], 16)
    assert plain.json()["bank_code"] == "004"
    other = SCHEME | {"effective_from": "2028-01-01", "check_name": "ctbc", "prefix": "98102", "employer_digits": 3}
    answer = await fee.post("/collection-schemes", FINANCE, other)
    assert answer.status_code == 201, answer.text
    assert [one["code"] for one in answer.json()["warnings"]] == ["amount_in_check"]
    assert answer.json()["bank_code"] == "822"
    listed = (await fee.get("/collection-schemes", OFFICE)).json()["items"]
    assert [(one["effective_from"], len(one["warnings"])) for one in listed] == [
        ("2028-01-01", 1), ("2027-01-01", 0), ("2010-01-01", 0),
    ]  # fmt: skip


@pytest.mark.rule("FE-21", "FE-23")
@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"effective_from": "2027-01-02"}, 422, "not_first_of_month"),
        ({"check_name": "nobody"}, 422, "enum"),
        ({"employer_digits": 5}, 422, "scheme_parts"),
        ({"prefix": "70060A"}, 422, "string_pattern_mismatch"),
        ({"atm_most": 0}, 422, "greater_than_equal"),
        ({"effective_from": "2010-01-01"}, 409, "scheme_exists"),
    ],
)
async def test_what_is_no_scheme_is_refused(fee: Fee, changes: dict[str, Any], status: int, told: str):
    answer = await fee.post("/collection-schemes", FINANCE, SCHEME | changes)
    assert answer.status_code == status, answer.text
    found = [code for code, _ in codes(answer)] if status == 422 else [answer.json()["code"]]
    assert found == [told]


@pytest.mark.rule("FE-21", "FE-22")
async def test_no_scheme_for_months_whose_notices_are_out(fee: Fee):
    await fee.notice(A, Month(2026, 10))
    answer = await fee.post("/collection-schemes", FINANCE, SCHEME | {"effective_from": "2026-10-01"})
    assert (answer.status_code, answer.json()["code"]) == (409, "months_billed")
    assert "2026-11" in answer.json()["detail_en"]
    assert (await fee.post("/collection-schemes", FINANCE, SCHEME | {"effective_from": "2026-11-01"})).is_success


@pytest.mark.rule("FE-37")
async def test_an_employer_says_itself_where_its_receipts_go(fee: Fee):
    body = {"receipt_addressee": "出納組", "receipt_address": "臺北市中正區重慶南路一號"}
    set_ = await put(fee, f"/employers/{A}/receipt-address", body, 1, EMPLOYER_A)
    assert (set_.status_code, set_.headers["etag"]) == (200, '"2"')
    assert {name: set_.json()[name] for name in body} == body
    assert (await put(fee, f"/employers/{A}/receipt-address", body, 1, FINANCE)).status_code == 412
    assert (await put(fee, f"/employers/{A}/receipt-address", body, 2, FINANCE)).status_code == 200
    assert (await put(fee, f"/employers/{A}/receipt-address", body, None, OFFICE)).status_code == 428
    assert (await put(fee, f"/employers/{A}/receipt-address", body, 3, EMPLOYER_B)).status_code == 404
    assert (await put(fee, f"/employers/{A}/receipt-address", body, 3, DEPARTMENT_A)).status_code == 403
    half = await put(fee, f"/employers/{A}/receipt-address", {"receipt_addressee": "出納組"}, 3, EMPLOYER_A)
    assert codes(half) == [("missing", "/receipt_address")]


async def test_the_office_corrects_a_name_and_no_number(fee: Fee):
    named = await put(fee, f"/employers/{A}", {"name": "甲示範股份有限公司"}, 1, OFFICE, "PATCH")
    assert (named.status_code, named.json()["name"], named.json()["version"]) == (200, "甲示範股份有限公司", 2)
    refused = await put(fee, f"/employers/{A}", {"name": "甲", "number": 9}, 2, OFFICE, "PATCH")
    assert codes(refused) == [("extra_forbidden", "/number")]


async def test_an_employer_reads_itself_alone(fee: Fee):
    for who in (EMPLOYER_A, DEPARTMENT_A):
        assert [one["code"] for one in (await fee.get("/employers", who)).json()["items"]] == [A]
    other, none = await fee.get(f"/employers/{B}", EMPLOYER_A), await fee.get("/employers/99999999", EMPLOYER_A)
    assert other.status_code == none.status_code == 404
    assert other.json() | {"instance": ""} == none.json() | {"instance": ""}


# A year with a made-up holiday on the 3rd and 4th of May, a Monday and a Tuesday.
HEAD = "西元日期,星期,是否放假,備註\n"


def official(year: int, off: tuple[date, ...]) -> bytes:
    days = [date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)]
    rows = (f"{d:%Y%m%d},{'一二三四五六日'[d.weekday()]},{2 if d.weekday() > 4 or d in off else 0},\n" for d in days)
    return (HEAD + "".join(rows)).encode()


async def _import(fee: Fee, year: int, body: bytes, who: dict[str, str] = FINANCE) -> Any:
    headers = {**who, "Content-Type": "text/csv"}
    return await fee.http.put(f"/rdss-fee/v1/calendars/{year}", content=body, headers=headers)


@pytest.mark.rule("FE-15")
async def test_the_official_calendar_moves_the_day_a_notice_is_due(fee: Fee):
    """5 May 2027 is a Wednesday; with 3 to 5 May off the working day before is Friday, 30 April."""
    off = (date(2027, 5, 3), date(2027, 5, 4), date(2027, 5, 5))

    async def due() -> tuple[date, bool]:
        async with fee.service.database.transaction(Context("t", "authority", "nca")) as session:
            found = due_on(Month(2027, 5), await working_calendar(session))
        return found.day, found.provisional

    assert await due() == (date(2027, 5, 5), True)
    taken = await _import(fee, 2027, official(2027, off))
    assert (taken.status_code, taken.json()) == (200, {"days": 365})
    assert await due() == (date(2027, 4, 30), False)
    # Another calendar of the year replaces it, by whoever keeps it.
    assert (await _import(fee, 2027, official(2027, ()), ADMIN)).status_code == 200
    assert await due() == (date(2027, 5, 5), False)


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"no calendar", "bad_calendar"), (HEAD.encode(), "bad_calendar"), (official(2028, ()), "other_year")],
)
async def test_what_is_no_calendar_of_the_year_is_refused(fee: Fee, body: bytes, told: str):
    answer = await _import(fee, 2027, body)
    assert (answer.status_code, [code for code, _ in codes(answer)]) == (422, [told])


@pytest.mark.rule("FE-02")
async def test_the_rates_are_listed_with_their_documents(fee: Fee):
    listed = (await fee.get("/rates", EMPLOYER_A, params={"sort": "effective_from"})).json()["items"]
    assert {(one["degree"], one["effective_from"], one["amount"], one["document"]) for one in listed} == {
        (one.degree, one.effective_from.isoformat(), one.amount, one.document) for one in KNOWN_RATES
    }
    doctoral = (await fee.get("/rates", AUDITOR, params={"degree": "doctoral"})).json()["items"]
    assert [one["amount"] for one in doctoral] == [52_500, 46_000, 35_010]


@pytest.mark.rule("FE-02")
async def test_a_rate_replaces_the_one_of_its_key_and_the_past_stays(fee: Fee):
    first = await fee.post("/rates", FINANCE, RATE)
    assert (first.status_code, first.json()["known_on"]) == (201, TODAY.isoformat())
    assert (await fee.post("/rates", FINANCE, RATE)).json()["code"] == "rate_known"
    second = await fee.post("/rates", FINANCE, RATE | {"amount": 47_500})
    assert second.status_code == 201
    listed = (await fee.get("/rates", OFFICE, params={"degree": "master"})).json()["items"]
    assert [one["amount"] for one in listed] == [47_500, 46_700, 40_000, 30_100]
    whole = (await fee.get("/rates", OFFICE, params={"degree": "master", "replaced": "true"})).json()["items"]
    assert {(one["amount"], one["replaced_on"]) for one in whole if one["cohort_from"] == 2027} == {
        (47_000, TODAY.isoformat()), (47_500, None),
    }  # fmt: skip
    rows = await fee.sql("SELECT amount, known_at, replaced_at FROM rate WHERE cohort_from = 2027 ORDER BY known_at")
    # At every instant one of the two was known, and never both.
    assert rows[0]["replaced_at"] == rows[1]["known_at"]


@pytest.mark.rule("FE-02")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"effective_from": "2027-01-15"}, ("not_first_of_month", "/effective_from")),
        ({"amount": 0}, ("greater_than_equal", "/amount")),
        ({"amount": -1}, ("greater_than_equal", "/amount")),
        ({"amount": 46_700.5}, ("int_type", "/amount")),
        ({"degree": "bachelor"}, ("enum", "/degree")),
        ({"document": ""}, ("string_too_short", "/document")),
    ],
)
async def test_what_is_no_rate_is_refused(fee: Fee, changes: dict[str, Any], told: tuple[str, str]):
    answer = await fee.post("/rates", FINANCE, RATE | changes)
    assert (answer.status_code, codes(answer)) == (422, [told])


@pytest.mark.rule("FE-02")
async def test_two_rates_of_a_key_at_once_leave_one_that_is_known(fee: Fee):
    answers = await asyncio.gather(*(fee.post("/rates", FINANCE, RATE | {"amount": 47_000 + n}) for n in range(4)))
    assert [one.status_code for one in answers] == [201] * 4
    rows = await fee.sql("SELECT replaced_at FROM rate WHERE cohort_from = 2027")
    assert (len(rows), sum(row["replaced_at"] is None for row in rows)) == (4, 1)
