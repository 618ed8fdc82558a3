"""Words of report jobs, and how long a file is kept."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from shared.papers.forms import Form

KEPT: Final = timedelta(days=1)
"""A finished file can be fetched so long, then it is deleted: it holds personal data that stand elsewhere anyway."""


class ReportKind(StrEnum):
    """What a report is about (RO-61)."""

    PENDING_ROSTER = "pending_roster"
    RESULTS = "results"
    RESULT_ENTRIES = "result_entries"
    TOWNSHIP = "township"
    SCHOOL_COPY = "school_copy"
    COUNTY_STATISTICS = "county_statistics"


class ReportForm(StrEnum):
    """The forms a report can be had in."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    ODS = "ods"
    PDF = "pdf"

    @property
    def media(self) -> Form:
        """The same with its media type."""
        return Form[self.name]


class ReportState(StrEnum):
    """Where a report stands; `expired` is told by the clock and stored nowhere."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


ORGANISATIONS: Final = {
    ReportKind.PENDING_ROSTER: frozenset({"school", "county"}),
    ReportKind.RESULTS: frozenset({"school", "county"}),
    ReportKind.RESULT_ENTRIES: frozenset({"school", "county"}),
    ReportKind.TOWNSHIP: frozenset({"township", "county"}),
    ReportKind.SCHOOL_COPY: frozenset({"school", "county"}),
    ReportKind.COUNTY_STATISTICS: frozenset({"county"}),
}
"""Of which kinds of organisation those are who may ask for it."""
