"""Property: what goes in by any format is stored and read back the same, code point by code point."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from roster.intake.reading import CSV, JSON, NDJSON
from roster.intake.sheets.book import ODS, XLSX
from tests.roster.intake_corpus.files import Student, to_csv, to_json, to_ndjson
from tests.roster.intake_corpus.names import BIG5_NAMES, NAMES, students
from tests.roster.intake_corpus.workbooks import to_ods, to_xlsx
from tests.roster.test_submissions import post
from tests.support.rosters import NTU, County

FORMATS = {
    JSON: to_json,
    NDJSON: to_ndjson,
    CSV: lambda rows: to_csv(rows).encode(),
    XLSX: to_xlsx,
    ODS: to_ods,
}
FIELDS = ("national_id", "name", "birth_date", "student_no", "remarks", "department", "class_year", "enrolled_on")


async def _back(county: County, body: bytes, media: str) -> tuple[Any, list[dict[str, Any]]]:
    """The submission, and its rows as the API reads them back."""
    answer = await post(county, body, Content_Type=media)
    assert answer.status_code in (200, 201), (media, answer.text)
    made = answer.json()
    found = await county.entries(made["rosters"][0]["id"], NTU)
    return made["id"], [{name: entry[name] for name in FIELDS} for entry in found]


async def _withdraw(county: County, submission: str) -> None:
    """So that the next file of the same content is taken anew."""
    told = await county.get(f"/submissions/{submission}", NTU)
    for roster in told["rosters"]:
        seen = await county.call("GET", f"/rosters/{roster['id']}", NTU)
        answer = await county.call(
            "POST", f"/rosters/{roster['id']}/withdraw", NTU, None, int(seen.headers["etag"].strip('"'))
        )
        assert answer.status_code == 200, answer.text


async def _same_in_all(county: County, rows: list[Student], formats: dict[str, Any]) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for media, write in formats.items():
        submission, found[media] = await _back(county, write(rows), media)
        await _withdraw(county, submission)
    first = next(iter(found.values()))
    assert all(other == first for other in found.values()), found
    stated = {row["national_id"]: row for row in rows}
    for entry in first:
        row = stated[entry["national_id"]]
        assert entry["name"] == row["name"]
        assert entry["student_no"] == row["student_no"]
        assert entry["remarks"] == row["remarks"].strip()


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "names, formats",
    [(NAMES, FORMATS), (BIG5_NAMES, {**FORMATS, f"{CSV}; charset=big5": lambda rows: to_csv(rows).encode("cp950")})],
)
async def test_every_format_is_read_back_the_same(
    county: County, names: st.SearchStrategy[str], formats: dict[str, Any]
):
    loop = asyncio.get_running_loop()

    @settings(
        deadline=None,
        max_examples=3,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(students(names))
    def run(rows: list[Student]) -> None:
        asyncio.run_coroutine_threadsafe(_same_in_all(county, rows, formats), loop).result(60)

    await asyncio.to_thread(run)
