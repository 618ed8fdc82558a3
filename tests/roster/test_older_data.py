"""Data of the release before versions were kept: migrated, read, corrected (RO-09, RO-55)."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import asyncpg
import pytest

from local.databases import plain, prepare
from shared import crypto, migrations
from tests.roster.corrections import corrected, standing
from tests.support import rosters
from tests.support.rosters import APPROVER, NTU, OFFICER, SCHOOLS, County, men
from tests.support.services import running

pytestmark = [pytest.mark.rule("RO-09", "RO-55")]

SCHOOL = (
    "INSERT INTO school (code, name, school_kind, ownership, county_code, address, phone, website, system, version)"
    " VALUES ('0003', '國立臺灣大學', 'university', 'public', '63000', '', '', '', 'general', 1)"
)
SUBMISSION = (
    "INSERT INTO submission (id, school_code, kind, academic_year, term, content_digest, charset, row_count, notes,"
    " received_at, received_by) VALUES ($1, '0003', 'application', 115, 1, '\\x00', 'utf-8', 3, '[]', $2, 'then')"
)
ROSTER = (
    "INSERT INTO roster (id, submission_id, school_code, county_code, kind, academic_year, term, version, revision,"
    " received_on, received_at, deadline, opened_at, opened_by) VALUES ($1, $2, '0003', '63000', 'application', 115, 1,"
    " 1, 4, '2026-09-21', $3, '2026-10-19', $3, 'officer-1')"
)
ENTRY = (
    "INSERT INTO entry (id, roster_id, school_code, county_code, row_no, national_id, national_id_index, name,"
    " birth_date, township_code, village, division, level, nominal_years, department, class_year, student_no,"
    " enrolled_on, expected_graduation_on, state, version, officer_draft, judged_at) VALUES ($1, $2, '0003', '63000',"
    " $3, $4, $5, '王小明', '2006-03-04', '63000030', '龍安里', 'day', 'bachelor', 4, '資訊工程學系', 3, $6,"
    " '2024-09-09', '2028-06-30', $7, 2, '{}', now())"
)


async def test_an_older_database_gets_versions_and_a_past_that_begins_now(admin_url, monkeypatch, tmp_path):
    prefix = f"older_{uuid.uuid4().hex[:8]}"
    urls = (await prepare(admin_url, ["roster"], prefix, {}))["roster"]
    await asyncio.to_thread(migrations.upgrade, "roster", urls.owner, "0001_create_rosters")
    owner = await asyncpg.connect(plain(urls.owner))
    submission, roster, then = uuid.uuid4(), uuid.uuid4(), datetime.now(UTC) - timedelta(days=30)
    rows, ring = men(1, 3), crypto.ring()
    await owner.execute(SCHOOL)
    await owner.execute(SUBMISSION, submission, then)
    await owner.execute(ROSTER, roster, submission, then)
    for number, (row, state) in enumerate(zip(rows, ("in_review", "on_hold", "superseded"), strict=True), 2):
        sealed = ring.encrypt(row["national_id"].encode(), "entry.national_id")
        index = ring.blind_index(row["national_id"])
        await owner.execute(ENTRY, uuid.uuid4(), roster, number, sealed, index, row["student_no"], state)

    await asyncio.to_thread(migrations.upgrade, "roster", urls.owner)
    found = await owner.fetch("SELECT DISTINCT filed_on::text, from_version, until_version FROM entry")
    assert [tuple(row) for row in found] == [("2026-09-21", 1, None)]
    version = await owner.fetchrow("SELECT version, row_count, added, received_by, received_at FROM roster_version")
    assert tuple(version) == (1, 3, 3, "then", then)
    assert await owner.fetchval("SELECT count(*) FROM history") == 0

    rosters.set_today(monkeypatch, tmp_path)
    async with running("roster", urls) as service:
        county = County(service)
        taken = await service.http.post(
            "/roster/v1/schools/imports",
            content=SCHOOLS.encode(),
            headers={**rosters.ADMIN, "Content-Type": "text/csv", "Idempotency-Key": "1"},
        )
        assert taken.status_code == 200, taken.text
        path = f"/rosters/{roster}"
        gone = await county.call("GET", f"{path}?as_of={quote(then.isoformat())}", OFFICER)
        assert (gone.status_code, gone.json()["code"]) == (404, "nothing_then")
        (first,) = (await county.get(f"{path}/history"))["items"]
        assert (first["action"], first["by"]["org_type"]) == ("received", "school")
        before = await standing(county, str(roster), NTU)
        (received,) = (await county.get(f"/entries/{before['B00000001']['id']}/history"))["items"]
        assert received["action"] == "received"
        told = await corrected(county, str(roster), [rows[0] | {"name": "陳大文"}, rows[1]])
        assert (told["version"], told["kept"], told["changed"], told["counts"]) == (
            2, 1, 1, {"received": 1, "on_hold": 1},
        )  # fmt: skip
        assert await standing(county, str(roster), NTU, "&version=1") == before
        assert (await county.get(path, APPROVER))["received_on"] == "2026-09-21"
    # The release before this one may still be writing: it names none of the new columns.
    sealed, index = ring.encrypt(b"A1", "entry.national_id"), ring.blind_index("A1")
    await owner.execute(ENTRY, uuid.uuid4(), roster, 9, sealed, index, "B00000009", "withdrawn")
    await owner.close()
    admin = await asyncpg.connect(plain(admin_url))
    await admin.execute(f'DROP DATABASE "{urls.app.rpartition("/")[2]}" WITH (FORCE)')
    await admin.close()
