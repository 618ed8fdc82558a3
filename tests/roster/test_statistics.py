"""RO-62: what arrived, what became of it, how long it took; a county's own, and the nation's in sums."""

import csv
import io
from datetime import date

import asyncpg
import pypdfium2
import pytest

from local.databases import plain
from roster.statistics import service
from roster.statistics.rules import overdue_through
from shared.calendar import DayOverride, WorkingCalendar
from tests.support.report_jobs import made
from tests.support.rosters import (
    ADMIN,
    APPROVER,
    DEPUTY,
    ELSEWHERE,
    NTU,
    OFFICER,
    OTHER_SCHOOL,
    County,
    men,
    set_today,
)
from tests.support.tokens import bearer

pytestmark = pytest.mark.rule("RO-62")

AUDITOR = bearer("auditor", org="moi:moi")
OLD = {"birth_date": "1992-05-05", "level": "doctoral", "nominal_years": "7"}
NEW_TAIPEI = {"county_code": "65000", "township_code": "65000010"}


@pytest.mark.parametrize(
    "today, through",
    [
        # 行政程序法第51條第2項: 其處理期間為二個月. The first day is not counted: of one who came on 1 August the last
        # day is 1 October, and he is overdue on the 2nd.
        (date(2026, 10, 1), date(2026, 7, 31)),
        (date(2026, 10, 2), date(2026, 8, 1)),
        # 2026-08-02 + 2 months is a Friday.
        (date(2026, 10, 3), date(2026, 8, 2)),
        # 3 and 4 October are a weekend: who came on 3 or 4 August may wait until Monday the 5th.
        (date(2026, 10, 5), date(2026, 8, 2)),
        (date(2026, 10, 6), date(2026, 8, 5)),
        # Of 30 and 31 December and 1 January the last day is rest: a Sunday, and Peace Memorial Day made up for.
        (date(2027, 3, 2), date(2026, 12, 26)),
        (date(2027, 3, 3), date(2027, 1, 2)),
    ],
)
def test_two_months(today, through):
    assert overdue_through(today, WorkingCalendar()) == through


def test_a_closure_moves_it():
    closed = WorkingCalendar((DayOverride(date(2026, 10, 1), False, "颱風", "人事行政總處"),))
    assert overdue_through(date(2026, 10, 2), closed) == date(2026, 7, 31)


async def furnished(county: County) -> None:
    """Taipei: 2 approved, 1 rejected, 1 on hold, 1 in review, 2 new (of another school); New Taipei: 1 new."""
    roster_id, entries = await county.opened([*men(1, 4), *men(10, 1, **OLD)])
    await county.patch(entries[3], {"on_hold": True})
    for entry in entries[:2]:
        await county.patch(entry, {"decision": "approved"})
    await county.patch(entries[4], {"decision": "rejected", "ground": "age_limit", "reason": "逾齡"})
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await county.post([*men(20, 2, township_code="63000010"), *men(30, 1, **NEW_TAIPEI)], who=OTHER_SCHOOL)


async def told(county: County, query: str = "", who=OFFICER):
    return await county.get(f"/statistics{query}", who)


def sums(row) -> dict[str, int]:
    """The figures that are not 0."""
    names = ("filed", "received", "in_review", "on_hold", "for_approval", "approved", "rejected", "late", "overdue")
    return {name: row[name] for name in names if row[name]}


TAIPEI = {"filed": 7, "received": 2, "in_review": 1, "on_hold": 1, "approved": 2, "rejected": 1}


async def test_a_county_sees_its_own(county):
    await furnished(county)
    for who in (OFFICER, APPROVER, DEPUTY):
        found = await told(county, who=who)
        assert sums(found["total"]) == TAIPEI
        assert (found["from_on"], found["to_on"], found["by"]) == ("2026-01-01", "2026-10-01", "kind")
    assert [(g["key"], g["name"], sums(g)) for g in found["groups"]] == [("application", "申請緩徵名冊", TAIPEI)]
    assert found["total"]["median_days"] == 0
    assert (found["overdue_through"], found["overdue_by"]["text"]) == ("2026-07-31", "行政程序法第51條第2項")
    assert sums((await told(county, who=ELSEWHERE))["total"]) == {"filed": 1, "received": 1}
    by_school = (await told(county, "?by=school"))["groups"]
    assert [(g["key"], g["name"], g["filed"]) for g in by_school] == [
        ("0003", "國立臺灣大學", 5),
        ("0025", "國立臺北科技大學", 2),
    ]
    by_town = (await told(county, "?by=township"))["groups"]
    assert [(g["key"], g["name"], g["filed"]) for g in by_town] == [
        ("63000010", "松山區", 2),
        ("63000030", "大安區", 5),
    ]
    assert [(g["key"], g["name"]) for g in (await told(county, "?by=month"))["groups"]] == [("2026-10", "115年10月")]


async def test_the_ministry_sees_the_sums_of_all_and_no_man(county):
    await furnished(county)
    for who in (ADMIN, AUDITOR):
        found = await told(county, who=who)
        assert sums(found["total"]) == TAIPEI | {"filed": 8, "received": 3}
        assert [(g["key"], g["name"], g["filed"]) for g in found["groups"]] == [
            ("63000", "臺北市", 7),
            ("65000", "新北市", 1),
        ]
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    # Each look across counties leaves its row (docs/adr/0006).
    assert await owner.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'purpose.statistics'") == 2
    await owner.close()
    text = str(found)
    assert not [m for m in men(1, 40) if m["national_id"] in text or m["name"] in text]


async def test_the_purpose_ends_with_the_sums(county, monkeypatch):
    """Control: had the purpose opened nothing, the Ministry would count nothing; it is not open to counties."""
    await furnished(county)
    async with county.service.database.engine.connect() as connection:
        counted = {}
        for purpose in ("statistics", ""):
            await connection.exec_driver_sql(f"SELECT set_config('app.purpose', '{purpose}', true)")
            counted[purpose] = (await connection.exec_driver_sql("SELECT count(*) FROM entry")).scalar()
        assert counted == {"statistics": 8, "": 0}
        await connection.exec_driver_sql("SELECT set_config('app.purpose', 'statistics', true)")
        written = await connection.exec_driver_sql("UPDATE entry SET row_no = 1")
        assert written.rowcount == 0


async def test_each_wall_alone_keeps_the_counties_apart(county, monkeypatch):
    """Without the service's filter row-level security counts the county's own; without both all are counted."""
    await furnished(county)
    mine = {"filed": 1, "received": 1}
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    tables = ("roster", "entry", "decision")
    with monkeypatch.context() as patch:
        patch.setattr(service, "own", lambda _principal: ())
        assert sums((await told(county, who=ELSEWHERE))["total"]) == mine
        for table in tables:
            await owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        assert sums((await told(county, who=ELSEWHERE))["total"])["filed"] == 8
    assert sums((await told(county, who=ELSEWHERE))["total"]) == mine
    await owner.close()


async def test_a_period_and_a_kind_narrow(county, monkeypatch, tmp_path):
    await furnished(county)
    set_today(monkeypatch, tmp_path, date(2026, 10, 20))
    await county.post(men(40, 1))
    await county.post(men(41, 1), kind="reapplication")
    assert sums((await told(county, "?from_on=2026-10-02"))["total"]) == {"filed": 2, "received": 2, "late": 2}
    assert sums((await told(county, "?to_on=2026-10-01"))["total"]) == TAIPEI
    assert [g["key"] for g in (await told(county, "?by=kind"))["groups"]] == ["application", "reapplication"]
    assert sums((await told(county, "?kind=reapplication"))["total"]) == {"filed": 1, "received": 1, "late": 1}
    empty = await told(county, "?to_on=2026-01-31")
    assert (sums(empty["total"]), empty["total"]["median_days"], empty["groups"]) == ({}, None, [])


async def test_who_waits_longer_than_two_months_is_overdue(county, monkeypatch, tmp_path):
    await furnished(county)
    for day, overdue in ((date(2026, 12, 1), 0), (date(2026, 12, 2), 4)):
        set_today(monkeypatch, tmp_path, day)
        assert (await told(county))["total"]["overdue"] == overdue, day


async def test_days_are_counted_from_the_arrival(county, monkeypatch, tmp_path):
    """Of an even number the lower of the two in the middle."""
    for number, day in enumerate((date(2026, 10, 5), date(2026, 10, 8), date(2026, 10, 12), date(2026, 10, 30)), 1):
        set_today(monkeypatch, tmp_path, date(2026, 10, 1))
        _, batch = await county.up(1, first=number)
        set_today(monkeypatch, tmp_path, day)
        await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (await told(county))["total"]["median_days"] == 7


@pytest.mark.parametrize(
    "who, query, code",
    [
        (OFFICER, "?by=county", "by_county"),
        (ADMIN, "?by=township", "by_township"),
        (OFFICER, "?from_on=2026-10-02&to_on=2026-10-01", "period_empty"),
        (OFFICER, "?from_on=2000-01-01", "period_too_long"),
    ],
)
async def test_what_cannot_be_counted_is_refused(county, who, query, code):
    answer = await county.call("GET", f"/statistics{query}", who)
    assert (answer.status_code, [e["code"] for e in answer.json()["errors"]]) == (422, [code])


async def test_schools_do_not_see_them(county):
    assert (await county.call("GET", "/statistics", NTU)).status_code == 403


@pytest.mark.rule("RO-61")
async def test_a_county_s_statistics_as_a_report(county):
    """A line a group and one of all, the very figures of the JSON; the period and the law behind "overdue" on paper."""
    await furnished(county)
    asked = {"report": "county_statistics", "by": "school", "from_on": "2026-10-01"}
    rows = list(csv.reader(io.StringIO((await made(county, {**asked, "form": "csv"})).decode("utf-8-sig"))))
    found = await told(county, "?by=school&from_on=2026-10-01")
    names = ("filed", "received", "in_review", "on_hold", "for_approval", "approved", "rejected", "late", "overdue")
    lines = [*found["groups"], {"key": "total", "name": "合計", **found["total"]}]
    told_of = (*names, "median_days")
    assert rows[1:] == [
        [one["key"], one["name"], *("" if one[name] is None else str(one[name]) for name in told_of)] for one in lines
    ]
    paper = pypdfium2.PdfDocument(await made(county, {**asked, "form": "pdf"}))
    text = paper[0].get_textpage().get_text_range()
    for words in ("臺北市緩徵審核統計", "115/10/01", "行政程序法第51條第2項", "國立臺北科技大學", "合計"):
        assert words in text, text
    refused = await county.call("POST", "/reports", NTU, {**asked, "form": "csv"})
    assert refused.status_code == 403
