"""RO-09: "entries are matched by national ID; unchanged ones keep their review state, changed ones return to received,
dropped ones become withdrawn; entries already submitted for approval or decided cannot be changed so"."""

import asyncio
import json
from datetime import date

import pytest

from tests.roster.corrections import STATED, correct, corrected, post, standing, withdraw
from tests.roster.intake_corpus.files import cessation, to_json
from tests.roster.test_submissions import counts, owner
from tests.support import rosters
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-09")

PLACE = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}


def without(rows, *numbers):
    return [row for row in rows if row["student_no"] not in numbers]


def changed(rows, number, **changes):
    return [row | changes if row["student_no"] == number else row for row in rows]


async def test_what_a_correction_does_to_each_man(county: County):
    """Row by row of the rule, after the officer opened the roster and wrote on three of its men."""
    rows = men(1, 5)
    roster_id, entries = await county.opened(rows)
    for entry in entries[:3]:
        assert (await county.patch(entry, {"review_remarks": "已電洽學校"})).status_code == 200
    held = (await standing(county, roster_id))["B00000003"]
    assert (await county.patch(held, {"on_hold": True})).status_code == 200
    before = await standing(county, roster_id)

    new = men(6, 1)
    file = new + changed(without(rows, "B00000004"), "B00000002", department="電機工程學系")
    told = await corrected(county, roster_id, file)
    assert {name: told[name] for name in ("version", "kept", "changed", "added", "dropped", "dry_run")} == {
        "version": 2, "kept": 3, "changed": 1, "added": 1, "dropped": 1, "dry_run": False,
    }  # fmt: skip
    assert (told["headcount"], told["state"], told["counts"]) == (
        5, "pending", {"received": 2, "in_review": 2, "on_hold": 1},
    )  # fmt: skip
    after = await standing(county, roster_id)
    assert {n: (e["row_no"], e["state"]) for n, e in after.items()} == {
        "B00000006": (2, "received"),
        "B00000001": (3, "in_review"),
        "B00000002": (4, "received"),
        "B00000003": (5, "on_hold"),
        "B00000005": (6, "in_review"),
    }
    for number in ("B00000001", "B00000003", "B00000005"):
        # What is kept is kept whole: the row, the draft, the version that the officer saw.
        assert after[number] == before[number] | {"row_no": after[number]["row_no"]}
    assert after["B00000002"]["id"] != before["B00000002"]["id"]
    assert after["B00000002"]["draft"]["review_remarks"] is None
    assert after["B00000002"]["department"] == "電機工程學系"
    for number, state in (("B00000002", "superseded"), ("B00000004", "withdrawn")):
        gone = await county.get(f"/entries/{before[number]['id']}")
        assert (gone["state"], gone["version"]) == (state, before[number]["version"] + 1)
        # Its county may no longer see whose it was.
        assert gone["national_id"] == before[number]["national_id"][:3] + "****" + before[number]["national_id"][-3:]

    opened = await county.do(f"/rosters/{roster_id}/open")
    assert opened["counts"] == {"in_review": 4, "on_hold": 1}


async def test_before_anybody_opened_it_the_same(county: County):
    rows = men(1, 3)
    roster_id = (await county.post(rows))["63000"]
    told = await corrected(county, roster_id, changed(rows[1:], "B00000003", name="陳大文") + men(4, 1))
    assert (told["version"], told["kept"], told["changed"], told["added"], told["dropped"]) == (2, 1, 1, 1, 1)
    assert {e["state"] for e in (await standing(county, roster_id, NTU)).values()} == {"received"}
    assert (await standing(county, roster_id, NTU))["B00000003"]["name"] == "陳大文"
    states = await owner(county, "SELECT state, count(*) FROM entry GROUP BY 1 ORDER BY 1")
    assert [tuple(s.values()) for s in states] == [("received", 3), ("superseded", 1), ("withdrawn", 1)]


@pytest.mark.parametrize("how", ["the same file", "another order", "ROC dates", "JSON"])
async def test_a_file_that_changes_nothing_makes_no_version(county: County, how: str):
    rows = men(1, 3)
    roster_id, _ = await county.opened(rows)
    before, seen = await standing(county, roster_id), await counts(county)
    if how == "JSON":
        answer = await county.service.http.put(
            f"/roster/v1/rosters/{roster_id}",
            content=to_json(rows),
            headers={**NTU, "Content-Type": "application/json", "If-Match": '"1"'},
        )
    else:
        files = {"another order": rows[::-1], "ROC dates": [row | {"birth_date": "095/03/04"} for row in rows]}
        answer = await correct(county, roster_id, files.get(how, rows))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["version"], told["kept"], told["changed"], told["added"], told["dropped"]) == (1, 3, 0, 0, 0)
    assert await standing(county, roster_id) == before
    assert await counts(county) == seen


async def test_who_is_up_or_decided_is_neither_changed_nor_dropped(county: County):
    """The whole correction is refused and every such row named; RO-07."""
    rows = men(1, 6)
    roster_id, entries = await county.opened(rows)
    await county.approve_clean(roster_id)
    decided = await county.submit(roster_id, entry_ids=[entries[0]["id"], entries[1]["id"]])
    await county.do(f"/batches/{decided['id']}/decide", APPROVER, seen=decided["version"])
    await county.submit(roster_id, entry_ids=[entries[2]["id"], entries[3]["id"]])
    before = await standing(county, roster_id)

    file = changed(
        changed(without(rows, "B00000002", "B00000004"), "B00000001", name="甲"), "B00000003", department="乙"
    )
    answer = await correct(county, roster_id, changed(file, "B00000005", name="丙"))
    assert (answer.status_code, answer.json()["code"], answer.json()["error_count"]) == (422, "invalid_content", 4)
    assert [(e["code"], e.get("row"), e["value"]) for e in answer.json()["errors"]] == [
        ("entry_decided", None, rows[1]["national_id"][:3] + "****" + rows[1]["national_id"][-3:]),
        ("entry_for_approval", None, rows[3]["national_id"][:3] + "****" + rows[3]["national_id"][-3:]),
        ("entry_decided", 2, rows[0]["national_id"][:3] + "****" + rows[0]["national_id"][-3:]),
        ("entry_for_approval", 3, rows[2]["national_id"][:3] + "****" + rows[2]["national_id"][-3:]),
    ]
    words = {e["code"]: e["message"] for e in answer.json()["errors"]}
    assert "緩徵原因消滅名冊" in words["entry_decided"]
    assert "撤回陳核" in words["entry_for_approval"]
    assert await standing(county, roster_id) == before

    # Stated as before they stay, and the others are corrected.
    told = await corrected(county, roster_id, changed(without(rows, "B00000006"), "B00000005", name="丙"))
    assert told["counts"] == {"received": 1, "for_approval": 2, "decided": 2}
    after = await standing(county, roster_id)
    assert {n: after[n] for n in list(before)[:4]} == {n: before[n] for n in list(before)[:4]}


async def test_a_decided_roster_that_is_added_to_waits_again(county: County):
    rows = men(1, 2)
    roster_id, batch = await county.up(2)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (await county.get(f"/rosters/{roster_id}"))["state"] == "decided"
    told = await corrected(county, roster_id, rows + men(3, 1))
    assert (told["state"], told["counts"]) == ("pending", {"received": 1, "decided": 2})
    await county.answered(roster_id)
    opened = await county.do(f"/rosters/{roster_id}/open")
    assert opened["proposed_number"]
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (await county.get(f"/rosters/{roster_id}"))["counts"] == {"decided": 3}


@pytest.mark.rule("RO-07")
async def test_every_row_that_the_roster_cannot_hold_is_named(county: County):
    """Another county's, and a man whom an officer handed to another county (RO-29)."""
    rows = men(1, 3)
    roster_id, entries = await county.opened(rows)
    moved = await county.do(f"/entries/{entries[1]['id']}/transfer", body=PLACE, seen=entries[1]["version"])
    there = {"county_code": "64000", "township_code": "64000010"}
    answer = await correct(county, roster_id, [*rows, *men(7, 2, **there)])
    assert answer.status_code == 422
    assert [(e["code"], e["row"], e["column"], e["value"]) for e in answer.json()["errors"]] == [
        ("on_another_roster", 3, "national_id", rows[1]["national_id"][:3] + "****" + rows[1]["national_id"][-3:]),
        ("county_not_this_roster", 5, "county_code", "高雄市"),
        ("county_not_this_roster", 6, "county_code", "高雄市"),
    ]
    assert "新北市" in answer.json()["errors"][0]["message"]
    # Without him it goes; he is no man of version 2, and New Taipei has him still.
    told = await corrected(county, roster_id, without(rows, "B00000002"))
    assert (told["version"], told["kept"], told["dropped"]) == (1, 2, 0)
    told = await corrected(county, roster_id, without(rows, "B00000002") + men(4, 1))
    assert (told["version"], told["counts"]) == (2, {"received": 1, "in_review": 2})
    (kept,) = (await county.get(f"/entries/{moved['new_entry_id']}", ELSEWHERE),)
    assert kept["state"] == "received"
    other = kept["roster_id"]
    (first,) = (await county.get(f"/rosters/{other}/versions", ELSEWHERE))["items"]
    assert (first["version"], first["row_count"], first["added"]) == (1, 0, 0)
    # There he is corrected as any other.
    moved_row = rows[1] | {
        "county_code": "65000",
        "township_code": "65000010",
        "village": "",
        "department": "電機工程學系",
    }
    told = await corrected(county, other, [moved_row])
    assert (told["version"], told["changed"], told["received_on"]) == (2, 1, "2026-10-01")


async def test_the_day_of_arrival_is_each_man_s_own(county: County, monkeypatch, tmp_path):
    """RO-28: the correction comes after the deadline. Who is changed came in time, who is added did not."""
    rows = men(1, 2)
    roster_id, _ = await county.opened(rows)
    rosters.set_today(monkeypatch, tmp_path, date(2026, 10, 22))
    await corrected(county, roster_id, changed(rows, "B00000002", name="陳大文") + men(3, 1))
    found = await standing(county, roster_id, NTU)
    late = {n: [h["code"] for h in e["hints"] if h["rule"] == "RO-28"] for n, e in found.items()}
    assert late == {"B00000001": [], "B00000002": [], "B00000003": ["late"]}
    assert {n: e["filed_on"] for n, e in found.items()} == {
        "B00000001": "2026-10-01", "B00000002": "2026-10-01", "B00000003": "2026-10-22",
    }  # fmt: skip
    roster = await county.get(f"/rosters/{roster_id}")
    assert (roster["received_on"], roster["days_late"]) == ("2026-10-01", 0)


@pytest.mark.rule("RO-28", "RO-04")
async def test_a_cessation_s_deadline_is_that_of_the_men_on_it_now(county: County):
    rows = [cessation(1, left_on="2026-09-02", birth_date="2006-03-04"), cessation(2, birth_date="2006-03-04")]
    roster_id = (await county.post(rows, "cessation"))["63000"]
    first = await county.get(f"/rosters/{roster_id}", NTU)
    told = await corrected(county, roster_id, rows[1:])
    assert first["deadline"] < told["deadline"] == "2026-10-20"


async def test_the_school_s_version_is_what_it_states(county: County):
    """RO-47; what officers and the registry do to a roster is not counted for a school (RO-27)."""
    rows = men(1, 2)
    roster_id, _ = await county.opened(rows)
    new = rows + men(3, 1)
    missing = await correct(county, roster_id, new, seen=None)
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_required")
    stale = await correct(county, roster_id, new, seen=2)
    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    done = await correct(county, roster_id, new, seen=1)
    assert (done.status_code, done.headers["etag"], done.json()["revision"]) == (200, '"2"', 2)
    again = await correct(county, roster_id, new, seen=1)
    assert again.status_code == 412
    nothing = await correct(county, roster_id, new, seen=2)
    assert (nothing.status_code, nothing.json()["version"]) == (200, 2)
    # For the officer every change counts: what he saw before the correction he submits no longer.
    assert (await county.get(f"/rosters/{roster_id}"))["revision"] > 2
    for who, where in ((OTHER_SCHOOL, roster_id), (NTU, "0b8f2c34-0000-4000-8000-000000000001")):
        assert (await correct(county, where, new, who=who)).status_code == 404
    assert (await correct(county, roster_id, new, who=OFFICER)).status_code == 403


@pytest.mark.rule("RO-16")
async def test_a_dry_run_says_what_would_be_and_keeps_nothing(county: County):
    rows = men(1, 3)
    roster_id, _ = await county.opened(rows)
    before, rows_before = await standing(county, roster_id), await counts(county)
    file = changed(rows[1:], "B00000003", name="陳大文") + men(4, 1)
    answer = await correct(county, roster_id, file, query="?dry_run=true")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["dry_run"], told["version"], told["kept"], told["changed"], told["added"], told["dropped"]) == (
        True, 2, 1, 1, 1, 1,
    )  # fmt: skip
    assert await standing(county, roster_id) == before
    rows_after = await counts(county)
    assert rows_after == rows_before | {"audit_entry": rows_before["audit_entry"] + 1}
    assert (await corrected(county, roster_id, file))["version"] == 2


@pytest.mark.rule("RO-08")
async def test_the_first_file_again_makes_nothing_new(county: County):
    """Re-posted after a correction it is still the submission that was made of it."""
    rows = men(1, 3)
    first = await post(county, rows)
    roster_id = first.json()["rosters"][0]["id"]
    await corrected(county, roster_id, rows[1:])
    before = await counts(county)
    again = await post(county, rows)
    assert (again.status_code, again.headers["idempotent-replayed"], again.json()["id"]) == (
        200, "true", first.json()["id"],
    )  # fmt: skip
    assert await counts(county) == before | {"idempotency_key": before["idempotency_key"] + 1}
    # Corrected back it says again what it said at first, as version 3.
    told = await corrected(county, roster_id, rows, seen=2)
    assert (told["version"], told["headcount"], told["added"]) == (3, 3, 1)


async def test_the_last_file_is_what_stands(county: County):
    """Whatever came before, the roster says what the last correction said; each version's counts add up."""
    rows = men(1, 6)
    files = [
        rows,
        changed(rows[::-1], "B00000002", name="陳大文"),
        without(rows, "B00000001", "B00000005"),
        [*men(8, 2), *changed(rows, "B00000006", class_year="4")],
        rows[2:3],
        rows,
    ]
    roster_id = (await county.post(files[0]))["63000"]
    for version, file in enumerate(files[1:], 2):
        await corrected(county, roster_id, file, seen=version - 1)
        if version == 3:
            await county.do(f"/rosters/{roster_id}/open")
        fresh = (await county.post([row | {"remarks": "對照"} for row in file], who=OTHER_SCHOOL))["63000"]
        expected = await standing(county, fresh, OTHER_SCHOOL)
        found = await standing(county, roster_id, NTU)
        assert {n: [e[name] for name in STATED if name != "remarks"] for n, e in found.items()} == {
            n: [e[name] for name in STATED if name != "remarks"] for n, e in expected.items()
        }
    versions = (await county.get(f"/rosters/{roster_id}/versions", NTU))["items"]
    assert [(v["version"], v["row_count"], v["kept"], v["changed"], v["added"], v["dropped"]) for v in versions] == [
        (1, 6, 0, 0, 6, 0),
        (2, 6, 5, 1, 0, 0),
        (3, 4, 3, 1, 0, 2),
        (4, 8, 3, 1, 4, 0),
        (5, 1, 1, 0, 0, 7),
        (6, 6, 1, 0, 5, 0),
    ]
    assert {v["received_by"] for v in versions} == {versions[0]["received_by"]} != {None}
    assert {v["received_by"] for v in (await county.get(f"/rosters/{roster_id}/versions"))["items"]} == {None}


@pytest.mark.rule("RO-08")
async def test_a_roster_is_withdrawn_until_it_is_opened(county: County):
    rows = [*men(1, 2), *men(3, 1, county_code="65000", township_code="65000010")]
    first = await post(county, rows)
    taipei, new_taipei = (r["id"] for r in first.json()["rosters"])
    missing = await withdraw(county, taipei, seen=None)
    assert missing.status_code == 428
    assert (await withdraw(county, taipei, seen=7)).status_code == 412
    assert (await withdraw(county, taipei, who=OTHER_SCHOOL)).status_code == 404
    assert (await withdraw(county, taipei, who=OFFICER)).status_code == 403
    done = await withdraw(county, taipei)
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["headcount"], done.json()["counts"]) == ("withdrawn", 0, {"withdrawn": 2})
    again = await withdraw(county, taipei)
    assert (again.status_code, again.json()["code"]) == (409, "roster_withdrawn")
    assert (await correct(county, taipei, rows[:2])).json()["code"] == "roster_withdrawn"
    assert [r["id"] for r in (await county.get("/rosters?state=pending"))["items"]] == []
    # New Taipei's part still stands, so the same file is still the same submission.
    assert (await post(county, rows)).status_code == 200
    assert (await withdraw(county, new_taipei)).status_code == 200
    anew = await post(county, rows)
    assert (anew.status_code, anew.json()["id"] != first.json()["id"]) == (201, True)
    assert (await post(county, rows)).json()["id"] == anew.json()["id"]


async def test_an_opened_roster_is_not_withdrawn_and_the_refusal_says_what_to_do(county: County):
    roster_id, _ = await county.opened(men(1, 2))
    answer = await withdraw(county, roster_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "roster_opened")
    assert "更正" in answer.json()["detail"]
    assert "corrected roster" in answer.json()["detail_en"]
    assert (await county.get(f"/rosters/{roster_id}"))["counts"] == {"in_review": 2}


@pytest.mark.rule("RO-27")
async def test_another_roster_s_officer_hears_that_a_man_is_gone(county: County):
    """He stood on two undecided rosters; both said so until the one let him go."""
    both = men(1, 1)
    here = (await county.post([*both, *men(2, 1)]))["63000"]
    there = (await county.post([both[0] | {"student_no": "T1"}], who=OTHER_SCHOOL))["63000"]
    del there
    jobs_before = await owner(county, "SELECT count(*) AS n FROM job WHERE kind = 'hints.rejudge'")
    await corrected(county, here, men(2, 1))
    jobs_after = await owner(county, "SELECT count(*) AS n FROM job WHERE kind = 'hints.rejudge'")
    assert jobs_after[0]["n"] == jobs_before[0]["n"] + 1


async def test_what_is_told_of_it(county: County):
    """Ids and counts only (docs/events.md); the registry is asked about new entries only."""
    rows = men(1, 3)
    roster_id, _ = await county.opened(rows)
    await owner(county, "DELETE FROM job")
    await corrected(county, roster_id, changed(rows[1:], "B00000003", name="陳大文") + men(4, 1))
    other = (await county.post(men(20, 2)))["63000"]
    await withdraw(county, other)
    events = await owner(county, "SELECT payload -> 'event' AS event FROM job WHERE kind = 'event.deliver' ORDER BY id")
    told = [json.loads(row["event"]) for row in events]
    assert [(e["type"], e["subject"]) for e in told] == [
        ("muster.roster.roster.corrected.v1", roster_id),
        ("muster.roster.roster.withdrawn.v1", other),
    ]
    facts = {
        "county_code": "63000", "school_code": "0003", "school_name": "國立臺灣大學", "kind": "application",
        "academic_year": 115, "term": 1,
    }  # fmt: skip
    assert told[0]["data"] == facts | {
        "roster_id": roster_id, "version": 2, "opened": True, "kept": 1, "changed": 1, "added": 1, "dropped": 1,
    }  # fmt: skip
    assert told[1]["data"] == facts | {"roster_id": other, "version": 1, "headcount": 2}
    asked = await owner(county, "SELECT payload FROM job WHERE kind = 'registry.lookup' ORDER BY id LIMIT 1")
    new = {e["id"] for n, e in (await standing(county, roster_id)).items() if n in ("B00000003", "B00000004")}
    assert set(json.loads(asked[0]["payload"])["entry_ids"]) == new


async def test_correcting_while_an_officer_opens_submits_or_writes(county: County):
    """Run for real, at once: each waits for the other, and nobody's work is lost."""
    for n in range(6):
        rows = men(n * 10 + 1, 4)
        roster_id = (await county.post(rows))["63000"]
        await county.answered(roster_id)
        opening, correcting = await asyncio.gather(
            county.call("POST", f"/rosters/{roster_id}/open", OFFICER),
            correct(county, roster_id, changed(rows, rows[0]["student_no"], name="陳大文")),
        )
        assert (opening.status_code, correcting.status_code) == (200, 200)
        assert set((await county.get(f"/rosters/{roster_id}"))["counts"]) <= {"received", "in_review"}
        await county.do(f"/rosters/{roster_id}/open")
        await county.answered(roster_id)
        await county.approve_clean(roster_id)
        seen = await county.revision(roster_id)
        submitting, correcting = await asyncio.gather(
            county.call("POST", f"/rosters/{roster_id}/batches", OFFICER, {}, seen),
            correct(county, roster_id, rows[1:], seen=2),
        )
        # Either he went up first and cannot be dropped, or he was dropped first and the officer has not seen it.
        assert (submitting.status_code, correcting.status_code) in ((201, 422), (412, 200))
        found = (await county.get(f"/rosters/{roster_id}"))["counts"]
        assert found == ({"for_approval": 4} if submitting.status_code == 201 else {"in_review": 3})


async def test_withdrawing_while_an_officer_opens(county: County):
    outcomes = set()
    for n in range(8):
        roster_id = (await county.post(men(n * 10 + 1, 2)))["63000"]
        calls = [
            withdraw(county, roster_id),
            county.call("POST", f"/rosters/{roster_id}/open", OFFICER),
        ]
        answers = await asyncio.gather(*(calls if n % 2 else calls[::-1]))
        withdrawing = answers[0] if n % 2 else answers[1]
        found = (await county.get(f"/rosters/{roster_id}"))["counts"]
        assert (withdrawing.status_code, found) in ((200, {"withdrawn": 2}), (409, {"in_review": 2}))
        outcomes.add(withdrawing.status_code)
    assert outcomes


async def test_two_corrections_at_once_and_two_withdrawals_of_one_file(county: County):
    rows = men(1, 3)
    roster_id = (await county.post(rows))["63000"]
    answers = await asyncio.gather(*(correct(county, roster_id, rows + men(n, 1)) for n in (4, 5, 6)))
    assert sorted(a.status_code for a in answers) == [200, 412, 412]
    assert (await county.get(f"/rosters/{roster_id}"))["headcount"] == 4
    for n in range(4):
        places = [("63000", "63000030"), ("64000", "64000010"), ("65000", "65000010")]
        file = [men(100 + n * 10 + i, 1, county_code=c, township_code=t)[0] for i, (c, t) in enumerate(places)]
        ids = [r["id"] for r in (await post(county, file)).json()["rosters"]]
        answers = await asyncio.gather(*(withdraw(county, one) for one in ids))
        assert [a.status_code for a in answers] == [200, 200, 200]
        # The last of them knew that it was the last.
        assert (await post(county, file)).status_code == 201
