"""Routes of monthly runs, notices and credit statements (FE-10 to FE-16, FE-30, FE-43)."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from rdss_fee.billing.rules import LineKind
from rdss_fee.billing.schemas import (
    EMPLOYER_SORTS,
    LINE_SORTS,
    NOTICE_SORTS,
    RUN_SORTS,
    STATEMENT_SORTS,
    Explanation,
    LinePage,
    NoticeOut,
    NoticePage,
    RunEmployerPage,
    RunIn,
    RunOut,
    RunPage,
    RunState,
    StatementOut,
    StatementPage,
    Verification,
)
from rdss_fee.billing.service import ask_run, change_run, common, issue_run, read_lines, read_notices, read_runs
from rdss_fee.deps import Finance, Reader, Watchers
from rdss_fee.papers import detail, notice
from rdss_fee.schemas import EmployerCode, MonthIn, month_of
from shared.exports import FORMS, PAPER, PAPER_REFUSED, REFUSED, JsonOrPdf, Listed, Listing, Printed
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.papers.forms import Form
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import FOUR_EYES
from shared.refusals import refuses
from shared.schemas import either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["billing"])

OfMonth = Annotated[MonthIn | None, Query(description="Of this month alone")]
OfEmployer = Annotated[EmployerCode | None, Query(description="Of this employer alone")]
OfKind = Annotated[LineKind | None, Query(description="Charges or credits alone")]


@router.post(
    "/billing-runs",
    operation_id="ask_billing_run",
    response_model=RunOut,
    status_code=202,
    openapi_extra=refuses(common.RUN_OPEN, common.RUN_TOO_EARLY, common.RUN_TOO_LATE, common.SCHEME_MISSING),
)
async def ask(body: RunIn, once: Once, session: Session, caller: Finance) -> Response:
    """Have the run of a month computed, to be looked at and then issued by another person; or compute one again as of
    a day that has passed. `Location` is where to see it.
    """
    return await once.run(lambda: ask_run.ask(session, caller, body))


@router.get("/billing-runs", operation_id="list_billing_runs")
async def list_runs(
    session: Session,
    _caller: Watchers,
    pages: Pages,
    month: OfMonth = None,
    state: Annotated[RunState | None, Query()] = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(RUN_SORTS))] = "-asked_at",
) -> RunPage:
    """Runs and their totals."""
    of = None if month is None else month_of(month)
    page = await read_runs.list_runs(session, month=of, state=state, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/billing-runs/{run_id}", operation_id="get_billing_run")
async def get_run(run_id: UUID, session: Session, _caller: Watchers, response: Response) -> RunOut:
    """How far a run is, what it comes to, and what the run before it came to."""
    out = await read_runs.get_run(session, run_id)
    response.headers.update(etag(out.version))
    return out


@router.get("/billing-runs/{run_id}/employers", operation_id="list_billing_run_employers")
async def list_employers(
    run_id: UUID,
    session: Session,
    _caller: Watchers,
    pages: Pages,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(EMPLOYER_SORTS))] = "employer_code",
) -> RunEmployerPage:
    """What a run asks of each employer, and by how much that differs from the run before."""
    page = await read_runs.list_employers(session, run_id, sort=sort, cursor=pages.cursor, limit=pages.limit)
    return pages.linked(page)


@router.get("/billing-runs/{run_id}/lines", operation_id="list_billing_run_lines")
async def list_run_lines(
    run_id: UUID,
    session: Session,
    caller: Watchers,
    pages: Pages,
    employer_code: OfEmployer = None,
    kind: OfKind = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(LINE_SORTS))] = "employer_code",
) -> LinePage:
    """The lines of a run."""
    page = await read_lines.list_lines(
        session, caller, run_id, employer=employer_code, kind=kind, sort=sort, cursor=pages.cursor, limit=pages.limit
    )
    return pages.linked(page)


@router.get("/billing-runs/{run_id}/lines/{employer_code}/{serviceman_id}/{month}", operation_id="explain_billing_line")
async def explain(
    run_id: UUID,
    employer_code: EmployerCode,
    serviceman_id: UUID,
    month: MonthIn,
    session: Session,
    caller: Reader,
) -> Explanation:
    """Why a line stands: its days, its rate and where that is announced, what was billed before, what was known."""
    return await read_lines.explain(session, caller, run_id, employer_code, serviceman_id, month_of(month))


@router.get(
    "/billing-runs/{run_id}/verification",
    operation_id="verify_billing_run",
    openapi_extra=refuses(common.RUN_CLOSED),
)
async def verify(run_id: UUID, session: Session, _caller: Watchers) -> Verification:
    """Make a run's manifest anew from what the tables hold today, and say what differs (FE-43)."""
    return await read_runs.verify(session, run_id)


@router.post(
    "/billing-runs/{run_id}/check",
    operation_id="check_billing_run",
    response_model=RunOut,
    openapi_extra=refuses(common.RUN_CLOSED),
)
async def check(run_id: UUID, seen: IfMatch, once: Once, session: Session, caller: Finance) -> Response:
    """Say that one has looked at a preview that came by itself; another person may issue it then."""
    return await once.run(lambda: change_run.check(session, caller, run_id, seen))


@router.post(
    "/billing-runs/{run_id}/issue",
    operation_id="issue_billing_run",
    response_model=RunOut,
    openapi_extra=refuses(
        FOUR_EYES, common.RUN_CLOSED, common.RUN_UNCHECKED, common.RUN_TOO_LATE, common.RUN_TOO_EARLY,
        common.MONTH_ISSUED, common.SCHEME_MISSING,
    ),
)  # fmt: skip
async def issue(run_id: UUID, seen: IfMatch, once: Once, session: Session, caller: Finance) -> Response:
    """Issue what was previewed: notices with their virtual accounts, credit statements, bookings; all or nothing."""
    return await once.run(lambda: issue_run.issue(session, caller, run_id, seen))


@router.post(
    "/billing-runs/{run_id}/drop",
    operation_id="drop_billing_run",
    response_model=RunOut,
    openapi_extra=refuses(common.RUN_CLOSED),
)
async def drop(run_id: UUID, seen: IfMatch, once: Once, session: Session, caller: Finance) -> Response:
    """Take back a run that was not issued."""
    return await once.run(lambda: change_run.drop(session, caller, run_id, seen))


@router.get("/notices", operation_id="list_notices")
async def list_notices(
    session: Session,
    caller: Reader,
    pages: Pages,
    month: OfMonth = None,
    employer_code: OfEmployer = None,
    unpaid: Annotated[bool, Query(description="Those alone that are not paid whole")] = False,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(NOTICE_SORTS))] = "-month",
) -> NoticePage:
    """Notices and how each stands: an employer's own, or all."""
    page = await read_notices.list_notices(
        session,
        caller,
        month=None if month is None else month_of(month),
        employer=employer_code,
        unpaid=unpaid,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get(
    "/notices/{notice_id}",
    operation_id="get_notice",
    response_model=NoticeOut,
    responses=PAPER,
    openapi_extra=refuses(*PAPER_REFUSED),
)
async def get_notice(
    notice_id: UUID, request: Request, session: Session, caller: Reader, wanted: JsonOrPdf
) -> NoticeOut | Response:
    """One notice: what it asks, the number it is paid to, by when, and what came. On paper: to be printed and paid."""
    if wanted is Form.PDF:
        told = await read_notices.paper(session, caller, notice_id)
        font_dir: str = request.app.state.settings.font_dir
        return Printed(caller, notice.NAME, notice.ASCII_NAME, lambda: notice.make(told, font_dir))
    return await read_notices.get_notice(session, caller, notice_id)


@router.get(
    "/notices/{notice_id}/lines",
    operation_id="list_notice_lines",
    response_model=LinePage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def list_notice_lines(
    notice_id: UUID,
    session: Session,
    caller: Reader,
    listed: Listing,
    kind: OfKind = LineKind.CHARGE,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(LINE_SORTS))] = "month",
) -> LinePage | Response:
    """What a notice asks, line by line; `kind=credit`: what the same run gave back, which is claimed on its own."""
    of = await read_notices.get_notice(session, caller, notice_id)
    return await _lines(caller, listed, of, kind, sort)


async def _lines(
    caller: Principal,
    listed: Listed,
    of: NoticeOut | StatementOut,
    kind: LineKind | None,
    sort: str,
) -> LinePage | Response:
    """The lines of a notice or a statement, in the form that is wanted."""
    fetch = partial(
        read_lines.list_lines, principal=caller, run_id=of.run_id, employer=of.employer_code, kind=kind, sort=sort
    )
    report = detail.report(partial(read_notices.heading, of=of, kind=kind))
    return await listed.answer(caller, report, fetch)


@router.get("/credit-statements", operation_id="list_credit_statements")
async def list_statements(
    session: Session,
    caller: Reader,
    pages: Pages,
    month: OfMonth = None,
    employer_code: OfEmployer = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(STATEMENT_SORTS))] = "-month",
) -> StatementPage:
    """What runs gave back: an employer's own, or all."""
    page = await read_notices.list_statements(
        session,
        caller,
        month=None if month is None else month_of(month),
        employer=employer_code,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get("/credit-statements/{statement_id}", operation_id="get_credit_statement")
async def get_statement(statement_id: UUID, session: Session, caller: Reader) -> StatementOut:
    """One credit statement."""
    return await read_notices.get_statement(session, caller, statement_id)


@router.get(
    "/credit-statements/{statement_id}/lines",
    operation_id="list_credit_statement_lines",
    response_model=LinePage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def list_statement_lines(
    statement_id: UUID,
    session: Session,
    caller: Reader,
    listed: Listing,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(LINE_SORTS))] = "month",
) -> LinePage | Response:
    """What a statement gives back, line by line."""
    of = await read_notices.get_statement(session, caller, statement_id)
    return await _lines(caller, listed, of, LineKind.CREDIT, sort)
