"""From submission for approval to the decision and after (RO-42 to RO-49, 60)."""

import asyncio

import asyncpg
import pytest

from local.databases import plain
from tests.roster.intake_corpus.files import extension, national_id
from tests.support.rosters import APPROVER, DEPUTY, ELSEWHERE, NTU, OFFICER, OFFICER_2, OTHER_SCHOOL, men


async def rows(county, query, *args):
    """What stands in the database, read by its owner, past every wall."""
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    try:
        return [dict(r) for r in await connection.fetch(query, *args)]
    finally:
        await connection.close()


@pytest.mark.rule("RO-48", "RO-49")
async def test_a_decision_fixes_everything_at_once(county):
    roster_id, batch = await county.up(3)
    decided = await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (decided["state"], decided["approved"], decided["rejected"], decided["decided_on"]) == (
        "decided",
        3,
        0,
        "2026-10-01",
    )
    assert (await county.get(f"/rosters/{roster_id}"))["state"] == "decided"
    entry = (await county.entries(roster_id))[0]
    assert entry["decision"] == {
        "id": entry["decision"]["id"],
        "decision": "approved",
        "decision_number": "府兵徵字第1150000001號",
        "issued_on": "2026-10-01",
        "decided_on": "2026-10-01",
        "deferment_until": "2028-06-30",
        "ground": None,
        "reason": None,
        "annotation_action": "create",
        "corrects": None,
        "corrects_number": None,
        "correction_reason": None,
        "remedy": None,
    }
    assert entry["latest_deferment"] == {
        "id": entry["latest_deferment"]["id"],
        "school_code": "0003",
        "kind": "application",
        "decision_number": "府兵徵字第1150000001號",
        "issued_on": "2026-10-01",
        "deferred_from": "2026-10-01",
        "deferred_until": "2028-06-30",
        "revoked_on": None,
        "ended_reason": None,
        "summary": "115年10月1日核准申請緩徵，緩徵至117年6月30日（府兵徵字第1150000001號）",
        "active": True,
    }
    queued = await rows(
        county, "SELECT kind, count(*) AS n FROM job WHERE kind LIKE 'registry.%' GROUP BY 1 ORDER BY 1"
    )
    assert [(r["kind"], r["n"]) for r in queued if r["kind"] != "registry.lookup"] == [
        ("registry.annotate", 3),
        ("registry.township_report", 3),
    ]
    events = await rows(
        county, "SELECT payload->'event'->>'type' AS t FROM job WHERE kind = 'event.deliver' ORDER BY id"
    )
    assert [e["t"] for e in events] == ["muster.roster.batch.submitted.v1", "muster.roster.batch.decided.v1"]
    again = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=decided["version"])
    assert (again.status_code, again.json()["code"]) == (409, "batch_closed")


@pytest.mark.rule("RO-48")
async def test_nobody_decides_what_he_himself_submitted(county):
    roster_id, _ = await county.opened(men(1, 2))
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id, DEPUTY)
    own = await county.call("POST", f"/batches/{batch['id']}/decide", DEPUTY, seen=batch["version"])
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert (await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"]))["approved"] == 2


@pytest.mark.rule("RO-48")
async def test_the_database_too_refuses_one_pair_of_eyes(county):
    """The negative control: with the rule of the code taken away, the constraint stands."""
    _, batch = await county.up(1)
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    with pytest.raises(asyncpg.CheckViolationError, match="ck_batch_four_eyes"):
        await connection.execute(
            "UPDATE batch SET state = 'decided', closed_by = submitted_by, closed_at = now() WHERE id = $1::text::uuid",
            batch["id"],
        )
    await connection.close()


@pytest.mark.rule("RO-44")
async def test_the_approver_may_change_the_draft_and_both_are_kept(county):
    roster_id, batch = await county.up(2)
    entry = (await county.entries(roster_id))[0]
    changed = await county.patch(entry, {"decision_number": "核字第9號", "issued_on": "2026-10-05"}, APPROVER)
    assert changed.status_code == 200, changed.text
    both = changed.json()
    assert both["draft"]["decision_number"] == "府兵徵字第1150000001號"
    assert both["approver_draft"]["decision_number"] == "核字第9號"
    assert (await county.patch(both, {"review_remarks": "x"}, OFFICER)).status_code == 409
    # Another approver who has not seen this change cannot decide on it (RO-47).
    unseen = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (unseen.status_code, unseen.json()["code"]) == (412, "version_mismatch")
    batch = await county.get(f"/batches/{batch['id']}")
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    first, second = await county.entries(roster_id)
    assert (first["decision"]["decision_number"], first["decision"]["issued_on"]) == ("核字第9號", "2026-10-05")
    assert second["decision"]["decision_number"] == "府兵徵字第1150000001號"


@pytest.mark.rule("RO-48", "RO-44")
async def test_who_submitted_changes_nothing_as_an_approver_either(county):
    roster_id, _ = await county.opened(men(1, 1))
    await county.approve_clean(roster_id)
    await county.submit(roster_id, DEPUTY)
    (entry,) = await county.entries(roster_id)
    own = await county.patch(entry, {"review_remarks": "x"}, DEPUTY)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert (await county.patch(entry, {"review_remarks": "x"}, APPROVER)).status_code == 200


@pytest.mark.rule("RO-13", "RO-48")
async def test_a_reason_does_not_cover_a_hint_that_came_after_it(county):
    roster_id, (entry,) = await county.opened(men(1, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7"))
    written = {
        "decision": "approved",
        "override_reason": "出生年份登載錯誤，經戶政查明。",
        "deferment_until": "2028-06-30",
    }
    drafted = (await county.patch(entry, written)).json()["draft"]
    assert drafted["override_codes"] == ["age_limit"]
    batch = await county.submit(roster_id)
    await county.answered(roster_id, {2: {"status": "disqualified", "birth_date": "1992-05-05"}})
    refused = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (refused.status_code, refused.json()["code"]) == (422, "not_ready")
    assert [(e["code"], e["row"]) for e in refused.json()["errors"]] == [("override_reason_missing", 2)]


@pytest.mark.rule("RO-57", "RO-60")
@pytest.mark.parametrize(
    ("facts", "change", "told"),
    [
        ({"status": "reservist"}, {"ground": "not_conscriptable", "reason": "已列管後備軍人。"}, None),
        ({}, {"ground": "age_limit", "reason": "年逾33歲。"}, "年逾33歲。"),
        ({}, {"ground": "age_limit", "ground_unseen": True, "reason": "役籍資料所載。"}, None),
    ],
)
async def test_a_school_does_not_read_the_registrys_word_in_a_rejection(county, facts, change, told):
    old = men(1, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7")
    roster_id, (entry,) = await county.opened(old, {2: facts})
    assert (await county.patch(entry, {"decision": "rejected", **change})).status_code == 200
    await decide_all(county, roster_id)
    seen = (await county.entries(roster_id, NTU))[0]["decision"]
    assert (seen["decision"], seen["reason"], seen["ground"]) == (
        "rejected",
        told,
        change["ground"] if told else None,
    )
    (result,) = (await county.get(f"/results/{roster_id}/entries", NTU))["items"]
    assert (result["decision"], result["reason"]) == ("rejected", told)
    (full,) = (await county.get(f"/results/{roster_id}/entries", OFFICER))["items"]
    assert full["reason"] == change["reason"]


@pytest.mark.rule("RO-45")
async def test_single_entries_are_returned_with_a_reason(county):
    roster_id, batch = await county.up(3)
    entries = await county.entries(roster_id)
    await county.patch(entries[0], {"decision_number": "核字第9號"}, APPROVER)
    batch = await county.get(f"/batches/{batch['id']}")
    back = [entries[0]["id"], entries[1]["id"]]
    blank = await county.call("POST", f"/batches/{batch['id']}/return", APPROVER, {"reason": "  "}, batch["version"])
    assert blank.status_code == 422
    returned = await county.do(
        f"/batches/{batch['id']}/return", APPROVER, {"reason": "請再查", "entry_ids": back}, batch["version"]
    )
    assert (returned["state"], returned["headcount"]) == ("for_approval", 1)
    first = (await county.entries(roster_id))[0]
    # The first batch's number went up with it; what came back is offered the next one.
    assert (first["state"], first["draft"]["decision_number"]) == ("in_review", "府兵徵字第1150000002號")
    assert first["approver_draft"]["decision_number"] == "核字第9號"  # Visible beside the officer's own.
    assert {"reason": "請再查", "returned_by": "approver-1", "batch_id": batch["id"]}.items() <= first[
        "returned"
    ].items()
    assert first["returned"]["approver_draft"]["decision_number"] == "核字第9號"
    rest = await county.do(f"/batches/{batch['id']}/return", APPROVER, {"reason": "全部退回"}, returned["version"])
    assert (rest["state"], rest["return_reason"]) == ("returned", "全部退回")
    resubmitted = await county.submit(roster_id)
    assert (resubmitted["headcount"], resubmitted["proposed_number"]) == (3, "府兵徵字第1150000002號")
    again = (await county.entries(roster_id))[0]
    assert again["approver_draft"] is None  # A new batch, a new mind; the old one stays with its return.
    assert again["returned"]["approver_draft"]["decision_number"] == "核字第9號"


@pytest.mark.rule("RO-46")
async def test_any_officer_of_the_county_may_recall_until_it_is_decided(county):
    roster_id, batch = await county.up(2)
    assert (await county.call("POST", f"/batches/{batch['id']}/recall", ELSEWHERE, seen=1)).status_code == 404
    recalled = await county.do(f"/batches/{batch['id']}/recall", OFFICER_2, seen=batch["version"])
    assert recalled["state"] == "recalled"
    assert {e["state"] for e in await county.entries(roster_id)} == {"in_review"}
    late = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=recalled["version"])
    assert (late.status_code, late.json()["state"]) == (409, "recalled")
    second = await county.submit(roster_id)
    await county.do(f"/batches/{second['id']}/decide", APPROVER, seen=second["version"])
    too_late = await county.call("POST", f"/batches/{second['id']}/recall", OFFICER, seen=second["version"])
    assert (too_late.status_code, too_late.json()["code"]) == (409, "batch_closed")


@pytest.mark.rule("RO-46", "RO-47")
async def test_recall_against_decide_one_wins(county):
    outcomes = set()
    for round_ in range(8):
        roster_id, batch = await county.up(2, first=1 + 10 * round_)
        acts = [("recall", OFFICER), ("decide", APPROVER)]
        if round_ % 2:
            acts.reverse()
        answers = await asyncio.gather(
            *(county.call("POST", f"/batches/{batch['id']}/{act}", who, seen=batch["version"]) for act, who in acts)
        )
        won = [act for (act, _), a in zip(acts, answers, strict=True) if a.status_code == 200]
        assert len(won) == 1, [a.text for a in answers]
        loser = next(a for a in answers if a.status_code != 200)
        assert loser.status_code in (409, 412)
        states = {e["state"] for e in await county.entries(roster_id)}
        count = (await rows(county, "SELECT count(*) AS n FROM decision WHERE roster_id = $1::text::uuid", roster_id))[
            0
        ]["n"]
        assert (states, count) == (({"decided"}, 2) if won == ["decide"] else ({"in_review"}, 0))
        outcomes.add(won[0])
    assert outcomes  # Which side wins is chance; that one side does is not.


@pytest.mark.rule("RO-49", "RO-30")
async def test_a_rejected_entry_touches_no_annotation(county):
    roster_id, (entry,) = await county.opened(men(1, 1), {2: {"status": "reservist"}})
    await county.patch(entry, {"decision": "rejected", "ground": "not_conscriptable", "reason": "已列管後備軍人。"})
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    decision = (await county.entries(roster_id))[0]["decision"]
    assert (decision["decision"], decision["annotation_action"], decision["ground"]) == (
        "rejected",
        "none",
        "not_conscriptable",
    )
    assert await rows(county, "SELECT 1 FROM deferment") == []
    assert await rows(county, "SELECT 1 FROM job WHERE kind = 'registry.annotate'") == []


async def decide_all(county, roster_id):
    batch = await county.submit(roster_id)
    return await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


@pytest.mark.rule("RO-49", "RO-27")
async def test_an_extension_keeps_the_first_number_and_date(county, monkeypatch, tmp_path):
    roster_id, _ = await county.opened(men(1, 1))
    await county.approve_clean(roster_id)
    await decide_all(county, roster_id)
    longer = extension(1, birth_date="2006-03-04", extended_until="2029-01-31")
    second, (entry,) = await county.opened([longer], kind="extension")
    assert "no_active_deferment" not in {h["code"] for h in entry["hints"]}
    await county.patch(entry, {"decision": "approved"})
    await decide_all(county, second)
    after = (await county.entries(second))[0]
    assert after["decision"]["decision_number"] == "府兵徵字第1150000002號"
    latest = after["latest_deferment"]
    assert (latest["decision_number"], latest["issued_on"], latest["deferred_until"]) == (
        "府兵徵字第1150000001號",
        "2026-10-01",
        "2029-01-31",
    )
    assert latest["summary"].count("\n") == 1
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    with pytest.raises(asyncpg.CheckViolationError, match="never rewritten"):
        await connection.execute("UPDATE deferment SET decision_number = 'x'")
    await connection.close()


@pytest.mark.rule("RO-49", "RO-30")
async def test_a_cessation_revokes_as_of_leaving(county):
    roster_id, _ = await county.opened(men(1, 2))
    await county.approve_clean(roster_id)
    await decide_all(county, roster_id)
    left = [
        {
            "national_id": national_id(n),
            "name": "王小明",
            "birth_date": "2006-03-04",
            "county_code": "63000",
            "township_code": "63000030",
            "cessation_reason": "withdrew",
            "left_on": "2026-10-01",
        }
        for n in (1, 2)
    ]
    second, entries = await county.opened(left, {3: {"status": "reservist"}}, kind="cessation")
    assert {h["severity"] for h in entries[1]["hints"] if h["rule"] == "RO-30"} == {"info"}
    for entry in entries:
        await county.patch(entry, {"decision": "approved"})
    await decide_all(county, second)
    free, served = await county.entries(second)
    assert (free["decision"]["annotation_action"], served["decision"]["annotation_action"]) == ("modify", "none")
    for entry in (free, served):
        assert (entry["latest_deferment"]["revoked_on"], entry["latest_deferment"]["active"]) == ("2026-10-01", False)
    changes = await rows(
        county,
        "SELECT annotation_action, liable_for_induction, revoked_on::text, until_after::text"
        " FROM deferment_change ORDER BY 1, 2",
    )
    # Of him who served the annotation is left alone, and our books end his deferment all the same.
    assert [tuple(change.values()) for change in changes] == [
        ("create", False, None, "2028-06-30"),
        ("create", False, None, "2028-06-30"),
        ("modify", True, "2026-10-01", "2026-10-01"),
        ("none", False, "2026-10-01", "2026-10-01"),
    ]


@pytest.mark.rule("RO-27")
async def test_an_active_deferment_elsewhere_is_seen(county):
    roster_id, _ = await county.opened(men(1, 1))
    await county.approve_clean(roster_id)
    await decide_all(county, roster_id)
    there = (await county.post(men(1, 1), who=OTHER_SCHOOL))["63000"]
    await county.answered(there)
    await county.do(f"/rosters/{there}/open")
    (entry,) = await county.entries(there)
    assert ("active_elsewhere", "warning") in [(h["code"], h["severity"]) for h in entry["hints"]]
    assert entry["latest_deferment"]["school_code"] == "0003"
    assert "active_elsewhere" not in {h["code"] for e in await county.entries(there, OTHER_SCHOOL) for h in e["hints"]}


@pytest.mark.rule("RO-48", "RO-41")
async def test_a_cleared_number_is_allocated_when_decided(county):
    roster_id, entries = await county.opened(men(1, 2))
    await county.approve_clean(roster_id)
    await county.patch(await county.get(f"/entries/{entries[0]['id']}"), {"decision_number": None})
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    numbers = [e["decision"]["decision_number"] for e in await county.entries(roster_id)]
    assert numbers == ["府兵徵字第1150000002號", "府兵徵字第1150000001號"]


@pytest.mark.rule("RO-26", "RO-48")
async def test_the_end_is_cut_to_the_last_day_his_age_allows(county):
    # Born in 1993 he turns 33 in 2026: never past 31 December 2026, though he graduates in 2028.
    roster_id, (entry,) = await county.opened(men(1, 1, birth_date="1993-12-31", level="doctoral", nominal_years="7"))
    assert entry["last_day"] == "2026-12-31"
    past = await county.patch(entry, {"decision": "approved", "deferment_until": "2027-01-01"})
    assert [e["code"] for e in past.json()["errors"]] == ["deferment_past_age_limit"]
    await county.patch(entry, {"decision": "approved"})
    await decide_all(county, roster_id)
    assert (await county.entries(roster_id))[0]["decision"]["deferment_until"] == "2026-12-31"


@pytest.mark.rule("RO-60")
async def test_results_are_rosters_then_men(county):
    first, _ = await county.up(2)
    second, batch = await county.up(3, first=20)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await county.post(men(40, 1))  # Neither up nor decided: no result yet.
    found = (await county.get("/results"))["items"]
    assert [(r["roster_id"], r["headcount"], r["for_approval"], r["decided"], r["approved"]) for r in found] == [
        (second, 3, 0, 3, 3),
        (first, 2, 2, 0, 0),
    ]  # Newest first (seed item 4).
    men_of = (await county.get(f"/results/{second}/entries", NTU))["items"]
    assert {(m["decision"], m["decision_number"], m["decided_on"]) for m in men_of} == {
        ("approved", "府兵徵字第1150000002號", "2026-10-01")
    }
    undecided = (await county.get(f"/results/{first}/entries", NTU))["items"]
    assert {(m["state"], m["decision"]) for m in undecided} == {("for_approval", None)}


SEARCHES = [
    ({"national_id": national_id(20)}, [1]),
    ({"national_id": national_id(1)}, [0]),
    ({"national_id": national_id(99)}, []),
    ({"school_name": "臺灣大"}, [1, 0]),
    ({"school_name": "科技"}, []),
    ({"school_name": "%"}, []),
    ({"decision_number": "府兵徵字第1150000002號"}, [1]),
    ({"decision_number": "府兵徵字第1150000001號"}, []),  # Up, not decided: no number has been fixed.
    ({"kind": "extension"}, []),
    ({"decision": "approved"}, [1]),
    ({"decision": "rejected"}, []),
    ({"from_on": "2026-10-01", "to_on": "2026-10-01"}, [1, 0]),
    ({"from_on": "115/10/02"}, []),
    ({"to_on": "2026-09-30"}, []),
    ({"national_id": national_id(20), "decision": "rejected"}, []),
]


@pytest.mark.rule("RO-60")
async def test_searches_match_men_and_return_their_rosters(county):
    first, _ = await county.up(2)
    second, batch = await county.up(3, first=20)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    made = [first, second]
    for body, expected in SEARCHES:
        answer = await county.call("POST", "/result-searches", OFFICER, body)
        assert answer.status_code == 200, answer.text
        assert [r["roster_id"] for r in answer.json()["items"]] == [made[i] for i in expected], body
        sealed = answer.json()["search"]
        assert (await county.get(f"/results?search={sealed}"))["items"] == answer.json()["items"]
        theirs = await county.call("GET", f"/results?search={sealed}", ELSEWHERE)
        assert (theirs.status_code, theirs.json()["code"]) == (400, "cursor_invalid")
    bad = await county.call("POST", "/result-searches", OFFICER, {"national_id": "A123456788"})
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (422, "national_id_invalid")
    assert "A123456788" not in bad.text
