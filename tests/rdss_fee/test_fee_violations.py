"""Violations by the 5th, reminders once, standings of notices (FE-33, FE-39, FE-40)."""

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdss_fee.billing.dates import Standing, violation_on
from rdss_fee.months import Month
from rdss_fee.payments.standings import standings
from rdss_fee.violations import daily
from rdss_fee.violations.daily import find_violations, remind
from shared.db import Context
from tests.rdss_fee.money import assign, pay, told_through
from tests.rdss_fee.support import EMPLOYER_A, EMPLOYER_B, FINANCE, OFFICE, A, B, Fee

pytestmark = pytest.mark.rule("FE-39")

APRIL = Month(2026, 4)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def found(fee: Fee, who: Mapping[str, str] = FINANCE, query: str = "") -> list[dict[str, Any]]:
    answer = await fee.get(f"/violations{query}", who)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def told(fee: Fee) -> list[tuple[str, dict[str, Any]]]:
    """The events that were published, in their order: thing and act, data."""
    rows = await fee.sql(
        "SELECT payload->'event'->>'type' AS type, payload->'event'->'data' AS data FROM job ORDER BY id"
    )
    return [(row["type"].split(".", 2)[2].removesuffix(".v1"), json.loads(row["data"])) for row in rows]


async def stands(fee: Fee, notice: Mapping[str, Any], today: dt.date) -> Standing:
    ids = [uuid.UUID(notice["id"])]
    async with fee.service.database.transaction(Context("x", "employer", A)) as session:
        return (await standings(session, ids, today))[ids[0]]


@pytest.mark.parametrize(
    ("paid_on", "known", "today", "standing", "violation"),
    [
        # April 2026: due on Thursday the 2nd, the reference day is Sunday the 5th.
        (None, "2026-04-01", "2026-04-02", Standing.OPEN, False),
        (None, "2026-04-02", "2026-04-03", Standing.OVERDUE, False),
        # Nobody knows yet what was paid on Saturday by ATM.
        (None, "2026-04-04", "2026-04-06", Standing.OVERDUE, False),
        (None, "2026-04-05", "2026-04-05", Standing.OVERDUE, False),  # the 5th has not passed
        (None, "2026-04-05", "2026-04-06", Standing.OVERDUE, True),
        ("2026-04-02", "2026-04-30", "2026-05-01", Standing.PAID, False),
        ("2026-04-04", "2026-04-30", "2026-05-01", Standing.LATE, False),  # ATM on the Saturday: late, no violation
        ("2026-04-05", "2026-04-30", "2026-05-01", Standing.LATE, False),
        ("2026-04-06", "2026-04-30", "2026-05-01", Standing.LATE, True),
    ],
)
@pytest.mark.rule("FE-33")
async def test_april_2026(fee: Fee, paid_on, known, today, standing, violation):
    notice = await fee.notice(A, APRIL)
    assert notice["due_on"] == day("2026-04-02")
    if paid_on:
        await pay(fee, notice, notice["amount"], day(paid_on), day("2026-04-07"))
    await told_through(fee, day(known))
    await find_violations(fee.service.database, day(today))
    assert len(await found(fee)) == violation
    assert await stands(fee, notice, day(today)) is standing


async def test_without_a_file_nothing_is_said(fee: Fee):
    await fee.notice(A, APRIL)
    await find_violations(fee.service.database, day("2026-05-01"))
    assert await found(fee) == []


async def test_the_evidence_and_the_employer_who_is_told(fee: Fee):
    notice = await fee.notice(A, APRIL)
    first = await pay(fee, notice, 30_000, day("2026-04-02"))
    second = await pay(fee, notice, 100, day("2026-04-07"))
    await told_through(fee, day("2026-04-08"))
    for _ in range(3):
        await find_violations(fee.service.database, day("2026-04-09"))
    (listed,) = await found(fee, EMPLOYER_A)
    assert listed["fee_items_this_year"] == {
        "year": 2026, "count": 1, "label": "僅計研究發展費項目，未含其他管考項目", "label_en": "fee items only",
    }  # fmt: skip
    answer = await fee.get(f"/violations/{listed['id']}", EMPLOYER_A)
    assert answer.headers["etag"] == '"1"'
    evidence = answer.json()["evidence"]
    articles = [(one["law"], one["article"]) for one in evidence.pop("articles")]
    assert articles == [
        ("substitute_service_act", "60/1-1"), ("rdss_fee_standard", "4"), ("rdss_manual", "fee-1"),
        ("rdss_manual", "fee-5"),
    ]  # fmt: skip
    assert evidence == {
        "amount": 30_100, "due_on": "2026-04-02", "reference_on": "2026-04-05", "known_through": "2026-04-08",
        "paid_by_reference": 30_000,
        "payments": [
            {"transaction_id": first, "value_on": "2026-04-02", "amount": 30_000},
            {"transaction_id": second, "value_on": "2026-04-07", "amount": 100},
        ],
    }  # fmt: skip
    events = await told(fee)
    assert [name for name, _ in events] == ["violation.found"]
    assert events[0][1] == {
        "employer_code": A, "employer_name": "甲示範科技股份有限公司", "violation_id": listed["id"],
        "notice_id": notice["id"], "month": "2026-04-01", "reference_on": "2026-04-05", "amount": 30_100,
        "paid": 30_000,
    }  # fmt: skip


async def test_a_reversal_afterwards_makes_none_and_one_before_does(fee: Fee):
    """ADR 0067: by what had come by the 5th; a reversal afterwards opens the notice and makes no violation."""
    mine, theirs = await fee.notice(A, APRIL), await fee.notice(B, APRIL)
    for notice, taken_back in ((mine, "2026-04-07"), (theirs, "2026-04-03")):
        await pay(fee, notice, notice["amount"], day("2026-04-01"))
        await pay(fee, notice, -notice["amount"], day(taken_back))
    await told_through(fee, day("2026-04-30"))
    await find_violations(fee.service.database, day("2026-05-01"))
    assert [one["employer_code"] for one in await found(fee)] == [B]
    assert await stands(fee, mine, day("2026-05-01")) is Standing.OVERDUE


async def test_assigned_money_counts_by_the_day_it_came(fee: Fee):
    """Paid in time under a wrong number, and given to the notice by two people afterwards."""
    notice = await fee.notice(A, APRIL)
    await assign(fee, notice, notice["amount"], day("2026-04-01"))
    await told_through(fee, day("2026-04-30"))
    await find_violations(fee.service.database, day("2026-05-01"))
    assert await found(fee) == []
    assert await stands(fee, notice, day("2026-05-01")) is Standing.PAID


async def test_months_that_were_missed_are_caught_up(fee: Fee):
    notices = [await fee.notice(A, Month(2026, month)) for month in range(1, 7)]
    await pay(fee, notices[2], notices[2]["amount"], day("2026-03-01"))
    await told_through(fee, day("2026-05-20"))
    await find_violations(fee.service.database, day("2026-06-30"))
    # June's 5th has passed, but the bank has not told everything up to it.
    assert [one["month"] for one in await found(fee, query="?sort=reference_on")] == [
        "2026-01", "2026-02", "2026-04", "2026-05",
    ]  # fmt: skip
    assert {one["fee_items_this_year"]["count"] for one in await found(fee)} == {4}


async def test_two_runs_at_once_and_one_that_was_killed(fee: Fee, monkeypatch):
    """Race and crash: whatever was done is done once, and what was not is done by the next run."""
    monkeypatch.setattr(daily, "_PART", 1)
    for month in range(1, 9):
        await fee.notice(A, Month(2026, month))
        await fee.notice(B, Month(2026, month))
    await told_through(fee, day("2026-09-01"))
    killed = asyncio.create_task(find_violations(fee.service.database, day("2026-09-02")))
    while not await fee.sql("SELECT 1 FROM violation"):  # noqa: ASYNC110 - a table wakes nobody
        await asyncio.sleep(0.005)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    before = len(await fee.sql("SELECT 1 FROM violation"))
    assert 0 < before < 16
    await asyncio.gather(*(find_violations(fee.service.database, day("2026-09-02")) for _ in range(3)))
    assert len(await fee.sql("SELECT 1 FROM violation")) == 16
    events = await told(fee)
    assert len(events) == len({data["violation_id"] for _, data in events}) == 16


async def test_annulled_once_with_a_reason_and_never_deleted(fee: Fee):
    await fee.notice(A, APRIL)
    await fee.notice(A, Month(2026, 3))
    await told_through(fee, day("2026-05-01"))
    await find_violations(fee.service.database, day("2026-05-01"))
    violation = (await found(fee))[0]
    where = f"/violations/{violation['id']}"
    for who in (EMPLOYER_A, OFFICE):
        assert code(await fee.post(f"{where}/annulment", who, {"reason": "x"})) == (403, "forbidden")
    assert code(await fee.post(f"{where}/annulment", FINANCE, {"reason": " "})) == (422, "invalid_content")
    annulled = await fee.post(f"{where}/annulment", FINANCE, {"reason": "銀行系統異常，承辦人 A123456789"})
    assert (annulled.status_code, annulled.json()["annul_reason"]) == (200, "銀行系統異常，承辦人 A123456789")
    assert annulled.json()["fee_items_this_year"]["count"] == 1
    assert code(await fee.post(f"{where}/annulment", FINANCE, {"reason": "再"})) == (409, "violation_annulled")
    # It stays, and is not found again.
    await find_violations(fee.service.database, day("2026-06-01"))
    assert len(await found(fee)) == 2
    assert [one["id"] for one in await found(fee, query="?annulled=true")] == [violation["id"]]
    assert (await told(fee))[-1][1]["reason"] == "銀行系統異常，承辦人 A12****789"
    for statement in ("UPDATE violation SET annul_reason = 'x'", "UPDATE violation SET evidence = '{}'"):
        with pytest.raises(asyncpg.CheckViolationError):
            await fee.sql(statement)
    connection = await asyncpg.connect(str(fee.service.urls.app).replace("+asyncpg", ""))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM violation")
    await connection.close()


async def test_lists_are_one_s_own(fee: Fee):
    await fee.notice(A, APRIL)
    await fee.notice(B, APRIL)
    await told_through(fee, day("2026-05-01"))
    await find_violations(fee.service.database, day("2026-05-01"))
    assert [one["employer_code"] for one in await found(fee, EMPLOYER_A)] == [A]
    assert await found(fee, EMPLOYER_A, f"?employer_code={B}") == []
    assert len(await found(fee, OFFICE, "?year=2026")) == 2
    assert await found(fee, OFFICE, "?year=2025") == []
    (theirs,) = await found(fee, EMPLOYER_B)
    assert code(await fee.get(f"/violations/{theirs['id']}", EMPLOYER_A)) == (404, "not_found")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_a_violation_is_what_a_plain_count_says(fee: Fee, data):
    """Whatever came, when: found if and only if the sum by the 5th is less than was asked; and it never goes again."""
    await fee.sql("TRUNCATE violation")
    month = Month(2020, 1).plus(len(await fee.sql("SELECT 1 FROM notice")))
    notice = await fee.notice(A, month)
    total, by_fifth = 0, 0
    for _ in range(data.draw(st.integers(0, 5))):
        amount = data.draw(st.sampled_from([15_050, 30_100, 30_099, *([-15_050] if total >= 15_050 else [])]))
        on = month.day(data.draw(st.integers(1, 9)))
        await pay(fee, notice, amount, on)
        total += amount
        by_fifth += amount if on <= violation_on(month) else 0
    await told_through(fee, month.day(10))
    await find_violations(fee.service.database, month.day(11))
    here = await fee.sql("SELECT evidence->>'paid_by_reference' AS paid FROM violation WHERE notice_id = $1",
                         uuid.UUID(notice["id"]))  # fmt: skip
    assert [int(row["paid"]) for row in here] == ([by_fifth] if by_fifth < notice["amount"] else [])


@pytest.mark.rule("FE-40")
async def test_reminded_three_working_days_before_and_told_when_overdue_each_once(fee: Fee):
    """April 2026: due on Thursday the 2nd, so Monday 30 March is the day."""
    notice = await fee.notice(A, APRIL)
    paid = await fee.notice(B, APRIL)
    await pay(fee, paid, paid["amount"], day("2026-03-27"))
    await pay(fee, notice, 100, day("2026-03-27"))
    heard: list[tuple[str, str, dict[str, Any]]] = []
    for on in (dt.date(2026, 3, 20) + dt.timedelta(days=n) for n in range(25)):
        # The file of a working day is read on the next.
        await told_through(fee, on - dt.timedelta(days=1))
        for _ in range(2):
            await remind(fee.service.database, on)
        heard += [(on.isoformat(), *one) for one in (await told(fee))[len(heard) :]]
    assert [(on, name) for on, name, _ in heard] == [
        ("2026-03-30", "notice.reminded"), ("2026-04-03", "notice.overdue"),
    ]  # fmt: skip
    assert heard[0][2] == {
        "employer_code": A, "employer_name": "甲示範科技股份有限公司", "notice_id": notice["id"], "month": "2026-04-01",
        "amount": 30_100, "due_on": "2026-04-02", "paid": 100, "outstanding": 30_000,
    }  # fmt: skip


@pytest.mark.rule("FE-40")
async def test_who_paid_on_the_due_day_is_not_told_before_the_file_was_read(fee: Fee):
    notice = await fee.notice(A, APRIL)
    await told_through(fee, day("2026-04-01"))
    await remind(fee.service.database, day("2026-04-03"))
    assert await told(fee) == []
    await pay(fee, notice, notice["amount"], day("2026-04-02"), day("2026-04-03"))
    await told_through(fee, day("2026-04-02"))
    await remind(fee.service.database, day("2026-04-03"))
    assert await told(fee) == []


@pytest.mark.rule("FE-40")
async def test_missed_days_are_caught_up_and_two_runs_at_once_tell_once(fee: Fee, monkeypatch):
    monkeypatch.setattr(daily, "_PART", 2)
    for month in range(1, 7):
        await fee.notice(A, Month(2026, month))
    await told_through(fee, day("2026-04-01"))
    await asyncio.gather(*(remind(fee.service.database, day("2026-04-01")) for _ in range(3)))
    assert sorted((name, data["month"]) for name, data in await told(fee)) == [
        ("notice.overdue", "2026-01-01"), ("notice.overdue", "2026-02-01"), ("notice.overdue", "2026-03-01"),
        ("notice.reminded", "2026-04-01"),
    ]  # fmt: skip
    rows = await fee.sql("SELECT kind, count(*) AS n FROM reminder GROUP BY kind ORDER BY kind")
    assert [tuple(row) for row in rows] == [("before_due", 1), ("overdue", 3)]
