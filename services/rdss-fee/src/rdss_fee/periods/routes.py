"""Routes of men and their service periods (FE-05, FE-13, ID-07)."""

import json
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from rdss_fee.deps import Employer, Office, Reader, Reporter
from rdss_fee.periods import reading
from rdss_fee.periods.openapi import announced_lines, announcement
from rdss_fee.periods.schemas import (
    EVENT_SORTS,
    PERIOD_SORTS,
    Announced,
    EventOut,
    EventPage,
    FactsIn,
    PeriodChange,
    PeriodHistory,
    PeriodOut,
    PeriodPage,
    RefusalIn,
    ReportIn,
    ServicemanOut,
    WithdrawalIn,
)
from rdss_fee.periods.service import announce, correct, facts, knowledge, read, report
from rdss_fee.periods.states import EventKind, EventState, PeriodState
from rdss_fee.schemas import EmployerCode, MonthIn, month_of
from shared.guard import TYPES_KEY, GuardedRoute, require_utf8
from shared.idempotency import Once, idempotency_key
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.problems import FOUR_EYES
from shared.refusals import refuses
from shared.schemas import LocalDate, either_way
from shared.sessions import Session

router = APIRouter(prefix="/rdss-fee/v1", route_class=GuardedRoute, tags=["service periods"])

_WITHDRAWN = knowledge.PERIOD_WITHDRAWN


async def _sent(
    request: Request, _office: Office, _key: Annotated[str, Depends(idempotency_key)]
) -> tuple[list[reading.Row], bool]:
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    require_utf8(parameters)
    media = media.strip().lower()
    return reading.read(media, await request.body()), media == reading.NDJSON


# Stands before the session and `Once`: what cannot be read takes no connection.
Sent = Annotated[tuple[list[reading.Row], bool], Depends(_sent)]


@router.post(
    "/service-periods",
    operation_id="announce_periods",
    response_model=Announced,
    status_code=201,
    responses=announced_lines(),
    openapi_extra={TYPES_KEY: (reading.JSON, reading.NDJSON), "requestBody": announcement()},
)
async def announce_periods(sent: Sent, once: Once, session: Session, office: Office) -> Response:
    """Announce periods, at most 1,000: men report, are transferred, return. Who is not known yet is registered.

    A JSON array is taken whole or refused whole, each fault with its row. Of NDJSON each line is taken or refused by
    itself, and answered by a line.
    """
    rows, each = sent
    answer = await once.run(lambda: announce.announce(session, office, rows, each=each), status=200 if each else 201)
    return _as_lines(answer) if each else answer


def _as_lines(answer: Response) -> Response:
    """The same results as NDJSON, one line each; an answer that was kept as well."""
    items = json.loads(bytes(answer.body))["items"]
    content = "".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in items)
    headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    return Response(content, answer.status_code, headers, media_type=reading.NDJSON)


@router.get("/service-periods", operation_id="list_periods")
async def list_periods(
    session: Session,
    caller: Reader,
    pages: Pages,
    employer_code: EmployerCode | None = None,
    serviceman_id: UUID | None = None,
    month: Annotated[MonthIn | None, Query(description="With a day in it: 2026-10")] = None,
    state: PeriodState | None = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(PERIOD_SORTS))] = "-begins_on",
) -> PeriodPage:
    """Periods as they are known, of an employer its own; `state=withdrawn` shows those that are not known any more."""
    found = await read.list_periods(
        session,
        caller,
        employer_code=employer_code,
        serviceman_id=serviceman_id,
        month=None if month is None else month_of(month),
        state=state,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(found)


@router.get("/service-periods/{period_id}", operation_id="get_period")
async def get_period(period_id: UUID, session: Session, caller: Reader, response: Response) -> PeriodOut:
    """One period as it became known last."""
    period = await read.get_period(session, caller, period_id)
    response.headers.update(etag(period.version))
    return period


@router.get("/service-periods/{period_id}/history", operation_id="get_period_history")
async def get_history(period_id: UUID, session: Session, caller: Reader) -> PeriodHistory:
    """All that was ever known of a period, from when until when, and all that was told of it."""
    return await read.history_of(session, caller, period_id)


@router.put("/service-periods/{period_id}", operation_id="correct_period", openapi_extra=refuses(_WITHDRAWN))
async def correct_period(
    period_id: UUID, body: PeriodChange, seen: IfMatch, session: Session, office: Office, response: Response
) -> PeriodOut:
    """Correct what is known of a period; what was known stays in its history. Its employer stays: another one's is
    another period.
    """
    period = await correct.correct(session, office, period_id, seen, body)
    response.headers.update(etag(period.version))
    return period


@router.post(
    "/service-periods/{period_id}/withdrawal",
    operation_id="withdraw_period",
    response_model=PeriodOut,
    openapi_extra=refuses(_WITHDRAWN),
)
async def withdraw_period(
    period_id: UUID, body: WithdrawalIn, seen: IfMatch, once: Once, session: Session, office: Office
) -> Response:
    """Say that a period never was; it stays in the history, and what was billed for it is given back."""
    return await once.run(lambda: correct.withdraw(session, office, period_id, seen, body))


@router.post(
    "/service-periods/{period_id}/reports",
    operation_id="report_period",
    response_model=EventOut,
    status_code=201,
    openapi_extra=refuses(_WITHDRAWN, report.REPORT_WAITS, report.REPORT_CHANGES_NOTHING),
)
async def report_period(
    period_id: UUID, body: ReportIn, seen: IfMatch, once: Once, session: Session, caller: Reporter
) -> Response:
    """Report that a man left (transfer, suspension, release, end of service), or another first day.

    What a department enters waits for its head office (ID-07) and changes nothing yet; else it is known at once.
    """
    return await once.run(lambda: report.report(session, caller, period_id, seen, body), status=201)


@router.get("/service-events", operation_id="list_service_events")
async def list_events(
    session: Session,
    caller: Reader,
    pages: Pages,
    state: Annotated[EventState | None, Query(description="`entered`: waits for the head office")] = None,
    kind: EventKind | None = None,
    employer_code: EmployerCode | None = None,
    sort: Annotated[str, Query(max_length=40, json_schema_extra=either_way(EVENT_SORTS))] = "-entered_at",
) -> EventPage:
    """What was told of periods, of an employer its own."""
    found = await read.list_events(
        session,
        caller,
        state=state,
        kind=kind,
        employer_code=employer_code,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(found)


@router.get("/service-events/{event_id}", operation_id="get_service_event")
async def get_event(event_id: UUID, session: Session, caller: Reader) -> EventOut:
    """What was told once of a period, and what became of it."""
    return await read.get_event(session, caller, event_id)


@router.post(
    "/service-events/{event_id}/confirmation",
    operation_id="confirm_service_event",
    response_model=EventOut,
    openapi_extra=refuses(_WITHDRAWN, report.REPORT_ANSWERED, report.REPORT_OUTDATED, FOUR_EYES),
)
async def confirm_event(event_id: UUID, once: Once, session: Session, head_office: Employer) -> Response:
    """Confirm what the department entered (研發部門 → 用人單位確認): from now on it is known so."""
    return await once.run(lambda: report.confirm(session, head_office, event_id))


@router.post(
    "/service-events/{event_id}/refusal",
    operation_id="refuse_service_event",
    response_model=EventOut,
    openapi_extra=refuses(report.REPORT_ANSWERED, FOUR_EYES),
)
async def refuse_event(
    event_id: UUID, body: RefusalIn, once: Once, session: Session, head_office: Employer
) -> Response:
    """Refuse what the department entered, with the reason; it may be entered anew."""
    return await once.run(lambda: report.refuse(session, head_office, event_id, body))


@router.get("/servicemen/{serviceman_id}", operation_id="get_serviceman")
async def get_serviceman(
    serviceman_id: UUID,
    session: Session,
    caller: Reader,
    response: Response,
    as_of: Annotated[LocalDate | None, Query(description="As he was known at the end of this day")] = None,
) -> ServicemanOut:
    """A man with his periods: as known now, or as on a day. An employer sees its own periods of him."""
    man = await read.get_serviceman(session, caller, serviceman_id, as_of)
    if as_of is None:
        response.headers.update(etag(man.version))
    return man


@router.put("/servicemen/{serviceman_id}/facts", operation_id="correct_serviceman")
async def correct_serviceman(
    serviceman_id: UUID, body: FactsIn, seen: IfMatch, session: Session, office: Office, response: Response
) -> ServicemanOut:
    """Correct what prices a man and bounds his second stage, as when service credit moves its end (FE-05)."""
    man = await facts.correct_facts(session, office, serviceman_id, seen, body)
    response.headers.update(etag(man.version))
    return man
