"""Report jobs as their users see them: asked for, made by the worker, fetched."""

from typing import Any

import httpx
from sqlalchemy import text

from roster.report_jobs.jobs import EXPIRE, MAKE
from roster.report_jobs.making import ExpireReport, MakeReport
from shared import jobs
from shared.db import Context
from tests.support.rosters import OFFICER, County

_SET_ASIDE = text("UPDATE job SET run_at = now() + interval '1 day' WHERE state = 'ready' AND kind <> ALL(:kinds)")

_PUT_BACK = text("UPDATE job SET run_at = run_at - interval '1 day' WHERE state = 'ready' AND kind <> ALL(:kinds)")


async def work(county: County, *kinds: str, due: bool = False) -> None:
    """What is due of these kinds is done; `due` makes all of them so."""
    database = county.service.database
    handlers: dict[str, jobs.Handler] = {MAKE: MakeReport(database, ""), EXPIRE: ExpireReport(database)}
    wanted = {kind: handlers[kind] for kind in kinds or (MAKE,)}
    async with database.transaction(Context.system("roster")) as session:
        await session.execute(_SET_ASIDE, {"kinds": list(wanted)})
        if due:
            await session.execute(
                text("UPDATE job SET run_at = now() WHERE state = 'ready' AND kind = ANY(:kinds)"),
                {"kinds": list(wanted)},
            )
    await jobs.Worker(database, "roster", wanted).run_once()
    async with database.transaction(Context.system("roster")) as session:
        await session.execute(_PUT_BACK, {"kinds": list(wanted)})


async def ask(county: County, body: dict[str, Any], who: dict[str, str] = OFFICER) -> dict[str, Any]:
    """The report that was asked for."""
    answer = await county.call("POST", "/reports", who, body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/roster/v1/reports/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


async def file_of(county: County, report: dict[str, Any], who: dict[str, str] = OFFICER) -> httpx.Response:
    """The answer to fetching its file."""
    return await county.service.http.get(f"/roster/v1/reports/{report['id']}/file", headers=who)


async def made(county: County, body: dict[str, Any], who: dict[str, str] = OFFICER) -> bytes:
    """The file of a report, asked for and made."""
    report = await ask(county, body, who)
    await work(county)
    now = await county.get(f"/reports/{report['id']}", who)
    assert (now["state"], now["problem"]) == ("ready", None)
    answer = await file_of(county, now, who)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == now["size"] == int(answer.headers["content-length"])
    return answer.content
