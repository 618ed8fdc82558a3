"""RO-55 of men who changed rosters: handed on, back, corrected after; and of rosters that an older release wrote."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from local.databases import plain
from roster.versions.service.history import Stretch, standing_at
from tests.roster.corrections import corrected, withdraw
from tests.roster.test_history import PLACE, SCHOOL_BY, history
from tests.support.rosters import ELSEWHERE, NTU, OFFICER, County, men

pytestmark = pytest.mark.rule("RO-55")

BACK = {"county_code": "63000", "township_code": "63000030", "reason": "戶籍在臺北市"}
TAIPEI_BY = {"org_type": "county", "org_code": "63000"}


async def handed_on(county: County, entry, who=OFFICER, place=PLACE) -> str:
    """Hand an entry on; the new one's id."""
    moved = await county.do(f"/entries/{entry['id']}/transfer", who, place, seen=entry["version"])
    found: str = moved["new_entry_id"]
    return found


@pytest.mark.rule("RO-09", "RO-29")
async def test_a_man_who_came_back_and_was_corrected_then(county: County):
    rows = men(1, 2)
    roster_id, entries = await county.opened(rows)
    there = await county.get(f"/entries/{await handed_on(county, entries[0])}", ELSEWHERE)
    await county.do(f"/rosters/{there['roster_id']}/open", ELSEWHERE)
    back = await handed_on(county, await county.get(f"/entries/{there['id']}", ELSEWHERE), ELSEWHERE, BACK)
    await corrected(county, roster_id, [rows[0] | {"name": "陳大文"}, rows[1]])
    (new,) = [e for e in await county.entries(roster_id) if e["name"] == "陳大文"]
    for who in (OFFICER, NTU):
        (line, *_) = await history(county, f"/entries/{new['id']}", who)
        assert (line["action"], line["by"]["org_type"]) == ("corrected", "school")
        # What it says is what the entry that came back said, and not the one that left.
        fields = {c["field"]: (c["from"], c["to"]) for c in line["changes"]}
        assert fields["name"] == ("王小明", "陳大文")
        lines = await history(county, f"/entries/{back}", who)
        assert (lines[0]["action"], lines[0]["by"]["org_code"], lines[-1]["action"]) == (
            "transferred", "65000", "superseded",
        )  # fmt: skip


@pytest.mark.rule("RO-09", "RO-29")
async def test_a_man_who_left_and_is_added_anew_takes_nobodys_place(county: County):
    rows = men(1, 2)
    roster_id, entries = await county.opened(rows)
    there = await county.get(f"/entries/{await handed_on(county, entries[0])}", ELSEWHERE)
    assert (await withdraw(county, there["roster_id"])).status_code == 200
    told = await corrected(county, roster_id, [rows[0] | {"name": "陳大文"}, rows[1]])
    assert (told["added"], told["changed"]) == (1, 0)
    (new,) = [e for e in await county.entries(roster_id) if e["name"] == "陳大文"]
    (line, *_) = await history(county, f"/entries/{new['id']}", NTU)
    assert (line["action"], line["changes"]) == ("received", [])


@pytest.mark.rule("RO-29")
async def test_the_county_whose_transfer_made_a_roster_is_named(county: County):
    _, entries = await county.opened(men(1, 3))
    first = await handed_on(county, entries[0])
    second = await handed_on(county, entries[1])
    roster_id = (await county.get(f"/entries/{first}", ELSEWHERE))["roster_id"]
    for who in (ELSEWHERE, NTU):
        for path in (f"/entries/{first}", f"/entries/{second}", f"/rosters/{roster_id}"):
            (line, *_) = await history(county, path, who)
            # Its officer is told to his own county only, which reads none of these.
            assert (line["action"], line["by"]) == ("transferred", TAIPEI_BY | {"sub": None}), path
        (version,) = (await county.get(f"/rosters/{roster_id}/versions", who))["items"]
        assert (version["row_count"], version["received_by"]) == (0, None)


async def older(county: County, statement: str, *values: object) -> None:
    """Make versions what an older release left; they are never changed otherwise, by whomever."""
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    async with connection.transaction():
        await connection.execute("ALTER TABLE roster_version DISABLE TRIGGER roster_version_append_only")
        await connection.execute(statement, *values)
        await connection.execute("ALTER TABLE roster_version ENABLE TRIGGER roster_version_append_only")
    await connection.close()


@pytest.mark.rule("RO-29")
async def test_who_is_handed_over_on_an_older_roster_was_handed_over(county: County):
    """A roster of before migration 0002: its version has no digest, and its instant is not that of its rows."""
    place = {"county_code": "65000", "township_code": "65000010"}
    rosters = await county.post([*men(1, 2), *men(3, 1, **place)])
    await county.answered(rosters["63000"])
    await county.do(f"/rosters/{rosters['63000']}/open")
    await older(
        county,
        "UPDATE roster_version SET content_digest = NULL, received_at = $1",
        datetime.now(UTC) - timedelta(days=30),
    )
    entries = await county.entries(rosters["63000"])
    moved = await handed_on(county, entries[0])
    (line, *_) = await history(county, f"/entries/{moved}", ELSEWHERE)
    assert (line["action"], line["by"]) == ("transferred", TAIPEI_BY | {"sub": None})
    # The control: who was on it before came with the school's file.
    (own,) = [e for e in await county.entries(rosters["65000"], ELSEWHERE) if e["id"] != moved]
    (line, *_) = await history(county, f"/entries/{own['id']}", ELSEWHERE)
    assert (line["action"], line["by"]) == ("received", SCHOOL_BY | {"sub": None})


@pytest.mark.rule("RO-09", "RO-29")
async def test_a_roster_that_has_no_version(county: County):
    """A release that kept none may have written it while the migration ran."""
    rows = men(1, 2)
    roster_id, entries = await county.opened(rows)
    await older(county, "DELETE FROM roster_version")
    for who in (OFFICER, NTU):
        for path in (f"/rosters/{roster_id}", f"/entries/{entries[0]['id']}"):
            (line, *_) = await history(county, path, who)
            assert (line["action"], line["by"]) == ("received", SCHOOL_BY | {"sub": None})
    moved = await handed_on(county, entries[0])
    (line, *_) = await history(county, f"/entries/{moved}", ELSEWHERE)
    assert (line["action"], line["by"]["org_code"]) == ("transferred", "63000")


def test_stretches_are_walked_once():
    """Four thousand of them: each is looked at twice, and not for every instant anew."""

    class Counted(list[Stretch]):
        looked_at = 0

        def __getitem__(self, at):
            self.looked_at += 1
            return super().__getitem__(at)

    start = datetime(2026, 10, 1, tzinfo=UTC)
    instants = [start + timedelta(seconds=n) for n in range(4001)]
    found = Counted(Stretch({"n": n}, since, until, None) for n, (since, until) in enumerate(pairwise(instants)))
    standing = [[stretch.row["n"] for stretch in rows] for rows in standing_at(found, instants)]
    assert standing == [*([n] for n in range(4000)), []]
    assert found.looked_at <= 3 * len(found)
    # Several at once, as hints are, and gaps between them.
    one, two = Stretch({}, instants[0], instants[2], None), Stretch({}, instants[1], None, None)
    assert list(standing_at([one, two], instants[:3])) == [[one], [one, two], [two]]
    assert list(standing_at([two], instants[:2])) == [[], [two]]


async def test_a_page_begins_where_the_one_before_ended(county: County):
    """Pages together are the whole, however long they are; and a cursor is of one history only."""
    roster_id, (entry,) = await county.opened(men(1, 1))
    for number in range(60):
        answer = await county.patch((await county.entries(roster_id))[0], {"on_hold": number % 2 == 0})
        assert answer.status_code == 200
    for path in (f"/rosters/{roster_id}", f"/entries/{entry['id']}"):
        whole = (await county.get(f"{path}/history?limit=200"))["items"]
        assert [line["action"] for line in whole[-60:]] == ["held", "released"] * 30
        assert await history(county, path) == whole
    cursor = (await county.get(f"/rosters/{roster_id}/history?limit=3"))["next_cursor"]
    refused = await county.call("GET", f"/entries/{entry['id']}/history?limit=3&cursor={cursor}", OFFICER)
    assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid")
