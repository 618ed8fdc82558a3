"""Asking for a report, seeing how far it is, fetching its file (RO-61)."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from roster import lists
from roster.report_jobs import county_statistics
from roster.report_jobs.catalogue import source
from roster.report_jobs.jobs import MAKE, SEALED_AS, expire_later
from roster.report_jobs.models import ReportPart, ReportRow
from roster.report_jobs.rules import KEPT, ORGANISATIONS, ReportForm, ReportKind, ReportState
from roster.report_jobs.schemas import ReportIn, ReportOut, ReportPage, ReportProblem
from roster.report_jobs.township import own_township
from shared import audit, clock, crypto, cursors, jobs
from shared.idempotency import Reply
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemType

PATH = "/roster/v1/reports"
NOT_READY = ProblemType("report_not_ready", 409, "報表尚未產出", "The report is not there yet")
NOT_FOR_YOU = ProblemType(
    "report_not_yours", 403, "此報表不提供貴機關", "That report is not for your kind of organisation"
)
EXPIRED = ProblemType("report_expired", 410, "報表已逾保存期限並刪除，請重新產出", "The report's file has expired")
_TRIES = 5
_OF_A_ROSTER = frozenset({ReportKind.PENDING_ROSTER, ReportKind.RESULT_ENTRIES, ReportKind.SCHOOL_COPY})


@rule("RO-61")
async def ask(session: AsyncSession, caller: Principal, body: ReportIn) -> Reply:
    """Have a report made: 202, and where it will be.

    Raises 403 for a report that is not for the caller's kind of organisation, 404 for another's roster or township,
    409 `roster_undecided`, 422 where what it is about is missing, 400 for a search that is none.
    """
    if caller.org.type not in ORGANISATIONS[body.report]:
        raise NOT_FOR_YOU()
    about = _about(caller, body)
    # What could not be listed is refused now, not in an hour.
    total = await source(body.report, caller, about).total(session)
    report_id, asked_at = uuid.uuid4(), clock.now()
    row = ReportRow(
        id=report_id,
        report=body.report,
        form=body.form,
        org_type=caller.org.type,
        org_code=caller.org.code,
        asked_by=caller.sub,
        roles=sorted(caller.roles),
        about=about,
        state=ReportState.QUEUED,
        rows_total=total,
        rows_done=0,
        asked_at=asked_at,
        expires_at=asked_at + KEPT,
    )
    session.add(row)
    await session.flush()
    whose = {
        "report_id": str(report_id), "sub": caller.sub, "org_type": caller.org.type, "org_code": caller.org.code
    }  # fmt: skip
    await jobs.enqueue(session, MAKE, whose, key=str(report_id), priority=jobs.BULK, max_attempts=_TRIES)
    # A file may be finished a while after it was asked for, and is kept from then on.
    await expire_later(session, whose, KEPT)
    await audit.record(session, "report.asked", "report", report_id, {"report": body.report, "form": body.form})
    return Reply(_shown(row), 202, {"Location": f"{PATH}/{report_id}"})


def _about(caller: Principal, body: ReportIn) -> dict[str, Any]:
    """What is stored of what it is about; raises 422 for a member that is missing."""
    if body.report is ReportKind.RESULTS:
        return {"search": body.search, "sort": body.sort}
    if body.report is ReportKind.TOWNSHIP:
        if body.township_code is None and caller.org.type == "county":
            raise _missing("township_code")
        return {"township_code": own_township(caller, body.township_code)}
    if body.report is ReportKind.COUNTY_STATISTICS:
        return county_statistics.stored(body.from_on, body.to_on, body.kind, body.by)
    if body.roster_id is None:
        raise _missing("roster_id")
    return {"roster_id": str(body.roster_id)}


def _missing(member: str) -> Exception:
    fault = Fault("required", f"此報表須載明 {member}", f"This report needs {member}", pointer=f"/{member}")
    return INVALID_CONTENT(errors=[fault])


async def list_reports(session: AsyncSession, caller: Principal, *, cursor: str | None, limit: int) -> ReportPage:
    """The caller's own reports, newest first."""
    rows = _rows(caller).subquery("reports")
    found, next_cursor = await lists.page(
        session, rows, sort="-asked_at", sortable=("asked_at",), cursor=cursor, limit=limit,
        bound=cursors.bound_to("reports", caller.sub),
    )  # fmt: skip
    return ReportPage(items=[_shown(row) for row in found], next_cursor=next_cursor)


async def get_report(session: AsyncSession, caller: Principal, report_id: UUID) -> ReportOut:
    """One of the caller's own reports; raises 404."""
    return _shown(await _find(session, caller, report_id))


def _own(caller: Principal) -> tuple[Any, ...]:
    """The reports of this account in this organisation."""
    return (
        ReportRow.asked_by == caller.sub,
        ReportRow.org_type == caller.org.type,
        ReportRow.org_code == caller.org.code,
    )


def _rows(caller: Principal) -> Select[Any]:
    return select(*ReportRow.__table__.c).where(*_own(caller))


async def _find(session: AsyncSession, caller: Principal, report_id: UUID) -> RowMapping:
    found = await session.execute(_rows(caller).where(ReportRow.id == report_id))
    row: RowMapping | None = found.mappings().one_or_none()
    if row is None:
        raise NOT_FOUND()
    return row


def _shown(row: Any) -> ReportOut:
    values = dict(row) if isinstance(row, RowMapping) else {c.name: getattr(row, c.name) for c in row.__table__.c}
    state = ReportState(values["state"])
    if values["expires_at"] <= clock.now() and state is not ReportState.FAILED:
        state = ReportState.EXPIRED
    ready = state is ReportState.READY
    problem = values["problem"]
    return ReportOut(
        **{
            name: values[name] for name in ReportOut.model_fields if name in values and name not in ("state", "problem")
        },
        roster_id=values["about"].get("roster_id"),
        township_code=values["about"].get("township_code"),
        state=state,
        problem=None if problem is None else ReportProblem(**problem),
        link=f"{PATH}/{values['id']}/file" if ready else None,
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A finished file: what it is called, how long it is, and which try made it."""

    id: UUID
    attempt: UUID
    report: ReportKind
    form: ReportForm
    size: int
    name: str
    ascii_name: str


@rule("RO-61")
async def open_file(session: AsyncSession, caller: Principal, report_id: UUID) -> Stored:
    """The caller's finished file, whose fetching is kept in the audit; raises 404, 409, 410."""
    row = await _find(session, caller, report_id)
    report = _shown(row)
    if report.state is ReportState.EXPIRED:
        raise EXPIRED(
            detail="檔案僅保存 24 小時，請重新提出（POST /roster/v1/reports）。",
            detail_en="A file is kept for 24 hours. Ask for it again (POST /roster/v1/reports).",
        )
    if report.state is not ReportState.READY or report.size is None:
        raise NOT_READY(
            detail=f"目前狀態：{report.state}。", detail_en=f"Its state is {report.state}.", state=report.state
        )
    what = {"report": report.report, "form": report.form, "rows": report.rows_done}
    await audit.record(session, "report.fetched", "report", report_id, what)
    written = source(report.report, caller, row["about"]).report
    return Stored(report_id, row["attempt"], report.report, report.form, report.size, written.name, written.ascii_name)


async def parts(session: AsyncSession, stored: Stored) -> AsyncIterator[bytes]:
    """The file, part by part."""
    number = 0
    while True:
        sealed = await session.scalar(
            select(ReportPart.body).where(
                ReportPart.report_id == stored.id,
                ReportPart.attempt == stored.attempt,
                ReportPart.number == number,
            )
        )
        if sealed is None:
            return
        yield crypto.ring().decrypt(sealed, SEALED_AS)
        number += 1
