"""RO-55: "an entry, roster or deferment can be read as it stood at any past moment"; and RO-09: "old versions stay
readable"."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.roster.corrections import correct, corrected, standing, withdraw
from tests.roster.intake_corpus.files import extension
from tests.roster.test_submissions import owner
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-55")

PLACE = {"county_code": "65000", "township_code": "65000010", "reason": "戶籍在新北市"}


def now() -> str:
    """This instant, as a query states it."""
    return quote(datetime.now(UTC).isoformat())


class Album:
    """What a caller read at several instants, to be read again as of them."""

    def __init__(self, county: County, paths: list[tuple[str, dict[str, str]]]) -> None:
        self.county, self.paths = county, paths
        self.pages: list[tuple[str, list[tuple[int, Any]]]] = []

    async def look(self) -> None:
        seen = []
        for path, who in self.paths:
            answer = await self.county.call("GET", path, who)
            seen.append((answer.status_code, answer.json()))
        self.pages.append((now(), seen))

    async def compare(self) -> int:
        """Every page member for member; how many."""
        compared = 0
        for at, seen in self.pages:
            for (path, who), (status, body) in zip(self.paths, seen, strict=True):
                joint = "&" if "?" in path else "?"
                again = await self.county.call("GET", f"{path}{joint}as_of={at}", who)
                assert again.status_code == status, (path, again.text)
                assert again.json() == body, path
                assert "etag" not in again.headers
                compared += 1
        return compared


async def test_every_page_that_was_read_can_be_read_again(county: County):
    """A roster's life, read by school and county after every step, and read again as of each of them."""
    rows = men(1, 4)
    roster_id = (await county.post(rows))["63000"]
    ids = [e["id"] for e in await county.entries(roster_id)]
    # The fourth man is left out at the end: of him the county is then shown no more, so his page is not here.
    paths = [(f"/rosters/{roster_id}", who) for who in (NTU, OFFICER)]
    paths += [(f"/entries/{one}", who) for one in ids[:3] for who in (NTU, OFFICER)]
    paths += [(f"/rosters/{roster_id}/entries", NTU), (f"/rosters/{roster_id}/entries?state=in_review", NTU)]
    album = Album(county, paths)
    await album.look()
    await county.answered(roster_id, {2: {"status": "reservist"}})
    await album.look()
    await county.do(f"/rosters/{roster_id}/open")
    await album.look()
    await county.approve_clean(roster_id)
    held = (await county.entries(roster_id))[1]
    assert (await county.patch(held, {"on_hold": True, "certificate_on": "2026-09-01"})).status_code == 200
    await album.look()
    batch = await county.submit(roster_id)
    await album.look()
    entry = (await county.entries(roster_id))[2]
    assert (await county.patch(entry, {"review_remarks": "閱"}, APPROVER)).status_code == 200
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    await county.do(f"/batches/{batch['id']}/return", APPROVER, {"reason": "請補", "entry_ids": [ids[3]]}, seen=version)
    await album.look()
    version = (await county.get(f"/batches/{batch['id']}"))["version"]
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=version)
    await album.look()
    await corrected(county, roster_id, rows[:3] + men(7, 1))
    await album.look()
    assert await album.compare() == 8 * len(paths)


@pytest.mark.rule("RO-09")
async def test_an_old_version_is_what_was_read_before_the_correction(county: County):
    rows = men(1, 4)
    roster_id, entries = await county.opened(rows)
    assert (await county.patch(entries[1], {"review_remarks": "已電洽"})).status_code == 200
    path = f"/rosters/{roster_id}/entries"
    files = [
        [rows[2], rows[1] | {"name": "陳大文"}, rows[0], *men(9, 1), rows[3]],
        [rows[3], *men(9, 1), rows[0] | {"department": "電機工程學系"}, *men(11, 2), rows[1], rows[2]],
    ]
    read: list[dict[str, Any]] = []
    for version, file in enumerate([*files, None], 1):
        read.append({who: (await county.call("GET", path, h)).json() for who, h in (("s", NTU), ("c", OFFICER))})
        if file is not None:
            await corrected(county, roster_id, file, seen=version)
    for version, pages in enumerate(read, 1):
        for who, headers in (("s", NTU), ("c", OFFICER)):
            again = await county.call("GET", f"{path}?version={version}", headers)
            assert (again.status_code, again.json() == pages[who]) == (200, True), (version, who)
    first = await county.get(f"{path}?version=1&limit=2", NTU)
    rest = await county.get(f"{path}?version=1&limit=2&cursor={first['next_cursor']}", NTU)
    assert [e["row_no"] for e in first["items"] + rest["items"]] == [2, 3, 4, 5]
    beyond = await county.call("GET", f"{path}?version=4", NTU)
    assert (beyond.status_code, beyond.json()["code"]) == (404, "roster_version_unknown")
    both = await county.call("GET", f"{path}?version=1&as_of={now()}", NTU)
    assert (both.status_code, both.json()["code"]) == (422, "as_of_or_version")
    other = await county.call("GET", f"{path}?cursor={first['next_cursor']}", NTU)
    assert other.status_code == 400


async def test_before_it_was_and_before_it_comes(county: County):
    before = now()
    await asyncio.sleep(0.002)
    roster_id, entries = await county.opened(men(1, 1))
    later = quote((datetime.now(UTC) + timedelta(hours=1)).isoformat())
    paths = (f"/rosters/{roster_id}", f"/rosters/{roster_id}/entries", f"/entries/{entries[0]['id']}")
    for path in paths:
        for who in (NTU, OFFICER):
            gone = await county.call("GET", f"{path}?as_of={before}", who)
            assert (gone.status_code, gone.json()["code"]) == (404, "nothing_then")
            future = await county.call("GET", f"{path}?as_of={later}", who)
            assert (future.status_code, future.json()["code"]) == (422, "as_of_future")
        for bad in ("2026-10-01", "2026-10-01T00:00:00", "x", "", "0001-01-01T00:00:00%2B08:00"):
            assert (await county.call("GET", f"{path}?as_of={bad}", NTU)).status_code in (422, 404)
        # Nobody learns from the one or the other that it is there.
        for who in (OTHER_SCHOOL, ELSEWHERE):
            for at in (before, now()):
                hidden = await county.call("GET", f"{path}?as_of={at}", who)
                assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")


async def test_the_past_shows_no_more_than_today_s_walls_do(county: County):
    """RO-29 and RO-09: a man who was handed on or taken back is masked for the county that had him, then as now."""
    rows = men(1, 3)
    roster_id, entries = await county.opened(rows)
    at = now()
    await county.do(f"/entries/{entries[0]['id']}/transfer", body=PLACE, seen=entries[0]["version"])
    await corrected(county, roster_id, [rows[2] | {"department": "電機工程學系"}])
    then = await standing(county, roster_id, OFFICER, f"&as_of={at}")
    masked = {n: "*" in e["national_id"] for n, e in then.items()}
    # The third was changed: he is the county's still.
    assert masked == {"B00000001": True, "B00000002": True, "B00000003": False}
    assert [then[n]["registry"] is None for n in sorted(then)] == [True, True, False]
    assert {e["state"] for e in then.values()} == {"in_review"}
    # His school posted him and reads him whole.
    mine = await standing(county, roster_id, NTU, f"&as_of={at}")
    assert [e["national_id"] for e in mine.values()] == [row["national_id"] for row in rows]


@pytest.mark.rule("RO-49")
async def test_what_a_school_may_not_see_it_may_not_see_as_of_then(county: County):
    roster_id, entries = await county.opened(men(1, 1), {2: {"status": "reservist"}})
    at = now()
    for path in (f"/entries/{entries[0]['id']}", f"/rosters/{roster_id}/entries"):
        county_s = (await county.call("GET", f"{path}?as_of={at}", OFFICER)).text
        school_s = (await county.call("GET", f"{path}?as_of={at}", NTU)).text
        assert "reservist" in county_s
        assert "reservist" not in school_s
        assert "RO-30" not in school_s


async def test_hints_are_those_of_then(county: County):
    roster_id = (await county.post(men(1, 1)))["63000"]
    (entry,) = await county.entries(roster_id)
    at = now()
    await county.answered(roster_id, {2: {"status": "reservist"}})
    codes = lambda e: sorted(h["code"] for h in e["hints"])  # noqa: E731
    assert codes(await county.get(f"/entries/{entry['id']}?as_of={at}")) == codes(entry) == ["registry_pending"]
    assert codes(await county.get(f"/entries/{entry['id']}")) == ["not_liable"]
    listed = f"/rosters/{roster_id}/entries?hint="
    assert len((await county.get(f"{listed}registry_pending&as_of={at}"))["items"]) == 1
    assert (await county.get(f"{listed}not_liable&as_of={at}"))["items"] == []


async def test_one_act_is_one_instant(county: County):
    """All changes of a transaction carry one instant, and what was within it is nobody's to see."""
    roster_id, batch = await county.up(3)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await corrected(county, roster_id, men(1, 3) + men(5, 1))
    instants = await owner(
        county,
        "SELECT r.changed_at = v.received_at AND e.changed_at = v.received_at AS one FROM roster r"
        " JOIN roster_version v ON v.roster_id = r.id AND v.version = 2"
        " JOIN entry e ON e.roster_id = r.id AND e.from_version = 2",
    )
    assert instants == [{"one": True}]
    overlaps = await owner(
        county,
        "SELECT count(*) AS n FROM history a JOIN history b ON a.id < b.id AND a.table_name = b.table_name"
        " AND a.row_id = b.row_id"
        " AND tstzrange(a.valid_from, a.valid_until) && tstzrange(b.valid_from, b.valid_until)",
    )
    assert overlaps == [{"n": 0}]
    gaps = await owner(
        county,
        "SELECT count(*) AS n FROM entry e WHERE version > 1 AND NOT EXISTS"
        " (SELECT 1 FROM history h WHERE h.row_id = e.id AND h.valid_until = e.changed_at)",
    )
    assert gaps == [{"n": 0}]


async def test_a_deferment_as_it_stood(county: County):
    """RO-49: an extension keeps the first number and date; the end it had before is read as of then."""
    _, batch = await county.up(1)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    at = now()
    roster_id, entries = await county.opened([extension(1, birth_date="2006-03-04")], kind="extension")
    deferment = entries[0]["latest_deferment"]
    await county.approve_clean(roster_id)
    if (await county.get(f"/rosters/{roster_id}/entries"))["items"][0]["draft"]["decision"] is None:
        assert (await county.patch((await county.entries(roster_id))[0], {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    path = f"/deferments/{deferment['id']}"
    today, then = await county.get(path), await county.get(f"{path}?as_of={at}")
    assert then | {"national_id": ""} == {**deferment, **{n: then[n] for n in then.keys() - deferment.keys()}} | {
        "national_id": ""
    }
    assert (then["deferred_until"], today["deferred_until"]) == ("2028-06-30", "2029-01-31")
    assert (then["decision_number"], then["issued_on"]) == (today["decision_number"], today["issued_on"])
    assert today["summary"].startswith(then["summary"])
    early = quote((datetime.now(UTC) - timedelta(days=1)).isoformat())
    assert (await county.call("GET", f"{path}?as_of={early}", OFFICER)).json()["code"] == "nothing_then"
    for who in (NTU, OTHER_SCHOOL):
        assert (await county.call("GET", path, who)).status_code == 403
    assert (await county.call("GET", path, ELSEWHERE)).status_code == 404


async def test_a_withdrawn_roster_is_read_as_it_stood(county: County):
    roster_id = (await county.post(men(1, 2)))["63000"]
    seen, at = await county.get(f"/rosters/{roster_id}", NTU), now()
    assert (await withdraw(county, roster_id)).status_code == 200
    assert await county.get(f"/rosters/{roster_id}?as_of={at}", NTU) == seen
    assert (await county.get(f"/rosters/{roster_id}", NTU))["state"] == "withdrawn"
    assert (await correct(county, roster_id, men(1, 1))).status_code == 409
