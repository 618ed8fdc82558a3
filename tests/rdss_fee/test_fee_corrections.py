"""Correcting what is known of men: the past stays to be read as of any day (FE-05, FE-13)."""

import asyncio
from datetime import date
from typing import Any

import pytest

from rdss_fee.periods.service import knowledge
from shared.ids import mask_id
from tests.rdss_fee.desk import announced, codes, man_of, period, put
from tests.rdss_fee.support import DEPARTMENT_A, EMPLOYER_A, EMPLOYER_B, FINANCE, OFFICE, TODAY, B, Fee, national_id

DAYS = {"begins_on": "2026-09-28", "begun_by": "reported"}
ENDED = DAYS | {"ends_before": "2026-10-10", "ended_by": "released_early"}
FACTS = {"name": "陳建宏", "degree": "master", "cohort": 2026, "stage_begins_on": "2026-09-28"}
NEXT_DAY, THIRD_DAY = date(2026, 9, 16), date(2026, 9, 17)


@pytest.mark.rule("FE-05", "FE-13")
async def test_a_correction_replaces_what_is_known_and_the_past_stays(fee: Fee):
    (made,) = await announced(fee, period(1))
    path, man = f"/service-periods/{made['period_id']}", made["serviceman_id"]
    fee.on(NEXT_DAY)
    ended = await put(fee, path, ENDED | {"reason": "提前退役令"}, 1)
    assert (ended.status_code, ended.headers["etag"], ended.json()["known_on"]) == (200, '"2"', "2026-09-16")
    fee.on(THIRD_DAY)
    moved = await put(fee, path, ENDED | {"begins_on": "2026-09-29"}, 2)
    assert moved.json()["version"] == 3

    async def then(day: date | None) -> list[tuple[str, str | None]]:
        query: dict[str, Any] = {} if day is None else {"as_of": day.isoformat()}
        return [(one["begins_on"], one["ends_before"]) for one in (await man_of(fee, man, **query))["periods"]]

    assert await then(TODAY) == [("2026-09-28", None)]
    assert await then(NEXT_DAY) == [("2026-09-28", "2026-10-10")]
    assert await then(THIRD_DAY) == await then(None) == [("2026-09-29", "2026-10-10")]
    history = (await fee.get(f"{path}/history", EMPLOYER_A)).json()
    assert [(one["version"], one["known_on"], one["replaced_on"]) for one in history["versions"]] == [
        (1, "2026-09-15", "2026-09-16"), (2, "2026-09-16", "2026-09-17"), (3, "2026-09-17", None),
    ]  # fmt: skip
    assert [one["kind"] for one in history["events"]] == ["period_announced", "period_ended", "period_corrected"]
    assert [one["id"] for one in history["events"]] == [one["event_id"] for one in history["versions"]]
    assert (history["events"][1]["reason"], history["events"][1]["entered_by"]) == ("提前退役令", None)
    named = (await fee.get(f"{path}/history", FINANCE)).json()
    assert {one["entered_by"] for one in named["events"]} == {"office-1"}
    rows = await fee.sql("SELECT known_at, replaced_at FROM service_period ORDER BY version")
    # Of two versions one is known at any instant: none is missing between, none twice.
    assert [row["replaced_at"] for row in rows[:-1]] == [row["known_at"] for row in rows[1:]]


@pytest.mark.rule("FE-13")
async def test_of_one_day_the_last_word_is_what_was_known(fee: Fee):
    (made,) = await announced(fee, period(1))
    path = f"/service-periods/{made['period_id']}"
    for seen, begins_on in ((1, "2026-09-29"), (2, "2026-09-30")):
        assert (await put(fee, path, DAYS | {"begins_on": begins_on}, seen)).status_code == 200
    (one,) = (await man_of(fee, made["serviceman_id"], as_of=TODAY.isoformat()))["periods"]
    assert (one["begins_on"], one["version"]) == ("2026-09-30", 3)


async def test_what_changes_nothing_makes_no_version(fee: Fee):
    (made,) = await announced(fee, period(1))
    same = await put(fee, f"/service-periods/{made['period_id']}", DAYS, 1)
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    same = await put(fee, f"/servicemen/{made['serviceman_id']}/facts", FACTS, 1)
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert len(await fee.sql("SELECT 1 FROM service_event")) == 2


@pytest.mark.rule("FE-05")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (DAYS | {"ends_before": "2026-09-28", "ended_by": "suspended"}, ("period_without_days", "/ends_before")),
        (DAYS | {"ends_before": "2026-10-01"}, ("period_end_unstated", "/ended_by")),
        (DAYS | {"ended_by": "suspended"}, ("period_end_unstated", "/ended_by")),
        (DAYS, ("period_overlaps", "/begins_on")),
        (ENDED | {"ends_before": "2026-12-02"}, ("period_overlaps", "/begins_on")),
        (ENDED | {"ended_by": "left"}, ("enum", "/ended_by")),
        (ENDED | {"employer_code": B}, ("extra_forbidden", "/employer_code")),
    ],
)
async def test_a_correction_that_cannot_be_is_refused(fee: Fee, change: dict[str, Any], told: tuple[str, str]):
    made = await announced(
        fee,
        period(1, ends_before="2026-12-01", ended_by="transferred_out"),
        period(1, begins_on="2026-12-01", begun_by="transferred_in", employer_code=B),
    )
    answer = await put(fee, f"/service-periods/{made[0]['period_id']}", change, 1)
    assert answer.status_code == 422
    # A kind without an end also leaves the period without an end, which then overlaps.
    assert [one for one in codes(answer) if one[0] != "period_overlaps" or told == one] == [told]


async def test_who_has_seen_another_version_is_told(fee: Fee):
    (made,) = await announced(fee, period(1))
    path = f"/service-periods/{made['period_id']}"
    assert (await put(fee, path, ENDED, 1)).status_code == 200
    stale = await put(fee, path, DAYS, 1)
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    assert (await put(fee, path, DAYS, None)).status_code == 428
    assert (await put(fee, path, DAYS, 2, EMPLOYER_A)).status_code == 403


@pytest.mark.rule("FE-05", "FE-13")
async def test_a_period_that_never_was_is_withdrawn_and_stays_in_the_history(fee: Fee):
    (made,) = await announced(fee, period(1))
    path, man = f"/service-periods/{made['period_id']}", made["serviceman_id"]
    fee.on(NEXT_DAY)
    reason = {"reason": "A123456789 未報到"}
    assert (await fee.post(f"{path}/withdrawal", OFFICE, reason, if_match='"2"')).status_code == 412
    gone = await fee.post(f"{path}/withdrawal", OFFICE, reason, if_match='"1"')
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert (await man_of(fee, man))["periods"] == []
    assert len((await man_of(fee, man, as_of=TODAY.isoformat()))["periods"]) == 1
    for again in (
        await fee.post(f"{path}/withdrawal", OFFICE, reason, if_match='"1"'),
        await put(fee, path, ENDED, 1),
        await fee.post(f"{path}/reports", EMPLOYER_A, {"begins_on": "2026-09-29"}, if_match='"1"'),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "period_withdrawn")
    history = (await fee.get(f"{path}/history", EMPLOYER_A)).json()
    assert history["versions"][0]["replaced_on"] == "2026-09-16"
    # A number that somebody wrote into a reason is kept masked.
    assert (history["events"][-1]["kind"], history["events"][-1]["reason"]) == ("period_withdrawn", "A12****789 未報到")
    # An employer sees the man as it had him then, and no more.
    assert (await fee.get(f"/servicemen/{man}", EMPLOYER_A)).status_code == 404
    assert len((await man_of(fee, man, EMPLOYER_A, as_of=TODAY.isoformat()))["periods"]) == 1
    # Nor his number, which it should not have been told; the office that announced him does.
    masked = mask_id(national_id(8_000_001))
    query = {"as_of": TODAY.isoformat()}
    for where in (path, f"/servicemen/{man}?as_of={TODAY}"):
        assert (await fee.get(where, EMPLOYER_A)).json()["national_id"] == masked
    listed = [
        *(await fee.get("/service-periods", EMPLOYER_A, params={"state": "withdrawn"})).json()["items"],
        *(await fee.get("/service-events", EMPLOYER_A)).json()["items"],
        *history["events"],
    ]
    assert {one["national_id"] for one in listed} == {masked}
    assert (await man_of(fee, man, OFFICE, **query))["national_id"] == national_id(8_000_001)
    # The days are free again.
    assert (await announced(fee, period(1, employer_code=B)))[0]["registered"] is False


@pytest.mark.rule("FE-02", "FE-13")
async def test_nothing_becomes_known_that_no_run_could_price(fee: Fee):
    """Bad input: a month without a rate. Of another day, of another stage, and by an employer's report."""
    (made,) = await announced(fee, period(1, stage_begins_on="2009-06-01", begins_on="2026-09-28"))
    path, facts = f"/service-periods/{made['period_id']}", f"/servicemen/{made['serviceman_id']}/facts"
    early = {"begins_on": "2009-12-31", "begun_by": "reported"}
    for refused in (
        await put(fee, path, early, 1),
        await fee.post(f"{path}/reports", EMPLOYER_A, {"begins_on": "2009-12-31"}, if_match='"1"'),
        await fee.post(f"{path}/reports", DEPARTMENT_A, {"begins_on": "2009-12-31"}, if_match='"1"'),
    ):
        assert (refused.status_code, codes(refused)) == (422, [("rate_missing", "/begins_on")])
    first = await put(fee, path, early | {"begins_on": "2010-01-01"}, 1)
    assert first.status_code == 200, first.text
    await fee.sql("DELETE FROM rate WHERE degree = 'doctoral'")
    known = FACTS | {"stage_begins_on": "2009-06-01"}
    refused = await put(fee, facts, known | {"degree": "doctoral"}, 2)
    assert (refused.status_code, codes(refused)) == (422, [("rate_missing", "/degree")])
    # Nothing else of him waits for a rate that was there when he became known.
    await fee.sql("DELETE FROM rate WHERE effective_from = '2010-01-01'")
    assert (await put(fee, facts, known | {"name": "陳建弘"}, 2)).status_code == 200


@pytest.mark.rule("FE-02", "FE-05", "FE-13")
async def test_service_credit_moves_the_end_of_the_stage_and_the_past_stays(fee: Fee):
    (made,) = await announced(fee, period(1, stage_ends_before="2028-09-28"))
    path, man = f"/servicemen/{made['serviceman_id']}", made["serviceman_id"]
    fee.on(NEXT_DAY)
    credited = await put(fee, f"{path}/facts", FACTS | {"stage_ends_before": "2028-08-29"}, 1)
    assert (credited.status_code, credited.headers["etag"]) == (200, '"2"')
    assert (credited.json()["stage_ends_before"], credited.json()["facts_known_on"]) == ("2028-08-29", "2026-09-16")
    assert (await man_of(fee, man, as_of=TODAY.isoformat()))["stage_ends_before"] == "2028-09-28"
    fee.on(THIRD_DAY)
    named = await put(fee, f"{path}/facts", FACTS | {"name": "陳建弘", "stage_ends_before": "2028-08-29"}, 2)
    # A name is today's; what prices the man was not told anew.
    assert (named.json()["name"], named.json()["facts_known_on"]) == ("陳建弘", "2026-09-16")
    assert (await man_of(fee, man, as_of=TODAY.isoformat()))["name"] == "陳建弘"
    assert (await put(fee, f"{path}/facts", FACTS, 2)).status_code == 412
    empty = await put(fee, f"{path}/facts", FACTS | {"stage_ends_before": "2026-09-28"}, 3)
    assert codes(empty) == [("stage_without_days", "/stage_ends_before")]
    wrong = await put(fee, f"{path}/facts", FACTS | {"degree": "bachelor"}, 3)
    assert codes(wrong) == [("enum", "/degree")]
    assert (await put(fee, f"{path}/facts", FACTS, 3, EMPLOYER_A)).status_code == 403


@pytest.mark.rule("FE-13")
async def test_before_he_was_known_and_after_today_there_is_no_answer(fee: Fee):
    (made,) = await announced(fee, period(1))
    path = f"/servicemen/{made['serviceman_id']}"
    assert (await fee.get(path, OFFICE, params={"as_of": "2026-09-14"})).status_code == 404
    future = await fee.get(path, OFFICE, params={"as_of": "2026-09-16"})
    assert (future.status_code, [code for code, _ in codes(future)]) == (422, ["as_of_future"])
    assert (await fee.get(path, EMPLOYER_B)).status_code == 404
    roc = await fee.get(path, OFFICE, params={"as_of": "115/09/15"})
    assert (roc.status_code, roc.json()["as_of"], "etag" in roc.headers) == (200, "2026-09-15", False)


@pytest.mark.rule("FE-05")
async def test_two_corrections_at_once_leave_one_version_after_the_other(fee: Fee):
    made = await announced(
        fee, *(period(number, ends_before="2026-12-01", ended_by="suspended") for number in range(1, 5))
    )
    for one in made:
        path = f"/service-periods/{one['period_id']}"
        answers = await asyncio.gather(*(put(fee, path, DAYS | {"begins_on": f"2026-09-2{n}"}, 1) for n in (5, 6, 7)))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    rows = await fee.sql("SELECT id FROM service_period WHERE replaced_at IS NULL")
    assert len(rows) == len(made)


@pytest.mark.rule("FE-05")
async def test_two_periods_of_a_man_corrected_at_once_do_not_come_to_overlap(fee: Fee):
    """Each by itself may take October; both may not."""
    first, second = await announced(
        fee,
        period(1, ends_before="2026-10-01", ended_by="transferred_out"),
        period(1, begins_on="2026-11-01", begun_by="transferred_in", employer_code=B),
    )
    answers = await asyncio.gather(
        put(
            fee,
            f"/service-periods/{first['period_id']}",
            DAYS | {"ends_before": "2026-11-01", "ended_by": "suspended"},
            1,
        ),
        put(
            fee,
            f"/service-periods/{second['period_id']}",
            {"begins_on": "2026-10-01", "begun_by": "transferred_in"},
            1,
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]


@pytest.mark.rule("FE-13")
async def test_control_an_instant_taken_before_the_lock_would_replace_a_row_before_it_was_known(
    fee: Fee, monkeypatch: pytest.MonkeyPatch
):
    """Planted: the instant is taken first thing, so whoever waited has an earlier one than the row he replaces. The
    table refuses it, and so what was known at an instant stays one answer.
    """
    (made,) = await announced(fee, period(1))
    early = await fee.sql("SELECT clock_timestamp() - interval '1 day' AS at")
    real = knowledge.moment

    async def too_early(session: Any) -> knowledge.Moment:
        await real(session)
        return knowledge.Moment(early[0]["at"], TODAY)

    monkeypatch.setattr("rdss_fee.periods.service.correct.moment", too_early)
    answer = await put(fee, f"/service-periods/{made['period_id']}", ENDED, 1)
    assert answer.status_code == 500
    assert len(await fee.sql("SELECT 1 FROM service_period")) == 1
