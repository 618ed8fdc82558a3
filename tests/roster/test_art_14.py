"""Art. 14 through the API: when extensions and reapplications are due, and what twenty in a row leave (RO-50)."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.roster.intake_corpus.files import cessation, extension, national_id, student, to_csv
from tests.support import rosters
from tests.support.rosters import ADMIN, APPROVER, NTU, OFFICER, OTHER_SCHOOL, County, men
from tests.support.tokens import key

BORN = {"birth_date": "2006-03-04"}
FIRST = "府兵徵字第1150000001號"


async def set_term(county: County, year: int, term: int, deadline: date, who: dict[str, str] = ADMIN) -> None:
    body = {"registration_deadline": deadline.isoformat()}
    answer = await county.call("PUT", f"/terms/{year}/{term}", who, body)
    assert answer.status_code == 200, answer.text


async def file(county: County, rows: list[Any], kind: str, year: int, term: int, who: dict[str, str] = NTU) -> Any:
    return await county.service.http.post(
        f"/roster/v1/submissions?kind={kind}&academic_year={year}&term={term}",
        content=to_csv(rows).encode(),
        headers={**who, **key(), "Content-Type": "text/csv"},
    )


def rows_of(kind: str, number: int) -> list[Any]:
    if kind == "extension":
        return [extension(number, **BORN, extended_until="2027-01-31")]
    return [student(number, **BORN)]


@pytest.mark.rule("RO-03", "RO-36", "RO-28")
@pytest.mark.parametrize("kind", ["extension", "reapplication"])
async def test_due_a_month_after_the_registration_of_the_term_named(county, monkeypatch, tmp_path, kind):
    """次學期註冊截止之日起一個月內 (Art. 14-1): the school's own deadline before the national one, term by term."""
    await set_term(county, 115, 2, date(2027, 2, 26))
    await set_term(county, 115, 2, date(2027, 2, 19), OTHER_SCHOOL)
    due = {
        (115, 1, "school:0003"): "2026-10-19",
        (115, 2, "school:0003"): "2027-03-26",
        (115, 2, "school:0025"): "2027-03-19",
    }
    for number, ((year, term, school), day) in enumerate(due.items(), 1):
        who = NTU if school == "school:0003" else OTHER_SCHOOL
        told = await file(county, rows_of(kind, number), kind, year, term, who)
        assert told.status_code == 201, told.text
        (roster,) = told.json()["rosters"]
        assert (roster["deadline"], roster["days_late"]) == (day, 0)
    # A day late is taken in and said, with the paragraph that sets the day (RO-05).
    rosters.set_today(monkeypatch, tmp_path, date(2026, 10, 20))
    (late,) = (await file(county, rows_of(kind, 9), kind, 115, 1)).json()["rosters"]
    assert (late["deadline"], late["days_late"]) == ("2026-10-19", 1)
    (entry,) = await county.entries(late["id"])
    (hint,) = [hint for hint in entry["hints"] if hint["code"] == "late"]
    assert hint["rule"] == "RO-28"
    assert [citation["article"] for citation in hint["citations"]] == ["14-1" if kind == "extension" else "14-3"]


@pytest.mark.rule("RO-03", "RO-36")
async def test_a_term_whose_registration_nobody_knows(county):
    """Neither school nor Ministry has said when 116-1 registers: no last day can be told, so it is asked for."""
    for kind in ("extension", "reapplication"):
        told = await file(county, rows_of(kind, 1), kind, 116, 1)
        assert (told.status_code, told.json()["code"]) == (422, "term_unknown")
        assert "116/1" in told.json()["detail"]
    # A cessation runs from leaving and needs no term's registration (Art. 16-2).
    left = await file(county, [cessation(1, **BORN, left_on="2026-09-20")], "cessation", 116, 1)
    assert left.status_code == 201, left.text
    assert left.json()["rosters"][0]["deadline"] == "2026-10-20"
    # As soon as one of them says so, it is taken; the school's own word goes before the national one.
    await set_term(county, 116, 1, date(2027, 9, 17), NTU)
    (roster,) = (await file(county, rows_of("extension", 1), "extension", 116, 1)).json()["rosters"]
    assert roster["deadline"] == "2027-10-18"


async def decided(county: County, roster_id: str, draft: dict[str, Any]) -> Any:
    """The one man of a roster that has arrived, approved; his entry as it stands."""
    await county.answered(roster_id)
    await county.do(f"/rosters/{roster_id}/open")
    (entry,) = await county.entries(roster_id)
    answer = await county.patch(entry, {"decision": "approved", **draft})
    assert answer.status_code == 200, answer.text
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    (entry,) = await county.entries(roster_id)
    return entry


@pytest.mark.rule("RO-50", "RO-49", "RO-03")
@pytest.mark.timeout(180)
async def test_twenty_extensions_in_a_row(county, registry, worker, monkeypatch, tmp_path):
    """已版更項目(16): 擴增役政註記內容摘要欄位最大字數，避免緩徵系統無法將核定時之資訊寫入多次延修學生之註記.

    Term after term, each filed, reviewed, decided and delivered on a day of its own; the officer writes 2,000
    characters now and then, so that the summary passes 64 KiB towards the end.
    """
    written = "依規定審查，准予繼續緩徵。" * 153
    await decided(county, (await county.post(men(1, 1)))["63000"], {})
    lines, until = 1, date(2028, 6, 30)
    for number in range(20):
        # Registered in September or February after the last day; filed within the month.
        autumn = until.month == 6
        year, term = (until.year - 1911, 1) if autumn else (until.year - 1912, 2)
        registration = date(until.year, 9, 15) if autumn else date(until.year, 2, 20)
        await set_term(county, year, term, registration)
        rosters.set_today(monkeypatch, tmp_path, registration + timedelta(days=10))
        until = date(until.year + 1, 1, 31) if autumn else date(until.year, 6, 30)
        row = extension(1, **BORN, expected_graduation_on="2028-06-30", extended_until=until.isoformat())
        told = (await file(county, [row], "extension", year, term)).json()["rosters"][0]
        assert told["days_late"] == 0
        draft = {"annotation_text": f"{number:02}{written}"} if number % 3 else {}
        entry = await decided(county, told["id"], draft)
        lines += 1
        assert entry["decision"]["decision_number"] != FIRST
        latest = entry["latest_deferment"]
        assert (latest["decision_number"], latest["issued_on"]) == (FIRST, "2026-10-01")
        assert (latest["deferred_until"], latest["revoked_on"]) == (until.isoformat(), None)
        assert len(latest["summary"].split("\n")) == lines
        await worker.settle()
        held = (await registry.annotations())[national_id(1)]["annotation"]
        assert held["summary"] == latest["summary"]
        assert (held["decision_number"], held["issued_on"]) == (FIRST, "2026-10-01")
        assert held["deferment_until"] == until.isoformat()
    assert until == date(2038, 6, 30)
    # 64 KiB is no limit of ours: past it the summary is whole, in our books, at the registry and in the JSON.
    assert len(held["summary"].encode()) > 65_536
    assert held["summary"].startswith("115年10月1日核准申請緩徵")
    assert held["summary"].count("核准延長修業年限") == 7
    history = (await registry.annotations())[national_id(1)]["history"]
    assert [event["data"]["version"] for event in history] == list(range(1, 22))
    summaries = [event["data"]["summary"] for event in history]
    assert all(later.startswith(f"{earlier}\n") for earlier, later in pairwise(summaries))


@pytest.mark.rule("RO-50")
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
async def test_the_summary_at_sixty_four_kib_and_beyond(county, registry, worker, size):
    """What the registry held already counts: a line more is added to it, whatever its length, and nothing is cut."""
    held = {
        "decision_number": "府兵徵字第1130000042號", "issued_on": "2024-10-02", "deferment_from": "2024-10-02",
        "deferment_until": "2026-06-30", "summary": "x" * size,
    }  # fmt: skip
    roster_id = (await county.post([extension(1, **BORN, extended_until="2027-01-31")], "extension"))["63000"]
    await county.answered(roster_id, {2: {"annotation": held}})
    await county.do(f"/rosters/{roster_id}/open")
    (entry,) = await county.entries(roster_id)
    assert (await county.patch(entry, {"decision": "approved", "annotation_text": "核准延修"})).status_code == 200
    batch = await county.submit(roster_id)
    (shown,) = (await county.get(f"/batches/{batch['id']}/preview"))["items"]
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    await worker.settle()
    told = (await registry.annotations())[national_id(1)]["annotation"]
    assert told["summary"] == "x" * size + "\n核准延修"
    assert {f["field"]: f["after"] for f in shown["annotation"]["fields"]}["summary"] == told["summary"]
    (entry,) = await county.entries(roster_id, OFFICER)
    assert entry["latest_deferment"]["summary"] == told["summary"]
