"""RO-60: every list can be ordered by every column it shows, up and down, narrowed, and paged while rows arrive.

SOURCE: 在學緩徵作業系統操作說明 steps 8 and 18 (紅框處點選滑鼠左鍵，可改變升降序排列), item (10) (「上一頁」 leads back
to the page that was left).
"""

from typing import Any

import pytest

from roster.results.schemas import COUNTY_MEN_SORTS, MEN_SORTS, SORTS
from roster.review.rules import EntryState
from roster.review.sorts import BATCH_SORTS, COUNTY_ENTRY_SORTS, COUNTY_ROSTER_SORTS, ENTRY_SORTS, ROSTER_SORTS
from tests.support.rosters import APPROVER, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-60", "RO-40")

_OLD = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}


async def walked(county: County, path: str, who: dict[str, str], limit: int = 3) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    joined = f"{path}{'&' if '?' in path else '?'}limit={limit}"
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await county.get(joined + cursor, who)
        assert len(page["items"]) <= limit
        rows += page["items"]
        if page["next_cursor"] is None:
            return rows
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def value_of(row: dict[str, Any], column: str) -> tuple[bool, Any]:
    """What a row shows in a column, so that rows without a value come first."""
    if "counts" in row and column in set(EntryState):
        return True, row["counts"].get(column, 0)
    shown = row[column]
    return shown is not None, "" if shown is None else shown


async def furnished(county: County) -> str:
    """Rosters of two schools, decided, up, opened and new; the first one's id."""
    first, entries = await county.opened([*men(1, 4, village=""), *men(10, 2, **_OLD), *men(20, 2, remarks="復學")])
    await county.approve_clean(first)
    await county.patch(
        entries[4],
        {"decision": "rejected", "ground": "age_limit", "reason": "逾齡", "decision_number": "府兵徵字第8號"},
    )
    batch = await county.submit(first)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await county.post(men(30, 3), who=OTHER_SCHOOL)
    await county.post(men(40, 1), kind="reapplication")
    second, _ = await county.up(2, first=50)
    await county.opened(men(60, 3))
    assert second != first
    return first


async def test_every_column_orders_every_list_both_ways(county):
    roster_id = await furnished(county)
    lists = [
        ("/rosters", OFFICER, ROSTER_SORTS + COUNTY_ROSTER_SORTS, "id"),
        ("/rosters", NTU, ROSTER_SORTS, "id"),
        ("/batches", OFFICER, BATCH_SORTS, "id"),
        (f"/rosters/{roster_id}/entries", OFFICER, ENTRY_SORTS + COUNTY_ENTRY_SORTS, "id"),
        (f"/rosters/{roster_id}/entries", NTU, ENTRY_SORTS, "id"),
        ("/results", OFFICER, SORTS, "roster_id"),
        (f"/results/{roster_id}/entries", OFFICER, MEN_SORTS + COUNTY_MEN_SORTS, "entry_id"),
        (f"/results/{roster_id}/entries", NTU, MEN_SORTS, "entry_id"),
    ]
    for path, who, columns, key in lists:
        everybody = {row[key] for row in (await county.get(f"{path}?limit=200", who))["items"]}
        assert len(everybody) > 1, path
        for column in columns:
            up = await walked(county, f"{path}?sort={column}", who)
            # One way in pages, the other at once.
            down = (await county.get(f"{path}?sort=-{column}&limit=200", who))["items"]
            told = [value_of(row, column) for row in up]
            assert told == sorted(told), (path, column)
            assert {row[key] for row in up} == everybody, (path, column)
            # Ties are ordered too, so that the one order is the other's reverse, row by row.
            assert [row[key] for row in down] == [row[key] for row in reversed(up)], (path, column)


async def test_what_is_shown_can_be_ordered_by(county):
    """No column that a list shows is left out, but those that are lists themselves, or the same for all rows."""
    roster_id = await furnished(county)
    told = {
        "/rosters": {"id", "submission_id", "county_name", "counts", "deadline_explained"},
        "/batches": {"id", "roster_id", "county_code", "version", "return_reason"},
        f"/rosters/{roster_id}/entries": {
            "id", "roster_id", "county_code", "township", "deadline_explained", "correction", "hints", "decision",
            "latest_deferment", "registry", "draft",
            "approver_draft", "returned", "batch_id",
        },
        "/results": {"roster_id", "county_name"},
        f"/results/{roster_id}/entries": {"entry_id"},
    }  # fmt: skip
    for path, unordered in told.items():
        (row, *_) = (await county.get(path))["items"]
        for column in row.keys() - unordered:
            answer = await county.call("GET", f"{path}?sort={column}", OFFICER)
            assert answer.status_code == 200, (path, column)


async def test_a_school_cannot_order_by_what_it_is_not_shown(county):
    """An order tells as much as the column: lateness of the review, remarks of the county (docs/adr/0041)."""
    roster_id = await furnished(county)
    hidden = {
        "/rosters": COUNTY_ROSTER_SORTS,
        f"/rosters/{roster_id}/entries": COUNTY_ENTRY_SORTS,
        f"/results/{roster_id}/entries": COUNTY_MEN_SORTS,
    }
    for path, columns in hidden.items():
        for column in columns:
            for sort in (column, f"-{column}"):
                answer = await county.call("GET", f"{path}?sort={sort}", NTU)
                assert answer.status_code == 422, (path, sort)
                (fault,) = answer.json()["errors"]
                assert fault["code"] == "sort_unknown"
                assert column not in fault["suggestion"].split(", ")


async def test_filters_narrow_together(county):
    roster_id = await furnished(county)
    rosters = (await county.get("/rosters?limit=200"))["items"]
    pending = [r for r in rosters if r["state"] == "pending"]

    async def ids(query: str, who: dict[str, str] = OFFICER) -> list[str]:
        return [r["id"] for r in (await county.get(f"/rosters?{query}", who))["items"]]

    assert set(await ids("state=pending")) == {r["id"] for r in pending}
    assert await ids("state=pending&kind=reapplication&opened=false&late=false") == [
        r["id"] for r in rosters if r["kind"] == "reapplication"
    ]
    assert await ids("kind=reapplication&opened=true") == []
    assert await ids("late=true") == []
    assert set(await ids("received_from=2026-10-01&received_to=2026-10-01")) == {r["id"] for r in rosters}
    assert await ids("received_from=2026-10-02") == await ids("received_to=2026-09-30") == []
    assert len(await ids("school_name=科技&school_code=0025")) == 1
    assert await ids("school_name=科技&school_code=0003") == []
    assert await ids("county_code=65000", NTU) == []
    assert set(await ids("county_code=63000", NTU)) == {r["id"] for r in rosters if r["school_code"] == "0003"}

    async def rows(query: str, who: dict[str, str] = OFFICER) -> list[int]:
        return [e["row_no"] for e in (await county.get(f"/rosters/{roster_id}/entries?{query}", who))["items"]]

    assert await rows("severity=blocking") == await rows("hint=age_limit") == [6, 7]
    assert await rows("severity=blocking&state=decided") == [6]
    assert await rows("severity=blocking&state=decided&township_code=99999999") == []
    assert len(await rows("township_code=63000030")) == 8

    async def decided(query: str) -> list[int]:
        return [m["row_no"] for m in (await county.get(f"/results/{roster_id}/entries?{query}"))["items"]]

    assert await decided("decision=rejected") == [6]
    assert await decided("state=in_review") == [7]
    assert await decided("state=in_review&decision=rejected") == []
    (up,) = (await county.get("/batches?state=for_approval&kind=application"))["items"]
    assert (await county.get(f"/batches?roster_id={up['roster_id']}&state=decided"))["items"] == []
    assert (await county.get("/batches?school_code=0025"))["items"] == []


async def test_a_school_filters_by_hints_that_it_may_see(county):
    """A man of whom only the registry says anything is not found by the weight of that hint (docs/adr/0041)."""
    roster_id, _ = await county.opened(men(1, 2), {2: {"status": "reservist"}})
    path = f"/rosters/{roster_id}/entries?severity=blocking"
    assert [e["row_no"] for e in (await county.get(path))["items"]] == [2]
    assert (await county.get(path, NTU))["items"] == []


async def test_pages_stand_while_rows_arrive(county):
    """Item (10): going back and on again finds the same rows, though others came before, between and after them."""
    for number in range(1, 5):
        await county.post(men(number, 1))
    first = await county.get("/rosters?sort=-received_on&limit=2")
    second = await county.get(f"/rosters?sort=-received_on&limit=2&cursor={first['next_cursor']}")
    known = [r["id"] for r in first["items"] + second["items"]]
    new = {(await county.post(men(number, 1)))["63000"] for number in range(10, 15)}
    again = await county.get(f"/rosters?sort=-received_on&limit=2&cursor={first['next_cursor']}")
    after = [r["id"] for r in again["items"]]
    # Whatever came since may stand between; what was seen is neither repeated nor lost.
    assert not {r["id"] for r in first["items"]} & set(after)
    walked_on = [r["id"] for r in await walked(county, "/rosters?sort=-received_on", OFFICER, limit=50)]
    assert [i for i in walked_on if i in known] == known
    assert new < set(walked_on)


async def test_a_page_by_id_goes_on_after_a_man_who_left(county):
    """The cursor by national ID names its last man; he is withdrawn before the next page is asked for."""
    roster_id, entries = await county.opened(men(1, 5))
    path = f"/rosters/{roster_id}/entries?sort=national_id&limit=2"
    whole = sorted(e["national_id"] for e in entries)
    first = await county.get(path)
    assert [e["national_id"] for e in first["items"]] == whole[:2]
    assert whole[1] not in first["next_cursor"]
    gone = first["items"][-1]
    body = {"county_code": "65000", "township_code": "65000010", "reason": "設籍新北市"}
    await county.do(f"/entries/{gone['id']}/transfer", body=body, seen=gone["version"])
    listed = await county.get(f"{path}&cursor={first['next_cursor']}")
    assert [e["national_id"] for e in listed["items"]] == whole[2:4]
    other = await county.call("GET", f"{path}&cursor={first['next_cursor']}", ELSEWHERE)
    assert other.status_code in (400, 404)


@pytest.mark.parametrize("cursor_of", ["row_no", "national_id", "-national_id", "name"])
async def test_a_cursor_belongs_to_its_order(county, cursor_of):
    roster_id, _ = await county.opened(men(1, 3))
    path = f"/rosters/{roster_id}/entries?limit=1"
    cursor = (await county.get(f"{path}&sort={cursor_of}"))["next_cursor"]
    for sort in {"row_no", "national_id", "-national_id", "name"} - {cursor_of}:
        answer = await county.call("GET", f"{path}&sort={sort}&cursor={cursor}", OFFICER)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_an_order_that_there_is_not_is_said_before_anything_else(county):
    """Before the cursor, which is another order's then, and before a report is counted."""
    roster_id, _ = await county.opened(men(1, 1))
    await county.approve_clean(roster_id)
    await county.submit(roster_id)
    for path in ("/results", f"/rosters/{roster_id}/entries"):
        for query, headers in (("&cursor=AAAA", {}), ("", {"Accept": "text/csv"})):
            answer = await county.call("GET", f"{path}?sort=bogus{query}", OFFICER | headers)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "sort_unknown"), (path, query)
