"""A school's file in: whole or not at all, one roster a county, the same content once (RO-01 to RO-08)."""

import asyncio
import threading
from datetime import date

import asyncpg
import pytest
from sqlalchemy import AsyncAdaptedQueuePool

from local.databases import plain
from roster.intake import service as intake
from roster.intake.reading import read_submission
from shared.db import Context, Database
from tests.roster.intake_corpus.files import cessation, extension, national_id, student, to_csv, to_json
from tests.support import rosters
from tests.support.rosters import ADMIN, NTU, OFFICER, OTHER_SCHOOL, County
from tests.support.services import running
from tests.support.tokens import bearer, key


@pytest.fixture(scope="module")
async def quiet(template, tmp_path_factory):
    """A county in whose database nothing is ever kept: for files that are refused."""
    async with template("roster").copy() as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp("clock"))
            async with running("roster", urls) as service:
                yield await rosters.county(service)


SIS = bearer("school", org="school:0003", sub="client-ntu", client=True)
FIVE = {
    "63000": "63000030",
    "64000": "64000010",
    "65000": "65000010",
    "66000": "66000010",
    "68000": "68000010",
}


def of_five_counties(count: int = 10) -> list[dict[str, str]]:
    """Students whose households five counties decide, in turn."""
    places = list(FIVE.items())
    return [
        student(n, birth_date="2006-03-04", county_code=places[n % 5][0], township_code=places[n % 5][1])
        for n in range(count)
    ]


async def post(county: County, body: bytes, who=NTU, *, kind="application", query="", **headers: str):
    """Post a file; `headers` with underscores for dashes replace the usual ones."""
    sent = {"Content-Type": "text/csv", **key(), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return await county.service.http.post(
        f"/roster/v1/submissions?kind={kind}&academic_year=115&term=1{query}", content=body, headers={**who, **sent}
    )


async def owner(county: County, query: str, *arguments):
    """What stands in the database, read by its owner, past every wall."""
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def counts(county: County) -> dict[str, int]:
    """Rows of every table."""
    tables = await owner(
        county, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {t["relname"]: (await owner(county, f"SELECT count(*) FROM {t['relname']}"))[0]["count"] for t in tables}


@pytest.mark.rule("RO-01", "RO-02")
async def test_one_file_of_five_counties_becomes_five_rosters(county):
    answer = await post(county, to_csv(of_five_counties(12)).encode(), SIS)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["kind"], made["academic_year"], made["term"], made["row_count"]) == ("application", 115, 1, 12)
    assert [(r["county_code"], r["county_name"], r["headcount"]) for r in made["rosters"]] == [
        ("63000", "臺北市", 3),
        ("64000", "高雄市", 3),
        ("65000", "新北市", 2),
        ("66000", "臺中市", 2),
        ("68000", "桃園市", 2),
    ]
    # Registration ended on 18 September: a month later is a Sunday, so the Monday after (RO-36).
    assert {(r["deadline"], r["days_late"], r["received_on"]) for r in made["rosters"]} == {
        ("2026-10-19", 0, "2026-10-01")
    }
    assert answer.headers["location"] == f"/roster/v1/submissions/{made['id']}"
    found = await county.call("GET", f"/submissions/{made['id']}", NTU)
    assert found.json() == made
    work_list = (await county.get("/rosters?state=pending"))["items"]
    assert [(r["id"], r["headcount"]) for r in work_list] == [(made["rosters"][0]["id"], 3)]


@pytest.mark.rule("RO-07", "RO-10")
async def test_eight_faulty_cells_are_all_named_and_nothing_is_kept(quiet):
    rows = of_five_counties(12)
    wrong_digit = rows[0]["national_id"][:-1] + str((int(rows[0]["national_id"][-1]) + 1) % 10)
    rows[0]["national_id"] = wrong_digit
    rows[1]["birth_date"] = "0950230"
    rows[2]["township_code"] = "63000999"
    rows[3]["national_id"] = national_id(3, second="8")
    rows[4]["national_id"] = national_id(4, second="2")
    rows[5] |= {"enrolled_on": "2029-09-09"}
    rows[6]["level"] = "phd"
    rows[7]["name"] = " "
    before = await counts(quiet)
    answer = await post(quiet, to_csv(rows).encode())
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["error_count"], len(problem["errors"])) == ("invalid_content", 8, 8)
    assert [(e["row"], e["column"], e["code"]) for e in problem["errors"]] == [
        (2, "national_id", "national_id_checksum"),
        (3, "birth_date", "date_impossible"),
        (4, "township_code", "township_unknown"),
        (5, "national_id", "resident_number"),
        (6, "national_id", "not_male"),
        (7, "enrolled_on", "graduation_before_enrolment"),
        (8, "level", "level_unknown"),
        (9, "name", "required"),
    ]
    assert all(e["message"] and e["message_en"] for e in problem["errors"])
    assert problem["errors"][6]["suggestion"] == "doctoral"
    assert wrong_digit not in answer.text
    assert await counts(quiet) == before


@pytest.mark.rule("RO-08")
async def test_the_same_content_again_is_the_same_submission(county):
    rows = of_five_counties()
    first = await post(county, to_csv(rows).encode())
    again = {
        "the same bytes": await post(county, to_csv(rows).encode()),
        "Big5, declared": await post(county, to_csv(rows).encode("cp950"), Content_Type="text/csv; charset=big5"),
        "JSON": await post(county, to_json(rows), Content_Type="application/json"),
        "other order": await post(county, to_csv(rows[::-1]).encode()),
        "ROC dates": await post(county, to_csv([row | {"birth_date": "095/03/04"} for row in rows]).encode()),
    }
    for name, answer in again.items():
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (200, "true"), name
        assert answer.json() == first.json(), name
    assert "idempotent-replayed" not in first.headers
    found = await counts(county)
    assert (found["submission"], found["roster"], found["entry"]) == (1, 5, 10)


@pytest.mark.rule("RO-08")
async def test_what_is_not_the_same_content_is_another_submission(county):
    rows = of_five_counties()
    first = await post(county, to_csv(rows).encode())
    others = [
        await post(county, to_csv([rows[0] | {"remarks": "轉學生"}, *rows[1:]]).encode()),
        await post(county, to_csv(rows).encode(), kind="reapplication"),
        await post(county, to_csv(rows).encode(), SIS),
        await post(county, to_csv(rows).encode(), OTHER_SCHOOL),
    ]
    assert [answer.status_code for answer in others] == [201] * 4
    assert len({answer.json()["id"] for answer in [first, *others]}) == 5


@pytest.mark.rule("RO-08")
async def test_a_withdrawn_submission_may_be_sent_again(county):
    body = to_csv(of_five_counties()).encode()
    first = (await post(county, body)).json()
    await owner(county, "UPDATE submission SET withdrawn_at = now() WHERE id = $1", first["id"])
    second = await post(county, body)
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


@pytest.mark.rule("RO-08")
async def test_a_key_stands_for_one_request(county):
    one = key()
    body = to_csv(of_five_counties()).encode()
    first = await post(county, body, **one)
    again = await post(county, body, **one)
    other = await post(county, to_csv(of_five_counties(11)).encode(), **one)
    none = await county.service.http.post(
        "/roster/v1/submissions?kind=application&academic_year=115&term=1",
        content=body,
        headers={**NTU, "Content-Type": "text/csv"},
    )
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
    assert again.headers["location"] == first.headers["location"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (none.status_code, none.json()["code"]) == (400, "idempotency_key_missing")
    assert (await counts(county))["submission"] == 1


@pytest.mark.rule("RO-08")
async def test_posts_of_the_same_content_at_once_make_one_submission(county):
    body = to_csv(of_five_counties()).encode()
    answers = await asyncio.gather(*(post(county, body) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [200] * 5 + [201]
    assert len({a.json()["id"] for a in answers}) == 1
    found = await counts(county)
    assert (found["submission"], found["roster"], found["entry"]) == (1, 5, 10)
    assert len(await owner(county, "SELECT 1 FROM job WHERE kind = 'registry.lookup'")) == 5


@pytest.mark.rule("RO-08")
async def test_posts_under_one_key_at_once_make_one_submission(county):
    one = key()
    body = to_csv(of_five_counties()).encode()
    answers = await asyncio.gather(*(post(county, body, **one) for _ in range(4)))
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    assert (await counts(county))["submission"] == 1


@pytest.mark.rule("RO-08")
async def test_a_refused_file_may_be_mended_under_the_same_key(county):
    one = key()
    rows = of_five_counties()
    refused = await post(county, to_csv([rows[0] | {"name": ""}, *rows[1:]]).encode(), **one)
    mended = await post(county, to_csv(rows).encode(), **one)
    assert (refused.status_code, mended.status_code) == (422, 201)


@pytest.mark.rule("RO-05", "RO-28")
async def test_a_late_roster_is_taken_in_and_says_how_late(county, monkeypatch, tmp_path):
    rosters.set_today(monkeypatch, tmp_path, date(2026, 10, 22))
    made = (await post(county, to_csv(of_five_counties()).encode())).json()
    assert {(r["deadline"], r["days_late"]) for r in made["rosters"]} == {("2026-10-19", 3)}
    hints = (await county.entries(made["rosters"][0]["id"]))[0]["hints"]
    assert [h["values"]["days_late"] for h in hints if h["code"] == "late"] == [3]


@pytest.mark.rule("RO-04")
async def test_a_cessation_needs_no_term_and_is_due_thirty_days_after_leaving(county):
    await owner(county, "DELETE FROM term")
    rows = [
        cessation(1, left_on="2026-08-20"),
        cessation(2, left_on="2026-09-30"),
        cessation(3, birth_date="2006-01-01"),
    ]
    rows[2] |= {"cessation_reason": "graduated", "left_on": "2026-06-30"}
    answer = await post(county, to_csv(rows).encode(), kind="cessation")
    assert answer.status_code == 201, answer.text
    # 20 August and thirty days is Saturday, 19 September: the Monday after. Graduation has no period.
    assert [(r["deadline"], r["days_late"]) for r in answer.json()["rosters"]] == [("2026-09-21", 10)]
    late = {
        e["row_no"]: [h["values"]["due"] for h in e["hints"] if h["code"] == "late"]
        for e in await county.entries(answer.json()["rosters"][0]["id"])
    }
    assert late == {2: ["2026-09-21"], 3: [], 4: []}


@pytest.mark.rule("RO-04")
async def test_a_reason_that_another_authority_reports_is_a_faulty_cell(quiet):
    rows = [cessation(1), cessation(2, cessation_reason="experimental_left")]
    answer = await post(quiet, to_csv(rows).encode(), kind="cessation")
    assert answer.status_code == 422
    assert [(e["row"], e["column"], e["code"]) for e in answer.json()["errors"]] == [
        (3, "cessation_reason", "reason_not_yours")
    ]


async def test_without_a_term_or_a_listed_school_nothing_is_taken_in(county):
    body = to_csv(of_five_counties()).encode()
    unlisted = await post(county, body, bearer("school", org="school:0099"))
    assert (unlisted.status_code, unlisted.json()["code"]) == (422, "school_unknown")
    assert "/roster/v1/schools/imports" in unlisted.json()["detail_en"]
    await owner(county, "DELETE FROM term")
    without = await post(county, body)
    assert (without.status_code, without.json()["code"]) == (422, "term_unknown")
    assert "/roster/v1/terms/115/1" in without.json()["detail_en"]
    assert (await counts(county))["submission"] == 0


SOUND = to_csv([student(1)]).encode()


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    "body, content_type, status, code",
    [
        (b"", "text/csv", 422, "file_empty"),
        (SOUND, "application/vnd.ms-excel", 415, None),
        (SOUND, "text/csv; charset=utf-16", 415, "charset_utf16"),
        (SOUND, "text/csv; charset=klingon", 415, "charset_unsupported"),
        (SOUND + b"\xff\xfe\xff", "text/csv; charset=utf-8", 422, "undefined_bytes"),
        (to_csv([student(n) for n in range(9)]).encode("cp950"), "text/csv; charset=utf-8", 415, "charset_undecodable"),
        (SOUND.replace(b"B0000", b"B\x00000"), "text/csv", 400, "nul_character"),
        (SOUND + b'"', "text/csv", 400, "csv_quote"),
        (b"{", "application/json", 400, "json_syntax"),
        (b'{"rows": [{"name": NaN}]}', "application/json", 400, "json_number"),
        (b'{"rows": []}', "application/json", 422, "no_rows"),
        (b"[" * 100_000, "application/json", 400, "json_too_deep"),
        (b"a," * 1_000_000 + b"a\r\n", "text/csv", 413, "too_many_columns"),
        (b"x" * 16_777_217, "text/csv", 413, None),
        (to_csv([student(1, name="王" * 10_000)]).encode(), "text/csv", 422, "too_long"),
        (to_csv([student(1, remarks='=cmd|"/c calc"!A1')]).encode(), "text/csv", 422, "formula"),
        (to_csv([{**student(1), "color": "red"}]).encode(), "text/csv", 422, "column_unknown"),
    ],
)
async def test_a_bad_file_is_refused_in_its_own_words(quiet, body, content_type, status, code):
    answer = await post(quiet, body, Content_Type=content_type)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if code is not None:
        assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["detail"]
    assert (await counts(quiet))["submission"] == 0


@pytest.mark.parametrize(
    "query", ["kind=gift&academic_year=115&term=1", "kind=application&academic_year=115&term=3", "kind=application"]
)
async def test_what_a_submission_is_for_must_be_said(quiet, query):
    answer = await quiet.service.http.post(
        f"/roster/v1/submissions?{query}", content=SOUND, headers={**NTU, **key(), "Content-Type": "text/csv"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")


async def test_only_schools_submit(quiet):
    for who in (OFFICER, ADMIN, bearer("approver")):
        assert (await post(quiet, SOUND, who)).status_code == 403
    # The role alone is not enough: it is a school that reports.
    assert (await post(quiet, SOUND, bearer("school", org="county:63000"))).status_code == 403


async def test_another_schools_submission_is_as_one_that_does_not_exist(county):
    made = (await post(county, SOUND)).json()
    theirs = await county.call("GET", f"/submissions/{made['id']}", OTHER_SCHOOL)
    nothing = await county.call("GET", "/submissions/00000000-0000-4000-8000-000000000000", OTHER_SCHOOL)
    assert (theirs.status_code, nothing.status_code) == (404, 404)
    assert theirs.json() | {"instance": ""} == nothing.json() | {"instance": ""}


@pytest.mark.rule("RO-17")
async def test_a_man_may_stand_on_two_schools_rosters_and_his_dates_may_change(county):
    rows = of_five_counties(5)
    mine = await post(county, to_csv(rows).encode())
    theirs = await post(county, to_csv(rows).encode(), OTHER_SCHOOL)
    corrected = await post(county, to_csv([row | {"enrolled_on": "2024-09-02"} for row in rows]).encode())
    assert {mine.status_code, theirs.status_code, corrected.status_code} == {201}
    assert (await counts(county))["entry"] == 15


@pytest.mark.rule("RO-06")
async def test_names_are_kept_as_they_came(county):
    names = ["陳𠮷", "林\U000e0100峯", "黃\ue001", "王 小 明", "Talo·Kacaw"]
    rows = [student(n, name=name) for n, name in enumerate(names)]
    made = await post(county, to_csv(rows).encode())
    assert [n["code"] for n in made.json()["notes"]] == ["private_use_characters"]
    entries = await county.entries(made.json()["rosters"][0]["id"])
    assert [e["name"] for e in entries] == names


async def test_no_national_id_is_stored_in_the_clear(county):
    rows = of_five_counties(5)
    await post(county, to_csv(rows).encode())
    await post(county, to_csv([row | {"name": ""} for row in rows]).encode())
    tables = await owner(
        county, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        stored = await owner(county, f"SELECT t::text AS row FROM {table['relname']} t")
        text = " ".join(row["row"] for row in stored)
        assert not [row for row in rows if row["national_id"] in text], table["relname"]
        # A bytea prints as hexadecimal.
        assert not [row for row in rows if row["national_id"].encode().hex() in text], table["relname"]


# Row-level security, with no filter of the service in front of it.

ENTRIES = "SELECT count(*) FROM entry"
HINTS = "SELECT DISTINCT rule FROM hint"


async def seen(county: County, context: Context, query: str):
    """The first column of what the application role sees in a context."""
    async with county.service.database.transaction(context) as session:
        connection = await session.connection()
        return sorted((await connection.exec_driver_sql(query)).scalars())


async def test_row_level_security_alone_shows_a_school_its_own(county):
    rows = [extension(n, birth_date="2006-03-04") for n in range(3)]
    await post(county, to_csv(rows).encode(), kind="extension")
    await post(county, to_csv(rows[:2]).encode(), OTHER_SCHOOL, kind="extension")
    ntu, other, taipei, far, nobody = (
        Context("x", *place)
        for place in (
            ("school", "0003"),
            ("school", "0025"),
            ("county", "63000"),
            ("county", "65000"),
            ("none", "none"),
        )
    )
    assert [await seen(county, who, ENTRIES) for who in (ntu, other, taipei, far, nobody)] == [[3], [2], [5], [0], [0]]
    hidden = {"RO-18", "RO-27"}
    assert set(await seen(county, taipei, HINTS)) >= hidden
    for school in (ntu, other):
        assert not set(await seen(county, school, HINTS)) & hidden
        assert await seen(county, school, "SELECT count(*) FROM hint WHERE NOT visible_to_school") == [0]
    assert await seen(county, Context.system("roster"), ENTRIES) == [0]
    assert await seen(county, ntu, "SELECT count(*) FROM submission") == [1]
    assert await seen(county, ntu, "SELECT count(*) FROM registry_fact") == [0]


# Many schools on one day.


async def test_files_are_read_before_a_connection_is_taken(roster_urls, monkeypatch, tmp_path):
    """Twenty files of 300 KB at once, while whoever only looks at something is answered."""
    rosters.set_today(monkeypatch, tmp_path)
    async with running("roster", roster_urls, pool_size=2) as service:
        county = await rosters.county(service)
        go_on = threading.Event()
        held: list[int] = []
        two_in_hand = asyncio.Event()
        loop = asyncio.get_running_loop()
        pool = service.database.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)

        def read_slowly(*arguments):
            held.append(pool.checkedout())
            if len(held) == 2:
                loop.call_soon_threadsafe(two_in_hand.set)
            assert go_on.wait(60)
            return read_submission(*arguments)

        monkeypatch.setattr(intake, "read_submission", read_slowly)
        files = [
            to_csv([student(n, remarks="備" * 950) for n in range(first, first + 100)]).encode()
            for first in range(0, 2_000, 100)
        ]
        assert min(map(len, files)) > 290_000
        posts = [asyncio.create_task(post(county, file)) for file in files]
        try:
            await asyncio.wait_for(two_in_hand.wait(), 60)
            looked = [await county.call("GET", "/terms", NTU) for _ in range(5)]
            at_once = len(held)
        finally:
            go_on.set()
            answers = await asyncio.gather(*posts)
        looked += await asyncio.gather(*(county.call("GET", "/terms", NTU) for _ in range(3)))
        assert [answer.status_code for answer in looked] == [200] * 8
        assert [answer.status_code for answer in answers] == [201] * 20
        assert (at_once, held[:2], len(held)) == (2, [0, 0], 20)


async def test_a_file_is_read_for_nobody_who_may_not_send_it(quiet, monkeypatch):
    monkeypatch.setattr(intake, "read_submission", lambda *_: pytest.fail("it was read"))
    path = "/roster/v1/submissions?kind=application&academic_year=115&term="
    sent = {"Content-Type": "text/csv", **key()}
    answers = [
        await quiet.service.http.post(path + term, content=SOUND, headers=headers)
        for term, headers in (
            ("1", sent),
            ("1", {**sent, **OFFICER}),
            ("1", {**sent, **bearer("school", org="county:63000")}),
            ("3", {**sent, **NTU}),
            ("1", {**NTU, "Content-Type": "text/csv"}),
        )
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 403, 422, 400]


async def test_a_refused_file_never_takes_a_connection(quiet, monkeypatch):
    monkeypatch.setattr(Database, "transaction", lambda *_: pytest.fail("a transaction was opened"))
    answer = await post(quiet, b'{"rows": []}', Content_Type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "no_rows")
