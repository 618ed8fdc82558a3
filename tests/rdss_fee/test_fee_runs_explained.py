"""What a run is made of, told later: as of a day, at a late rate, line by line, years on (FE-02, FE-13, FE-43)."""

import datetime as dt
import uuid

import pytest

from rdss_fee.billing import computing
from rdss_fee.months import Month
from tests.rdss_fee.support import AUDITOR, EMPLOYER_A, EMPLOYER_B, FINANCE, OFFICE, A, B, Fee

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
day = dt.date


@pytest.mark.rule("FE-13")
async def test_computed_again_as_of_a_day(fee: Fee):
    """What did we know on the 15th: the lines that were issued; on the 5th: without what became known on the 10th."""
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1), known_on=day(2026, 8, 1))
    period = await fee.period(await fee.man(cohort=2024), B, day(2026, 9, 1), known_on=day(2026, 9, 10))
    run = await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 20))
    await fee.correct(period, day(2026, 9, 2), known_on=day(2026, 10, 20))
    then = await fee.previewed(OCTOBER, kind="recomputation", as_of="2026-09-15")
    assert await fee.lines(then) == await fee.lines(run)
    before = await fee.previewed(OCTOBER, kind="recomputation", as_of="2026-09-05")
    assert {line[0] for line in await fee.lines(before)} == {A}
    now = await fee.previewed(OCTOBER, kind="recomputation")
    assert (B, "2026-09", "charge", 1, 1_333) in await fee.lines(now)
    refused = await fee.issue(now)
    assert (refused.status_code, refused.json()["code"]) == (409, "run_closed")
    for body in ({"kind": "recomputation", "as_of": "2027-01-01"}, {"as_of": "2026-09-05"}):
        assert (await fee.post("/billing-runs", FINANCE, {"month": "2026-11", **body})).status_code == 422


@pytest.mark.rule("FE-02")
async def test_a_later_rate_changes_billed_months_by_an_explicit_correction_only(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    await fee.sql(
        "INSERT INTO rate (id, category, degree, cohort_from, effective_from, amount, document, entered_by, known_on)"
        " VALUES (gen_random_uuid(), 'rdss', 'master', 2024, '2026-09-01', 41000, 'x', 'x', '2026-10-01')"
    )
    fee.on(day(2026, 10, 15))
    kept = await fee.previewed(NOVEMBER)
    assert [line[1:] for line in await fee.lines(kept)] == [("2026-11", "charge", 30, 41_000)]
    await fee.post(f"/billing-runs/{kept['id']}/drop", FINANCE, if_match=f'"{kept["version"]}"')
    corrected = await fee.previewed(NOVEMBER, reprice=True)
    assert [line[1:] for line in await fee.lines(corrected)] == [
        ("2026-09", "charge", 30, 1_000), ("2026-10", "charge", 31, 1_000), ("2026-11", "charge", 30, 41_000),
    ]  # fmt: skip


@pytest.mark.rule("FE-02", "FE-13")
@pytest.mark.parametrize("looked_for", [True, False])
async def test_a_late_rate_prices_months_billed_at_what_a_man_was_taken_for(
    fee: Fee, monkeypatch: pytest.MonkeyPatch, looked_for: bool
):
    """Billed as of the cohort of 2010, he is of 2024; both cost the same until a rate of 2024's comes late. Planted: a
    statement that does not look for such men finds nothing of October.
    """
    if not looked_for:
        assert "o.replaced_at IS NOT NULL" in computing._COMPUTE
        blind = computing._COMPUTE.replace("o.replaced_at IS NOT NULL", "false")
        monkeypatch.setattr(computing, "_COMPUTE", blind)
    man = await fee.man(cohort=2010)
    await fee.period(man, A, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 15))
    await fee.refact(man, day(2026, 10, 2), cohort=2024)
    await fee.issued(NOVEMBER)
    fee.on(day(2026, 11, 15))
    await fee.sql(
        "INSERT INTO rate (id, category, degree, cohort_from, effective_from, amount, document, entered_by, known_on)"
        " VALUES (gen_random_uuid(), 'rdss', 'master', 2024, '2026-10-01', 41000, 'x', 'x', '2026-11-01')"
    )
    run = await fee.previewed(Month(2026, 12))
    # November was billed to him as who he is, and keeps its price.
    found = [line[1:] for line in await fee.lines(run)]
    if not looked_for:
        assert found == [("2026-12", "charge", 31, 41_000)]
        return
    assert found == [("2026-10", "charge", 31, 1_000), ("2026-12", "charge", 31, 41_000)]
    why = await fee.get(f"/billing-runs/{run['id']}/lines/{A}/{man}/2026-10", FINANCE)
    assert why.json()["agrees"] is True


@pytest.mark.rule("FE-13", "FE-30")
async def test_every_line_says_why_it_stands(fee: Fee):
    man = await fee.man(cohort=2024)
    period = await fee.period(man, A, day(2026, 9, 14))
    await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 15))
    await fee.correct(period, day(2026, 10, 8), known_on=day(2026, 10, 9))
    run = await fee.issued(NOVEMBER)
    why = await fee.get(f"/billing-runs/{run['id']}/lines/{A}/{man}/2026-10", EMPLOYER_A)
    assert why.status_code == 200, why.text
    told = why.json()
    assert told["spans"] == [{"first": "2026-10-01", "last": "2026-10-07"}]
    assert told["formula"] == "40,000 × 7 ÷ 31 = 9,032; 9,032 - 40,000 = -30,968"
    assert (told["agrees"], told["rate_document"]) == (None, "國立臺灣大學轉知，自111年10月1日起")
    assert [(x["billed_in"], x["kind"], x["amount"]) for x in told["earlier"]] == [("2026-10", "charge", 40_000)]
    assert [(x["known_on"], x["ended_by"]) for x in told["periods"]] == [("2026-10-09", "released_early")]
    assert told["line"]["event_id"] == told["periods"][0]["event_id"]
    assert "60" in told["articles"][0]
    assert told["line"]["national_id"].count("*") == 4
    other = await fee.get(f"/billing-runs/{run['id']}/lines/{A}/{man}/2026-10", EMPLOYER_B)
    nobody = await fee.get(f"/billing-runs/{run['id']}/lines/{A}/{uuid.uuid4()}/2026-10", EMPLOYER_A)
    assert (other.status_code, nobody.status_code) == (404, 404)
    assert (await fee.get(f"/billing-runs/{run['id']}/lines/{A}/{man}/2026-10", OFFICE)).json() == {
        **told,
        "agrees": True,
    }


@pytest.mark.rule("FE-43")
async def test_a_run_s_manifest_is_made_anew_years_later(fee: Fee):
    await fee.period(await fee.man(cohort=2024), A, day(2026, 9, 1))
    run = await fee.issued(OCTOBER)
    fee.on(day(2031, 1, 1))
    await fee.period(await fee.man(), B, day(2030, 9, 1), known_on=day(2031, 1, 1))
    verified = (await fee.get(f"/billing-runs/{run['id']}/verification", AUDITOR)).json()
    assert (verified["verified"], verified["differs"]) == (True, [])
    assert verified["recomputed"] == run["manifest"]
    # Planted: a period that was known then says something else, past the trigger that keeps it.
    await fee.sql("ALTER TABLE service_period DISABLE TRIGGER service_period_keeps_known")
    await fee.sql("UPDATE service_period SET begins_on = begins_on + 1 WHERE employer_code = $1", A)
    found = (await fee.get(f"/billing-runs/{run['id']}/verification", AUDITOR)).json()
    assert (found["verified"], found["differs"]) == (False, ["periods"])
    await fee.sql("ALTER TABLE line DISABLE TRIGGER line_append_only")
    await fee.sql("DELETE FROM line WHERE month = '2026-09-01'")
    found = (await fee.get(f"/billing-runs/{run['id']}/verification", AUDITOR)).json()
    assert found["differs"] == ["periods", "lines", "line_count", "charges"]


@pytest.mark.rule("FE-14")
async def test_a_preview_says_how_it_differs_from_the_run_before(fee: Fee):
    staying = await fee.man(cohort=2024)
    await fee.period(staying, A, day(2026, 9, 1))
    leaving = await fee.period(await fee.man(cohort=2024), B, day(2026, 9, 1))
    await fee.issued(OCTOBER)
    fee.on(day(2026, 10, 15))
    await fee.correct(leaving, day(2026, 11, 1), known_on=day(2026, 10, 1))
    run = await fee.previewed(NOVEMBER)
    assert (run["previous"]["charges"], run["totals"]["charges"]) == (160_000, 40_000)
    told = (await fee.get(f"/billing-runs/{run['id']}/employers?sort=difference", OFFICE)).json()["items"]
    assert [(x["employer_code"], x["charges"], x["previous_charges"], x["difference"]) for x in told] == [
        (B, 0, 80_000, -80_000), (A, 40_000, 80_000, -40_000),
    ]  # fmt: skip
