"""Receipts: one for each posted payment, numbered without gaps, void when the bank took the payment back (FE-37)."""

import asyncio
import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import httpx
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rdss_fee.months import Month
from rdss_fee.receipts import queries
from shared.db import Context
from tests.rdss_fee.money import assign, pay, unassign
from tests.rdss_fee.support import EMPLOYER_A, EMPLOYER_B, FINANCE, FINANCE_2, OFFICE, TODAY, A, B, Fee
from tests.support.rosters import set_today

pytestmark = pytest.mark.rule("FE-37")

OCTOBER, AUGUST = Month(2026, 10), Month(2026, 8)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def issue(fee: Fee, *ids: int, who: Mapping[str, str] = FINANCE) -> httpx.Response:
    return await fee.post("/receipts", who, {"transaction_ids": list(ids)})


async def issued(fee: Fee, *ids: int) -> list[dict[str, Any]]:
    answer = await issue(fee, *ids)
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def items(fee: Fee, path: str, who: Mapping[str, str] = FINANCE) -> list[dict[str, Any]]:
    answer = await fee.get(path, who)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_what_is_due_and_what_is_overdue(fee: Fee):
    """15 working days, the working day after posting being the first: posted on 24 August, due on 14 September."""
    august, october = await fee.notice(A, AUGUST), await fee.notice(B, OCTOBER)
    ids = [
        await pay(fee, august, 100, dt.date(2026, 8, 24)),
        await pay(fee, august, 200, dt.date(2026, 8, 25)),
        await pay(fee, october, 300, dt.date(2026, 9, 14)),
    ]
    due = await items(fee, "/receipts/due")
    assert [(one["transaction_id"], one["due_on"], one["overdue"], one["amount"]) for one in due] == [
        (ids[0], "2026-09-14", True, 100), (ids[1], "2026-09-15", False, 200), (ids[2], "2026-10-07", False, 300),
    ]  # fmt: skip
    assert due[0] | {"notice_id": ""} == {
        "transaction_id": ids[0], "notice_id": "", "month": "2026-08", "employer_code": A,
        "employer_name": "甲示範科技股份有限公司", "amount": 100, "posted_on": "2026-08-24", "due_on": "2026-09-14",
        "due_provisional": False, "overdue": True, "addressee": "會計部", "address": "臺北市大安區和平東路一號",
    }  # fmt: skip
    for query, expected in (
        ("overdue=true", ids[:1]),
        ("overdue=false", ids[1:]),
        (f"employer_code={B}", ids[2:]),
        ("sort=-amount", ids[::-1]),
    ):
        assert [one["transaction_id"] for one in await items(fee, f"/receipts/due?{query}")] == expected
    first = (await fee.get("/receipts/due?limit=2", FINANCE)).json()
    rest = await items(fee, f"/receipts/due?limit=2&cursor={first['next_cursor']}")
    assert [one["transaction_id"] for one in first["items"] + rest] == ids
    await issued(fee, ids[0])
    assert [one["transaction_id"] for one in await items(fee, "/receipts/due")] == ids[1:]


async def test_the_filter_and_the_day_say_the_same(fee: Fee, monkeypatch, tmp_path):
    """Across Mid-Autumn, Teachers' Day and the National Day: what is listed as overdue is what is."""
    notice = await fee.notice(A, OCTOBER)
    for n in range(40):
        await pay(fee, notice, 1 + n, dt.date(2026, 8, 10) + dt.timedelta(days=n))
    for today in (dt.date(2026, 9, 15) + dt.timedelta(days=n) for n in range(30)):
        set_today(monkeypatch, tmp_path, today)
        every = await items(fee, "/receipts/due?limit=200")
        assert len(every) == 40
        assert [one["overdue"] for one in every] == [dt.date.fromisoformat(one["due_on"]) < today for one in every]
        late = await items(fee, "/receipts/due?limit=200&overdue=true")
        assert [one["transaction_id"] for one in late] == [one["transaction_id"] for one in every if one["overdue"]]


async def test_a_receipt_from_its_number_to_the_post(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    transaction = await pay(fee, notice, notice["amount"], TODAY)
    (receipt,) = await issued(fee, transaction)
    assert (receipt["number"], receipt["state"], receipt["amount"]) == ("115-000001", "issued", 30_100)
    assert (receipt["addressee"], receipt["due_on"], receipt["stands"]) == ("會計部", "2026-10-08", 30_100)
    where = f"/receipts/{receipt['id']}"
    for body, pointer in (({"mailed_on": "2026-09-14"}, "/mailed_on"), ({"mailed_on": "2026-09-16"}, "/mailed_on")):
        answer = await fee.post(f"{where}/mailing", FINANCE, body)
        assert (*code(answer), answer.json()["errors"][0]["pointer"]) == (422, "invalid_content", pointer)
    mailed = await fee.post(f"{where}/mailing", FINANCE, {"mailed_on": "2026-09-15", "mail_number": "掛號000123"})
    assert (mailed.json()["state"], mailed.json()["mail_number"]) == ("mailed", "掛號000123")
    again = await fee.post(f"{where}/mailing", FINANCE, {"mailed_on": "2026-09-15"})
    assert code(again) == (409, "receipt_closed")
    seen = await fee.get(where, EMPLOYER_A)
    assert (seen.status_code, seen.headers["etag"]) == (200, '"2"')
    assert code(await fee.get(where, EMPLOYER_B)) == (404, "not_found")
    told = await fee.sql("SELECT payload->'event' AS event FROM job WHERE kind = 'event.deliver'")
    assert len(told) == 1
    # What the employer changes afterwards is not what it was mailed to.
    await fee.sql("UPDATE employer SET receipt_address = '高雄市'")
    assert (await fee.get(where, EMPLOYER_A)).json()["address"] == "臺北市大安區和平東路一號"
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql("UPDATE receipt SET amount = 1")


async def test_a_receipt_on_paper(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    (one,) = await issued(fee, await pay(fee, notice, 30_100, TODAY))
    paper = await fee.get(f"/receipts/{one['id']}", EMPLOYER_A, headers={"Accept": "application/pdf"})
    assert (paper.status_code, paper.headers["content-type"]) == (200, "application/pdf"), paper.text
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(paper.content))
    for said in (one["number"], "30,100", "115年10月"):
        assert said in text.replace(" ", ""), said
    other = await fee.get(f"/receipts/{one['id']}", EMPLOYER_B, headers={"Accept": "application/pdf"})
    assert other.status_code == 404


async def test_one_receipt_a_payment_and_a_void_one_keeps_its_number(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    transaction = await pay(fee, notice, 100, TODAY)
    (first,) = await issued(fee, transaction)
    answer = await issue(fee, transaction)
    assert (*code(answer), answer.json()["errors"][0]["code"]) == (422, "invalid_content", "receipt_not_due")
    where = f"/receipts/{first['id']}"
    void = await fee.post(f"{where}/voiding", FINANCE, {"reason": "收件人誤植"})
    assert (void.json()["state"], void.json()["void_reason"]) == ("void", "收件人誤植")
    assert code(await fee.post(f"{where}/voiding", FINANCE, {"reason": "再"})) == (409, "receipt_closed")
    assert code(await fee.post(f"{where}/mailing", FINANCE, {"mailed_on": "2026-09-15"})) == (409, "receipt_closed")
    (second,) = await issued(fee, transaction)
    assert [first["number"], second["number"]] == ["115-000001", "115-000002"]
    assert {one["number"]: one["state"] for one in await items(fee, "/receipts", EMPLOYER_A)} == {
        "115-000001": "void", "115-000002": "issued",
    }  # fmt: skip


@pytest.mark.rule("FE-35")
async def test_a_reversed_payment_has_no_receipt_and_one_it_had_is_to_be_voided(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    before, after = await pay(fee, notice, 30_100, TODAY), await pay(fee, notice, 200, TODAY)
    (receipt,) = await issued(fee, before)
    await pay(fee, notice, -30_100, TODAY)
    await pay(fee, notice, -200, TODAY)
    assert await items(fee, "/receipts/due") == []
    assert code(await issue(fee, after)) == (422, "invalid_content")
    listed = await items(fee, "/receipts?state=to_void")
    assert [(one["id"], one["stands"], one["state"]) for one in listed] == [(receipt["id"], 0, "to_void")]
    assert (await items(fee, "/receipts", EMPLOYER_A))[0]["state"] == "to_void"
    await fee.post(f"/receipts/{receipt['id']}/voiding", FINANCE, {"reason": "銀行沖正"})
    assert await items(fee, "/receipts?state=to_void") == []
    assert code(await issue(fee, before)) == (422, "invalid_content")
    # Paid again: another payment, another receipt.
    again = await pay(fee, notice, 30_100, TODAY)
    assert (await issued(fee, again))[0]["number"] == "115-000002"


@pytest.mark.rule("FE-35")
async def test_money_of_the_suspense_that_was_given_to_a_notice_has_one(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    given_, undone = await assign(fee, notice, 500, TODAY), await assign(fee, notice, 700, TODAY)
    receipts = await issued(fee, given_, undone)
    assert [one["amount"] for one in receipts] == [500, 700]
    await unassign(fee, notice, undone, 700, TODAY)
    assert [one["id"] for one in await items(fee, "/receipts?state=to_void")] == [receipts[1]["id"]]
    assert (await fee.get(f"/receipts/{receipts[0]['id']}", EMPLOYER_A)).json()["state"] == "issued"


async def test_without_an_address_none_and_the_employer_is_named(fee: Fee):
    mine, theirs = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    ids = [await pay(fee, mine, 100, TODAY), await pay(fee, theirs, 100, TODAY)]
    await fee.sql("UPDATE employer SET receipt_addressee = NULL, receipt_address = NULL WHERE code = $1", B)
    answer = await issue(fee, *ids, 999)
    assert code(answer) == (422, "invalid_content")
    found = [(one["code"], one.get("value"), one.get("pointer")) for one in answer.json()["errors"]]
    assert found == [("receipt_not_due", None, "/transaction_ids/2"), ("receipt_address_missing", B, None)]
    assert await fee.sql("SELECT 1 FROM receipt") == []
    assert (await issued(fee, ids[0]))[0]["number"] == "115-000001"  # a refusal takes no number


async def test_each_roc_year_begins_at_one(fee: Fee, monkeypatch, tmp_path):
    notice = await fee.notice(A, OCTOBER)
    ids = [await pay(fee, notice, 100 + n, TODAY) for n in range(3)]
    set_today(monkeypatch, tmp_path, dt.date(2026, 12, 31))
    assert (await issued(fee, ids[0]))[0]["number"] == "115-000001"
    set_today(monkeypatch, tmp_path, dt.date(2027, 1, 1))
    assert [one["number"] for one in await issued(fee, *ids[1:])] == ["116-000001", "116-000002"]
    assert [one["number"] for one in await items(fee, "/receipts?year=115")] == ["115-000001"]


async def test_issuers_at_once_leave_no_gap_and_no_double(fee: Fee):
    """Race: overlapping lists and twice the same one; each payment has one receipt, each number is given once."""
    notice = await fee.notice(A, OCTOBER)
    ids = [await pay(fee, notice, 100 + n, TODAY) for n in range(12)]
    parts = [ids[:4], ids[:4], ids[4:8], ids[8:], ids[6:10], [ids[0]]]
    answers = await asyncio.gather(
        *(issue(fee, *part, who=who) for part, who in zip(parts, itertools.cycle((FINANCE, FINANCE_2)), strict=False))
    )
    assert {answer.status_code for answer in answers} <= {201, 422}
    left = [one["transaction_id"] for one in await items(fee, "/receipts/due")]
    if left:
        await issued(fee, *left)
    rows = await fee.sql("SELECT number, transaction_id FROM receipt ORDER BY number")
    assert [row["number"] for row in rows] == list(range(1, 13))
    assert sorted(row["transaction_id"] for row in rows) == sorted(ids)
    assert (await fee.sql("SELECT last FROM receipt_counter"))[0]["last"] == 12


async def test_the_database_refuses_a_gap_and_a_double(fee: Fee):
    """Planted: a number that is not the next; a second receipt that stands for a payment; a year without a counter."""
    notice = await fee.notice(A, OCTOBER)
    ids = [await pay(fee, notice, 100 + n, TODAY) for n in range(2)]
    await issued(fee, ids[0])
    plant = (
        "INSERT INTO receipt SELECT gen_random_uuid(), {year}, {number}, {transaction}, notice_id, employer_code,"
        " amount, posted_on, due_on, due_provisional, addressee, address, 1, 'test', now(), issued_on FROM receipt"
    )
    for year, number, transaction, error in (
        (115, 3, ids[1], asyncpg.CheckViolationError),
        (115, 2, ids[1], asyncpg.CheckViolationError),  # the counter has not given it
        (116, 1, ids[1], asyncpg.CheckViolationError),
        (115, 1, ids[1], asyncpg.UniqueViolationError),
        (115, 2, ids[0], asyncpg.UniqueViolationError),
    ):
        with pytest.raises(error):
            await fee.sql(plant.format(year=year, number=number, transaction=transaction))
    # The control: with its counter it is taken.
    async with fee.owner() as connection, connection.transaction():
        await connection.execute("UPDATE receipt_counter SET last = 2")
        await connection.execute(plant.format(year=115, number=2, transaction=ids[1]))


async def test_a_thousand_at_once(fee: Fee):
    notice = await fee.notice(A, OCTOBER)
    first = await pay(fee, notice, 1, TODAY)
    await fee.sql(
        "INSERT INTO bank_transaction (file_id, line, key, account, amount, posted_on, value_on, serial, channel,"
        " payer, notice_id, employer_code) SELECT file_id, n, 'many' || n, account, n + 1, posted_on, value_on, serial,"
        " channel, payer, notice_id, employer_code FROM bank_transaction, generate_series(1, 999) AS n"
    )
    await fee.sql(
        "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, booked_on,"
        " booked_by) SELECT 'payment_posted', 'bank', 'refundable', amount, notice_id, employer_code, id, posted_on,"
        " 'test' FROM bank_transaction WHERE id <> $1",
        first,
    )
    ids = [row["id"] for row in await fee.sql("SELECT id FROM bank_transaction")]
    receipts = await issued(fee, *ids)
    assert [one["number"] for one in receipts] == [f"115-{n:06d}" for n in range(1, 1_001)]
    assert code(await issue(fee, *range(1, 1_002))) == (422, "invalid_content")


async def test_lists_are_one_s_own(fee: Fee):
    mine, theirs = await fee.notice(A, OCTOBER), await fee.notice(B, OCTOBER)
    receipts = await issued(fee, await pay(fee, mine, 100, TODAY), await pay(fee, theirs, 200, TODAY))
    ids = lambda found: {one["id"] for one in found}  # noqa: E731
    assert ids(await items(fee, "/receipts", EMPLOYER_A)) == {receipts[0]["id"]}
    assert ids(await items(fee, "/receipts", OFFICE)) == ids(receipts)
    assert ids(await items(fee, f"/receipts?employer_code={B}", EMPLOYER_A)) == set()
    assert ids(await items(fee, f"/receipts?employer_code={B}", FINANCE)) == {receipts[1]["id"]}
    assert ids(await items(fee, "/receipts?state=issued&sort=-amount", EMPLOYER_B)) == {receipts[1]["id"]}
    assert code(await fee.get("/receipts/due", EMPLOYER_A)) == (403, "forbidden")
    assert code(await issue(fee, 1, who=OFFICE)) == (403, "forbidden")


# What of each payment stands, told in Python: the first reversal of an amount takes the first payment of that amount,
# one of another amount takes from the latest.
def standing(moneys: Sequence[tuple[int, int]]) -> dict[int, int]:
    left = {key: amount for key, amount in moneys if amount > 0}
    loose = 0
    for amount in sorted({-amount for _, amount in moneys if amount < 0}):
        reversals = sum(1 for _, one in moneys if one == -amount)
        equal = [key for key, one in moneys if one == amount]
        for key in equal[:reversals]:
            left[key] = 0
        loose += amount * max(reversals - len(equal), 0)
    for key in sorted(left, reverse=True):
        taken = min(left[key], loose)
        left[key] -= taken
        loose -= taken
    return left


@pytest.mark.rule("FE-35")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_what_stands_of_each_payment(fee: Fee, data):
    """Whatever came and went: the database says what the plain count says; and what stands adds up to what is there."""
    await fee.sql("ALTER TABLE posting DISABLE TRIGGER posting_append_only")
    await fee.sql("DELETE FROM posting WHERE transaction_id IS NOT NULL")
    await fee.sql("ALTER TABLE posting ENABLE TRIGGER posting_append_only")
    found = await fee.sql("SELECT id::text FROM notice")
    notice = {"id": found[0]["id"], "virtual_account": "1"} if found else await fee.notice(A, OCTOBER)
    moneys: list[tuple[int, int]] = []
    for _ in range(data.draw(st.integers(1, 8))):
        there = sum(amount for _, amount in moneys)
        amounts = [1, 2, 3, *(-n for n in (1, 2, 3, 4) if n <= there)]
        amount = data.draw(st.sampled_from(amounts))
        moneys.append((await pay(fee, notice, amount, TODAY), amount))
    async with fee.service.database.transaction(Context("x", "authority", "nca")) as session:
        rows = queries.payments()
        stands = {row.transaction_id: row.stands for row in await session.execute(select(rows))}
    assert stands == standing(moneys)
    assert sum(stands.values()) == sum(amount for _, amount in moneys)
