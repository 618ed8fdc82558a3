"""A man who changed schools, or whose school reports twice or late: what our books and the registry say of him."""

import asyncpg
import pytest

from tests.roster.intake_corpus.files import national_id
from tests.roster.test_registry_delivery import decided, on_leave, one_term
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, NTU, OTHER_SCHOOL, County, men

BOOKS = (
    "SELECT school_code, deferred_until::text, revoked_on::text, ended_reason FROM deferment"
    " ORDER BY created_at, school_code"
)


async def from_school(county: County, who, rows, kind: str = "application", override: str | None = None):
    """As `decided`, for any school; the hints' codes and the entries as they were decided."""
    roster_id = (await county.post(rows, kind, who))["63000"]
    await county.answered(roster_id)
    await county.do(f"/rosters/{roster_id}/open")
    entries = await county.entries(roster_id)
    codes = {h["code"] for entry in entries for h in entry["hints"]}
    for entry in entries:
        draft = {"decision": "approved"} | ({"override_reason": override} if override else {})
        answer = await county.patch(entry, draft)
        assert answer.status_code == 200, answer.text
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    return codes, await county.entries(roster_id)


async def books(county: County):
    return [tuple(row.values()) for row in await owner(county, BOOKS)]


@pytest.mark.rule("RO-49", "RO-27")
async def test_a_transferred_man_is_not_called_when_his_old_school_reports_him(county, registry, worker):
    """Art. 14(3): the reapplication of the new school takes the place of the old school's deferment."""
    await decided(county, men(1, 1))
    await from_school(county, OTHER_SCHOOL, men(1, 1), "reapplication")
    assert await books(county) == [
        ("0003", "2028-06-30", "2026-10-01", "superseded"),
        ("0025", "2028-06-30", None, None),
    ]
    await worker.settle()
    before = (await registry.annotations())[national_id(1)]["annotation"]
    codes, (entry,) = await from_school(county, NTU, [on_leave(1)], "cessation")
    assert {"no_active_deferment", "active_elsewhere"} <= codes
    assert entry["decision"]["annotation_action"] == "none"
    await worker.settle()
    held = (await registry.annotations())[national_id(1)]
    assert held["annotation"] == before
    assert (before["school_code"], before["liable_for_induction"], before["revoked_on"]) == ("0025", False, None)
    assert (await books(county))[1] == ("0025", "2028-06-30", None, None)


@pytest.mark.rule("RO-49", "RO-51")
async def test_of_two_enrolments_one_ends(county, registry, worker):
    await decided(county, men(1, 1))
    codes, _ = await from_school(county, OTHER_SCHOOL, men(1, 1))
    assert "active_elsewhere" in codes
    codes, (entry,) = await from_school(county, NTU, [on_leave(1)], "cessation")
    assert "active_elsewhere" in codes
    assert "no_active_deferment" not in codes
    assert entry["decision"]["annotation_action"] == "none"
    assert await books(county) == [
        ("0003", "2026-10-01", "2026-10-01", "on_leave"),
        ("0025", "2028-06-30", None, None),
    ]
    await worker.settle()
    held = (await registry.annotations())[national_id(1)]["annotation"]
    assert (held["school_code"], held["revoked_on"], held["liable_for_induction"]) == ("0025", None, False)
    # The township hears what our books say, though the annotation was left alone.
    reports = [r["data"] for r in await registry.reports() if r["data"]["kind"] == "cessation"]
    assert [(r["revoked_on"], r["deferment_until"]) for r in reports] == [("2026-10-01", "2026-10-01")]
    # The second school's cessation is the last one: now he is liable.
    await from_school(county, OTHER_SCHOOL, [on_leave(1)], "cessation")
    await worker.settle()
    held = (await registry.annotations())[national_id(1)]["annotation"]
    assert (held["school_code"], held["revoked_on"], held["liable_for_induction"]) == ("0025", "2026-10-01", True)


@pytest.mark.rule("RO-49")
async def test_one_school_grants_twice_and_ends_once_and_revives(county, registry, worker):
    await decided(county, men(1, 1))
    codes, _ = await from_school(county, NTU, men(1, 1, remarks="再送"))
    assert "already_active_here" in codes
    assert [row[2:] for row in await books(county)] == [("2026-10-01", "superseded"), (None, None)]
    await decided(county, [on_leave(1)], "cessation")
    again = await decided(county, [on_leave(1) | {"remarks": "再送"}], "cessation")
    assert again[0]["decision"]["annotation_action"] == "none"
    liable = await owner(county, "SELECT count(*) AS n FROM deferment_change WHERE liable_for_induction")
    assert liable[0]["n"] == 1
    await decided(county, [one_term(1, "2026-10-05")], "extension")
    assert [row[1:] for row in await books(county)] == [
        ("2028-06-30", "2026-10-01", "superseded"),
        ("2026-10-05", None, None),
    ]
    # An extension to an earlier day than he has already changes nothing of it.
    await decided(county, [one_term(1, "2026-10-02")], "extension")
    assert (await books(county))[1] == ("0003", "2026-10-05", None, None)


@pytest.mark.rule("RO-49")
async def test_two_deferments_of_one_school_end_together(county):
    """As they may stand in the books of before; since then a second grant supersedes the first."""
    await decided(county, men(1, 1))
    await decided(county, men(1, 1, remarks="再送"))
    await owner(county, "UPDATE deferment SET revoked_on = NULL, ended_reason = NULL")
    await decided(county, [on_leave(1)], "cessation")
    assert await books(county) == [("0003", "2026-10-01", "2026-10-01", "on_leave")] * 2


@pytest.mark.rule("RO-49", "RO-27")
async def test_a_cessation_of_before_the_deferment_needs_a_reason_and_ends_nothing(county):
    await decided(county, men(1, 1))
    late = on_leave(1) | {"left_on": "2026-09-30"}
    codes, (entry,) = await from_school(county, NTU, [late], "cessation", override="學校補報前一學籍之休學。")
    assert "left_before_deferment" in codes
    assert entry["decision"]["annotation_action"] == "none"
    assert await books(county) == [("0003", "2028-06-30", None, None)]


@pytest.mark.rule("RO-49")
async def test_who_left_between_filing_and_decision_is_revoked_as_of_that_day(county):
    await decided(county, men(1, 1))
    await owner(county, "UPDATE deferment SET filed_on = '2026-09-20'")
    codes, (entry,) = await from_school(county, NTU, [on_leave(1) | {"left_on": "2026-09-30"}], "cessation")
    assert "left_before_deferment" not in codes
    assert entry["decision"]["annotation_action"] == "modify"
    assert await books(county) == [("0003", "2026-10-01", "2026-09-30", "on_leave")]


@pytest.mark.rule("RO-49")
async def test_the_books_take_no_deferment_that_ends_before_it_starts(county):
    await decided(county, men(1, 1))
    await owner(county, "UPDATE deferment SET deferred_until = deferred_from")
    with pytest.raises(asyncpg.CheckViolationError, match="ck_deferment_period"):
        await owner(county, "UPDATE deferment SET deferred_until = deferred_from - 1")
