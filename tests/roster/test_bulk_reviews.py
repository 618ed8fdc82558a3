"""RO-56 across rosters: one draft for what matches in many, a result for each roster and each man."""

import asyncio
import uuid
from typing import Any

import pytest

from tests.support.rosters import APPROVER, ELSEWHERE, OFFICER, OFFICER_2, County, men

pytestmark = pytest.mark.rule("RO-56")

APPROVE = {"match": {"clean": True}, "set": {"decision": "approved"}}


async def seen(county: County, *roster_ids: str) -> list[dict[str, Any]]:
    """The rosters as they are now, for the body of a call."""
    return [{"roster_id": one, "revision": await county.revision(one)} for one in roster_ids]


async def drafts(county: County, roster_id: str) -> list[str | None]:
    return [e["draft"]["decision"] for e in await county.entries(roster_id)]


async def test_all_clean_ones_of_several_rosters_at_once(county):
    first, _ = await county.opened(men(1, 3), {3: {"status": "reservist"}})
    second, _ = await county.opened(men(10, 2))
    told = await county.do("/reviews", body={**APPROVE, "rosters": await seen(county, second, first)})
    assert (told["changed"], told["refused"]) == (4, 0)
    assert [(r["roster_id"], r["outcome"], r["changed"]) for r in told["rosters"]] == [
        (second, "reviewed", 2),
        (first, "reviewed", 2),
    ]
    assert [[i["row_no"] for i in r["items"]] for r in told["rosters"]] == [[2, 3], [2, 4]]
    assert await drafts(county, first) == ["approved", None, "approved"]
    assert await drafts(county, second) == ["approved", "approved"]
    # What is told is what the next change must have seen.
    for roster in told["rosters"]:
        assert roster["revision"] == await county.revision(roster["roster_id"])
        for item in roster["items"]:
            entry = await county.get(f"/entries/{item['entry_id']}")
            assert entry["version"] == item["version"]


async def test_a_roster_that_somebody_changed_is_left_alone_and_told(county):
    first, entries = await county.opened(men(1, 2))
    second, _ = await county.opened(men(10, 2))
    rosters = await seen(county, first, second)
    await county.patch(entries[0], {"review_remarks": "待電洽學校"}, OFFICER_2)
    told = await county.do("/reviews", body={**APPROVE, "rosters": rosters})
    assert [(r["outcome"], r["changed"], r["items"]) for r in told["rosters"][:1]] == [("changed_since", 0, [])]
    assert told["rosters"][0]["revision"] == await county.revision(first) != rosters[0]["revision"]
    assert (told["rosters"][1]["outcome"], told["changed"]) == ("reviewed", 2)
    assert await drafts(county, first) == [None, None]


async def test_by_hint_each_man_has_his_own_refusal(county):
    old = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}
    first, _ = await county.opened([*men(1, 1, **old), *men(2, 1)])
    second, _ = await county.opened(men(10, 2, **old))
    body = {"match": {"hint": "age_limit"}, "set": {"decision": "rejected", "ground": "repeated_level", "reason": "x"}}
    told = await county.do("/reviews", body={**body, "rosters": await seen(county, first, second)})
    assert (told["changed"], told["refused"]) == (0, 3)
    codes = {r["code"] for roster in told["rosters"] for item in roster["items"] for r in item["refusals"]}
    assert codes == {"ground_unfounded"}
    body["set"]["ground"] = "age_limit"
    told = await county.do("/reviews", body={**body, "rosters": await seen(county, first, second)})
    assert (told["changed"], told["refused"]) == (3, 0)


async def test_who_is_on_hold_or_up_is_not_touched(county):
    roster_id, entries = await county.opened(men(1, 3))
    await county.patch(entries[0], {"on_hold": True})
    await county.patch(entries[1], {"decision": "approved"})
    await county.submit(roster_id, entry_ids=[entries[1]["id"]])
    told = await county.do("/reviews", body={**APPROVE, "rosters": await seen(county, roster_id)})
    assert [item["entry_id"] for item in told["rosters"][0]["items"]] == [entries[2]["id"]]


async def test_another_county_s_roster_stops_it_all_and_says_nothing(county):
    mine, _ = await county.opened(men(1, 1))
    theirs = (await county.post(men(10, 1, county_code="65000", township_code="65000010")))["65000"]
    before = await county.revision(mine)
    answers = []
    for other in (theirs, str(uuid.uuid4())):
        rosters = [*await seen(county, mine), {"roster_id": other, "revision": 1}]
        answers.append(await county.call("POST", "/reviews", OFFICER, {**APPROVE, "rosters": rosters}))
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert await county.revision(mine) == before
    assert (await county.call("POST", "/reviews", ELSEWHERE, {**APPROVE, "rosters": rosters[:1]})).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"rosters": []},
        {"match": {"clean": True, "hint": "age_limit"}},
        {"match": {}},
        {"match": {"entry_ids": [str(uuid.uuid4())]}},
        {"set": {"on_hold": True}},
    ],
)
async def test_what_is_not_meant_is_refused(county, change):
    roster_id, _ = await county.opened(men(1, 1))
    body = {**APPROVE, "rosters": await seen(county, roster_id), **change}
    assert (await county.call("POST", "/reviews", OFFICER, body)).status_code == 422
    assert await drafts(county, roster_id) == [None]


async def test_a_roster_named_twice_is_refused(county):
    roster_id, _ = await county.opened(men(1, 1))
    twice = [{"roster_id": roster_id, "revision": n} for n in (1, 2)]
    assert (await county.call("POST", "/reviews", OFFICER, {**APPROVE, "rosters": twice})).status_code == 422


async def test_approvers_do_not_review_in_bulk(county):
    roster_id, _ = await county.opened(men(1, 1))
    body = {**APPROVE, "rosters": await seen(county, roster_id)}
    assert (await county.call("POST", "/reviews", APPROVER, body)).status_code == 403


@pytest.mark.rule("RO-47")
async def test_reviewing_one_man_while_all_are_reviewed(county):
    """Raced for real: whoever comes second had not seen the first, is told so, and has written nothing."""
    roster_id, _ = await county.opened(men(1, 4))
    for n in range(12):
        revision = await county.revision(roster_id)
        man = (await county.entries(roster_id))[n % 4]
        bulk_says, one_says = f"整批第{n}次", f"單筆第{n}次"
        bulk = {"match": {"clean": True}, "set": {"review_remarks": bulk_says}}
        calls = [
            county.call("POST", f"/rosters/{roster_id}/reviews", OFFICER, bulk, revision),
            county.call("PATCH", f"/entries/{man['id']}", OFFICER_2, {"review_remarks": one_says}, man["version"]),
        ]
        answers = await asyncio.gather(*(calls if n % 2 else calls[::-1]))
        all_, one = answers if n % 2 else answers[::-1]
        assert sorted((all_.status_code, one.status_code)) == [200, 412]
        lost = all_ if all_.status_code == 412 else one
        assert lost.json()["code"] == "version_mismatch"
        said = [e["draft"]["review_remarks"] for e in await county.entries(roster_id)]
        if one.status_code == 200:
            assert said[n % 4] == one_says
            assert bulk_says not in said
        else:
            assert said == [bulk_says] * 4


@pytest.mark.rule("RO-47")
async def test_two_officers_review_the_same_rosters_at_once(county):
    """In opposite orders, so that a lock taken in the body's order would be a deadlock."""
    first, _ = await county.opened(men(1, 2))
    second, _ = await county.opened(men(10, 2))
    for _ in range(4):
        rosters = await seen(county, first, second)
        bodies = [{**APPROVE, "rosters": rosters}, {**APPROVE, "rosters": rosters[::-1]}]
        answers = await asyncio.gather(
            *(
                county.call("POST", "/reviews", who, body)
                for who, body in zip((OFFICER, OFFICER_2), bodies, strict=True)
            )
        )
        told = [{r["roster_id"]: r["outcome"] for r in a.json()["rosters"]} for a in answers]
        assert [a.status_code for a in answers] == [200, 200]
        for roster_id in (first, second):
            assert sorted(t[roster_id] for t in told) == ["changed_since", "reviewed"]
