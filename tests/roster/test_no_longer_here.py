"""What may not be told by numbers, and of men who are no longer on a roster."""

import pytest

from tests.roster.corrections import correct
from tests.roster.intake_corpus.files import national_id
from tests.support.rosters import NTU, OFFICER, County, men


@pytest.mark.rule("RO-30", "RO-09")
async def test_a_school_cannot_count_whom_the_review_passed_over(county: County) -> None:
    """ "Approve all clean" touches everybody but those of whom the registry says something (docs/adr/0041)."""
    roster_id, _ = await county.opened(men(1, 2), {2: {"status": "reservist", "birth_date": "2006-03-04"}})
    await county.approve_clean(roster_id)
    seen = await county.entries(roster_id, NTU)
    assert [entry["version"] for entry in seen] == [1, 1]
    for entry in seen:
        answer = await county.call("GET", f"/entries/{entry['id']}", NTU)
        assert (answer.json()["version"], answer.headers.get("etag")) == (1, None)
    # The county works with them, so there is something to hide.
    assert len({entry["version"] for entry in await county.entries(roster_id)}) == 2


@pytest.mark.rule("RO-60", "RO-61")
@pytest.mark.parametrize("who", [NTU, OFFICER], ids=["school", "county"])
async def test_a_man_who_was_left_out_is_not_found_on_his_roster(county: County, who: dict[str, str]) -> None:
    roster_id, (first, _) = await county.opened(men(1, 2))
    assert (await county.patch(first, {"decision": "approved"})).status_code == 200
    await county.submit(roster_id, entry_ids=[first["id"]])
    assert await _found(county, who, 2) == [roster_id]
    assert (await correct(county, roster_id, men(1, 1))).status_code == 200
    assert await _found(county, who, 2) == []
    assert await _found(county, who, 1) == [roster_id]


async def _found(county: County, who: dict[str, str], man: int) -> list[str]:
    page = await county.call("POST", "/result-searches", who, {"national_id": national_id(man)})
    assert page.status_code == 200, page.text
    return [item["roster_id"] for item in page.json()["items"]]
