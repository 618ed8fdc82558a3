"""A dry run does everything, keeps nothing, and never shows a school what may reveal a conviction (RO-16)."""

from datetime import date

import pytest

from tests.roster.intake_corpus.files import extension, student, to_csv
from tests.roster.test_submissions import counts, of_five_counties, post
from tests.support import rosters
from tests.support.rosters import NTU, OTHER_SCHOOL
from tests.support.tokens import key

HIDDEN = {"RO-22", "RO-27", "RO-29", "RO-30", "RO-32"}


def one_term(number: int, **changes: str) -> dict[str, str]:
    return extension(number, birth_date="2006-03-04", extended_until="2027-01-31", **changes)


def without_audit(found: dict[str, int]) -> dict[str, int]:
    return {table: rows for table, rows in found.items() if table != "audit_entry"}


@pytest.mark.rule("RO-16")
async def test_a_dry_run_tells_everything_and_keeps_nothing(county, monkeypatch, tmp_path):
    rosters.set_today(monkeypatch, tmp_path, date(2026, 10, 22))
    rows = [row | {"status_recognised": ""} for row in of_five_counties()]
    rows[3] |= {"birth_date": "1990-05-01"}
    rows[4] |= {"status_recognised": "否"}
    before = await counts(county)
    answer = await post(county, to_csv(rows).encode("cp950"), query="&dry_run=true")
    after = await counts(county)
    assert without_audit(after) == without_audit(before)
    assert after["audit_entry"] == before["audit_entry"] + 1
    assert answer.status_code == 200
    told = answer.json()
    assert (told["dry_run"], told["already_submitted"], told["row_count"]) == (True, None, 10)
    assert (told["charset"], [n["code"] for n in told["notes"]]) == ("cp950", ["charset_guessed"])
    assert [(r["county_code"], r["headcount"], r["deadline"], r["days_late"]) for r in told["rosters"]] == [
        (code, 2, "2026-10-19", 3) for code in ("63000", "64000", "65000", "66000", "68000")
    ]
    assert [(c["rule"], c["code"], c["severity"], c["count"]) for c in told["hint_counts"]] == [
        ("RO-21", "enrolment_not_recognised", "blocking", 1),
        ("RO-24", "age_limit", "blocking", 1),
        ("RO-28", "late", "warning", 10),
    ]
    assert told["hint_count"] == 12
    assert [h["code"] for h in told["hints"] if h["row"] == 5] == ["age_limit", "late"]
    assert "33" in told["hints"][3]["message"] + told["hints"][4]["message"]


@pytest.mark.rule("RO-16")
async def test_a_dry_run_never_shows_a_school_what_it_may_not_know(county):
    rows = [
        # Graduated before, holds no deferment to extend, stands on another school's roster: RO-22 and RO-27 twice.
        one_term(1, prior_graduated_level="bachelor"),
        one_term(2, prior_graduated_level=""),
    ]
    assert (await post(county, to_csv(rows[:1]).encode(), OTHER_SCHOOL, kind="extension")).status_code == 201
    body = to_csv(rows).encode()
    told = (await post(county, body, kind="extension", query="&dry_run=true")).json()
    assert told["row_count"] == 2
    assert not {c["rule"] for c in told["hint_counts"]} & HIDDEN
    assert (told["hints"], told["hint_count"]) == ([], 0)
    # What was hidden is there: the county sees it once the file is posted.
    made = (await post(county, body, kind="extension")).json()
    county_sees = {h["rule"] for e in await county.entries(made["rosters"][0]["id"]) for h in e["hints"]}
    school_sees = {h["rule"] for e in await county.entries(made["rosters"][0]["id"], NTU) for h in e["hints"]}
    assert county_sees >= {"RO-22", "RO-27"}
    assert not school_sees & HIDDEN


@pytest.mark.rule("RO-16", "RO-08")
async def test_a_dry_run_says_that_the_content_is_in_already(county):
    body = to_csv(of_five_counties()).encode()
    made = (await post(county, body)).json()
    before = await counts(county)
    told = (await post(county, body, query="&dry_run=true")).json()
    assert told["already_submitted"] == made["id"]
    assert [r["headcount"] for r in told["rosters"]] == [2] * 5
    assert without_audit(await counts(county)) == without_audit(before)


@pytest.mark.rule("RO-16")
async def test_the_key_of_a_dry_run_is_free_for_the_post(county):
    one = key()
    body = to_csv([student(1)]).encode()
    assert (await post(county, body, query="&dry_run=true", **one)).status_code == 200
    assert (await post(county, body, **one)).status_code == 201


@pytest.mark.rule("RO-16", "RO-07")
async def test_a_dry_run_of_a_faulty_file_is_refused_as_the_post_would_be(county):
    body = to_csv([student(1, level="phd"), student(2, name="")]).encode()
    tried = await post(county, body, query="&dry_run=true")
    posted = await post(county, body)
    assert tried.status_code == posted.status_code == 422
    assert tried.json() == posted.json()
