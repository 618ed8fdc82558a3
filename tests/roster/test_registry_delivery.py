"""Telling the registry what was decided: annotations (RO-49, RO-50) and township reports (RO-51), over real HTTP."""

import json
import re
import uuid

import pytest

from tests.roster.intake_corpus.files import cessation, extension, national_id
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, County, men

ANNOTATE, REPORT = "registry.annotate", "registry.township_report"
FIRST = "府兵徵字第1150000001號"


async def decided(county: County, rows, kind: str = "application", draft=None):
    """Rows that arrived, were answered, drafted, submitted and decided; the entries as they stand."""
    roster_id, entries = await county.opened(rows, kind=kind)
    for entry in entries:
        answer = await county.patch(entry, {"decision": "approved", **(draft or {})})
        assert answer.status_code == 200, answer.text
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    return await county.entries(roster_id)


def one_term(number: int, until: str = "2027-01-31"):
    return extension(number, birth_date="2006-03-04", extended_until=until)


def on_leave(number: int):
    return cessation(number, birth_date="2006-03-04", left_on="2026-10-01")


async def waiting(county: County, kind: str):
    return await owner(
        county, "SELECT state, attempts, last_error FROM job WHERE kind = $1 AND state <> 'done' ORDER BY id", kind
    )


@pytest.mark.rule("RO-49")
async def test_an_approved_application_creates_an_annotation(county, registry, worker):
    await decided(county, men(1, 2))
    await worker.settle()
    held = await registry.annotations()
    assert set(held) == {national_id(1), national_id(2)}
    man = held[national_id(1)]
    decision = man["annotation"].pop("decision")
    assert man["annotation"] == {
        "county_code": "63000",
        "school_code": "0003",
        "decision_number": FIRST,
        "issued_on": "2026-10-01",
        "deferment_from": "2026-10-01",
        "deferment_until": "2028-06-30",
        "summary": f"115年10月1日核准申請緩徵，緩徵至117年6月30日（{FIRST}）",
        "revoked_on": None,
        "revoked_for": None,
        "liable_for_induction": False,
        "version": 1,
    }
    assert {k: v for k, v in decision.items() if k != "id"} == {
        "kind": "application",
        "decision_number": FIRST,
        "issued_on": "2026-10-01",
        "decided_on": "2026-10-01",
        "corrects": None,
    }
    (event,) = man["history"]
    assert event["type"] == "muster.roster.annotation.created.v1"
    assert (event["source"], event["data"]["action"], event["deliveries"]) == ("/roster", "create", 1)
    assert event["event_id"] == str(uuid.uuid5(uuid.UUID(decision["id"]), "annotation"))


@pytest.mark.rule("RO-51")
async def test_every_decision_is_reported_to_the_township(county, registry, worker):
    await decided(county, men(1, 1))
    rejection = {
        "decision": "rejected",
        "ground": "enrolment_not_recognised",
        "ground_unseen": True,
        "reason": "經函查，學籍已註銷。",
    }
    await decided(county, men(2, 1), draft=rejection)
    await worker.settle()
    reports = sorted((report["data"] for report in await registry.reports()), key=lambda data: data["national_id"])
    approved, rejected = reports
    assert approved == {
        "national_id": national_id(1),
        "name": "王小明",
        "household_county_code": "63000",
        "household_township_code": "63000030",
        "household_village": "龍安里",
        "kind": "application",
        "decision": "approved",
        "decision_number": FIRST,
        "issued_on": "2026-10-01",
        "decided_on": "2026-10-01",
        "deferment_from": "2026-10-01",
        "deferment_until": "2028-06-30",
        "revoked_on": None,
        "corrects_number": None,
        "remedy": None,
    }
    assert (rejected["national_id"], rejected["decision"]) == (national_id(2), "rejected")
    assert (rejected["deferment_from"], rejected["deferment_until"]) == (None, None)
    # A rejected entry touches no annotation (RO-49).
    assert set(await registry.annotations()) == {national_id(1)}


@pytest.mark.rule("RO-49")
async def test_extension_and_cessation_modify_and_keep_the_first_number_and_date(county, registry, worker):
    await decided(county, men(1, 1))
    await decided(county, [one_term(1, "2028-09-30")], "extension", {"issued_on": "2026-10-02"})
    await worker.settle()
    man = (await registry.annotations())[national_id(1)]
    assert (man["annotation"]["decision_number"], man["annotation"]["issued_on"]) == (FIRST, "2026-10-01")
    assert man["annotation"]["deferment_until"] == "2028-09-30"
    assert man["annotation"]["decision"]["decision_number"] != FIRST
    assert man["annotation"]["decision"]["issued_on"] == "2026-10-02"
    assert [line[:4] for line in man["annotation"]["summary"].split("\n")] == ["115年", "115年"]
    await decided(county, [on_leave(1)], "cessation")
    await worker.settle()
    man = (await registry.annotations())[national_id(1)]
    ended = man["annotation"]
    assert (ended["decision_number"], ended["issued_on"]) == (FIRST, "2026-10-01")
    assert (ended["revoked_on"], ended["revoked_for"]) == ("2026-10-01", "on_leave")
    assert ended["liable_for_induction"] is True
    assert len(ended["summary"].split("\n")) == 3
    assert [(e["type"].split(".")[3], e["data"]["action"], e["data"]["version"]) for e in man["history"]] == [
        ("created", "create", 1),
        ("modified", "modify", 2),
        ("modified", "modify", 3),
    ]


@pytest.mark.rule("RO-49")
async def test_an_annotation_older_than_this_system_is_modified(county, registry, worker):
    """The registry holds it, our books do not: the extension keeps its number and date all the same."""
    before = {
        "decision_number": "府兵徵字第1130000042號",
        "issued_on": "2024-10-02",
        "deferment_from": "2024-10-02",
        "deferment_until": "2026-06-30",
        "summary": "113年10月2日核准申請緩徵",
    }
    number = national_id(1)
    await registry.knows({"national_id": number, "annotation": before})
    roster_id = (await county.post([one_term(1)], "extension"))["63000"]
    await worker.settle(["registry.lookup"])
    await county.do(f"/rosters/{roster_id}/open")
    (entry,) = await county.entries(roster_id)
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await worker.settle()
    held = (await registry.annotations())[number]["annotation"]
    assert (held["decision_number"], held["issued_on"]) == ("府兵徵字第1130000042號", "2024-10-02")
    assert (held["deferment_from"], held["deferment_until"]) == ("2024-10-02", "2027-01-31")
    assert held["summary"].startswith("113年10月2日核准申請緩徵\n115年")


@pytest.mark.rule("RO-50")
async def test_the_summary_is_delivered_whole(county, registry, worker):
    await decided(county, men(1, 1))
    long = "註" * 70_000
    await owner(county, "UPDATE deferment SET summary = $1", long)
    await decided(county, [one_term(1)], "extension")
    await worker.settle()
    summary = (await registry.annotations())[national_id(1)]["annotation"]["summary"]
    assert summary.startswith(long)
    assert len(summary.encode()) > 3 * 65_536


@pytest.mark.rule("RO-49", "RO-51")
async def test_an_answer_that_is_lost_is_asked_for_again_and_applied_once(county, registry, worker):
    await decided(county, men(1, 1))
    await registry.fails(lose_answers=2)
    await worker.run([ANNOTATE, REPORT])
    await worker.settle([ANNOTATE, REPORT])
    assert await waiting(county, ANNOTATE) == await waiting(county, REPORT) == []
    (event,) = (await registry.annotations())[national_id(1)]["history"]
    (report,) = await registry.reports()
    assert (event["deliveries"], report["deliveries"]) == (2, 2)


@pytest.mark.rule("RO-49")
async def test_a_mans_annotations_arrive_in_the_order_of_their_decisions(county, registry, worker):
    await decided(county, men(1, 2))
    await registry.fails(fail_next=2)
    await worker.run([ANNOTATE])
    await owner(county, "UPDATE job SET run_at = now() + interval '1 day' WHERE kind = $1", ANNOTATE)
    await decided(county, [one_term(1)], "extension")
    # The extension is due, its application is not: it waits. So does nobody else.
    await decided(county, men(3, 1))
    await worker.run([ANNOTATE])
    assert [j["last_error"] for j in await waiting(county, ANNOTATE)] == [
        "RetryLater: answered 503",
        "RetryLater: answered 503",
        "RetryLater: an earlier annotation of the same man has not been delivered",
    ]
    assert set(await registry.annotations()) == {national_id(3)}
    await worker.settle([ANNOTATE])
    assert await waiting(county, ANNOTATE) == []
    history = (await registry.annotations())[national_id(1)]["history"]
    assert [event["data"]["action"] for event in history] == ["create", "modify"]


@pytest.mark.rule("RO-49")
async def test_what_the_registry_refuses_can_be_sent_again(county, registry, worker):
    entries = await decided(county, men(1, 1))
    await registry.fails(fail_next=1, status=422)
    await worker.run([ANNOTATE])
    (event,) = (await county.get(f"/registry-events?state=dead&kind={ANNOTATE}"))["items"]
    assert event["last_error"] == "GiveUp: refused with 422"
    assert event["decision_id"] is not None
    await county.do(f"/registry-events/{event['id']}/replay")
    await worker.settle([ANNOTATE])
    assert set(await registry.annotations()) == {national_id(1)}
    assert entries[0]["decision"]["decision_number"] == FIRST


async def test_jobs_and_audit_hold_ids_of_rows_only(county, registry, worker):
    await decided(county, men(1, 3))
    await registry.fails(fail_next=4, status=422)
    await worker.settle()
    for table in ("job", "audit_entry", "idempotency_key"):
        stored = " ".join(row["row"] for row in await owner(county, f"SELECT t::text AS row FROM {table} t"))
        assert not re.search(r"[A-Z][12]\d{8}", stored), table
        assert "王小明" not in stored, table
    delivered = await owner(
        county, "SELECT action, count(*) AS n FROM audit_entry WHERE action LIKE '%delivered' GROUP BY 1"
    )
    assert sum(row["n"] for row in delivered) == 2
    assert json.dumps(await county.get("/registry-events")).count("GiveUp") == 4
