"""What the programme office and employers send about men and their periods, in short."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.rdss_fee.support import EMPLOYER_A, OFFICE, A, Fee, national_id


def period(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of an announcement: the manual's master's graduate, who reports at A on 28 September."""
    return {
        "national_id": national_id(8_000_000 + number),
        "name": "陳建宏",
        "degree": "master",
        "cohort": 2026,
        "stage_begins_on": "2026-09-28",
        "employer_code": A,
        "begins_on": "2026-09-28",
        "begun_by": "reported",
        **changes,
    }


async def put(
    fee: Fee, path: str, body: Any, seen: int | None, who: Mapping[str, str] = OFFICE, method: str = "PUT"
) -> httpx.Response:
    """PUT (or PATCH) what was seen in a version."""
    headers = {**who, **({} if seen is None else {"If-Match": f'"{seen}"'})}
    return await fee.http.request(method, f"/rdss-fee/v1{path}", headers=headers, json=body)


async def announced(fee: Fee, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of rows that are all taken."""
    answer = await fee.post("/service-periods", OFFICE, list(rows))
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def man_of(fee: Fee, serviceman_id: str, who: Mapping[str, str] = OFFICE, **query: str) -> dict[str, Any]:
    """A man as he is told."""
    answer = await fee.get(f"/servicemen/{serviceman_id}", who, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def codes(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """Code and pointer of each fault of a refusal."""
    return [(one["code"], one.get("pointer")) for one in answer.json()["errors"]]


async def report(
    fee: Fee, period_id: str, who: Mapping[str, str] = EMPLOYER_A, seen: int = 1, **body: Any
) -> httpx.Response:
    """Report the end of a period, on the day of suspension unless told otherwise."""
    told = body or {"ends_before": "2026-10-10", "ended_by": "suspended"}
    return await fee.post(f"/service-periods/{period_id}/reports", who, told, if_match=f'"{seen}"')
