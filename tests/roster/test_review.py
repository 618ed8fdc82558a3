"""The case officer's work: work list, opening, drafts, bulk review, hold (RO-40 to RO-47, 56, 57)."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from local.databases import plain
from shared.ids import mask_id
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OFFICER_2, OTHER_SCHOOL, men
from tests.support.tokens import bearer


@pytest.mark.rule("RO-40")
async def test_the_work_list_tells_what_waits(county):
    await county.post(men(1, 3) + men(4, 2, county_code="65000", township_code="65000010"))
    await county.post(men(10, 1), who=OTHER_SCHOOL)
    listed = (await county.get("/rosters?state=pending&sort=-headcount"))["items"]
    assert [(r["school_name"], r["headcount"], r["kind"], r["days_waiting"], r["counts"]) for r in listed] == [
        ("國立臺灣大學", 3, "application", 0, {"received": 3}),
        ("國立臺北科技大學", 1, "application", 0, {"received": 1}),
    ]
    assert [r["county_code"] for r in (await county.get("/rosters", NTU))["items"]] in (
        ["63000", "65000"],
        ["65000", "63000"],
    )


@pytest.mark.rule("RO-40", "RO-60")
@pytest.mark.parametrize(
    "column",
    ["received_on", "school_code", "school_name", "kind", "headcount", "days_waiting", "deadline", "state", "term"],
)
async def test_every_column_sorts_both_ways_and_pages_meet(county, column):
    for n in range(4):
        await county.post(men(10 * n + 1, n + 1), who=(NTU, OTHER_SCHOOL)[n % 2])
    for order in (column, f"-{column}"):
        whole = (await county.get(f"/rosters?sort={order}"))["items"]
        paged: list[object] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await county.get(f"/rosters?sort={order}&limit=1" + (f"&cursor={cursor}" if cursor else ""))
            paged += page["items"]
            cursor = page["next_cursor"]
        assert paged == whole
        values = [r[column] for r in whole]
        assert values == sorted(values, reverse=order.startswith("-"))
    assert len(whole) == 4


async def test_a_cursor_opens_under_its_own_filter_only(county):
    for n in range(3):
        await county.post(men(10 * n + 1, 1))
    cursor = (await county.get("/rosters?limit=1"))["next_cursor"]
    for path in (f"/rosters?cursor={cursor}&sort=-received_on", f"/rosters?cursor={cursor}&state=pending"):
        answer = await county.call("GET", path, OFFICER)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    other = await county.call("GET", f"/rosters?cursor={cursor}", ELSEWHERE)
    assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.rule("RO-40", "RO-41")
async def test_opening_brings_entries_into_review_and_proposes_a_number(county):
    roster_id = (await county.post(men(1, 2)))["63000"]
    seen = await county.get(f"/rosters/{roster_id}")
    assert (seen["counts"], seen["proposed_number"]) == ({"received": 2}, None)  # A GET changes nothing.
    opened = await county.do(f"/rosters/{roster_id}/open")
    assert opened["counts"] == {"in_review": 2}
    assert opened["proposed_number"] == "府兵徵字第1150000001號"
    assert {e["draft"]["decision_number"] for e in await county.entries(roster_id)} == {"府兵徵字第1150000001號"}
    again = await county.do(f"/rosters/{roster_id}/open")
    assert (again["revision"], again["proposed_number"]) == (opened["revision"], opened["proposed_number"])


@pytest.mark.rule("RO-41")
async def test_the_proposed_number_may_be_cleared_and_another_typed_for_each_man(county):
    _, entries = await county.opened(men(1, 3))
    typed = await county.patch(entries[0], {"decision_number": "北市兵徵字第11530001號"})
    cleared = await county.patch(entries[1], {"decision_number": None})
    assert typed.json()["draft"]["decision_number"] == "北市兵徵字第11530001號"
    assert cleared.json()["draft"]["decision_number"] is None
    untouched = await county.get(f"/entries/{entries[2]['id']}")
    assert untouched["draft"]["decision_number"] == "府兵徵字第1150000001號"


@pytest.mark.rule("RO-41")
async def test_the_county_chooses_its_numbers_form(county):
    assert (
        await county.call("PUT", "/county-settings", OFFICER, {"decision_number_format": "x{serial}"}, 0)
    ).status_code == 403
    bad = await county.call("PUT", "/county-settings", APPROVER, {"decision_number_format": "{serial.__class__}"}, 0)
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (422, "format_unknown_field")
    good = await county.call(
        "PUT", "/county-settings", APPROVER, {"decision_number_format": "北市{roc_year}-{serial:04d}"}, 0
    )
    assert good.json()["next_number"] == "北市115-0001"
    stale = await county.call("PUT", "/county-settings", APPROVER, {"decision_number_format": "z{serial}"}, 0)
    assert stale.status_code == 412
    roster_id, _ = await county.opened(men(1, 1))
    assert (await county.get(f"/rosters/{roster_id}"))["proposed_number"] == "北市115-0001"


@pytest.mark.rule("RO-47")
async def test_every_change_states_the_version_it_saw(county):
    _, (entry,) = await county.opened(men(1, 1))
    path = f"/entries/{entry['id']}"
    assert (await county.call("PATCH", path, OFFICER, {"review_remarks": "x"})).status_code == 428
    assert (await county.call("PATCH", path, OFFICER, {"review_remarks": "x"}, 99)).status_code == 412
    first = await county.patch(entry, {"review_remarks": "甲"})
    second = await county.patch(entry, {"review_remarks": "乙"}, OFFICER_2)
    assert (first.status_code, second.status_code) == (200, 412)
    assert (await county.get(path))["draft"]["review_remarks"] == "甲"


@pytest.mark.rule("RO-47")
async def test_two_reviewers_at_once_one_wins(county):
    _, (entry,) = await county.opened(men(1, 1))
    for round_ in range(5):
        seen = await county.get(f"/entries/{entry['id']}")
        answers = await asyncio.gather(
            county.patch(seen, {"review_remarks": f"甲{round_}"}),
            county.patch(seen, {"review_remarks": f"乙{round_}"}, OFFICER_2),
        )
        assert sorted(a.status_code for a in answers) == [200, 412]
        won = next(a for a in answers if a.status_code == 200)
        assert (await county.get(f"/entries/{entry['id']}"))["draft"] == won.json()["draft"]


@pytest.mark.rule("RO-47", "RO-44")
async def test_a_draft_is_tested_against_the_hints_that_stand_when_it_is_written(county):
    """While the officer's change waits for the roster, the man is judged anew: his approval needs a reason now."""
    _, (clean, blocked) = await county.opened(men(1, 2), {3: {"status": "reservist"}})
    assert [h["severity"] for h in blocked["hints"]] == ["blocking"]
    judging = await asyncpg.connect(plain(county.service.urls.owner))
    async with judging.transaction():
        await judging.execute("SELECT 1 FROM roster WHERE id = $1 FOR UPDATE", uuid.UUID(clean["roster_id"]))
        approving = asyncio.create_task(county.patch(clean, {"decision": "approved"}))
        # It has read him by the time that it waits for the roster.
        here = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        waits = f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN ({here})"
        while not await judging.fetchval(waits):
            assert not approving.done(), approving.result().text
            await asyncio.sleep(0.02)
        await judging.execute(
            "UPDATE entry SET hint_set = (SELECT hint_set FROM entry WHERE id = $1) WHERE id = $2",
            uuid.UUID(blocked["id"]), uuid.UUID(clean["id"]),
        )  # fmt: skip
    answer = await approving
    await judging.close()
    assert (answer.status_code, answer.json()["code"]) == (422, "draft_refused")
    assert {e["code"] for e in answer.json()["errors"]} == {"override_reason_missing"}
    assert (await county.get(f"/entries/{clean['id']}"))["draft"]["decision"] is None


# Art. 13: without an Article 15 ground the deferment must be approved; RO-57 says what a rejection needs.
REJECTIONS = [
    ({"decision": "rejected"}, {"ground_missing", "reason_missing"}),
    ({"decision": "rejected", "ground": "age_limit"}, {"reason_missing"}),
    ({"decision": "rejected", "reason": "逾齡"}, {"ground_missing"}),
    ({"decision": "rejected", "ground": "repeated_level", "reason": "重讀"}, {"ground_unfounded"}),
    ({"decision": "rejected", "ground": "age_limit", "reason": "  "}, {"reason_missing"}),
    ({"decision": "approved"}, {"override_reason_missing"}),
]


@pytest.mark.rule("RO-57", "RO-24")
@pytest.mark.parametrize("body, codes", REJECTIONS)
async def test_a_draft_that_cannot_stand_is_refused_with_every_reason(county, body, codes):
    # Born in 1992 he turned 33 in 2025: Art. 15-1-5 bars him from 1 January 2026.
    _, (entry,) = await county.opened(men(1, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7"))
    assert "age_limit" in {h["code"] for h in entry["hints"] if h["severity"] == "blocking"}
    answer = await county.patch(entry, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "draft_refused")
    assert {e["code"] for e in answer.json()["errors"]} == codes
    assert (await county.get(f"/entries/{entry['id']}"))["version"] == entry["version"]


@pytest.mark.rule("RO-57", "RO-24")
async def test_grounds_founded_unseen_and_overridden(county):
    rows = men(1, 3, birth_date="1992-05-05", level="doctoral", nominal_years="7")
    _, entries = await county.opened(rows)
    drafted: list[dict[str, Any]] = [
        {"decision": "rejected", "ground": "age_limit", "reason": "年逾33歲仍未畢業。"},
        {
            "decision": "rejected",
            "ground": "not_conscriptable",
            "ground_unseen": True,
            "reason": "經函查，該生已入營服役。",
        },
        {"decision": "approved", "override_reason": "出生年份登載錯誤，經戶政查明。"},
    ]
    for entry, body in zip(entries, drafted, strict=True):
        answer = await county.patch(entry, body)
        assert answer.status_code == 200, answer.text
        assert body.items() <= answer.json()["draft"].items()


@pytest.mark.rule("RO-57")
async def test_a_rejection_without_a_hint_is_refused(county):
    _, (entry,) = await county.opened(men(1, 1))
    answer = await county.patch(entry, {"decision": "rejected", "ground": "age_limit", "reason": "逾齡"})
    assert [e["code"] for e in answer.json()["errors"]] == ["ground_unfounded"]


@pytest.mark.rule("RO-56")
async def test_all_clean_entries_are_approved_in_one_call_and_no_other(county):
    rows = [*men(1, 3), *men(4, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7"), *men(5, 1)]
    roster_id, _ = await county.opened(rows, {6: {"status": "reservist"}})
    result = await county.approve_clean(roster_id)
    assert (result["changed"], result["refused"]) == (3, 0)
    assert [i["row_no"] for i in result["items"]] == [2, 3, 4]
    decided = {e["row_no"]: e["draft"]["decision"] for e in await county.entries(roster_id)}
    assert decided == {2: "approved", 3: "approved", 4: "approved", 5: None, 6: None}
    stale = await county.call(
        "POST",
        f"/rosters/{roster_id}/reviews",
        OFFICER,
        {"match": {"clean": True}, "set": {"decision": "approved"}},
        result["revision"] - 1,
    )
    assert stale.status_code == 412


@pytest.mark.rule("RO-18", "RO-56")
async def test_nobody_is_clean_before_the_registry_has_answered(county):
    roster_id = (await county.post(men(1, 2)))["63000"]
    await county.do(f"/rosters/{roster_id}/open")
    assert (await county.approve_clean(roster_id))["changed"] == 0
    assert {h["code"] for e in await county.entries(roster_id) for h in e["hints"]} == {"registry_pending"}


@pytest.mark.rule("RO-56", "RO-57")
async def test_bulk_by_hint_gives_a_result_for_each(county):
    old = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}
    roster_id, _ = await county.opened(men(1, 2, **old) + men(3, 1))
    change = {
        "match": {"hint": "age_limit"},
        "set": {"decision": "rejected", "ground": "repeated_level", "reason": "x"},
    }
    refused = await county.do(f"/rosters/{roster_id}/reviews", body=change, seen=await county.revision(roster_id))
    assert (refused["changed"], refused["refused"]) == (0, 2)
    assert {r["code"] for i in refused["items"] for r in i["refusals"]} == {"ground_unfounded"}
    change["set"]["ground"] = "age_limit"
    done = await county.do(f"/rosters/{roster_id}/reviews", body=change, seen=await county.revision(roster_id))
    assert (done["changed"], done["refused"]) == (2, 0)


@pytest.mark.rule("RO-42")
async def test_one_on_hold_stays_and_the_others_go_up(county):
    roster_id, entries = await county.opened(men(1, 3))
    await county.approve_clean(roster_id)
    held = await county.get(f"/entries/{entries[1]['id']}")
    assert (await county.patch(held, {"on_hold": True})).json()["state"] == "on_hold"
    batch = await county.submit(roster_id)
    assert (batch["headcount"], batch["state"]) == (2, "for_approval")
    states = [e["state"] for e in await county.entries(roster_id)]
    assert states == ["for_approval", "on_hold", "for_approval"]
    # A second batch of the same roster, with the next number.
    again = await county.get(f"/entries/{entries[1]['id']}")
    assert again["draft"]["decision_number"] == "府兵徵字第1150000002號"
    await county.patch(again, {"on_hold": False})
    second = await county.submit(roster_id)
    assert (second["headcount"], second["proposed_number"]) == (1, "府兵徵字第1150000002號")


@pytest.mark.rule("RO-42")
async def test_submitting_names_what_is_not_ready(county):
    roster_id, entries = await county.opened(men(1, 2))
    nothing = await county.call("POST", f"/rosters/{roster_id}/batches", OFFICER, {}, await county.revision(roster_id))
    assert (nothing.status_code, nothing.json()["code"]) == (422, "not_ready")
    named = await county.call(
        "POST",
        f"/rosters/{roster_id}/batches",
        OFFICER,
        {"entry_ids": [entries[0]["id"]]},
        await county.revision(roster_id),
    )
    assert [(e["code"], e["row"]) for e in named.json()["errors"]] == [("decision_missing", 2)]


@pytest.mark.rule("RO-21")
async def test_the_officers_own_finding_is_judged(county):
    _, (entry,) = await county.opened(men(1, 1))
    found = await county.patch(entry, {"enrolment_recognised": False})
    assert ("enrolment_not_recognised", "blocking") in [(h["code"], h["severity"]) for h in found.json()["hints"]]


@pytest.mark.rule("RO-32")
async def test_a_certificate_on_file_clears_the_induction_order(county):
    facts = {2: {"induction_order": {"number": "北徵字第1號", "dated_on": "2026-09-20"}}}
    _, (entry,) = await county.opened(men(1, 1), facts)
    assert "induction_order" in {h["code"] for h in entry["hints"]}
    cleared = await county.patch(entry, {"certificate_on": "2026-09-25"})
    assert "induction_order" not in {h["code"] for h in cleared.json()["hints"]}


@pytest.mark.rule("RO-43")
async def test_the_schools_contact_is_one_call_away(county):
    contact = {"name": "王美玲", "phone": "02-3366-2032", "email": "military@ntu.example.test"}
    await county.call("PUT", "/schools/0003/contact", NTU, contact)
    _, (entry,) = await county.opened(men(1, 1))
    assert contact.items() <= (await county.get(f"/entries/{entry['id']}/contact")).items()


@pytest.mark.rule("RO-35")
async def test_a_hint_explains_itself(county):
    _, (entry,) = await county.opened(men(1, 1, birth_date="1992-05-05", level="doctoral", nominal_years="7"))
    explained = (await county.get(f"/entries/{entry['id']}/hints"))["items"]
    told = next(h for h in explained if h["code"] == "age_limit")
    assert told["rule"] == "RO-24"
    assert told["last_day"] == "2025-12-31"
    assert told["citations"][0]["wording"] == "就讀前款以外學校年齡逾三十三歲仍未畢業。"
    assert told["law_version"] == "2019-07-26"


@pytest.mark.rule("RO-29")
async def test_an_entry_is_handed_to_the_right_county_with_its_day_of_arrival(county):
    facts = {2: {"household_county_code": "65000"}}
    roster_id, (entry,) = await county.opened(men(1, 1), facts)
    assert "household_elsewhere" in {h["code"] for h in entry["hints"]}
    body = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}
    wrong = await county.call(
        "POST", f"/entries/{entry['id']}/transfer", OFFICER, body | {"township_code": "63000030"}, entry["version"]
    )
    assert wrong.status_code == 422
    moved = await county.do(f"/entries/{entry['id']}/transfer", OFFICER, body, entry["version"])
    assert moved["received_on"] == "2026-10-01"
    assert (await county.get(f"/rosters/{roster_id}"))["state"] == "withdrawn"
    there = (await county.get("/rosters?state=pending", ELSEWHERE))["items"]
    assert [(r["headcount"], r["received_on"], r["school_code"]) for r in there] == [(1, "2026-10-01", "0003")]
    new = await county.get(f"/entries/{moved['new_entry_id']}", ELSEWHERE)
    assert (new["national_id"], new["state"], new["township"]) == (entry["national_id"], "received", "板橋區")
    assert (await county.call("GET", f"/entries/{moved['new_entry_id']}", OFFICER)).status_code == 404


SECRET_RULES = {"RO-22", "RO-27", "RO-29", "RO-30", "RO-32"}


async def test_a_school_sees_neither_the_registry_nor_the_drafts(county):
    facts = {
        2: {"status": "disqualified"},
        3: {"household_county_code": "65000"},
        4: {"induction_order": {"number": "1", "dated_on": "2026-09-20"}},
    }
    roster_id, entries = await county.opened(men(1, 3, prior_graduated_level="master"), facts)
    assert {h["rule"] for e in entries for h in e["hints"]} >= {"RO-22", "RO-29", "RO-30", "RO-32"}
    seen = await county.entries(roster_id, NTU)
    assert not SECRET_RULES & {h["rule"] for e in seen for h in e["hints"]}
    assert not {h["code"] for e in seen for h in e["hints"]} & {"registry_pending", "overseas_compatriot"}
    for entry in seen:
        hidden = ("registry", "draft", "approver_draft", "latest_deferment", "batch_id", "last_day")
        assert {entry[name] for name in hidden} == {None}
    assert seen[0]["national_id"] == entries[0]["national_id"]  # Its own students it sees in full.
    assert (await county.get(f"/rosters/{roster_id}", NTU))["proposed_number"] is None
    explained = (await county.get(f"/entries/{seen[0]['id']}/hints", NTU))["items"]
    assert not SECRET_RULES & {h["rule"] for h in explained}


@pytest.mark.rule("RO-29")
async def test_two_counties_hand_men_to_a_third_and_to_each_other_at_once(county):
    rows = [
        *men(1, 2),
        *men(10, 2, county_code="65000", township_code="65000010"),
    ]
    made = await county.post(rows)
    opened = {}
    for code, who in (("63000", OFFICER), ("65000", ELSEWHERE)):
        await county.do(f"/rosters/{made[code]}/open", who)
        opened[code] = (who, await county.entries(made[code], who))
    there = {"63000": "63000030", "65000": "65000010", "66000": "66000010"}

    def hand(code: str, n: int, to: str):
        who, entries = opened[code]
        body = {"county_code": to, "township_code": there[to], "reason": "戶籍已遷出"}
        return county.call("POST", f"/entries/{entries[n]['id']}/transfer", who, body, entries[n]["version"])

    third = await asyncio.gather(hand("63000", 0, "66000"), hand("65000", 0, "66000"))
    assert [a.status_code for a in third] == [200, 200], [a.text for a in third]
    crossed = await asyncio.gather(hand("63000", 1, "65000"), hand("65000", 1, "63000"))
    assert [a.status_code for a in crossed] == [200, 200], [a.text for a in crossed]
    third_county = bearer("case_officer", org="county:66000")
    listed = (await county.get("/rosters?state=pending", third_county))["items"]
    assert [r["headcount"] for r in listed] == [2]


@pytest.mark.rule("RO-29", "RO-51")
async def test_the_county_that_handed_a_man_on_sees_him_masked(county):
    roster_id, (entry,) = await county.opened(men(1, 1), {2: {"household_county_code": "65000"}})
    body = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}
    moved = await county.do(f"/entries/{entry['id']}/transfer", OFFICER, body, entry["version"])
    gone = await county.get(f"/entries/{entry['id']}")
    assert gone["state"] == "superseded"
    assert gone["national_id"] == mask_id(entry["national_id"])
    assert (gone["registry"], gone["latest_deferment"], gone["draft"]) == (None, None, None)
    # The village of the old household does not travel with him.
    new = await county.get(f"/entries/{moved['new_entry_id']}", ELSEWHERE)
    assert (entry["village"], new["village"]) == ("龍安里", None)
    assert (await county.get(f"/results/{roster_id}/entries"))["items"] == []
