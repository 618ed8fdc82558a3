"""JSON of report jobs."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from roster.intake.rules import RosterKind
from roster.report_jobs.rules import ReportForm, ReportKind, ReportState
from roster.results.schemas import SORTS
from roster.review.states import Decision
from roster.statistics.schemas import By
from shared.schemas import In, LocalDate, Out, Page, either_way

Rows = Annotated[int, Field(ge=0, le=2_147_483_647)]


class ReportIn(In):
    """What is asked for. `roster_id` for reports of one roster, `search` and `sort` for results only."""

    report: ReportKind
    form: ReportForm
    roster_id: UUID | None = Field(default=None, description="pending_roster, result_entries, school_copy: of which")
    township_code: Annotated[str, Field(max_length=8, pattern=r"^[0-9]{8}$")] | None = Field(
        default=None, description="township: of which; a county's own only, a township its own", examples=["63000030"]
    )
    search: Annotated[str, Field(max_length=2_000)] | None = Field(
        default=None, description="results: a sealed search of `POST /result-searches`; left out: all"
    )
    sort: Annotated[str, Field(max_length=40, json_schema_extra=either_way(SORTS))] = "-submitted_at"
    from_on: LocalDate | None = Field(default=None, description="county_statistics: as of `GET /statistics`")
    to_on: LocalDate | None = Field(default=None, description="county_statistics: last day, counted")
    kind: RosterKind | None = Field(default=None, description="county_statistics: of one kind only")
    by: By | None = Field(default=None, description="county_statistics: what the figures are told apart by")


class ReportProblem(Out):
    """Why a report could not be made."""

    code: str = Field(max_length=60)
    title: str = Field(max_length=200)
    title_en: str = Field(max_length=200)
    detail: str | None = Field(default=None, max_length=2_000)
    detail_en: str | None = Field(default=None, max_length=2_000)


class ReportOut(Out):
    """A report, made or on its way; shown to the account that asked for it."""

    id: UUID
    report: ReportKind
    form: ReportForm
    roster_id: UUID | None
    township_code: str | None = Field(max_length=8)
    state: ReportState
    rows_done: Rows
    rows_total: Rows | None = Field(description="Null until the work has begun")
    size: Annotated[int, Field(ge=0, le=9_007_199_254_740_991)] | None = Field(description="Bytes of the file")
    problem: ReportProblem | None = Field(description="Why it failed")
    asked_at: datetime
    finished_at: datetime | None
    expires_at: datetime = Field(description="After this the file cannot be had any more")
    link: str | None = Field(max_length=200, description="Where the file is, once it is ready")


class TownshipEntryOut(Out):
    """A decided man of a township's households (RO-51). The township itself reads his ID masked."""

    national_id: str = Field(max_length=10)
    name: str = Field(max_length=400)
    birth_date: date
    household: str = Field(max_length=300)
    school_name: str = Field(max_length=100)
    kind: RosterKind
    decision: Decision
    decision_number: str = Field(max_length=60)
    decided_on: date
    deferred_from: date | None
    deferment_until: date | None
    decision_id: UUID


ReportPage = Page[ReportOut]
TownshipPage = Page[TownshipEntryOut]
