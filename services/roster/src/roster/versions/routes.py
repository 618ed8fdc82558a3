"""Routes of a roster's versions: correcting it, taking it back, what it was."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from roster.deps import County, School, SchoolOrCounty
from roster.exports import Mended
from roster.intake.openapi import request_body
from roster.intake.reading import MEDIA_TYPES
from roster.intake.reading import Submission as FileRead
from roster.intake.routes import LARGEST_FILE, in_hand
from roster.intake.service import read_or_mend
from roster.review.schemas import RosterOut
from roster.review.service import past
from roster.versions.schemas import ChangePage, CorrectedRoster, DefermentDetail, RosterVersionPage
from roster.versions.service import (
    common,
    correct_roster,
    deferment_history,
    entry_history,
    read_versions,
    roster_history,
    withdraw_roster,
)
from shared.guard import LIMIT_KEY, TYPES_KEY, GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import Instant
from shared.sessions import Session, database_of

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["versions"])


async def _corrected(
    request: Request, roster_id: UUID, school: School, _seen: IfMatch, mended: Mended
) -> AsyncIterator[FileRead]:
    """The file, read as one of the roster's kind; it is in hand until the request's transaction has ended."""
    kind = await correct_roster.kind_of(database_of(request), school, roster_id)
    async with in_hand():
        content_type = request.headers.get("content-type", "")
        yield await read_or_mend(school, kind, content_type, await request.body(), mended)


# Stands before the session in a route's parameters: whoever waits for his file to be read holds no connection.
Corrected = Annotated[FileRead, Depends(_corrected, scope="function")]


@router.put(
    "/rosters/{roster_id}",
    operation_id="correct_roster",
    openapi_extra={
        TYPES_KEY: MEDIA_TYPES,
        LIMIT_KEY: LARGEST_FILE,
        "requestBody": request_body(LARGEST_FILE),
        **refuses(common.ROSTER_WITHDRAWN),
    },
)
async def correct(
    roster_id: UUID,
    read: Corrected,
    seen: IfMatch,
    session: Session,
    school: School,
    response: Response,
    dry_run: Annotated[bool, Query(description="Say what would happen and keep nothing (RO-16)")] = False,
) -> CorrectedRoster:
    """Send a corrected roster: the whole of it, for its county. It is the roster's new version (RO-09).

    Men are matched by national ID: whoever is stated as before keeps his review, a changed one is received anew, one
    who is left out is withdrawn. Who is up for approval or decided can be neither changed nor left out.
    """
    work = correct_roster.try_correction if dry_run else correct_roster.correct_roster
    told = await work(session, school, roster_id, seen, read)
    if not dry_run:
        response.headers.update(etag(told.revision))
    return told


@router.post(
    "/rosters/{roster_id}/withdraw",
    operation_id="withdraw_roster",
    response_model=RosterOut,
    openapi_extra=refuses(common.ROSTER_OPENED, common.ROSTER_WITHDRAWN),
)
async def withdraw(roster_id: UUID, seen: IfMatch, once: Once, session: Session, school: School) -> Response:
    """Take a roster back, as long as no case officer has opened it (RO-09)."""
    return await once.run(lambda: withdraw_roster.withdraw_roster(session, school, roster_id, seen))


@router.get("/rosters/{roster_id}/versions", operation_id="list_roster_versions")
async def list_versions(roster_id: UUID, session: Session, caller: SchoolOrCounty, pages: Pages) -> RosterVersionPage:
    """What the school handed in as this roster: the first posting and each correction."""
    return pages.linked(
        await read_versions.list_versions(session, caller, roster_id, cursor=pages.cursor, limit=pages.limit)
    )


@router.get("/rosters/{roster_id}/history", operation_id="list_roster_history")
async def list_roster_history(roster_id: UUID, session: Session, caller: SchoolOrCounty, pages: Pages) -> ChangePage:
    """Who did what to the roster, when, and how it stood after, as far as the caller may see it (RO-55)."""
    return pages.linked(
        await roster_history.roster_history(session, caller, roster_id, cursor=pages.cursor, limit=pages.limit)
    )


@router.get("/entries/{entry_id}/history", operation_id="list_entry_history")
async def list_entry_history(entry_id: UUID, session: Session, caller: SchoolOrCounty, pages: Pages) -> ChangePage:
    """Who did what to the entry, when, and what it changed, as far as the caller may see it (RO-55)."""
    return pages.linked(
        await entry_history.entry_history(session, caller, entry_id, cursor=pages.cursor, limit=pages.limit)
    )


@router.get(
    "/deferments/{deferment_id}",
    operation_id="get_deferment",
    openapi_extra=refuses(past.AS_OF_FUTURE, past.NOTHING_THEN),
)
async def get_deferment(
    deferment_id: UUID,
    session: Session,
    caller: County,
    as_of: Annotated[Instant | None, Query(description="As it stood at this instant (RFC 3339, with its zone)")] = None,
) -> DefermentDetail:
    """One deferment, as it stands or as it stood."""
    return await deferment_history.get_deferment(session, caller, deferment_id, as_of)


@router.get("/deferments/{deferment_id}/history", operation_id="list_deferment_history")
async def list_deferment_history(deferment_id: UUID, session: Session, caller: County, pages: Pages) -> ChangePage:
    """Who did what to the deferment, when, and what it changed (RO-55)."""
    return pages.linked(
        await deferment_history.deferment_history(session, caller, deferment_id, cursor=pages.cursor, limit=pages.limit)
    )
