"""What townships, education authorities and counties file, and short names for what becomes of it."""

from typing import Any

from tests.roster.intake_corpus.files import cessation, national_id, to_csv
from tests.support import rosters
from tests.support.rosters import APPROVER, OFFICER, County
from tests.support.tokens import bearer, key

TOWNSHIP = bearer("township", org="township:63000030")
OTHER_TOWNSHIP = bearer("township", org="township:63000010")
AUTHORITY = bearer("education_authority", org="education_authority:63000")
OTHER_AUTHORITY = bearer("education_authority", org="education_authority:65000")

PAPER = {
    "issuer": "臺北市政府教育局",
    "number": "北市教綜字第1150000001號",
    "issued_on": "2026-09-15",
    "plan_from": "2025-08-01",
    "plan_until": "2028-07-31",
}
SCHOOL_PAPER = {
    "by": "school",
    "school_code": "0003",
    "number": "校教字第1150000007號",
    "issued_on": "2026-09-28",
    "level": "bachelor",
    "nominal_years": 4,
    "department": "資訊工程學系",
    "class_year": 3,
    "student_no": "B13902001",
    "enrolled_on": "2024-09-09",
    "expected_graduation_on": "2028-06-30",
}


def man(number: int, **changes: Any) -> dict[str, Any]:
    """A young man of 臺北市大安區."""
    return {"national_id": national_id(number), "name": "陳大文", "birth_date": "2007-05-06"} | changes


def case(number: int, kind: str = "application", **changes: Any) -> dict[str, Any]:
    """What the township files at the counter."""
    return {"kind": kind, "relation": "householder", "student": man(number), "certificate": PAPER} | changes


def certificate(number: int, **changes: Any) -> dict[str, Any]:
    """A school's certificate of a man who holds an induction order (Art. 12)."""
    return {
        "relation": "student",
        "student": man(number, birth_date="2006-03-04"),
        "induction_order": {"number": "徵字第00001號", "issued_on": "2026-09-25"},
        "certificate": SCHOOL_PAPER,
    } | changes


def left(number: int, reason: str = "experimental_left", day: str = "2026-09-20", **changes: str) -> dict[str, str]:
    """A row of an education authority's notice."""
    row = cessation(number, birth_date="2007-05-06", cessation_reason=reason, left_on=day, **changes)
    del row["student_no"]
    return row


def trained(number: int, reason: str = "trained_to_reserve", **changes: Any) -> dict[str, Any]:
    """A man of the county's list after vacation training."""
    return (
        man(number, birth_date="2006-03-04")
        | {"township_code": "63000030", "reason": reason, "ended_on": "2026-09-04"}
        | changes
    )


async def notice(county: County, rows: list[dict[str, str]], who: dict[str, str] = AUTHORITY) -> Any:
    """The answer to an education authority's notice."""
    return await county.service.http.post(
        "/roster/v1/cases/notices", content=to_csv(rows).encode(), headers={**who, **key(), "Content-Type": "text/csv"}
    )


async def opened(county: County, roster_id: str, said: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The entries of a filed roster after the registry answered and the officer opened it."""
    await county.answered(roster_id, None if said is None else {1: said})
    await county.do(f"/rosters/{roster_id}/open")
    return await county.entries(roster_id)


async def decided(
    county: County, roster_id: str, draft: dict[str, Any] | None = None, said: dict[str, Any] | None = None
) -> Any:
    """A filed roster decided: every entry by `draft` (approved)."""
    for entry in await opened(county, roster_id, said):
        answer = await county.patch(entry, draft or {"decision": "approved"})
        assert answer.status_code == 200, answer.text
    batch = await county.submit(roster_id, OFFICER)
    return await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


async def granted(county: County, number: int) -> None:
    """A deferment at National Taiwan University for the man, by the ordinary way."""
    roster_id, (entry,) = await county.opened(rosters.men(number, 1))
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


def codes(entry: dict[str, Any]) -> list[str]:
    """The codes of an entry's hints."""
    return [hint["code"] for hint in entry["hints"]]
