"""roster's fixtures: A is National Taiwan University (0003) and Taipei (63000); New Taipei and 0025 have their own."""

from typing import Any

import asyncpg

from local.databases import plain
from tests.contracts.walls import people
from tests.contracts.walls.rows import Row, World
from tests.roster.corrections import correct
from tests.roster.intake_corpus.files import extension, to_csv
from tests.support import cases, rosters
from tests.support.report_jobs import ask, work
from tests.support.rosters import ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, SCHOOLS, County, men
from tests.support.services import Service

CALENDAR = (
    "西元日期,星期,是否放假,備註\n20270101,五,2,開國紀念日\n20270102,六,2,\n20270103,日,2,\n20270104,一,0,\n"
).encode()
_ROSTER = {"roster_id": "{roster}"}
_ENTRY = {"entry_id": "{entry}"}
_BATCH = {"batch_id": "{batch}"}
_SCHOOL = {"school_code": "0003"}
_NO_SCHOOL = {"school_code": "9999"}
_CONTACT = {"name": "王美玲", "phone": "02-3366-2032", "email": "military@ntu.example.test"}
_PLACE = {"county_code": "66000", "township_code": "66000010", "reason": "戶籍在臺中市"}
_THERE = {"county_code": "65000", "township_code": "65000010"}
_LIST = "the Ministry of Education's list of schools is one for the country and the administrator's to keep"

ROWS: dict[str, Row] = {
    "import_schools": Row("national", "admin", content=SCHOOLS.encode(), media="text/csv", why=_LIST),
    "list_schools": Row("national", "school", why=_LIST),
    "get_school": Row("national", "school", path=_SCHOOL, why=_LIST),
    "change_school": Row(
        "national", "admin", path=_SCHOOL, body={"school_kind": "university"}, seen="{school_version}", why=_LIST
    ),
    "set_school_contact": Row("item", "school", path=_SCHOOL, absent=_NO_SCHOOL, body=_CONTACT),
    "add_unrecognised_programme": Row(
        "national", "admin", 201, path=_SCHOOL,
        body={"department": "占星學系", "level": "bachelor", "effective_from": "2026-08-01"}, why=_LIST,
    ),
    "set_term": Row(
        "own", "school", path={"academic_year": "115", "term": "2"}, body={"registration_deadline": "2027-02-20"},
        witness="/roster/v1/terms",
    ),
    "list_terms": Row("list", "school", shows=("own_deadline",)),
    "import_calendar": Row(
        "national", "admin", path={"year": "2027"}, content=CALENDAR, media="text/csv",
        why="the government's office calendar is one for the country",
    ),
    "submit_roster": Row(
        "own", "school", 201, query="?kind=application&academic_year=115&term=1", content=to_csv(men(900, 2)).encode(),
        media="text/csv", witness="/roster/v1/rosters",
    ),
    "get_template": Row(
        "national", "school", path={"kind": "application"}, why="an empty form is the same for every school"
    ),
    "get_submission": Row("item", "school", path={"submission_id": "{submission}"}),
    "correct_roster": Row(
        "item", "school", path={"roster_id": "{roster}"}, seen="1", content=to_csv(men(1, 4)).encode(), media="text/csv"
    ),
    "withdraw_roster": Row("item", "school", path={"roster_id": "{unsent}"}, seen="1"),
    "list_roster_versions": Row("item", "case_officer", path={"roster_id": "{corrected}"}),
    "list_roster_history": Row("item", "case_officer", path=_ROSTER),
    "list_entry_history": Row("item", "case_officer", path=_ENTRY),
    "get_deferment": Row("item", "case_officer", path={"deferment_id": "{deferment}"}),
    "list_deferment_history": Row("item", "approver", path={"deferment_id": "{deferment}"}),
    "list_rosters": Row("list", "case_officer", shows=("roster", "decided_roster")),
    "get_roster": Row("item", "case_officer", path=_ROSTER),
    "list_entries": Row("item", "case_officer", path=_ROSTER),
    "open_roster": Row("item", "case_officer", path={"roster_id": "{unopened}"}),
    "review_entries": Row(
        "item", "case_officer", path={"roster_id": "{bulk_roster}"}, seen="{bulk_revision}",
        body={"match": {"entry_ids": ["{bulk_entry}"]}, "set": {"decision": "approved"}},
    ),
    "review_rosters": Row(
        "own", "case_officer",
        body={
            "rosters": [{"roster_id": "{bulk_roster}", "revision": "{bulk_revision}"}],
            "match": {"clean": True}, "set": {"review_remarks": "已電洽"},
        },
        witness="/roster/v1/rosters",
    ),
    "submit_batch": Row(
        "item", "case_officer", 201, path={"roster_id": "{ready_roster}"}, seen="{ready_revision}",
        body={"entry_ids": ["{ready_entry}"]},
    ),
    "get_entry": Row("item", "case_officer", path=_ENTRY),
    "review_entry": Row("item", "case_officer", path=_ENTRY, seen="{entry_version}", body={"review_remarks": "已電洽"}),
    "get_entry_contact": Row("item", "case_officer", path=_ENTRY),
    "explain_entry_hints": Row("item", "case_officer", path=_ENTRY),
    "transfer_entry": Row(
        "item", "case_officer", path={"entry_id": "{leaving_entry}"}, seen="{leaving_version}", body=_PLACE
    ),
    "take_up_correction": Row(
        "item", "case_officer", path={"entry_id": "{wrong_entry}"}, seen="{wrong_version}",
        body={"reason_for_correction": "緩徵截止日期誤繕", "deferment_until": "2027-06-30"},
    ),
    "drop_correction": Row(
        "item", "case_officer", path={"entry_id": "{dropped_entry}"}, seen="{dropped_version}"
    ),
    "list_batches": Row("list", "approver", shows=("batch", "decided_batch")),
    "get_batch": Row("item", "approver", path=_BATCH),
    "preview_batch": Row("item", "case_officer", path=_BATCH),
    "recall_batch": Row("item", "case_officer", path={"batch_id": "{recalled}"}, seen="1"),
    "return_batch": Row(
        "item", "approver", path={"batch_id": "{returned}"}, seen="1",
        body={"reason": "請補附證明", "entry_ids": ["{returned_entry}"]},
    ),
    "decide_batch": Row("item", "approver", path={"batch_id": "{undecided}"}, seen="1"),
    "get_county_settings": Row("list", "approver", shows=("own_format",)),
    "set_county_settings": Row(
        "own", "approver", seen="{settings_version}", body={"decision_number_format": "甲{roc_year}-{serial}"},
        witness="/roster/v1/county-settings",
    ),
    "search_results": Row("list", "case_officer", body={"national_id": "{national_id}"}, shows=("decided_roster",)),
    "list_results": Row("list", "case_officer", shows=("decided_roster",)),
    "list_result_entries": Row("item", "case_officer", path={"roster_id": "{decided_roster}"}),
    "get_statistics": Row(
        "list", "case_officer", query="?by=school&from_on=2026-01-01", shows=("own_school",),
        overseers=frozenset({"admin", "auditor"}),
    ),
    "file_case": Row("own", "township", 201, body=cases.case(901), witness="/roster/v1/cases"),
    "hand_in_certificate": Row("own", "township", 201, body=cases.certificate(902), witness="/roster/v1/cases"),
    "report_cessations": Row(
        "own", "education_authority", 201, content=to_csv([cases.left(903)]).encode(), media="text/csv",
        witness="/roster/v1/cases",
    ),
    "list_trained": Row(
        "own", "case_officer", 201, body={"men": [cases.trained(904)]}, witness="/roster/v1/cases"
    ),
    "list_cases": Row("list", "case_officer", query="?scope=household", shows=("case",)),
    "get_case": Row("item", "case_officer", path={"entry_id": "{case}"}),
    "withdraw_case": Row("item", "township", path={"entry_id": "{filed}"}),
    "withdraw_notice": Row("item", "education_authority", path={"entry_id": "{noticed}"}),
    "withdraw_trained": Row("item", "case_officer", path={"entry_id": "{listed}"}),
    "confirm_annotation": Row("item", "township", path={"entry_id": "{trained}"}),
    "reassess_entries": Row(
        "own", "case_officer", body={"as_of_law": "2026-10-01"}, witness="/roster/v1/rosters",
    ),
    "list_refusals": Row("list", "case_officer", shows=("refused", "refused_too")),
    "get_refusal": Row("item", "township", path={"decision_id": "{refused}"}),
    "record_refusal_service": Row(
        "item", "township", 201, path={"decision_id": "{refused}"}, seen="0",
        body={"handed_over_by": "township", "manner": "in_person", "served_on": "2026-10-01"},
    ),
    "request_refusal_review": Row(
        "item", "school", 201, path={"decision_id": "{served}"}, seen="1", body={"received_on": "2026-10-01"},
    ),
    "answer_refusal_review": Row(
        "item", "approver", path={"decision_id": "{asked}"}, seen="2",
        body={"answer": "dismissed", "answer_reason": "所請無理由。"},
    ),
    "ask_report": Row(
        "own", "case_officer", 202, body={"report": "results", "form": "csv"}, witness="/roster/v1/reports",
        personal=True,
    ),
    "list_reports": Row("list", "case_officer", shows=("report",), personal=True),
    "get_report": Row("item", "case_officer", path={"report_id": "{report}"}, personal=True),
    "get_report_file": Row("item", "case_officer", path={"report_id": "{report}"}, personal=True),
    "list_registry_events": Row("list", "case_officer", query="?limit=200", shows=("decision",)),
    "replay_registry_event": Row(
        "item", "case_officer", path={"event_id": "{event}"}, absent={"event_id": "999999999"}
    ),
}  # fmt: skip


async def furnish(service: Service) -> World:
    """A's rosters in every state, and others' beside them, made through the API."""
    county = await rosters.county(service)
    things = await _of_a(county)
    things |= await _of_others(county)
    things["report"] = await _reported(county)
    async with service_owner(service) as owner:
        things["event"] = await owner.fetchval(
            "UPDATE job SET state = 'dead', attempts = 3, last_error = 'GiveUp: refused with 422' WHERE id = (SELECT"
            " max(id) FROM job WHERE kind = 'registry.annotate' AND payload ->> 'county_code' = '63000') RETURNING id"
        )
        things["deferment"] = await owner.fetchval(
            "SELECT d.deferment_id::text FROM decision d JOIN entry e ON e.id = d.entry_id WHERE e.student_no = $1",
            men(80, 1)[0]["student_no"],
        )
        rows = await owner.fetch(
            "SELECT e.id::text, e.roster_id::text, e.batch_id::text, d.id::text AS decision FROM entry e"
            " LEFT JOIN decision d ON d.entry_id = e.id"
            " WHERE (e.school_code = '0003' OR e.filer_code IS NOT NULL) AND e.county_code = '63000'"
        )
        things["own_school"] = "0003"
        things["decision"] = next(row["decision"] for row in rows if row["decision"])
    men_of_a = {men(n, 1)[0]["national_id"] for n in range(1, 100)}
    return World(
        service,
        things,
        people.of_a(),
        people.elsewhere(),
        people.bad_tokens(people.everybody()),
        people.newcomer(),
        sorted(
            {value for row in rows for value in row if value}
            | men_of_a
            | {things["own_format"], things["own_deadline"], things["report"]}
        ),
        people.MACHINES,
    )


def service_owner(service: Service) -> Any:
    """A connection past every wall, as the owner of the service's database."""
    return asyncpg.create_pool(plain(service.urls.owner), min_size=1, max_size=1)


async def _of_a(county: County) -> dict[str, Any]:
    things: dict[str, Any] = {"school_version": 1, "own_deadline": "2026-09-11", "own_format": "北市甲{serial:05d}"}
    own = {"registration_deadline": things["own_deadline"]}
    assert (await county.call("PUT", "/terms/115/1", NTU, own)).status_code == 200
    form = {"decision_number_format": things["own_format"]}
    set_ = await county.call("PUT", "/county-settings", people.holder("approver", "63000"), form, 0)
    assert set_.status_code == 200, set_.text

    things["roster"], entries = await county.opened(men(1, 3), {2: {"status": "reservist"}})
    things["entry"] = entries[0]["id"]
    things["submission"] = (await county.get(f"/rosters/{things['roster']}"))["submission_id"]
    things["entry_version"] = entries[0]["version"]
    things["unopened"] = (await county.post(men(10, 2)))["63000"]
    things["unsent"] = (await county.post(men(14, 2)))["63000"]
    things["bulk_roster"], bulk = await county.opened(men(20, 2))
    things["bulk_entry"], things["bulk_revision"] = bulk[0]["id"], await county.revision(things["bulk_roster"])
    things["ready_roster"], ready = await county.opened(men(30, 2))
    await county.approve_clean(things["ready_roster"])
    things["ready_entry"], things["ready_revision"] = ready[0]["id"], await county.revision(things["ready_roster"])
    _, (leaving,) = await county.opened(men(40, 1))
    things["leaving_entry"], things["leaving_version"] = leaving["id"], leaving["version"]
    for name, first in (("batch", 50), ("recalled", 53), ("undecided", 56)):
        things[name] = (await county.up(2, first))[1]["id"]
    roster, batch = await county.up(2, 60)
    things["returned"], things["returned_entry"] = batch["id"], (await county.entries(roster))[0]["id"]
    things["decided_roster"], decided = await county.up(2, 70)
    things["decided_batch"], things["national_id"] = decided["id"], men(70, 1)[0]["national_id"]
    await county.do(f"/batches/{decided['id']}/decide", rosters.APPROVER, seen=decided["version"])
    roster, decided = await county.up(1, 80)
    await county.do(f"/batches/{decided['id']}/decide", rosters.APPROVER, seen=decided["version"])
    await _longer(county, 80)
    things |= await _wrong(county, things["decided_roster"])
    things |= await _refused(county)
    things["corrected"] = (await county.post(men(90, 2)))["63000"]
    assert (await correct(county, things["corrected"], men(90, 1))).status_code == 200
    things |= await _filed(county)
    things["settings_version"] = (await county.get("/county-settings"))["version"]
    return things


async def _filed(county: County) -> dict[str, Any]:
    """What others than schools filed: a man of whom A's authority, township and county all know, one to annotate."""
    township, authority = people.holder("township", "63000030"), people.holder("education_authority", "moe")
    things = {"filed": (await county.do("/cases", township, cases.case(96)))["id"]}
    for names, numbers in ((("noticed", "listed"), (92, 93)), (("case", "trained"), (97, 98))):
        notice = await cases.notice(county, [cases.left(numbers[0])], authority)
        assert notice.status_code == 201, notice.text
        listed = await county.do("/cases/training-lists", OFFICER, {"men": [cases.trained(numbers[1])]})
        for name, told in zip(names, (notice.json(), listed), strict=True):
            (roster,) = told["rosters"]
            things[name] = (await county.entries(roster["id"]))[0]["id"]
            if name in ("case", "trained"):
                await cases.decided(county, roster["id"])
    return things


async def _wrong(county: County, roster: str) -> dict[str, Any]:
    """A decision to be corrected, and one whose correction was taken up."""
    wrong, dropped = await county.entries(roster)
    taken = await county.call(
        "POST", f"/entries/{dropped['id']}/correction", OFFICER, {"reason_for_correction": "誤繕"}, dropped["version"]
    )
    assert taken.status_code == 200, taken.text
    return {
        "wrong_entry": wrong["id"], "wrong_version": wrong["version"],
        "dropped_entry": dropped["id"], "dropped_version": taken.json()["version"],
    }  # fmt: skip


async def _refused(county: County) -> dict[str, Any]:
    """Refusals: two that nobody handed over, one that was, and one of which review was asked for."""
    roster, entries = await county.opened(men(110, 4))
    draft = {
        "decision": "rejected", "ground": "enrolment_not_recognised", "ground_unseen": True, "reason": "學籍已註銷。",
    }  # fmt: skip
    for entry in entries:
        assert (await county.patch(entry, draft)).status_code == 200
    batch = await county.submit(roster)
    await county.do(f"/batches/{batch['id']}/decide", rosters.APPROVER, seen=batch["version"])
    ids = [entry["decision"]["id"] for entry in await county.entries(roster)]
    served = {"handed_over_by": "school", "manner": "in_person", "served_on": "2026-10-01"}
    for decision in ids[2:]:
        await county.do(f"/refusals/{decision}/service", NTU, served, 0)
    await county.do(f"/refusals/{ids[3]}/review-request", OFFICER, {"received_on": "2026-10-01"}, 1)
    return dict(zip(("refused", "refused_too", "served", "asked"), ids, strict=True))


async def _reported(county: County) -> str:
    """A report that is ready, and one more."""
    who = people.holder("case_officer", "63000")
    report, _ = [await ask(county, {"report": "results", "form": "csv"}, who) for _ in range(2)]
    await work(county)
    return str(report["id"])


async def _longer(county: County, man: int) -> None:
    """A man's deferment extended, so that it has a past."""
    rows = [extension(man, birth_date="2006-03-04")]
    roster, (entry,) = await county.opened(rows, kind="extension")
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster)
    await county.do(f"/batches/{batch['id']}/decide", rosters.APPROVER, seen=batch["version"])


async def _of_others(county: County) -> dict[str, Any]:
    """New Taipei decides rosters, of which some are A's school's, and has one in hand; 0025 files in Taipei too."""
    for school, first in ((NTU, 200), (NTU, 205), (OTHER_SCHOOL, 210), (OTHER_SCHOOL, 215)):
        _, batch = await _up_there(county, first, school)
        await county.do(f"/batches/{batch['id']}/decide", people.holder("approver", "65000"), seen=batch["version"])
    other = (await county.post(men(220, 2), who=OTHER_SCHOOL))["63000"]
    await county.do(f"/rosters/{other}/open", OFFICER)
    _, batch = await _up_there(county, 230, NTU)
    roster = (await county.post(men(235, 2, **_THERE)))["65000"]
    opened = await county.do(f"/rosters/{roster}/open", ELSEWHERE)
    await county.do("/cases", people.holder("township", "65000010"), cases.case(241))
    refused = (await county.post(men(240, 1, **_THERE), who=OTHER_SCHOOL))["65000"]
    await county.do(f"/rosters/{refused}/open", ELSEWHERE)
    (entry,) = await county.entries(refused, ELSEWHERE)
    draft = {"decision": "rejected", "ground": "wrong_county", "ground_unseen": True, "reason": "戶籍不符。"}
    assert (await county.patch(entry, draft, ELSEWHERE)).status_code == 200
    revision = (await county.get(f"/rosters/{refused}", ELSEWHERE))["revision"]
    up = await county.do(f"/rosters/{refused}/batches", ELSEWHERE, {}, revision)
    await county.do(f"/batches/{up['id']}/decide", people.holder("approver", "65000"), seen=up["version"])
    decision = (await county.entries(refused, ELSEWHERE))[0]["decision"]["id"]
    served = {"handed_over_by": "township", "manner": "by_post", "served_on": "2026-10-01"}
    await county.do(f"/refusals/{decision}/service", ELSEWHERE, served, 0)
    await county.do(f"/refusals/{decision}/review-request", ELSEWHERE, {"received_on": "2026-10-01"}, 1)
    return {"their_batch": batch["id"], "their_roster": roster, "their_revision": opened["revision"]}


async def _up_there(county: County, first: int, school: dict[str, str]) -> tuple[str, Any]:
    roster = (await county.post(men(first, 2, **_THERE), who=school))["65000"]
    await county.do(f"/rosters/{roster}/open", ELSEWHERE)
    for entry in await county.entries(roster, ELSEWHERE):
        assert (await county.patch(entry, {"decision": "approved"}, ELSEWHERE)).status_code == 200
    revision = (await county.get(f"/rosters/{roster}", ELSEWHERE))["revision"]
    return roster, await county.do(f"/rosters/{roster}/batches", ELSEWHERE, {}, revision)
