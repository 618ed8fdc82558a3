"""Routes of report jobs."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from roster.deps import Reporting
from roster.report_jobs import service
from roster.report_jobs.catalogue import ROSTER_UNDECIDED
from roster.report_jobs.schemas import ReportIn, ReportOut, ReportPage
from shared import clock
from shared.cursors import BAD_CURSOR
from shared.db import Context
from shared.exports import disposition
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.pages import Pages
from shared.papers.forms import Form
from shared.principals import Principal
from shared.refusals import refuses
from shared.sessions import Session, database_of

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["reports"])
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            form.value: {"schema": {"type": "string", "format": "binary", "maxLength": 1_000_000_000}}
            for form in Form
            if form is not Form.JSON
        },
    }
}


@router.post(
    "/reports",
    operation_id="ask_report",
    response_model=ReportOut,
    status_code=202,
    openapi_extra=refuses(BAD_CURSOR, ROSTER_UNDECIDED, service.NOT_FOR_YOU),
)
async def ask(body: ReportIn, once: Once, session: Session, caller: Reporting) -> Response:
    """Have a report of any size made; `Location` is where to see how far it is."""
    return await once.run(lambda: service.ask(session, caller, body))


@router.get("/reports", operation_id="list_reports")
async def list_reports(session: Session, caller: Reporting, pages: Pages) -> ReportPage:
    """The reports this account asked for, newest first."""
    return pages.linked(await service.list_reports(session, caller, cursor=pages.cursor, limit=pages.limit))


@router.get("/reports/{report_id}", operation_id="get_report")
async def get_report(report_id: UUID, session: Session, caller: Reporting) -> ReportOut:
    """How far a report is, and where its file is."""
    return await service.get_report(session, caller, report_id)


@router.get(
    "/reports/{report_id}/file",
    operation_id="get_report_file",
    response_class=Response,
    responses=_FILE,
    openapi_extra=refuses(service.NOT_READY, service.EXPIRED),
)
async def get_file(report_id: UUID, request: Request, session: Session, caller: Reporting) -> Response:
    """The file of a report that is ready, for a day; who fetches it is kept on record."""
    return _StoredFile(request, caller, await service.open_file(session, caller, report_id))


class _StoredFile(Response):
    """A file out of its parts, read in a transaction of its own; a file whose end is missing breaks the connection."""

    def __init__(self, request: Request, caller: Principal, stored: service.Stored) -> None:
        self._database = database_of(request)
        self._context = Context.of(caller)
        self._stored = stored
        form = stored.form.media
        super().__init__(
            headers={
                "Content-Type": form.content_type,
                "Content-Disposition": disposition(stored.name, stored.ascii_name, f"{clock.today():%Y%m%d}", form),
                "Content-Length": str(stored.size),
                "Cache-Control": "no-store",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        async with self._database.reading(self._context) as session:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for part in service.parts(session, self._stored):
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
