"""RO-61: reports of any size, made by the worker in the name of who asked, fetched for a day by nobody else."""

import asyncio
import csv
import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from roster.report_jobs import making
from roster.report_jobs.jobs import EXPIRE, MAKE
from roster.report_jobs.making import MakeReport
from roster.results import streaming
from shared import clock, jobs
from shared.db import Context
from shared.papers import making as papers
from shared.problems import UNAVAILABLE
from tests.contracts.walls.roster import service_owner
from tests.roster.intake_corpus.files import national_id
from tests.support.report_jobs import ask, file_of, made, work
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OFFICER_2, OTHER_SCHOOL, County, men
from tests.support.tokens import bearer

pytestmark = pytest.mark.rule("RO-61")

TOWNSHIP = bearer("township", org="township:63000030", sub="clerk")
ANOTHER_TOWNSHIP = bearer("township", org="township:63000010", sub="clerk")
CSV = "text/csv"


async def decided(county: County, count: int = 3, first: int = 1) -> str:
    roster_id, batch = await county.up(count, first)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    return roster_id


def rows(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


@pytest.mark.rule("RO-60")
async def test_a_report_holds_what_the_list_holds(county):
    """The very bytes of the CSV that the list itself gives, for each report that has such a list."""
    roster_id = await decided(county)
    await county.up(2, 10)
    sealed = (await county.call("POST", "/result-searches", OFFICER, {"decision": "approved"})).json()["search"]
    for body, path in (
        ({"report": "pending_roster", "roster_id": roster_id}, f"/rosters/{roster_id}/entries"),
        ({"report": "result_entries", "roster_id": roster_id}, f"/results/{roster_id}/entries"),
        ({"report": "results", "search": sealed, "sort": "headcount"}, f"/results?search={sealed}&sort=headcount"),
        ({"report": "results"}, "/results"),
    ):
        for form, media in (("csv", CSV), ("ndjson", "application/x-ndjson")):
            file = await made(county, {**body, "form": form})
            listed = await county.service.http.get(f"/roster/v1{path}", headers={**OFFICER, "Accept": media})
            assert file == listed.content
            assert file.count(b"\n") >= 1


@pytest.mark.parametrize("who", [OFFICER, NTU])
async def test_results_are_streamed_as_their_pages_would_give_them(county, monkeypatch, who):
    """Decided and undecided men in several lots; what only the county may read of a refusal is its here too."""
    monkeypatch.setattr(streaming, "_LOT", 2)
    roster_id, entries = await county.opened(men(1, 5), {2: {"status": "reservist"}})
    await county.approve_clean(roster_id)
    for entry, reason in ((entries[0], '後備軍人,"列管"\n中'), (entries[2], "=1+1\n查無學籍")):
        now = next(one for one in await county.entries(roster_id) if one["id"] == entry["id"])
        draft = {"decision": "rejected", "ground": "enrolment_not_recognised", "ground_unseen": True, "reason": reason}
        assert (await county.patch(now, draft)).status_code == 200
    batch = await county.submit(roster_id, entry_ids=[entry["id"] for entry in entries[:4]])
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    file = await made(county, {"report": "result_entries", "form": "csv", "roster_id": roster_id}, who)
    listed = await county.service.http.get(f"/roster/v1/results/{roster_id}/entries", headers={**who, "Accept": CSV})
    assert file == listed.content
    assert [row["列號"] for row in rows(file)] == [str(entry["row_no"]) for entry in entries]


async def test_more_than_may_be_made_at_once_is_a_jobs(county, monkeypatch):
    """Rows in many pages and parts."""
    monkeypatch.setattr(making, "_AT_A_TIME", 2)
    monkeypatch.setattr(making, "_PART", 512)
    roster_id = await decided(county, 7)
    file = await made(county, {"report": "pending_roster", "form": "csv", "roster_id": roster_id})
    assert [row["身分證字號"] for row in rows(file)] == [national_id(n) for n in range(1, 8)]
    async with service_owner(county.service) as owner:
        assert await owner.fetchval("SELECT count(*) FROM report_part") == -(-len(file) // 512)
        # Sealed, and nothing of it beside.
        for body in await owner.fetch("SELECT body FROM report_part"):
            assert national_id(1).encode() not in body["body"]
            assert "王".encode() not in body["body"]
        about = await owner.fetchrow("SELECT to_jsonb(report)::text AS report FROM report")
        assert national_id(1) not in about["report"]


async def test_progress_and_ready(county):
    roster_id = await decided(county)
    report = await ask(county, {"report": "result_entries", "form": "csv", "roster_id": roster_id})
    assert (report["state"], report["rows_done"], report["rows_total"], report["link"]) == ("queued", 0, 3, None)
    early = await file_of(county, report)
    assert (early.status_code, early.json()["code"]) == (409, "report_not_ready")
    await work(county)
    now = await county.get(f"/reports/{report['id']}")
    assert (now["state"], now["rows_done"], now["rows_total"]) == ("ready", 3, 3)
    assert now["link"] == f"/roster/v1/reports/{report['id']}/file"
    assert [item["id"] for item in (await county.get("/reports"))["items"]] == [report["id"]]
    answer = await file_of(county, now)
    assert answer.headers["cache-control"] == "no-store"
    disposition = answer.headers["content-disposition"]
    assert 'filename="result-entries-20261001.csv"' in disposition
    assert national_id(1) not in disposition


async def test_nobody_else_sees_it(county):
    roster_id = await decided(county)
    report = await ask(county, {"report": "result_entries", "form": "csv", "roster_id": roster_id})
    await work(county)
    for who in (
        OFFICER_2,
        APPROVER,
        ELSEWHERE,
        NTU,
        TOWNSHIP,
        bearer("case_officer", org="county:65000", sub="officer-1"),
    ):
        for path in (f"/reports/{report['id']}", f"/reports/{report['id']}/file"):
            answer = await county.call("GET", path, who)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await county.get("/reports", who))["items"] == []
    # Behind the query stand the policies: without it the rows are not to be seen either.
    for context in (
        Context("officer-2", "county", "63000"), Context("officer-1", "county", "65000"), Context.system("roster")
    ):  # fmt: skip
        async with county.service.database.transaction(context) as session:
            for table in ("report", "report_part"):
                assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar() == 0
    async with county.service.database.transaction(Context("officer-1", "county", "63000")) as session:
        assert (await session.execute(text("SELECT count(*) FROM report_part"))).scalar() == 1


async def test_each_fetch_is_kept_on_record(county):
    roster_id = await decided(county)
    report = await ask(county, {"report": "result_entries", "form": "csv", "roster_id": roster_id})
    await work(county)
    for _ in range(2):
        assert (await file_of(county, report)).status_code == 200
    async with service_owner(county.service) as owner:
        kept = await owner.fetch(
            "SELECT sub, org_code, action, data FROM audit_entry WHERE entity = 'report' AND entity_id = $1"
            " ORDER BY id",
            report["id"],
        )
    assert [row["action"] for row in kept] == ["report.asked", "report.made", "report.fetched", "report.fetched"]
    assert {(row["sub"], row["org_code"]) for row in kept} == {("officer-1", "63000")}
    assert '"rows": 3' in kept[-1]["data"]


async def test_after_a_day_the_file_is_gone(county, monkeypatch):
    roster_id = await decided(county)
    report = await ask(county, {"report": "result_entries", "form": "csv", "roster_id": roster_id})
    await work(county)
    async with service_owner(county.service) as owner:
        due = await owner.fetch("SELECT run_at - now() AS left FROM job WHERE kind = $1 AND state = 'ready'", EXPIRE)
    assert len(due) == 2
    assert min(row["left"] for row in due) > timedelta(hours=23, minutes=59)
    # Before its time the job leaves it.
    await work(county, EXPIRE, due=True)
    assert (await file_of(county, report)).status_code == 200
    later = clock.now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    # By the clock, whether it was deleted yet or not.
    assert (await county.get(f"/reports/{report['id']}"))["state"] == "expired"
    answer = await file_of(county, report)
    assert (answer.status_code, answer.json()["code"]) == (410, "report_expired")
    async with service_owner(county.service) as owner:
        assert await owner.fetchval("SELECT count(*) FROM report_part") == 1
        await owner.execute("UPDATE job SET state = 'ready', finished_at = NULL WHERE kind = $1", EXPIRE)
        await work(county, EXPIRE, due=True)
        assert await owner.fetchval("SELECT count(*) FROM report_part") == 0


async def test_a_job_killed_half_way_is_done_anew_and_yields_one_file(county, monkeypatch):
    """Killed when parts are stored already: another worker takes it up, its parts are not mixed with the first's."""
    monkeypatch.setattr(making, "_AT_A_TIME", 2)
    monkeypatch.setattr(making, "_PART", 300)
    roster_id = await decided(county, 6)
    report = await ask(county, {"report": "pending_roster", "form": "csv", "roster_id": roster_id})
    stored, told = asyncio.Event(), making._Try.tell

    async def stall(one: Any, count: int) -> None:
        await told(one, count)
        if one.number:
            stored.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(making._Try, "tell", stall)
    first = asyncio.create_task(work(county))
    await stored.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    monkeypatch.setattr(making._Try, "tell", told)
    async with service_owner(county.service) as owner:
        left = await owner.fetchval("SELECT count(*) FROM report_part")
        assert left >= 1
        await owner.execute("UPDATE job SET lease_until = now() - interval '1 second' WHERE kind = $1", MAKE)
    assert (await county.get(f"/reports/{report['id']}"))["state"] == "running"
    await work(county)
    file = await file_of(county, report)
    listed = await county.service.http.get(
        f"/roster/v1/rosters/{roster_id}/entries", headers={**OFFICER, "Accept": CSV}
    )
    assert file.content == listed.content
    async with service_owner(county.service) as owner:
        assert await owner.fetchval("SELECT count(DISTINCT attempt) FROM report_part") == 1
        # Asked to be done again, it is left as it is.
        assert await owner.fetchval("SELECT state FROM job WHERE kind = $1", MAKE) == "done"


async def test_who_lost_the_job_finishes_nothing(county, monkeypatch):
    roster_id = await decided(county)
    report = await ask(county, {"report": "pending_roster", "form": "csv", "roster_id": roster_id})

    async def robbed(one: Any, count: int) -> None:
        async with service_owner(county.service) as owner:
            await owner.execute("UPDATE job SET owner = $1 WHERE kind = $2", uuid.uuid4(), MAKE)

    monkeypatch.setattr(making._Try, "tell", robbed)
    await work(county)
    assert (await county.get(f"/reports/{report['id']}"))["state"] == "running"
    assert (await file_of(county, report)).status_code == 409


async def test_a_failure_says_why_in_both_languages(county, monkeypatch):
    roster_id = await decided(county)
    report = await ask(county, {"report": "school_copy", "form": "pdf", "roster_id": roster_id})
    handler = MakeReport(county.service.database, "/nowhere")
    await jobs.Worker(county.service.database, "roster", {MAKE: handler}).run_once()
    now = await county.get(f"/reports/{report['id']}")
    assert (now["state"], now["problem"]["code"]) == ("failed", "font_missing")
    assert "MUSTER_FONT_DIR" in now["problem"]["detail"]
    assert "/nowhere" in now["problem"]["detail_en"]
    assert (await file_of(county, report)).json()["code"] == "report_not_ready"


async def test_what_may_pass_is_tried_again_and_told_in_the_end(county, monkeypatch):
    roster_id = await decided(county)
    report = await ask(county, {"report": "school_copy", "form": "xlsx", "roster_id": roster_id})

    async def crashes(*_: Any, **__: Any) -> bytes:
        raise UNAVAILABLE()

    monkeypatch.setattr(papers, "done_by", crashes)
    for tried in range(1, 6):
        await work(county, MAKE, due=True)
        now = await county.get(f"/reports/{report['id']}")
        assert now["state"] == ("failed" if tried == 5 else "running")
    assert now["problem"]["code"] == "unavailable"


@pytest.mark.rule("RO-51")
async def test_a_townships_decisions(county):
    """The county reads whole IDs, the township masked ones, another township nothing."""
    await decided(county, 3)
    await county.up(2, 10)
    theirs = rows(await made(county, {"report": "township", "form": "csv", "township_code": "63000030"}))
    assert sorted(row["身分證字號"] for row in theirs) == [national_id(n) for n in (1, 2, 3)]
    own = rows(await made(county, {"report": "township", "form": "csv"}, TOWNSHIP))
    assert [row["姓名"] for row in own] == [row["姓名"] for row in theirs]
    assert all("****" in row["身分證字號"] for row in own)
    assert own[0]["准駁"] == "核准"
    assert own[0]["緩徵起始日期"]
    assert own[0]["緩徵截止日期"]
    assert rows(await made(county, {"report": "township", "form": "csv"}, ANOTHER_TOWNSHIP)) == []
    for who, code in ((TOWNSHIP, "63000010"), (OFFICER, "65000010"), (ELSEWHERE, "63000030"), (OFFICER, "99999999")):
        body = {"report": "township", "form": "csv", "township_code": code}
        assert (await county.call("POST", "/reports", who, body)).status_code == 404


@pytest.mark.rule("RO-61")
async def test_a_school_gets_its_copy_once_all_is_decided(county):
    """Art. 13: one copy goes back to the school."""
    waiting, _ = await county.up(2, 10)
    for who in (NTU, OFFICER):
        body = {"report": "school_copy", "form": "csv", "roster_id": waiting}
        answer = await county.call("POST", "/reports", who, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "roster_undecided")
    roster_id = await decided(county)
    copy = rows(await made(county, {"report": "school_copy", "form": "csv", "roster_id": roster_id}, NTU))
    assert [(row["身分證字號"], row["准駁"]) for row in copy] == [(national_id(n), "核准") for n in (1, 2, 3)]
    assert not {"邏輯驗證提示", "擬辦准駁", "審查備註"} & set(copy[0])
    assert (await county.call("POST", "/reports", OTHER_SCHOOL, body | {"roster_id": roster_id})).status_code == 404


@pytest.mark.parametrize(
    "who, body, status, code",
    [
        (OFFICER, {"report": "pending_roster", "form": "csv"}, 422, "invalid_content"),
        (OFFICER, {"report": "township", "form": "csv"}, 422, "invalid_content"),
        (OFFICER, {"report": "county_statistics", "form": "csv", "by": "county"}, 422, "invalid_content"),
        (OFFICER, {"report": "results", "form": "docx"}, 422, "invalid_content"),
        (OFFICER, {"report": "results", "form": "csv", "search": "stolen"}, 400, "cursor_invalid"),
        (OFFICER, {"report": "results", "form": "csv", "sort": "national_id"}, 422, "invalid_content"),
        (TOWNSHIP, {"report": "results", "form": "csv"}, 403, "report_not_yours"),
        (NTU, {"report": "township", "form": "csv"}, 403, "report_not_yours"),
        (OFFICER, {"report": "pending_roster", "form": "csv", "roster_id": str(uuid.uuid4())}, 404, "not_found"),
        (bearer("admin", org="moi:moi"), {"report": "results", "form": "csv"}, 403, "forbidden"),
    ],
)
async def test_refusals(county, who, body, status, code):
    answer = await county.call("POST", "/reports", who, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_asked_twice_under_one_key_is_one_report(county):
    roster_id = (await county.post(men(1, 2)))["63000"]
    headers = {**OFFICER, "Idempotency-Key": "once"}
    body = {"report": "pending_roster", "form": "csv", "roster_id": roster_id}
    first, second = [await county.service.http.post("/roster/v1/reports", json=body, headers=headers) for _ in "12"]
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await county.get("/reports"))["items"]) == 1
