"""Routes of submissions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from roster.deps import School
from roster.exports import Mended, WantedSheet
from roster.intake import service
from roster.intake.checker import KIND_NAMES
from roster.intake.openapi import request_body
from roster.intake.reading import MEDIA_TYPES
from roster.intake.rules import RosterKind
from roster.intake.schemas import SubmissionOut, TrialOut
from roster.reference.service import TERM_UNKNOWN
from shared import clock
from shared.exports import disposition
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once, idempotency_key
from shared.papers.forms import SPREADSHEETS
from shared.papers.making import REPORT_NOT_MADE
from shared.problems import NOT_ACCEPTABLE, NOT_FOUND
from shared.refusals import refuses
from shared.sessions import Session
from shared.turns import turn

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["submissions"])

LARGEST_FILE = 16_777_216


# Files in hand at once in this process, and for how many seconds another waits for its turn: with what reading one and
# making one to mend may take, less than the gateway waits for the answer.
_IN_HAND = asyncio.Semaphore(2)
_TURN = 30


def in_hand() -> AbstractAsyncContextManager[None]:
    """One's turn to have a file read. Raises `UNAVAILABLE` (503) where none comes.

    Who waits holds no connection of the database: however many schools send on one day, whoever only looks at something
    is answered.
    """
    return turn(_IN_HAND, seconds=_TURN)


async def _posted(
    request: Request,
    sender: School,
    kind: Annotated[RosterKind, Query(description="What the roster asks for (RO-02)")],
    academic_year: Annotated[int, Query(ge=90, le=200, description="ROC academic year", examples=[115])],
    term: Annotated[int, Query(ge=1, le=2, examples=[1])],
    _key: Annotated[str, Depends(idempotency_key)],
    mended: Mended,
) -> AsyncIterator[service.Posted]:
    """The file, read; it is in hand until the request's transaction has ended."""
    async with in_hand():
        content_type = request.headers.get("content-type", "")
        read = await service.read_or_mend(sender, kind, content_type, await request.body(), mended)
        yield service.Posted(kind, academic_year, term, read)


# Stands before the session and `Once` in a route's parameters: dependencies are resolved in that order.
Posted = Annotated[service.Posted, Depends(_posted, scope="function")]


@router.post(
    "/submissions",
    operation_id="submit_roster",
    response_model=SubmissionOut,
    status_code=201,
    responses={
        200: {
            "model": SubmissionOut | TrialOut,
            "description": "The same content was taken in before (`Idempotent-Replayed: true`), or a dry run",
        }
    },
    openapi_extra={
        TYPES_KEY: MEDIA_TYPES,
        LIMIT_KEY: LARGEST_FILE,
        "requestBody": request_body(LARGEST_FILE),
        **refuses(service.SCHOOL_UNKNOWN, TERM_UNKNOWN),
    },
)
async def submit(
    posted: Posted,
    once: Once,
    session: Session,
    sender: School,
    dry_run: Annotated[bool, Query(description="Say what would happen and keep nothing (RO-16)")] = False,
) -> Response:
    """Hand in a roster as one file for all counties: it is split, one roster a county of household.

    All rows are taken in or none; a refusal names every faulty cell. The same content again makes no second roster.
    With `Accept` of XLSX or ODS a table with faulty cells (422) comes back as a spreadsheet to mend and post again.
    """
    if dry_run:
        trial = await service.try_out(session, sender, posted)
        return Response(trial.model_dump_json(), 200, media_type="application/json")
    return await once.run(lambda: service.submit(session, sender, posted))


@router.get("/submissions/{submission_id}", operation_id="get_submission")
async def get_submission(submission_id: UUID, session: Session, school: School) -> SubmissionOut:
    """One of the school's own submissions, and its rosters."""
    return await service.get_submission(session, school, submission_id)


@router.get(
    "/templates/{kind}",
    operation_id="get_template",
    response_class=Response,
    responses={
        200: {
            "description": "An empty roster to fill in: headings, lists of words, instructions",
            "content": {
                form.value: {"schema": {"type": "string", "format": "binary", "maxLength": LARGEST_FILE}}
                for form in SPREADSHEETS
            },
        }
    },
    openapi_extra=refuses(NOT_FOUND, NOT_ACCEPTABLE, REPORT_NOT_MADE),
)
async def get_template(kind: RosterKind, _school: School, form: WantedSheet) -> Response:
    """A roster of `kind` to fill in and post, as XLSX or ODS."""
    name = disposition(f"{KIND_NAMES[kind]}範本", f"{kind}-template", f"{clock.today():%Y%m%d}", form)
    headers = {"Content-Disposition": name, "Vary": "Accept"}
    return Response(await service.blank_roster(kind, form), 200, headers, media_type=form.value)
