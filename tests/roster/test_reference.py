"""Reference data: the Ministry's list, contacts, terms, the official calendar."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.tokens import bearer, key

ADMIN = bearer("admin", org="moi:moi")
SCHOOL = bearer("school", org="school:0003")
LIST = (
    "代碼,學校名稱,公/私立,縣市名稱,地址,電話,網址,體系別\n"
    "0003,國立臺灣大學,公立,[33]臺北市,[106]臺北市大安區羅斯福路四段1號,(02)33663366,http://www.ntu.edu.tw,[1]一般\n"
    "0051,國立空中大學附設進修學院,公立,[01]新北市,[247]新北市蘆洲區中正路172號,(02)22829355,http://x.tw,[2]技職\n"
)


def csv_headers(**more):
    return {**ADMIN, **key(), "Content-Type": "text/csv", **more}


async def take_list(roster, text=LIST):
    return await roster.http.post("/roster/v1/schools/imports", content=text.encode(), headers=csv_headers())


async def test_list_is_taken_once_and_again_without_change(roster):
    first = await take_list(roster)
    assert (first.status_code, first.json()) == (200, {"read": 2, "added": 2, "changed": 0, "unchanged": 0})
    again = await take_list(roster, LIST.replace("33663366", "33663367"))
    assert again.json() == {"read": 2, "added": 0, "changed": 1, "unchanged": 1}
    school = (await roster.http.get("/roster/v1/schools/0003", headers=SCHOOL)).json()
    assert school == {
        "code": "0003",
        "name": "國立臺灣大學",
        "school_kind": "university",
        "ownership": "公立",
        "county_code": "63000",
        "address": "臺北市大安區羅斯福路四段1號",
        "phone": "(02)33663367",
        "website": "http://www.ntu.edu.tw",
        "system": "一般",
        "registered": True,
        "version": 2,
    }
    attached = (await roster.http.get("/roster/v1/schools/0051", headers=SCHOOL)).json()
    assert attached["school_kind"] == "continuing_college"


async def test_the_ministrys_real_list_is_taken(roster):
    folder = Path(os.environ.get("MUSTER_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "moe_universities_u1_new.csv"
    if not path.is_file():
        pytest.skip("the Ministry's list is not on this machine: set MUSTER_DATA_DIR")
    answer = await take_list(roster, path.read_text(encoding="utf-8"))
    assert answer.json() == {"read": 152, "added": 152, "changed": 0, "unchanged": 0}
    page = (await roster.http.get("/roster/v1/schools?name=專科學校&limit=5", headers=SCHOOL)).json()
    assert {s["school_kind"] for s in page["items"]} == {"junior_college"}
    rest = await roster.http.get(
        f"/roster/v1/schools?name=專科學校&limit=200&cursor={page['next_cursor']}", headers=SCHOOL
    )
    assert len(page["items"]) + len(rest.json()["items"]) == 12


@pytest.mark.parametrize(
    "text, code, row, column",
    [
        ("代碼,學校名稱\n0003,國立臺灣大學\n", "column_missing", 1, "公/私立"),
        (LIST.replace("[33]臺北市", "[33]台南國"), "county_unknown", 2, "縣市名稱"),
        (LIST.replace("0051", "0003"), "duplicate_code", 3, "代碼"),
        (LIST.replace("0051", "5"), "school_code", 3, "代碼"),
        (LIST.split("\n")[0] + "\n", "empty", 2, "代碼"),
    ],
)
async def test_a_faulty_list_is_refused_whole_and_the_cell_named(roster, text, code, row, column):
    answer = await take_list(roster, text)
    assert answer.status_code == 422
    assert {"code": code, "row": row, "column": column}.items() <= answer.json()["errors"][0].items()
    assert (await roster.http.get("/roster/v1/schools", headers=SCHOOL)).json()["items"] == []


async def test_a_big5_list_is_refused_by_its_encoding(roster):
    answer = await roster.http.post("/roster/v1/schools/imports", content=LIST.encode("big5"), headers=csv_headers())
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_contact_is_the_schools_own_to_set(roster):
    await take_list(roster)
    contact = {"name": "王美玲", "phone": "02-3366-2032", "email": "military@ntu.example.test"}
    mine = await roster.http.put("/roster/v1/schools/0003/contact", json=contact, headers=SCHOOL)
    assert mine.json() == {"school_code": "0003", "school_name": "國立臺灣大學", **contact}
    other = await roster.http.put("/roster/v1/schools/0051/contact", json=contact, headers=SCHOOL)
    nothing = await roster.http.put("/roster/v1/schools/9999/contact", json=contact, headers=SCHOOL)
    assert (other.status_code, nothing.status_code) == (404, 404)
    assert {k: v for k, v in other.json().items() if k != "instance"} == {
        k: v for k, v in nothing.json().items() if k != "instance"
    }


@pytest.mark.rule("RO-36")
async def test_a_terms_deadline_is_the_schools_else_the_national(roster):
    national = await roster.http.put(
        "/roster/v1/terms/115/1", json={"registration_deadline": "115/09/18"}, headers=ADMIN
    )
    assert national.json()["school_code"] == "*"
    own = await roster.http.put("/roster/v1/terms/115/1", json={"registration_deadline": "2026-09-11"}, headers=SCHOOL)
    assert own.json()["registration_deadline"] == "2026-09-11"
    seen = (await roster.http.get("/roster/v1/terms", headers=SCHOOL)).json()["items"]
    assert [(t["school_code"], t["registration_deadline"]) for t in seen] == [
        ("*", "2026-09-18"),
        ("0003", "2026-09-11"),
    ]
    theirs = (await roster.http.get("/roster/v1/terms", headers=bearer("school", org="school:0051"))).json()
    assert [t["school_code"] for t in theirs["items"]] == ["*"]


@pytest.mark.parametrize(
    "deadline, code",
    [
        (86400, "value_error"),
        ("2026-02-31", "value_error"),
        ("000/01/01", "value_error"),
        ("2030-01-01", "deadline_outside_year"),
    ],
)
async def test_an_impossible_deadline_is_refused(roster, deadline, code):
    answer = await roster.http.put("/roster/v1/terms/115/1", json={"registration_deadline": deadline}, headers=SCHOOL)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_change_states_the_version_it_saw(roster):
    await take_list(roster)
    change = {"school_kind": "continuing_school"}
    path = "/roster/v1/schools/0003"
    assert (await roster.http.patch(path, json=change, headers=ADMIN)).status_code == 428
    stale = await roster.http.patch(path, json=change, headers={**ADMIN, "If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    done = await roster.http.patch(path, json=change, headers={**ADMIN, "If-Match": '"1"'})
    assert (done.json()["school_kind"], done.headers["etag"]) == ("continuing_school", '"2"')


async def test_official_calendar_is_taken(roster):
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    text = "西元日期,星期,是否放假,備註\r\n" + "\r\n".join(
        f"{d:%Y%m%d},{'一二三四五六日'[d.weekday()]},{2 if d.weekday() > 4 else 0}," for d in days
    )
    headers = {**ADMIN, "Content-Type": "text/csv"}
    answer = await roster.http.put("/roster/v1/calendars/2026", content=text.encode("big5"), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"days": 365})
    wrong_year = await roster.http.put("/roster/v1/calendars/2025", content=text.encode(), headers=headers)
    assert (wrong_year.status_code, wrong_year.json()["errors"][0]["code"]) == (422, "other_year")
    wrong_day = await roster.http.put(
        "/roster/v1/calendars/2026", content=text.replace(",三,", ",四,", 1).encode(), headers=headers
    )
    assert (wrong_day.status_code, wrong_day.json()["errors"][0]["code"]) == (422, "bad_calendar")


async def test_a_list_of_twelve_thousand_schools_is_taken(roster):
    """More rows than one statement has places for values (32,767)."""
    line = LIST.splitlines()[1]
    text = "\n".join([LIST.splitlines()[0], *(line.replace("0003", f"{n:05d}", 1) for n in range(12_000))])
    answer = await take_list(roster, text)
    assert (answer.status_code, answer.json()["added"]) == (200, 12_000), answer.text
    last = (await roster.http.get("/roster/v1/schools/11999", headers=SCHOOL)).json()
    assert last["registered"] is True
