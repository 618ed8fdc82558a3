"""Routes of the review: work lists, entries, batches, a county's numbering."""

from collections.abc import Awaitable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from roster import reports
from roster.deps import Approver, CaseOfficer, County, SchoolOrCounty
from roster.hints.hint import Severity
from roster.intake.rules import CaseKind, RosterKind
from roster.reference.schemas import ContactOut
from roster.review.bulk_schemas import AcrossResult, BulkResult, BulkReview, ReviewAcross
from roster.review.preview_schemas import BatchPreview
from roster.review.rules import BatchState, EntryState, RosterState
from roster.review.schemas import (
    BatchOut,
    BatchPage,
    CorrectionIn,
    CountySettings,
    CountySettingsIn,
    DecidedBatch,
    EntryOut,
    EntryPage,
    EntryPatch,
    HintExplanation,
    ReturnBatch,
    RosterOut,
    RosterPage,
    SubmitBatch,
    TransferEntry,
    Transferred,
)
from roster.review.service import (
    close_batch,
    common,
    correct_decision,
    decide_batch,
    explain_deadline,
    numbers,
    open_roster,
    past,
    preview,
    read,
    read_now,
    review_entries,
    review_entry,
    submit_batch,
    transfer_entry,
)
from roster.review.sorts import BATCH_SORTS, COUNTY_ENTRY_SORTS, COUNTY_ROSTER_SORTS, ENTRY_SORTS, ROSTER_SORTS
from shared.db import Context
from shared.exports import FORMS, REFUSED, Export, Listing, Wanted
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.papers.forms import Form
from shared.preconditions import etag
from shared.problems import FOUR_EYES, NOT_FOUND
from shared.refusals import refuses
from shared.schemas import Instant, LocalDate, Page, either_way
from shared.sessions import Session, database_of

router = APIRouter(prefix="/roster/v1", route_class=GuardedRoute, tags=["review"])


def _sort(columns: tuple[str, ...]) -> Any:
    # Told, not enforced by FastAPI: another column is answered with the list of those that are there.
    described = "A column; `-` in front for descending"
    return Query(max_length=40, description=described, json_schema_extra=either_way(columns))


RosterSort = Annotated[str, _sort(ROSTER_SORTS + COUNTY_ROSTER_SORTS)]
EntrySort = Annotated[str, _sort(ENTRY_SORTS + COUNTY_ENTRY_SORTS)]
BatchSort = Annotated[str, _sort(BATCH_SORTS)]
AsOf = Annotated[
    Instant | None,
    Query(description="As it stood at this instant (RFC 3339, with its zone), as far as the caller may see it now"),
]
Explain = Annotated[bool, Query(description="Say how the deadline came about: its chain of dates and articles (RO-63)")]
HintCode = Annotated[str | None, Query(max_length=60, pattern=r"^[a-z_]{3,60}$", description="Entries with this hint")]


@router.get(
    "/rosters",
    operation_id="list_rosters",
    response_model=RosterPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED),
)
async def list_rosters(
    caller: SchoolOrCounty,
    listed: Listing,
    state: RosterState | None = None,
    kind: RosterKind | None = None,
    school_code: Annotated[str | None, Query(max_length=6)] = None,
    school_name: Annotated[str | None, Query(max_length=100, description="Part of the name")] = None,
    county_code: Annotated[str | None, Query(max_length=5, description="Household county; of use to schools")] = None,
    academic_year: Annotated[int | None, Query(ge=1, le=999)] = None,
    term: Annotated[int | None, Query(ge=1, le=2)] = None,
    received_from: Annotated[LocalDate | None, Query(description="First day of arrival")] = None,
    received_to: Annotated[LocalDate | None, Query(description="Last day of arrival, counted")] = None,
    late: Annotated[bool | None, Query(description="Arrived after its deadline, or in time (RO-28)")] = None,
    opened: Annotated[bool | None, Query(description="An officer has taken it in hand, or nobody yet")] = None,
    case_kind: Annotated[CaseKind | None, Query(description="Filed by others than schools (RO-70 to RO-72)")] = None,
    sort: RosterSort = "received_on",
) -> RosterPage | Response:
    """The organisation's rosters; `state=pending` is the county's work list (待處理名冊)."""
    fetch = partial(
        read.list_rosters,
        principal=caller,
        state=state,
        kind=kind,
        school_code=school_code,
        school_name=school_name,
        county_code=county_code,
        academic_year=academic_year,
        term=term,
        received_from=received_from,
        received_to=received_to,
        late=late,
        opened=opened,
        case_kind=case_kind,
        sort=sort,
    )
    return await listed.answer(caller, reports.ROSTERS, fetch)


@router.get(
    "/rosters/{roster_id}",
    operation_id="get_roster",
    openapi_extra=refuses(past.AS_OF_FUTURE, past.NOTHING_THEN),
)
async def get_roster(
    roster_id: UUID,
    session: Session,
    caller: SchoolOrCounty,
    response: Response,
    as_of: AsOf = None,
    explain: Explain = False,
) -> RosterOut:
    """One roster, as it stands or as it stood."""
    at = past.not_in_future(as_of)
    if at is not None:
        roster = await past.roster_then(session, caller, roster_id, at)
    else:
        roster = await common.roster_out(session, caller, roster_id)
        response.headers.update(etag(roster.revision))
    if not explain:
        return roster
    found = await explain_deadline.of_roster(session, caller, roster_id)
    return roster.model_copy(update={"deadline_explained": found})


@router.get(
    "/rosters/{roster_id}/entries",
    operation_id="list_entries",
    response_model=EntryPage,
    responses=FORMS,
    openapi_extra=refuses(*REFUSED, past.AS_OF_FUTURE, past.AS_OF_OR_VERSION, past.NOTHING_THEN, past.VERSION_UNKNOWN),
)
async def list_entries(
    request: Request,
    roster_id: UUID,
    caller: SchoolOrCounty,
    pages: Pages,
    wanted: Wanted,
    state: EntryState | None = None,
    hint: HintCode = None,
    severity: Annotated[Severity | None, Query(description="Entries with a hint of this weight")] = None,
    township_code: Annotated[str | None, Query(max_length=8, description="Household township")] = None,
    batch_id: UUID | None = None,
    version: Annotated[
        int | None, Query(ge=1, le=2_147_483_647, description="An older version, as it stood when it was replaced")
    ] = None,
    as_of: AsOf = None,
    sort: EntrySort = "row_no",
) -> EntryPage | Response:
    """The entries of a roster, each with its hints; for the county also latest deferment, registry facts and drafts.

    Those of its current version, if no other and no instant is asked for.
    """
    search = read.EntrySearch(state, hint, severity, township_code, batch_id, sort)

    def fetch(session: Session, **place: Any) -> Awaitable[EntryPage]:
        return read.list_entries(session, caller, roster_id, search=search, version=version, as_of=as_of, **place)

    if wanted is not Form.JSON:
        moment = f"第{version}版" if version else f"資料時點：{as_of.isoformat()}" if as_of else None
        return Export(request, caller, wanted, reports.entries(caller, roster_id, moment), fetch)
    database = database_of(request)
    if version is None and as_of is None and read_now.knows(caller, search):
        found = await read_now.page(database, caller, roster_id, search, pages.cursor, pages.limit)
        headers = {"Vary": "Accept", **pages.link(found.next_cursor)}
        return Response(found.body, headers=headers, media_type=Form.JSON)
    async with database.transaction(Context.of(caller)) as session:
        return pages.linked(await fetch(session, cursor=pages.cursor, limit=pages.limit))


@router.post("/rosters/{roster_id}/open", operation_id="open_roster", response_model=RosterOut)
async def open_(roster_id: UUID, once: Once, session: Session, officer: CaseOfficer) -> Response:
    """The officer takes a roster in hand: received entries come into review, a decision number is proposed."""
    return await once.run(lambda: open_roster.open_roster(session, officer, roster_id))


@router.post(
    "/rosters/{roster_id}/reviews",
    operation_id="review_entries",
    response_model=BulkResult,
    openapi_extra=refuses(common.ENTRY_NOT_YOURS_NOW),
)
async def review_many(
    roster_id: UUID, body: BulkReview, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer
) -> Response:
    """One draft for all entries in review that match; a result for each."""
    return await once.run(lambda: review_entries.review_many(session, officer, roster_id, seen, body))


@router.post("/reviews", operation_id="review_rosters", response_model=AcrossResult, openapi_extra=refuses(NOT_FOUND))
async def review_across(body: ReviewAcross, once: Once, session: Session, officer: CaseOfficer) -> Response:
    """One draft for all entries in review that match in several rosters; a result for each roster and entry."""
    return await once.run(lambda: review_entries.review_across(session, officer, body))


@router.post(
    "/rosters/{roster_id}/batches",
    operation_id="submit_batch",
    response_model=BatchOut,
    status_code=201,
    openapi_extra=refuses(common.NOT_READY),
)
async def submit(
    roster_id: UUID, body: SubmitBatch, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer
) -> Response:
    """Submit for approval (陳核): the named entries, or all that are ready."""
    return await once.run(lambda: submit_batch.submit_batch(session, officer, roster_id, seen, body), status=201)


@router.get(
    "/entries/{entry_id}",
    operation_id="get_entry",
    response_model=EntryOut,
    openapi_extra=refuses(past.AS_OF_FUTURE, past.NOTHING_THEN),
)
async def get_entry(
    request: Request,
    entry_id: UUID,
    caller: SchoolOrCounty,
    response: Response,
    as_of: AsOf = None,
    explain: Explain = False,
) -> EntryOut | Response:
    """One entry, as it stands or as it stood."""
    database, county = database_of(request), caller.org.type == "county"
    if county and as_of is None and not explain:
        found = await read_now.entry(database, caller, entry_id)
        return Response(found.body, headers=etag(found.version), media_type=Form.JSON)
    async with database.transaction(Context.of(caller)) as session:
        entry = await read.get_entry(session, caller, entry_id, as_of)
        if as_of is None and county:
            response.headers.update(etag(entry.version))
        if not explain:
            return entry
        why = await explain_deadline.of_entry(session, caller, entry_id)
        return entry.model_copy(update={"deadline_explained": why})


@router.patch(
    "/entries/{entry_id}",
    operation_id="review_entry",
    response_model=EntryOut,
    openapi_extra=refuses(common.ENTRY_NOT_YOURS_NOW, FOUR_EYES, common.DRAFT_REFUSED),
)
async def patch_entry(request: Request, entry_id: UUID, patch: EntryPatch, seen: IfMatch, reviewer: County) -> Response:
    """Write the review of one entry: the officer while it is in review or on hold, the approver while it is up."""
    entry = await review_entry.patch_entry(database_of(request), reviewer, entry_id, seen, patch)
    return Response(entry.body, headers=etag(entry.version), media_type=Form.JSON)


@router.get("/entries/{entry_id}/contact", operation_id="get_entry_contact")
async def get_contact(entry_id: UUID, session: Session, reviewer: County) -> ContactOut:
    """Who answers for the school that filed the entry."""
    return await read.contact_of(session, reviewer, entry_id)


@router.get("/entries/{entry_id}/hints", operation_id="explain_entry_hints")
async def explain_hints(entry_id: UUID, session: Session, caller: SchoolOrCounty) -> Page[HintExplanation]:
    """Every hint of an entry at length, with the words of its articles."""
    return Page(items=await read.explain_hints(session, caller, entry_id))


@router.post(
    "/entries/{entry_id}/transfer",
    operation_id="transfer_entry",
    response_model=Transferred,
    openapi_extra=refuses(common.ENTRY_NOT_YOURS_NOW),
)
async def transfer(
    entry_id: UUID, body: TransferEntry, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer
) -> Response:
    """Hand an entry to the county of the man's household; its day of arrival is kept (RO-29)."""
    return await once.run(lambda: transfer_entry.transfer_entry(session, officer, entry_id, seen, body))


@router.post(
    "/entries/{entry_id}/correction",
    operation_id="take_up_correction",
    response_model=EntryOut,
    openapi_extra=refuses(common.ENTRY_NOT_YOURS_NOW, correct_decision.BUILT_UPON, common.DRAFT_REFUSED),
)
async def take_up_correction(
    entry_id: UUID, body: CorrectionIn, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer
) -> Response:
    """Correct a decision made in error by a new one (RO-52): the entry comes back into review, and goes up again."""
    return await once.run(lambda: correct_decision.take_up(session, officer, entry_id, seen, body))


@router.post(
    "/entries/{entry_id}/correction/drop",
    operation_id="drop_correction",
    response_model=EntryOut,
    openapi_extra=refuses(correct_decision.NOT_CORRECTING),
)
async def drop_correction(
    entry_id: UUID, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer
) -> Response:
    """Leave the decision as it is after all, while its correction is not up for approval."""
    return await once.run(lambda: correct_decision.drop(session, officer, entry_id, seen))


@router.get("/batches", operation_id="list_batches")
async def list_batches(
    session: Session,
    caller: County,
    pages: Pages,
    state: BatchState | None = None,
    kind: RosterKind | None = None,
    school_code: Annotated[str | None, Query(max_length=6)] = None,
    roster_id: UUID | None = None,
    sort: BatchSort = "submitted_at",
) -> BatchPage:
    """The county's batches; `state=for_approval` is the approver's work list."""
    page = await read.list_batches(
        session,
        caller,
        state=state,
        kind=kind,
        school_code=school_code,
        roster_id=roster_id,
        sort=sort,
        cursor=pages.cursor,
        limit=pages.limit,
    )
    return pages.linked(page)


@router.get("/batches/{batch_id}", operation_id="get_batch")
async def get_batch(batch_id: UUID, session: Session, caller: County, response: Response) -> BatchOut:
    """One batch."""
    batch = await common.batch_out(session, caller, batch_id)
    response.headers.update(etag(batch.version))
    return batch


@router.get("/batches/{batch_id}/preview", operation_id="preview_batch", openapi_extra=refuses(common.BATCH_CLOSED))
async def preview_(batch_id: UUID, session: Session, caller: County, pages: Pages, response: Response) -> BatchPreview:
    """What deciding the batch now would write back (RO-53): every field of every annotation, before and after."""
    found = await preview.preview_batch(session, caller, batch_id, cursor=pages.cursor, limit=pages.limit)
    response.headers.update(etag(found.version))
    return pages.linked(found)


@router.post(
    "/batches/{batch_id}/recall",
    operation_id="recall_batch",
    response_model=BatchOut,
    openapi_extra=refuses(common.BATCH_CLOSED),
)
async def recall(batch_id: UUID, seen: IfMatch, once: Once, session: Session, officer: CaseOfficer) -> Response:
    """Take a batch back (撤回) until it is decided; any case officer of the county may."""
    return await once.run(lambda: close_batch.recall_batch(session, officer, batch_id, seen))


@router.post(
    "/batches/{batch_id}/return",
    operation_id="return_batch",
    response_model=BatchOut,
    openapi_extra=refuses(common.BATCH_CLOSED),
)
async def return_(
    batch_id: UUID, body: ReturnBatch, seen: IfMatch, once: Once, session: Session, approver: Approver
) -> Response:
    """Send a batch, or single entries of it, back (退回) with a reason."""
    return await once.run(lambda: close_batch.return_batch(session, approver, batch_id, seen, body))


@router.post(
    "/batches/{batch_id}/decide",
    operation_id="decide_batch",
    response_model=DecidedBatch,
    openapi_extra=refuses(common.BATCH_CLOSED, FOUR_EYES, common.NOT_READY),
)
async def decide(batch_id: UUID, seen: IfMatch, once: Once, session: Session, approver: Approver) -> Response:
    """Decide a batch (核定); final. Nobody decides what he himself submitted."""
    return await once.run(lambda: decide_batch.decide_batch(session, approver, batch_id, seen))


@router.get("/county-settings", operation_id="get_county_settings")
async def get_settings(session: Session, caller: County, response: Response) -> CountySettings:
    """How the county numbers its decisions."""
    settings = await numbers.get_settings(session, caller.org.code)
    response.headers.update(etag(settings.version))
    return settings


@router.put("/county-settings", operation_id="set_county_settings")
async def set_settings(
    body: CountySettingsIn, seen: IfMatch, session: Session, caller: Approver, response: Response
) -> CountySettings:
    """Choose the form of the county's decision numbers."""
    settings = await numbers.set_format(session, caller.org.code, seen, body.decision_number_format)
    response.headers.update(etag(settings.version))
    return settings
