"""Announcing periods: whole arrays or none, lines of NDJSON by themselves, each refusal with its row (FE-05)."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import pytest

from rdss_fee.periods.service import announce as announcing
from tests.rdss_fee.desk import announced, codes, man_of, period, put
from tests.rdss_fee.support import (
    ADMIN,
    AUDITOR,
    EMPLOYER_A,
    EMPLOYER_B,
    FINANCE,
    OFFICE,
    TODAY,
    A,
    B,
    Fee,
    national_id,
)
from tests.support.tokens import key

WOMAN = "A200000003"


async def lines(fee: Fee, *rows: Any, **headers: str) -> Any:
    """The answer to NDJSON, of objects or of lines as they are."""
    content = "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    sent = {**OFFICE, **key(), "Content-Type": "application/x-ndjson", **headers}
    return await fee.http.post("/rdss-fee/v1/service-periods", content=content.encode(), headers=sent)


async def count(fee: Fee, table: str) -> int:
    (row,) = await fee.sql(f"SELECT count(*) FROM {table}")
    return int(row["count"])


@pytest.mark.rule("FE-05")
async def test_an_unknown_man_is_registered_and_a_known_one_gets_the_period(fee: Fee):
    ended = period(1, ends_before="2026-12-01", ended_by="transferred_out")
    again = period(1, begins_on="2026-12-01", begun_by="transferred_in", employer_code=B)
    (first,) = await announced(fee, ended)
    assert (first["row"], first["outcome"], first["registered"]) == (1, "announced", True)
    (second,) = await announced(fee, again)
    assert (second["registered"], second["serviceman_id"]) == (False, first["serviceman_id"])
    man = await man_of(fee, first["serviceman_id"])
    assert (man["name"], man["degree"], man["cohort"], man["version"]) == ("陳建宏", "master", 2026, 2)
    assert [(one["employer_code"], one["begins_on"], one["ends_before"]) for one in man["periods"]] == [
        (A, "2026-09-28", "2026-12-01"), (B, "2026-12-01", None),
    ]  # fmt: skip
    one = await fee.get(f"/service-periods/{first['period_id']}", OFFICE)
    assert (one.headers["etag"], one.json()["state"], one.json()["known_on"]) == ('"1"', "announced", "2026-09-15")


@pytest.mark.rule("FE-05")
async def test_one_array_may_hold_all_periods_of_a_new_man(fee: Fee):
    made = await announced(
        fee,
        period(2, begins_on="2027-03-01", begun_by="returned", employer_code=B),
        period(2, ends_before="2026-12-01", ended_by="suspended"),
        period(3),
    )
    assert [one["registered"] for one in made] == [True, False, True]
    assert len({one["serviceman_id"] for one in made}) == 2
    assert len((await man_of(fee, made[0]["serviceman_id"]))["periods"]) == 2


@pytest.mark.rule("FE-05", "FE-23")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"national_id": national_id(8_000_001)[:-1] + "x"}, ("national_id_invalid", "/1/national_id")),
        ({"national_id": "AC01234567"}, ("national_id_invalid", "/1/national_id")),  # a resident's number
        ({"national_id": WOMAN}, ("not_male", "/1/national_id")),
        ({"national_id": "A1"}, ("string_too_short", "/1/national_id")),
        ({"employer_code": "12345670"}, ("employer_unknown", "/1/employer_code")),
        ({"degree": "bachelor"}, ("enum", "/1/degree")),
        ({"category": "general"}, ("enum", "/1/category")),
        ({"cohort": 1911}, ("greater_than_equal", "/1/cohort")),
        ({"begun_by": "arrived"}, ("enum", "/1/begun_by")),
        ({"begins_on": "2026-02-30"}, ("value_error", "/1/begins_on")),
        ({"begins_on": 20260928}, ("value_error", "/1/begins_on")),
        ({"name": ""}, ("string_too_short", "/1/name")),
        ({"grade": 1}, ("extra_forbidden", "/1/grade")),
        # FE-05: the first day not served lies after the first served; an end has its kind.
        ({"ends_before": "2026-09-28", "ended_by": "suspended"}, ("period_without_days", "/1/ends_before")),
        ({"ends_before": "2026-09-27", "ended_by": "suspended"}, ("period_without_days", "/1/ends_before")),
        ({"ends_before": "2026-10-01"}, ("period_end_unstated", "/1/ended_by")),
        ({"ended_by": "suspended"}, ("period_end_unstated", "/1/ended_by")),
        ({"stage_ends_before": "2026-09-28"}, ("stage_without_days", "/1/stage_ends_before")),
        # FE-02: no run could price it; the first rates are of 2010.
        ({"stage_begins_on": "2009-12-31", "begins_on": "2009-12-31"}, ("rate_missing", "/1/begins_on")),
    ],
)
async def test_a_row_that_cannot_be_is_named_and_nothing_is_taken(fee: Fee, changes, told):
    answer = await fee.post("/service-periods", OFFICE, [period(1), period(2) | changes])
    assert (answer.status_code, codes(answer)) == (422, [told]), answer.text
    assert answer.json()["errors"][0]["row"] == 2
    assert str(changes.get("national_id", "…")) not in answer.text, "a refusal quotes nobody's number"
    assert await count(fee, "serviceman") == await count(fee, "service_event") == 0


@pytest.mark.rule("FE-23")
async def test_an_employer_s_number_that_no_account_holds_is_refused(fee: Fee):
    await fee.employer("12345670", 10_000)
    answer = await fee.post("/service-periods", OFFICE, [period(1, employer_code="12345670")])
    assert codes(answer) == [("employer_number_too_wide", "/0/employer_code")]
    assert answer.json()["errors"][0]["suggestion"] == "/rdss-fee/v1/collection-schemes"


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize(
    ("begins", "ends", "clear"),
    [
        # Known: 28 September up to 1 December.
        ("2026-12-01", None, True),
        ("2026-11-30", None, False),
        ("2026-09-01", "2026-09-28", True),
        ("2026-09-01", "2026-09-29", False),
        ("2026-10-01", "2026-10-02", False),
        ("2026-01-01", None, False),
    ],
)
async def test_two_periods_of_a_man_have_no_day_in_common(fee: Fee, begins: str, ends: str | None, clear: bool):
    (known,) = await announced(fee, period(1, ends_before="2026-12-01", ended_by="transferred_out"))
    row = period(
        1, begins_on=begins, employer_code=B, **({"ends_before": ends, "ended_by": "suspended"} if ends else {})
    )
    answer = await fee.post("/service-periods", OFFICE, [row])
    assert answer.status_code == (201 if clear else 422)
    if not clear:
        assert codes(answer) == [("period_overlaps", "/0/begins_on")]
        path = answer.json()["errors"][0]["suggestion"]
        assert path == f"/rdss-fee/v1/service-periods/{known['period_id']}"


@pytest.mark.rule("FE-05")
async def test_rows_of_one_array_overlap_as_well(fee: Fee):
    answer = await fee.post("/service-periods", OFFICE, [period(1), period(1, begins_on="2026-10-01", employer_code=B)])
    assert codes(answer) == [("period_overlaps", "/1/begins_on")]
    assert answer.json()["errors"][0]["suggestion"] == "row 1"


@pytest.mark.rule("FE-05")
async def test_control_what_the_rules_let_through_the_database_refuses(fee: Fee, monkeypatch: pytest.MonkeyPatch):
    """Planted: rules that see nothing. The exclusion of the table is the last wall, and answers as the rules do."""
    await announced(fee, period(1))
    monkeypatch.setattr(announcing, "faults_of", lambda *what: [])
    answer = await fee.post("/service-periods", OFFICE, [period(1, begins_on="2026-10-01", employer_code=B)])
    assert (answer.status_code, codes(answer)) == (422, [("period_overlaps", "/begins_on")])
    with pytest.raises(asyncpg.ExclusionViolationError):
        await fee.sql(
            "INSERT INTO service_period (id, version, serviceman_id, serviceman_no, employer_code, begins_on, begun_by,"
            " event_id, known_on) SELECT gen_random_uuid(), 1, serviceman_id, serviceman_no, employer_code,"
            " begins_on + 5, begun_by, event_id, known_on FROM service_period"
        )


@pytest.mark.rule("FE-02", "FE-05")
@pytest.mark.parametrize(
    "changes",
    [{"degree": "doctoral"}, {"cohort": 2025}, {"name": "陳建弘"}, {"stage_begins_on": "2026-09-29"}],
)
async def test_what_is_stated_otherwise_of_a_known_man_is_refused_with_the_way_to_correct_it(fee: Fee, changes):
    (known,) = await announced(fee, period(1, ends_before="2026-12-01", ended_by="transferred_out"))
    later = period(1, begins_on="2026-12-01", begun_by="transferred_in", employer_code=B, **changes)
    answer = await fee.post("/service-periods", OFFICE, [later])
    assert codes(answer) == [("facts_differ", f"/0/{next(iter(changes))}")]
    path = answer.json()["errors"][0]["suggestion"]
    assert path == f"/rdss-fee/v1/servicemen/{known['serviceman_id']}/facts"
    both = await fee.post("/service-periods", OFFICE, [period(2), period(2, **changes)])
    assert ("rows_differ", f"/1/{next(iter(changes))}") in codes(both)


async def test_the_end_of_a_stage_that_is_left_out_is_not_stated(fee: Fee):
    await announced(fee, period(1, stage_ends_before="2028-01-01", ends_before="2026-12-01", ended_by="suspended"))
    await announced(fee, period(1, begins_on="2026-12-01", begun_by="returned"))
    answer = await fee.post("/service-periods", OFFICE, [period(1, stage_ends_before="2028-01-02")])
    assert ("facts_differ", "/0/stage_ends_before") in codes(answer)


async def test_full_width_and_lower_case_are_one_number(fee: Fee):
    (first,) = await announced(fee, period(1, ends_before="2026-12-01", ended_by="suspended"))
    wide = national_id(8_000_001).lower().replace("1", "１")
    (second,) = await announced(fee, period(1, national_id=wide, begins_on="2026-12-01", begun_by="returned"))
    assert second["serviceman_id"] == first["serviceman_id"]


@pytest.mark.rule("FE-05")
async def test_of_lines_each_is_answered_by_a_line(fee: Fee):
    answer = await lines(
        fee, period(1), "", "{no json", period(2, degree="bachelor"), period(1, begins_on="2026-10-01"), period(3), "[]"
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    found = [json.loads(line) for line in answer.text.splitlines()]
    # Lines are counted as an editor shows them, blank ones too, which have no answer.
    assert [(one["row"], one["outcome"]) for one in found] == [
        (1, "announced"), (3, "refused"), (4, "refused"), (5, "refused"), (6, "announced"), (7, "refused"),
    ]  # fmt: skip
    assert [[(e["code"], e["pointer"]) for e in one["errors"]] for one in found] == [
        [], [("json_syntax", "")], [("enum", "/degree")], [("period_overlaps", "/begins_on")], [], [("model_type", "")],
    ]  # fmt: skip
    assert await count(fee, "service_period") == 2


async def test_the_same_lines_under_the_same_key_are_done_once(fee: Fee):
    sent = key()
    first, second = [await lines(fee, period(1), period(2), **sent) for _ in range(2)]
    assert second.text == first.text
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["content-type"] == "application/x-ndjson"
    assert await count(fee, "service_period") == 2


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"[]", 422, "too_short"),
        (b"{}", 422, "list_type"),
        (b"nonsense", 400, "bad_syntax"),
        (b"", 400, "bad_syntax"),
        (b"[{" + b'"a":1,' * 3 + b'"a":1}]', 400, "bad_syntax"),
        (json.dumps([{}] * 1_001).encode(), 422, "too_long"),
    ],
)
async def test_what_is_no_array_of_periods_is_refused_whole(fee: Fee, content: bytes, status: int, told: str):
    headers = {**OFFICE, **key(), "Content-Type": "application/json"}
    answer = await fee.http.post("/rdss-fee/v1/service-periods", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert told in {answer.json()["code"], *(code for code, _ in codes(answer))}


async def test_a_thousand_lines_are_taken_and_one_more_is_not(fee: Fee):
    rows = [period(number) for number in range(1, 1_001)]
    answer = await lines(fee, *rows)
    assert answer.text.count('"outcome":"announced"') == 1_000
    more = await lines(fee, *[period(number) for number in range(2_001, 3_002)])
    assert (more.status_code, codes(more)) == (422, [("too_long", "")])
    assert await count(fee, "serviceman") == 1_000


async def test_the_same_new_man_announced_twice_at_once_is_registered_once(fee: Fee):
    answers = await asyncio.gather(
        *(fee.post("/service-periods", OFFICE, [period(1, employer_code=code)]) for code in (A, B))
    )
    assert sorted(one.status_code for one in answers) == [201, 422]
    assert await count(fee, "serviceman") == 1


@pytest.mark.rule("FE-05")
async def test_lists_are_narrowed_and_sorted(fee: Fee):
    made = await announced(
        fee,
        period(1, begins_on="2026-01-01", stage_begins_on="2026-01-01", ends_before="2026-09-11", ended_by="suspended"),
        period(2, begins_on="2026-03-01", stage_begins_on="2026-01-01"),
        period(3, begins_on="2026-10-01", employer_code=B),
    )
    ids = [one["period_id"] for one in made]

    async def listed(**query: str) -> list[int]:
        answer = await fee.get("/service-periods", OFFICE, params={"sort": "begins_on", **query})
        assert answer.status_code == 200, answer.text
        return [ids.index(one["id"]) for one in answer.json()["items"]]

    assert await listed() == [0, 1, 2]
    assert (await listed(sort="-ends_before"))[0] == 0
    assert await listed(state="ended") == [0]
    assert await listed(state="serving") == [1]
    assert await listed(state="announced") == [2]
    assert await listed(employer_code=B) == [2]
    assert await listed(serviceman_id=made[1]["serviceman_id"]) == [1]
    assert await listed(month="2026-09") == [0, 1]
    assert await listed(month="2026-10") == [1, 2]
    assert await listed(month="2025-12") == []
    body = {"reason": "未報到"}
    path = f"/service-periods/{ids[2]}/withdrawal"
    assert (await fee.post(path, OFFICE, body, if_match='"1"')).status_code == 200
    assert (await listed(), await listed(state="withdrawn")) == ([0, 1], [2])
    page = (await fee.get("/service-periods", OFFICE, params={"limit": 1})).json()
    rest = await fee.get("/service-periods", OFFICE, params={"limit": 1, "cursor": page["next_cursor"]})
    assert {page["items"][0]["id"], rest.json()["items"][0]["id"]} == set(ids[:2])
    assert codes(await fee.get("/service-periods", OFFICE, params={"sort": "name"})) == [("sort_unknown", None)]
    assert (await fee.get("/service-periods", OFFICE, params={"month": "2026-13"})).status_code == 422


async def test_whole_numbers_are_for_the_employer_and_the_office_alone(fee: Fee):
    (made,) = await announced(fee, period(1))
    whole, masked = national_id(8_000_001), national_id(8_000_001)[:3] + "****" + national_id(8_000_001)[-3:]
    for who, shown in ((OFFICE, whole), (EMPLOYER_A, whole), (FINANCE, masked), (ADMIN, masked), (AUDITOR, masked)):
        assert (await man_of(fee, made["serviceman_id"], who))["national_id"] == shown
        (one,) = (await fee.get("/service-periods", who)).json()["items"]
        assert one["national_id"] == shown
        (event,) = (await fee.get("/service-events", who)).json()["items"]
        assert event["national_id"] == shown
    assert (await fee.get("/service-periods", EMPLOYER_B)).json()["items"] == []


async def test_an_employer_sees_what_is_its_own_of_a_man_whom_another_has_too(fee: Fee):
    made = await announced(
        fee,
        period(1, ends_before="2026-12-01", ended_by="transferred_out"),
        period(1, begins_on="2026-12-01", begun_by="transferred_in", employer_code=B),
    )
    man, (of_a, of_b) = made[0]["serviceman_id"], [one["period_id"] for one in made]
    assert [one["id"] for one in (await man_of(fee, man, EMPLOYER_A))["periods"]] == [of_a]
    assert [one["id"] for one in (await man_of(fee, man, EMPLOYER_B))["periods"]] == [of_b]
    nothing = (await fee.get(f"/service-periods/{uuid.uuid4()}", EMPLOYER_B)).json()
    for path in (f"/service-periods/{of_a}", f"/service-periods/{of_a}/history"):
        answer = await fee.get(path, EMPLOYER_B)
        assert answer.status_code == 404
        assert answer.json() | {"instance": ""} == nothing | {"instance": ""}


async def test_numbers_are_sealed_and_every_act_is_written_down(fee: Fee):
    (made,) = await announced(fee, period(1))
    (row,) = await fee.sql("SELECT national_id FROM serviceman")
    assert national_id(8_000_001).encode() not in row["national_id"]
    acts = await fee.sql("SELECT action, entity_id, data::text FROM audit_entry WHERE entity = 'service_period'")
    assert [(act["action"], act["entity_id"]) for act in acts] == [("service_period.announced", made["period_id"])]
    told = " ".join(str(dict(one)) for one in await fee.sql("SELECT data::text FROM service_event")) + str(acts)
    assert national_id(8_000_001) not in told
    assert (await put(fee, f"/service-periods/{made['period_id']}", {}, 1, EMPLOYER_A)).status_code == 403
    assert TODAY.isoformat() in str((await fee.get("/service-periods", OFFICE)).json())
