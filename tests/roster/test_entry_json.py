"""An entry as the database writes it for its county is what the review's own mapping says of it (docs/adr/0066)."""

from typing import Any

import pytest
from sqlalchemy import null

from roster.review import entry_json
from roster.review.service import read_now, review_entry
from tests.roster.test_decision_corrections import decide, decided, take_up
from tests.roster.test_preview import REJECTED
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, County, men

pytestmark = pytest.mark.rule("RO-55", "RO-60")

# What JSON escapes, what pydantic and PostgreSQL might not write alike, and characters of other planes.
WORDS = '引號" 反斜線\\ 斜線/ \t 換行\n \u2028 \x7f 𡘙 😀 \ue000 é'


async def told_alike(county: County, roster_id: str, query: str = "") -> list[dict[str, Any]]:
    """The entries of a roster, each and on their page told as by the mapping: that answers for a version, and why."""
    path = f"/rosters/{roster_id}/entries?limit=200{query}"
    version = (await county.get(f"/rosters/{roster_id}"))["version"]
    page, mapped = await county.get(path), await county.get(f"{path}&version={version}")
    apart = [
        {member: (one[member], other[member]) for member in one if one[member] != other[member]}
        for one, other in zip(page["items"], mapped["items"], strict=True)
    ]
    assert [found for found in apart if found] == []
    assert page["items"] == mapped["items"]
    for entry in page["items"]:
        alone = await county.call("GET", f"/entries/{entry['id']}", OFFICER)
        why = await county.get(f"/entries/{entry['id']}?explain=true")
        assert alone.json() == entry == why | {"deadline_explained": None}
        assert alone.headers["ETag"] == f'"{entry["version"]}"'
        assert alone.headers["Content-Type"] == "application/json"
    items: list[dict[str, Any]] = page["items"]
    return items


async def every_state(county: County) -> str:
    """A roster with a man in each state that a review can bring him to, and much written of him; its id."""
    rows = [*men(1, 7), *men(8, 1, remarks="備註、頓號", village="龍安里")]
    # By row number; the first man stands in the second row.
    facts: dict[int, dict[str, Any]] = {3: {"status": "reservist"}, 4: {"volunteer_training": True}}
    roster_id, entries = await county.opened(rows, facts)
    await county.approve_clean(roster_id)
    for man, body in (
        (1, REJECTED | {"reason": WORDS}),
        (2, {"decision": "approved", "override_reason": WORDS, "annotation_text": WORDS, "issued_on": "2026-10-02"}),
        (5, {"on_hold": True, "certificate_on": "2026-09-30", "enrolment_recognised": True}),
        (6, {"decision_number": None, "review_remarks": WORDS}),
    ):
        entry = await county.get(f"/entries/{entries[man]['id']}")
        answer = await county.patch(entry, body)
        assert answer.status_code == 200, answer.text
    ids = [entries[man]["id"] for man in (0, 1, 2, 3)]
    batch = await county.submit(roster_id, entry_ids=ids)
    up = await county.get(f"/entries/{ids[3]}")
    assert (await county.patch(up, {"review_remarks": WORDS, "deferment_until": None}, APPROVER)).status_code == 200
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    returned = {"reason": WORDS, "entry_ids": [ids[3]]}
    await county.do(f"/batches/{batch['id']}/return", APPROVER, returned, seen=version)
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=version)
    first = await county.get(f"/entries/{ids[0]}")
    assert (await take_up(county, first, REJECTED)).status_code == 200
    there = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍已遷出"}
    gone = await county.get(f"/entries/{entries[7]['id']}")
    await county.do(f"/entries/{gone['id']}/transfer", OFFICER, there, seen=gone["version"])
    return roster_id


async def test_in_every_state_the_database_writes_what_the_mapping_says(county: County):
    roster_id = await every_state(county)
    items = await told_alike(county, roster_id)
    # All of it is there to be compared: what was decided, returned, corrected, handed on, and words of every kind.
    assert {one["state"] for one in items} >= {"in_review", "on_hold", "decided", "superseded"}
    for member in ("decision", "returned", "correction", "latest_deferment", "approver_draft", "registry", "draft"):
        assert any(one[member] is not None for one in items), member
        assert any(one[member] is None for one in items) or member in ("draft", "registry"), member
    assert any(one["hints"] for one in items)
    assert any(one["decision"] and one["decision"]["remedy"] for one in items)
    assert any(one["draft"] and one["draft"]["review_remarks"] == WORDS for one in items)
    assert [one["national_id"].count("*") for one in items if one["state"] == "superseded"] == [4]


@pytest.mark.parametrize(
    "query",
    ["", "&state=in_review", "&hint=reservist", "&severity=blocking", "&township_code=63000010", "&sort=-state",
     "&state=decided&severity=info&sort=name", "&township_code=63000120"],
)  # fmt: skip
async def test_a_search_finds_the_same_either_way(county: County, query: str):
    roster_id = await every_state(county)
    await told_alike(county, roster_id, query)


@pytest.mark.parametrize("fraction", ["", ".000001", ".120000", ".999999", ".5"])
async def test_an_instant_is_written_alike_whatever_its_fraction(county: County, fraction: str):
    roster_id, _ = await county.opened(men(1, 1))
    at = f"2026-10-01 08:00:00{fraction}+08"
    await owner(county, f"UPDATE registry_fact SET as_of = '{at}'")
    (entry,) = await told_alike(county, roster_id)
    assert entry["registry"]["as_of"].startswith("2026-10-01T00:00:00")


async def test_a_decision_that_is_corrected_stays_told_alike(county: County):
    roster_id, entry = await decided(county, men(1, 1))
    assert (await take_up(county, entry, REJECTED)).status_code == 200
    await told_alike(county, roster_id)
    await decide(county, roster_id)
    (after,) = await told_alike(county, roster_id)
    assert after["decision"]["corrects"] == entry["decision"]["id"]


async def test_whose_it_is_not_finds_nothing_either_way(county: County):
    roster_id, (entry,) = await county.opened(men(1, 1))
    for path in (
        f"/entries/{entry['id']}",
        f"/rosters/{roster_id}/entries",
        f"/rosters/{roster_id}/entries?state=decided",
    ):
        answer = await county.call("GET", path, ELSEWHERE)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await county.call("GET", path, {})).status_code == 401
    assert (await county.get(f"/rosters/{roster_id}/entries?state=decided"))["items"] == []
    # A school is answered by the mapping, which shows it less.
    assert (await county.get(f"/entries/{entry['id']}", NTU))["registry"] is None


async def test_control_a_member_that_is_written_otherwise_is_found(county: County, monkeypatch: pytest.MonkeyPatch):
    roster_id, _ = await county.opened(men(1, 1))
    monkeypatch.setattr(entry_json, "_registry", lambda _entry: null())
    _forget()
    try:
        with pytest.raises(AssertionError):
            await told_alike(county, roster_id)
    finally:
        monkeypatch.undo()
        _forget()
    await told_alike(county, roster_id)


def _forget() -> None:
    for compiled in (read_now._shown, read_now._shown_alone, review_entry._write_one):
        compiled.cache_clear()
