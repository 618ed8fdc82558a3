"""RO-52: "A decision made in error is corrected by a new decision that refers to it; nothing is deleted." """

from typing import Any

import asyncpg
import pytest

from local.databases import plain
from tests.roster.corrections import correct
from tests.roster.intake_corpus.files import cessation, extension, national_id, student
from tests.roster.test_history import history, story
from tests.roster.test_preview import REJECTED, fields, previewed
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, DEPUTY, ELSEWHERE, NTU, OFFICER, OFFICER_2, OTHER_SCHOOL, County, men
from tests.support.tokens import bearer

pytestmark = pytest.mark.rule("RO-52")

BORN = {"birth_date": "2006-03-04"}
FIRST, SECOND = "府兵徵字第1150000001號", "府兵徵字第1150000002號"
WHY = {"reason_for_correction": "核定時誤認學籍有效。"}
APPROVER_2 = bearer("approver", org="county:63000", sub="approver-2")


async def decided(
    county: County, rows: list[Any], kind: str = "application", draft: dict[str, Any] | None = None, who: Any = NTU
) -> tuple[str, dict[str, Any]]:
    """A roster of one man, decided by `draft` (approved); its id and his entry."""
    roster_id = (await county.post(rows, kind, who))["63000"]
    await county.answered(roster_id)
    await county.do(f"/rosters/{roster_id}/open")
    (entry,) = await county.entries(roster_id)
    written = {"decision": "approved", "override_reason": "經查明仍應核准。", **(draft or {})}
    assert (answer := await county.patch(entry, written)).status_code == 200, answer.text
    await decide(county, roster_id)
    return roster_id, (await county.entries(roster_id))[0]


async def decide(county: County, roster_id: str, officer: Any = OFFICER, approver: Any = APPROVER) -> dict[str, Any]:
    """Submit what is ready and decide it."""
    batch = await county.submit(roster_id, officer)
    answer: dict[str, Any] = await county.do(f"/batches/{batch['id']}/decide", approver, seen=batch["version"])
    return answer


async def take_up(county: County, entry: dict[str, Any], body: dict[str, Any], who: Any = OFFICER) -> Any:
    """POST the correction of an entry's decision."""
    now = await county.get(f"/entries/{entry['id']}")
    return await county.call("POST", f"/entries/{entry['id']}/correction", who, WHY | body, now["version"])


async def put_right(county: County, entry: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Correct an entry's decision from beginning to end; his entry afterwards."""
    taken = await take_up(county, entry, body)
    assert taken.status_code == 200, taken.text
    await decide(county, entry["roster_id"])
    found: dict[str, Any] = await county.get(f"/entries/{entry['id']}")
    return found


async def deferments(county: County, man: int = 1) -> list[dict[str, Any]]:
    """A man's deferments, the oldest first."""
    found: list[dict[str, Any]] = await owner(
        county,
        "SELECT DISTINCT f.id::text, f.decision_number, f.issued_on::text, f.deferred_from::text,"
        " f.deferred_until::text, f.revoked_on::text, f.ended_reason, f.version, f.created_at FROM deferment f"
        " JOIN entry e USING (national_id_index) WHERE e.student_no = $1 ORDER BY f.created_at",
        student(man)["student_no"],
    )
    return found


def of(found: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(one[name] for name in names) for one in found]


async def test_a_correction_has_its_own_number_and_day_and_refers_to_the_first(county, registry, worker):
    roster_id, entry = await decided(county, men(1, 1))
    first = entry["decision"]
    taken = (await take_up(county, entry, {**REJECTED, "issued_on": "2026-10-02"})).json()
    # The decision stands until the new one is made.
    assert (taken["state"], taken["decision"]["id"]) == ("in_review", first["id"])
    assert taken["correction"] == {"corrects": first["id"], **WHY, "taken_up_by": "officer-1"}
    assert taken["draft"]["decision_number"] == SECOND
    assert (await county.get(f"/rosters/{roster_id}"))["state"] == "pending"
    sums = await decide(county, roster_id)
    assert (sums["approved"], sums["rejected"]) == (0, 1)
    now = await county.get(f"/entries/{entry['id']}")
    assert (now["state"], now["correction"]) == ("decided", None)
    assert now["decision"] == first | {
        "id": now["decision"]["id"], "decision": "rejected", "decision_number": SECOND, "issued_on": "2026-10-02",
        "deferment_until": None, "ground": "enrolment_not_recognised", "reason": REJECTED["reason"],
        "annotation_action": "modify", "corrects": first["id"], "corrects_number": FIRST,
        "correction_reason": WHY["reason_for_correction"], "remedy": now["decision"]["remedy"],
    }  # fmt: skip
    # Never rightly granted: revoked as of its first day; the man can be called.
    assert of(await deferments(county), "decision_number", "deferred_until", "revoked_on", "ended_reason") == [
        (FIRST, "2026-10-01", "2026-10-01", "granted_in_error")
    ]
    await worker.settle()
    told = (await registry.annotations())[national_id(1)]
    assert [event["type"].split(".")[-2] for event in told["history"]] == ["created", "modified"]
    held = told["annotation"]
    assert (held["revoked_on"], held["revoked_for"], held["liable_for_induction"]) == (
        "2026-10-01", "granted_in_error", True,
    )  # fmt: skip
    assert held["decision"]["corrects"] == first["id"]
    assert held["summary"].splitlines()[1] == f"115年10月1日更正「{FIRST}」之處分，不予核准申請緩徵（{SECOND}）"
    reports = [report["data"] for report in await registry.reports()]
    assert [(r["decision"], r["corrects_number"], r["revoked_on"]) for r in reports] == [
        ("approved", None, None), ("rejected", FIRST, "2026-10-01"),
    ]  # fmt: skip
    events = await owner(
        county, "SELECT payload #> '{event,data}' AS data FROM job WHERE kind = 'event.deliver' ORDER BY id"
    )
    assert '"corrected": 1' in events[-1]["data"]


async def test_rejected_in_error_is_granted_now(county):
    _, entry = await decided(county, men(1, 1), draft=REJECTED)
    assert await deferments(county) == []
    now = await put_right(county, entry, {"decision": "approved"})
    assert (now["decision"]["decision"], now["decision"]["annotation_action"]) == ("approved", "create")
    assert of(await deferments(county), "decision_number", "deferred_from", "deferred_until", "revoked_on") == [
        (SECOND, "2026-10-01", "2028-06-30", None)
    ]


async def test_a_wrong_end_and_number_are_put_right_without_a_gap(county, registry, worker, monkeypatch, tmp_path):
    from tests.support import rosters

    _, entry = await decided(county, men(1, 1), draft={"decision_number": "核字第8號", "deferment_until": "2030-06-30"})
    rosters.set_today(monkeypatch, tmp_path, rosters.TODAY.replace(day=20))
    right = {"decision_number": "核字第9號", "deferment_until": "2028-06-30"}
    now = await put_right(county, entry, right)
    assert (now["decision"]["annotation_action"], now["decision"]["decided_on"]) == ("modify", "2026-10-20")
    assert of(await deferments(county), "decision_number", "issued_on", "deferred_from", "deferred_until") == [
        ("核字第9號", "2026-10-20", "2026-10-01", "2028-06-30")
    ]
    await worker.settle()
    told = (await registry.annotations())[national_id(1)]
    # What was told before keeps the number of then, whenever it is delivered.
    assert [event["data"]["decision_number"] for event in told["history"]] == ["核字第8號", "核字第9號"]
    assert told["annotation"]["deferment_from"] == "2026-10-01"
    assert not told["annotation"]["liable_for_induction"]


async def test_an_extension_in_error_leaves_the_deferment_as_it_was(county):
    await decided(county, men(1, 1))
    _, entry = await decided(county, [extension(1, **BORN, extended_until="2029-01-31")], "extension")
    await put_right(county, entry, REJECTED)
    (deferment,) = await deferments(county)
    assert (deferment["deferred_until"], deferment["version"]) == ("2028-06-30", 3)
    # Its first number and day stay whatever is corrected later; nothing of the past is gone.
    assert (deferment["decision_number"], deferment["issued_on"]) == (FIRST, "2026-10-01")
    past = await history(county, f"/deferments/{deferment['id']}")
    assert [[c["to"] for c in line["changes"] if c["field"] == "deferred_until"] for line in past] == [
        [], ["2029-01-31"], ["2028-06-30"],
    ]  # fmt: skip


async def test_an_extension_s_wrong_end_is_made_shorter(county):
    await decided(county, men(1, 1))
    _, entry = await decided(county, [extension(1, **BORN, extended_until="2030-01-31")], "extension")
    now = await put_right(county, entry, {"deferment_until": "2029-01-31"})
    assert now["decision"]["annotation_action"] == "modify"
    assert of(await deferments(county), "decision_number", "deferred_until") == [(FIRST, "2029-01-31")]


async def test_a_cessation_in_error_lets_the_deferment_run_again(county, registry, worker):
    await decided(county, men(1, 1))
    _, entry = await decided(county, [cessation(1, **BORN, left_on="2026-10-01")], "cessation")
    await worker.settle()
    assert (await registry.annotations())[national_id(1)]["annotation"]["liable_for_induction"]
    now = await put_right(county, entry, {**REJECTED, "ground": "not_conscriptable"})
    assert (now["decision"]["decision"], now["decision"]["annotation_action"]) == ("rejected", "modify")
    assert of(await deferments(county), "deferred_until", "revoked_on", "ended_reason") == [("2028-06-30", None, None)]
    await worker.settle()
    held = (await registry.annotations())[national_id(1)]["annotation"]
    assert (held["revoked_on"], held["revoked_for"], held["liable_for_induction"]) == (None, None, False)
    assert held["deferment_until"] == "2028-06-30"


async def test_a_cessation_that_was_refused_in_error_ends_it_now(county):
    await decided(county, men(1, 1))
    draft = {**REJECTED, "ground": "not_conscriptable"}
    _, entry = await decided(county, [cessation(1, **BORN, left_on="2026-10-01")], "cessation", draft)
    await put_right(county, entry, {"decision": "approved"})
    assert of(await deferments(county), "revoked_on", "ended_reason") == [("2026-10-01", "on_leave")]
    liable = await owner(county, "SELECT liable_for_induction AS liable FROM deferment_change ORDER BY at")
    assert [row["liable"] for row in liable] == [False, True]


@pytest.mark.rule("RO-49")
async def test_a_reapplication_in_error_brings_back_what_it_superseded(county, registry, worker):
    await decided(county, men(1, 1))
    rows = men(1, 1, expected_graduation_on="2029-06")
    roster_id, entry = await decided(county, rows, "reapplication", who=OTHER_SCHOOL)
    assert of(await deferments(county), "ended_reason") == [("superseded",), (None,)]
    await take_up(county, entry, REJECTED)
    batch = await county.submit(roster_id)
    (shown,) = (await previewed(county, batch["id"], APPROVER))["items"]
    assert [(one["school_code"], one["decision_number"]) for one in shown["ends"]] == [("0025", SECOND)]
    assert fields(shown, "after")["decision_number"] == FIRST
    assert (shown["deferment"], shown["annotation"]["action"]) == ("correct", "modify")
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert of(await deferments(county), "revoked_on", "ended_reason") == [
        (None, None), ("2026-10-01", "granted_in_error"),
    ]  # fmt: skip
    await worker.settle()
    held = (await registry.annotations())[national_id(1)]["annotation"]
    assert (held["decision_number"], held["school_code"], held["revoked_on"]) == (FIRST, "0003", None)
    assert not held["liable_for_induction"]


@pytest.mark.rule("RO-49")
async def test_a_grant_made_in_error_is_cured(county):
    """ADR 0044: a roster that listed a man who had left already was an error; its cessation ends nothing."""
    _, granted = await decided(county, men(1, 1))
    _, late = await decided(county, [cessation(1, **BORN, left_on="2026-09-20")], "cessation")
    assert late["decision"]["annotation_action"] == "none"
    assert of(await deferments(county), "revoked_on") == [(None,)]
    await put_right(county, granted, REJECTED)
    assert of(await deferments(county), "ended_reason") == [("granted_in_error",)]


async def test_what_was_built_on_it_is_corrected_first_the_newest_before_the_others(county):
    _, granted = await decided(county, men(1, 1))
    _, longer = await decided(county, [extension(1, **BORN, extended_until="2029-01-31")], "extension")
    _, ended = await decided(county, [cessation(1, **BORN, left_on="2026-10-01")], "cessation")
    third = ended["decision"]["decision_number"]
    refused = await take_up(county, granted, REJECTED)
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_built_upon")
    assert f"{third}、{SECOND}" in refused.json()["detail"]
    refused = await take_up(county, longer, REJECTED)
    assert third in refused.json()["detail"]
    assert SECOND not in refused.json()["detail"]
    for entry, draft in ((ended, {**REJECTED, "ground": "not_conscriptable"}), (longer, REJECTED), (granted, REJECTED)):
        await put_right(county, entry, draft)
    assert of(await deferments(county), "revoked_on", "ended_reason") == [("2026-10-01", "granted_in_error")]
    # Now the grant's correction is what the others rest on: an extension that came to nothing does not come back first.
    refused = await take_up(county, longer, {"decision": "approved"})
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_built_upon")


async def test_what_came_while_the_correction_waited_stops_it_then(county):
    _, granted = await decided(county, men(1, 1))
    await take_up(county, granted, REJECTED)
    batch = await county.submit(granted["roster_id"])
    await decided(county, [extension(1, **BORN, extended_until="2029-01-31")], "extension")
    (shown,) = (await previewed(county, batch["id"], APPROVER))["items"]
    assert [refusal["code"] for refusal in shown["refusals"]] == ["decision_built_upon"]
    refused = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (refused.status_code, [e["code"] for e in refused.json()["errors"]]) == (422, ["decision_built_upon"])


async def test_a_correction_is_corrected_by_another_and_the_chain_stays(county):
    roster_id, entry = await decided(county, men(1, 1))
    await put_right(county, entry, REJECTED)
    await put_right(county, entry, {"decision": "approved", "deferment_until": "2027-06-30"})
    # The same deferment runs again, from its first day, by the number of the decision that stands.
    assert of(await deferments(county), "decision_number", "deferred_from", "deferred_until", "revoked_on") == [
        ("府兵徵字第1150000003號", "2026-10-01", "2027-06-30", None)
    ]
    chain = await owner(county, "SELECT id, corrects, decision FROM decision ORDER BY decided_at")
    assert [row["decision"] for row in chain] == ["approved", "rejected", "approved"]
    assert [row["corrects"] for row in chain] == [None, chain[0]["id"], chain[1]["id"]]
    # One line in the results, and one of the sums; each number leads to him.
    (row,) = (await county.get(f"/results/{roster_id}/entries"))["items"]
    assert (row["decision_number"], row["corrects_number"]) == ("府兵徵字第1150000003號", SECOND)
    for number in (FIRST, SECOND, "府兵徵字第1150000003號"):
        (result,) = (await county.do("/result-searches", OFFICER, {"decision_number": number}))["items"]
        assert (result["approved"], result["rejected"], result["headcount"]) == (1, 0, 1)
    csv = await county.service.http.get(
        f"/roster/v1/results/{roster_id}/entries", headers={**NTU, "Accept": "text/csv"}
    )
    assert f"府兵徵字第1150000003號,{SECOND}" in csv.text


@pytest.mark.rule("RO-55")
async def test_as_of_then_the_decision_of_then_stands(county):
    _, entry = await decided(county, men(1, 1))
    before = (await owner(county, "SELECT clock_timestamp()::text AS at"))[0]["at"].replace(" ", "T")
    await put_right(county, entry, REJECTED)
    then = await county.service.http.get(f"/roster/v1/entries/{entry['id']}", params={"as_of": before}, headers=OFFICER)
    assert then.json()["decision"] == entry["decision"]
    told = await history(county, f"/entries/{entry['id']}")
    assert ("reopened", "officer-1") in story(told)
    assert story(told)[-1] == ("decided", "approver-1")
    changed = {c["field"]: (c["from"], c["to"]) for c in told[-1]["changes"]}
    assert changed["decision.decision"] == ("approved", "rejected")
    assert changed["decision.corrects_number"] == (None, FIRST)


@pytest.mark.rule("RO-41")
async def test_the_school_is_told_the_new_decision_and_not_that_it_was_weighed(county):
    """ADR 0041: nothing changes for the school before the decision does; why it was wrong is the county's."""
    roster_id, entry = await decided(county, men(1, 1))
    paths = (f"/entries/{entry['id']}", f"/rosters/{roster_id}", f"/results/{roster_id}/entries", "/results",
             f"/rosters/{roster_id}/entries?state=decided")  # fmt: skip
    before = [await county.get(path, NTU) for path in paths]
    assert (await take_up(county, entry, {**REJECTED, "ground": "repeated_level"})).status_code == 200
    assert [await county.get(path, NTU) for path in paths] == before
    await county.submit(roster_id)
    assert [await county.get(path, NTU) for path in paths] == before
    told = await history(county, f"/rosters/{roster_id}", NTU), await history(county, f"/entries/{entry['id']}", NTU)
    assert [line["action"] for line in told[0]] == ["received", "opened", "submitted", "decided"]
    batch = (await county.get("/batches?state=for_approval"))["items"][0]
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    now = (await county.get(f"/entries/{entry['id']}", NTU))["decision"]
    assert (now["decision"], now["corrects_number"]) == ("rejected", FIRST)
    # The ground rests on what a school is not told.
    assert (now["ground"], now["reason"], now["correction_reason"], now["annotation_action"]) == (None,) * 4
    after = await history(county, f"/entries/{entry['id']}", NTU)
    assert [line["action"] for line in after] == [*(line["action"] for line in told[1]), "decided"]


async def test_nor_does_the_order_of_the_school_s_page_say_which_decision_is_weighed(county):
    """Sorted by state, both men stand as decided: only their row numbers order them."""
    roster_id = (await county.post(men(1, 2)))["63000"]
    await county.answered(roster_id)
    await county.do(f"/rosters/{roster_id}/open")
    for entry in await county.entries(roster_id):
        assert (
            await county.patch(entry, {"decision": "approved", "override_reason": "經查明仍應核准。"})
        ).status_code == 200
    await decide(county, roster_id)
    pages = [f"/rosters/{roster_id}/entries?sort={by}" for by in ("state", "-state")]
    before = [await county.get(page, NTU) for page in pages]
    assert (await take_up(county, before[0]["items"][0], REJECTED)).status_code == 200
    assert [await county.get(page, NTU) for page in pages] == before
    # The county does see it: the order by state is another now.
    orders = [[entry["state"] for entry in (await county.get(page))["items"]] for page in pages]
    assert orders == [["decided", "in_review"], ["in_review", "decided"]]


@pytest.mark.rule("RO-09")
async def test_meanwhile_the_school_cannot_change_him_and_nobody_hands_him_on(county):
    roster_id, entry = await decided(county, men(1, 1))
    taken = (await take_up(county, entry, {})).json()
    refused = await correct(county, roster_id, men(1, 1, remarks="更正"))
    assert (refused.status_code, [e["code"] for e in refused.json()["errors"]]) == (422, ["entry_decided"])
    place = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}
    moved = await county.call("POST", f"/entries/{entry['id']}/transfer", OFFICER, place, taken["version"])
    assert (moved.status_code, moved.json()["code"]) == (409, "entry_state")


async def test_a_correction_that_is_dropped_leaves_everything_as_it_was(county):
    roster_id, entry = await decided(county, men(1, 1))
    taken = (await take_up(county, entry, REJECTED)).json()
    assert (await county.patch(taken, {"on_hold": True}, OFFICER_2)).status_code == 200
    seen = (await county.get(f"/entries/{entry['id']}"))["version"]
    back = await county.call("POST", f"/entries/{entry['id']}/correction/drop", OFFICER_2, seen=seen)
    assert back.status_code == 200, back.text
    assert back.json() == entry | {"version": back.json()["version"]}
    assert (await county.get(f"/rosters/{roster_id}"))["state"] == "decided"
    again = await county.call("POST", f"/entries/{entry['id']}/correction/drop", OFFICER, seen=back.json()["version"])
    assert (again.status_code, again.json()["code"]) == (409, "not_correcting")


@pytest.mark.rule("RO-48")
async def test_neither_who_took_it_up_nor_who_submitted_it_decides_it(county):
    roster_id, entry = await decided(county, men(1, 1))
    assert (await take_up(county, entry, REJECTED, DEPUTY)).status_code == 200
    batch = await county.submit(roster_id, OFFICER)
    assert [r["code"] for r in (await previewed(county, batch["id"], DEPUTY))["refusals"]] == ["four_eyes"]
    path = f"/batches/{batch['id']}/decide"
    own = await county.call("POST", path, DEPUTY, seen=batch["version"])
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    (up,) = await county.entries(roster_id)
    assert (await county.patch(up, {"review_remarks": "x"}, DEPUTY)).status_code == 403
    # Who made the wrong decision may make the right one.
    assert (await county.do(path, APPROVER, seen=batch["version"]))["rejected"] == 1


@pytest.mark.rule("RO-45", "RO-46", "RO-47")
async def test_a_correction_goes_up_and_comes_back_like_any_other(county):
    roster_id, entry = await decided(county, men(1, 1))
    stale = await county.call("POST", f"/entries/{entry['id']}/correction", OFFICER, WHY, entry["version"] - 1)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    assert (await take_up(county, entry, REJECTED, ELSEWHERE)).status_code == 404
    assert (await take_up(county, entry, {"decision": "rejected"})).json()["code"] == "draft_refused"
    assert (await county.get(f"/entries/{entry['id']}"))["state"] == "decided"
    assert (await take_up(county, entry, REJECTED)).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/recall", OFFICER_2, seen=batch["version"])
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/return", APPROVER_2, {"reason": "請補"}, seen=batch["version"])
    (back,) = await county.entries(roster_id)
    assert (back["state"], back["correction"]["corrects"]) == ("in_review", entry["decision"]["id"])
    refused = await take_up(county, entry, REJECTED)
    assert (refused.status_code, refused.json()["code"]) == (409, "entry_state")
    await decide(county, roster_id, OFFICER_2, APPROVER_2)
    assert (await county.get(f"/entries/{entry['id']}"))["decision"]["decision"] == "rejected"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE decision SET decision = 'rejected' WHERE corrects IS NULL", "never changed"),
        ("DELETE FROM decision", "never changed"),
        (
            "INSERT INTO decision SELECT (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(),"
            " 'decided_by', d.correction_by))).* FROM decision d WHERE d.corrects IS NOT NULL",
            "ck_decision_correction_four_eyes",
        ),
        (
            "INSERT INTO decision SELECT (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).*"
            " FROM decision d WHERE d.corrects IS NOT NULL",
            "uq_decision_corrects",
        ),
        (
            "INSERT INTO decision SELECT (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(),"
            " 'corrects', d.id, 'entry_id', (SELECT id FROM entry WHERE id <> d.entry_id LIMIT 1)))).*"
            " FROM decision d WHERE d.corrects IS NOT NULL",
            "fk_decision_corrects_same_man",
        ),
        ("UPDATE entry SET corrects = NULL WHERE corrects IS NOT NULL", "ck_entry_correction"),
        ("UPDATE entry SET state = 'withdrawn', batch_id = NULL WHERE corrects IS NOT NULL", "ck_entry_correcting"),
        ("UPDATE deferment SET decision_number = 'x'", "never rewritten"),
    ],
)
async def test_the_database_too_keeps_the_chain(county, statement, told):
    """The negative control: past all code, PostgreSQL refuses what must not be."""
    _, entry = await decided(county, men(1, 1))
    await put_right(county, entry, {"deferment_until": "2027-06-30"})
    assert (await take_up(county, entry, REJECTED)).status_code == 200
    await decided(county, men(2, 1))
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    try:
        with pytest.raises(asyncpg.PostgresError, match=told):
            await connection.execute(statement)
    finally:
        await connection.close()
