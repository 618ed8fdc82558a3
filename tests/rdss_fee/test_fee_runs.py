"""Monthly runs: the manual's examples, two people, one run at a time, what is issued stays (FE-10 to FE-16)."""

import asyncio
import datetime as dt
import json
import uuid

import asyncpg
import pypdfium2
import pytest

from rdss_fee.accounts.numbers import Account
from rdss_fee.billing.jobs import COMPUTE
from rdss_fee.billing.service import issue_run
from rdss_fee.billing.service.begin_run import ask_due
from rdss_fee.billing.service.compute_run import ComputeRun
from rdss_fee.months import Month
from shared import events, jobs
from shared.db import Context
from tests.rdss_fee.support import (
    DEPARTMENT_A,
    EMPLOYER_A,
    EMPLOYER_B,
    FINANCE,
    FINANCE_2,
    OFFICE,
    SCHEME,
    TODAY,
    A,
    B,
    Fee,
)

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
day = dt.date


@pytest.mark.rule("FE-03", "FE-04", "FE-11", "FE-20")
async def test_the_manual_s_example_known_before_the_15th(fee: Fee):
    """28 September, known on the 10th: October's notice asks 3,010 for three days and 30,100 (研究發展費繳納-2/5)."""
    man = await fee.man()
    await fee.period(man, A, day(2026, 9, 28), known_on=day(2026, 9, 10))
    await fee.refact(man, day(2026, 9, 10), cohort=2009, stage_begins_on=day(2026, 9, 28))
    await fee.sql("DELETE FROM rate WHERE effective_from > '2010-01-01'")
    run = await fee.issued(OCTOBER)
    assert await fee.lines(run) == [(A, "2026-09", "charge", 3, 3_010), (A, "2026-10", "charge", 31, 30_100)]
    (notice,) = (await fee.get("/notices", EMPLOYER_A)).json()["items"]
    told = {name: notice[name] for name in ("month", "payable", "paid", "outstanding", "due_on", "standing")}
    assert told == {
        "month": "2026-10", "payable": 33_110, "paid": 0, "outstanding": 33_110, "due_on": "2026-10-05",
        "standing": "open",
    }  # fmt: skip
    assert notice["virtual_account"].startswith("700602115100001")
    assert (notice["bank_code"], notice["payee_name"], notice["atm_offered"]) == ("004", "內政部役政署", True)
    assert (await fee.get("/notices", DEPARTMENT_A)).json()["items"] == [notice]
    assert (await fee.get("/notices", EMPLOYER_B)).json()["items"] == []
    booked = await fee.sql("SELECT kind, debit, credit, amount, notice_id::text FROM posting")
    assert [tuple(row) for row in booked] == [("notice_issued", "receivable", "revenue", 33_110, notice["id"])]


@pytest.mark.rule("FE-04", "FE-11")
async def test_the_example_known_after_the_15th(fee: Fee):
    """Known on 1 October: October's run says nothing of him, November's notice asks 3,010 + 30,100 + 30,100."""
    await fee.sql("DELETE FROM rate WHERE effective_from > '2010-01-01'")
    run = await fee.issued(OCTOBER)
    assert (run["totals"]["line_count"], run["notice_count"]) == (0, 0)
    fee.on(day(2026, 10, 1))
    await fee.period(await fee.man(), A, day(2026, 9, 28), known_on=day(2026, 10, 1))
    fee.on(day(2026, 10, 15))
    run = await fee.issued(NOVEMBER)
    assert [line[1:] for line in await fee.lines(run)] == [
        ("2026-09", "charge", 3, 3_010), ("2026-10", "charge", 31, 30_100), ("2026-11", "charge", 30, 30_100),
    ]  # fmt: skip
    (notice,) = (await fee.get("/notices", EMPLOYER_A)).json()["items"]
    assert (notice["payable"], notice["due_on"]) == (63_210, "2026-11-05")


@pytest.mark.rule("FE-05", "FE-12", "FE-16")
async def test_a_credit_is_claimed_and_pays_no_notice(fee: Fee):
    """A's man was transferred to B on the 11th of October, which becomes known on the 12th: A's statement of November
    gives 21 days back, and its notice asks for its other man whole.
    """
    moving, staying = await fee.man(cohort=2024), await fee.man(cohort=2024)
    period = await fee.period(moving, A, day(2026, 9, 1))
    await fee.period(staying, A, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 12))
    await fee.correct(period, day(2026, 10, 11), ended_by="transferred_out", known_on=day(2026, 10, 12))
    await fee.period(moving, B, day(2026, 10, 11), begun_by="transferred_in", known_on=day(2026, 10, 12))
    fee.on(day(2026, 10, 15))
    run = await fee.issued(NOVEMBER)
    back = 40_000 - 12_903  # 40,000 × 10/31 = 12,903.2
    assert await fee.lines(run) == [
        (B, "2026-10", "charge", 21, 27_097),
        (A, "2026-10", "credit", 10, back),
        (B, "2026-11", "charge", 30, 40_000),
        (A, "2026-11", "charge", 30, 40_000),
    ]
    assert (run["totals"]["charges"], run["totals"]["credits"]) == (107_097, back)
    november = (await fee.get("/notices?month=2026-11", EMPLOYER_A)).json()["items"]
    assert [notice["payable"] for notice in november] == [40_000]
    (statement,) = (await fee.get("/credit-statements", EMPLOYER_A)).json()["items"]
    assert (statement["amount"], statement["month"]) == (back, "2026-11")
    told = (await fee.get(f"/credit-statements/{statement['id']}/lines", EMPLOYER_A)).json()["items"]
    assert [(x["entitled"], x["billed"], x["amount"], x["reason"]) for x in told] == [
        (12_903, 40_000, back, "billed_too_much")
    ]
    (booked,) = await fee.sql("SELECT debit, credit, amount, employer_code FROM posting WHERE kind = 'credit_granted'")
    assert tuple(booked) == ("revenue", "refundable", back, A)


@pytest.mark.rule("FE-16")
async def test_credits_alone_are_a_statement_and_nothing_is_nothing(fee: Fee):
    period = await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 15))
    await fee.correct(period, day(2026, 9, 21), known_on=day(2026, 10, 14))
    run = await fee.issued(NOVEMBER)
    assert (run["notice_count"], run["statement_count"]) == (0, 1)
    assert await fee.lines(run) == [
        (A, "2026-09", "credit", 20, 40_000 - 26_667), (A, "2026-10", "credit", 0, 40_000),
    ]  # fmt: skip
    fee.on(day(2026, 11, 15))
    run = await fee.issued(NOVEMBER.plus(1))
    assert (run["totals"]["line_count"], run["notice_count"], run["statement_count"]) == (0, 0, 0)


@pytest.mark.rule("FE-14")
async def test_two_people_and_the_version_that_was_seen(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    run = await fee.previewed(OCTOBER)
    own = await fee.issue(run, FINANCE)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert (await fee.issue({**run, "version": 1})).status_code == 412
    missing = await fee.post(f"/billing-runs/{uuid.uuid4()}/issue", FINANCE_2, if_match='"1"')
    assert missing.status_code == 404
    assert (await fee.issue(run)).status_code == 200
    again = await fee.issue({**run, "version": run["version"] + 1})
    assert (again.status_code, again.json()["code"]) == (409, "run_closed")


@pytest.mark.rule("FE-14")
async def test_two_runs_at_once_one_wins(fee: Fee):
    asked = await asyncio.gather(*(fee.post("/billing-runs", FINANCE, {"month": "2026-10"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in asked) == [202, 409, 409, 409]
    told = {answer.json()["code"] for answer in asked if answer.status_code == 409}
    assert told == {"run_open"}
    made = next(answer.json() for answer in asked if answer.status_code == 202)
    assert all(answer.json()["run_id"] == made["id"] for answer in asked if answer.status_code == 409)
    dropped = await fee.post(f"/billing-runs/{made['id']}/drop", FINANCE_2, if_match='"1"')
    assert (dropped.status_code, dropped.json()["state"]) == (200, "dropped")
    await fee.previewed(OCTOBER)


@pytest.mark.rule("FE-14")
async def test_issued_by_two_at_once_a_notice_is_there_once(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    run = await fee.previewed(OCTOBER)
    answers = await asyncio.gather(*(fee.issue(run) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert [tuple(row) for row in await fee.sql("SELECT count(*), sum(amount) FROM notice")] == [(1, 80_000)]
    assert await fee.sql("SELECT 1 FROM posting OFFSET 1") == []


@pytest.mark.rule("FE-13", "FE-14")
async def test_computed_twice_it_has_its_lines_once(fee: Fee):
    """Two workers that both took the job, and one that was killed after it had computed."""
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    made = (await fee.post("/billing-runs", FINANCE, {"month": "2026-10"})).json()
    await asyncio.gather(fee.work(), fee.work())
    await fee.sql("UPDATE job SET state = 'ready', owner = NULL, lease_until = NULL, run_at = now()")
    await fee.work()
    found = (await fee.get(f"/billing-runs/{made['id']}", FINANCE)).json()
    assert (found["state"], found["version"], found["totals"]["line_count"]) == ("previewed", 2, 2)
    assert len(await fee.lines(found)) == 2


@pytest.mark.rule("FE-13", "FE-14")
async def test_run_again_with_no_news_it_issues_nothing_and_news_waits(fee: Fee):
    man = await fee.man(cohort=2024)
    period = await fee.period(man, A, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    again = await fee.issued(OCTOBER)
    assert (again["totals"]["line_count"], again["notice_count"]) == (0, 0)
    await fee.correct(period, day(2026, 9, 21), known_on=TODAY)
    late = await fee.previewed(OCTOBER)
    refused = await fee.issue(late)
    assert (refused.status_code, refused.json()["code"]) == (409, "month_issued")
    assert (await fee.get("/credit-statements", EMPLOYER_A)).json()["items"] == []


@pytest.mark.rule("FE-13")
async def test_what_becomes_known_after_the_preview_waits(fee: Fee):
    """Issued is what was previewed, as it was previewed."""
    period = await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    run = await fee.previewed(OCTOBER)
    await fee.correct(period, day(2026, 9, 21), known_on=TODAY)
    assert (await fee.issue(run)).json()["totals"]["charges"] == 80_000
    fee.on(day(2026, 10, 15))
    assert (await fee.issued(NOVEMBER))["totals"]["credits"] == 80_000 - 26_667


@pytest.mark.rule("FE-10", "FE-11")
@pytest.mark.parametrize(
    ("today", "month", "code"),
    [
        (day(2026, 9, 14), "2026-10", "run_too_early"),
        (day(2026, 9, 15), "2026-11", "run_too_early"),
        (day(2026, 9, 15), "2026-09", "run_too_late"),
        (day(2026, 10, 6), "2026-10", "run_too_late"),
        (day(2026, 10, 5), "2026-10", None),  # the due day itself
        (day(2026, 9, 30), "2026-10", None),  # a run that was missed on the 15th
        (day(2026, 4, 3), "2026-04", "run_too_late"),  # due on Thursday the 2nd
        (day(2026, 4, 2), "2026-04", None),
    ],
)
async def test_when_a_month_is_billed(fee: Fee, today, month, code):
    fee.on(today)
    answer = await fee.post("/billing-runs", FINANCE, {"month": month})
    assert answer.status_code == (409 if code else 202), answer.text
    if code:
        assert answer.json()["code"] == code


@pytest.mark.rule("FE-02")
async def test_a_month_without_a_rate_is_told_and_nothing_is_written(fee: Fee):
    await fee.period(await fee.man(degree="doctoral", cohort=2024), A, day(2026, 9, 1))
    await fee.sql("DELETE FROM rate WHERE degree = 'doctoral'")
    made = (await fee.post("/billing-runs", FINANCE, {"month": "2026-10"})).json()
    await fee.work()
    found = (await fee.get(f"/billing-runs/{made['id']}", FINANCE)).json()
    assert found["state"] == "failed"
    assert found["missing_rates"] == [
        {"category": "rdss", "degree": "doctoral", "cohort": 2024, "month": month} for month in ("2026-09", "2026-10")
    ]
    assert await fee.sql("SELECT 1 FROM line") == []
    await fee.sql(
        "INSERT INTO rate (id, category, degree, cohort_from, effective_from, amount, document, entered_by, known_on)"
        " VALUES (gen_random_uuid(), 'rdss', 'doctoral', 0, '2010-01-01', 46000, 'x', 'x', '2026-01-01')"
    )
    assert (await fee.previewed(OCTOBER))["totals"]["charges"] == 92_000


@pytest.mark.rule("FE-20")
async def test_without_a_scheme_or_with_a_number_too_wide_nothing_is_issued(fee: Fee):
    await fee.employer("22099131", 12_345)
    await fee.period(await fee.man(cohort=2024), "22099131", day(2026, 9, 1))
    run = await fee.previewed(OCTOBER)
    refused = await fee.issue(run)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_content")
    assert "22099131" in refused.json()["errors"][0]["message"]
    assert await fee.sql("SELECT 1 FROM notice UNION ALL SELECT 1 FROM posting") == []
    found = (await fee.get(f"/billing-runs/{run['id']}", FINANCE)).json()
    assert found["state"] == "previewed"


@pytest.mark.rule("FE-11", "FE-16")
async def test_what_is_issued_in_parts_is_issued_whole_or_not_at_all(fee: Fee, monkeypatch):
    """October asks of three employers, November gives to three and asks of three; one document a part. No two of the
    amounts are equal.
    """
    monkeypatch.setattr(issue_run, "_PART", 1)
    await fee.employer("22099131", 3)
    employers = (A, B, "22099131")
    periods = [
        await fee.period(await fee.man(cohort=2024), code, day(2026, 9, number))
        for number, code in enumerate(employers, 1)
    ]
    run = await fee.previewed(OCTOBER)
    published = events.publish_many

    async def third_breaks(session, kind, about):
        if about[0][1].employer_code == "22099131":
            raise RuntimeError("planted")
        return await published(session, kind, about)

    with monkeypatch.context() as broken:
        broken.setattr(events, "publish_many", third_breaks)
        assert (await fee.issue(run)).status_code == 500
    everything = (
        "SELECT 1 FROM notice UNION ALL SELECT 1 FROM posting UNION ALL SELECT 1 FROM job WHERE kind = 'event.deliver'"
        " UNION ALL SELECT 1 FROM audit_entry WHERE action = 'notice.issued'"
    )
    assert await fee.sql(everything) == []
    assert (await fee.issue(run)).status_code == 200
    fee.on(day(2026, 10, 10))
    for number, (period, code) in enumerate(zip(periods, employers, strict=True), 1):
        await fee.correct(period, day(2026, 9, 10 + number), known_on=day(2026, 10, 10))
        await fee.period(await fee.man(cohort=2024), code, day(2026, 10, number + 3))
    fee.on(day(2026, 10, 15))
    await fee.issued(NOVEMBER)
    for table, months in (("notice", 2), ("credit_statement", 1)):
        found = await fee.sql(f"SELECT employer_code FROM {table} GROUP BY 1 HAVING count(*) = {months}")
        assert {row[0] for row in found} == set(employers), table
        told = await fee.sql("SELECT entity_id FROM audit_entry WHERE action = $1", f"{table}.issued")
        assert sorted(row[0] for row in told) == sorted(
            row[0] for row in await fee.sql(f"SELECT id::text FROM {table}")
        )
    booked = await fee.sql("SELECT kind, employer_code, count(*) FROM posting GROUP BY 1, 2")
    assert {tuple(row) for row in booked} == {
        (kind, code, times) for code in employers for kind, times in (("notice_issued", 2), ("credit_granted", 1))
    }
    notices = await fee.sql(
        "SELECT id::text, employer_code, amount, virtual_account, month, number"
        " FROM notice JOIN employer ON code = employer_code"
    )
    assert len({notice["amount"] for notice in notices}) == 6
    for notice in notices:
        assert notice["virtual_account"] == SCHEME.number(Account(Month.of(notice["month"]), notice["number"]))
    owed = await fee.sql("SELECT notice_id::text, employer_code, amount FROM posting WHERE kind = 'notice_issued'")
    assert {tuple(row) for row in owed} == {tuple(notice)[:3] for notice in notices}
    given = await fee.sql("SELECT employer_code, amount FROM posting WHERE kind = 'credit_granted'")
    granted = {tuple(row) for row in await fee.sql("SELECT employer_code, amount FROM credit_statement")}
    assert {tuple(row) for row in given} == granted
    sent = await fee.sql("SELECT payload->'event' FROM job WHERE kind = 'event.deliver'")
    told = [json.loads(row[0]) for row in sent]
    facts = {(event["subject"], event["data"]["employer_code"], event["data"]["amount"]) for event in told}
    assert facts == {tuple(notice)[:3] for notice in notices}


@pytest.mark.rule("FE-10", "FE-14")
async def test_the_15th_s_run_comes_by_itself_and_two_people_look_at_it(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))

    async def daily(today: dt.date) -> object:
        fee.on(today)
        async with fee.service.database.transaction(Context("test", "authority", "nca")) as session:
            return await ask_due(session, today)

    assert await daily(day(2026, 9, 14)) is None
    made = await daily(day(2026, 9, 17))  # missed for two days
    assert made is not None
    assert await daily(day(2026, 9, 17)) is None
    await fee.work()
    run = (await fee.get(f"/billing-runs/{made}", FINANCE)).json()
    assert (run["state"], run["checked_by"], run["asked_by"]) == ("previewed", None, "service:rdss-fee")
    unchecked = await fee.issue(run)
    assert (unchecked.status_code, unchecked.json()["code"]) == (409, "run_unchecked")
    seen = await fee.post(f"/billing-runs/{made}/check", FINANCE, if_match=f'"{run["version"]}"')
    assert seen.json()["checked_by"] == "finance-1"
    assert (await fee.issue(seen.json(), FINANCE)).status_code == 403
    assert (await fee.issue(seen.json())).status_code == 200
    assert await daily(day(2026, 9, 18)) is None


@pytest.mark.rule("FE-14")
async def test_a_run_that_is_asked_for_waits_for_no_mail(fee: Fee):
    """Of the run before it thousands of employers may be still to be told; a worker takes sixteen jobs at a time."""
    async with fee.service.database.transaction(Context.system("rdss-fee")) as session:
        await jobs.enqueue_many(session, "event.deliver", [(str(n), {}) for n in range(40)])
    asked = await fee.post("/billing-runs", FINANCE, {"month": "2026-10"})
    database = fee.service.database
    assert await jobs.Worker(database, "rdss-fee", {COMPUTE: ComputeRun(database)}).run_once() == 16
    assert (await fee.get(f"/billing-runs/{asked.json()['id']}", FINANCE)).json()["state"] == "previewed"


@pytest.mark.rule("FE-14")
async def test_lines_are_written_by_a_run_that_is_computed_and_by_nobody_else(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    run = await fee.issued(OCTOBER)
    for of in (run["id"], str(uuid.uuid4())):
        with pytest.raises(asyncpg.CheckViolationError, match="while their run is computed"):
            await fee.sql(
                "INSERT INTO line SELECT $1, gen_random_uuid(), employer_code, month, kind, reason, days, category,"
                " degree, cohort, rate, entitled, billed, amount, event_id FROM line",
                uuid.UUID(of),
            )


@pytest.mark.rule("FE-30", "FE-31", "FE-40")
async def test_a_notice_and_its_lines_on_paper_and_the_employer_is_told(fee: Fee):
    man = await fee.man(cohort=2024, name="王大明")
    await fee.period(man, A, day(2026, 9, 14))
    await fee.issued(OCTOBER)
    (notice,) = (await fee.get("/notices", EMPLOYER_A)).json()["items"]
    paper = await fee.get(f"/notices/{notice['id']}", EMPLOYER_A, headers={"Accept": "application/pdf"})
    assert (paper.status_code, paper.headers["content-type"]) == (200, "application/pdf"), paper.text
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(paper.content))
    for said in (notice["virtual_account"], "62,667", "115年10月5日", "ATM繳費", "甲示範科技股份有限公司"):
        assert said in text.replace(" ", ""), said
    table = await fee.get(f"/notices/{notice['id']}/lines", EMPLOYER_A, headers={"Accept": "text/csv"})
    rows = table.content.decode("utf-8-sig").splitlines()
    assert len(rows) == 3
    assert "王大明" in rows[1]
    for who, status in ((EMPLOYER_B, 404), (OFFICE, 200)):
        answer = await fee.get(f"/notices/{notice['id']}", who, headers={"Accept": "application/pdf"})
        assert answer.status_code == status
    refused = await fee.get(f"/notices/{notice['id']}", EMPLOYER_A, headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
    (told,) = await fee.sql("SELECT payload FROM job WHERE kind = 'event.deliver'")
    event = json.loads(told[0])["event"]
    assert event["type"] == "muster.rdss-fee.notice.issued.v1"
    assert {name: event["data"][name] for name in ("employer_code", "amount", "due_on", "month")} == {
        "employer_code": A, "amount": 62_667, "due_on": "2026-10-05", "month": "2026-10-01",
    }  # fmt: skip
