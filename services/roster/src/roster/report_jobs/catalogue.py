"""Which reports there are: for each where its rows come from, how they are written, how many there will be.

The rows are those of the very functions that the lists come from (docs/adr/0054), asked as who asked for the report.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import reports
from roster.report_jobs import county_statistics, township
from roster.report_jobs.rules import ReportKind
from roster.results import searching, streaming
from roster.results import service as results
from roster.review.schemas import EntryPage
from roster.review.service import read
from roster.review.service.common import roster_out
from roster.review.states import RosterState
from shared.papers.report import Fetch, Report
from shared.principals import Principal
from shared.problems import ProblemType

ROSTER_UNDECIDED = ProblemType(
    "roster_undecided",
    409,
    "名冊尚未全部核定，無法送還學校",
    "The roster is not decided yet, so there is no copy to return",
)


@dataclass(frozen=True)
class Source:
    """A report of somebody's. `total` raises what the report's pages would raise.

    `stream`: the columns of all pages' rows without the pages, for CSV where there may be many.
    """

    report: Report[Any]
    fetch: Fetch[Any]
    total: Callable[[AsyncSession], Awaitable[int]]
    stream: Callable[[AsyncSession], AsyncGenerator[streaming.Lot, None]] | None = None


def source(kind: ReportKind, caller: Principal, about: dict[str, Any]) -> Source:
    """The report `kind` about what `about` names, as `caller` sees it."""
    if kind is ReportKind.RESULTS:
        return _results(caller, about.get("search"), about["sort"])
    if kind is ReportKind.TOWNSHIP:
        return _township(caller, about["township_code"])
    if kind is ReportKind.COUNTY_STATISTICS:
        return _county_statistics(caller, about)
    return _OF_A_ROSTER[kind](caller, UUID(about["roster_id"]))


def _results(caller: Principal, search: str | None, sort: str) -> Source:
    def fetch(session: AsyncSession, **place: Any) -> Awaitable[Any]:
        return searching.report_results(session, caller, search=search, sort=sort, **place)

    async def total(session: AsyncSession) -> int:
        # The order is refused here too, if it is none.
        await searching.report_results(session, caller, search=search, sort=sort, cursor=None, limit=1)
        return await searching.count_results(session, caller, search=search)

    return Source(reports.RESULTS, fetch, total)


def _township(caller: Principal, code: str) -> Source:
    def fetch(session: AsyncSession, **place: Any) -> Awaitable[Any]:
        return township.list_decided(session, caller, code, **place)

    async def total(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(township.decided(code))) or 0

    return Source(township.report(code), fetch, total)


def _county_statistics(caller: Principal, about: dict[str, Any]) -> Source:
    def fetch(session: AsyncSession, **_place: Any) -> Awaitable[Any]:
        return county_statistics.lines(session, caller, about)

    async def total(session: AsyncSession) -> int:
        return len((await county_statistics.lines(session, caller, about)).items)

    return Source(county_statistics.report(caller, about), fetch, total)


def _result_entries(caller: Principal, roster_id: UUID) -> Source:
    def fetch(session: AsyncSession, **place: Any) -> Awaitable[Any]:
        return results.list_result_entries(session, caller, roster_id, **place)

    async def total(session: AsyncSession) -> int:
        return await results.count_men(session, caller, roster_id)

    return Source(
        reports.result_entries(caller, roster_id),
        fetch,
        total,
        lambda session: streaming.stream_result_entries(session, caller, roster_id),
    )


def _pending_roster(caller: Principal, roster_id: UUID) -> Source:
    return Source(
        reports.entries(caller, roster_id), _entries(caller, roster_id), lambda s: _all_of(s, caller, roster_id)
    )


def _school_copy(caller: Principal, roster_id: UUID) -> Source:
    async def total(session: AsyncSession) -> int:
        roster = await roster_out(session, caller, roster_id)
        if roster.state is not RosterState.DECIDED:
            raise ROSTER_UNDECIDED()
        return sum(roster.counts.values())

    return Source(reports.school_copy(caller, roster_id), _entries(caller, roster_id), total)


def _entries(caller: Principal, roster_id: UUID) -> Fetch[Any]:
    def fetch(session: AsyncSession, **place: Any) -> Awaitable[EntryPage]:
        return read.list_entries(session, caller, roster_id, **place)

    return fetch


async def _all_of(session: AsyncSession, caller: Principal, roster_id: UUID) -> int:
    return sum((await roster_out(session, caller, roster_id)).counts.values())


_OF_A_ROSTER = {
    ReportKind.PENDING_ROSTER: _pending_roster,
    ReportKind.RESULT_ENTRIES: _result_entries,
    ReportKind.SCHOOL_COPY: _school_copy,
}
