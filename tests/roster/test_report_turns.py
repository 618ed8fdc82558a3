"""A county whose readers take nothing stops no other county's reports (RO-61, ADR 0054)."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

import pytest
from starlette.requests import Request

from shared import exports
from shared.csv_out import Sheet
from shared.papers.forms import Form
from shared.papers.report import Report
from shared.principals import Org, Principal
from shared.schemas import Page
from tests.roster.test_reports import no_paper
from tests.support.rosters import ELSEWHERE, OFFICER, County

pytestmark = pytest.mark.rule("RO-61")


async def test_a_county_s_slow_readers_stop_no_other_county(county: County, monkeypatch):
    """Two reports whose readers take nothing; how the turns go otherwise is tests/shared/test_report_turns.py."""
    monkeypatch.setattr(exports, "_AT_ONCE", asyncio.Semaphore(4))
    monkeypatch.setattr(exports, "_OWN", WeakValueDictionary())
    monkeypatch.setattr(exports, "_TURN", 0.05)
    officer = Principal(
        "officer-1", frozenset({"case_officer"}), Org("county", "63000"), frozenset(), "pwd", "1", False
    )
    request = Request({"type": "http", "app": county.service.app, "headers": []})
    report = Report(Sheet[Any]((("列號", lambda _: 1),)), "x", "x", no_paper)
    reading = asyncio.Semaphore(0)

    async def fetch(*_: Any, **__: Any) -> Page[Any]:
        return Page(items=[1])

    async def stall(message: Any) -> None:
        if message["type"] == "http.response.body":
            reading.release()
            await asyncio.Event().wait()

    async def nothing() -> Any:
        raise AssertionError("nobody reads the request")

    slow = [exports.Export(request, officer, Form.CSV, report, fetch) for _ in range(2)]
    tasks = [asyncio.create_task(one({"type": "http"}, nothing, stall)) for one in slow]
    try:
        for _ in tasks:
            await reading.acquire()
        for who, status in ((OFFICER, 503), (ELSEWHERE, 200)):
            answer = await county.service.http.get("/roster/v1/results", headers={**who, "Accept": "text/csv"})
            assert answer.status_code == status, answer.text
        # A page is no report: the same county goes on working.
        assert (await county.call("GET", "/results", OFFICER)).status_code == 200
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
