"""RO-54: "after an amendment, one call lists the undecided entries and past decisions that would be judged
otherwise"."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from roster.hints import limits
from roster.hints.limits import AgeLimit, AgeLimitRow
from shared import law
from shared.law import DEFERMENT_REGULATION, LAWS, Citation, Dated, DatedRow, Law
from tests.roster.test_decision_corrections import decided
from tests.roster.test_remedies import untouched
from tests.roster.test_submissions import owner
from tests.support.rosters import ADMIN, ELSEWHERE, NTU, OFFICER, County, men

pytestmark = pytest.mark.rule("RO-54")

# Enacted, not in force yet: whoever is past 30 by then is no longer deferred.
AMENDED = date(2027, 7, 1)
OLD = {"level": "doctoral", "nominal_years": "7", "expected_graduation_on": "2027-06"}


@pytest.fixture
def amendment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Art. 15(1)(5) with 30 for 33, planted behind the rows that are there."""
    known = LAWS[DEFERMENT_REGULATION]
    amended = Law(known.code, known.name, known.name_en, (*known.versions, AMENDED), known.kind)
    monkeypatch.setitem(law.LAWS, DEFERMENT_REGULATION, amended)
    row = DatedRow(
        AMENDED,
        (limits.AGE_LIMITS.rows[-1].value[0], AgeLimitRow(AgeLimit(30, "15-1-5"))),
        Citation(DEFERMENT_REGULATION, "15-1", AMENDED),
    )
    monkeypatch.setattr(limits, "AGE_LIMITS", Dated([*limits.AGE_LIMITS, row]))
    # Neither what another test found under the law as it is may be found here, nor the other way round.
    _forget()
    yield
    _forget()


def _forget() -> None:
    for known in vars(limits).values():
        if hasattr(known, "cache_clear"):
            known.cache_clear()


async def around_the_limit(county: County) -> tuple[str, dict[str, Any]]:
    """Undecided men who turn 29, 30, 31 and 33 this year, and a decided one of 31."""
    rows = [men(n, 1, birth_date=f"{year}-05-05", **OLD)[0] for n, year in enumerate((1997, 1996, 1995, 1993), 1)]
    roster_id, _ = await county.opened(rows)
    _, entry = await decided(county, men(9, 1, birth_date="1995-05-05", **OLD))
    await decided(county, men(10, 1))
    return roster_id, entry


async def reassess(county: County, who: Any = OFFICER, **body: Any) -> Any:
    return await county.do("/reassessments", who, {"as_of_law": AMENDED.isoformat(), **body})


def _codes(difference: dict[str, Any]) -> tuple[str | None, str | None]:
    then, now = difference["then"], difference["now"]
    return then and then["code"], now and now["code"]


async def test_who_is_past_the_new_limit_is_listed_and_nobody_else(county, amendment):
    roster_id, entry = await around_the_limit(county)
    before = await untouched(county)
    found = await reassess(county)
    assert (found["looked_at"], found["remaining"], found["next_cursor"]) == (6, 0, None)
    assert (found["undecided"], found["decided"]) == (3, 1)
    undecided = {one["row_no"]: one for one in found["items"] if one["roster_id"] == roster_id}
    # Of 30 he is not past 30; but what he asks for runs past the new last day. Of 33 he was told the like before.
    assert {row: [_codes(d) for d in one["differences"]] for row, one in undecided.items()} == {
        3: [(None, "deferment_capped")],
        4: [(None, "age_limit")],
        5: [("deferment_capped", None), (None, "age_limit")],
    }
    (past,) = [one for one in found["items"] if one["decision_id"]]
    assert (past["decision_id"], past["decision"], past["judged_as_of"]) == (
        entry["decision"]["id"], "approved", "2026-10-01",
    )  # fmt: skip
    (difference,) = past["differences"]
    assert (difference["rule"], difference["then"], difference["law_version_now"]) == ("RO-24", None, "2027-07-01")
    assert difference["now"]["values"]["limit"] == 30
    assert difference["article"]["text"] == "免役禁役緩徵緩召實施辦法第15條第1項第5款"
    assert (difference["article"]["version"], difference["now"]["severity"]) == ("2027-07-01", "blocking")
    # It changes nothing; that it looked across the walls is on record.
    assert await untouched(county) == before
    audited = await owner(county, "SELECT entity_id FROM audit_entry WHERE action = 'purpose.judge' AND entity = 'law'")
    assert [row["entity_id"] for row in audited] == ["2027-07-01"]


async def test_what_was_found_is_still_found_until_the_law_lets_it_go(county, amendment):
    """The other way round: judged under the amended law, looked at under the one before."""
    await county.opened(men(1, 1, birth_date="1992-05-05", **OLD))
    found = await reassess(county, as_of_law="2026-10-01")
    assert found["items"] == []
    found = await reassess(county)
    ((difference,),) = [one["differences"] for one in found["items"]]
    # Past 33 and past 30: the same hint, with another limit and another version of the law.
    assert (difference["then"]["values"]["limit"], difference["now"]["values"]["limit"]) == (33, 30)
    assert (difference["law_version_then"], difference["law_version_now"]) == ("2019-07-26", "2027-07-01")


async def test_without_an_amendment_nobody_is_judged_otherwise(county):
    """The negative control."""
    await around_the_limit(county)
    for day in ("2018-06-28", "2026-10-01", "2027-07-01", "2099-01-01"):
        found = await reassess(county, as_of_law=day)
        assert (found["looked_at"], found["items"]) == (6, [])
    refused = await county.call("POST", "/reassessments", OFFICER, {"as_of_law": "2018-06-27"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "law_unknown")


async def test_in_parts_it_finds_the_same(county, amendment):
    await around_the_limit(county)
    whole = await reassess(county)
    items, cursor = [], None
    while True:
        page = await reassess(county, limit=1, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
        stolen = await county.call(
            "POST", "/reassessments", ELSEWHERE, {"as_of_law": AMENDED.isoformat(), "cursor": cursor}
        )
        assert (stolen.status_code, stolen.json()["code"]) == (400, "cursor_invalid")
    assert items == whole["items"]


async def test_a_county_is_told_of_its_own_and_the_administrator_numbers(county, amendment):
    await around_the_limit(county)
    await county.post(men(20, 1, county_code="65000", township_code="65000010", birth_date="1995-05-05", **OLD))
    (theirs,) = (await reassess(county, ELSEWHERE))["items"]
    assert theirs["row_no"] == 2
    assert len((await reassess(county))["items"]) == 4
    national = await reassess(county, ADMIN)
    assert national["items"] == []
    assert national["counties"] == [
        {"county_code": "63000", "undecided": 3, "decided": 1},
        {"county_code": "65000", "undecided": 1, "decided": 0},
    ]
    assert (await county.call("POST", "/reassessments", NTU, {"as_of_law": "2027-07-01"})).status_code == 403


async def test_every_stored_hint_names_its_rule_and_the_law_it_was_judged_under(county):
    await around_the_limit(county)
    stored = await owner(county, "SELECT rule, law_version, body FROM hint")
    assert stored
    assert all(row["rule"].startswith("RO-") and row["law_version"] is not None for row in stored)
