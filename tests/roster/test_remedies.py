"""RO-75: "A refusal reaches the man through township or school; request for review within 30 days from the day after
receipt, once; it suspends nothing." (兵役法施行法 Art. 40, 免役禁役緩徵緩召實施辦法 Art. 34 and 36)"""

from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from local.databases import plain
from roster.remedies.rules import Answer, days_late, may_answer, remedy_on, request_deadline
from shared.calendar import WorkingCalendar
from tests.roster.test_decision_corrections import decide, decided, put_right, take_up
from tests.roster.test_preview import REJECTED
from tests.roster.test_submissions import owner
from tests.support import rosters
from tests.support.rosters import APPROVER, DEPUTY, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, TODAY, County, men
from tests.support.tokens import bearer

pytestmark = pytest.mark.rule("RO-75")

TOWNSHIP = bearer("township", org="township:63000030", sub="clerk")
OTHER_TOWNSHIP = bearer("township", org="township:63000010", sub="clerk-2")
HANDED = {"handed_over_by": "township", "manner": "in_person", "served_on": "2026-10-01"}


@pytest.mark.rule("RO-36")
@pytest.mark.parametrize(
    ("served", "due"),
    [
        # 自收受之次日起30日: the first day is not counted.
        ("2026-06-30", "2026-07-30"),
        # Its end on a Saturday gives way to Monday, on a Sunday too.
        ("2026-10-01", "2026-11-02"),
        ("2026-10-02", "2026-11-02"),
        ("2026-10-03", "2026-11-02"),
        ("2026-10-04", "2026-11-03"),
    ],
)
def test_thirty_days_from_the_day_after_receipt(served, due):
    deadline = request_deadline(date.fromisoformat(served), WorkingCalendar())
    assert deadline.due.isoformat() == due
    first, *others = deadline.steps
    assert first.citation is not None
    assert (first.day.isoformat(), first.citation.text) == (served, "兵役法施行法第40條")
    assert next(step.citation.article for step in others if step.citation) == "48-2"
    assert others[-1].day.isoformat() == due or "暫定" in others[-1].text
    day = deadline.due
    assert [days_late(day + timedelta(days=n), day) for n in (-1, 0, 1)] == [0, 0, 1]


def test_what_comes_too_late_is_inadmissible():
    assert [may_answer(answer, 1) for answer in Answer] == [False, True, False]
    assert all(may_answer(answer, 0) for answer in Answer)


async def refused(county: County, man: int = 1, who: Any = NTU) -> dict[str, Any]:
    """A man's refusal as the county sees it."""
    _, entry = await decided(county, men(man, 1), draft=REJECTED, who=who)
    found: dict[str, Any] = await county.get(f"/refusals/{entry['decision']['id']}")
    return found


async def serve(county: County, refusal: dict[str, Any], who: Any = TOWNSHIP, **changes: str) -> Any:
    path = f"/refusals/{refusal['decision_id']}/service"
    return await county.call("POST", path, who, HANDED | changes, refusal["version"])


async def ask(county: County, refusal: dict[str, Any], who: Any = TOWNSHIP, day: str = "2026-10-01") -> Any:
    path = f"/refusals/{refusal['decision_id']}/review-request"
    return await county.call("POST", path, who, {"received_on": day}, refusal["version"])


async def answer(county: County, refusal: dict[str, Any], what: str, who: Any = APPROVER) -> Any:
    body = {"answer": what, "answer_number": "府兵徵字第9號", "answer_reason": "經複核。"}
    return await county.call("POST", f"/refusals/{refusal['decision_id']}/answer", who, body, refusal["version"])


async def lists(county: County, state: str, who: Any = OFFICER) -> list[str]:
    return [one["decision_number"] for one in (await county.get(f"/refusals?state={state}", who))["items"]]


async def untouched(county: County) -> dict[str, Any]:
    """All that a remedy must leave as it is: entries, deferments, what the registry is told, what the school sees."""
    tables = ("entry", "deferment", "deferment_change", "decision", "roster", "batch")
    kept = {t: await owner(county, f"SELECT t::text FROM {t} t ORDER BY 1") for t in tables}
    kept["job"] = await owner(county, "SELECT kind, key FROM job ORDER BY id")
    return kept


@pytest.mark.rule("RO-36")
async def test_from_the_township_s_hand_to_the_county_s_answer(county, monkeypatch, tmp_path):
    refusal = await refused(county)
    number = refusal["decision_number"]
    assert (refusal["state"], refusal["request_until"], refusal["steps"]) == ("undelivered", None, [])
    assert refusal["remedy"]["text"] == remedy_on(TODAY).text
    assert "30日內" in refusal["remedy"]["text"]
    assert "以一次為限" in refusal["remedy"]["text"]
    before = await untouched(county)
    assert await lists(county, "undelivered") == [number]
    early = await ask(county, refusal)
    assert (early.status_code, early.json()["code"]) == (409, "refusal_not_served")
    told = (await serve(county, refusal)).json()
    assert (told["state"], told["request_until"], told["handed_over_by"]) == ("delivered", "2026-11-02", "township")
    # The chain of dates, and the article behind it.
    assert [step["citation"] and step["citation"]["text"] for step in told["steps"]][:1] == ["兵役法施行法第40條"]
    assert told["steps"][0]["day"] == "2026-10-01"
    assert [step["day"] for step in told["steps"]][-1] == "2026-11-02"
    rosters.set_today(monkeypatch, tmp_path, date(2026, 11, 2))
    asked = (await ask(county, told, day="2026-11-02")).json()
    assert (asked["state"], asked["request"]["days_late"], asked["request"]["received_by"]) == (
        "review_pending", 0, "township",
    )  # fmt: skip
    assert await lists(county, "review_pending") == [number]
    again = await ask(county, asked)
    assert (again.status_code, again.json()["code"]) == (409, "review_requested")
    done = (await answer(county, asked, "dismissed")).json()
    assert (done["state"], done["request"]["answer"], done["request"]["answered_on"]) == (
        "answered", "dismissed", "2026-11-02",
    )  # fmt: skip
    twice = await answer(county, done, "granted")
    assert (twice.status_code, twice.json()["code"]) == (409, "review_answered")
    # It suspends nothing.
    assert await untouched(county) == before
    audited = await owner(county, "SELECT action FROM audit_entry WHERE entity = 'decision' ORDER BY id")
    assert [row["action"] for row in audited] == ["refusal.served", "review.requested", "review.answered"]


async def test_a_late_request_is_recorded_and_can_only_be_inadmissible(county, monkeypatch, tmp_path):
    told = (await serve(county, await refused(county))).json()
    rosters.set_today(monkeypatch, tmp_path, date(2026, 11, 3))
    asked = (await ask(county, told, NTU, "2026-11-03")).json()
    assert (asked["request"]["days_late"], asked["request"]["received_by"]) == (1, "school")
    for what in ("granted", "dismissed"):
        refused_ = await answer(county, asked, what)
        assert (refused_.status_code, refused_.json()["errors"][0]["code"]) == (422, "request_late")
    assert (await answer(county, asked, "inadmissible")).status_code == 200


@pytest.mark.rule("RO-52")
async def test_a_request_that_is_granted_leads_to_a_correction_that_refers_to_the_refusal(county):
    _, entry = await decided(county, men(1, 1), draft=REJECTED)
    refusal = await county.get(f"/refusals/{entry['decision']['id']}")
    asked = (await ask(county, (await serve(county, refusal)).json(), OFFICER)).json()
    granted = (await answer(county, asked, "granted")).json()
    assert not granted["request"]["corrected"]
    now = await put_right(county, entry, {"decision": "approved"})
    assert now["decision"]["corrects"] == refusal["decision_id"]
    (kept,) = (await county.get("/refusals?state=answered"))["items"]
    assert (kept["decision_id"], kept["request"]["corrected"]) == (refusal["decision_id"], True)


async def test_a_refusal_that_was_corrected_is_not_handed_over_any_more(county):
    _, entry = await decided(county, men(1, 1), draft=REJECTED)
    first = entry["decision"]["id"]
    assert (await take_up(county, entry, {"decision": "approved"})).status_code == 200
    # While it is only being corrected it stands.
    assert len(await lists(county, "undelivered")) == len(await lists(county, "undelivered", TOWNSHIP)) == 1
    await decide(county, entry["roster_id"])
    assert await lists(county, "undelivered") == []
    assert (await county.call("GET", f"/refusals/{first}", OFFICER)).status_code == 404
    # The other way round: what is taken back by a correction is a refusal that reaches him as any other.
    _, granted = await decided(county, men(2, 1))
    await put_right(county, granted, REJECTED)
    assert len(await lists(county, "undelivered")) == 1


async def test_each_sees_its_own_and_records_what_it_handed_over(county):
    refusal = await refused(county)
    await refused(county, 2, OTHER_SCHOOL)
    path = f"/refusals/{refusal['decision_id']}"
    for who in (OTHER_SCHOOL, ELSEWHERE, OTHER_TOWNSHIP):
        assert (await county.call("GET", path, who)).status_code == 404
        assert (await serve(county, refusal, who)).status_code in (403, 404)
    shown = {who: (await county.get(path, token))["national_id"] for who, token in
             (("school", NTU), ("county", OFFICER), ("township", TOWNSHIP))}  # fmt: skip
    assert shown["school"] == shown["county"] == men(1, 1)[0]["national_id"]
    assert "****" in shown["township"]
    assert len((await county.get("/refusals", TOWNSHIP))["items"]) == 2
    assert len((await county.get("/refusals", NTU))["items"]) == 1
    other = await serve(county, refusal, NTU)
    assert (other.status_code, other.json()["code"]) == (403, "not_your_hand")
    told = await serve(county, refusal, NTU, handed_over_by="school", manner="by_post")
    assert told.status_code == 201
    assert (await serve(county, refusal)).status_code == 412
    # A wrong record is followed by a right one, until the man has asked.
    again = (await serve(county, told.json(), OFFICER, manner="deposited")).json()
    assert (again["handed_over_by"], again["manner"], again["version"]) == ("township", "deposited", 2)
    asked = (await ask(county, again)).json()
    assert (await serve(county, asked)).json()["code"] == "review_requested"
    assert [(r["no"], r["recorded_org_type"]) for r in
            await owner(county, "SELECT no, recorded_org_type FROM refusal_service ORDER BY no")] == [
        (1, "school"), (2, "county"),
    ]  # fmt: skip
    # What the county found is the county's.
    await answer(county, asked, "dismissed")
    assert (await county.get(path))["request"]["answer_reason"] == "經複核。"
    assert (await county.get(path, NTU))["request"]["answer_reason"] is None


@pytest.mark.parametrize("day", ["2026-09-30", "2026-10-02"])
async def test_a_day_that_cannot_be_is_refused(county, day):
    refusal = await refused(county)
    told = await serve(county, refusal, served_on=day)
    assert (told.status_code, told.json()["errors"][0]["code"]) == (422, "day_impossible")
    served = (await serve(county, refusal)).json()
    assert (await ask(county, served, day=day)).status_code == 422


async def test_who_noted_the_request_does_not_answer_it(county):
    served = (await serve(county, await refused(county))).json()
    asked = (await ask(county, served, DEPUTY)).json()
    own = await answer(county, asked, "dismissed", DEPUTY)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    for statement, told in (
        ("UPDATE review_request SET answer = 'dismissed', answer_reason = 'x', answered_on = '2026-10-01',"
         " answered_by = recorded_by", "ck_review_request_four_eyes"),
        ("UPDATE review_request SET received_on = '2027-01-01'", "ck_review_request_late"),
        ("INSERT INTO review_request SELECT * FROM review_request", "pk_review_request"),
        ("UPDATE refusal_service SET served_on = '2026-09-01'", "never changed"),
    ):  # fmt: skip
        connection = await asyncpg.connect(plain(county.service.urls.owner))
        with pytest.raises(asyncpg.PostgresError, match=told):
            await connection.execute(statement)
        await connection.close()


async def test_a_refused_cessation_is_no_refusal_to_the_man(county):
    from tests.roster.intake_corpus.files import cessation

    await decided(county, men(1, 1))
    draft = {**REJECTED, "ground": "not_conscriptable"}
    rows = [cessation(1, birth_date="2006-03-04", left_on="2026-10-01")]
    _, entry = await decided(county, rows, "cessation", draft)
    assert (entry["decision"]["decision"], entry["decision"]["remedy"]) == ("rejected", None)
    assert (await county.get("/refusals"))["items"] == []


async def test_the_refusal_names_its_remedy_to_school_and_township(county, registry, worker):
    _, entry = await decided(county, men(1, 1), draft=REJECTED)
    seen = (await county.get(f"/entries/{entry['id']}", NTU))["decision"]
    assert seen["remedy"] == remedy_on(TODAY).text
    await worker.settle()
    (report,) = await registry.reports()
    assert report["data"]["remedy"] == remedy_on(TODAY).text
    events = await owner(county, "SELECT payload #> '{event,data}' AS data FROM job WHERE kind = 'event.deliver'")
    assert any('"remedy_days": 30' in row["data"] for row in events)
