"""What the tests of corrected and withdrawn rosters share: the calls, and men who differ in one thing."""

from typing import Any

import httpx

from tests.roster.intake_corpus.files import Student, to_csv
from tests.support.rosters import NTU, OFFICER, County
from tests.support.tokens import key

STATED = (
    "row_no", "national_id", "name", "birth_date", "county_code", "township_code", "village", "division", "level",
    "nominal_years", "department", "class_year", "student_no", "enrolled_on", "expected_graduation_on",
    "extended_until", "extension_reason", "cessation_reason", "left_on", "remarks",
)  # fmt: skip


async def correct(
    county: County,
    roster_id: str,
    rows: list[Student],
    *,
    seen: int | None = 1,
    who: dict[str, str] = NTU,
    query: str = "",
    **headers: str,
) -> httpx.Response:
    """PUT a file in the place of a roster."""
    sent = {**who, "Content-Type": "text/csv"} | headers
    if seen is not None:
        sent["If-Match"] = f'"{seen}"'
    return await county.service.http.put(
        f"/roster/v1/rosters/{roster_id}{query}", content=to_csv(rows).encode(), headers=sent
    )


async def corrected(county: County, roster_id: str, rows: list[Student], seen: int = 1) -> Any:
    """The same, when it succeeds."""
    answer = await correct(county, roster_id, rows, seen=seen)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def withdraw(county: County, roster_id: str, *, seen: int | None = 1, who: dict[str, str] = NTU):
    """POST the withdrawal of a roster."""
    return await county.call("POST", f"/rosters/{roster_id}/withdraw", who, seen=seen)


async def post(county: County, rows: list[Student], kind: str = "application") -> httpx.Response:
    """Post a file, whatever the answer."""
    return await county.service.http.post(
        f"/roster/v1/submissions?kind={kind}&academic_year=115&term=1",
        content=to_csv(rows).encode(),
        headers={**NTU, **key(), "Content-Type": "text/csv"},
    )


async def standing(county: County, roster_id: str, who: dict[str, str] = OFFICER, query: str = "") -> dict[str, Any]:
    """The entries of a roster by student number."""
    items = (await county.get(f"/rosters/{roster_id}/entries?limit=200{query}", who))["items"]
    assert len({item["student_no"] for item in items}) == len(items)
    return {item["student_no"]: item for item in items}
