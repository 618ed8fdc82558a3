"""What is brought together to judge a man: his other rosters, his deferments, the registry's word, the day."""

import uuid
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from roster.deferments.models import Deferment
from roster.hints.service import REJUDGE, Rejudge, announce, judge_entries
from roster.intake.models import Entry
from shared import clock, crypto, jobs
from shared.db import Context
from tests.roster.intake_corpus.files import cessation, extension, national_id, student
from tests.roster.test_submissions import owner
from tests.support import rosters
from tests.support.rosters import ADMIN, NTU, OFFICER, OTHER_SCHOOL, County, men

TAIPEI = Context("officer-1", "county", "63000")


async def codes(county: County, roster_id: str, who=OFFICER) -> list[set[str]]:
    """The codes of each entry's hints, in the order of the file."""
    return [{h["code"] for h in e["hints"]} for e in await county.entries(roster_id, who)]


async def plant_deferment(county: County, number: int, **changes) -> None:
    """A deferment that Taipei granted the man with the `number`th ID, at the other school."""
    values = {
        "id": uuid.uuid4(),
        "national_id": national_id(number),
        "national_id_index": crypto.ring().blind_index(national_id(number)),
        "school_code": "0025",
        "county_code": "63000",
        "township_code": "63000030",
        "level": "bachelor",
        "kind": "application",
        "decision_number": "府兵徵字第1140000007號",
        "issued_on": date(2025, 10, 20),
        "filed_on": date(2025, 10, 13),
        "deferred_from": date(2025, 10, 20),
        "deferred_until": date(2027, 6, 30),
        "summary": "",
        "version": 1,
        **changes,
    }
    async with county.service.database.transaction(TAIPEI) as session:
        await session.execute(insert(Deferment).values(values))


async def run_jobs(county: County, kind: str = REJUDGE) -> int:
    """Run the waiting jobs of one kind, as the worker would; how many there were."""
    database = county.service.database
    await owner(county, "UPDATE job SET run_at = now() + interval '1 hour' WHERE kind <> $1", kind)
    worker = jobs.Worker(database, "roster", {REJUDGE: Rejudge(database)})
    return await worker.run_once()


@pytest.mark.rule("RO-23", "RO-24", "RO-26", "RO-54")
async def test_an_entry_is_judged_as_it_arrives(county):
    rows = [student(1, birth_date="1992-12-31"), student(2, birth_date="1993-01-01", division="continuing")]
    roster_id = (await county.post(rows))["63000"]
    first, second = await county.entries(roster_id)
    assert [(h["code"], h["severity"], h["law_version"]) for h in first["hints"] if h["rule"] == "RO-24"] == [
        ("age_limit", "blocking", "2019-07-26")
    ]
    assert {h["code"] for h in second["hints"]} >= {"continuing_division", "deferment_capped", "registry_pending"}
    assert (first["last_day"], second["last_day"]) == ("2025-12-31", "2026-12-31")
    stored = await owner(
        county,
        "SELECT rule, severity, law_version FROM hint WHERE set_id = (SELECT hint_set FROM entry WHERE id = $1)",
        UUID(first["id"]),
    )
    assert {(h["rule"], h["severity"], h["law_version"]) for h in stored} >= {
        ("RO-24", "blocking", date(2019, 7, 26)),
        ("RO-18", "warning", date(2026, 1, 1)),
    }


@pytest.mark.rule("RO-20", "RO-21")
async def test_school_and_programme_are_those_of_the_day(county):
    programme = {"department": "資訊工程學系", "level": "bachelor", "effective_from": "2026-08-01"}
    listed = await county.call("POST", "/schools/0003/unrecognised-programmes", ADMIN, programme)
    assert listed.status_code == 201, listed.text
    closed = {"registered": False, "registered_from": "2026-09-30"}
    assert (await county.call("PATCH", "/schools/0003", ADMIN, closed, 1)).status_code == 200
    rows = [student(1, birth_date="2006-03-04"), student(2, birth_date="2006-03-04", department="電機工程學系")]
    roster_id = (await county.post(rows))["63000"]
    found = await codes(county, roster_id)
    assert {"school_not_registered", "enrolment_not_recognised"} <= found[0]
    assert "school_not_registered" in found[1]
    assert "enrolment_not_recognised" not in found[1]
    assert {"school_not_registered", "enrolment_not_recognised"} <= (await codes(county, roster_id, NTU))[0]


@pytest.mark.rule("RO-27")
async def test_a_deferment_at_another_school_is_known_and_not_told_to_schools(county):
    await plant_deferment(county, 1)
    await plant_deferment(county, 2, revoked_on=date(2026, 6, 30), ended_reason="withdrew")
    roster_id = (await county.post(men(1, 2)))["63000"]
    with_one, without = await county.entries(roster_id)
    told = [h for h in with_one["hints"] if h["code"] == "active_elsewhere"]
    assert [(h["severity"], h["values"]["other_school"], h["values"]["decision_number"]) for h in told] == [
        ("warning", "國立臺北科技大學", "府兵徵字第1140000007號")
    ]
    assert "active_elsewhere" not in {h["code"] for h in without["hints"]}
    assert (await codes(county, roster_id, NTU)) == [set(), set()]


@pytest.mark.rule("RO-22")
async def test_a_deferment_that_ended_by_graduation_counts_as_a_degree(county):
    ended = {"revoked_on": date(2026, 6, 30), "ended_reason": "graduated"}
    await plant_deferment(county, 1, **ended)
    await plant_deferment(county, 2, level="senior_high", **ended)
    await plant_deferment(county, 3, level=None, **ended)
    roster_id = (await county.post(men(1, 3)))["63000"]
    assert ["repeated_level" in found for found in await codes(county, roster_id)] == [True, False, False]
    assert (await codes(county, roster_id, NTU)) == [set()] * 3


@pytest.mark.rule("RO-27")
async def test_extension_and_cessation_need_a_deferment_of_their_own_school(county):
    await plant_deferment(county, 1, school_code="0003")
    await plant_deferment(county, 2)
    rows = [extension(n, birth_date="2006-03-04", extended_until="2027-01-31") for n in (1, 2, 3)]
    roster_id = (await county.post(rows, "extension"))["63000"]
    missing = ["no_active_deferment" in found for found in await codes(county, roster_id)]
    assert missing == [False, True, True]
    left = [cessation(n, birth_date="2006-03-04") for n in (1, 2)]
    roster_id = (await county.post(left, "cessation"))["63000"]
    assert ["no_active_deferment" in found for found in await codes(county, roster_id)] == [False, True]
    assert [e["last_day"] for e in await county.entries(roster_id)] == [None, None]


@pytest.mark.rule("RO-27")
async def test_both_rosters_of_one_man_come_to_say_so(county):
    first = (await county.post(men(1, 3)))["63000"]
    seen = await county.revision(first)
    second = (await county.post(men(3, 2), who=OTHER_SCHOOL))["63000"]
    # The new one is judged at once; the other when the worker comes to it.
    assert ["in_other_roster" in found for found in await codes(county, second)] == [True, False]
    assert ["in_other_roster" in found for found in await codes(county, first)] == [False, False, False]
    assert await run_jobs(county) == 1
    assert ["in_other_roster" in found for found in await codes(county, first)] == [False, False, True]
    hint = next(h for h in (await county.entries(first))[2]["hints"] if h["code"] == "in_other_roster")
    assert (hint["values"]["other_school"], hint["values"]["roster"]) == ("國立臺北科技大學", second)
    assert await county.revision(first) == seen + 1
    for roster_id, who in ((first, NTU), (second, OTHER_SCHOOL)):
        assert not any("in_other_roster" in found for found in await codes(county, roster_id, who))


@pytest.mark.rule("RO-27")
async def test_a_job_that_changes_no_hint_changes_no_roster(county):
    first = (await county.post(men(1, 1)))["63000"]
    await county.post(men(1, 1), who=OTHER_SCHOOL)
    await run_jobs(county)
    seen = await county.revision(first)
    async with county.service.database.transaction(TAIPEI) as session:
        await announce(session, [UUID(e["id"]) for e in await county.entries(first)])
    assert await run_jobs(county) == 1
    assert await county.revision(first) == seen
    assert not await owner(county, "SELECT 1 FROM job WHERE kind = $1 AND state <> 'done'", REJUDGE)


@pytest.mark.rule("RO-27")
async def test_the_same_man_on_two_rosters_of_one_school(county):
    await county.post(men(1, 1))
    left = (await county.post([cessation(1, birth_date="2006-03-04")], "cessation"))["63000"]
    assert "in_other_roster" in (await codes(county, left))[0]


@pytest.mark.rule("RO-21", "RO-32")
async def test_what_the_officer_found_counts(county):
    ordered = {"induction_order": {"number": "北市徵字第1號", "dated_on": "2026-09-01"}}
    _, entries = await county.opened(men(1, 1), {2: ordered})
    assert "induction_order" in {h["code"] for h in entries[0]["hints"]}
    changed = await county.patch(entries[0], {"certificate_on": "2026-09-15", "enrolment_recognised": False})
    assert changed.status_code == 200, changed.text
    found = {h["code"] for h in changed.json()["hints"]}
    assert "induction_order" not in found
    assert "enrolment_not_recognised" in found
    again = await county.patch(changed.json(), {"enrolment_recognised": True})
    assert "enrolment_not_recognised" not in {h["code"] for h in again.json()["hints"]}


@pytest.mark.rule("RO-18", "RO-29", "RO-30", "RO-31", "RO-33", "RO-34")
async def test_the_registrys_answer_is_judged_and_hidden_from_the_school(county):
    facts = {
        2: {"status": "reservist", "birth_date": "2006-03-04"},
        3: {"household_county_code": "65000", "household_since": "2026-08-01", "birth_date": "2006-03-05"},
        4: {"overseas_compatriot": True, "volunteer_training": True},
        5: {"status": "a status of next year", "birth_date": "2006-03-04"},
    }
    roster_id, _ = await county.opened(men(1, 4), facts)
    found = await codes(county, roster_id)
    assert "not_liable" in found[0]
    assert {"household_elsewhere", "birth_date_differs"} <= found[1]
    assert {"overseas_compatriot", "training_volunteer"} <= found[2]
    assert "registry_incomplete" in found[3]
    assert not any("registry_pending" in one for one in found)
    assert await codes(county, roster_id, NTU) == [set()] * 4


@pytest.mark.rule("RO-14", "RO-33")
async def test_judging_is_of_its_day(county, monkeypatch, tmp_path):
    roster_id = (await county.post([student(1, birth_date="1993-05-05"), student(2, birth_date="2008-01-01")]))["63000"]
    assert ["age_limit" in found for found in await codes(county, roster_id)] == [False, False]
    assert ["not_yet_draftee" in found for found in await codes(county, roster_id)] == [False, True]
    ids = [UUID(e["id"]) for e in await county.entries(roster_id)]
    rosters.set_today(monkeypatch, tmp_path, date(2027, 1, 1))
    async with county.service.database.transaction(TAIPEI) as session:
        judged = await judge_entries(session, ids, today=clock.today())
    assert judged.changed == set(ids)
    assert ["age_limit" in found for found in await codes(county, roster_id)] == [True, False]
    assert ["not_yet_draftee" in found for found in await codes(county, roster_id)] == [False, False]


@pytest.mark.rule("RO-28")
async def test_a_deadline_moved_afterwards_makes_nobody_late(county):
    roster_id = (await county.post(men(1, 1)))["63000"]
    moved = await county.call("PUT", "/terms/115/1", NTU, {"registration_deadline": "2026-07-15"})
    assert moved.status_code == 200
    ids = [UUID(e["id"]) for e in await county.entries(roster_id)]
    async with county.service.database.transaction(TAIPEI) as session:
        judged = await judge_entries(session, ids, today=clock.today())
    assert judged.changed == set()
    assert (await codes(county, roster_id)) == [{"registry_pending"}]


@pytest.mark.rule("RO-54")
async def test_a_decided_entry_keeps_the_hints_it_was_decided_under(county):
    roster_id, batch = await county.up(1)
    before = await codes(county, roster_id)
    await county.do(f"/batches/{batch['id']}/decide", rosters.APPROVER, seen=batch["version"])
    ids = [UUID(e["id"]) for e in await county.entries(roster_id)]
    async with county.service.database.transaction(TAIPEI) as session:
        judged = await judge_entries(session, ids, today=date(2040, 1, 1))
    assert judged.changed == set()
    assert await codes(county, roster_id) == before


@pytest.mark.rule("RO-17")
async def test_judging_goes_by_the_id_and_leaves_a_trace(county):
    """Neither name nor date nor student number leads to a man; and every look across the walls is audited."""
    await county.post(men(1, 1))
    namesake = [student(2, birth_date="2006-03-04", student_no="B00000001")]
    other = (await county.post(namesake, who=OTHER_SCHOOL))["63000"]
    assert "in_other_roster" not in (await codes(county, other))[0]
    trace = await owner(county, "SELECT sub, org_code, data FROM audit_entry WHERE action = 'purpose.judge'")
    assert {(t["sub"], t["org_code"]) for t in trace} == {
        ("school@school:0003", "0003"),
        ("school@school:0025", "0025"),
    }


async def test_the_purpose_ends_with_the_judging(county):
    """Afterwards the session is the school's again: no look at others' rows is left behind."""
    await county.post(men(1, 1), who=OTHER_SCHOOL)
    mine = (await county.post(men(2, 1)))["63000"]
    ids = [UUID(e["id"]) for e in await county.entries(mine)]
    async with county.service.database.transaction(Context("school", "school", "0003")) as session:
        await judge_entries(session, ids, today=clock.today())
        assert await session.scalar(text("SELECT count(*) FROM entry")) == 1
        assert await session.scalar(text("SELECT count(*) FROM hint WHERE NOT visible_to_school")) == 0
        assert (await session.get_one(Entry, ids[0])).last_day == date(2039, 12, 31)
