"""Many large rosters at once are work, not silence: the gateway's pulse ends none of them (ADR 0025)."""

import asyncio
import time

import pytest

from local.demo.days import plan
from local.demo.files import api_csv, table
from local.demo.people import Maker
from local.stack import Stack
from shared import clock
from tests.support.rosters import SCHOOLS
from tests.support.suite import Caller

pytestmark = [pytest.mark.xdist_group("suite"), pytest.mark.timeout(300)]

AT_ONCE, MEN = 6, 2_000
CSV = {"Content-Type": "text/csv"}
# The gateway's own patience with a post is what ends these; a client's must not.
LONG = 120


async def _ready_meanwhile(suite: Stack, over: asyncio.Event) -> list[float]:
    """How long `/readyz` of the roster service took, asked as the gateway asks while somebody waits."""
    took = []
    async with Caller(suite).http as http:
        while not over.is_set():
            began = time.monotonic()
            answer = await http.get(f"http://127.0.0.1:{suite.ports['roster']}/readyz", timeout=LONG)
            assert answer.status_code == 200, answer.text
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.25)
    return took


async def test_six_rosters_of_two_thousand_men_are_all_taken_in(suite: Stack) -> None:
    days = plan(clock.today())
    make = Maker("at once", days)
    files = [api_csv(table([make.man("63000") for _ in range(MEN)])) for _ in range(AT_ONCE)]
    admin, school = Caller(suite), Caller(suite)
    school.http.timeout = LONG
    try:
        await admin.log_in("admin")
        await school.log_in("sis_ntu")
        await admin.persist("POST", "/roster/v1/schools/imports", content=SCHOOLS.encode(), headers=CSV)
        deadline = {"registration_deadline": days.term.registration_deadline.isoformat()}
        await admin.persist("PUT", f"/roster/v1/terms/{days.term.path}", json=deadline)
        over = asyncio.Event()
        looking = asyncio.create_task(_ready_meanwhile(suite, over))
        path = f"/roster/v1/submissions?kind=application&{days.term.query}"
        try:
            answers = await asyncio.gather(*(school.send("POST", path, content=file, headers=CSV) for file in files))
        finally:
            over.set()
            took = await looking
    finally:
        await admin.close()
        await school.close()
    told = [(answer.status_code, answer.elapsed.total_seconds(), answer.text[:200]) for answer in answers]
    print(f"/readyz at the latest after {max(took):.2f} s; posts took {sorted(round(t, 1) for _, t, _ in told)}")
    assert [status for status, _, _ in told] == [201] * AT_ONCE, (told, max(took))
    assert all(answer.json()["rosters"][0]["headcount"] == MEN for answer in answers), answers[0].text[:300]
