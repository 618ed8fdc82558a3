"""RO-71, Art. 12: a certificate of a man who holds an induction order, decided ahead of his roster."""

from typing import Any

import pytest

from tests.roster.intake_corpus.files import national_id, student
from tests.support import cases, rosters
from tests.support.cases import PAPER, SCHOOL_PAPER, TOWNSHIP, certificate, codes, decided, opened
from tests.support.rosters import APPROVER, NTU, County

pytestmark = pytest.mark.rule("RO-71")

ORDER = {"induction_order": {"number": "徵字第00001號", "dated_on": "2026-09-25"}}
LATER = {"expected_graduation_on": "2029-06-30"}


async def test_it_is_an_urgent_case_of_its_own(county: County) -> None:
    """12(1) 學生收受徵集令時，得由學校出具證明書，交由學生本人、戶長或其家屬持向戶籍地……公所，轉報."""
    await county.post(rosters.men(5, 1))
    filed = await county.do("/certificates", TOWNSHIP, certificate(1))
    assert (filed["case_kind"], filed["kind"], filed["urgent"]) == ("school_certificate", "application", True)
    assert filed["certificate"]["issuer"] == "國立臺灣大學"
    assert filed["induction_order"] == {"number": "徵字第00001號", "issued_on": "2026-09-25"}
    assert filed["period"]["article"].endswith("第12條第1項")
    # Marked in the work list, and sorted to its top.
    work = (await county.get("/rosters?state=pending&sort=-urgent"))["items"]
    assert [(one["urgent"], one["school_name"]) for one in work] == [
        (True, "臺北市大安區公所"),
        (False, "國立臺灣大學"),
    ]
    page = await county.get("/rosters?state=pending&sort=-urgent&limit=1")
    rest = await county.get(f"/rosters?state=pending&sort=-urgent&limit=1&cursor={page['next_cursor']}")
    assert [one["urgent"] for one in rest["items"]] == [False]
    # He is judged as the school's student; the certificate on file clears RO-32.
    (entry,) = await opened(county, filed["roster_id"], ORDER)
    assert codes(entry) == []
    assert (entry["certified_school"], entry["certificate_on"]) == ("0003", "2026-09-28")
    assert (await county.get(f"/entries/{entry['id']}/contact"))["school_code"] == "0003"
    # The school, which did not file it, sees nothing of it.
    assert [one["kind"] for one in (await county.get("/rosters", NTU))["items"]] == ["application"]
    assert (await county.call("GET", f"/entries/{entry['id']}", NTU)).status_code == 404
    await decided(county, (await county.do("/certificates", TOWNSHIP, certificate(2)))["roster_id"])


async def test_grounds_of_article_15_1_stand(county: County) -> None:
    """A school's certificate asks for a deferment as its roster would: 33 is his limit, and every ground is open."""
    old = certificate(1, student=cases.man(1, birth_date="1992-05-05"))
    filed = await county.do("/certificates", TOWNSHIP, old)
    (entry,) = await opened(county, filed["roster_id"])
    assert "age_limit" in codes(entry)
    draft = {"decision": "rejected", "ground": "age_limit", "reason": "已逾三十三歲仍未畢業"}
    assert (await county.patch(entry, draft)).status_code == 200


async def test_the_roster_s_entry_links_to_the_decision(county: County) -> None:
    """What happens afterwards: one annotation, the first number and day, an end that is never earlier."""
    filed = await county.do("/certificates", TOWNSHIP, certificate(1))
    await decided(county, filed["roster_id"])
    first = (await county.get(f"/entries/{filed['id']}"))["latest_deferment"]
    assert (first["school_code"], first["deferred_until"]) == ("0003", "2028-06-30")
    roster_id, (entry,) = await county.opened([_on_the_roster(1, **LATER)], {2: ORDER})
    (hint,) = entry["hints"]
    assert (hint["code"], hint["severity"]) == ("certificate_decided", "info")
    assert hint["values"]["decision_number"] == first["decision_number"]
    assert (hint["values"]["decided_on"], hint["values"]["approved"]) == ("2026-10-01", True)
    assert [cited["article"] for cited in hint["citations"]] == ["12-1"]
    # An info hint leaves him clean: he is approved with the others.
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id)
    preview = (await county.get(f"/batches/{batch['id']}/preview"))["items"][0]
    assert (preview["annotation"]["action"], preview["annotation"]["why"]) == ("modify", "confirms_certificate")
    assert preview["ends"] == []
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    after = (await county.get(f"/entries/{entry['id']}"))["latest_deferment"]
    assert (after["id"], after["deferred_until"]) == (first["id"], "2029-06-30")
    assert (after["decision_number"], after["issued_on"]) == (first["decision_number"], first["issued_on"])
    assert len(after["summary"].splitlines()) == 2
    # It is confirmed once: the next application at this school takes its place as ever.
    _, (again,) = await county.opened([_on_the_roster(1, department="法律學系")])
    assert codes(again) == ["already_active_here"]


def _on_the_roster(number: int, **changes: str) -> Any:
    return student(number, **{"birth_date": "2006-03-04", "expected_graduation_on": "2028-06-30", **changes})


async def test_an_end_is_never_made_earlier_by_the_roster(county: County) -> None:
    await decided(county, (await county.do("/certificates", TOWNSHIP, certificate(1)))["roster_id"])
    roster_id, (entry,) = await county.opened([_on_the_roster(1, expected_graduation_on="2027-06-30")])
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    after = (await county.get(f"/entries/{entry['id']}"))["latest_deferment"]
    assert after["deferred_until"] == "2028-06-30"


async def test_the_registry_holds_one_annotation(county: County, worker, registry) -> None:
    """RO-49: created by the certificate's decision, modified by the roster's; the first number and day stay."""
    man = national_id(1)
    await registry.knows({"national_id": man})
    await decided(county, (await county.do("/certificates", TOWNSHIP, certificate(1)))["roster_id"])
    roster_id, _ = await county.opened([_on_the_roster(1, **LATER)])
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await worker.settle(["registry.annotate", "registry.township_report"])
    held = (await registry.annotations())[man]
    assert [event["type"].split(".")[3] for event in held["history"]] == ["created", "modified"]
    numbers = {event["data"]["decision_number"] for event in held["history"]}
    assert len(numbers) == 1
    assert held["history"][-1]["data"]["deferment_until"] == "2029-06-30"


async def test_a_rejected_certificate_is_linked_to_as_well(county: County) -> None:
    filed = await county.do("/certificates", TOWNSHIP, certificate(1, student=cases.man(1, birth_date="1992-05-05")))
    await decided(county, filed["roster_id"], {"decision": "rejected", "ground": "age_limit", "reason": "逾齡"})
    number = (await county.get(f"/cases/{filed['id']}"))["decision"]["decision_number"]
    _, (entry,) = await county.opened([_on_the_roster(1, birth_date="1992-05-05")])
    (hint,) = [hint for hint in entry["hints"] if hint["code"] == "certificate_decided"]
    assert (hint["values"]["decision_number"], hint["values"]["approved"]) == (number, False)


@pytest.mark.rule("RO-32")
async def test_an_undecided_certificate_clears_the_order_s_warning_too(county: County) -> None:
    """RO-32: a school certificate on file clears it; without one it stands (the control)."""
    await county.do("/certificates", TOWNSHIP, certificate(1))
    _, entries = await county.opened([_on_the_roster(1), _on_the_roster(2)], {2: ORDER, 3: ORDER})
    with_it, without = sorted(entries, key=lambda entry: entry["row_no"])
    assert codes(with_it) == ["in_other_roster"]
    assert codes(without) == ["induction_order"]
    # Of another school's certificate nothing is cleared.
    other = certificate(3, certificate=SCHOOL_PAPER | {"school_code": "0025"})
    await county.do("/certificates", TOWNSHIP, other)
    _, (third,) = await county.opened([_on_the_roster(3)], {2: ORDER})
    assert codes(third) == ["in_other_roster", "induction_order"]


async def test_of_a_man_enrolled_nowhere_the_authority_certifies(county: County) -> None:
    """12(2) 得由直轄市、縣(市)主管教育行政機關出具證明文件; tested by Art. 15-2 alone."""
    paper = PAPER | {"by": "education_authority"}
    filed = await county.do("/certificates", TOWNSHIP, certificate(1, certificate=paper))
    assert (filed["case_kind"], filed["certificate"]["school_code"]) == ("experimental_certificate", None)
    assert filed["period"]["article"].endswith("第12條第2項")
    (entry,) = await opened(county, filed["roster_id"], ORDER)
    assert codes(entry) == []
    refused = await county.patch(
        entry, {"decision": "rejected", "ground": "age_limit", "ground_unseen": True, "reason": "逾齡"}
    )
    assert refused.json()["errors"][0]["code"] == "ground_not_open"
    # His application under Art. 11-2 confirms the deferment; he has one annotation.
    await _approve(county, filed["roster_id"], entry)
    filed = await county.do("/cases", TOWNSHIP, cases.case(1, student=cases.man(1, birth_date="2006-03-04")))
    (entry,) = await opened(county, filed["roster_id"])
    assert codes(entry) == ["certificate_decided"]
    first = entry["latest_deferment"]["id"]
    await _approve(county, filed["roster_id"], entry)
    after = (await county.get(f"/entries/{entry['id']}"))["latest_deferment"]
    assert (after["id"], after["school_code"]) == (first, None)


async def _approve(county: County, roster_id: str, entry: dict[str, Any]) -> None:
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


@pytest.mark.parametrize(
    "changes, code, pointer",
    [
        ({"certificate": SCHOOL_PAPER | {"school_code": "9999"}}, "school_unknown", "/certificate/school_code"),
        (
            {"induction_order": {"number": None, "issued_on": "2026-10-02"}},
            "order_in_future",
            "/induction_order/issued_on",
        ),
        (
            {"certificate": SCHOOL_PAPER | {"enrolled_on": "2028-07-01"}},
            "graduation_before_enrolment",
            "/certificate/enrolled_on",
        ),
    ],
)
async def test_what_is_wrong_is_named(county: County, changes: Any, code: str, pointer: str) -> None:
    refused = await county.call("POST", "/certificates", TOWNSHIP, certificate(1, **changes))
    assert refused.status_code == 422, refused.text
    assert [(fault["code"], fault["pointer"]) for fault in refused.json()["errors"]] == [(code, pointer)]


async def test_without_the_certificate_nothing_is_taken_in(county: County) -> None:
    refused = await county.call("POST", "/certificates", TOWNSHIP, certificate(1, certificate=None))
    assert (refused.status_code, refused.json()["code"]) == (422, "certificate_missing")
    assert "第12條第1項" in refused.json()["detail"]
