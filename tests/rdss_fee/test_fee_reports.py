"""What employers report, and what their head office confirms of its department (ID-07)."""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from rdss_fee.periods.service import report as reporting
from rdss_fee.periods.states import (
    HEAD_OFFICE,
    TRANSITIONS,
    EventAction,
    EventState,
    enters_as,
    may_answer,
)
from tests.rdss_fee.desk import announced, codes, man_of, period, put, report
from tests.rdss_fee.support import DEPARTMENT_A, EMPLOYER_A, EMPLOYER_B, FINANCE, OFFICE, TODAY, A, B, Fee
from tests.support.tokens import bearer

pytestmark = pytest.mark.rule("ID-07")
BOTH_A = bearer("employer", "employer_department", org=f"employer:{A}", sub="department-a")


@pytest.mark.parametrize(
    ("roles", "state"),
    [
        ({"employer_department"}, EventState.ENTERED),
        ({"employer"}, EventState.CONFIRMED),
        ({"employer", "employer_department"}, EventState.CONFIRMED),
        ({"programme_office"}, EventState.CONFIRMED),
    ],
)
def test_only_what_a_department_enters_waits(roles: set[str], state: EventState):
    assert enters_as(frozenset(roles)) is state


def test_the_table_of_moves():
    assert {(state, action): step.to for (state, action), step in TRANSITIONS.items()} == {
        (EventState.ENTERED, EventAction.CONFIRM): EventState.CONFIRMED,
        (EventState.ENTERED, EventAction.REFUSE): EventState.REFUSED,
    }
    assert {step.role for step in TRANSITIONS.values()} == {HEAD_OFFICE}
    assert may_answer("a", "b")
    assert not may_answer("a", "a")


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize(
    ("begins_on", "ends_before", "state"),
    [
        # Today, 15 September, is served from the day it begins, and not on the day it ends before.
        ("2026-09-16", None, "announced"),
        ("2026-09-15", None, "serving"),
        ("2026-09-14", "2026-09-16", "serving"),
        ("2026-09-14", "2026-09-15", "ended"),
    ],
)
async def test_how_a_period_stands_today(fee: Fee, begins_on: str, ends_before: str | None, state: str):
    end = {} if ends_before is None else {"ends_before": ends_before, "ended_by": "suspended"}
    one = await made(fee, begins_on=begins_on, **end)
    assert (await fee.get(f"/service-periods/{one['period_id']}", OFFICE)).json()["state"] == state


async def made(fee: Fee, **changes: Any) -> dict[str, Any]:
    (one,) = await announced(fee, period(1, **changes))
    return one


async def known(fee: Fee, period_id: str) -> tuple[Any, ...]:
    one = (await fee.get(f"/service-periods/{period_id}", OFFICE)).json()
    return one["version"], one["begins_on"], one["ends_before"], one["ended_by"]


async def answer(fee: Fee, event_id: str, act: str = "confirmation", who: dict[str, str] = EMPLOYER_A) -> Any:
    body = {"reason": "日期有誤"} if act == "refusal" else None
    return await fee.post(f"/service-events/{event_id}/{act}", who, body)


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize(
    ("body", "after"),
    [
        ({"ends_before": "2026-10-10", "ended_by": "suspended"}, (2, "2026-09-28", "2026-10-10", "suspended")),
        ({"begins_on": "2026-09-29"}, (2, "2026-09-29", None, None)),
    ],
)
async def test_what_a_department_enters_is_known_once_the_head_office_confirms(fee: Fee, body, after):
    one = await made(fee)
    entered = await report(fee, one["period_id"], DEPARTMENT_A, **body)
    assert entered.status_code == 201, entered.text
    event = entered.json()
    assert (event["state"], event["needs_confirmation"], event["entered_by"]) == ("entered", True, "department-a")
    assert await known(fee, one["period_id"]) == (1, "2026-09-28", None, None)
    waiting = (await fee.get("/service-events", EMPLOYER_A, params={"state": "entered"})).json()["items"]
    assert [item["id"] for item in waiting] == [event["id"]]
    confirmed = await answer(fee, event["id"])
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed"), confirmed.text
    assert (confirmed.json()["confirmed_by"], confirmed.json()["confirmed_on"]) == ("employer-a", TODAY.isoformat())
    assert await known(fee, one["period_id"]) == after
    assert (await fee.get("/service-events", EMPLOYER_A, params={"state": "entered"})).json()["items"] == []
    rows = await fee.sql("SELECT version, event_id::text FROM service_period ORDER BY version")
    assert rows[-1]["event_id"] == event["id"]
    assert (await answer(fee, event["id"])).json()["code"] == "report_answered"


@pytest.mark.parametrize("who", [EMPLOYER_A, OFFICE, BOTH_A])
async def test_what_the_head_office_or_the_office_enters_is_known_at_once(fee: Fee, who: dict[str, str]):
    one = await made(fee)
    told = await report(fee, one["period_id"], who)
    assert (told.status_code, told.json()["state"], told.json()["needs_confirmation"]) == (201, "confirmed", False)
    assert (await known(fee, one["period_id"]))[0] == 2
    assert (await answer(fee, told.json()["id"])).json()["code"] == "report_answered"


async def test_nobody_answers_what_he_entered_himself(fee: Fee):
    """The same account, given the head office's role since, and the department's role alone."""
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    for act in ("confirmation", "refusal"):
        own = await answer(fee, event["id"], act, BOTH_A)
        assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
        assert (await answer(fee, event["id"], act, DEPARTMENT_A)).status_code == 403
        assert (await answer(fee, event["id"], act, EMPLOYER_B)).status_code == 404
        assert (await answer(fee, event["id"], act, OFFICE)).status_code == 403
    assert (await known(fee, one["period_id"]))[0] == 1


async def test_control_the_database_too_wants_two_people(fee: Fee, monkeypatch: pytest.MonkeyPatch):
    """Planted: a rule that lets everybody answer."""
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    monkeypatch.setattr(reporting, "may_answer", lambda *who: True)
    assert (await answer(fee, event["id"], who=BOTH_A)).status_code == 500
    assert (await known(fee, one["period_id"]))[0] == 1
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(
            "UPDATE service_event SET state = 'confirmed', confirmed_by = entered_by, confirmed_at = now(),"
            " confirmed_on = $1 WHERE state = 'entered'",
            TODAY,
        )


async def test_a_refused_report_changes_nothing_and_may_be_entered_anew(fee: Fee):
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    second = await report(fee, one["period_id"], DEPARTMENT_A, begins_on="2026-09-29")
    assert (second.status_code, second.json()["code"]) == (409, "report_waits")
    refused = await answer(fee, event["id"], "refusal")
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    assert refused.json()["refused_reason"] == "日期有誤"
    assert (await known(fee, one["period_id"]))[0] == 1
    assert (await answer(fee, event["id"])).json()["code"] == "report_answered"
    assert (await report(fee, one["period_id"], DEPARTMENT_A)).status_code == 201


async def test_what_the_office_corrected_meanwhile_is_not_overwritten(fee: Fee):
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    change = {"begins_on": "2026-09-30", "begun_by": "reported"}
    assert (await put(fee, f"/service-periods/{one['period_id']}", change, 1)).status_code == 200
    late = await answer(fee, event["id"])
    assert (late.status_code, late.json()["code"]) == (409, "report_outdated")
    assert (await answer(fee, event["id"], "refusal")).status_code == 200
    assert (await report(fee, one["period_id"], DEPARTMENT_A, seen=2)).status_code == 201


async def test_what_was_withdrawn_meanwhile_is_not_brought_back(fee: Fee):
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    path = f"/service-periods/{one['period_id']}/withdrawal"
    assert (await fee.post(path, OFFICE, {"reason": "未報到"}, if_match='"1"')).status_code == 200
    late = await answer(fee, event["id"])
    assert (late.status_code, late.json()["code"]) == (409, "period_withdrawn")
    assert (await answer(fee, event["id"], "refusal")).status_code == 200


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"begins_on": "2026-09-29", "ends_before": "2026-10-10", "ended_by": "suspended"}, ("value_error", "")),
        ({"ends_before": "2026-10-10"}, ("value_error", "")),
        ({"ended_by": "suspended"}, ("value_error", "")),
        ({"ends_before": "2026-09-28", "ended_by": "suspended"}, ("period_without_days", "/ends_before")),
        ({"ends_before": "2026-10-10", "ended_by": "left"}, ("enum", "/ended_by")),
    ],
)
@pytest.mark.parametrize("who", [EMPLOYER_A, DEPARTMENT_A])
async def test_a_report_that_cannot_be_is_refused_when_it_is_entered(fee: Fee, who, body, told):
    one = await made(fee)
    refused = await report(fee, one["period_id"], who, **body)
    assert (refused.status_code, codes(refused)) == (422, [told])


async def test_a_report_of_what_is_known_or_of_another_version_is_refused(fee: Fee):
    one = await made(fee)
    same = await report(fee, one["period_id"], begins_on="2026-09-28")
    assert (same.status_code, same.json()["code"]) == (409, "report_changes_nothing")
    assert (await report(fee, one["period_id"], seen=2)).status_code == 412
    assert (await report(fee, one["period_id"], FINANCE)).status_code == 403
    assert (await report(fee, one["period_id"], EMPLOYER_B)).status_code == 404
    assert (await report(fee, str(uuid.uuid4()))).status_code == 404


@pytest.mark.rule("FE-05")
async def test_an_employer_cannot_reach_into_another_one_s_days(fee: Fee):
    """What B has of the man A does not see; the database alone refuses the day, and says nothing of B."""
    first, _ = await announced(
        fee,
        period(1, ends_before="2026-12-01", ended_by="transferred_out"),
        period(1, begins_on="2026-12-01", begun_by="transferred_in", employer_code=B),
    )
    refused = await report(fee, first["period_id"], ends_before="2026-12-02", ended_by="suspended")
    assert (refused.status_code, codes(refused)) == (422, [("period_overlaps", "/begins_on")])
    assert B not in refused.text
    assert await known(fee, first["period_id"]) == (1, "2026-09-28", "2026-12-01", "transferred_out")


async def test_two_head_offices_at_once_confirm_once(fee: Fee):
    one = await made(fee)
    event = (await report(fee, one["period_id"], DEPARTMENT_A)).json()
    second = bearer("employer", org=f"employer:{A}", sub="employer-a-2")
    answers = await asyncio.gather(
        answer(fee, event["id"]), answer(fee, event["id"], who=second), answer(fee, event["id"], "refusal", second)
    )
    assert sorted(x.status_code for x in answers) == [200, 409, 409]
    assert (await known(fee, one["period_id"]))[0] in (1, 2)


async def test_two_reports_at_once_leave_one_that_waits(fee: Fee):
    one = await made(fee)
    other = bearer("employer_department", org=f"employer:{A}", sub="department-a-2")
    answers = await asyncio.gather(*(report(fee, one["period_id"], who) for who in (DEPARTMENT_A, other)))
    assert sorted(x.status_code for x in answers) == [201, 409]


async def test_events_are_listed_for_whom_they_concern(fee: Fee):
    one = await made(fee)
    await report(fee, one["period_id"], DEPARTMENT_A)
    assert (await fee.get("/service-events", EMPLOYER_B)).json()["items"] == []
    listed = (await fee.get("/service-events", OFFICE, params={"sort": "entered_at"})).json()["items"]
    assert [item["kind"] for item in listed] == ["period_announced", "period_ended"]
    of_b = await fee.get("/service-events", OFFICE, params={"employer_code": B})
    assert of_b.json()["items"] == []
    ended = (await fee.get("/service-events", OFFICE, params={"kind": "period_ended"})).json()["items"]
    assert [(item["ends_before"], item["ended_by"], item["seen_version"]) for item in ended] == [
        ("2026-10-10", "suspended", 1)
    ]
    seen = (await fee.get("/service-events", EMPLOYER_A, params={"sort": "entered_at"})).json()["items"]
    # To an employer it is no matter who in an office entered it.
    assert [item["entered_by"] for item in seen] == [None, "department-a"]
    assert (await man_of(fee, one["serviceman_id"], EMPLOYER_A))["version"] == 1
